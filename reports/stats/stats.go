// Package stats is the arithmetic of every number in a report: paired and
// crossed comparisons, intervals, multiplicity, correlations, ranking and
// calibration measures, change detection, the bootstrap.
//
// # Words
//
// A trial is one (arm, seed); its row holds one outcome a problem, in [0,1].
// A missing trial is a nil row and is never imputed; a missing cell is NaN and
// counts as wrong. A contrast gives each arm a coefficient. Scope says to what
// a p-value generalises: both (new seeds and new problems), seeds (this
// benchmark, new runs), problems (these checkpoints, new problems). Notes are
// machine words for what a reader must know about a number.
//
// # How data enters and leaves
//
// Plain slices in, one result struct out. Undefined numbers are NaN and become
// null in JSON. Input that makes no sense gives an error that wraps ErrInput.
// Answer and AnswerAll speak the JSON contract of `hardneg stats`.
//
// # Why
//
// Distributions come from gonum where it agrees with SciPy to 2e-12 (Student's
// t, noncentral t, beta quantiles). Its normal and binomial survival functions
// are 1-CDF (2 % wrong at z = 8), its Kendall ignores ties, its quantiles lack
// type 7: these are our own. Randomness is counter-based (fixtures/seed), so
// nothing depends on threads or on the machine. The choice of the primary test
// is argued by simulation; see simulation_test.go and experiments/LOG.md.
package stats

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// ErrInput marks input that makes no sense: unequal lengths, counts out of
// range, an unknown method.
var ErrInput = errors.New("bad input")

func bad(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrInput, fmt.Sprintf(format, a...))
}

// Defaults of the contract.
const (
	DefaultLevel = 0.95
	DefaultAlpha = 0.05
	DefaultPower = 0.8
)

// Directions of a test.
const (
	TwoSided = "two-sided"
	Greater  = "greater"
	Less     = "less"
)

// Notes: machine words, sorted where several hold.
const (
	NoteTooFew       = "too_few"
	NoteDegenerate   = "degenerate_variance"
	NoteConstant     = "constant_input"
	NoteSingleClass  = "single_class"
	NoteNoDiscordant = "no_discordant"
	NoteSingleSeed   = "single_seed"
	NoteMissingSeeds = "missing_seeds"
	NoteNoCommonSeed = "no_common_seed"
	NoteImputedWrong = "imputed_wrong"
	NoteAllCorrect   = "all_correct"
	NoteAllWrong     = "all_wrong"
	NoteNotAttained  = "not_attainable"
	NoteNoTonight    = "missing_tonight"
)

// tinyVariance: a variance at or below it is zero.
const tinyVariance = 1e-24

// tinyEffect: an estimate below it is zero where the variance is zero.
const tinyEffect = 1e-15

// tinyShare: a proportion this near to 0 or 1 is 0 or 1 but for rounding.
const tinyShare = 1e-12

var nan = math.NaN()

func sum(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v
	}
	return s
}

func mean(x []float64) float64 { return sum(x) / float64(len(x)) }

// variance has ddof 1.
func variance(x []float64) float64 {
	m, s := mean(x), 0.0
	for _, v := range x {
		s += (v - m) * (v - m)
	}
	return s / float64(len(x)-1)
}

func constant(x []float64) bool {
	for _, v := range x {
		if v != x[0] {
			return false
		}
	}
	return true
}

func finite(x ...float64) bool {
	for _, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

// sorted is a sorted copy.
func sorted(x []float64) []float64 {
	v := slices.Clone(x)
	slices.Sort(v)
	return v
}

// median of sorted values.
func median(v []float64) float64 {
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

// quantile7 is the type-7 quantile of sorted values (the default of R and
// NumPy).
func quantile7(v []float64, p float64) float64 {
	h := p * float64(len(v)-1)
	i := int(math.Floor(h))
	if i+1 >= len(v) {
		return v[len(v)-1]
	}
	return v[i] + (h-float64(i))*(v[i+1]-v[i])
}

// order is the permutation that sorts x.
func order(x []float64) []int {
	id := make([]int, len(x))
	for i := range id {
		id[i] = i
	}
	slices.SortStableFunc(id, func(a, b int) int {
		switch {
		case x[a] < x[b]:
			return -1
		case x[a] > x[b]:
			return 1
		}
		return 0
	})
	return id
}

// Midranks are ranks from 1, ties averaged.
func Midranks(x []float64) []float64 {
	id := order(x)
	r := make([]float64, len(x))
	for i := 0; i < len(id); {
		j := i
		for j+1 < len(id) && x[id[j+1]] == x[id[i]] {
			j++
		}
		for k := i; k <= j; k++ {
			r[id[k]] = float64(i+j)/2 + 1
		}
		i = j + 1
	}
	return r
}

// doubled turns midranks into whole numbers.
func doubled(ranks []float64) []int {
	q := make([]int, len(ranks))
	for i, v := range ranks {
		q[i] = int(math.Round(2 * v))
	}
	return q
}

// Groups numbers labels by first appearance and counts them.
func Groups[T comparable](labels []T) (group []int, count int) {
	seen := make(map[T]int, len(labels))
	group = make([]int, len(labels))
	for i, l := range labels {
		g, ok := seen[l]
		if !ok {
			g = len(seen)
			seen[l] = g
		}
		group[i] = g
	}
	return group, len(seen)
}

func groupCount(group []int) int {
	n := 0
	for _, g := range group {
		n = max(n, g+1)
	}
	return n
}

func levelOK(level float64) error {
	if !(level > 0 && level < 1) {
		return bad("level is %v, must lie between 0 and 1", level)
	}
	return nil
}

func alternativeOK(alternative string) error {
	switch alternative {
	case "", TwoSided, Greater, Less:
		return nil
	}
	return bad("alternative is %q, must be two-sided, greater or less", alternative)
}
