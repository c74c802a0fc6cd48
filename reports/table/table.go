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
	Wide    bool     // may wrap
}

// Table is one table of the report.
type Table struct {
	ID      string
	Caption string
	Head    []string
	Rows    [][]Cell
	Empty   string // what to say instead of an empty table
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

func verdict(v string) Cell { return Cell{Text: Words(v), Verdict: v} }
