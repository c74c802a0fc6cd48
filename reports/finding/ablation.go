package finding

import (
	"slices"

	"hardneg/reports/result"
	"hardneg/reports/stats"
)

// whole are the tables on which ablations are tested: no subsets.
func (b *builder) whole() []*table {
	return slices.DeleteFunc(slices.Clone(b.tables), func(t *table) bool { return isSubset(t.name) })
}

// factorial is mining × weighting: two main effects and the interaction, one
// Holm family over all benchmarks.
func (b *builder) factorial() {
	r := b.d.Roles
	u, m, w, v := r.DPO, r.MineOnly, r.WtOnly, r.Full
	if !b.planned(u, m, w, v) {
		b.notRun("mining × weighting", u, m, w, v)
		return
	}
	for _, t := range b.whole() {
		effect := func(name string, contrast map[string]float64) *result.Finding {
			f := b.compare(comparison{id: "factorial/" + name + "/" + t.name, kind: result.KindFactorial, contrast: contrast, table: t})
			f.Family = Factorial
			return f
		}
		part := FactorialPart{Benchmark: t.name,
			Mining:      effect("mining", map[string]float64{v: .5, m: .5, w: -.5, u: -.5}),
			Weighting:   effect("weighting", map[string]float64{v: .5, w: .5, m: -.5, u: -.5}),
			Interaction: effect("interaction", map[string]float64{v: 1, m: -1, w: -1, u: 1}),
		}
		if x := part.Interaction; x.Lo.OK() && (x.Lo > 0 || x.Hi < 0) {
			for _, s := range []struct{ name, arm, base string }{
				{"mining-at-uniform", m, u}, {"mining-at-verifier", v, w}, {"weighting-at-random", w, u}, {"weighting-at-hard", v, m},
			} {
				f := b.compare(comparison{id: "factorial/" + s.name + "/" + t.name, kind: result.KindFactorial, contrast: versus(s.arm, s.base), arm: s.arm, base: s.base, table: t})
				part.Simple = append(part.Simple, f)
			}
		}
		b.report.Factorial = append(b.report.Factorial, part)
	}
}

// curve is the noise curve from no noise to most, of the arms that were
// planned; the permuted end has no sigma.
func (b *builder) curve() (arms []string, sigma []result.Num) {
	r := b.d.Roles
	if b.planned(r.Full) {
		arms, sigma = append(arms, r.Full), append(sigma, 0)
	}
	for _, n := range r.Noise {
		if b.planned(n.Arm) {
			arms, sigma = append(arms, n.Arm), append(sigma, num(n.Sigma))
		}
	}
	if r.ShuffledProfile != "" && b.planned(r.ShuffledProfile) {
		arms, sigma = append(arms, r.ShuffledProfile), append(sigma, result.NaN())
	}
	return arms, sigma
}

// dose is the accuracy lost per noise step, one-sided.
func (b *builder) dose() {
	arms, sigma := b.curve()
	if len(arms) < 3 {
		b.notRun("accuracy against noise: needs the noise-free arm and two noise levels")
		return
	}
	contrast, mid, ss := map[string]float64{}, float64(len(arms)-1)/2, 0.0
	for j := range arms {
		ss += (float64(j) - mid) * (float64(j) - mid)
	}
	for j, a := range arms {
		contrast[a] = (mid - float64(j)) / ss
	}
	for _, t := range b.whole() {
		f := b.compare(comparison{id: "dose/" + t.name, kind: result.KindDose, contrast: contrast, table: t, alternative: stats.Greater})
		f.Family, f.Test = DoseFamily, "crossed, one-sided"
		f.Dose = b.companion(t, arms, sigma)
		b.report.Dose = append(b.report.Dose, f)
	}
}

// companion is Page's exact test with seeds as blocks, and the rank
// correlation of noise and accuracy seed by seed.
func (b *builder) companion(t *table, arms []string, sigma []result.Num) *result.Dose {
	d := &result.Dose{Arms: arms, Sigma: sigma, PageL: result.NaN(), PageP: result.NaN()}
	for _, a := range arms {
		m := defined(b.perSeed(t, map[string]float64{a: 1}))
		s := 0.0
		for _, v := range m {
			s += v / float64(len(m))
		}
		if len(m) == 0 {
			d.Accuracy = append(d.Accuracy, result.NaN())
		} else {
			d.Accuracy = append(d.Accuracy, num(s))
		}
	}
	var blocks [][]float64
	steps := make([]float64, len(arms))
	for j := range steps {
		steps[j] = float64(j)
	}
	for k := range b.set.Seeds {
		rho := result.NaN()
		if t.has(k, arms) {
			row := make([]float64, len(arms))
			for j, a := range arms {
				row[j] = t.mean(t.arms[a][k])
			}
			if r, err := stats.Spearman(steps, row, b.d.Level); err == nil {
				rho = num(r.R)
			}
			slices.Reverse(row) // Page's columns are in predicted increasing order
			blocks = append(blocks, row)
		}
		d.Spearman = append(d.Spearman, rho)
	}
	if p, err := stats.Page(blocks); err == nil {
		d.PageL, d.PageP = num(p.L), num(p.P)
	}
	return d
}

// falsify asks whether the verifier's signal matters: full against the same
// weights with the link broken, and against random weights, which must agree.
func (b *builder) falsify() {
	r := b.d.Roles
	if !b.planned(r.Full, r.Shuffled) {
		b.notRun("falsification", r.Full, r.Shuffled)
		return
	}
	for _, t := range b.whole() {
		test := func(control string) *result.Finding {
			return b.compare(comparison{id: "falsification/" + r.Full + "-" + control + "/" + t.name, kind: result.KindFalsification,
				contrast: versus(r.Full, control), arm: r.Full, base: control, table: t})
		}
		part := FalsifyPart{Benchmark: t.name, Control: test(r.Shuffled)}
		if b.planned(r.Random) {
			part.Random = test(r.Random)
		}
		b.report.Falsify = append(b.report.Falsify, part)
	}
	if !b.planned(r.Random) {
		b.notRun("agreement of the random control", r.Random)
	}
}

// filter separates the gain of preference from the gain of filtering: dpo and
// full against supervised training on the same chosen samples.
func (b *builder) filter() {
	r := b.d.Roles
	if !b.planned(r.RFT) || !b.planned(r.DPO) && !b.planned(r.Full) {
		b.notRun("preference against filtering", r.RFT, r.DPO)
		return
	}
	for _, t := range b.whole() {
		for _, arm := range []string{r.DPO, r.Full} {
			if b.planned(arm) {
				b.report.Filter = append(b.report.Filter, b.compare(comparison{id: "filter/" + arm + "-" + r.RFT + "/" + t.name,
					kind: result.KindFilter, contrast: versus(arm, r.RFT), arm: arm, base: r.RFT, table: t}))
			}
		}
	}
}
