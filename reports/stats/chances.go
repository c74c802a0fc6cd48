package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"hardneg/fixtures/seed"
)

// Chances are the probabilities of each verdict before the data are there.
type Chances struct {
	Supported    float64 `json:"supported"`
	Negligible   float64 `json:"negligible"`
	Falsified    float64 `json:"falsified"`
	Reversed     float64 `json:"reversed"`
	Inconclusive float64 `json:"inconclusive"`
}

// chanceDraws is the number of mean squares over which Chances averages; the
// estimate itself is integrated out, so a probability is good to about 0.01.
const chanceDraws = 800

// Chances is the probability of each verdict of the crossed analysis with s
// seeds (1 or more) when the true difference is effect. Mean squares are drawn
// as scaled chi-squares and bounded as the engine bounds them; the estimate is
// normal and independent of them.
func (p Plan) Chances(effect float64, s int, margin, alpha float64) (Chances, error) {
	n, arms, k := p.N, p.Arms, float64(s)
	ok := p.VarSeed >= 0 && p.VarProblem >= 0 && p.VarResidual >= 0 && p.VarProblem+p.VarResidual > 0 && n >= 2 && arms >= 1 && s >= 1
	if !ok || !(margin >= 0) || !(alpha > 0 && alpha < 1) || !finite(effect, p.VarSeed, p.VarProblem, p.VarResidual) {
		return Chances{}, bad("plan %+v, %d seeds, effect %v, margin %v, alpha %v", p, s, effect, margin, alpha)
	}
	truth := math.Sqrt((n*p.VarSeed + p.VarResidual + k*p.VarProblem) / (k * n))
	var c Chances
	for i := range chanceDraws {
		d := draws{seed.Derive(1, "chances", s).Sub(uint64(i))}
		var se, df float64
		if s == 1 { // the problems of one checkpoint, without the variance between runs
			se, df = math.Sqrt((p.VarProblem+p.VarResidual)/n*d.chi(0, n-1)), n-1
		} else {
			own := n*p.VarSeed + p.VarResidual
			msR := p.VarResidual * d.chi(0, (k-1)*(n-1))
			msP := (p.VarResidual + k*p.VarProblem) * d.chi(1, n-1)
			star, nu := math.Max(own*d.chi(2, k-1), msR), k-1
			if arms >= 2 {
				nu = math.Max((arms-1)*(k-1), nu)
				star = math.Max(star, own*d.chi(3, (arms-1)*(k-1)))
			}
			num := star + math.Max(msP-msR, 0)
			se, df = math.Sqrt(num/(k*n)), math.Min(n-1, nu*(num/star)*(num/star))
		}
		c.add(effect, truth, se, df, margin, alpha, 1.0/chanceDraws)
	}
	return c, nil
}

// add gives share to the verdicts that an estimated standard error leads to,
// integrating over the estimate, whose true standard error is truth.
func (c *Chances) add(effect, truth, se, df, margin, alpha, share float64) {
	t := student(df)
	h := t.Quantile(1-alpha/2) * se        // the interval excludes 0 above h and below -h
	cut := margin - t.Quantile(1-alpha)*se // the one-sided bound is below the margin below cut
	below := func(x float64) float64 { return normalTail((effect - x) / truth) }
	falsified := math.Max(0, below(math.Min(h, cut))-below(-h))
	c.Reversed += share * below(-h)
	c.Negligible += share * math.Max(0, below(cut)-below(h))
	c.Supported += share * (1 - below(math.Max(h, cut)))
	c.Falsified += share * falsified
	c.Inconclusive += share * (below(h) - below(-h) - falsified)
}

// draws are the random numbers of one replicate.
type draws struct{ key seed.Key }

// chi is draw i of a chi-square divided by its degrees of freedom; from 30 on
// by Wilson and Hilferty's cube.
func (d draws) chi(i uint64, df float64) float64 {
	if df < 30 {
		return distuv.ChiSquared{K: df}.Quantile(d.key.Sub(i).Float(0)) / df
	}
	v := 2 / (9 * df)
	x := 1 - v + math.Sqrt(v)*d.key.Sub(i).Normal(0)
	return x * x * x
}
