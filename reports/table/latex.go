package table

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"hardneg/reports/finding"
)

// number is what a siunitx S column sets by its decimal point.
var number = regexp.MustCompile(`^([+−-]?)([0-9]+)(?:\.([0-9]+))?$`)

// minus is a hyphen that stands for a minus sign in a cell of text.
var minus = regexp.MustCompile(`(^|[\[( ])-([0-9])`)

// LaTeX writes a booktabs tabular. Columns of numbers are siunitx S columns;
// bold marks the best arm only where it beats every baseline by the adjusted
// tests, a dagger an adjusted p below the level.
func (t Table) LaTeX(w io.Writer) error {
	var b strings.Builder
	cols, numeric := t.columns()
	fmt.Fprintf(&b, "%% %s\n%% needs booktabs, siunitx and textcomp\n\\begingroup\\sisetup{detect-weight=true, mode=text}%%\n\\begin{tabular}{%s}\n\\toprule\n", finding.LaTeX(Line(t.Caption)), cols)
	for j, h := range t.Head {
		if j > 0 {
			b.WriteString(" & ")
		}
		b.WriteString("{" + finding.LaTeX(line(h, longestCell)) + "}")
	}
	b.WriteString(" \\\\\n\\midrule\n")
	dagger := false
	for i, r := range t.Rows {
		if t.Grouped && i > 0 && !t.Repeats(i) {
			b.WriteString("\\addlinespace\n")
		}
		for j, c := range r {
			if j > 0 {
				b.WriteString(" & ")
			}
			b.WriteString(c.latex(numeric[j], j == 0 && t.Repeats(i)))
			dagger = dagger || c.Dagger
		}
		b.WriteString(" \\\\\n")
	}
	b.WriteString("\\bottomrule\n")
	notes := []string{}
	if dagger {
		notes = append(notes, "$^\\dagger$ adjusted $p$ below the level of the tests")
	}
	for _, n := range t.Notes {
		notes = append(notes, "every row: "+finding.LaTeX(Line(n)))
	}
	if len(notes) > 0 {
		fmt.Fprintf(&b, "\\multicolumn{%d}{l}{\\footnotesize %s}\\\\\n", len(t.Head), strings.Join(notes, "; "))
	}
	b.WriteString("\\end{tabular}\n\\endgroup\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// longestLine is how many letters a column has before its text is broken.
const longestLine = 40

// columns makes the tabular's preamble and says which columns are numbers.
func (t Table) columns() (string, []bool) {
	var b strings.Builder
	numeric := make([]bool, len(t.Head))
	for j := range t.Head {
		sign, whole, part, any, all, long := "", 1, 0, false, j > 0, 0
		for _, r := range t.Rows {
			x := r[j].plain()
			long = max(long, utf8.RuneCountInString(x))
			m := number.FindStringSubmatch(x)
			if m == nil {
				all = all && (x == "" || x == undefined)
				continue
			}
			any = true
			if m[1] != "" {
				sign = "+"
			}
			whole, part = max(whole, len(m[2])), max(part, len(m[3]))
		}
		switch numeric[j] = all && any; {
		case numeric[j]:
			fmt.Fprintf(&b, "S[table-format=%s%d.%d]", sign, whole, part)
		case long > longestLine:
			b.WriteString("p{5cm}")
		case t.Prose(j):
			b.WriteByte('l')
		default:
			b.WriteByte('r')
		}
	}
	return b.String(), numeric
}

// latex is the cell in a column of numbers or of text; repeated cells of a
// block stay empty.
func (c Cell) latex(numeric, repeated bool) string {
	s := c.plain()
	switch {
	case repeated || s == "":
		return ""
	case !numeric:
		s = minus.ReplaceAllString(finding.LaTeX(s), "${1}$$-$$${2}")
	case s == undefined:
		return "{--}"
	default:
		s = strings.Replace(s, "−", "-", 1)
	}
	if c.Best {
		s = "\\bfseries " + s
	}
	if c.Dagger {
		s += "{$^\\dagger$}"
	}
	return s
}
