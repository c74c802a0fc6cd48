package cli

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hardneg/experiments/plan"
	"hardneg/harness/runner"
	"hardneg/harness/store"
	"hardneg/harness/track"
	"hardneg/reports/page/pagetest"
)

// liveRun is a run with a task that failed, one that goes on, and one that
// waits; text stands wherever a program or a person could have written one.
func liveRun(t *testing.T, text string) (*App, *store.Store, func(done int64)) {
	t.Helper()
	a, st := served(t)
	f, err := track.OpenFolder(a.Workspace, "live-00000001")
	if err != nil {
		t.Fatal(err)
	}
	params, err := json.Marshal(map[string]string{"about": text})
	if err != nil {
		t.Fatal(err)
	}
	p := plan.Plan{Run: f.Run}
	for _, id := range []string{"sft-s1", "train-full-s1", "eval-full-s1"} {
		p.Tasks = append(p.Tasks, plan.Task{ID: id, Stage: strings.SplitN(id, "-", 2)[0], Params: params, Device: "cpu"})
	}
	if err := f.PutJSON("plan.json", p); err != nil {
		t.Fatal(err)
	}
	var running store.Entry
	for i, id := range []string{"sft-s1", "train-full-s1"} {
		key := strings.Repeat(fmt.Sprint(i+1), 64)
		l, err := st.Lock(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		e, err := st.Begin(l)
		if err != nil {
			t.Fatal(err)
		}
		rec, err := json.Marshal(runner.Record{Schema: 1, Key: key, Task: p.Tasks[i], Attempts: []runner.Attempt{{Start: time.Date(2026, 11, 26, 10, i, 0, 0, time.UTC), WallS: 12.5}}})
		if err != nil {
			t.Fatal(err)
		}
		var metrics strings.Builder
		for s := range 50 {
			fmt.Fprintf(&metrics, `{"step":%d,"attempt":1,"values":{"loss":%g,"margin":%g}}`+"\n", s+1, .7-.01*float64(s), .02*float64(s))
		}
		for path, b := range map[string]string{filepath.Join(e.Root, "task.json"): string(rec), e.Metrics: metrics.String(), e.Log: strings.Repeat(text+"\n", 300)} {
			if err := os.WriteFile(path, []byte(b), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Link(id, e.Root); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			exit, err := json.Marshal(runner.Exit{Class: "failed", Error: text})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(e.Exit, exit, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := l.Release(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		running = *e
		t.Cleanup(func() { l.Release() })
	}
	progress := func(done int64) {
		b, err := json.Marshal(runner.Progress{Done: done, Total: 100, Unit: "steps", Start: time.Now().Add(-time.Minute), Time: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(running.Progress, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	progress(40)
	return a, st, progress
}

// addresses of every kind of page.
var addresses = []string{"/", "/run/live-00000001", "/run/live-00000001/task/train-full-s1", "/run/live-00000001/task/sft-s1"}

func TestServeShowsWhatGoesOn(t *testing.T) {
	a, st, _ := liveRun(t, "logits & <b>")
	h := guard(a.site(st), "", true)
	for path, wants := range map[string][]string{
		addresses[0]:                         {"live-00000001", "running", `<progress max="3" value="0"`, "demo-12345678", `aria-label="open the report of demo-12345678"`},
		addresses[1]:                         {"0 of 3 tasks, 1 running, 1 failed", "Running and failed", "logits &amp; &lt;b&gt;", "40", "eval-full-s1"},
		addresses[2]:                         {"<polyline", "loss", "margin", "lowest 0.21, highest 0.7", "the last 200 lines", "whole log"},
		addresses[3]:                         {"failed", "logits &amp; &lt;b&gt;"},
		"/run/live-00000001/task/sft-s1/log": {"logits & <b>"},
	} {
		w := get(h, "GET", "localhost", path, "")
		for _, want := range wants {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: no %q", path, want)
			}
		}
	}
	if w := get(h, "GET", "localhost", "/run/live-00000001/task/sft-s1/log", ""); !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Error("a log is not served as plain text")
	}
}

func TestHostileTextStaysTextInServe(t *testing.T) {
	plainRun, st, _ := liveRun(t, "a plain sentence")
	h := guard(plainRun.site(st), "", true)
	tags := map[string]int{}
	for _, path := range addresses {
		tags[path] = strings.Count(get(h, "GET", "localhost", path, "").Body.String(), "<")
	}
	for _, text := range pagetest.Hostile() {
		if len(text) > 1000 {
			text = text[:20_000]
		}
		a, st, _ := liveRun(t, text)
		h := guard(a.site(st), "", true)
		for _, path := range addresses {
			if n := strings.Count(get(h, "GET", "localhost", path, "").Body.String(), "<"); n != tags[path] {
				t.Errorf("%s with %.40q: %d tags, a plain text has %d", path, text, n, tags[path])
			}
		}
	}
}

func TestBrowserShowsTheDashboard(t *testing.T) {
	pagetest.Chromium(t)
	a, st, progress := liveRun(t, `</script><img src=x onerror=alert(1)> "quoted"`)
	srv := httptest.NewServer(guard(a.site(st), "", true))
	t.Cleanup(srv.Close)
	say := func(where string, list []string) {
		for _, x := range list {
			t.Errorf("%s: %s", where, x)
		}
	}
	for _, path := range addresses {
		tab := pagetest.Open(t, srv.URL+path, true)
		for _, scheme := range []string{"light", "dark"} {
			tab.Media(t, "screen", scheme)
			say(path+", "+scheme, tab.Faults(t))
		}
		tab.Resize(t, 390, 800)
		say(path+", phone", tab.Faults(t))
		say(path, tab.Problems())
	}

	// The page shows what has changed without being loaded again.
	tab := pagetest.Open(t, srv.URL+addresses[1], true)
	pagetest.Ask[bool](t, tab, `window.same = true; document.querySelector('main a').focus(); scrollTo(0, 50); true`)
	progress(87)
	if !pagetest.Ask[bool](t, tab, `(async () => { for (let i = 0; i < 100 && !document.querySelector('main').textContent.includes('87'); i++) await new Promise(r => setTimeout(r, 100));
		return window.same === true && document.querySelector('main').textContent.includes('87') && document.activeElement.tagName === 'A'; })()`) {
		t.Error("the page did not follow the progress, or lost its state")
	}
	say("while it follows", tab.Problems())

	// Without scripts the page is asked for again by the browser.
	still := pagetest.Open(t, srv.URL+addresses[1], false)
	if n := pagetest.Ask[int](t, still, `document.querySelectorAll('noscript').length`); n != 1 {
		t.Errorf("%d noscript elements", n)
	}
	if text := pagetest.Ask[string](t, still, `document.querySelector('main').textContent`); !strings.Contains(text, "87") {
		t.Error("nothing is shown without scripts")
	}
}

func TestBrowserFindsNoSeriousViolationInTheDashboard(t *testing.T) {
	axe := pagetest.Axe(t)
	pagetest.Chromium(t)
	a, st, _ := liveRun(t, "a plain sentence")
	srv := httptest.NewServer(guard(a.site(st), "", true))
	t.Cleanup(srv.Close)
	for _, path := range addresses {
		tab := pagetest.Open(t, srv.URL+path, true)
		for _, scheme := range []string{"light", "dark"} {
			tab.Media(t, "screen", scheme)
			for _, v := range tab.Violations(t, axe) {
				t.Errorf("%s, %s: %s", path, scheme, v)
			}
		}
	}
}
