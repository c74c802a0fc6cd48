package verifier

import (
	"path/filepath"
	"testing"
)

// References are left alone: hardly any hard finding on GSM8K's training
// rationales, some of which are truly wrong.
func TestReferencesAreLeftAlone(t *testing.T) {
	refs := gsmTrain(t)
	v, err := Load("builtin")
	if err != nil {
		t.Fatal(err)
	}
	hard, alarm := 0, 0
	for _, r := range refs {
		isHard, isAlarm := false, false
		for _, f := range v.Score(Input{Question: r.Question, Solution: r.Answer}, None).Findings {
			isHard = isHard || f.Severity >= .6
			isAlarm = isAlarm || f.Severity >= .8 && (f.Dim == Sym || f.Dim == Logic)
		}
		hard += int(flag(isHard))
		alarm += int(flag(isAlarm))
	}
	n := float64(len(refs))
	t.Logf("%d references: %.4f with a finding of .6 or more, %.4f with one of .8 or more in sym or logic", len(refs), float64(hard)/n, float64(alarm)/n)
	if float64(hard)/n > .03 || float64(alarm)/n > .015 {
		t.Error("too many alarms on right solutions")
	}
}

// The goals on the development parts of the human sets, without gold. None of
// their questions was fitted.
func TestHumanLabels(t *testing.T) {
	v, err := Load("builtin")
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		Problem string
		Steps   []string
		Label   int
	}
	for _, c := range []struct {
		set string
		f1  float64
	}{{"gsm8k", .42}, {"math", .30}} {
		var hit, wrong, ok, right float64
		for _, r := range rows[row](t, filepath.Join(shared(t), "human", "processbench_"+c.set+".dev.jsonl.gz")) {
			if v.Model().Saw(r.Problem) {
				t.Fatalf("%s: a question was fitted: %s", c.set, r.Problem)
			}
			s := v.Score(Input{Question: r.Problem, Steps: r.Steps}, None)
			if r.Label < 0 {
				right++
				ok += flag(s.FirstErrorStep < 0)
			} else {
				wrong++
				hit += flag(s.FirstErrorStep == r.Label)
			}
		}
		a, b := hit/wrong, ok/right
		f1 := 2 * a * b / (a + b)
		t.Logf("processbench %s: F1 %.3f (wrong %.3f, right %.3f)", c.set, f1, a, b)
		if f1 < c.f1 {
			t.Errorf("processbench %s: F1 %.3f, the goal is %.2f", c.set, f1, c.f1)
		}
	}
}
