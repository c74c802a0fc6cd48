package finding

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"hardneg/reports/result"
	"hardneg/reports/stats"
)

// power at which a minimum detectable effect is stated.
const power = 0.8

// builder gathers findings.
type builder struct {
	d      Design
	set    *result.Set
	tables []*table
	report *Report
}

func newBuilder(d Design, s *result.Set) (*builder, error) {
	if err := d.check(s); err != nil {
		return nil, err
	}
	t, err := tables(d, s)
	if err != nil {
		return nil, err
	}
	b := &builder{d: d, set: s, tables: t, report: &Report{Design: d}}
	for _, t := range b.tables {
		b.report.Benchmarks = append(b.report.Benchmarks, t.name)
	}
	return b, nil
}

// check refuses a design that cannot be computed.
func (d *Design) check(s *result.Set) error {
	if !(d.Level > 0 && d.Level < 1) || !(d.Alpha > 0 && d.Alpha < 1) || !(d.Margin >= 0) {
		return fmt.Errorf("analysis: level %v, alpha %v, margin %v", d.Level, d.Alpha, d.Margin)
	}
	switch d.Scope {
	case stats.ScopeBoth, stats.ScopeSeeds, stats.ScopeProblems:
	default:
		return fmt.Errorf("analysis.scope is %q, must be both, seeds or problems", d.Scope)
	}
	if len(s.Seeds) == 0 || len(s.Arms) == 0 || len(s.Benchmarks) == 0 {
		return fmt.Errorf("results hold %d arms, %d seeds, %d benchmarks: nothing was measured", len(s.Arms), len(s.Seeds), len(s.Benchmarks))
	}
	return nil
}

func (b *builder) table(benchmark string) *table {
	for _, t := range b.tables {
		if t.name == benchmark {
			return t
		}
	}
	return nil
}

func (b *builder) add(f *result.Finding) { b.report.Findings = append(b.report.Findings, f) }

// accuracies fills the arms of the main table.
func (b *builder) accuracies() {
	for _, t := range b.tables {
		for _, a := range b.set.Arms {
			f := b.accuracy(a.Name, t)
			b.add(f)
			b.report.Main = append(b.report.Main, Row{Arm: a.Name, Benchmark: t.name, Accuracy: f})
		}
	}
}

func (b *builder) accuracy(arm string, t *table) *result.Finding {
	f := result.NewFinding("accuracy/"+arm+"/"+t.name, result.KindAccuracy)
	f.Arm, f.Benchmark, f.SeedsPlanned, f.N = arm, t.name, len(b.set.Seeds), t.n
	f.Missing = b.missing(t, []string{arm})
	f.PerSeed = b.perSeed(t, map[string]float64{arm: 1})
	r, err := stats.OneArm{Y: t.arms[arm], Cluster: t.cluster, Strata: t.strata, Weights: t.weights, Level: b.d.Level}.Accuracy()
	if err != nil { // no trial of this arm
		f.Verdict = result.VerdictNone
		return &f
	}
	f.Estimate, f.SD, f.SE, f.DF = num(r.Mean), num(r.SDSeeds), num(r.SE), num(r.DF)
	f.Lo, f.Hi, f.NEff, f.SeedsUsed, f.N = num(r.Lo), num(r.Hi), num(r.NEff), r.S, r.N
	f.Notes = r.Notes
	return &f
}

// missing lists the planned seeds that some arm lacks.
func (b *builder) missing(t *table, arms []string) []int {
	var out []int
	for k, seed := range b.set.Seeds {
		if !t.has(k, arms) {
			out = append(out, seed)
		}
	}
	return out
}

func (t *table) has(seed int, arms []string) bool {
	for _, a := range arms {
		if rows := t.arms[a]; rows == nil || rows[seed] == nil {
			return false
		}
	}
	return true
}

