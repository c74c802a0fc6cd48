package trend

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"hardneg/reports/page/pagetest"
)

// shownPage is a page with everything on it: a regression with its commits, an
// accepted level, a metric that appeared and one that vanished, nights of
// another machine.
func shownPage(t *testing.T, text string) string {
	t.Helper()
	h := nights(40, 0, .6, .01, 0)
	for i := range h {
		speed, wall := 41000-100*float64(i%7), 100.+float64(i%5)
		if i >= 34 {
			speed -= 6000
		}
		h[i].Values["train.tokens_per_s"], h[i].Values["task.wall_s"] = &speed, &wall
		h[i].Commit, h[i].Tasks, h[i].Cached = fmt.Sprintf("%sc%02d", text, i/2), 31, 2
		h[i].Stages, h[i].Environ = map[string]int{"train": 2, "eval": 2 + i/20}, map[string]string{"Go": "go1.26." + text + fmt.Sprint(i/12)}
		h[i].Version = text + fmt.Sprint("v", i/30)
		if i < 15 {
			v := *h[i].Values["m"] + .1
			h[i].Values["m"] = &v
		}
	}
	h[3].Hardware, h[5].Spec = text+"other", "other"
	last := &h[len(h)-1]
	one := 1.
	last.Values["task.wall_s"], last.Values["new"], last.Refuted, last.Failed, last.Again = nil, &one, []string{text}, 1, true
	last.Sentinel, h[len(h)-2].Sentinel = "a", "b"
	h = append(h, Entry{Schema: 1, Kind: KindAccept, Date: h[15].Date, Run: h[15].Run, Metric: "m", Because: text})
	r, err := Decide(h, last.Date, "s", "h", []Metric{{Name: "m"}, {Name: "train.tokens_per_s", Min: 5, Unit: "%"}, {Name: "task.wall_s", Lower: true}, {Name: "new"}}, .5)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Write(&b, Page{Name: text, Result: r, Headline: text + ": 1 regressed", Bad: true, History: h, Link: func(run string) string { return "../reports/" + run + "/index.html" }}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPageSaysWhatHappened(t *testing.T) {
	html := shownPage(t, "nightly")
	for _, want := range []string{"Appeared tonight: new.", "Vanished: task.wall_s (failed tasks: 1).", "2 nights are left out", " · 38 comparable nights · h", "git bisect start nightlyc17 nightlyc16", "git log nightlyc16..nightlyc17", "change point 2026-02-04",
		"before the accepted level", "accepted: nightly", "level accepted: nightly", "measured twice", "not comparable", "Claim refuted", "sentinel", `class="change"`, `class="accepted"`,
		`class="version"`, `class="commit"`, "stage eval 2 → 3", "Go go1.26.nightly0 → go1.26.nightly1", "hardneg nightlyv0 → nightlyv1", "; another commit"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestBrowserShowsTheNightlyPage(t *testing.T) {
	html := shownPage(t, "nightly")
	for _, scripts := range []bool{true, false} {
		tab := pagetest.OpenText(t, html, scripts)
		for _, scheme := range []string{"light", "dark"} {
			tab.Media(t, "screen", scheme)
			each(t, scheme, tab.Faults(t))
		}
		if n := pagetest.Ask[int](t, tab, `[...document.querySelectorAll('figure svg')].filter(s => s.getBoundingClientRect().height > 100 && s.querySelectorAll('circle').length > 0).length`); n != 4 {
			t.Errorf("%d charts are drawn, want 4", n)
		}
		tab.Resize(t, 390, 800)
		each(t, "phone", tab.Faults(t))
		tab.Media(t, "print", "light")
		tab.Resize(t, 687, 1000)
		each(t, "in print", tab.CutOff(t))
		each(t, "browser", tab.Problems())
	}
}

func TestBrowserFindsNoSeriousViolation(t *testing.T) {
	axe := pagetest.Axe(t)
	tab := pagetest.OpenText(t, shownPage(t, "nightly"), true)
	for _, scheme := range []string{"light", "dark"} {
		tab.Media(t, "screen", scheme)
		each(t, "axe-core, "+scheme, tab.Violations(t, axe))
	}
}

func TestHostileTextStaysTextInTheNightlyPage(t *testing.T) {
	count := func(html string) int { return strings.Count(html, "<") }
	plain := count(shownPage(t, "nightly"))
	for _, text := range pagetest.Hostile() {
		if html := shownPage(t, text); count(html) != plain {
			t.Errorf("%.40q: %d tags, a plain text has %d", text, count(html), plain)
		}
	}
}

func each(t *testing.T, where string, list []string) {
	t.Helper()
	for _, x := range list {
		t.Errorf("%s: %s", where, x)
	}
}
