package cli

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"hardneg/experiments/plan"
)

// object is a JSON object as it is read.
type object = map[string]any

// truth is what a report's numbers are compared with.
type truth struct {
	raw, times, env object
	checks          object
	plan            plan.Plan
	begun           time.Time
}

func readTruth(t *testing.T, results, timings, env, checks string, p plan.Plan, begun time.Time) *truth {
	t.Helper()
	tr := &truth{plan: p, begun: begun}
	for text, to := range map[string]*object{results: &tr.raw, timings: &tr.times, env: &tr.env, checks: &tr.checks} {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if err := d.Decode(to); err != nil {
			t.Fatal(err)
		}
	}
	return tr
}

// at follows a path of keys; nil where it ends early.
func at(v any, path ...string) any {
	for _, k := range path {
		m, _ := v.(object)
		v = m[k]
	}
	return v
}

// f is a number on a path, NaN for null.
func f(v any, path ...string) float64 {
	n, ok := at(v, path...).(json.Number)
	if !ok {
		return math.NaN()
	}
	x, _ := n.Float64()
	return x
}

func str(v any, path ...string) string  { s, _ := at(v, path...).(string); return s }
func list(v any, path ...string) []any  { l, _ := at(v, path...).([]any); return l }
func whole(v any, path ...string) int   { return int(f(v, path...)) }
func yes(v any, path ...string) bool    { b, _ := at(v, path...).(bool); return b }
func pct(v any, path ...string) float64 { return 100 * f(v, path...) }

func words(v any, path ...string) (out []string) {
	for _, x := range list(v, path...) {
		out = append(out, fmt.Sprint(x))
	}
	return out
}

// findings of a kind, in their order.
// interval is what intervals are called.
func (t *truth) interval() string {
	return plainly("%v %% interval", pct(t.raw, "spec", "analysis", "level"))
}

func (t *truth) findings(kind string) (out []any) {
	for _, x := range list(t.raw, "findings") {
		if str(x, "kind") == kind {
			out = append(out, x)
		}
	}
	return out
}

func (t *truth) find(kind, arm, base, bench string) any {
	for _, x := range t.findings(kind) {
		if str(x, "arm") == arm && str(x, "baseline") == base && str(x, "benchmark") == bench {
			return x
		}
	}
	return nil
}

func (t *truth) arms() (out []string) {
	for _, a := range list(t.raw, "arms") {
		out = append(out, str(a, "name"))
	}
	return out
}

func (t *truth) benches() (out []string) {
	for _, x := range t.findings("accuracy") {
		if b := str(x, "benchmark"); !slices.Contains(out, b) {
			out = append(out, b)
		}
	}
	return out
}

func (t *truth) wholeBenches() []string {
	return slices.DeleteFunc(t.benches(), func(b string) bool { return strings.HasSuffix(b, "/subset") })
}

func (t *truth) bases() (out []string) {
	for _, a := range t.arms() {
		if slices.ContainsFunc(t.findings("delta"), func(x any) bool { return str(x, "baseline") == a }) {
			out = append(out, a)
		}
	}
	return out
}

func (t *truth) onTerminal() (out []string) {
	for _, b := range t.benches() {
		if !strings.HasSuffix(b, "/subset") {
			out = append(out, "main-"+b)
		}
	}
	return append(out, "claims-table")
}
