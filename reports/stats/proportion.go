package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Interval methods of PropCI.
const (
	Wilson         = "wilson"
	ClopperPearson = "clopper-pearson"
	AgrestiCoull   = "agresti-coull"
	Jeffreys       = "jeffreys"
)

// Estimate is a point with its interval.
type Estimate struct {
	Estimate float64 `json:"estimate"`
	Lo       float64 `json:"lo"`
	Hi       float64 `json:"hi"`
}

// PropCI is the interval of a proportion, k of n.
func PropCI(k, n, level float64, method string) (Estimate, error) {
	if err := levelOK(level); err != nil {
		return Estimate{}, err
	}
	if !(n > 0 && k >= 0 && k <= n) || k != math.Floor(k) || n != math.Floor(n) {
		return Estimate{}, bad("k = %v of n = %v", k, n)
	}
	z, p, a := zCritical(level), k/n, (1-level)/2
	var lo, hi float64
	switch method {
	case Wilson:
		lo, hi = wilson(p, n, z)
	case AgrestiCoull:
		nn := n + z*z
		pp := (k + z*z/2) / nn
		h := z * math.Sqrt(pp*(1-pp)/nn)
		lo, hi = pp-h, pp+h
	case ClopperPearson:
		if k > 0 {
			lo = distuv.Beta{Alpha: k, Beta: n - k + 1}.Quantile(a)
		}
		if k < n {
			hi = distuv.Beta{Alpha: k + 1, Beta: n - k}.Quantile(1 - a)
		}
	case Jeffreys:
		b := distuv.Beta{Alpha: k + .5, Beta: n - k + .5}
		lo, hi = b.Quantile(a), b.Quantile(1-a)
	default:
		return Estimate{}, bad("method is %q", method)
	}
	if k == 0 {
		lo = 0
	}
	if k == n {
		hi = 1
	}
	return Estimate{p, math.Max(0, lo), math.Min(1, hi)}, nil
}

// wilson is the score interval with n effective trials and critical value k.
func wilson(p, n, k float64) (lo, hi float64) {
	d := 1 + k*k/n
	mid := (p + k*k/(2*n)) / d
	h := k / d * math.Sqrt(p*(1-p)/n+k*k/(4*n*n))
	return mid - h, mid + h
}

// McNemarResult compares two checkpoints on the same problems.
type McNemarResult struct {
	Diff      float64  `json:"diff"` // (b-c)/n
	PExact    float64  `json:"p_exact"`
	PMid      float64  `json:"p_mid"`
	OddsRatio float64  `json:"odds_ratio"`
	Lo        float64  `json:"lo"` // Bonett–Price
	Hi        float64  `json:"hi"`
	Notes     []string `json:"notes"`
}

// McNemar tests b problems won against c lost, of n.
func McNemar(b, c, n int, level float64) (McNemarResult, error) {
	if err := levelOK(level); err != nil {
		return McNemarResult{}, err
	}
	if n <= 0 || b < 0 || c < 0 || b+c > n {
		return McNemarResult{}, bad("b = %d, c = %d of n = %d", b, c, n)
	}
	r := McNemarResult{Diff: float64(b-c) / float64(n), PExact: 1, PMid: 1, OddsRatio: nan}
	if c > 0 {
		r.OddsRatio = float64(b) / float64(c)
	}
	if k := b + c; k > 0 {
		m, d := float64(min(b, c)), distuv.Binomial{N: float64(k), P: .5}
		r.PExact = math.Min(1, 2*coinCDF(min(b, c), k))
		r.PMid = math.Min(1, 2*coinCDF(min(b, c), k)-d.Prob(m))
	} else {
		r.Notes = append(r.Notes, NoteNoDiscordant)
	}
	z, nn := zCritical(level), float64(n+2)
	p12, p21 := float64(b+1)/nn, float64(c+1)/nn
	h := z * math.Sqrt((p12+p21-(p12-p21)*(p12-p21))/nn)
	r.Lo, r.Hi = math.Max(-1, p12-p21-h), math.Min(1, p12-p21+h)
	return r, nil
}

// PassAtK is the unbiased estimate of the chance that one of k samples is
// right, from c right of n on each problem.
func PassAtK(n, c []int, k int) (mean_, se float64, err error) {
	if len(n) == 0 || len(n) != len(c) || k < 1 {
		return nan, nan, bad("pass@%d of %d and %d counts", k, len(n), len(c))
	}
	v := make([]float64, len(n))
	for j := range n {
		if n[j] < k || c[j] < 0 || c[j] > n[j] {
			return nan, nan, bad("problem %d has %d right of %d samples, k = %d", j, c[j], n[j], k)
		}
		miss := 1.0
		if n[j]-c[j] < k {
			miss = 0
		}
		for x := n[j] - c[j] + 1; x <= n[j] && miss > 0; x++ {
			miss *= 1 - float64(k)/float64(x)
		}
		v[j] = 1 - miss
	}
	se = nan
	if len(v) > 1 {
		se = math.Sqrt(variance(v) / float64(len(v)))
	}
	return mean(v), se, nil
}
