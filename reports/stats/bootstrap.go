package stats

import (
	"math"

	"hardneg/fixtures/seed"
)

// Statistics that the bootstrap knows.
const (
	StatMean     = "mean"
	StatIQM      = "iqm"
	StatPearson  = "pearson"
	StatSpearman = "spearman"
	StatAUROC    = "auroc"
	StatAP       = "average_precision"
)

// Bootstrap asks for a percentile interval. For auroc and average_precision X
// is the score and Y the 0/1 label. Cluster resamples whole groups, Strata
// resamples within groups; not both.
type Bootstrap struct {
	Stat    string
	X, Y    []float64
	Cluster []int
	Strata  []int
	B       int
	Seed    uint64
	Level   float64 // 0 = 0.95
}

// BootstrapResult is the interval; undefined replicates are dropped, and more
// than 5 % of them leave it undefined.
type BootstrapResult struct {
	Estimate float64 `json:"estimate"`
	SE       float64 `json:"se"`
	Lo       float64 `json:"lo"`
	Hi       float64 `json:"hi"`
	Kept     int     `json:"kept"`
}

// Run draws B replicates. A replicate is a vector of multiplicities: every
// statistic here depends on nothing else, and needs no sorting after the first
// time.
func (q Bootstrap) Run() (BootstrapResult, error) {
	r := BootstrapResult{Estimate: nan, SE: nan, Lo: nan, Hi: nan}
	if q.Level == 0 {
		q.Level = DefaultLevel
	}
	w, err := q.weigher()
	if err != nil {
		return r, err
	}
	units, blocks := q.units()
	ones := make([]float64, len(q.X))
	for i := range ones {
		ones[i] = 1
	}
	r.Estimate = w.stat(ones)
	var kept []float64
	times := make([]float64, len(q.X))
	for k := range q.B {
		clear(times)
		key, draw := seed.At(q.Seed, uint64(k)), uint64(0)
		for _, block := range blocks {
			for range block {
				for _, i := range units[block[key.Index(draw, len(block))]] {
					times[i]++
				}
				draw++
			}
		}
		if v := w.stat(times); !math.IsNaN(v) {
			kept = append(kept, v)
		}
	}
	r.Kept = len(kept)
	if float64(r.Kept) >= .95*float64(q.B) && r.Kept > 1 {
		r.SE = math.Sqrt(variance(kept))
		v := sorted(kept)
		r.Lo, r.Hi = quantile7(v, (1-q.Level)/2), quantile7(v, 1-(1-q.Level)/2)
	}
	return r, nil
}

// units are the rows that are drawn together; blocks are the units among which
// a draw chooses. Both in order of first appearance.
func (q Bootstrap) units() (units, blocks [][]int) {
	if q.Cluster != nil {
		units = members(q.Cluster)
	} else {
		for i := range q.X {
			units = append(units, []int{i})
		}
	}
	if q.Strata != nil {
		return units, members(q.Strata)
	}
	all := make([]int, len(units))
	for i := range all {
		all[i] = i
	}
	return units, [][]int{all}
}

func members(group []int) [][]int {
	m := make([][]int, groupCount(group))
	for i, g := range group {
		m[g] = append(m[g], i)
	}
	return m
}

// weigher evaluates one statistic under multiplicities.
type weigher struct {
	kind   string
	x, y   []float64
	label  []int
	ix, iy []int // orders of x and y
	rx, ry []float64
}

func (q Bootstrap) weigher() (*weigher, error) {
	if err := levelOK(q.Level); err != nil {
		return nil, err
	}
	paired := q.Stat != StatMean && q.Stat != StatIQM
	switch {
	case len(q.X) == 0 || !finite(q.X...) || !finite(q.Y...):
		return nil, bad("%d values, or one is not finite", len(q.X))
	case paired && len(q.Y) != len(q.X):
		return nil, bad("%d and %d values", len(q.X), len(q.Y))
	case q.Cluster != nil && q.Strata != nil:
		return nil, bad("clusters together with strata")
	case q.Cluster != nil && len(q.Cluster) != len(q.X), q.Strata != nil && len(q.Strata) != len(q.X):
		return nil, bad("labels do not fit %d values", len(q.X))
	case q.B < 1:
		return nil, bad("%d replicates", q.B)
	}
	w := &weigher{kind: q.Stat, x: q.X, y: q.Y}
	switch q.Stat {
	case StatMean, StatPearson:
	case StatIQM:
		w.ix = order(q.X)
	case StatSpearman:
		w.ix, w.iy = order(q.X), order(q.Y)
		w.rx, w.ry = make([]float64, len(q.X)), make([]float64, len(q.X))
	case StatAUROC, StatAP:
		w.ix, w.label = order(q.X), make([]int, len(q.Y))
		for i, v := range q.Y {
			if v != 0 && v != 1 {
				return nil, bad("label %d is %v, must be 0 or 1", i, v)
			}
			w.label[i] = int(v)
		}
	default:
		return nil, bad("stat is %q", q.Stat)
	}
	return w, nil
}

