package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hardneg/fixtures/seed"
	"hardneg/reports/finding"
	"hardneg/reports/result"
	"hardneg/reports/stats"
)

// hardneg runs the command line and returns its exit code and outputs.
func hardneg(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Main(context.Background(), append([]string{"hardneg"}, args...), strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

// sampleLines is a sample file of n documents; the model is right on document
// i where key says so with probability p.
func sampleLines(n int, key seed.Key, p float64) (string, []float64) {
	var b strings.Builder
	var y []float64
	for i := range n {
		right := 0.0
		if key.Float(uint64(i)) < p {
			right = 1
		}
		y = append(y, right)
		fmt.Fprintf(&b, `{"doc_id":%d,"doc":{"q":"x"},"filter":"none","doc_hash":"h%d","exact_match":%g}`+"\n", i, i, right)
	}
	return b.String(), y
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCompareSampleFiles(t *testing.T) {
	dir, key := t.TempDir(), seed.Derive(3, "compare")
	la, ya := sampleLines(300, key.Sub(1), .6)
	lb, yb := sampleLines(300, key.Sub(2), .5)
	a := write(t, filepath.Join(dir, "m1", "samples_gsm8k_2026-01-02T03-04-05.678.jsonl"), la)
	b := write(t, filepath.Join(dir, "m2", "samples_gsm8k_2026-01-03T03-04-05.678.jsonl"), lb)
	code, out, errs := hardneg(t, "", "--json", "compare", a, b)
	if code != ExitOK {
		t.Fatal(code, errs)
	}
	var got struct {
		Comparisons []struct {
			Benchmark string
			Delta     result.Finding
		}
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	want, err := stats.PairedT(ya, yb, .95)
	if err != nil {
		t.Fatal(err)
	}
	d := got.Comparisons[0].Delta
	if got.Comparisons[0].Benchmark != "gsm8k" || math.Abs(float64(d.P)-want.P) > 1e-12 || math.Abs(float64(d.Estimate)-want.Mean) > 1e-12 || d.N != 300 {
		t.Errorf("%+v, want p %v, difference %v", d, want.P, want.Mean)
	}
	code, out, _ = hardneg(t, "", "compare", a+","+b, b+","+a)
	if code != ExitOK || !strings.Contains(out, "A is m1, B is m2") || !strings.Contains(out, "two seeds: interval is indicative") || strings.Contains(out, "one seed") {
		t.Error(code, out)
	}
	for want, args := range map[string][]string{
		"have 1 arguments":       {"compare", a},
		"no metric \"f2\"":       {"compare", "--metric", "f2", a, b},
		"--scope is both":        {"compare", "--scope", "all", a, b},
		"no filter \"strict\"":   {"compare", "--filter", "strict", a, b},
		":1: ":                   {"stats", "--in", a},
		"not those of the first": {"compare", a + "," + write(t, filepath.Join(dir, "short.jsonl"), strings.SplitAfter(la, "\n")[0]), b},
		"needs 2 and 1":          {"compare", write(t, filepath.Join(dir, "one.jsonl"), strings.SplitAfter(la, "\n")[0]), b},
	} {
		if code, _, errs := hardneg(t, "", args...); code != ExitUsage || !strings.Contains(errs, want) {
			t.Errorf("%v: %d %s, want %q", args, code, errs, want)
		}
	}
	if code, _, _ := hardneg(t, "", "compare", filepath.Join(dir, "none.jsonl"), b); code != ExitEnvironment {
		t.Error("a missing file ends with", code)
	}
}

// runWith is a results.json with the arms sft and full on two benchmarks.
func runWith(t *testing.T, name string, shift float64) string {
	t.Helper()
	s := result.New(name)
	s.Run, s.Seeds = name, []int{1, 2, 3}
	key := seed.Derive(5, "run")
	for b, bench := range []string{"arith", "hard"} {
		s.Benchmarks = append(s.Benchmarks, result.Benchmark{Name: bench, N: 120, Samples: 1})
		it := result.Items{Benchmark: bench}
		for i := range 120 {
			it.IDs = append(it.IDs, fmt.Sprint(bench, i))
		}
		for a, arm := range []string{"sft", "full"} {
			for _, sd := range s.Seeds {
				k, marks, right := key.Sub(uint64(100*b+10*a+sd)), make([]byte, 120), 0
				for i := range marks {
					marks[i] = '0'
					if k.Float(uint64(i)) < .5+shift*float64(a) {
						marks[i] = '1'
						right++
					}
				}
				it.Outcomes = append(it.Outcomes, result.Outcome{Arm: arm, Seed: sd, Marks: string(marks)})
				s.Cells = append(s.Cells, result.Cell{Arm: arm, Seed: sd, Benchmark: bench, N: 120, Correct: right, Status: result.Done})
			}
		}
		s.Items = append(s.Items, it)
	}
	s.Arms = []result.Arm{{Name: "sft"}, {Name: "full", Trained: true}}
	var buf bytes.Buffer
	if err := s.Write(&buf); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "runs", name, "results.json"), buf.String())
	return dir
}

func TestCompareRunsAndArms(t *testing.T) {
	ws := runWith(t, "x-00000001", .3)
	code, out, errs := hardneg(t, "", "--workspace", ws, "compare", "x-00000001/full", "x-00000001/sft")
	if code != ExitOK || strings.Count(out, "verdict at a margin") != 2 || !strings.Contains(out, "A is full, B is sft") || !strings.Contains(out, "supported") {
		t.Error(code, out, errs)
	}
	other := filepath.Join(runWith(t, "y-00000002", .3), "runs", "y-00000002", "results.json")
	code, out, errs = hardneg(t, "", "--workspace", ws, "compare", "--on", "arith", "x-00000001", other)
	if code != ExitOK || !strings.Contains(out, "A is full (A), B is full (B)") || !strings.Contains(out, "no discordant problems") || strings.Contains(out, "hard:") {
		t.Error(code, out, errs)
	}
	if code, _, errs = hardneg(t, "", "--workspace", ws, "compare", "x-00000001/fool", other); code != ExitUsage || !strings.Contains(errs, `no outcomes of arm "fool"`) {
		t.Error(code, errs)
	}
}

func TestPower(t *testing.T) {
	code, out, errs := hardneg(t, "", "power", "--n", "gsm8k=1319", "--n", "math=5000", "--seeds", "3", "--seeds", "5", "--arms", "6")
	if code != ExitOK || !strings.Contains(out, "combined   6319      5      1.3") || strings.Count(out, "±2") != 1 {
		t.Error(code, out, errs)
	}
	if code, out, errs = hardneg(t, "", "power", "smoke"); code != ExitOK || !strings.Contains(out, "arith-hard") {
		t.Error(code, out, errs)
	}
	ws := runWith(t, "w-00000004", .2)
	path := filepath.Join(ws, "runs", "w-00000004", "results.json")
	set, err := result.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := finding.From(finding.Design{Scope: "both", Level: .95, Alpha: .05, Margin: .01, Strata: "size", Baselines: []string{"sft"}}, set)
	if err != nil {
		t.Fatal(err)
	}
	rep.Apply(set)
	var buf bytes.Buffer
	if err := set.Write(&buf); err != nil {
		t.Fatal(err)
	}
	write(t, path, buf.String())
	if code, out, errs = hardneg(t, "", "--workspace", ws, "power", "--from", "w-00000004", "--seeds", "4"); code != ExitOK || !strings.Contains(out, "combined   240       4") {
		t.Error(code, out, errs)
	}
	for want, args := range map[string][]string{
		"nothing to plan with": {"power"},
		"want NAME=N":          {"power", "--n", "gsm8k"},
		"want three numbers":   {"power", "--n", "g=100", "--var", "1,2"},
		"is no variance":       {"power", "--n", "g=100", "--var", "1,-2,3"},
		"both 0":               {"power", "--n", "g=100", "--var", "1,0,0"},
		"no difference on":     {"--workspace", runWith(t, "z-00000003", 0), "power", "--from", "z-00000003"},
	} {
		if code, _, errs := hardneg(t, "", args...); code != ExitUsage || !strings.Contains(errs, want) {
			t.Errorf("%v: %d %s, want %q", args, code, errs, want)
		}
	}
}

func TestStatsCommand(t *testing.T) {
	code, out, _ := hardneg(t, `{"schema":"hardneg.stats/1","cases":[{"id":"a","fn":"sign_flip","in":{"d":[1,2]}},{"id":"b","fn":"mean","in":{}}]}`, "stats")
	want := `{"schema":"hardneg.stats/1","answers":[{"id":"a","out":{"mean":1.5,"n":2,"p":0.5,"p_floor":0.5}},{"id":"b","error":"unknown_fn"}]}` + "\n"
	if code != ExitOK || out != want {
		t.Error(code, out)
	}
	for in, part := range map[string]string{
		"{\"schema\":\"hardneg.stats/2\",\"cases\":[]}":  "schema",
		"{\"schema\":\"hardneg.stats/1\",\n\"case\":[]}": "-:2:",
		"{\n\n": "-:3:",
	} {
		if code, _, errs := hardneg(t, in, "stats"); code != ExitUsage || !strings.Contains(errs, part) {
			t.Errorf("%q: %d %s", in, code, errs)
		}
	}
}
