package stats

import (
	"math"
	"testing"

	"hardneg/fixtures/seed"
)

// TestVerdictChances compares with drawing estimates and standard errors and
// asking Verdict.
func TestVerdictChances(t *testing.T) {
	for _, c := range []struct{ effect, se, df, margin float64 }{{0, .008, 12, .01}, {.01, .006, 9, .01}, {.02, .004, 40, .01}, {-.02, .01, 5, .02}} {
		got, err := VerdictChances(c.effect, c.se, c.df, c.margin, .05)
		if err != nil {
			t.Fatal(err)
		}
		const n = 2500
		count := map[string]float64{}
		key := seed.Derive(1, "chances", c.effect)
		for i := range uint64(n) {
			k, chi := key.Sub(i), 0.0
			for j := range uint64(c.df) {
				z := k.Normal(1 + j)
				chi += z * z
			}
			v, err := Verdict(Effect{c.effect + c.se*k.Normal(0), c.se * math.Sqrt(chi/c.df), c.df, c.margin, .05})
			if err != nil {
				t.Fatal(err)
			}
			count[v.Verdict] += 1.0 / n
		}
		for word, p := range map[string]float64{VerdictSupported: got.Supported, VerdictNegligible: got.Negligible, VerdictFalsified: got.Falsified,
			VerdictReversed: got.Reversed, VerdictInconclusive: got.Inconclusive} {
			if math.Abs(p-count[word]) > .04 {
				t.Errorf("%+v: P(%s) = %.4f, drawn %.4f", c, word, p, count[word])
			}
		}
		if s := got.Supported + got.Negligible + got.Falsified + got.Reversed + got.Inconclusive; math.Abs(s-1) > 1e-9 {
			t.Errorf("%+v: probabilities sum to %v", c, s)
		}
	}
}
