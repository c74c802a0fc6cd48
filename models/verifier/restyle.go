package verifier

import (
	"strconv"
	"strings"

	"hardneg/fixtures/seed"
)

// Restyle rewrites a solution that ends in "#### answer" in another manner
// without touching what it says: with and without calculator notes, numbered,
// with the question restated first, merged into paragraphs, with other closing
// words. Heads that are fitted on restyled solutions cannot take a manner of
// writing for an error, which those fitted on one corpus do: without it the
// AUROC on five chat models' solutions was .48 to .60.
//
// first is the first wrong step of the solution, -1 for none; the result's is
// returned. The steps are those of the result.
func Restyle(question, solution string, first int, key seed.Key) (steps []string, newFirst int) {
	var lines []string
	for _, l := range strings.Split(solution, "\n") {
		if strings.TrimSpace(l) != "" {
			lines = append(lines, l)
		}
	}
	closing := ""
	if n := len(lines); n > 0 && strings.Contains(lines[n-1], "####") {
		closing = strings.TrimSpace(lines[n-1][strings.Index(lines[n-1], "####")+4:])
		lines = lines[:n-1]
	}
	s := styler{key: key, first: first}
	s.intro(question)
	s.body(lines)
	s.close(closing)
	if s.first >= len(s.steps) {
		s.first = len(s.steps) - 1
	}
	return s.steps, s.first
}

// styler builds the steps of a restyled solution.
type styler struct {
	key   seed.Key
	steps []string
	first int
}

// shift moves the first error behind steps put before it.
func (s *styler) shift(n int) {
	if s.first >= 0 {
		s.first += n
	}
}

// intro puts nothing, a general sentence or the question's facts first.
func (s *styler) intro(question string) {
	switch s.key.Index(0, 5) {
	case 0:
		s.steps = append(s.steps, "Let's solve the problem step by step.")
	case 1:
		s.steps = append(s.steps, "To find the answer, we need to follow the given information carefully.")
	case 2:
		facts := splitSentences(nil, question, 0, len(question))
		if len(facts) > 1 {
			var b strings.Builder
			b.WriteString("We are given the following:")
			for _, f := range facts[:len(facts)-1] {
				b.WriteString(" " + question[f.lo:f.hi])
			}
			s.steps = append(s.steps, b.String())
		}
	}
	s.shift(len(s.steps))
}

// body writes the lines: notes or none, markers, paragraphs of two.
func (s *styler) body(lines []string) {
	notes := keepsNotes(s.key)
	mark := s.key.Index(2, 5)
	times := s.key.Index(3, 3)
	pairs := s.key.Index(4, 4) == 0
	base := len(s.steps)
	for i, l := range lines {
		if !notes {
			l = StripNotes(l)
			if times == 1 {
				l = strings.ReplaceAll(l, "*", " × ")
			} else if times == 2 {
				l = strings.ReplaceAll(l, "*", ` \times `)
			}
		}
		n := strconv.Itoa(i + 1)
		switch mark {
		case 0:
			l = n + ". " + l
		case 1:
			l = "Step " + n + ": " + l
		case 2:
			l = "**Step " + n + "** " + l
		}
		if pairs && i%2 == 1 {
			s.steps[len(s.steps)-1] += " " + l
			continue
		}
		s.steps = append(s.steps, l)
	}
	if pairs && s.first >= base {
		s.first = base + min((s.first-base)/2, max(0, len(s.steps)-base-1))
	}
}

// keepsNotes reports a style with calculator notes.
func keepsNotes(style seed.Key) bool { return style.Index(1, 4) == 0 }

// close writes the answer in one of several ways, as a step of its own or
// within the last one.
func (s *styler) close(answer string) {
	if answer == "" {
		return
	}
	text := "#### " + answer
	switch s.key.Index(5, 6) {
	case 0:
		text = "The answer is " + answer + "."
	case 1:
		text = "Therefore, the final answer is " + answer + "."
	case 2:
		text = `So the answer is $\boxed{` + answer + `}$.`
	case 3:
		text = "A: " + answer
	}
	if s.key.Index(6, 4) == 0 && len(s.steps) > 0 && s.first < len(s.steps) {
		s.steps[len(s.steps)-1] += " " + text
		return
	}
	s.steps = append(s.steps, text)
}
