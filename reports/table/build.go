package table

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"hardneg/reports/finding"
	"hardneg/reports/result"
)

// kind selects findings of one kind in their order.
func kind(s *result.Set, k string) (out []result.Finding) {
	for _, f := range s.Findings {
		if f.Kind == k {
			out = append(out, f)
		}
	}
	return out
}

// Claims lists every declared claim on every benchmark.
func Claims(s *result.Set) Table {
	t := Table{ID: "claims-table", Caption: "Declared claims", Grouped: true, Head: []string{"claim", "benchmark", "Δ (points)", finding.Confidence(s) + " interval", "p", "p adjusted", "seeds", "verdict"}, Empty: "the spec declares none."}
	for _, f := range kind(s, result.KindClaim) {
		name := Cell{Text: strings.TrimSpace(f.Claim + "  " + f.Text), Wide: true}
		v := verdict(f)
		c := row("", f.Benchmark, finding.Points(f.Estimate), finding.Interval(f.Lo, f.Hi), finding.P(f.P), finding.P(f.PAdj)+adjust(f), seeds(f), "")
		c[0], c[3], c[7] = name, interval(f), v
		c[2].Ref = refer(f)
		t.Rows = append(t.Rows, c)
	}
	return t.lift()
}

func adjust(f result.Finding) string {
	switch {
	case !f.PAdj.OK():
	case f.Adjust == "holm":
		return " (Holm)"
	case f.Adjust == "bh":
		return " (BH)"
	}
	return ""
}

// Benchmarks names everything that has accuracy findings, in order.
func Benchmarks(s *result.Set) (out []string) {
	for _, f := range kind(s, result.KindAccuracy) {
		if !slices.Contains(out, f.Benchmark) {
			out = append(out, f.Benchmark)
		}
	}
	return out
}

// baselines names the Δ columns of the main table, in the order of the arms.
func baselines(s *result.Set) (out []string) {
	has := map[string]bool{}
	for _, f := range kind(s, result.KindDelta) {
		has[f.Baseline] = true
	}
	for _, a := range s.Arms {
		if has[a.Name] {
			out = append(out, a.Name)
		}
	}
	return out
}

// Slug makes a name fit for an id and a file.
func Slug(name string) string {
	s := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' || r == '_' {
			return r
		}
		return '-'
	}, name)
	return s[:min(len(s), 60)]
}

// Main is the main table of one benchmark: a row an arm.
func Main(s *result.Set, bench string) Table {
	interval := finding.Confidence(s) + " interval"
	t := Table{ID: "main-" + Slug(bench), Caption: "Results on " + bench, Empty: "no arm was measured.",
		Head: []string{"arm", "seeds", "accuracy (%)", "± sd", interval}}
	bases := baselines(s)
	t.Names = slices.Clone(t.Head)
	for _, b := range bases {
		t.Head = append(t.Head, "Δ "+b, interval+" of Δ "+b, "p", "p adjusted")
		t.Names = append(t.Names, "Δ "+b, interval+" of Δ "+b, "p of Δ "+b, "p adjusted of Δ "+b)
	}
	t.Keep = []int{0, 2}
	for _, k := range []int{0, 3, 1} { // Δ, then p adjusted, then the intervals
		for i := range bases {
			t.Keep = append(t.Keep, 5+4*i+k)
		}
	}
	t.Keep = append(t.Keep, 4, 3, 1)
	for i := range bases {
		t.Keep = append(t.Keep, 7+4*i)
	}
	best, level := best(s, bench), finding.Alpha(s)
	for _, f := range kind(s, result.KindAccuracy) {
		if f.Benchmark != bench {
			continue
		}
		c := row(f.Arm, seeds(f), finding.Percent(f.Estimate), finding.Percent(f.SD), finding.Range(f.Lo, f.Hi))
		c[2].Best, c[2].Ref = f.Arm == best, refer(f)
		for _, b := range bases {
			d, ok := delta(s, f.Arm, b, bench)
			if !ok {
				c = append(c, row("", "", "", "")...)
				continue
			}
			x := row(finding.Points(d.Estimate), finding.Interval(d.Lo, d.Hi), finding.P(d.P), finding.P(d.PAdj)+adjust(d))
			x[0].Ref = refer(d)
			x[0].Short, x[0].Dagger = finding.Short(&d), d.PAdj.OK() && float64(d.PAdj) < level
			c = append(c, x...)
		}
		t.Rows = append(t.Rows, c)
	}
	return t
}

// best names the arm with the highest accuracy if the adjusted tests say that
// it beats every baseline of the main table, and nothing otherwise.
func best(s *result.Set, bench string) string {
	name, top := "", math.Inf(-1)
	for _, f := range kind(s, result.KindAccuracy) {
		if f.Benchmark == bench && f.Estimate.OK() && float64(f.Estimate) > top {
			name, top = f.Arm, float64(f.Estimate)
		}
	}
	bases := baselines(s)
	for _, b := range bases {
		d, ok := delta(s, name, b, bench)
		if !ok || !d.PAdj.OK() || float64(d.PAdj) >= finding.Alpha(s) || d.Estimate <= 0 {
			return ""
		}
	}
	if len(bases) == 0 {
		return ""
	}
	return name
}

