package stats

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

// agree compares an answer with its reference by the contract's tolerances and
// names the first difference.
func agree(path string, got, want any, tol float64) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s: got %v, want an object", path, got)
		}
		for k, v := range w {
			x, ok := g[k]
			if !ok {
				return fmt.Sprintf("%s.%s is absent", path, k)
			}
			if d := agree(path+"."+k, x, v, tol); d != "" {
				return d
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Sprintf("%s: got %v, want %v", path, got, want)
		}
		for i := range w {
			if d := agree(fmt.Sprintf("%s[%d]", path, i), g[i], w[i], tol); d != "" {
				return d
			}
		}
	case float64:
		g, ok := got.(float64)
		if !ok {
			return fmt.Sprintf("%s: got %v, want %v", path, got, want)
		}
		key := path[strings.LastIndexByte(path, '.')+1:]
		isP := key == "p" || strings.HasPrefix(key, "p_")
		if math.Abs(g-w) > tol*(1+math.Abs(w)) || isP && math.Abs(g-w) > 1e-6*math.Abs(w) {
			return fmt.Sprintf("%s: got %.17g, want %.17g", path, g, w)
		}
	default:
		if got != want {
			return fmt.Sprintf("%s: got %v, want %v", path, got, want)
		}
	}
	return ""
}

// checkCases answers a case file and compares with its answer file.
func checkCases(t *testing.T, casesFile, answersFile string) {
	t.Helper()
	var cases Cases
	var want struct {
		Answers []struct {
			ID, Error string
			Out       any
		}
	}
	for file, into := range map[string]any{casesFile: &cases, answersFile: &want} {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, into); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	answers, err := AnswerAll(cases)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(answers)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Answers []struct {
			ID, Error string
			Out       any
		}
	}
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Answers) != len(want.Answers) || len(want.Answers) == 0 {
		t.Fatalf("%d answers, want %d", len(got.Answers), len(want.Answers))
	}
	for i, w := range want.Answers {
		g, tol := got.Answers[i], 1e-9
		if fn := cases.Cases[i].Fn; fn == "mde" || fn == "seeds_needed" {
			tol = 1e-7
		}
		if g.ID != w.ID || g.Error != w.Error {
			t.Errorf("%s: got %s %q, want %q", w.ID, g.ID, g.Error, w.Error)
			continue
		}
		if d := agree("out", g.Out, w.Out, tol); d != "" {
			t.Errorf("%s: %s", w.ID, d)
		}
	}
}

// TestSharedCases needs the shared example data: HARDNEG_SHARED names the
// folder, else ../shared beside the repository is tried.
func TestSharedCases(t *testing.T) {
	shared := os.Getenv("HARDNEG_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	dir := filepath.Join(shared, "data", "stats")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no example cases in %s; set HARDNEG_SHARED to the folder that holds data/stats", dir)
	}
	checkCases(t, filepath.Join(dir, "cases.json"), filepath.Join(dir, "answers.json"))
}

func answer(t *testing.T, fn, in string) map[string]any {
	t.Helper()
	a := Answer(Case{ID: "x", Fn: fn, In: json.RawMessage(in)})
	if a.Error != "" {
		return map[string]any{"error": a.Error}
	}
	raw, err := json.Marshal(a.Out)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// show prints a few fields of an answer in one line.
func show(m map[string]any) string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	var b strings.Builder
	for _, k := range keys {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s=%v", k, m[k])
	}
	return b.String()
}

// TestGoldenCases compares with SciPy, statsmodels, scikit-learn and, where
// they have no counterpart, a second implementation of the definitions.
func TestGoldenCases(t *testing.T) {
	checkCases(t, filepath.Join("testdata", "cases.json"), filepath.Join("testdata", "answers.json"))
}
