package page

import (
	"fmt"
	"slices"
	"strings"

	"hardneg/reports/finding"
	"hardneg/reports/result"
)

// verdicts says what the verdicts of a run's claims mean, those that occur.
func verdicts(s *result.Set) []Pair {
	occur := map[string]bool{}
	var margins []string
	for _, f := range s.Findings {
		if f.Kind != result.KindClaim {
			continue
		}
		occur[f.Verdict] = true
		if m := finding.Width(f.Margin); f.Margin.OK() && !slices.Contains(margins, m) {
			margins = append(margins, m)
		}
	}
	margin := "the claim's margin (" + strings.Join(margins, " or ") + " points)"
	var out []Pair
	for _, p := range []Pair{
		{result.Supported, "the interval lies above 0, and the adjusted p is below the level of the tests."},
		{result.Negligible, "the same, but a gain of " + margin + " is excluded."},
		{result.Falsified, fmt.Sprintf("a gain of %s or more is excluded: the one-sided upper bound lies below it. That alone does not make the arm worse.", margin)},
		{result.Reversed, "the interval lies below 0, and the adjusted p is below the level of the tests."},
		{result.Equivalent, "both one-sided tests exclude a difference of " + margin + " or more."},
		{result.Inconclusive, "neither a difference nor its absence is shown: the data do not decide."},
		{result.VerdictNone, "what it compares was not measured."},
	} {
		if occur[p.Name] {
			out = append(out, Pair{strings.ReplaceAll(p.Name, "_", " "), p.Value})
		}
	}
	return out
}
