package stats

import (
	"math"
)

// PairedTResult is the t test over paired differences.
type PairedTResult struct {
	N     int      `json:"n"`
	Mean  float64  `json:"mean"`
	SD    float64  `json:"sd"`
	SE    float64  `json:"se"`
	T     float64  `json:"t"`
	DF    float64  `json:"df"`
	P     float64  `json:"p"`
	Lo    float64  `json:"lo"`
	Hi    float64  `json:"hi"`
	DZ    float64  `json:"dz"`
	GZ    float64  `json:"gz"` // with Hedges' correction
	Notes []string `json:"notes"`
}

// PairedT tests a-b; a pair with a NaN is left out.
func PairedT(a, b []float64, level float64) (PairedTResult, error) {
	if len(a) != len(b) {
		return PairedTResult{}, bad("%d and %d values", len(a), len(b))
	}
	if err := levelOK(level); err != nil {
		return PairedTResult{}, err
	}
	var d []float64
	for j := range a {
		if !math.IsNaN(a[j]) && !math.IsNaN(b[j]) {
			d = append(d, a[j]-b[j])
		}
	}
	r := PairedTResult{N: len(d), Mean: nan, SD: nan, SE: nan, T: nan, DF: nan, P: nan, Lo: nan, Hi: nan, DZ: nan, GZ: nan}
	if len(d) > 0 {
		r.Mean = mean(d)
	}
	if len(d) < 2 {
		r.Notes = []string{NoteTooFew}
		return r, nil
	}
	n, v := float64(len(d)), variance(d)
	r.DF = n - 1
	if v <= tinyVariance {
		r.SD, r.SE, r.Notes = 0, 0, []string{NoteDegenerate}
		if math.Abs(r.Mean) < tinyEffect {
			r.P = 1
		}
		return r, nil
	}
	r.SD = math.Sqrt(v)
	r.SE = r.SD / math.Sqrt(n)
	r.T = r.Mean / r.SE
	r.P = tP(r.T, r.DF, TwoSided)
	h := TCritical(level, r.DF) * r.SE
	r.Lo, r.Hi, r.DZ = r.Mean-h, r.Mean+h, r.Mean/r.SD
	if len(d) > 2 {
		r.GZ = hedgesJ(n-1) * r.DZ
	}
	return r, nil
}

// WelchResult is the t test of two independent samples.
type WelchResult struct {
	Diff    float64 `json:"diff"`
	T       float64 `json:"t"`
	DF      float64 `json:"df"`
	P       float64 `json:"p"`
	Lo      float64 `json:"lo"`
	Hi      float64 `json:"hi"`
	CohenD  float64 `json:"cohen_d"` // pooled sd
	HedgesG float64 `json:"hedges_g"`
}

// WelchT compares the means of a and b without assuming equal variances.
func WelchT(a, b []float64, level float64) (WelchResult, error) {
	if err := levelOK(level); err != nil {
		return WelchResult{}, err
	}
	if len(a) < 2 || len(b) < 2 {
		return WelchResult{}, bad("%d and %d values, each needs 2", len(a), len(b))
	}
	n1, n2 := float64(len(a)), float64(len(b))
	v1, v2 := variance(a), variance(b)
	r := WelchResult{Diff: mean(a) - mean(b), T: nan, DF: nan, P: nan, Lo: nan, Hi: nan, CohenD: nan, HedgesG: nan}
	u, v := v1/n1, v2/n2
	if u+v <= tinyVariance {
		if math.Abs(r.Diff) < tinyEffect {
			r.P = 1
		}
		return r, nil
	}
	r.DF = (u + v) * (u + v) / (u*u/(n1-1) + v*v/(n2-1))
	se := math.Sqrt(u + v)
	r.T = r.Diff / se
	r.P = tP(r.T, r.DF, TwoSided)
	h := TCritical(level, r.DF) * se
	r.Lo, r.Hi = r.Diff-h, r.Diff+h
	r.CohenD = r.Diff / math.Sqrt(((n1-1)*v1+(n2-1)*v2)/(n1+n2-2))
	r.HedgesG = hedgesJ(n1+n2-2) * r.CohenD
	return r, nil
}

// WilcoxonResult is the exact signed-rank test.
type WilcoxonResult struct {
	N     int     `json:"n"` // non-zero differences
	WPlus float64 `json:"w_plus"`
	P     float64 `json:"p"`
}

