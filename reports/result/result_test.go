package result

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sample() *Set {
	s := New("smoke")
	s.Arms = []Arm{{Name: "sft"}, {Name: "full", Trained: true, Patch: map[string]any{"b": "x", "a": 1.0}}}
	s.Seeds = []int{1, 2}
	s.Benchmarks = []Benchmark{{Name: "arith", N: 4, Samples: 1}}
	s.Cells = []Cell{
		{Arm: "sft", Seed: 1, Benchmark: "arith", N: 4, Correct: 2, Accuracy: .5, Strict: NaN(), Flexible: .5, PassAtK: NaN(), Status: Done},
		{Arm: "full", Seed: 1, Benchmark: "arith", Accuracy: NaN(), Strict: NaN(), Flexible: NaN(), PassAtK: NaN(), Status: Failed},
	}
	s.Items = []Items{{Benchmark: "arith", IDs: []string{"a", "b", "c", "d"}, Subset: []int{1}, Outcomes: []Outcome{{Arm: "sft", Seed: 1, Marks: "1-01"}}}}
	return s
}

func TestRoundTrip(t *testing.T) {
	var a, b bytes.Buffer
	if err := sample().Write(&a); err != nil {
		t.Fatal(err)
	}
	back, err := Read(bytes.NewReader(a.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if err := back.Write(&b); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(a.String(), b.String()); d != "" {
		t.Error(d)
	}
	if !strings.Contains(a.String(), `"accuracy":null`) || strings.Contains(a.String(), "NaN") {
		t.Error("an undefined accuracy is not null")
	}
	if !strings.Contains(a.String(), "\"cells\": [\n{") {
		t.Error("list elements do not start lines")
	}
}

func TestUnknownFieldIsRefused(t *testing.T) {
	_, err := Read(strings.NewReader(`{"schema":"hardneg.results/1","sede":1}`))
	if err == nil || !strings.Contains(err.Error(), "sede") {
		t.Errorf("got %v", err)
	}
}

func TestValidate(t *testing.T) {
	cases := []struct {
		name string
		do   func(*Set)
		want string
	}{
		{"schema", func(s *Set) { s.Schema = "x/2" }, "schema"},
		{"arm", func(s *Set) { s.Cells[0].Arm = "dpoo" }, `unknown arm "dpoo"`},
		{"seed", func(s *Set) { s.Cells[0].Seed = 9 }, "unknown seed 9"},
		{"twice", func(s *Set) { s.Cells[1] = s.Cells[0] }, "twice"},
		{"n", func(s *Set) { s.Cells[0].N = 3 }, "n is 3"},
		{"correct", func(s *Set) { s.Cells[0].Correct = 5 }, "correct is 5"},
		{"status", func(s *Set) { s.Cells[0].Status = "ok" }, "unknown status"},
		{"marks", func(s *Set) { s.Items[0].Outcomes[0].Marks = "10" }, "2 marks for 4 ids"},
		{"digit", func(s *Set) { s.Items[0].Outcomes[0].Marks = "1020" }, "item 2 has mark"},
		{"subset", func(s *Set) { s.Items[0].Subset = []int{4} }, "subset index 4"},
		{"empty", func(s *Set) { s.Cells[0].N = 0 }, "done without items"},
		{"probe", func(s *Set) { s.Probe = []Probe{{Problems: []string{"p"}}} }, "columns differ"},
		{"labelled", func(s *Set) { s.Verifier.Labelled = []Labelled{{Name: "l", Wrong: "1"}} }, "1 labels for 0 rows"},
	}
	if err := sample().Validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		s := sample()
		c.do(s)
		err := s.Validate()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", c.name, err, c.want)
		}
	}
}

func TestNewFindingIsUndefined(t *testing.T) {
	f := NewFinding("x", KindDelta)
	if f.P.OK() || f.Estimate.OK() || f.MDE.OK() {
		t.Error("a new finding holds a number")
	}
}
