package spec

import (
	"fmt"
	"slices"
	"strings"
)

// Mistake is one thing wrong with a spec, and where.
type Mistake struct {
	At   Origin
	Text string
}

// Errors are all mistakes of a spec, in file order.
type Errors []Mistake

// Error writes one mistake a line, each with its place.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, m := range e {
		lines[i] = m.At.String() + ": " + m.Text
	}
	return strings.Join(lines, "\n")
}

// sorted drops repetitions (an arm repeats the mistakes of the stages that it
// patches) and orders by place.
func (e Errors) sorted() Errors {
	out := slices.Clone(e)
	slices.SortStableFunc(out, func(a, b Mistake) int {
		if c := strings.Compare(a.At.File, b.At.File); c != 0 {
			return c
		}
		if a.At.Line != b.At.Line {
			return a.At.Line - b.At.Line
		}
		if a.At.Col != b.At.Col {
			return a.At.Col - b.At.Col
		}
		return strings.Compare(a.Text, b.Text)
	})
	return slices.Compact(out)
}

// causes drops what only follows from another mistake: what is no map cannot
// have the keys that it needs.
func (e Errors) causes() Errors {
	const cause, follows = " must be a map of keys", " needs the key"
	return slices.DeleteFunc(slices.Clone(e), func(m Mistake) bool {
		path, _, ok := strings.Cut(m.Text, follows)
		return ok && slices.ContainsFunc(e, func(c Mistake) bool { return strings.HasPrefix(c.Text, path+cause) })
	})
}

// meant suggests the known word nearest to an unknown one; "" if none is near.
func meant(word string, known []string) string {
	best, at := "", max(2, len(word)/3)+1
	for _, k := range known {
		if d := distance(word, k); d < at && d < len(k) {
			best, at = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// distance counts insertions, deletions, replacements and exchanges of neighbours.
func distance(a, b string) int {
	const limit = 64 // longer words are not typing mistakes of a key
	if len(a) > limit || len(b) > limit {
		return limit
	}
	var d [limit + 1][limit + 1]int
	for i := range len(a) + 1 {
		d[i][0] = i
	}
	for j := range len(b) + 1 {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
