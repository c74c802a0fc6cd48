package verifier

import (
	"math"
	"strings"
	"testing"
)

// wellFormed checks what every score promises.
func wellFormed(t *testing.T, s *Score, text string) {
	t.Helper()
	in01 := func(name string, x float64) {
		if !(x >= 0 && x <= 1) {
			t.Errorf("%s is %v", name, x)
		}
	}
	for d, p := range s.Profile {
		in01(Dim(d).String(), p)
	}
	in01("wrongness", s.Wrongness)
	in01("wrongness_proc", s.WrongnessProc)
	in01("wrongness_none", s.WrongnessNone)
	in01("p_wrong", s.PWrong)
	in01("absurdity", s.Absurdity)
	sum := 0.0
	for _, x := range s.StepScores {
		in01("step score", x)
		sum += x
	}
	if sum > 1+1e-9 {
		t.Errorf("step scores sum to %v", sum)
	}
	if s.FirstErrorStep >= len(s.StepScores) {
		t.Errorf("first error step %d of %d", s.FirstErrorStep, len(s.StepScores))
	}
	for _, f := range s.Findings {
		in01("severity", f.Severity)
		if f.Start < 0 || f.End < f.Start || f.End > len(text) {
			t.Errorf("finding %s spans [%d,%d) of %d", f.Code, f.Start, f.End, len(text))
		}
	}
}

func FuzzScore(f *testing.F) {
	for _, s := range []string{
		"He has 3+4=<<3+4=7>>7 apples.\n#### 7", `\[ x = \frac{1}{2} \] so \boxed{\frac{1}{2}}`, "Step 1: 5 quarters = 5 * 25 = 125\nA: 125",
		"1/0 = 3, 50% of 40 = 20, 3! = 6", "x = 2\nx = 3\n2x + 1 = 7", "2^2^2^2^99", strings.Repeat("(", 200), "<<", "\\frac{\\frac{\\frac{1}{2}}{3}}{4}",
		"½ of 1 000 000 ≈ 3", "\x01\x02\x03\xff\xfe",
	} {
		f.Add("Ann has 3 apples and buys 4 for $2 each. How many apples?", s)
	}
	builtin, err := Load("builtin")
	if err != nil {
		f.Fatal(err)
	}
	rules := New(nil)
	f.Fuzz(func(t *testing.T, question, solution string) {
		for _, v := range []*Verifier{builtin, rules} {
			a := v.Score(Input{Question: question, Solution: solution}, None)
			wellFormed(t, &a, solution)
			b := v.Score(Input{Question: question, Solution: solution, Gold: "7", Reference: solution}, Gold)
			wellFormed(t, &b, solution)
			if math.IsNaN(b.Closeness) || math.IsNaN(b.HardScore) {
				t.Error("closeness or hard score is no number")
			}
		}
	})
}

// Steps cover the text without overlap, in order.
func FuzzSteps(f *testing.F) {
	f.Add("1. a\n\n2. b\n\\[\nx=1\n\\]\n")
	f.Add(strings.Repeat("He runs. She walks. ", 20))
	f.Fuzz(func(t *testing.T, s string) {
		at := int32(0)
		for _, sp := range splitSteps(nil, s) {
			if sp.lo < at || sp.hi < sp.lo || int(sp.hi) > len(s) {
				t.Fatalf("step [%d,%d) after %d in %d bytes", sp.lo, sp.hi, at, len(s))
			}
			if skip, _ := marker(s[sp.lo:sp.hi]); skip < 0 || skip > int(sp.hi-sp.lo) {
				t.Fatalf("marker of %d bytes in a step of %d", skip, sp.hi-sp.lo)
			}
			at = sp.hi
		}
	})
}

// Hostile texts take time in proportion to their length.
func TestHostileInputIsLinear(t *testing.T) {
	v, err := Load("builtin")
	if err != nil {
		t.Fatal(err)
	}
	for _, unit := range []string{"(", "\\frac{", "<<1+", "= ", "1 + ", "x = ", "\\boxed{", "2^", "1 = 1\n", "a b c d e f g h i. ", "9", "how many 3 ", "$$", "* ", "A. B", "\\text{\\text{"} {
		text := strings.Repeat(unit, (1<<19)/len(unit))
		s := v.Score(Input{Question: text, Solution: text}, None)
		wellFormed(t, &s, text)
	}
}