// Wilcoxon tests symmetry of d about 0: zeros dropped, midranks, the exact
// conditional distribution over all signs.
func Wilcoxon(d []float64) WilcoxonResult {
	var kept, size []float64
	for _, v := range d {
		if v != 0 {
			kept, size = append(kept, v), append(size, math.Abs(v))
		}
	}
	if len(kept) == 0 {
		return WilcoxonResult{P: 1}
	}
	q := doubled(Midranks(size))
	total, w := 0, 0
	for j, v := range q {
		total += v
		if kept[j] > 0 {
			w += v
		}
	}
	f := make([]float64, total+1) // f[s] = P(doubled W+ = s)
	f[0] = 1
	top := 0
	for _, v := range q {
		top += v
		for s := top; s >= 0; s-- {
			x := f[s]
			if s >= v {
				x += f[s-v]
			}
			f[s] = x / 2
		}
	}
	return WilcoxonResult{len(kept), float64(w) / 2, twoSided(sum(f[:w+1]), sum(f[w:]))}
}

// SignFlipResult is the exact randomisation test over signs.
type SignFlipResult struct {
	N      int     `json:"n"`
	Mean   float64 `json:"mean"`
	P      float64 `json:"p"`
	PFloor float64 `json:"p_floor"` // smallest p that n differences can give
}

// SignFlip tests the mean of up to 20 differences over all 2ⁿ sign patterns;
// sums within 1e-12·Σ|d| of the observed one count as equal.
func SignFlip(d []float64, alternative string) (SignFlipResult, error) {
	n := len(d)
	if n < 1 || n > 20 {
		return SignFlipResult{}, bad("%d differences, needs 1 to 20", n)
	}
	if err := alternativeOK(alternative); err != nil {
		return SignFlipResult{}, err
	}
	sums := make([]float64, 1, 1<<n)
	t, size := 0.0, 0.0
	for _, v := range d {
		t += v
		size += math.Abs(v)
		for _, s := range sums {
			sums = append(sums, s-v)
		}
		for i := range len(sums) / 2 {
			sums[i] += v
		}
	}
	tol, count, floor := 1e-12*size, 0, 2.0
	if alternative == Greater || alternative == Less {
		floor = 1
	}
	for _, s := range sums {
		if extreme(s, t, tol, alternative) {
			count++
		}
	}
	all := math.Ldexp(1, n)
	return SignFlipResult{n, mean(d), float64(count) / all, math.Min(1, floor/all)}, nil
}

func extreme(s, t, tol float64, alternative string) bool {
	switch alternative {
	case Greater:
		return s >= t-tol
	case Less:
		return s <= t+tol
	}
	return math.Abs(s) >= math.Abs(t)-tol
}

// ClusteredMeanResult is a mean with its naive and clustered standard error.
type ClusteredMeanResult struct {
	Mean      float64 `json:"mean"`
	SENaive   float64 `json:"se_naive"`
	SECluster float64 `json:"se_cluster"` // CR1
	G         int     `json:"g"`
	DF        float64 `json:"df"`
	Lo        float64 `json:"lo"`
	Hi        float64 `json:"hi"`
}

// ClusteredMean is the mean of x whose values share clusters.
func ClusteredMean(x []float64, cluster []int, level float64) (ClusteredMeanResult, error) {
	if err := levelOK(level); err != nil {
		return ClusteredMeanResult{}, err
	}
	if len(x) == 0 || len(x) != len(cluster) {
		return ClusteredMeanResult{}, bad("%d values in %d clusters", len(x), len(cluster))
	}
	g := groupCount(cluster)
	r := ClusteredMeanResult{Mean: mean(x), G: g, SENaive: nan, SECluster: nan, DF: nan, Lo: nan, Hi: nan}
	total := make([]float64, g)
	for j, v := range x {
		total[cluster[j]] += v - r.Mean
	}
	ss := 0.0
	for _, v := range total {
		ss += v * v
	}
	if len(x) > 1 {
		r.SENaive = math.Sqrt(variance(x) / float64(len(x)))
	}
	if g > 1 {
		r.DF = float64(g - 1)
		r.SECluster = math.Sqrt(float64(g)/float64(g-1)*ss) / float64(len(x))
		h := TCritical(level, r.DF) * r.SECluster
		r.Lo, r.Hi = r.Mean-h, r.Mean+h
	}
	return r, nil
}
