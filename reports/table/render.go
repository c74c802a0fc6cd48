package table

import (
	"encoding/csv"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// Lengths in bytes of which a page or a table shows no more: of a sentence, and
// of a cell that is not prose.
const (
	longest     = 4000
	longestCell = 400
)

// Line is a text on one line, without the characters that command a terminal
// or turn the direction of what follows, and cut where it is very long.
func Line(s string) string { return line(s, longest) }

func line(s string, limit int) string {
	cut := ""
	if len(s) > limit {
		n := limit
		for n > 0 && s[n]&0xC0 == 0x80 { // never inside a code point
			n--
		}
		s, cut = s[:n], fmt.Sprintf(" … (%d more bytes)", len(s)-n)
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069, r == 0xFEFF:
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return strings.Join(strings.Fields(s), " ") + cut
}

// Shown is the text of a cell on one line.
func (c Cell) Shown() string {
	if c.Wide {
		return Line(c.Text)
	}
	return line(c.Text, longestCell)
}

// plain is a cell with its warnings on one line.
func (c Cell) plain() string {
	s := c.Shown()
	if len(c.List) > 0 {
		s = strings.TrimSpace(s + " (" + Line(strings.Join(c.List, "; ")) + ")")
	}
	return s
}

// narrow is the width in columns below which a terminal gets the short forms.
const narrow = 100

func (c Cell) terminal(width int) string {
	if c.Short != "" && width > 0 && width < narrow {
		return c.Short
	}
	return c.Shown()
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

// heads are the column heads, which may hold names that people chose.
func (t Table) heads() []string {
	var out []string
	for _, h := range t.Head {
		out = append(out, line(h, longestCell))
	}
	return out
}

// formulas are texts that a spreadsheet would compute; numbers with a sign are none.
var formulas = regexp.MustCompile(`^([=@]|[+-]([^0-9.]|$))`)

// What a cell of print holds that programs want in columns of their own, or not
// at all: an interval, the method of an adjusted p, groups of thousands.
var (
	pairCell     = regexp.MustCompile(`^\[(\S+), (\S+)\]$`)
	adjustedCell = regexp.MustCompile(`^(\S+) \((Holm|BH)\)$`)
	grouped      = regexp.MustCompile(`^[0-9]{1,3}(,[0-9]{3})+$`)
)

// CSV writes head and rows for programs: each column has a name of its own,
// intervals, adjusted p-values and verdicts with warnings are split, and what is
// undefined is empty.
func (t Table) CSV(w io.Writer) error {
	var rows [][]string
	for range len(t.Rows) + 1 {
		rows = append(rows, nil)
	}
	heads := t.heads()
	for j := range t.Head {
		for i, cells := range t.column(heads[j], j) {
			rows[i] = append(rows[i], cells...)
		}
	}
	for _, r := range rows {
		for j, x := range r {
			if formulas.MatchString(x) {
				r[j] = "'" + x
			}
		}
	}
	c := csv.NewWriter(w)
	if err := c.WriteAll(rows); err != nil {
		return fmt.Errorf("table %s: %w", t.ID, err)
	}
	return nil
}

// column is column j in CSV, its head first, each cell as the one or two that it
// makes there.
func (t Table) column(head string, j int) [][]string {
	if t.Names != nil {
		head = line(t.Names[j], longestCell)
	}
	verdict := slices.ContainsFunc(t.Rows, func(r []Cell) bool { return r[j].Verdict != "" })
	all := func(re *regexp.Regexp) bool {
		some := false
		for _, r := range t.Rows {
			if x := r[j].Shown(); re.MatchString(x) {
				some = true
			} else if x != "" && x != undefined {
				return false
			}
		}
		return some
	}
	var split *regexp.Regexp
	out := [][]string{{head}}
	switch {
	case verdict:
		out[0] = []string{head, head + " notes"}
	case all(pairCell):
		split, out[0] = pairCell, []string{head + " low", head + " high"}
	case all(adjustedCell):
		split, out[0] = adjustedCell, []string{head, head + " by"}
	}
	for _, r := range t.Rows {
		c := r[j]
		x := c.Shown()
		switch {
		case verdict:
			out = append(out, []string{x, Line(strings.Join(c.List, "; "))})
		case split != nil:
			parts := split.FindStringSubmatch(x)
			if parts == nil {
				parts = make([]string, 3)
			}
			out = append(out, parts[1:])
		case x == undefined:
			out = append(out, []string{""})
		case grouped.MatchString(x):
			out = append(out, []string{strings.ReplaceAll(x, ",", "")})
		default:
			out = append(out, []string{c.plain()})
		}
	}
	return out
}

// Markdown writes a pipe table.
func (t Table) Markdown(w io.Writer) error {
	md := strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "`", "&#96;", "*", `\*`, "_", `\_`, "](", `]\(`, "][", `]\[`)
	line := func(cells []string) string {
		var b strings.Builder
		for _, c := range cells {
			b.WriteString("| " + md.Replace(c) + " ")
		}
		return b.String() + "|\n"
	}
	s := "**" + md.Replace(Line(t.Caption)) + "**\n\n" + line(t.heads()) + strings.Repeat("| --- ", len(t.Head)) + "|\n"
	for _, r := range t.texts() {
		s += line(r)
	}
	for _, n := range t.Notes {
		s += "\nEvery row: " + md.Replace(Line(n)) + "\n"
	}
	_, err := io.WriteString(w, s)
	return err
}

// Terminal prints the table for people, at most width columns wide (0: as wide
// as it is). Headers stay as written: "GSM8K" is not "GSM 8 K".
func (t Table) Terminal(w io.Writer, width int) error {
	cols, first := t.fit(width)
	pick := func(cells []string) []string {
		var out []string
		for _, i := range cols {
			out = append(out, cells[i])
		}
		return out
	}
	fmt.Fprintln(w, Line(t.Caption))
	tb := tablewriter.NewTable(w,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{Borders: tw.BorderNone, Settings: tw.Settings{Separators: tw.Separators{BetweenColumns: tw.Off}}})),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAlignment(tw.AlignLeft),
		tablewriter.WithRowAlignment(tw.AlignLeft),
	)
	tb.Header(pick(t.heads()))
	for i, r := range t.texts() {
		for j := range r {
			r[j] = t.Rows[i][j].terminal(width) // warnings go to the report
			if j == 0 {
				r[j] = clip(r[j], first)
			}
		}
		if err := tb.Append(pick(r)); err != nil {
			return fmt.Errorf("table %s: %w", t.ID, err)
		}
	}
	return tb.Render()
}

// fit chooses the columns that a terminal has room for, the important ones
// first, and how wide the first one may be.
func (t Table) fit(width int) (cols []int, first int) {
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
	order := t.Keep
	if order == nil {
		order = []int{0, len(t.Head) - 1}
		for j := 1; j < len(t.Head)-1; j++ {
			order = append(order, j)
		}
	}
	left, first := width, wide[0]
	for i, j := range order {
		if width > 0 && wide[j]+2 > left {
			if i > 1 {
				continue
			}
			first -= wide[j] + 2 - left // the first two columns always stand
		}
		cols, left = append(cols, j), max(0, left-wide[j]-2)
	}
	slices.Sort(cols)
	return cols, max(first, 8)
}

// clip shortens s to n columns.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
