package stats

import (
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// normalTail is P(Z > z), right in the far tail.
func normalTail(z float64) float64 { return 0.5 * math.Erfc(z/math.Sqrt2) }

// zCritical is the two-sided normal critical value.
func zCritical(level float64) float64 { return mathext.NormalQuantile(1 - (1-level)/2) }

func student(df float64) distuv.StudentsT { return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df} }

// TCritical is the two-sided critical value of Student's t.
func TCritical(level, df float64) float64 { return student(df).Quantile(1 - (1-level)/2) }

// tP is the p-value of t in the given direction.
func tP(t, df float64, alternative string) float64 {
	d := student(df)
	switch alternative {
	case Greater:
		return tailT(d, t)
	case Less:
		return tailT(d, -t)
	}
	return math.Min(1, 2*tailT(d, math.Abs(t)))
}

func tailT(d distuv.StudentsT, t float64) float64 {
	switch {
	case math.IsInf(t, 1):
		return 0
	case math.IsInf(t, -1):
		return 1
	}
	return d.Survival(t)
}

// hedgesJ is the small-sample correction of a standardised mean difference
// with m degrees of freedom.
func hedgesJ(m float64) float64 {
	a, _ := math.Lgamma(m / 2)
	b, _ := math.Lgamma((m - 1) / 2)
	return math.Exp(a-b) / math.Sqrt(m/2)
}

// coinCDF is P(K ≤ k) of a fair binomial with n tosses, exact for n ≤ 60.
func coinCDF(k, n int) float64 {
	switch {
	case k < 0:
		return 0
	case k >= n:
		return 1
	case n > 60:
		return distuv.Binomial{N: float64(n), P: .5}.CDF(float64(k))
	}
	c, s := 1.0, 0.0 // C(n, i), below 2^57, and the sum so far
	for i := 0; i <= k; i++ {
		s += c
		c = c * float64(n-i) / float64(i+1)
	}
	return math.Ldexp(s, -n)
}

// twoSided doubles the smaller tail.
func twoSided(le, ge float64) float64 { return math.Min(1, 2*math.Min(le, ge)) }

// PowerT is the power of a two-sided t test at effect delta, both tails.
func PowerT(delta, se, df, alpha float64) float64 {
	if se <= 0 {
		if delta == 0 {
			return alpha
		}
		return 1
	}
	return powerAt(math.Abs(delta/se), student(df).Quantile(1-alpha/2), df)
}

// powerAt is the power at noncentrality m and critical value k.
func powerAt(m, k, df float64) float64 {
	if m > k+40 { // the noncentral series underflows out there, where power is 1 to 1e-300
		return 1
	}
	t := distuv.NoncentralT{Nu: df, Mu: m}
	return math.Min(1, 1-t.CDF(k)+t.CDF(-k))
}
