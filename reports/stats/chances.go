package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Chances are the probabilities of each verdict before the data are there.
type Chances struct {
	Supported    float64 `json:"supported"`
	Negligible   float64 `json:"negligible"`
	Falsified    float64 `json:"falsified"`
	Reversed     float64 `json:"reversed"`
	Inconclusive float64 `json:"inconclusive"`
}

// chanceGrid is the number of equally likely values of the estimated standard
// error over which Chances averages.
const chanceGrid = 400

// VerdictChances of a true effect: the estimate is normal with standard error
// se, its squared standard error is scaled chi-squared with df, independently.
func VerdictChances(effect, se, df, margin, alpha float64) (Chances, error) {
	if !(se > 0) || !(df > 0) || !(margin >= 0) || !(alpha > 0 && alpha < 1) || !finite(effect, se, df, margin) {
		return Chances{}, bad("effect %v, se %v, df %v, margin %v, alpha %v", effect, se, df, margin, alpha)
	}
	k2, k1 := student(df).Quantile(1-alpha/2), student(df).Quantile(1-alpha)
	chi := distuv.ChiSquared{K: df}
	below := func(x float64) float64 { return normalTail((effect - x) / se) } // P(estimate < x)
	var c Chances
	for i := range chanceGrid {
		s := se * math.Sqrt(chi.Quantile((float64(i)+.5)/chanceGrid)/df)
		h, cut := k2*s, margin-k1*s // L>0 above h; u<margin below cut
		share := 1.0 / chanceGrid
		c.Reversed += share * below(-h)
		c.Negligible += share * math.Max(0, below(cut)-below(h))
		c.Supported += share * (1 - below(math.Max(h, cut)))
		falsified := math.Max(0, below(math.Min(h, cut))-below(-h))
		c.Falsified += share * falsified
		c.Inconclusive += share * (below(h) - below(-h) - falsified)
	}
	return c, nil
}
