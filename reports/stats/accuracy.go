package stats

import (
	"math"
)

// AccuracyResult is one arm's accuracy with an interval for new seeds and
// problems.
type AccuracyResult struct {
	Mean    float64  `json:"mean"`
	SDSeeds float64  `json:"sd_seeds"` // across seeds, ddof 1
	SE      float64  `json:"se"`
	DF      float64  `json:"df"` // NaN where the normal quantile is used
	NEff    float64  `json:"n_eff"`
	Lo      float64  `json:"lo"`
	Hi      float64  `json:"hi"`
	S       int      `json:"s"`
	N       int      `json:"n"` // columns after clustering
	Notes   []string `json:"notes"`
}

// OneArm asks for the accuracy of one arm; Strata as in Crossed.
type OneArm struct {
	Y       Trials
	Cluster []int
	Strata  []int
	Weights []float64
	Level   float64
}

// Accuracy is OneArm without strata.
func Accuracy(y Trials, cluster []int, level float64) (AccuracyResult, error) {
	return OneArm{Y: y, Cluster: cluster, Level: level}.Accuracy()
}

// Accuracy is the Wilson interval with the effective sample size that the
// crossed analysis of the single arm implies (after Korn and Graubard).
func (q OneArm) Accuracy() (AccuracyResult, error) {
	r := AccuracyResult{Mean: nan, SDSeeds: nan, SE: nan, DF: nan, NEff: nan, Lo: nan, Hi: nan}
	if err := levelOK(q.Level); err != nil {
		return r, err
	}
	rows, err := r.rows(q.Y, q.Cluster)
	if err != nil {
		return r, err
	}
	c := rows
	switch {
	case q.Cluster != nil:
		c = byCluster(rows, q.Cluster)
	case q.Strata != nil:
		c = byStratum(rows, q.Strata, q.Weights)
		rows = c // the weighted outcomes: their mean is the estimate
	}
	p := grand(rows)
	r.Mean, r.S, r.N = p, len(rows), len(c[0])
	v := r.variance(rows, c, q.Cluster != nil || q.Strata != nil && len(rows) == 1)
	k := zCritical(q.Level)
	if p <= tinyShare || p >= 1-tinyShare || v <= tinyVariance {
		note := NoteDegenerate
		if p >= 1-tinyShare {
			note = NoteAllCorrect
		} else if p <= tinyShare {
			note = NoteAllWrong
		}
		r.Notes = append(r.Notes, note)
		r.NEff, r.SE, r.DF = float64(r.N), 0, nan
	} else {
		r.NEff = math.Min(math.Max(p*(1-p)/v, 1), float64(len(rows)*len(rows[0])))
		r.SE = math.Sqrt(v)
		if !math.IsNaN(r.DF) {
			k = TCritical(q.Level, r.DF)
		}
	}
	lo, hi := wilson(p, r.NEff, k)
	r.Lo, r.Hi = math.Max(0, lo), math.Min(1, hi)
	r.Notes = sortedNotes(r.Notes)
	return r, nil
}

// rows drops missing trials and counts missing answers as wrong.
func (r *AccuracyResult) rows(y Trials, cluster []int) ([][]float64, error) {
	var rows [][]float64
	for _, row := range y {
		if row == nil {
			continue
		}
		clean := make([]float64, len(row))
		for j, v := range row {
			if v == v {
				clean[j] = v
			} else {
				r.Notes = append(r.Notes, NoteImputedWrong)
			}
		}
		rows = append(rows, clean)
	}
	if len(rows) == 0 {
		return nil, bad("no trial")
	}
	for _, row := range rows {
		if len(row) == 0 || len(row) != len(rows[0]) || cluster != nil && len(row) != len(cluster) {
			return nil, bad("rows of %d and %d problems, %d cluster labels", len(rows[0]), len(row), len(cluster))
		}
	}
	if len(rows) < len(y) {
		r.Notes = append(r.Notes, NoteMissingSeeds)
	}
	return rows, nil
}

// variance of the mean; sets SDSeeds and DF.
func (r *AccuracyResult) variance(rows, c [][]float64, clustered bool) float64 {
	s, n := float64(len(rows)), float64(len(c[0]))
	if len(rows) == 1 {
		if clustered && len(c[0]) > 1 {
			r.DF = n - 1
			return variance(c[0]) / n
		}
		return r.Mean * (1 - r.Mean) / n
	}
	means := make([]float64, len(rows))
	for i, row := range rows {
		means[i] = mean(row)
	}
	r.SDSeeds = math.Sqrt(variance(means))
	if len(c[0]) < 2 {
		return r.SDSeeds * r.SDSeeds / s
	}
	a, b, e := meanSquares(c)
	star := math.Max(a, e)
	num := star + math.Max(b-e, 0)
	r.DF = n - 1
	if star > 0 {
		r.DF = math.Min(r.DF, (s-1)*(num/star)*(num/star))
	}
	return num / (s * n)
}
