package stats

import (
	"math"

	"hardneg/fixtures/seed"
)

// EDivisiveResult is the most likely single change point of a series.
type EDivisiveResult struct {
	Tau int     `json:"tau"` // first index after the change
	Q   float64 `json:"q"`
	P   float64 `json:"p"`
}

// EDivisive finds where the distribution of x changes by the energy distance,
// at least two points a side, with a seeded permutation p-value.
func EDivisive(x []float64, permutations int, root uint64) (EDivisiveResult, error) {
	if len(x) < 4 || permutations < 0 || !finite(x...) {
		return EDivisiveResult{}, bad("%d points, needs 4, or one is not finite", len(x))
	}
	e := energy{row: make([]float64, len(x)), q: make([]float64, len(x))}
	var r EDivisiveResult
	r.Tau, r.Q = e.split(x)
	count, y := 0, make([]float64, len(x))
	for k := range permutations {
		for a, b := range seed.At(root, uint64(k)).Perm(len(x)) {
			y[a] = x[b]
		}
		if _, q := e.split(y); q >= r.Q-slack(r.Q) {
			count++
		}
	}
	r.P = float64(1+count) / float64(1+permutations)
	return r, nil
}

func slack(q float64) float64 { return 1e-12 * (1 + math.Abs(q)) }

// energy is the working space of split.
type energy struct{ row, q []float64 }

// split returns the first split whose statistic is within rounding of the top
// one. Moving point t from right to left changes the three sums by its
// distances, so all splits together need n² distances.
func (e energy) split(x []float64) (tau int, best float64) {
	n := len(x)
	var left, right, between float64 // sums of distances inside and between the sides
	for i := range x {
		for j := i + 1; j < n; j++ {
			right += math.Abs(x[i] - x[j])
		}
	}
	best = math.Inf(-1)
	for t := 1; t <= n-2; t++ { // point t-1 moves to the left
		var toLeft, toRight float64
		for j, v := range x {
			d := math.Abs(v - x[t-1])
			if j < t-1 {
				toLeft += d
			} else if j >= t {
				toRight += d
			}
		}
		left, right, between = left+toLeft, right-toRight, between-toLeft+toRight
		if t < 2 {
			continue
		}
		a, b := float64(t), float64(n-t)
		e.q[t] = a * b / float64(n) * (2/(a*b)*between - left/(a*(a-1)/2) - right/(b*(b-1)/2))
		best = math.Max(best, e.q[t])
	}
	for t := 2; t <= n-2; t++ {
		if e.q[t] >= best-slack(best) {
			return t, e.q[t]
		}
	}
	return 0, 0
}

// Decisions of Nightly.
const (
	DecisionOK          = "ok"
	DecisionRegression  = "regression"
	DecisionImprovement = "improvement"
	DecisionUndecided   = "undecided"
)

// minEarlier is the number of earlier nights below which nothing is decided.
const minEarlier = 8

// NightlyResult is tonight's verdict on one metric, where higher is better.
type NightlyResult struct {
	Decision  string   `json:"decision"`
	ExitCode  int      `json:"exit_code"` // of the contract: 0, 3, 4
	P         float64  `json:"p"`
	Window    float64  `json:"window"` // last nights compared with all earlier ones
	Change    float64  `json:"change"`
	Threshold float64  `json:"threshold"`
	Notes     []string `json:"notes"`
}

// Nightly compares the last 1, 2, 4, 8 and 16 nights of series (NaN = no
// result that night) with all earlier ones and alarms when the five-fold
// smallest p is at most budget/(365·metrics).
func Nightly(series []float64, metrics int, budget float64) (NightlyResult, error) {
	if metrics < 1 || !(budget > 0) {
		return NightlyResult{}, bad("%d metrics, budget %v", metrics, budget)
	}
	r := NightlyResult{Decision: DecisionUndecided, ExitCode: 4, P: nan, Window: nan, Change: nan, Threshold: budget / 365 / float64(metrics)}
	undecided := func(note string) (NightlyResult, error) {
		r.Notes = []string{note}
		return r, nil
	}
	if len(series) == 0 || math.IsNaN(series[len(series)-1]) {
		return undecided(NoteNoTonight)
	}
	var x []float64
	for _, v := range series {
		if !math.IsNaN(v) {
			x = append(x, v)
		}
	}
	if len(x) < minEarlier+1 {
		return undecided(NoteTooFew)
	}
	sides := [2]night{{p: 2}, {p: 2}} // regression, improvement
	for _, w := range nightWindows {
		if len(x)-w < minEarlier {
			continue
		}
		t, df, change := pooledT(x[len(x)-w:], x[:len(x)-w])
		if math.IsNaN(t) {
			return undecided(NoteDegenerate)
		}
		for i, alternative := range []string{Less, Greater} {
			p := math.Min(1, tP(t, df, alternative)*float64(len(nightWindows)))
			if p < sides[i].p {
				sides[i] = night{p, w, change}
			}
		}
	}
	worst := sides[0]
	r.Decision, r.ExitCode = DecisionOK, 0
	switch {
	case sides[1].p < sides[0].p && sides[1].p <= r.Threshold:
		r.Decision, worst = DecisionImprovement, sides[1]
	case sides[0].p <= sides[1].p && sides[0].p <= r.Threshold:
		r.Decision, r.ExitCode = DecisionRegression, 3
	}
	r.P, r.Window, r.Change = worst.p, float64(worst.window), worst.change
	return r, nil
}

var nightWindows = [...]int{1, 2, 4, 8, 16}

type night struct {
	p      float64
	window int
	change float64
}

// pooledT compares two samples with a common variance; NaN where that is zero.
func pooledT(a, b []float64) (t, df, change float64) {
	ma, mb, ss := mean(a), mean(b), 0.0
	for _, v := range a {
		ss += (v - ma) * (v - ma)
	}
	for _, v := range b {
		ss += (v - mb) * (v - mb)
	}
	df, change = float64(len(a)+len(b)-2), ma-mb
	if ss <= tinyVariance {
		return nan, df, change
	}
	return change / math.Sqrt(ss/df*(1/float64(len(a))+1/float64(len(b)))), df, change
}
