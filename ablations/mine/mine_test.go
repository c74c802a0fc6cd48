package mine

import (
	"fmt"
	"slices"
	"testing"

	"hardneg/ablations/pair"
	"hardneg/fixtures/seed"

	"github.com/google/go-cmp/cmp"
)

func ptr[T any](v T) *T { return &v }

// rows makes n prompts of 8 samples each, 3 of them right.
func rows(n int) []pair.Scored {
	var out []pair.Scored
	key := seed.Derive(3, "mine-test")
	for p := range n {
		for k := range 8 {
			i := uint64(p*8+k) * 4
			ok := k%3 == 0
			ans := fmt.Sprint(10 + k)
			if ok {
				ans = "7"
			}
			r := pair.Scored{
				Candidate: pair.Candidate{
					ID: fmt.Sprintf("q%d-%d", p, k), PromptID: fmt.Sprint("q", p), K: k, Question: "?",
					Solution:  fmt.Sprintf("We get %d+%d=<<%d+%d=%s>>%s things.\n#### %s", k, p, k, p, ans, ans, ans),
					Reference: "#### 7", Gold: "7",
				},
				Correct: ok, WrongnessProc: key.Float(i), WrongnessNone: key.Float(i + 1),
				Absurdity: key.Float(i+2) * .8, Answer: ptr(ans),
				Closeness: ptr(key.Float(i + 3)),
			}
			if ok {
				r.Closeness = ptr(1.)
			}
			r.HardScore = ptr(*r.Closeness * (1 - r.Absurdity))
			out = append(out, r)
		}
	}
	return out
}

func base() Settings {
	return Settings{Negatives: "hard", PerPrompt: 2, ClosenessMin: .5, AbsurdityMax: .4, Chosen: "best", Fallback: "reference", Fill: true, Use: "proc"}
}

func mined(t *testing.T, s Settings) []pair.Pair {
	t.Helper()
	ps, _, err := Apply(rows(40), s, 11)
	if err != nil {
		t.Fatal(err)
	}
	return ps
}

func TestSchemesDifferOnlyInTheRejectedSide(t *testing.T) {
	hard := mined(t, base())
	for _, n := range []string{"random", "easy"} {
		s := base()
		s.Negatives = n
		other := mined(t, s)
		if len(other) != len(hard) {
			t.Fatalf("%s: %d pairs, hard has %d", n, len(other), len(hard))
		}
		differs := false
		for i := range hard {
			if other[i].PromptID != hard[i].PromptID || other[i].ChosenID != hard[i].ChosenID {
				t.Fatalf("%s: pair %d is of %s/%s, hard's of %s/%s", n, i, other[i].PromptID, other[i].ChosenID, hard[i].PromptID, hard[i].ChosenID)
			}
			differs = differs || other[i].RejectID != hard[i].RejectID
		}
		if !differs {
			t.Errorf("%s rejects the very samples of hard", n)
		}
	}
}

func TestHardStaysInTheWindowUnlessFilled(t *testing.T) {
	for _, p := range mined(t, base()) {
		in := p.Closeness >= .5 && p.Absurdity <= .4
		if p.Negative == "hard" && !in {
			t.Errorf("%s: closeness %.2f, absurdity %.2f is outside the window", p.ID, p.Closeness, p.Absurdity)
		}
	}
	s := base()
	s.Fill = false
	for _, p := range mined(t, s) {
		if p.Negative != "hard" {
			t.Errorf("%s was picked as %s with fill off", p.ID, p.Negative)
		}
	}
}

func TestNoScoreMovesASampleAcrossTheGate(t *testing.T) {
	in := rows(40)
	right := map[string]bool{}
	for _, r := range in {
		right[r.ID] = r.Correct
	}
	for _, p := range mined(t, base()) {
		if !right[p.ChosenID] || right[p.RejectID] {
			t.Errorf("%s: chosen right %v, rejected right %v", p.ID, right[p.ChosenID], right[p.RejectID])
		}
	}
}

func TestReferenceStandsInWhereNoSampleIsRight(t *testing.T) {
	in := rows(1)
	for i := range in {
		in[i].Correct = false
	}
	ps, st, err := Apply(in, base(), 1)
	if err != nil || len(ps) != 2 || ps[0].Chosen != "#### 7" || st.NoRight != 1 {
		t.Errorf("%v %+v %v", ps, st, err)
	}
	s := base()
	s.Fallback = "skip"
	if ps, _, _ := Apply(in, s, 1); len(ps) != 0 {
		t.Errorf("skip made %d pairs", len(ps))
	}
}

func TestDuplicatesAreFolded(t *testing.T) {
	in := rows(1)
	in[2].Solution = "  " + in[1].Solution + "\n"
	in[4].Solution = "In other words 1+0=" + *in[1].Answer + "."
	in[4].Answer = in[1].Answer
	_, st, err := Apply(in, base(), 1)
	if err != nil || st.Duplicates != 2 {
		t.Errorf("%d duplicates, want 2 (%v)", st.Duplicates, err)
	}
}

func TestMaxPairsKeepsAnOrderedSubset(t *testing.T) {
	all := mined(t, base())
	s := base()
	s.MaxPairs = 25
	some := mined(t, s)
	var ids []string
	for _, p := range all {
		if slices.ContainsFunc(some, func(q pair.Pair) bool { return q.ID == p.ID }) {
			ids = append(ids, p.ID)
		}
	}
	var got []string
	for _, p := range some {
		got = append(got, p.ID)
	}
	if d := cmp.Diff(ids, got); d != "" || len(got) != 25 {
		t.Errorf("%d pairs %s", len(got), d)
	}
}
