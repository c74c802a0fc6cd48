package finding

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"hardneg/reports/result"
	"hardneg/reports/stats"
)

// ParseTest splits "A > B" or "A ~ B".
func ParseTest(test string) (a, b string, equivalence bool, err error) {
	for _, op := range []string{">", "~"} {
		if l, r, ok := strings.Cut(test, op); ok {
			a, b = strings.TrimSpace(l), strings.TrimSpace(r)
			if a == "" || b == "" || a == b || strings.ContainsAny(b, "<>~") {
				break
			}
			return a, b, op == "~", nil
		}
	}
	return "", "", false, fmt.Errorf("claim test %q: must be `A > B` or `A ~ B` with two different arms", test)
}

// deltas fills the Δ columns of the main table.
func (b *builder) deltas() {
	for i := range b.report.Main {
		row := &b.report.Main[i]
		row.Deltas = make([]*result.Finding, len(b.d.Baselines))
		for k, base := range b.d.Baselines {
			if base == row.Arm || !b.planned(base) {
				continue
			}
			id := fmt.Sprintf("delta/%s-%s/%s", row.Arm, base, row.Benchmark)
			row.Deltas[k] = b.compare(comparison{id: id, kind: result.KindDelta, contrast: versus(row.Arm, base), arm: row.Arm, base: base, table: b.table(row.Benchmark)})
		}
	}
	for _, base := range b.d.Baselines {
		if !b.planned(base) {
			b.notRun("Δ against "+base, base)
		}
	}
}

// planned says whether the run has an arm of that name.
func (b *builder) planned(arms ...string) bool {
	for _, a := range arms {
		if !slices.ContainsFunc(b.set.Arms, func(x result.Arm) bool { return x.Name == a }) {
			return false
		}
	}
	return true
}

func (b *builder) notRun(part string, arms ...string) {
	var absent []string
	for _, a := range arms {
		if a != "" && !b.planned(a) {
			absent = append(absent, a)
		}
	}
	line := part
	if len(absent) > 0 {
		line += ": no arm " + strings.Join(absent, ", ")
	}
	b.report.NotRun = append(b.report.NotRun, line)
}

// claims computes every declared claim on its benchmarks, and the subset
// family: the confirmatory contrasts on the frozen subsets.
func (b *builder) claims() {
	for _, c := range b.d.Claims {
		out := ClaimResult{Claim: c}
		for _, bench := range b.claimBenchmarks(c) {
			out.Findings = append(out.Findings, b.claim(c, bench))
		}
		b.report.Claims = append(b.report.Claims, out)
	}
	for _, t := range b.tables {
		if !isSubset(t.name) {
			continue
		}
		for _, c := range b.d.Claims {
			arm, base, equivalence, err := ParseTest(c.Test)
			if err != nil || equivalence || c.family() != Confirmatory || slices.Contains(b.claimBenchmarks(c), t.name) {
				continue
			}
			f := b.compare(comparison{id: "subset/" + c.ID + "/" + t.name, kind: result.KindSubset, contrast: versus(arm, base), arm: arm, base: base, table: t})
			f.Claim, f.Text, f.Family, f.Margin = c.ID, c.Text, SubsetFamily, b.margin(c)
			b.report.Subset = append(b.report.Subset, f)
		}
	}
}

func (c Claim) family() string {
	if c.Family == "" {
		return Confirmatory
	}
	return c.Family
}

func (b *builder) margin(c Claim) result.Num {
	if c.Margin > 0 {
		return num(c.Margin)
	}
	return num(b.d.Margin)
}

func (b *builder) claimBenchmarks(c Claim) []string {
	if len(c.Benchmarks) > 0 {
		return c.Benchmarks
	}
	var all []string
	for _, t := range b.tables {
		if !isSubset(t.name) {
			all = append(all, t.name)
		}
	}
	return all
}

func (b *builder) claim(c Claim, bench string) *result.Finding {
	arm, base, equivalence, err := ParseTest(c.Test)
	t := b.table(bench)
	if t == nil && bench == Combined && len(b.tables) > 0 { // one benchmark: combined is that one
		t = b.tables[0]
	}
	f := b.compare(comparison{id: "claim/" + c.ID + "/" + bench, kind: result.KindClaim, contrast: versus(arm, base), arm: arm, base: base, table: t})
	f.Claim, f.Text, f.Benchmark, f.Family, f.Margin = c.ID, c.Text, bench, c.family(), b.margin(c)
	switch {
	case err != nil:
		f.Notes = append(f.Notes, err.Error())
	case !b.planned(arm, base):
		f.Notes = append(f.Notes, "arm_not_planned")
	case t == nil:
		f.Notes = append(f.Notes, "benchmark_not_planned")
	}
	if equivalence {
		b.equivalence(f)
	} else if v, err := stats.Verdict(b.effect(f)); err == nil {
		f.Upper, f.PNonSup = num(v.UpperOneSided), num(v.PNonsuperiority)
	}
	return f
}

