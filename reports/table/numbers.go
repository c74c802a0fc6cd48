package table

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hardneg/reports/finding"
	"hardneg/reports/result"
)

// Numbers writes numbers.tex: one macro per number of the findings, of the
// correlations and of the verifier's validation, so that prose cannot drift from the tables. TeX names hold
// letters only: digits become words.
func Numbers(s *result.Set) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%% Numbers of run %s, as its tables print them. Names: \\hn, then in CamelCase (digits in words)\n"+
		"%%   <benchmark><arm> Mean, Sd, Lo, Hi              accuracy in per cent, sd over seeds, interval\n"+
		"%%   <benchmark><arm>Vs<baseline> Delta, Lo, Hi, P, PAdj   difference in points, interval, p raw and adjusted\n"+
		"%%   <benchmark>Claim<id> the same, and Verdict\n"+
		"%%   <kind><contrast><benchmark> the same            factorial, dose, falsification, filter, subset\n"+
		"%%   Corr<score><level><method><seed> R, Lo, Hi, P, N   association with accuracy\n"+
		"%%   Verifier<set><score><class> Auroc, Lo, Hi, Ap, N, Brier, Ece, F, Mcc   validation\n", finding.LaTeX(s.Run))
	seen := map[string]string{}
	def := func(value string, parts ...string) {
		name := "hn"
		for _, p := range parts {
			name += camel(p)
		}
		old, ok := seen[name]
		switch {
		case ok && old != value:
			fmt.Fprintf(&b, "%% \\%s names two numbers, %s too: rename an arm\n", name, finding.LaTeX(value))
			return
		case ok || value == finding.Dash:
			return
		}
		seen[name] = value
		fmt.Fprintf(&b, "\\newcommand{\\%s}{%s}\n", name, finding.LaTeX(value))
	}
	for _, f := range s.Findings {
		parts := names(f)
		if parts == nil {
			continue
		}
		at := func(last, value string) { def(value, append(slices.Clone(parts), last)...) }
		if f.Kind == result.KindAccuracy {
			at("Mean", finding.Percent(f.Estimate))
			at("Sd", finding.Percent(f.SD))
			at("Lo", finding.Percent(f.Lo))
			at("Hi", finding.Percent(f.Hi))
			continue
		}
		at("Delta", finding.Points(f.Estimate))
		at("Lo", finding.Points(f.Lo))
		at("Hi", finding.Points(f.Hi))
		at("P", finding.P(f.P))
		at("PAdj", finding.P(f.PAdj))
		if f.Kind == result.KindClaim {
			at("Verdict", Words(f.Verdict))
		}
	}
	for _, c := range s.Correlations {
		at := func(last, value string) { def(value, "Corr", c.Score, c.Level, c.Method, c.Seed, last) }
		at("R", Plain(c.R, 3))
		at("Lo", Plain(c.Lo, 2))
		at("Hi", Plain(c.Hi, 2))
		at("P", finding.P(c.P))
		at("N", strconv.Itoa(c.N))
	}
	for _, f := range s.Verifier.Figures {
		at := func(last, value string) { def(value, "Verifier", f.Set, f.Score, f.Class, last) }
		at("Auroc", Plain(f.AUROC, 3))
		at("Lo", Plain(f.Lo, 3))
		at("Hi", Plain(f.Hi, 3))
		at("Ap", Plain(f.AP, 3))
		at("N", strconv.Itoa(f.N))
		if c := f.Calibration; c != nil {
			at("Brier", Plain(c.Brier, 3))
			at("Ece", Plain(c.ECE, 3))
		}
		if l := f.Local; l != nil {
			at("F", Plain(l.F1, 3))
		}
		if c := f.Confusion; c != nil {
			at("Mcc", Plain(c.MCC, 3))
		}
	}
	return b.String()
}

// names are the parts of a finding's macros without the last; nil where it has
// none.
func names(f result.Finding) []string {
	switch f.Kind {
	case result.KindAccuracy:
		return []string{f.Benchmark, f.Arm}
	case result.KindDelta:
		return []string{f.Benchmark, f.Arm, "Vs" + camel(f.Baseline)}
	case result.KindClaim:
		return []string{f.Benchmark, "Claim", f.Claim}
	case result.KindFactorial, result.KindDose, result.KindFalsification, result.KindFilter, result.KindSubset:
		return strings.Split(f.ID, "/")
	}
	return nil
}

// refer says where an estimate comes from: its finding in results.json and its
// macro in numbers.tex.
func refer(f result.Finding) string {
	parts := names(f)
	if parts == nil {
		return ""
	}
	name := "hn"
	for _, p := range parts {
		name += camel(p)
	}
	last := "Delta"
	if f.Kind == result.KindAccuracy {
		last = "Mean"
	}
	return line(f.ID, longestCell) + " · \\" + name + last
}

// camel makes a part of a macro's name: "arith-hard" → ArithHard, "0.5" → ZeroPointFive.
func camel(s string) string {
	words := map[rune]string{'0': "Zero", '1': "One", '2': "Two", '3': "Three", '4': "Four", '5': "Five", '6': "Six", '7': "Seven", '8': "Eight", '9': "Nine", '.': "Point"}
	var b strings.Builder
	up := true
	for _, r := range Slug(s) {
		switch {
		case words[r] != "":
			b.WriteString(words[r])
			up = true
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
			if up {
				r = []rune(strings.ToUpper(string(r)))[0]
			}
			b.WriteRune(r)
			up = false
		default:
			up = true
		}
	}
	return b.String()
}
