package stats

import (
	"maps"
	"math"
	"slices"
)

// Scopes of a comparison.
const (
	ScopeBoth     = "both"
	ScopeSeeds    = "seeds"
	ScopeProblems = "problems"
)

// Trials holds one arm: a row a seed, an outcome a problem. A nil row is a
// missing trial, a NaN cell is a missing answer and counts as wrong.
type Trials [][]float64

// Crossed is one question to the engine: a contrast over arms that share
// seeds and problems.
type Crossed struct {
	Arms        map[string]Trials
	Contrast    map[string]float64 // arm → coefficient
	Pool        []string           // trained arms whose seed variation is pooled
	Scope       string             // "" = both
	Cluster     []int              // group of each problem; nil = none
	Strata      []int              // benchmark of each problem; nil = one
	Weights     []float64          // of the strata; nil = by size
	Level       float64            // 0 = 0.95
	Alternative string             // changes p only
}

// CrossedResult is the answer of the crossed random-effects analysis.
type CrossedResult struct {
	Estimate    float64  `json:"estimate"`
	SE          float64  `json:"se"`
	DF          float64  `json:"df"`
	T           float64  `json:"t"`
	P           float64  `json:"p"`
	Lo          float64  `json:"lo"`
	Hi          float64  `json:"hi"`
	S           int      `json:"s"`
	N           float64  `json:"n"` // columns after clustering
	MSSeed      float64  `json:"ms_seed"`
	MSProblem   float64  `json:"ms_problem"`
	MSResidual  float64  `json:"ms_residual"`
	MSPooled    float64  `json:"ms_pooled"`
	MSStar      float64  `json:"ms_star"`
	VarSeed     float64  `json:"var_seed"`
	VarProblem  float64  `json:"var_problem"`
	VarResidual float64  `json:"var_residual"`
	Notes       []string `json:"notes"`
}

// Run does the crossed random-effects analysis (Dorfman–Berbaum–Metz with
// Hillis' degrees of freedom, seeds as readers and problems as cases) with the
// seed mean square bounded from below by the pooled one and the residual.
func (q Crossed) Run() (CrossedResult, error) {
	r, err := q.RunScopes(q.Scope)
	return r[0], err
}

// RunScopes answers the question for several scopes from one decomposition.
func (q Crossed) RunScopes(scopes ...string) ([]CrossedResult, error) {
	r := CrossedResult{Estimate: nan, SE: nan, DF: nan, T: nan, P: nan, Lo: nan, Hi: nan, N: nan, MSSeed: nan, MSProblem: nan,
		MSResidual: nan, MSPooled: nan, MSStar: nan, VarSeed: nan, VarProblem: nan, VarResidual: nan}
	out := make([]CrossedResult, len(scopes))
	every := func(r CrossedResult) []CrossedResult {
		r.Notes = sortedNotes(r.Notes)
		for i := range out {
			out[i] = r
		}
		return out
	}
	names, planned, err := q.check(scopes)
	if err != nil {
		return every(r), err
	}
	c := q.matrix(&r, names, planned)
	if r.S == 0 {
		r.Notes = append(r.Notes, NoteNoCommonSeed)
		return every(r), nil
	}
	if len(c[0]) < 2 {
		return every(r), bad("%d problems or clusters, needs 2", len(c[0]))
	}
	r.Estimate, r.N = grand(c), float64(len(c[0]))
	var nuPool, single float64
	if r.S == 1 {
		r.Notes = append(r.Notes, NoteSingleSeed)
		single = variance(c[0]) / r.N
	} else {
		r.MSPooled, nuPool = q.pooled(names, planned, r.N)
		r.MSSeed, r.MSProblem, r.MSResidual = meanSquares(c)
	}
	every(r)
	for i, scope := range scopes {
		x := &out[i]
		x.Notes = slices.Clone(r.Notes)
		switch {
		case r.S > 1:
			q.infer(x, x.components(nuPool, scope))
		case scope != ScopeSeeds:
			x.DF = r.N - 1
			q.infer(x, single)
		}
		x.Notes = sortedNotes(x.Notes)
	}
	return out, nil
}