// equivalence replaces the p-value by that of the two one-sided tests.
func (b *builder) equivalence(f *result.Finding) {
	f.Test = "tost"
	r, err := stats.TOST(b.effect(f))
	if err != nil {
		f.P = result.NaN()
		return
	}
	f.P = num(r.P)
}

// hypothesis names what a finding tests, so that the same question asked in
// two places has one adjusted p.
func hypothesis(f *result.Finding) string {
	var s strings.Builder
	for _, a := range slices.Sorted(maps.Keys(f.Contrast)) {
		fmt.Fprintf(&s, "%s*%g ", a, f.Contrast[a])
	}
	return s.String() + "@" + f.Benchmark + f.Test
}

// adjust corrects p within the families: Holm in the declared ones, one
// Benjamini–Hochberg family for everything else.
func (b *builder) adjust() {
	families := map[string][]*result.Finding{}
	for _, f := range b.report.Findings {
		if f.Kind == result.KindAccuracy || f.Family == "" {
			continue
		}
		families[f.Family] = append(families[f.Family], f)
	}
	known := map[string]*result.Finding{}
	for _, name := range []string{Confirmatory, Factorial, DoseFamily, SubsetFamily} {
		correct(families[name], stats.Holm)
		for _, f := range families[name] {
			known[hypothesis(f)] = f
		}
	}
	var rest []*result.Finding
	for _, f := range b.report.Findings {
		if f.Kind == result.KindAccuracy || f.Family != "" && f.Family != Exploratory {
			continue
		}
		if k := known[hypothesis(f)]; k != nil {
			f.Family, f.PAdj, f.Adjust = k.Family, k.PAdj, k.Adjust
			continue
		}
		f.Family = Exploratory
		known[hypothesis(f)] = f
		rest = append(rest, f)
	}
	correct(rest, stats.BH)
	for _, f := range b.report.Findings { // the same exploratory question asked twice
		if k := known[hypothesis(f)]; k != nil && k != f && f.Family == Exploratory {
			f.PAdj, f.Adjust = k.PAdj, k.Adjust
		}
	}
}

func correct(fs []*result.Finding, method string) {
	p := make([]float64, len(fs))
	for i, f := range fs {
		p[i] = float64(f.P)
	}
	adjusted, err := stats.Adjust(p, method)
	if err != nil {
		panic("finding: a p-value lies outside 0 and 1")
	}
	for i, f := range fs {
		f.PAdj, f.Adjust = num(adjusted[i]), method
	}
}

// judge gives every comparison its verdict.
func (b *builder) judge() {
	for _, f := range b.report.Findings {
		if f.Kind == result.KindAccuracy || f.Verdict == result.VerdictNone {
			continue
		}
		f.Verdict = b.verdict(f)
	}
	for i := range b.report.Falsify {
		p := &b.report.Falsify[i]
		if p.Random == nil {
			continue
		}
		p.Agree = p.Random.Verdict == p.Control.Verdict
		note := "random_disagrees"
		if p.Agree {
			note = "random_agrees"
		}
		p.Control.Notes = append(p.Control.Notes, note)
	}
}

// verdict follows the declared rule; a difference counts as one only where its
// adjusted p is below alpha too.
func (b *builder) verdict(f *result.Finding) string {
	significant := f.PAdj.OK() && float64(f.PAdj) < b.d.Alpha
	bounded := f.Upper.OK() && f.Upper < f.Margin && f.Kind != result.KindDose && f.Kind != result.KindFactorial
	switch {
	case f.Test == "tost" && significant:
		return result.Equivalent
	case f.Test == "tost":
		return result.Inconclusive
	case significant && float64(f.Hi) < 0:
		return result.Reversed
	case significant && float64(f.Lo) > 0 && bounded:
		return result.Negligible
	case significant && (float64(f.Lo) > 0 || f.Kind == result.KindDose && f.Estimate > 0):
		return result.Supported
	case bounded:
		return result.Falsified
	}
	return result.Inconclusive
}