// stat is NaN where the statistic is undefined.
func (w *weigher) stat(times []float64) float64 {
	switch w.kind {
	case StatMean:
		return weightedMean(w.x, times)
	case StatIQM:
		return w.iqm(times)
	case StatPearson:
		return weightedProduct(w.x, w.y, times)
	case StatSpearman:
		weightedMidranks(w.ix, w.x, times, w.rx)
		weightedMidranks(w.iy, w.y, times, w.ry)
		return weightedProduct(w.rx, w.ry, times)
	case StatAUROC:
		return w.auroc(times)
	}
	if w.oneClass(times) {
		return nan
	}
	return weightedAP(w.ix, w.x, w.label, times)
}

func weightedMean(x, times []float64) float64 {
	s, n := 0.0, 0.0
	for i, v := range x {
		s += times[i] * v
		n += times[i]
	}
	return s / n
}

// iqm drops ⌊n/4⌋ drawn values at each end.
func (w *weigher) iqm(times []float64) float64 {
	n := sum(times)
	from := math.Floor(n / 4)
	to := n - from
	s, at := 0.0, 0.0
	for _, i := range w.ix {
		s += w.x[i] * math.Max(0, math.Min(at+times[i], to)-math.Max(at, from))
		at += times[i]
	}
	return s / (to - from)
}

// weightedProduct is Pearson's r of the drawn rows, NaN where either side is
// constant among them.
func weightedProduct(x, y, times []float64) float64 {
	first := -1
	movesX, movesY := false, false
	for i, t := range times {
		if t == 0 {
			continue
		}
		if first < 0 {
			first = i
		}
		movesX = movesX || x[i] != x[first]
		movesY = movesY || y[i] != y[first]
	}
	if !movesX || !movesY {
		return nan
	}
	mx, my := weightedMean(x, times), weightedMean(y, times)
	var a, b, c float64
	for i, t := range times {
		if t == 0 {
			continue
		}
		dx, dy := x[i]-mx, y[i]-my
		a += t * dx * dy
		b += t * dx * dx
		c += t * dy * dy
	}
	return snap(a / math.Sqrt(b*c))
}

// weightedMidranks writes the midranks of the drawn rows into r; id sorts x.
func weightedMidranks(id []int, x, times, r []float64) {
	below := 0.0
	for i := 0; i < len(id); {
		j, t := i, 0.0
		for j < len(id) && x[id[j]] == x[id[i]] {
			t += times[id[j]]
			j++
		}
		for _, k := range id[i:j] {
			r[k] = below + (t+1)/2
		}
		below += t
		i = j
	}
}

func (w *weigher) oneClass(times []float64) bool {
	var n [2]float64
	for i, l := range w.label {
		n[l] += times[i]
	}
	return n[0] == 0 || n[1] == 0
}

// auroc is the share of (positive, negative) pairs in the right order, ties
// half.
func (w *weigher) auroc(times []float64) float64 {
	var won, below, positives float64 // below: negatives with a smaller score
	for i := 0; i < len(w.ix); {
		j := i
		var n [2]float64
		for j < len(w.ix) && w.x[w.ix[j]] == w.x[w.ix[i]] {
			n[w.label[w.ix[j]]] += times[w.ix[j]]
			j++
		}
		won += n[1] * (below + n[0]/2)
		below += n[0]
		positives += n[1]
		i = j
	}
	if below == 0 || positives == 0 {
		return nan
	}
	return won / (below * positives)
}
