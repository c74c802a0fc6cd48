package stats

import (
	"math"
	"testing"
)

// TestChances compares with the simulated probabilities of the specification:
// P(u < margin) at a true difference of 0, GSM8K, six arms.
func TestChances(t *testing.T) {
	p := Plan{VarSeed: 5e-5, VarProblem: .032, VarResidual: .18, N: 1319, Arms: 6}
	for s, want := range map[int][3]float64{3: {20, 36, 55}, 5: {29, 52, 75}, 10: {43, 70, 89}} {
		for i, margin := range []float64{.01, .015, .02} {
			c, err := p.Chances(0, s, margin, .05)
			if err != nil {
				t.Fatal(err)
			}
			if got := 100 * (c.Falsified + c.Negligible + c.Reversed); math.Abs(got-want[i]) > 4 {
				t.Errorf("S=%d, margin %v: P(u < margin) = %.1f %%, want %v", s, margin, got, want[i])
			}
			if all := c.Supported + c.Negligible + c.Falsified + c.Reversed + c.Inconclusive; math.Abs(all-1) > 1e-9 {
				t.Errorf("probabilities sum to %v", all)
			}
		}
	}
	// power 75 % at +3 points with three seeds, table of the primary test
	c, err := p.Chances(.03, 3, .01, .05)
	if got := 100 * (c.Supported + c.Negligible); err != nil || math.Abs(got-75) > 4 {
		t.Errorf("power %.1f %%, want 75; %v", got, err)
	}
	if c, err := p.Chances(0, 1, .01, .05); err != nil || c.Reversed < .025 {
		t.Errorf("one seed must reject too often, for it ignores runs: %+v %v", c, err)
	}
	if _, err := (Plan{N: 10, Arms: 2}).Chances(0, 3, .01, .05); err == nil {
		t.Error("a plan without variance was taken")
	}
}
