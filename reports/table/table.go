// Package table turns the findings of a run into tables, once, and renders
// them many times: HTML (through reports/page), LaTeX, CSV, Markdown and the
// terminal show the same cells and cannot disagree.
//
// A Table has a caption, a head and rows of Cells. The builders (claims, main,
// factorial, …) read result.Set alone and compute nothing: every number was
// computed by reports/finding.
package table

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hardneg/reports/finding"
	"hardneg/reports/result"
)

// Cell is one entry.
type Cell struct {
	Text    string
	Verdict string   // the verdict word that colours the cell
	List    []string // warnings printed below the text
	Wide    bool     // prose: set left and wrapped
	Short   string   // for narrow terminals, "~" where undecided; empty: Text
	Best    bool     // bold: better than every baseline by the adjusted tests
	Dagger  bool     // the adjusted p is below the level of the tests
	CI      *CI      // drawn beside the text where there is room
	Ref     string   // finding and macro of the number, shown where a pointer rests
}

// CI is an estimate with its interval.
type CI struct{ Lo, Est, Hi float64 }

// Table is one table of the report.
type Table struct {
	ID      string
	Caption string
	Head    []string
	Names   []string // of the columns in CSV, where heads repeat; nil: Head
	Rows    [][]Cell
	Empty   string   // what to say instead of an empty table
	Grouped bool     // equal first cells in a run of rows make a block
	Keep    []int    // columns by importance, for narrow terminals; nil: first, last, then from the left
	Notes   []string // what holds for every row, printed once below
}

// interval is the cell of a difference's interval.
func interval(f result.Finding) Cell {
	c := Cell{Text: finding.Interval(f.Lo, f.Hi)}
	if f.Lo.OK() && f.Hi.OK() {
		c.CI = &CI{float64(f.Lo), float64(f.Estimate), float64(f.Hi)}
	}
	return c
}

// lift moves the warnings that every row carries below the table.
func (t Table) lift() Table {
	if len(t.Rows) < 2 {
		return t
	}
	last := len(t.Head) - 1
	for _, w := range slices.Clone(t.Rows[0][last].List) {
		if slices.ContainsFunc(t.Rows, func(r []Cell) bool { return !slices.Contains(r[last].List, w) }) {
			continue
		}
		t.Notes = append(t.Notes, w)
		for _, r := range t.Rows {
			r[last].List = slices.DeleteFunc(slices.Clone(r[last].List), func(x string) bool { return x == w })
		}
	}
	return t
}

// Prose says whether column j holds text, to be set left.
func (t Table) Prose(j int) bool {
	text := j == 0
	for _, r := range t.Rows {
		x := r[j].Text
		if r[j].Wide || r[j].Verdict != "" {
			return true
		}
		if x == "" || x == undefined {
			continue
		}
		if c := strings.TrimLeft(x, "+-−[<"); c == "" || c[0] >= '0' && c[0] <= '9' {
			return j == 0
		}
		text = true
	}
	return text
}

// Repeats says whether row i opens with the same cell as the row above in a
// grouped table.
func (t Table) Repeats(i int) bool {
	return t.Grouped && i > 0 && t.Rows[i][0].Text == t.Rows[i-1][0].Text
}

// row makes plain cells.
func row(texts ...string) []Cell {
	cs := make([]Cell, len(texts))
	for i, t := range texts {
		cs[i].Text = t
	}
	return cs
}

// undefined is how an undefined number prints.
const undefined = finding.Dash

// Plain prints a number with d decimals.
func Plain(n result.Num, d int) string {
	if !n.OK() {
		return undefined
	}
	return strconv.FormatFloat(float64(n)+0, 'f', d, 64)
}

// count prints a whole number with thin groups of thousands.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// seeds prints "3", or "2 of 3"; which one is missing stands in the warnings.
func seeds(f result.Finding) string {
	if f.SeedsUsed == f.SeedsPlanned {
		return strconv.Itoa(f.SeedsUsed)
	}
	return fmt.Sprintf("%d of %d", f.SeedsUsed, f.SeedsPlanned)
}

// Words prints a verdict for people.
func Words(verdict string) string { return strings.ReplaceAll(verdict, "_", " ") }

// verdict is the cell of a finding's verdict with its warnings.
func verdict(f result.Finding) Cell {
	c := Cell{Text: Words(f.Verdict), Verdict: f.Verdict, List: f.Warn, Wide: true}
	if f.Verdict == result.Inconclusive {
		c.Short = finding.Undecided
	}
	return c
}
