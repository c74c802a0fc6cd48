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

// Run draws B replicates. No replicate is ever materialised: a sampler is told
// which units were drawn and keeps what its statistic depends on.
func (q Bootstrap) Run() (BootstrapResult, error) {
	r := BootstrapResult{Estimate: nan, SE: nan, Lo: nan, Hi: nan}
	if q.Level == 0 {
		q.Level = DefaultLevel
	}
	if err := q.check(); err != nil {
		return r, err
	}
	units, blocks := q.units()
	s := q.sampler(units)
	for u := range units {
		s.add(u)
	}
	r.Estimate = s.value()
	var kept []float64
	for k := range q.B {
		s.reset()
		key, draw := seed.At(q.Seed, uint64(k)), uint64(0)
		for _, block := range blocks {
			for range block {
				s.add(block[key.Index(draw, len(block))])
				draw++
			}
		}
		if v := s.value(); !math.IsNaN(v) {
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

func (q Bootstrap) check() error {
	if err := levelOK(q.Level); err != nil {
		return err
	}
	paired := q.Stat != StatMean && q.Stat != StatIQM
	switch {
	case len(q.X) == 0 || !finite(q.X...) || !finite(q.Y...):
		return bad("%d values, or one is not finite", len(q.X))
	case paired && len(q.Y) != len(q.X):
		return bad("%d and %d values", len(q.X), len(q.Y))
	case q.Cluster != nil && q.Strata != nil:
		return bad("clusters together with strata")
	case q.Cluster != nil && len(q.Cluster) != len(q.X), q.Strata != nil && len(q.Strata) != len(q.X):
		return bad("labels do not fit %d values", len(q.X))
	case q.B < 1:
		return bad("%d replicates", q.B)
	}
	switch q.Stat {
	case StatMean, StatIQM, StatPearson, StatSpearman:
		return nil
	case StatAUROC, StatAP:
		for i, v := range q.Y {
			if v != 0 && v != 1 {
				return bad("label %d is %v, must be 0 or 1", i, v)
			}
		}
		return nil
	}
	return bad("stat is %q", q.Stat)
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
