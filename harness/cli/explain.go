package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"hardneg/models/verifier"
)

// painter colours text, or leaves it plain.
type painter bool

// painter follows --color: auto means colour on a terminal.
func (a *App) painter() painter {
	switch a.Color {
	case "always":
		return true
	case "never":
		return false
	}
	return painter(a.terminal() && os.Getenv("NO_COLOR") == "")
}

// Colours of the explanation (ANSI SGR codes).
const (
	red    = "31"
	yellow = "33"
	green  = "32"
	bold   = "1"
	dim    = "2"
)

func (p painter) paint(code, s string) string {
	if !p || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// explainRow prints one solution step by step.
func explainRow(v *verifier.Verifier, mode verifier.Mode, p painter, line, out []byte) ([]byte, error) {
	var r solutionRow
	if err := strict(line, &r); err != nil {
		return out, err
	}
	in, err := r.input()
	if err != nil {
		return out, err
	}
	text := in.Solution
	if in.Steps != nil {
		text = strings.Join(in.Steps, "\n")
	}
	s := v.Score(in, mode)
	return append(out, explain(&s, v.Tau(verifier.RegisterOf(in.Question)), in.Question, text, p)...), nil
}

// explain renders a score for people: header, steps with their findings,
// dimensions, and a sentence that sums up.
func explain(s *verifier.Score, tau float64, question, text string, p painter) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", p.paint(bold, s.ID), p.paint(dim, "mode "+string(s.Mode)))
	fmt.Fprintf(&b, "%s\n\n", p.paint(dim, strings.TrimSpace(question)))
	shown := make([]bool, len(s.Findings))
	for i, sp := range s.Spans {
		mark := p.paint(green, "  ")
		if i == s.FirstErrorStep {
			mark = p.paint(red, "> ")
		}
		fmt.Fprintf(&b, "%s%2d %s  %s\n", mark, i, p.paint(heat(s.StepScores[i]), fmt.Sprintf("%.2f", s.StepScores[i])),
			highlight(s, i, text[sp.Start:sp.End], sp.Start, p))
		for k, f := range s.Findings {
			if f.Step == i && narrow(f, sp) {
				shown[k] = true
				fmt.Fprintf(&b, "           %s %s\n", p.paint(heat(f.Severity), fmt.Sprintf("%s %s %.1f", f.Dim, f.Code, f.Severity)), f.Note)
			}
		}
	}
	first := true
	for k, f := range s.Findings {
		if shown[k] {
			continue
		}
		if first {
			b.WriteString("\n  as a whole\n")
			first = false
		}
		fmt.Fprintf(&b, "           %s %s\n", p.paint(heat(f.Severity), fmt.Sprintf("%s %s %.1f", f.Dim, f.Code, f.Severity)), f.Note)
	}
	b.WriteByte('\n')
	for d := verifier.Sem; d < verifier.NumDims; d++ {
		x := s.Profile[d]
		fmt.Fprintf(&b, "  %-6s %s %.2f\n", d, p.paint(heat(x), bar(x)), x)
	}
	fmt.Fprintf(&b, "\n  %s\n\n", verdict(s, tau, p))
	return b.String()
}

// narrow reports a finding on a part of its step; others concern the whole.
func narrow(f verifier.Finding, sp verifier.Span) bool {
	return f.Start > sp.Start || f.End < sp.End
}

// heat is the colour of a number in [0,1].
func heat(x float64) string {
	switch {
	case x >= .6:
		return red
	case x >= .3:
		return yellow
	}
	return green
}

func bar(x float64) string {
	n := int(x*20 + .5)
	return strings.Repeat("█", n) + strings.Repeat("·", 20-n)
}

// highlight colours the spans of a step's findings.
func highlight(s *verifier.Score, step int, text string, base int, p painter) string {
	if !p {
		return strings.TrimSpace(text)
	}
	fs := slices.Clone(s.Findings)
	slices.SortStableFunc(fs, func(x, y verifier.Finding) int { return x.Start - y.Start })
	var b strings.Builder
	at := 0
	for _, f := range fs {
		lo, hi := f.Start-base, f.End-base
		if f.Step != step || lo < at || hi > len(text) || hi <= lo || lo == 0 && hi == len(text) {
			continue
		}
		b.WriteString(text[at:lo])
		b.WriteString(p.paint(heat(f.Severity), text[lo:hi]))
		at = hi
	}
	b.WriteString(text[at:])
	return strings.TrimSpace(b.String())
}

// verdict sums the score up in one line.
func verdict(s *verifier.Score, tau float64, p painter) string {
	out := fmt.Sprintf("wrongness %.2f (process alone %.2f), absurdity %.2f", s.Wrongness, s.WrongnessProc, s.Absurdity)
	if s.HasAnswer {
		out += ", answer " + s.Answer
	}
	if s.Mode == verifier.Gold {
		out += fmt.Sprintf(", closeness %.2f, hard-negative score %.2f", s.Closeness, s.HardScore)
	}
	switch {
	case s.Mode == verifier.Gold && !s.Correct && s.Closeness >= .5 && s.Absurdity <= .4:
		out += p.paint(red, ": near-correct but wrong")
		if s.Relation != "" {
			out += " (" + s.Relation + ")"
		}
	case s.Mode == verifier.Gold && s.Correct && s.WrongnessProc >= tau:
		out += p.paint(yellow, ": the answer is right, the way to it is not")
	case s.WrongnessNone >= tau && s.Absurdity <= .4:
		out += p.paint(yellow, ": plausible at a glance, but inconsistent")
	case s.WrongnessNone >= tau:
		out += p.paint(red, ": wrong")
	default:
		out += p.paint(green, ": nothing against it")
	}
	return out
}
