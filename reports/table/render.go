package table

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// plain is a cell on one line.
func (c Cell) plain() string {
	s := c.Text
	if len(c.List) > 0 {
		s = strings.TrimSpace(s + " (" + strings.Join(c.List, "; ") + ")")
	}
	return strings.Join(strings.Fields(s), " ")
}

// narrow is the width in columns below which a terminal gets the short forms.
const narrow = 100

func (c Cell) terminal(width int) string {
	if c.Short != "" && width > 0 && width < narrow {
		return c.Short
	}
	return strings.Join(strings.Fields(c.Text), " ")
}

func (t Table) texts() [][]string {
	var out [][]string
	for _, r := range t.Rows {
		var l []string
		for _, c := range r {
			l = append(l, c.plain())
		}
		out = append(out, l)
	}
	return out
}

// CSV writes head and rows.
func (t Table) CSV(w io.Writer) error {
	c := csv.NewWriter(w)
	if err := c.WriteAll(append([][]string{t.Head}, t.texts()...)); err != nil {
		return fmt.Errorf("table %s: %w", t.ID, err)
	}
	return nil
}

// Markdown writes a pipe table.
func (t Table) Markdown(w io.Writer) error {
	md := strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;", "`", "&#96;")
	line := func(cells []string) string {
		var b strings.Builder
		for _, c := range cells {
			b.WriteString("| " + md.Replace(c) + " ")
		}
		return b.String() + "|\n"
	}
	s := "**" + t.Caption + "**\n\n" + line(t.Head) + strings.Repeat("| --- ", len(t.Head)) + "|\n"
	for _, r := range t.texts() {
		s += line(r)
	}
	for _, n := range t.Notes {
		s += "\nEvery row: " + md.Replace(n) + "\n"
	}
	_, err := io.WriteString(w, s)
	return err
}

// Terminal prints the table for people, at most width columns wide (0: as wide
// as it is). Headers stay as written: "GSM8K" is not "GSM 8 K".
func (t Table) Terminal(w io.Writer, width int) error {
	cols := t.fit(width)
	pick := func(cells []string) []string {
		var out []string
		for _, i := range cols {
			out = append(out, cells[i])
		}
		return out
	}
	fmt.Fprintln(w, t.Caption)
	tb := tablewriter.NewTable(w,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{Borders: tw.BorderNone, Settings: tw.Settings{Separators: tw.Separators{BetweenColumns: tw.Off}}})),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAlignment(tw.AlignLeft),
		tablewriter.WithRowAlignment(tw.AlignLeft),
	)
	tb.Header(pick(t.Head))
	for i, r := range t.texts() {
		for j := range r {
			r[j] = t.Rows[i][j].terminal(width) // warnings go to the report
		}
		if err := tb.Append(pick(r)); err != nil {
			return fmt.Errorf("table %s: %w", t.ID, err)
		}
	}
	return tb.Render()
}

// fit chooses the columns that a narrow terminal has room for: the first ones
// and the last, dropping from the right end inwards.
func (t Table) fit(width int) []int {
	wide := make([]int, len(t.Head))
	for j, h := range t.Head {
		wide[j] = utf8.RuneCountInString(h)
	}
	for i := range t.Rows {
		for j, c := range t.Rows[i] {
			if j < len(wide) {
				wide[j] = max(wide[j], utf8.RuneCountInString(c.terminal(width)))
			}
		}
	}
	cols := make([]int, len(t.Head))
	total := 0
	for j := range cols {
		cols[j] = j
		total += wide[j] + 2
	}
	for width > 0 && total > width && len(cols) > 2 {
		drop := len(cols) - 2
		total -= wide[cols[drop]] + 2
		cols = append(cols[:drop], cols[drop+1:]...)
	}
	return cols
}
