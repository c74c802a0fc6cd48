package trend

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hardneg/fixtures/seed"
)

// nights is a history of n nights around a level, the last of them after a
// change by shift.
func nights(n, after int, level, sd, shift float64) []Entry {
	var h []Entry
	key := seed.Derive(3, "nights")
	for i := range n {
		v := level + sd*key.Normal(uint64(i))
		if i >= n-after {
			v += shift
		}
		h = append(h, Entry{Schema: 1, Kind: KindNight, Date: day(i), Run: fmt.Sprintf("r-%02d", i), Spec: "s", Hardware: "h", Commit: fmt.Sprintf("c%02d", i), Values: map[string]*float64{"m": &v}})
	}
	return h
}

func day(i int) string {
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, i).Format(time.DateOnly)
}

func one(t *testing.T, h []Entry, m Metric) Decision {
	t.Helper()
	r, err := Decide(h, h[len(h)-1].Date, "s", "h", []Metric{m}, .5)
	if err != nil {
		t.Fatal(err)
	}
	return r.Decisions[0]
}

func TestDecide(t *testing.T) {
	for _, c := range []struct {
		name    string
		h       []Entry
		m       Metric
		verdict string
	}{
		{"steady", nights(20, 0, .6, .01, 0), Metric{Name: "m"}, "ok"},
		{"fewer than nine", nights(8, 0, .6, .01, 0), Metric{Name: "m"}, "undecided"},
		{"fall", nights(20, 4, .6, .01, -.1), Metric{Name: "m"}, "regression"},
		{"rise", nights(20, 4, .6, .01, .1), Metric{Name: "m"}, "improvement"},
		{"rise of a loss", nights(20, 4, .6, .01, .1), Metric{Name: "m", Lower: true}, "regression"},
		{"fall below the smallest change", nights(20, 4, .6, .01, -.1), Metric{Name: "m", Min: 20, Unit: "pt"}, "ok"},
		{"fall above it", nights(20, 4, .6, .01, -.1), Metric{Name: "m", Min: 5, Unit: "pt"}, "regression"},
		{"fall in per cent below", nights(20, 4, .6, .01, -.1), Metric{Name: "m", Min: 30, Unit: "%"}, "ok"},
		{"fall in per cent above", nights(20, 4, .6, .01, -.1), Metric{Name: "m", Min: 10, Unit: "%"}, "regression"},
		{"constant", nights(20, 0, .6, 0, 0), Metric{Name: "m"}, "undecided"},
		{"appeared", nights(20, 0, .6, .01, 0), Metric{Name: "other"}, "undecided"},
	} {
		d := one(t, c.h, c.m)
		if d.Verdict != c.verdict {
			t.Errorf("%s: %s, want %s (%+v)", c.name, d.Verdict, c.verdict, d)
		}
		if c.verdict == "regression" && (d.Split != 16 || !strings.Contains(strings.Join(d.Notes, "\n"), "git bisect start c16 c15")) {
			t.Errorf("%s: began on night %d: %v", c.name, d.Split, d.Notes)
		}
	}
}

func TestVanishedAppearedAndIncomparable(t *testing.T) {
	h := nights(12, 0, .6, .01, 0)
	h[3].Hardware, h[4].Spec = "other", "other"
	last := &h[len(h)-1]
	v := 1.0
	last.Values = map[string]*float64{"m": nil, "new": &v}
	r, err := Decide(h, last.Date, "s", "h", []Metric{{Name: "m"}, {Name: "new"}}, .5)
	if err != nil {
		t.Fatal(err)
	}
	if r.Incomparable != 2 || len(r.Decisions[0].Series) != 10 {
		t.Errorf("%d left out, %d in the series", r.Incomparable, len(r.Decisions[0].Series))
	}
	if d := r.Decisions[0]; d.Verdict != Vanished || !math.IsNaN(d.Last) {
		t.Errorf("%+v", d)
	}
	if d := r.Decisions[1]; !d.Appeared || d.Verdict != "undecided" {
		t.Errorf("%+v", d)
	}
	if _, err := Decide(h, "2027-01-01", "s", "h", nil, .5); err == nil {
		t.Error("a night that is not there was decided")
	}
}

func TestAcceptMovesTheLevel(t *testing.T) {
	h := nights(30, 12, .6, .01, -.1)
	if d := one(t, h, Metric{Name: "m"}); d.Verdict != "regression" {
		t.Fatalf("%+v", d)
	}
	last := h[len(h)-1]
	h = append(h, Entry{Schema: 1, Kind: KindAccept, Date: last.Date, Run: "r-18", Metric: "m", Because: "harder <problems>"}, last)
	d := one(t, h, Metric{Name: "m"})
	if d.Verdict != "ok" || len(d.Series) != 12 || d.Series[0].Run != "r-18" || len(d.Accepted) != 1 {
		t.Errorf("%+v", d)
	}
	var b bytes.Buffer
	r, err := Decide(h, last.Date, "s", "h", []Metric{{Name: "m"}}, .5)
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(&b, Page{Name: "x", Result: r, History: h, Headline: "fine", Link: func(run string) string { return "../" + run }}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"accepted: harder &lt;problems&gt;", `<a href="../r-18">`, "2026-01-30", "class=\"level\""} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, not := range []string{"<script", "http://", "https://", "<problems>", "NaN"} {
		if strings.Contains(b.String(), not) {
			t.Errorf("the page has %q", not)
		}
	}
}

func TestHistoryIsAppendedTo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nightly")
	if h, err := Read(dir); err != nil || h != nil {
		t.Fatal(h, err)
	}
	for _, e := range nights(3, 0, .5, .1, 0) {
		if err := Append(dir, e); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "history.jsonl")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(bytes.Clone(before), `{"schema":1,"ki`...), 0o644); err != nil { // a crash
		t.Fatal(err)
	}
	if h, err := Read(dir); err != nil || len(h) != 3 {
		t.Fatalf("%d lines, %v", len(h), err)
	}
	if err := Append(dir, Entry{Kind: KindNight, Date: "2026-02-01", Run: "late"}); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.HasPrefix(after, before) {
		t.Error("what was written has changed", err)
	}
	h, err := Read(dir)
	if err != nil || len(h) != 4 || h[3].Run != "late" || *h[1].Values["m"] == 0 {
		t.Errorf("%+v %v", h, err)
	}
	if err := os.WriteFile(path, append([]byte("{}\n"), before...), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "history.jsonl:1: schema 0") {
		t.Error(err)
	}
}
