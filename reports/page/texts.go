package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"hardneg/reports/finding"
	"hardneg/reports/result"
	"hardneg/reports/table"
)

// longest is how much of one text the page shows; the rest is in the run's folder.
const longest = 4000

func clip(s string) string {
	s = strings.ToValidUTF8(s, "�")
	if len(s) <= longest {
		return s
	}
	cut := longest
	for cut > 0 && s[cut]&0xC0 == 0x80 { // never inside a code point
		cut--
	}
	return s[:cut] + fmt.Sprintf("\n… (%d more bytes)", len(s)-cut)
}

func examples(s *result.Set) []example {
	var out []example
	for _, e := range s.Examples.Items {
		word := "lost"
		if e.Won {
			word = "won"
		}
		out = append(out, example{
			Head:     table.Line(fmt.Sprintf("%s against %s: %s, %s, seed %d, gold %s", e.Arm, e.Baseline, word, e.Benchmark, e.Seed, e.Gold)),
			Question: clip(e.Question),
			LeftHead: table.Line(e.Arm + ": " + e.ArmAnswer), Left: clip(e.ArmText),
			RightHead: table.Line(e.Baseline + ": " + e.BaseAnsw), Right: clip(e.BaseText),
		})
	}
	return out
}

type piece struct {
	Text, Note string
	Mark       bool
}

type pairView struct {
	Head, Question, Chosen string
	Rejected               []piece
	Findings               []string
}

func pairs(s *result.Set) []pairView {
	var out []pairView
	for _, p := range s.Examples.Pairs {
		v := pairView{
			Head: table.Line(fmt.Sprintf("%s, seed %d: weight %s, picked as %s; wrongness %s, absurdity %s, closeness %s", p.Arm, p.Seed, finding.Ratio(p.Weight),
				p.Negative, finding.Ratio(p.Wrongness), finding.Ratio(p.Absurdity), finding.Ratio(p.Closeness))),
			Question: clip(p.Question), Chosen: clip(p.Chosen), Rejected: marked(p.Rejected, p.Findings),
		}
		for _, f := range p.Findings {
			v.Findings = append(v.Findings, table.Line(fmt.Sprintf("%s (%s, severity %s, step %d): %s", f.Code, f.Dim, finding.Ratio(f.Severity), f.Step+1, f.Note)))
		}
		out = append(out, v)
	}
	return out
}

// marked cuts text at the marks; where marks overlap, the earlier one counts.
func marked(text string, ms []result.Mark) []piece {
	ms = slices.Clone(ms)
	slices.SortStableFunc(ms, func(a, b result.Mark) int { return cmp.Compare(a.Start, b.Start) })
	var out []piece
	at := 0
	if len(text) > longest {
		return []piece{{Text: clip(text)}}
	}
	for _, m := range ms {
		if m.Start < at || m.End <= m.Start || m.End > len(text) {
			continue
		}
		if m.Start > at {
			out = append(out, piece{Text: strings.ToValidUTF8(text[at:m.Start], "�")})
		}
		out = append(out, piece{strings.ToValidUTF8(text[m.Start:m.End], "�"), table.Line(m.Code + ": " + m.Note), true})
		at = m.End
	}
	return append(out, piece{Text: strings.ToValidUTF8(text[at:], "�")})
}