// perSeed is the contrast of the seeds' accuracies, NaN where one is missing.
func (b *builder) perSeed(t *table, contrast map[string]float64) []result.Num {
	arms := slices.Sorted(maps.Keys(contrast))
	out := make([]result.Num, len(b.set.Seeds))
	for k := range out {
		out[k] = result.NaN()
		if !t.has(k, arms) {
			continue
		}
		out[k] = 0
		for _, a := range arms {
			out[k] += num(contrast[a] * t.mean(t.arms[a][k]))
		}
	}
	return out
}

// mean of a row, by the weights of the strata.
func (t *table) mean(row []float64) float64 {
	if t.strata == nil {
		s := 0.0
		for _, v := range row {
			s += v
		}
		return s / float64(len(row))
	}
	sums, size := make([]float64, len(t.weights)), make([]float64, len(t.weights))
	for i, v := range row {
		sums[t.strata[i]] += v
		size[t.strata[i]]++
	}
	m := 0.0
	for k, w := range t.weights {
		if size[k] > 0 {
			m += w * sums[k] / size[k]
		}
	}
	return m
}

func num(x float64) result.Num { return result.Num(x) }

// spec says what is compared.
type comparison struct {
	id, kind    string
	contrast    map[string]float64
	arm, base   string
	table       *table
	alternative string
}

func versus(arm, base string) map[string]float64 { return map[string]float64{arm: 1, base: -1} }

// compare is the crossed analysis of one contrast with all that the main
// table says of it. Arms that were not run make it not_run.
func (b *builder) compare(c comparison) *result.Finding {
	f := result.NewFinding(c.id, c.kind)
	f.Arm, f.Baseline, f.Contrast, f.Test = c.arm, c.base, c.contrast, "crossed"
	f.Scope, f.SeedsPlanned, f.Margin = b.d.Scope, len(b.set.Seeds), num(b.d.Margin)
	f.Verdict = result.VerdictNone
	b.add(&f)
	if c.table == nil {
		return &f
	}
	t := c.table
	f.Benchmark, f.N = t.name, t.n
	arms := slices.Sorted(maps.Keys(c.contrast))
	for _, a := range arms {
		if t.arms[a] == nil {
			f.Missing = slices.Clone(b.set.Seeds)
			return &f
		}
	}
	f.Missing, f.PerSeed = b.missing(t, arms), b.perSeed(t, c.contrast)
	all, err := b.engine(c).RunScopes(b.d.Scope, stats.ScopeBoth, stats.ScopeSeeds, stats.ScopeProblems)
	r := all[0]
	if err != nil || r.S == 0 {
		f.Notes = append(r.Notes, noteOf(err)...)
		return &f
	}
	f.Verdict = ""
	b.fill(&f, r)
	b.effectSizes(&f)
	f.Sens = b.sensitivity(c, &f, all[1:])
	return &f
}

func noteOf(err error) []string {
	if err == nil {
		return nil
	}
	return []string{stats.NoteTooFew}
}

func (b *builder) engine(c comparison) stats.Crossed {
	t := c.table
	var pool []string
	for _, a := range b.d.Pool {
		if t.arms[a] != nil {
			pool = append(pool, a)
		}
	}
	return stats.Crossed{Arms: t.arms, Contrast: c.contrast, Pool: pool, Cluster: t.cluster,
		Strata: t.strata, Weights: t.weights, Level: b.d.Level, Alternative: c.alternative}
}

// fill copies the engine's answer and plans with it.
func (b *builder) fill(f *result.Finding, r stats.CrossedResult) {
	f.Estimate, f.SE, f.DF, f.T, f.P = num(r.Estimate), num(r.SE), num(r.DF), num(r.T), num(r.P)
	f.Lo, f.Hi, f.SeedsUsed, f.N = num(r.Lo), num(r.Hi), r.S, int(r.N)
	f.VarSeed, f.VarProblem, f.VarResidual = num(r.VarSeed), num(r.VarProblem), num(r.VarResidual)
	f.Notes = r.Notes
	if r.MSPooled > 0 {
		f.MSRatio = num(r.MSSeed / r.MSPooled)
	}
	if m, err := stats.MDE(r.SE, r.DF, b.d.Alpha, power); err == nil {
		f.MDE = num(m)
	}
	if v, err := stats.Verdict(b.effect(f)); err == nil {
		f.Upper, f.PNonSup = num(v.UpperOneSided), num(v.PNonsuperiority)
	}
}