// Effects lists effect sizes and power of every difference in the main tables.
func Effects(s *result.Set) Table {
	t := Table{ID: "effects", Caption: "Effect sizes over seeds and the differences that could be detected",
		Head: []string{"difference", "benchmark", "Δ (points)", "d_z", "seeds won/lost/tied", "detectable at 80 % power (points)", "seeds to detect the margin"}, Empty: "no differences."}
	for _, d := range kind(s, result.KindDelta) {
		t.Rows = append(t.Rows, row(d.Arm+" − "+d.Baseline, d.Benchmark, finding.Points(d.Estimate), Plain(d.DZ, 2), fmt.Sprintf("%d/%d/%d", d.Wins, d.Losses, d.Ties), finding.Percent(d.MDE), needed(d)))
	}
	return t
}

// needed is the number of seeds that would detect the margin; a dash where it
// was not asked or no number up to 100 does.
func needed(f result.Finding) string {
	if f.Needed == 0 {
		return undefined
	}
	return strconv.Itoa(f.Needed)
}

func delta(s *result.Set, arm, base, bench string) (result.Finding, bool) {
	for _, f := range kind(s, result.KindDelta) {
		if f.Arm == arm && f.Baseline == base && f.Benchmark == bench {
			return f, true
		}
	}
	return result.Finding{}, false
}

// contrasts lists findings of one kind as contrasts with verdicts.
func contrasts(s *result.Set, id, caption, k string) Table {
	t := Table{ID: id, Caption: caption, Head: []string{"contrast", "benchmark", "estimate (points)", finding.Confidence(s) + " interval", "p", "p adjusted", "seeds", "verdict"}, Empty: "the arms for it were not run."}
	for _, f := range kind(s, k) {
		v := verdict(f)
		c := row(label(f), f.Benchmark, finding.Points(f.Estimate), finding.Interval(f.Lo, f.Hi), finding.P(f.P), finding.P(f.PAdj)+adjust(f), seeds(f), "")
		c[3], c[7] = interval(f), v
		c[2].Ref = refer(f)
		t.Rows = append(t.Rows, c)
	}
	return t.lift()
}

// Factorial is mining × weighting.
func Factorial(s *result.Set) Table {
	return contrasts(s, "factorial", "Mining, weighting and their interaction", result.KindFactorial)
}

// Dose is the accuracy lost per step of noise.
func Dose(s *result.Set) Table {
	return contrasts(s, "dose", "Accuracy lost per noise step", result.KindDose)
}

// Falsification is the verifier's weights against the same weights shuffled.
func Falsification(s *result.Set) Table {
	return contrasts(s, "falsification", "The verifier's weights against controls", result.KindFalsification)
}

// Filter is preference training against supervised training on the chosen side.
func Filter(s *result.Set) Table {
	return contrasts(s, "filter", "DPO against rft", result.KindFilter)
}

// Subset is the near-correct but inconsistent subset.
func Subset(s *result.Set) Table {
	return contrasts(s, "subset", "Near-correct but inconsistent problems", result.KindSubset)
}

// Sensitivity lists the other scopes and tests of every comparison.
func Sensitivity(s *result.Set) Table {
	t := Table{ID: "sensitivity", Caption: "Sensitivity: the same comparisons by other scopes and tests",
		Head: []string{"contrast", "benchmark", "p both", "p seeds", "p problems", "paired t over seeds", "sign-flip", "Wilcoxon", "McNemar mid-p by seed (won/lost)"}, Empty: "none."}
	for _, f := range s.Findings {
		x := f.Sens
		if x == nil {
			continue
		}
		var mc []string
		for _, m := range x.McNemar {
			mc = append(mc, fmt.Sprintf("s%d %s (%d/%d)", m.Seed, finding.P(m.PMid), m.B, m.C))
		}
		c := row(label(f), f.Benchmark, finding.P(x.PBoth), finding.P(x.PSeeds), finding.P(x.PProblems), finding.P(x.PairedT), finding.P(x.SignFlip), finding.P(x.Wilcoxon), strings.Join(mc, ", "))
		c[8].Wide = true
		t.Rows = append(t.Rows, c)
	}
	return t
}

// Correlations lists associations of scores with accuracy.
func Correlations(s *result.Set) Table {
	t := Table{ID: "correlations", Caption: "Wrongness and absurdity against accuracy", Head: []string{"score", "level", "with s_ans", "method", "seed", "n", "r", finding.Confidence(s) + " interval", "p", "notes"}, Empty: "no probe split was scored."}
	for _, c := range s.Correlations {
		with := "no"
		if c.WithAns {
			with = "yes"
		}
		notes := slices.Clone(c.Notes)
		if c.Greyed {
			notes = append(notes, "sees the gold answer: supports no claim")
		}
		iv := undefined
		if c.Lo.OK() && c.Hi.OK() {
			iv = "[" + Plain(c.Lo, 2) + ", " + Plain(c.Hi, 2) + "]"
		}
		r := row(c.Score, c.Level, with, c.Method, c.Seed, fmt.Sprint(c.N), Plain(c.R, 3), iv, finding.P(c.P), strings.Join(notes, "; "))
		r[9].Wide = true
		t.Rows = append(t.Rows, r)
	}
	return t
}