// matrix is the contrast by seed and unit, clusters and strata worked in.
func (q Crossed) matrix(r *CrossedResult, names []string, planned int) [][]float64 {
	if q.imputed(names) {
		r.Notes = append(r.Notes, NoteImputedWrong)
	}
	c := q.contrastRows(names, planned)
	r.S = len(c)
	if r.S < planned {
		r.Notes = append(r.Notes, NoteMissingSeeds)
	}
	switch {
	case r.S == 0:
	case q.Cluster != nil:
		c = byCluster(c, q.Cluster)
	case q.Strata != nil:
		c = byStratum(c, q.Strata, q.Weights)
	}
	return c
}

// check validates the question and returns the arms of the contrast, sorted,
// and the number of seeds planned.
func (q Crossed) check(scopes []string) (names []string, planned int, err error) {
	if err := alternativeOK(q.Alternative); err != nil {
		return nil, 0, err
	}
	if err := levelOK(q.level()); err != nil {
		return nil, 0, err
	}
	for _, scope := range scopes {
		if !slices.Contains([]string{"", ScopeBoth, ScopeSeeds, ScopeProblems}, scope) {
			return nil, 0, bad("scope is %q", scope)
		}
	}
	if q.Cluster != nil && q.Strata != nil {
		return nil, 0, bad("clusters together with strata")
	}
	for _, k := range slices.Sorted(maps.Keys(q.Contrast)) {
		if q.Contrast[k] != 0 {
			names = append(names, k)
		}
	}
	if len(names) == 0 {
		return nil, 0, bad("the contrast is empty")
	}
	width := -1
	planned = len(q.Arms[names[0]])
	for _, k := range slices.Concat(names, q.Pool) {
		rows, ok := q.Arms[k]
		if !ok || len(rows) != planned || !finite(q.Contrast[k]) {
			return nil, 0, bad("arm %s: %d seeds, others have %d", k, len(rows), planned)
		}
		for _, row := range rows {
			if row != nil && width < 0 {
				width = len(row)
			}
			if row != nil && len(row) != width {
				return nil, 0, bad("arm %s: %d problems, others have %d", k, len(row), width)
			}
		}
	}
	for _, labels := range [][]int{q.Cluster, q.Strata} {
		if labels != nil && width >= 0 && len(labels) != width {
			return nil, 0, bad("%d labels for %d problems", len(labels), width)
		}
	}
	if q.Strata != nil && q.Weights != nil && len(q.Weights) < groupCount(q.Strata) {
		return nil, 0, bad("%d weights for %d strata", len(q.Weights), groupCount(q.Strata))
	}
	return names, planned, nil
}

func (q Crossed) level() float64 {
	if q.Level == 0 {
		return DefaultLevel
	}
	return q.Level
}

func (q Crossed) imputed(names []string) bool {
	for _, k := range slices.Concat(names, q.Pool) {
		for _, row := range q.Arms[k] {
			if slices.ContainsFunc(row, math.IsNaN) {
				return true
			}
		}
	}
	return false
}

func (q Crossed) complete(seed int, arms []string) bool {
	return !slices.ContainsFunc(arms, func(k string) bool { return q.Arms[k][seed] == nil })
}

// contrastRows is the matrix c of seeds that every arm of the contrast has.
func (q Crossed) contrastRows(names []string, planned int) [][]float64 {
	var c [][]float64
	for s := range planned {
		if !q.complete(s, names) {
			continue
		}
		row := make([]float64, len(q.Arms[names[0]][s]))
		for _, k := range names {
			w := q.Contrast[k]
			for j, v := range q.Arms[k][s] {
				if v == v { // NaN is a missing answer: wrong
					row[j] += w * v
				}
			}
		}
		c = append(c, row)
	}
	return c
}

