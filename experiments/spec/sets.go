package spec

import "strings"

// Whole puts values together again that a command line cut at the commas
// inside their brackets: `seeds.values=[1`, `2]`.
func Whole(sets []string) []string {
	var out []string
	open := 0
	for _, s := range sets {
		if open > 0 {
			out[len(out)-1] += "," + s
		} else {
			out = append(out, s)
		}
		open += strings.Count(s, "[") + strings.Count(s, "{") - strings.Count(s, "]") - strings.Count(s, "}")
	}
	return out
}
