package trend

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// frame maps nights and values into a drawing.
type frame struct {
	width, height, left, top, bottom float64
	n                                int
	lo, hi                           float64
}

// frameOf is false where a metric has no value at all.
func frameOf(ps []Point, f frame) (frame, bool) {
	f.n, f.lo, f.hi = len(ps), math.Inf(1), math.Inf(-1)
	for _, p := range ps {
		if !math.IsNaN(p.Value) {
			f.lo, f.hi = math.Min(f.lo, p.Value), math.Max(f.hi, p.Value)
		}
	}
	if f.lo > f.hi {
		return f, false
	}
	if f.lo == f.hi {
		f.lo, f.hi = f.lo-math.Abs(f.lo)/20-1e-9, f.hi+math.Abs(f.hi)/20+1e-9
	}
	return f, true
}

func (f frame) x(i int) float64 { return f.left + (f.width-f.left-8)*(float64(i)+.5)/float64(f.n) }

func (f frame) y(v float64) float64 {
	return f.top + (f.height-f.top-f.bottom)*(f.hi-v)/(f.hi-f.lo)
}

func esc(s string) string { return template.HTMLEscapeString(s) }

// spark is the series in the table: its shape alone.
func spark(d Decision) template.HTML {
	f, ok := frameOf(d.Series, frame{width: 120, height: 24, left: 2, top: 4, bottom: 4})
	if !ok {
		return "–"
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="spark" viewBox="0 0 %g %g" width="%g" height="%g" role="img" aria-label="%s by night">`, f.width, f.height, f.width, f.height, esc(d.Metric))
	levels(&b, d, f, 0)
	dots(&b, d, d.Series, f, 1.6)
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// chart shows every comparable night: those before an accepted level pale,
// the level on both sides of a change point, and the moments themselves.
func chart(d Decision) template.HTML {
	all := append(append([]Point{}, d.Earlier...), d.Series...)
	f, ok := frameOf(all, frame{width: 960, height: 250, left: 70, top: 54, bottom: 28})
	if !ok {
		return template.HTML(`<p class="muted">no night has a value.</p>`)
	}
	off := len(d.Earlier)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, f.width, f.height, esc(d.summary()))
	for i := range 4 {
		v := f.lo + (f.hi-f.lo)*float64(i)/3
		fmt.Fprintf(&b, `<text x="%g" y="%.1f" text-anchor="end" class="axis">%s</text><line x1="%g" x2="%g" y1="%.1f" y2="%.1f" class="rule"/>`, f.left-8, f.y(v)+4, Format(d.Metric, v), f.left, f.width-8, f.y(v), f.y(v))
	}
	for k := range min(6, f.n) { // dates evenly from first to last
		i := k * (f.n - 1) / max(1, min(6, f.n)-1)
		anchor := "middle"
		switch {
		case k == 0:
			anchor = "start"
		case i == f.n-1:
			anchor = "end"
		}
		fmt.Fprintf(&b, `<text x="%.1f" y="%g" text-anchor="%s" class="axis">%s</text>`, f.x(i), f.height-6, anchor, esc(all[i].Date))
	}
	mark := func(i int, class, text string) {
		anchor, dx := "start", 4.0
		if f.x(i) > f.width*.6 {
			anchor, dx = "end", -4
		}
		y := map[string]float64{"accepted": 12, "change": 26, "version": 40}[class]
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%g" y2="%g" class="%s"/><text x="%.1f" y="%g" text-anchor="%s" class="axis">%s</text>`,
			f.x(i), f.x(i), 4.0, f.height-f.bottom, class, f.x(i)+dx, y, anchor, esc(text))
	}
	free := 0.0 // where the next label of a version may begin
	for i, p := range all {
		if p.NewCommit {
			x, y := f.x(i), f.height-f.bottom
			fmt.Fprintf(&b, `<path class="commit" d="M%.1f %gl3 6h-6z"><title>%s</title></path>`, x, y, esc("commit "+clip(p.Commit, 13)))
		}
		if len(p.Changed) > 0 {
			text := clip(strings.Join(p.Changed, ", "), 48)
			from, wide := f.x(i), 6.5*float64(len([]rune(text)))
			if from > f.width*.6 { // as mark sets it
				from -= wide
			}
			if from < free {
				text = "" // no room: the table below has it
			} else {
				free = from + wide
			}
			mark(i, "version", text)
		}
		for _, e := range d.Accepted {
			if p.Run == e.Run {
				mark(i, "accepted", "accepted: "+clip(e.Because, 60))
			}
		}
	}
	if d.Split >= 0 {
		mark(off+d.Split, "change", "change point "+d.Series[d.Split].Date)
	}
	levels(&b, d, f, off)
	dots(&b, Decision{Metric: d.Metric}, d.Earlier, f, 2.2)
	dotsAt(&b, d, d.Series, f, 2.6, off)
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// clip shortens a text to n runes.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// summary says in words what the chart shows.
func (d Decision) summary() string {
	s := fmt.Sprintf("%s by night: %d nights, tonight %s, verdict %s", d.Metric, len(d.Earlier)+len(d.Series), Format(d.Metric, d.Last), d.Verdict)
	if d.Split >= 0 {
		s += ", change point " + d.Series[d.Split].Date
	}
	return s
}

func dots(b *strings.Builder, d Decision, ps []Point, f frame, radius float64) {
	dotsAt(b, d, ps, f, radius, 0)
}

// dotsAt draws points from place off on; tonight's is larger. A decision
// without a verdict is of nights that count no more.
func dotsAt(b *strings.Builder, d Decision, ps []Point, f frame, radius float64, off int) {
	for i, p := range ps {
		if math.IsNaN(p.Value) {
			continue
		}
		class, r := "point", radius
		switch {
		case d.Verdict == "":
			class = "point past"
		case i == len(ps)-1:
			class, r = "point tonight", radius+1.2
		}
		text := p.Date + ": " + Format(d.Metric, p.Value)
		if p.Commit != "" {
			text += ", commit " + clip(p.Commit, 13)
		}
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="%g" class="%s"><title>%s</title></circle>`, f.x(off+i), f.y(p.Value), r, class, esc(text))
	}
}

// levels draws the mean of the nights before an accepted level and of each side
// of the change point.
func levels(b *strings.Builder, d Decision, f frame, off int) {
	parts := [][]Point{d.Series}
	if d.Split > 0 {
		parts = [][]Point{d.Series[:d.Split], d.Series[d.Split:]}
	}
	at := off
	if off > 0 {
		parts, at = append([][]Point{d.Earlier}, parts...), 0
	}
	for _, ps := range parts {
		sum, n := 0.0, 0
		for _, p := range ps {
			if !math.IsNaN(p.Value) {
				sum, n = sum+p.Value, n+1
			}
		}
		if n > 0 {
			y := f.y(sum / float64(n))
			fmt.Fprintf(b, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" class="level"/>`, f.x(at), f.x(at+len(ps)-1), y, y)
		}
		at += len(ps)
	}
}