// pooled is the seed mean square over the arms of the pool, scaled to the
// contrast, with its degrees of freedom; NaN and 0 without a usable pool.
func (q Crossed) pooled(names []string, planned int, n float64) (ms, nu float64) {
	a := len(q.Pool)
	if a < 2 {
		return nan, 0
	}
	var seeds []int
	for s := range planned {
		if q.complete(s, q.Pool) {
			seeds = append(seeds, s)
		}
	}
	if len(seeds) < 2 {
		return nan, 0
	}
	cell, column := make([][]float64, a), make([]float64, len(seeds))
	for i, k := range q.Pool {
		cell[i] = make([]float64, len(seeds))
		for x, s := range seeds {
			cell[i][x] = meanOutcome(q.Arms[k][s])
			column[x] += cell[i][x] / float64(a)
		}
	}
	g, ss, l2 := mean(column), 0.0, 0.0
	for i := range cell {
		m := mean(cell[i])
		for x, v := range cell[i] {
			e := v - m - column[x] + g
			ss += e * e
		}
	}
	for _, k := range names {
		l2 += q.Contrast[k] * q.Contrast[k]
	}
	nu = float64((a - 1) * (len(seeds) - 1))
	return l2 * n * ss / nu, nu
}

// meanOutcome is the mean of a row whose NaN cells are wrong.
func meanOutcome(row []float64) float64 {
	s := 0.0
	for _, v := range row {
		if v == v {
			s += v
		}
	}
	return s / float64(len(row))
}

// components derives the variance components from the mean squares, sets DF
// and returns the squared standard error of the scope.
func (r *CrossedResult) components(nuPool float64, scope string) float64 {
	s, n := float64(r.S), r.N
	star, nu := math.Max(r.MSSeed, r.MSResidual), s-1
	if nuPool > 0 {
		star, nu = math.Max(star, r.MSPooled), math.Max(nuPool, nu)
	}
	excess := math.Max(r.MSProblem-r.MSResidual, 0)
	num := star + excess
	r.DF = n - 1
	if star > 0 {
		r.DF = math.Min(r.DF, nu*(num/star)*(num/star))
	}
	switch scope {
	case ScopeSeeds:
		num, r.DF = star, nu
	case ScopeProblems:
		num, r.DF = r.MSProblem, n-1
	}
	r.MSStar = star
	r.VarSeed, r.VarProblem, r.VarResidual = math.Max(0, (star-r.MSResidual)/n), excess/s, r.MSResidual
	return num / (s * n)
}

// infer fills SE, t, p and the interval from the squared standard error.
func (q Crossed) infer(r *CrossedResult, v float64) {
	if v <= tinyVariance {
		r.SE = 0
		if math.Abs(r.Estimate) < tinyEffect {
			r.P = 1
		}
		r.Notes = append(r.Notes, NoteDegenerate)
		return
	}
	r.SE = math.Sqrt(v)
	r.T = r.Estimate / r.SE
	r.P = tP(r.T, r.DF, q.Alternative)
	h := TCritical(q.level(), r.DF) * r.SE
	r.Lo, r.Hi = r.Estimate-h, r.Estimate+h
}

func grand(c [][]float64) float64 {
	m := 0.0
	for _, row := range c {
		m += mean(row)
	}
	return m / float64(len(c))
}

// meanSquares of a seeds × problems matrix: seeds, problems, residual.
func meanSquares(c [][]float64) (seeds, problems, residual float64) {
	s, n := len(c), len(c[0])
	m := grand(c)
	column := make([]float64, n)
	for _, row := range c {
		for j, v := range row {
			column[j] += v / float64(s)
		}
	}
	for _, row := range c {
		e := mean(row)
		seeds += float64(n) * (e - m) * (e - m)
		for j, v := range row {
			d := v - e - column[j] + m
			residual += d * d
		}
	}
	for _, v := range column {
		problems += float64(s) * (v - m) * (v - m)
	}
	return seeds / float64(s-1), problems / float64(n-1), residual / (float64(s-1) * float64(n-1))
}

func sortedNotes(notes []string) []string {
	slices.Sort(notes)
	return slices.Compact(notes)
}
