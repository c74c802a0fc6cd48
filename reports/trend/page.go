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
	First                            string // the night on which a regression began
	Spark, Chart                     template.HTML
	Points                           []pointRow // of the chart, newest first
}

// pointRow is a point of a chart as text.
type pointRow struct{ Date, Run, Commit, Value, Mark string }

// nightRow is a night on the page.
type nightRow struct {
	Entry
	Link, Note string
	Hours      string
}

// shown is how many nights the page lists.
const shown = 60

// points lists the points of a chart with what happened there.
func points(d Decision) []pointRow {
	var out []pointRow
	add := func(p Point, mark string) {
		for _, e := range d.Accepted {
			if e.Run == p.Run {
				mark = "level accepted: " + e.Because
			}
		}
		marks := append([]string{}, p.Changed...)
		if p.NewCommit {
			marks = append(marks, "another commit")
		}
		if mark != "" {
			marks = append([]string{mark}, marks...)
		}
		out = append(out, pointRow{p.Date, p.Run, p.Commit, Format(d.Metric, p.Value), strings.Join(marks, "; ")})
	}
	for _, p := range d.Earlier {
		add(p, "before the accepted level")
	}
	for i, p := range d.Series {
		mark := ""
		if i == d.Split {
			mark = "change point"
		}
		add(p, mark)
	}
	slices.Reverse(out)
	return out
}

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

		Comparable         int // nights, tonight included
		Appeared, Vanished []string
	}{Page: p, Style: template.CSS(page.Style())}
	for i, d := range p.Result.Decisions {
		v.Rows = append(v.Rows, rowOf(i, d))
		v.Comparable = len(d.Earlier) + len(d.Series)
		if d.Appeared {
			v.Appeared = append(v.Appeared, d.Metric)
		}
		if d.Verdict == Vanished {
			v.Vanished = append(v.Vanished, d.Metric)
		}
	}
	nights := Nights(p.History)
	slices.Reverse(nights)
	for i, n := range nights[:min(len(nights), shown)] {
		var notes []string
		if k := slices.IndexFunc(nights[i+1:], func(o Entry) bool { return alike(o, n) }); k >= 0 { // the comparable night before
			notes = Changed(nights[i+1+k], n)
		}
		r := nightRow{Entry: n, Hours: fmt.Sprintf("%.2f", n.WallS/3600)}
		if p.Link != nil {
			r.Link = p.Link(n.Run)
		}
		if !alike(n, p.Result.Tonight) {
			notes = append(notes, "not comparable: another spec or hardware")
		}
		if n.Again {
			notes = append(notes, "measured twice")
		}
		r.Note = strings.Join(notes, "; ")
		v.Night = append(v.Night, r)
	}
	if err := t.Execute(w, v); err != nil {
		return fmt.Errorf("trend page: %w", err)
	}
	return nil
}

func rowOf(i int, d Decision) row {
	r := row{Decision: d, ID: fmt.Sprintf("metric-%d", i), LastText: Format(d.Metric, d.Last), MedianText: Format(d.Metric, d.Median), PText: "–",
		ChangeText: "–", Notes: d.Reasons(), Spark: spark(d), Chart: chart(d), Points: points(d)}
	if d.Split >= 0 {
		r.First = d.Series[d.Split].Date
	}
	if !math.IsNaN(d.P) {
		r.PText = fmt.Sprintf("%.2g", d.P)
	}
	if !math.IsNaN(d.Change) {
		r.ChangeText = fmt.Sprintf("%s ± %s (last %d)", Signed(d.Metric, d.Change), Width(d.Metric, d.HalfWidth), d.Window)
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

// Width is Format of half an interval, of which two digits say enough.
func Width(metric string, v float64) string {
	if s := fmt.Sprintf("%.2g", v); !strings.Contains(metric, "/eval.") && !math.IsNaN(v) && !strings.Contains(s, "e+") {
		return s
	}
	return Format(metric, v)
}

// Signed is Format of a change, with its sign.
func Signed(metric string, v float64) string {
	s := Format(metric, math.Abs(v))
	if v < 0 {
		return "−" + s
	}
	return "+" + s
}
