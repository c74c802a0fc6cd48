package table

import (
	"fmt"
	"strings"

	"hardneg/reports/finding"
	"hardneg/reports/result"
)

// Numbers writes numbers.tex: one macro per number of the accuracy, delta and
// claim findings, so that prose cannot drift from the tables. TeX names hold
// letters only: digits become words.
func Numbers(s *result.Set) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%% Numbers of run %s, as its tables print them. Names: \\hn, then in CamelCase (digits in words)\n"+
		"%%   <benchmark><arm> Mean, Sd, Lo, Hi              accuracy in per cent, sd over seeds, interval\n"+
		"%%   <benchmark><arm>Vs<baseline> Delta, Lo, Hi, P, PAdj   difference in points, interval, p raw and adjusted\n"+
		"%%   <benchmark>Claim<id> the same, and Verdict\n"+
		"%%   <kind><contrast><benchmark> the same            factorial, dose, falsification, filter\n", finding.LaTeX(s.Run))
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
		case result.KindFactorial, result.KindDose, result.KindFalsification, result.KindFilter:
			contrast(def, f, strings.Split(f.ID, "/")...)
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
