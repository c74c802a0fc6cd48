package stats

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/combin"
)

// exactMannWhitney: up to this many values in all the distribution is exact.
const exactMannWhitney = 40

// MannWhitneyResult compares two samples by ranks.
type MannWhitneyResult struct {
	U               float64 `json:"u"`
	P               float64 `json:"p"`
	ProbSuperiority float64 `json:"prob_superiority"`
	Exact           bool    `json:"exact"`
}

// MannWhitney tests x against y: the exact conditional distribution up to 40
// values, else the normal one with tie and continuity correction.
func MannWhitney(x, y []float64, alternative string) (MannWhitneyResult, error) {
	n1, n2 := len(x), len(y)
	if n1 == 0 || n2 == 0 || !finite(x...) || !finite(y...) {
		return MannWhitneyResult{}, bad("%d and %d values, or one is not finite", n1, n2)
	}
	if err := alternativeOK(alternative); err != nil {
		return MannWhitneyResult{}, err
	}
	z := slices.Concat(x, y)
	q := doubled(Midranks(z))
	t := 0
	for _, v := range q[:n1] {
		t += v
	}
	u := float64(t-n1*(n1+1)) / 2
	r := MannWhitneyResult{U: u, P: 1, ProbSuperiority: u / float64(n1*n2), Exact: n1+n2 <= exactMannWhitney}
	switch {
	case constant(z):
	case r.Exact:
		le, ge := rankSumTails(q, n1, t)
		r.P = pick(le, ge, alternative)
	default:
		r.P = mannWhitneyNormal(u, z, float64(n1), float64(n2), alternative)
	}
	return r, nil
}

func pick(le, ge float64, alternative string) float64 {
	switch alternative {
	case Greater:
		return math.Min(1, ge)
	case Less:
		return math.Min(1, le)
	}
	return twoSided(le, ge)
}

// rankSumTails are P(T ≤ t) and P(T ≥ t) for the sum of n of the doubled ranks.
func rankSumTails(q []int, n, t int) (le, ge float64) {
	total := 0
	for _, v := range q {
		total += v
	}
	f := make([][]float64, n+1) // f[j][s] = subsets of size j with sum s
	for j := range f {
		f[j] = make([]float64, total+1)
	}
	f[0][0] = 1
	for _, v := range q {
		for j := n; j > 0; j-- {
			for s := total; s >= v; s-- {
				f[j][s] += f[j-1][s-v]
			}
		}
	}
	all := sum(f[n])
	return sum(f[n][:t+1]) / all, sum(f[n][t:]) / all
}

func mannWhitneyNormal(u float64, z []float64, n1, n2 float64, alternative string) float64 {
	n := n1 + n2
	t3 := 0.0
	v := sorted(z)
	for i := 0; i < len(v); {
		j := i
		for j < len(v) && v[j] == v[i] {
			j++
		}
		t := float64(j - i)
		t3 += t*t*t - t
		i = j
	}
	sd := math.Sqrt(n1 * n2 / 12 * (n + 1 - t3/(n*(n-1))))
	mu := n1 * n2 / 2
	switch alternative {
	case Greater:
		return math.Min(1, normalTail((u-mu-.5)/sd))
	case Less:
		return math.Min(1, normalTail((mu-u-.5)/sd))
	}
	return math.Min(1, 2*normalTail((math.Abs(u-mu)-.5)/sd))
}

// MedianResult is a median with its order-statistic interval.
type MedianResult struct {
	Median   float64 `json:"median"`
	Lo       float64 `json:"lo"`
	Hi       float64 `json:"hi"`
	Coverage float64 `json:"coverage"`
}

// MedianCI is the distribution-free interval of the median; undefined where
// there are too few values for the level.
func MedianCI(x []float64, level float64) (MedianResult, error) {
	if err := levelOK(level); err != nil {
		return MedianResult{}, err
	}
	if len(x) == 0 || !finite(x...) {
		return MedianResult{}, bad("%d values, or one is not finite", len(x))
	}
	v, n := sorted(x), len(x)
	r := MedianResult{Median: median(v), Lo: nan, Hi: nan, Coverage: nan}
	l := 0
	for l < n && 2*coinCDF(l, n) <= 1-level {
		l++
	}
	if l > 0 {
		r.Lo, r.Hi, r.Coverage = v[l-1], v[n-l], 1-2*coinCDF(l-1, n)
	}
	return r, nil
}

// PageResult is Page's test for an ordered alternative.
type PageResult struct {
	L float64 `json:"l"`
	P float64 `json:"p"`
}

// Page tests whether the columns of m (one row a seed) increase, exactly, by
// convolving the k! conditional distributions of the rows.
func Page(m [][]float64) (PageResult, error) {
	if len(m) == 0 || len(m[0]) < 3 || len(m[0]) > 8 {
		return PageResult{}, bad("Page's test needs 3 to 8 columns")
	}
	k := len(m[0])
	perms := combin.Permutations(k, k)
	seen := map[string][]float64{} // distribution by multiset of doubled ranks
	f, l := []float64{1}, 0
	for i, row := range m {
		if len(row) != k || !finite(row...) {
			return PageResult{}, bad("row %d has %d columns, others %d, or one is not finite", i, len(row), k)
		}
		q := doubled(Midranks(row))
		for j, v := range q {
			l += (j + 1) * v
		}
		slices.Sort(q)
		key := string(runes(q))
		if seen[key] == nil {
			seen[key] = pageRow(q, perms)
		}
		f = convolve(f, seen[key])
	}
	return PageResult{float64(l) / 2, math.Min(1, sum(f[l:]))}, nil
}

func runes(q []int) []rune {
	r := make([]rune, len(q))
	for i, v := range q {
		r[i] = rune(v)
	}
	return r
}

// pageRow is the distribution of Σ weight·doubled rank over all orders.
func pageRow(q []int, perms [][]int) []float64 {
	top := 0
	for j := range q {
		top += (j + 1) * 2 * len(q)
	}
	f := make([]float64, top+1)
	for _, p := range perms {
		s := 0
		for j, e := range p {
			s += (j + 1) * q[e]
		}
		f[s]++
	}
	for s := range f {
		f[s] /= float64(len(perms))
	}
	return f
}

func convolve(f, g []float64) []float64 {
	h := make([]float64, len(f)+len(g)-1)
	for a, u := range f {
		if u == 0 {
			continue
		}
		for b, w := range g {
			h[a+b] += u * w
		}
	}
	return h
}