func (b *builder) effect(f *result.Finding) stats.Effect {
	return stats.Effect{Estimate: float64(f.Estimate), SE: float64(f.SE), DF: float64(f.DF), Margin: float64(f.Margin), Alpha: b.d.Alpha}
}

// effectSizes are d_z, g_z and wins over the seeds that count.
func (b *builder) effectSizes(f *result.Finding) {
	d := defined(f.PerSeed)
	for _, v := range d {
		switch {
		case v > 1e-12:
			f.Wins++
		case v < -1e-12:
			f.Losses++
		default:
			f.Ties++
		}
	}
	if r, err := stats.PairedT(d, make([]float64, len(d)), b.d.Level); err == nil {
		f.SD, f.DZ, f.GZ = num(r.SD), num(r.DZ), num(r.GZ)
	}
}

func defined(x []result.Num) []float64 {
	var out []float64
	for _, v := range x {
		if v.OK() {
			out = append(out, float64(v))
		}
	}
	return out
}

// signFlipFrom is the number of seeds from which the sign-flip test can reach
// 0.05: its smallest p is 2^(1-S).
const signFlipFrom = 6

// sensitivity is the appendix of a comparison: other scopes, other tests.
func (b *builder) sensitivity(c comparison, f *result.Finding, scopes []stats.CrossedResult) *result.Sensitivity {
	s := &result.Sensitivity{PBoth: num(scopes[0].P), PSeeds: num(scopes[1].P), PProblems: num(scopes[2].P), PairedT: result.NaN(),
		SignFlip: result.NaN(), Floor: result.NaN(), Wilcoxon: result.NaN(), McNemar: []result.McNemar{}}
	d := defined(f.PerSeed)
	if r, err := stats.PairedT(d, make([]float64, len(d)), b.d.Level); err == nil {
		s.PairedT = num(r.P)
	}
	if len(d) > 1 {
		s.Floor, s.Wilcoxon = num(math.Ldexp(1, 1-len(d))), num(stats.Wilcoxon(d).P)
	}
	if len(d) >= signFlipFrom && len(d) <= 20 {
		if r, err := stats.SignFlip(d, stats.TwoSided); err == nil {
			s.SignFlip = num(r.P)
		}
	}
	if c.arm != "" && c.base != "" {
		s.McNemar = b.mcnemar(c)
	}
	return s
}

// mcnemar compares two arms seed by seed where outcomes are 0/1 and problems
// are their own units.
func (b *builder) mcnemar(c comparison) []result.McNemar {
	out := []result.McNemar{}
	t := c.table
	if t.cluster != nil {
		return out
	}
	for k, seed := range b.set.Seeds {
		if !t.has(k, []string{c.arm, c.base}) {
			continue
		}
		m, ok := cross(t.arms[c.arm][k], t.arms[c.base][k])
		if !ok {
			return []result.McNemar{}
		}
		m.Seed = seed
		r, err := stats.McNemar(m.B, m.C, t.n, b.d.Level)
		if err != nil {
			continue
		}
		m.PExact, m.PMid, m.Lo, m.Hi = num(r.PExact), num(r.PMid), num(r.Lo), num(r.Hi)
		out = append(out, m)
	}
	return out
}

// cross is the 2 × 2 table of two rows; false where an outcome is no 0 or 1.
func cross(x, y []float64) (m result.McNemar, ok bool) {
	for i := range x {
		switch {
		case x[i] == 1 && y[i] == 1:
			m.Both++
		case x[i] == 1 && y[i] == 0:
			m.B++
		case x[i] == 0 && y[i] == 1:
			m.C++
		case x[i] == 0 && y[i] == 0:
			m.None++
		default:
			return m, false
		}
	}
	return m, true
}
