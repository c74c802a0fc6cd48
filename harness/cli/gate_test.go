package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"hardneg/experiments/plan"
	"hardneg/experiments/spec"
	"hardneg/fixtures/seed"
	"hardneg/reports/trend"
)

// gateNight is a night whose history is made up.
func gateNight(t *testing.T) (*night, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	s := &spec.Spec{Name: "nightly"}
	s.Gate.Budget, s.Gate.Notify = 0.5, []string{"summary-file"}
	n := &night{app: &App{Stdout: &out, Stderr: &out, Workspace: t.TempDir(), JSON: true}, prepared: &prepared{Spec: s, Plan: plan.Plan{Run: "r"}},
		dir: filepath.Join(t.TempDir(), "nightly"), key: "k", hardware: "h",
		metrics: []trend.Metric{{Name: "full/eval.arith"}, {Name: "task.wall_s", Lower: true, Min: 10, Unit: "%", Timing: true}}}
	return n, &out
}

// fill appends count nights; change alters the last one.
func (n *night) fill(t *testing.T, count int, change func(*trend.Entry)) {
	t.Helper()
	key := seed.Derive(1, "gate")
	for i := range count {
		acc, wall := .6+.01*key.Normal(uint64(2*i)), 100+key.Normal(uint64(2*i+1))
		n.date = time.Date(2026, 3, 1+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
		e := trend.Entry{Kind: trend.KindNight, Date: n.date, Run: fmt.Sprintf("nightly-%02d", i), Spec: "k", Hardware: "h", Sentinel: "s", Tasks: 9,
			Values: map[string]*float64{"full/eval.arith": &acc, "task.wall_s": &wall}}
		if i == count-1 && change != nil {
			change(&e)
		}
		if err := n.append(e); err != nil {
			t.Fatal(err)
		}
	}
}

func codeOf(err error) int {
	var c *coded
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &c):
		return c.code
	}
	return ExitInternal
}

func TestGateCodes(t *testing.T) {
	set := func(name string, v float64) func(*trend.Entry) {
		return func(e *trend.Entry) { e.Values[name] = &v }
	}
	for _, c := range []struct {
		name   string
		nights int
		change func(*trend.Entry)
		code   int
		text   string
	}{
		{"steady", 20, nil, ExitOK, "nothing got worse"},
		{"too few", 8, nil, ExitNothing, "2 undecided"},
		{"accuracy fell", 20, set("full/eval.arith", .3), ExitRegression, "1 regressed"},
		{"accuracy rose", 20, set("full/eval.arith", .9), ExitOK, "1 improved"},
		{"time rose", 20, set("task.wall_s", 150), ExitRegression, "1 regressed"},
		{"time rose a little", 20, set("task.wall_s", 109), ExitOK, "nothing got worse"},
		{"vanished", 20, func(e *trend.Entry) { e.Values["task.wall_s"] = nil }, ExitFailed, "1 vanished"},
		{"failed tasks", 20, func(e *trend.Entry) { e.Failed = 2 }, ExitFailed, "2 tasks failed"},
		{"failed before undecided", 5, func(e *trend.Entry) { e.Failed = 2 }, ExitFailed, "2 tasks failed, 2 undecided"},
		{"refuted", 20, func(e *trend.Entry) { e.Refuted = []string{"c1"} }, ExitRegression, "1 claims refuted"},
		{"regression before failure", 20, func(e *trend.Entry) { v := .3; e.Values["full/eval.arith"], e.Failed = &v, 1 }, ExitRegression, "1 regressed, 1 tasks failed"},
		{"other hardware", 20, func(e *trend.Entry) { e.Hardware = "slow"; v := .3; e.Values["full/eval.arith"] = &v }, ExitInternal, "no night of"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, out := gateNight(t)
			n.fill(t, c.nights, c.change)
			r, err := n.decide()
			if err == nil {
				err = n.conclude(r)
			}
			text := out.String()
			if err != nil {
				text += err.Error()
			}
			if got := codeOf(err); got != c.code || !strings.Contains(text, c.text) {
				t.Fatalf("exit %d, want %d: %s", got, c.code, text)
			}
			if c.code == ExitInternal {
				return
			}
			var doc struct {
				Code    int `json:"exit_code"`
				Metrics []any
			}
			if err := json.Unmarshal(out.Bytes(), &doc); err != nil || doc.Code != c.code || len(doc.Metrics) != 2 {
				t.Errorf("%v: %s", err, out)
			}
			for _, file := range []string{"index.html", "summary.md"} {
				b, err := os.ReadFile(filepath.Join(n.dir, file))
				if err != nil || !strings.Contains(string(b), c.text) {
					t.Errorf("%s: %v", file, err)
				}
			}
		})
	}
}

func TestGateAccept(t *testing.T) {
	n, out := gateNight(t)
	n.app.JSON = false
	v := .3
	n.fill(t, 20, func(e *trend.Entry) { e.Values["full/eval.arith"] = &v })
	for what, want := range map[string]string{
		"x":                          "is not METRIC@RUN",
		"full/eval.other@nightly-19": "watches no metric",
		"full/eval.arith@nightly-77": "no run",
	} {
		if err := n.accept(what, "because"); codeOf(err) != ExitUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := n.accept("full/eval.arith@nightly-19", "harder problems"); err != nil {
		t.Fatal(err)
	}
	r, err := n.decide()
	if err != nil || codeOf(n.conclude(r)) != ExitNothing || len(r.Decisions[0].Series) != 1 {
		t.Errorf("%+v %v", r, err)
	}
	page, err := os.ReadFile(filepath.Join(n.dir, "index.html"))
	if err != nil || !strings.Contains(string(page), "harder problems") || !strings.Contains(out.String(), "begins anew") {
		t.Error(err, out)
	}
}

func TestGateRepeatedNightIsOneLine(t *testing.T) {
	n, _ := gateNight(t)
	n.fill(t, 3, nil)
	n.fill(t, 3, nil)
	h, err := n.history()
	if err != nil || len(h) != 3 {
		t.Errorf("%d lines, %v", len(h), err)
	}
	first, again := 150.0, 90.0
	e := h[2]
	e.Again, e.Values = true, map[string]*float64{"task.wall_s": &again}
	if err := n.append(e); err != nil {
		t.Fatal(err)
	}
	e.Again, e.Values = false, map[string]*float64{"task.wall_s": &first}
	if e, err = n.measuredTwice(e); err != nil || !e.Again || *e.Values["task.wall_s"] != again {
		t.Errorf("%+v %v", e, err)
	}
}

func TestGateScript(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/gate", Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits}})
}
