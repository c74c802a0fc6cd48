package stats

import (
	"math"
)

// RliableResult holds rliable's aggregate measures over runs × tasks.
type RliableResult struct {
	Mean            float64   `json:"mean"`
	Median          float64   `json:"median"`
	IQM             float64   `json:"iqm"`
	OptimalityGap   float64   `json:"optimality_gap"`
	ProbImprovement float64   `json:"prob_improvement"`
	Profile         []float64 `json:"profile"` // share of runs above each tau
}

// Rliable aggregates x (runs × tasks) and compares it with y.
func Rliable(x, y [][]float64, taus []float64) (RliableResult, error) {
	if len(x) == 0 || len(x[0]) == 0 {
		return RliableResult{}, bad("no runs")
	}
	tasks := len(x[0])
	for _, m := range [][][]float64{x, y} {
		for i, row := range m {
			if len(row) != tasks || !finite(row...) {
				return RliableResult{}, bad("run %d has %d tasks, others %d, or one value is not finite", i, len(row), tasks)
			}
		}
	}
	var flat []float64
	for _, row := range x {
		flat = append(flat, row...)
	}
	r := RliableResult{ProbImprovement: nan, Profile: make([]float64, len(taus)), IQM: interquartileMean(sorted(flat))}
	taskMeans := make([]float64, tasks)
	for t := range tasks {
		for _, row := range x {
			taskMeans[t] += row[t] / float64(len(x))
		}
	}
	r.Mean, r.Median = mean(taskMeans), median(sorted(taskMeans))
	if len(y) > 0 {
		r.ProbImprovement = superiority(x, y)
	}
	short := 0.0
	for _, v := range flat {
		short += math.Min(v, 1)
		for i, tau := range taus {
			if v > tau {
				r.Profile[i] += 1 / float64(len(flat))
			}
		}
	}
	r.OptimalityGap = 1 - short/float64(len(flat))
	return r, nil
}

// superiority is P(X > Y) + ½ P(X = Y), averaged over tasks.
func superiority(x, y [][]float64) float64 {
	total := 0.0
	for t := range x[0] {
		for _, a := range x {
			for _, b := range y {
				switch {
				case a[t] > b[t]:
					total++
				case a[t] == b[t]:
					total += .5
				}
			}
		}
	}
	return total / float64(len(x)*len(y)*len(x[0]))
}

// interquartileMean drops ⌊n/4⌋ of the sorted values at each end.
func interquartileMean(v []float64) float64 {
	g := len(v) / 4
	return mean(v[g : len(v)-g])
}

// ExpectedMaxResult is the expected best of n trials.
type ExpectedMaxResult struct {
	WithReplacement float64 `json:"with_replacement"`
	Unbiased        float64 `json:"unbiased"`
}

// ExpectedMax is the expected best validation result of a tuning budget of n
// trials (Dodge 2019), with replacement and without.
func ExpectedMax(values []float64, n int) (ExpectedMaxResult, error) {
	total := len(values)
	if n < 1 || n > total || !finite(values...) {
		return ExpectedMaxResult{}, bad("budget %d of %d trials", n, total)
	}
	v := sorted(values)
	var r ExpectedMaxResult
	u := float64(n) / float64(total) // C(j-1, n-1) / C(total, n), from j = total down
	for j := total; j >= 1; j-- {
		share := func(k int) float64 { return math.Pow(float64(k)/float64(total), float64(n)) }
		r.WithReplacement += v[j-1] * (share(j) - share(j-1))
		r.Unbiased += v[j-1] * u
		if j > 1 {
			u *= float64(j-n) / float64(j-1)
		}
	}
	return r, nil
}
