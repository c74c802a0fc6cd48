package stats

import (
	"math"
	"slices"
)

// CorrelationResult is a correlation with its analytic interval.
type CorrelationResult struct {
	N     int      `json:"n"`
	R     float64  `json:"r"`
	P     float64  `json:"p"`
	Lo    float64  `json:"lo"`
	Hi    float64  `json:"hi"`
	Notes []string `json:"notes"`
}

// Pearson is the product-moment correlation with Fisher's interval.
func Pearson(x, y []float64, level float64) (CorrelationResult, error) {
	return correlate(x, y, level, false)
}

// Spearman is the rank correlation with Bonett and Wright's interval.
func Spearman(x, y []float64, level float64) (CorrelationResult, error) {
	return correlate(x, y, level, true)
}

func correlate(x, y []float64, level float64, ranks bool) (CorrelationResult, error) {
	r := CorrelationResult{N: len(x), R: nan, P: nan, Lo: nan, Hi: nan}
	if len(x) != len(y) || !finite(x...) || !finite(y...) {
		return r, bad("%d and %d values, or one is not finite", len(x), len(y))
	}
	if err := levelOK(level); err != nil {
		return r, err
	}
	if len(x) < 3 {
		r.Notes = []string{NoteTooFew}
		return r, nil
	}
	if constant(x) || constant(y) {
		r.Notes = []string{NoteConstant}
		return r, nil
	}
	if ranks {
		x, y = Midranks(x), Midranks(y)
	}
	n := float64(len(x))
	r.R = product(x, y)
	r.P = tP(r.R*math.Sqrt((n-2)/((1-r.R)*(1+r.R))), n-2, TwoSided)
	if n > 3 && math.Abs(r.R) < 1 {
		se := 1 / math.Sqrt(n-3)
		if ranks {
			se = math.Sqrt((1 + r.R*r.R/2) / (n - 3))
		}
		z, k := math.Atanh(r.R), zCritical(level)
		r.Lo, r.Hi = math.Tanh(z-k*se), math.Tanh(z+k*se)
	}
	return r, nil
}

// product is Pearson's r, kept inside [-1, 1]; a value within rounding of an
// end is that end.
func product(x, y []float64) float64 {
	mx, my := mean(x), mean(y)
	var a, b, c float64
	for i := range x {
		a += (x[i] - mx) * (y[i] - my)
		b += (x[i] - mx) * (x[i] - mx)
		c += (y[i] - my) * (y[i] - my)
	}
	return snap(a / math.Sqrt(b*c))
}

func snap(r float64) float64 {
	if 1-math.Abs(r) < 1e-15 {
		return math.Copysign(1, r)
	}
	return r
}

// KendallResult is Kendall's tau-b.
type KendallResult struct {
	TauB  float64  `json:"tau_b"`
	P     float64  `json:"p"`
	Notes []string `json:"notes"`
}

// Kendall is tau-b with the tie-corrected normal p-value, without continuity
// correction, in n log n (Knight 1966).
func Kendall(x, y []float64) (KendallResult, error) {
	r := KendallResult{TauB: nan, P: nan}
	if len(x) != len(y) || !finite(x...) || !finite(y...) {
		return r, bad("%d and %d values, or one is not finite", len(x), len(y))
	}
	switch {
	case len(x) < 3:
		r.Notes = []string{NoteTooFew}
		return r, nil
	case constant(x) || constant(y):
		r.Notes = []string{NoteConstant}
		return r, nil
	}
	n := float64(len(x))
	x2, x3, x5 := tieSums(x)
	y2, y3, y5 := tieSums(y)
	m := n * (n - 1)
	s := concordance(x, y)
	r.TauB = snap(s / math.Sqrt((m-x2)/2*((m-y2)/2)))
	v := (m*(2*n+5)-x5-y5)/18 + x2*y2/(2*m) + x3*y3/(9*m*(n-2))
	if v > 0 {
		r.P = math.Min(1, 2*normalTail(math.Abs(s)/math.Sqrt(v)))
	}
	return r, nil
}

// tieSums are the sums over tie groups of t(t-1), t(t-1)(t-2), t(t-1)(2t+5).
func tieSums(x []float64) (t2, t3, t5 float64) {
	v := sorted(x)
	for i := 0; i < len(v); {
		j := i
		for j < len(v) && v[j] == v[i] {
			j++
		}
		t := float64(j - i)
		t2 += t * (t - 1)
		t3 += t * (t - 1) * (t - 2)
		t5 += t * (t - 1) * (2*t + 5)
		i = j
	}
	return t2, t3, t5
}

// concordance is the number of concordant minus discordant pairs.
func concordance(x, y []float64) float64 {
	id := order(x)
	for i := 0; i < len(id); { // by x, then by y
		j := i
		for j < len(id) && x[id[j]] == x[id[i]] {
			j++
		}
		slices.SortFunc(id[i:j], func(a, b int) int {
			switch {
			case y[a] < y[b]:
				return -1
			case y[a] > y[b]:
				return 1
			}
			return 0
		})
		i = j
	}
	v := make([]float64, len(id))
	pairs := func(same func(a, b int) bool) float64 { // pairs inside runs of equal elements
		total, run := 0.0, 0.0
		for i := range id {
			if i > 0 && same(id[i-1], id[i]) {
				run++
			} else {
				run = 0
			}
			total += run
		}
		return total
	}
	tiedX := pairs(func(a, b int) bool { return x[a] == x[b] })
	tiedBoth := pairs(func(a, b int) bool { return x[a] == x[b] && y[a] == y[b] })
	for i, k := range id {
		v[i] = y[k]
	}
	discordant := inversions(v, make([]float64, len(v))) // sorts v
	y2, _, _ := tieSums(v)
	n := float64(len(v))
	return n*(n-1)/2 - tiedX - y2/2 + tiedBoth - 2*discordant
}

// inversions sorts v and counts the pairs that were in descending order.
func inversions(v, tmp []float64) float64 {
	if len(v) < 2 {
		return 0
	}
	h := len(v) / 2
	c := inversions(v[:h], tmp[:h]) + inversions(v[h:], tmp[h:])
	i, j := 0, h
	for k := range tmp {
		if j == len(v) || i < h && v[i] <= v[j] {
			tmp[k] = v[i]
			i++
		} else {
			tmp[k] = v[j]
			c += float64(h - i)
			j++
		}
	}
	copy(v, tmp)
	return c
}
