package page

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"hardneg/reports/finding"
	"hardneg/reports/result"
	"hardneg/reports/table"
)

// longest is how much of one text the page shows; the rest is in the run's folder.
const longest = 4000

func clip(s string) string { return shorten(s, longest) }

// shorten shows at most so many bytes and says how many are missing.
func shorten(s string, limit int) string {
	end := cut(s, limit)
	return strings.ToValidUTF8(s[:end], "�") + rest(s, end)
}

// cut is where a text of at most limit bytes ends, never inside a code point.
func cut(s string, limit int) int {
	if len(s) <= limit {
		return len(s)
	}
	for limit > 0 && s[limit]&0xC0 == 0x80 {
		limit--
	}
	return limit
}

// brief is a line of the verifier's own words.
func brief(s string) string { return table.Line(shorten(s, 600)) }

func rest(s string, end int) string {
	if end == len(s) {
		return ""
	}
	return fmt.Sprintf("\n… (%d more bytes)", len(s)-end)
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
		out = append(out, pairView{
			Head: table.Line(fmt.Sprintf("%s, seed %d: weight %s, picked as %s; wrongness %s, absurdity %s, closeness %s", p.Arm, p.Seed, finding.Ratio(p.Weight),
				p.Negative, finding.Ratio(p.Wrongness), finding.Ratio(p.Absurdity), finding.Ratio(p.Closeness))),
			Question: clip(p.Question), Chosen: clip(p.Chosen), Rejected: marked(p.Rejected, p.Findings, longest), Findings: lines(p.Findings),
		})
	}
	return out
}

// lines says in words what the verifier found.
func lines(ms []result.Mark) (out []string) {
	for _, f := range ms {
		out = append(out, brief(fmt.Sprintf("%s (%s, severity %s, step %d): %s", f.Code, f.Dim, finding.Ratio(f.Severity), f.Step+1, f.Note)))
	}
	return out
}

// longestRead is how much of a solution to read is shown.
const longestRead = 1500

// reading is one solution on which verifier and label disagree.
type reading struct {
	Head, Begins, Question, Says string
	Solution                     []piece
	Findings                     []string
}

// readings are the disagreements of one way, of all sets, in the order in which
// they were chosen: the most confident first.
func readings(s *result.Set, misses bool) []reading {
	type one struct {
		result.Disagreement
		set result.Disagreements
	}
	var all []one
	for _, set := range s.Verifier.Disagreements {
		for _, d := range set.Examples {
			if d.Wrong == misses {
				all = append(all, one{d, set})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b one) int { // sets are each in order already
		if misses {
			return cmp.Compare(a.PWrong, b.PWrong)
		}
		return cmp.Compare(b.PWrong, a.PWrong)
	})
	var out []reading
	for _, d := range all {
		label := "right"
		if d.Wrong {
			label = "wrong"
		}
		if d.Class != "" {
			label += " (" + d.Class + ")"
		}
		who := map[string]string{"oracle": "oracle", "answer": "final answer"}[d.set.Format]
		if who == "" {
			who = "people"
		}
		out = append(out, reading{
			Head: brief(fmt.Sprintf("%s: p_wrong %s at threshold %s; %s: %s.", d.set.Set, finding.Ratio(d.PWrong), finding.Ratio(d.set.Threshold), who, label)), Begins: begins(d.Question),
			Says: brief(fmt.Sprintf("Wrongness %s, absurdity %s; profile: %s. First wrong step: %s by the verifier, %s by the label.", finding.Ratio(d.Wrongness), finding.Ratio(d.Absurdity),
				profile(d.Dims), step(d.Predicted), step(d.FirstError))),
			Question: shorten(d.Question, longestRead), Solution: marked(d.Solution, d.Findings, longestRead), Findings: lines(d.Findings),
		})
	}
	return out
}

// begins is how a question begins, to tell lines of a list apart.
func begins(s string) string {
	if r := []rune(table.Line(s)); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return table.Line(s)
}

// profile writes the dimensions in their order, then whatever else there is.
func profile(dims map[string]result.Num) string {
	names := []string{"sem", "struct", "order", "logic", "sym", "ans"}
	for _, k := range slices.Sorted(maps.Keys(dims)) {
		if !slices.Contains(names, k) {
			names = append(names, k)
		}
	}
	var out []string
	for _, k := range names {
		if v, ok := dims[k]; ok {
			out = append(out, k+" "+finding.Ratio(v))
		}
	}
	return strings.Join(out, ", ")
}

// step counts from 1 for people.
func step(k int) string {
	if k < 0 {
		return "none"
	}
	return strconv.Itoa(k + 1)
}

// marked cuts text at the marks; where marks overlap, the earlier one counts. A
// text longer than limit is shortened and keeps the marks of what is left.
func marked(text string, ms []result.Mark, limit int) []piece {
	ms = slices.Clone(ms)
	slices.SortStableFunc(ms, func(a, b result.Mark) int { return cmp.Compare(a.Start, b.Start) })
	end := cut(text, limit)
	var out []piece
	at := 0
	for _, m := range ms {
		if m.Start < at || m.End <= m.Start || m.End > end {
			continue
		}
		if m.Start > at {
			out = append(out, piece{Text: strings.ToValidUTF8(text[at:m.Start], "�")})
		}
		out = append(out, piece{strings.ToValidUTF8(text[m.Start:m.End], "�"), brief(m.Code + ": " + m.Note), true})
		at = m.End
	}
	return append(out, piece{Text: strings.ToValidUTF8(text[at:end], "�") + rest(text, end)})
}
