package table

import (
	"fmt"
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
		switch f.Kind {
		case result.KindAccuracy:
			def(finding.Percent(f.Estimate), f.Benchmark, f.Arm, "Mean")
			def(finding.Percent(f.SD), f.Benchmark, f.Arm, "Sd")
			def(finding.Percent(f.Lo), f.Benchmark, f.Arm, "Lo")
			def(finding.Percent(f.Hi), f.Benchmark, f.Arm, "Hi")
		case result.KindDelta:
			contrast(def, f, f.Benchmark, f.Arm, "Vs"+camel(f.Baseline))
		case result.KindClaim:
			contrast(def, f, f.Benchmark, "Claim", f.Claim)
			def(Words(f.Verdict), f.Benchmark, "Claim", f.Claim, "Verdict")
		case result.KindFactorial, result.KindDose, result.KindFalsification, result.KindFilter, result.KindSubset:
			contrast(def, f, strings.Split(f.ID, "/")...)
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

func contrast(def func(string, ...string), f result.Finding, parts ...string) {
	at := func(last string) []string { return append(append([]string{}, parts...), last) }
	def(finding.Points(f.Estimate), at("Delta")...)
	def(finding.Points(f.Lo), at("Lo")...)
	def(finding.Points(f.Hi), at("Hi")...)
	def(finding.P(f.P), at("P")...)
	def(finding.P(f.PAdj), at("PAdj")...)
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
