package finding

import (
	"fmt"
	"slices"
	"testing"

	"hardneg/reports/result"
)

// solution is a labelled one; its id names problem and place.
func solution(id, problem string, p float64, wrong bool) result.Disagreement {
	return result.Disagreement{ID: id, Problem: problem, PWrong: result.Num(p), Wrong: wrong}
}

func ids(ds []result.Disagreements) (out []string) {
	for _, d := range ds {
		for _, e := range d.Examples {
			out = append(out, d.Set+"/"+e.ID)
		}
	}
	return out
}

func TestDisagreementsByRule(t *testing.T) {
	rows := []result.Disagreement{
		solution("a", "p1", .9, false),  // a false alarm
		solution("b", "p1", .95, false), // of the same problem, more confident
		solution("c", "p2", .5, false),  // at the threshold the verifier objects
		solution("d", "p3", .49, false), // agreed: right
		solution("e", "p4", .9, true),   // agreed: wrong
		solution("f", "p5", .1, true),   // misses
		solution("g", "p6", .1, true),
		solution("h", "p7", .05, true),
		solution("i", "p8", float64(result.NaN()), true), // without a score there is no opinion
	}
	want := []string{"x/b", "x/c", "x/h", "x/f", "x/g"}
	for _, reversed := range []bool{false, true} {
		r := slices.Clone(rows)
		if reversed {
			slices.Reverse(r)
		}
		d := Disagree("x", "oracle", .5, r, 10)
		if d.N != 9 || d.FalseAlarms != 3 || d.Misses != 3 {
			t.Errorf("%d solutions, %d false alarms, %d misses", d.N, d.FalseAlarms, d.Misses)
		}
		if got := ids([]result.Disagreements{d}); !slices.Equal(got, want) {
			t.Errorf("read %v, want %v", got, want)
		}
		few := Disagree("x", "oracle", .5, r, 1)
		if got := ids([]result.Disagreements{few}); !slices.Equal(got, []string{"x/b", "x/h"}) || few.Misses != 3 {
			t.Errorf("one each way: %v of %d", got, few.Misses)
		}
	}
	if d := Disagree("x", "oracle", result.NaN(), rows, 10); d.FalseAlarms+d.Misses > 0 {
		t.Error("disagreements without a threshold")
	}
}

// Over several sets the most confident are kept, a problem once each way, and
// the counts stay those of the sets.
func TestMostConfidentOverSets(t *testing.T) {
	sets := []result.Disagreements{
		{Set: "s1", Misses: 4, Examples: []result.Disagreement{solution("a", "p1", .9, false), solution("m", "p1", .2, true)}},
		{Set: "s2", Misses: 5, Examples: []result.Disagreement{solution("b", "p1", .95, false), solution("c", "p2", .9, false), solution("n", "p9", .1, true)}},
	}
	before := fmt.Sprint(sets)
	got := MostConfident(sets, 2)
	if want := []string{"s1/m", "s2/b", "s2/c", "s2/n"}; !slices.Equal(ids(got), want) {
		t.Errorf("%v, want %v", ids(got), want)
	}
	if got[0].Misses != 4 || got[1].Misses != 5 || fmt.Sprint(sets) != before {
		t.Error("counts or the sets themselves have changed")
	}
	if got := MostConfident(nil, 3); len(got) > 0 {
		t.Error(got)
	}
}
