package trend

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"

	"hardneg/reports/page"
	"hardneg/reports/stats"
)

//go:embed page.html
var pageHTML string

// Page is what a page shows.
type Page struct {
	Name     string
	Result   Result
	Headline string
	Bad      bool
	History  []Entry
	Link     func(run string) string // to a night's report; "" for none
}

// row is a metric on the page.
type row struct {
	Decision
	ID                               string
	LastText, MedianText, ChangeText string
	PText, Notes, Class              string
	Spark, Chart                     template.HTML
}

// nightRow is a night on the page.
type nightRow struct {
	Entry
	Link, Note string
	Hours      string
}

// shown is how many nights the page lists.
const shown = 60

// Write writes the page: one file, no scripts, nothing from elsewhere.
func Write(w io.Writer, p Page) error {
	t, err := template.New("trend").Parse(pageHTML)
	if err != nil {
		return fmt.Errorf("trend page template: %w", err)
	}
	v := struct {
		Page
		Style template.CSS
		Rows  []row
		Night []nightRow
	}{Page: p, Style: template.CSS(page.Style())}
	for i, d := range p.Result.Decisions {
		v.Rows = append(v.Rows, rowOf(i, d))
	}
	nights := Nights(p.History)
	slices.Reverse(nights)
	for _, n := range nights[:min(len(nights), shown)] {
		r := nightRow{Entry: n, Hours: fmt.Sprintf("%.2f", n.WallS/3600)}
		if p.Link != nil {
			r.Link = p.Link(n.Run)
		}
		if !alike(n, p.Result.Tonight) {
			r.Note = "not comparable: another spec or hardware"
		}
		v.Night = append(v.Night, r)
	}
	if err := t.Execute(w, v); err != nil {
		return fmt.Errorf("trend page: %w", err)
	}
	return nil
}

func rowOf(i int, d Decision) row {
	r := row{Decision: d, ID: fmt.Sprintf("metric-%d", i), LastText: Format(d.Metric, d.Last), MedianText: Format(d.Metric, d.Median), PText: "–",
		ChangeText: "–", Notes: d.Reasons(), Spark: drawing(d, 120, 24, false), Chart: drawing(d, 760, 180, true)}
	if !math.IsNaN(d.P) {
		r.PText = fmt.Sprintf("%.2g", d.P)
	}
	if !math.IsNaN(d.Change) {
		r.ChangeText = fmt.Sprintf("%s (last %d)", Signed(d.Metric, d.Change), d.Window)
	}
	r.Class = map[string]string{stats.DecisionRegression: "reversed", Vanished: "reversed", stats.DecisionImprovement: "supported", stats.DecisionOK: "supported"}[d.Verdict]
	if r.Class == "" {
		r.Class = "inconclusive"
	}
	return r
}

// Reasons are the notes in words.
func (d Decision) Reasons() string {
	words := map[string]string{
		stats.NoteTooFew: "fewer than 9 comparable nights", stats.NoteNoTonight: "no result tonight", stats.NoteDegenerate: "no night differs from another",
	}
	var out []string
	for _, n := range d.Notes {
		if w, ok := words[n]; ok {
			n = w
		}
		out = append(out, n)
	}
	return strings.Join(out, "; ")
}

// Format writes a metric's value: accuracies in points, the rest as they are.
func Format(metric string, v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case strings.Contains(metric, "/eval."):
		return fmt.Sprintf("%.1f", 100*v)
	case math.Abs(v) >= 1000:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.4g", v)
}

// Signed is Format of a change, with its sign.
func Signed(metric string, v float64) string {
	s := Format(metric, math.Abs(v))
	if v < 0 {
		return "−" + s
	}
	return "+" + s
}

// drawing is the series as a figure: points, the level on both sides of a
// change point, and a mark where a level was accepted.
func drawing(d Decision, width, height float64, labels bool) template.HTML {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, p := range d.Series {
		if !math.IsNaN(p.Value) {
			lo, hi = math.Min(lo, p.Value), math.Max(hi, p.Value)
		}
	}
	if lo > hi {
		return "–"
	}
	if lo == hi {
		lo, hi = lo-math.Abs(lo)/20-1e-9, hi+math.Abs(hi)/20+1e-9
	}
	left, pad := 2.0, 4.0
	if labels {
		left, pad = 70, 20
	}
	x := func(i int) float64 {
		return left + (width-left-6)*(float64(i)+.5)/float64(len(d.Series))
	}
	y := func(v float64) float64 { return pad + (height-2*pad)*(hi-v)/(hi-lo) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" width="%g" height="%g" role="img" aria-label="%s by night">`, width, height, width, height, template.HTMLEscapeString(d.Metric))
	if labels {
		for _, v := range []float64{lo, hi} {
			fmt.Fprintf(&b, `<text x="%g" y="%.1f" text-anchor="end" class="axis">%s</text><line x1="%g" x2="%g" y1="%.1f" y2="%.1f" class="grid"/>`, left-6, y(v)+4, Format(d.Metric, v), left, width-6, y(v), y(v))
		}
		fmt.Fprintf(&b, `<text x="%g" y="%g" class="axis">%s</text><text x="%g" y="%g" text-anchor="end" class="axis">%s</text>`,
			left, height-2, template.HTMLEscapeString(d.Series[0].Date), width-6, height-2, template.HTMLEscapeString(d.Series[len(d.Series)-1].Date))
	}
	for _, e := range d.Accepted {
		for i, p := range d.Series {
			if labels && p.Run == e.Run {
				fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%g" y2="%g" class="accepted"><title>%s</title></line>`, x(i), x(i), pad, height-pad, template.HTMLEscapeString("accepted: "+e.Because))
			}
		}
	}
	segments(&b, d, x, y)
	for i, p := range d.Series {
		if math.IsNaN(p.Value) {
			continue
		}
		class, radius := "point", 1.6
		if i == len(d.Series)-1 {
			class, radius = "point tonight", 2.6
		}
		fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="%g" class="%s"><title>%s</title></circle>`, x(i), y(p.Value), radius, class,
			template.HTMLEscapeString(p.Date+": "+Format(d.Metric, p.Value)))
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// segments draws the mean of each side of the change point.
func segments(b *strings.Builder, d Decision, x func(int) float64, y func(float64) float64) {
	ends := []int{0, len(d.Series)}
	if d.Split > 0 {
		ends = []int{0, d.Split, len(d.Series)}
	}
	for k := range len(ends) - 1 {
		sum, n := 0.0, 0
		for _, p := range d.Series[ends[k]:ends[k+1]] {
			if !math.IsNaN(p.Value) {
				sum, n = sum+p.Value, n+1
			}
		}
		if n > 0 {
			fmt.Fprintf(b, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" class="level"/>`, x(ends[k]), x(ends[k+1]-1), y(sum/float64(n)), y(sum/float64(n)))
		}
	}
}
