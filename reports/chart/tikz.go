package chart

import (
	"fmt"
	"strings"

	"hardneg/reports/finding"
)

// plot holds a chart's numbers for pgfplots.
type plot struct {
	kind           string
	xlabel, ylabel string
	ref            float64
	forest         []Interval
	cats, groups   []string
	lines          []Series
	bars           []Group
}

// TikZ writes the chart as a pgfplots picture: fonts match the paper, and a
// changed number is a readable difference.
func (c Chart) TikZ() string {
	var b strings.Builder
	p := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	p("%% %s", finding.LaTeX(c.Title))
	p(`\begin{tikzpicture}`)
	switch c.plot.kind {
	case "forest":
		c.plot.tikzForest(p)
	case "lines":
		c.plot.tikzLines(p)
	case "bars":
		c.plot.tikzBars(p)
	}
	p(`\end{tikzpicture}`)
	return b.String()
}

func (q plot) tikzForest(p func(string, ...any)) {
	p(`\begin{axis}[xlabel={%s}, ytick={%s}, yticklabels={%s}, y dir=reverse, legend pos=outer north east, height=%dcm, width=11cm]`,
		finding.LaTeX(q.xlabel), ticks(len(q.cats)), labels(q.cats), 2+len(q.cats)/2)
	for g, name := range q.groups {
		p(`\addplot+[only marks, error bars/.cd, x dir=both, x explicit] table [x=x, y=y, x error plus=hi, x error minus=lo, row sep=\\] {x y lo hi \\`)
		for _, r := range q.forest {
			if r.Group != name || bad(r.Est) {
				continue
			}
			lo, hi := r.Est-r.Lo, r.Hi-r.Est
			if bad(lo) || bad(hi) {
				lo, hi = 0, 0
			}
			y := float64(index(q.cats, r.Label)) + .18*(float64(g)-float64(len(q.groups)-1)/2)
			p(`%.6g %.3f %.6g %.6g \\`, r.Est, y, lo, hi)
		}
		p(`};`)
		p(`\addlegendentry{%s}`, finding.LaTeX(name))
	}
	if !bad(q.ref) {
		p(`\draw[dashed] ({axis cs:%[1]g,0}|-{rel axis cs:0,0}) -- ({axis cs:%[1]g,0}|-{rel axis cs:0,1});`, q.ref)
	}
	p(`\end{axis}`)
}

func (q plot) tikzLines(p func(string, ...any)) {
	names := ""
	if q.cats != nil {
		names = fmt.Sprintf(" xtick={%s}, xticklabels={%s},", ticks(len(q.cats)), labels(q.cats))
	}
	p(`\begin{axis}[xlabel={%s}, ylabel={%s},%s legend pos=outer north east, height=6cm, width=10cm]`, finding.LaTeX(q.xlabel), finding.LaTeX(q.ylabel), names)
	for _, s := range q.lines {
		style := ""
		if s.Points {
			style = "only marks"
		}
		if s.Lo != nil && !s.NoBand {
			p(`\addplot+[%s, error bars/.cd, y dir=both, y explicit] table [x=x, y=y, y error plus=hi, y error minus=lo, row sep=\\] {x y lo hi \\`, style)
		} else {
			p(`\addplot+[%s] table [x=x, y=y, row sep=\\] {x y lo hi \\`, style)
		}
		for j := range s.X {
			if bad(s.Y[j]) {
				continue
			}
			var lo, hi float64
			if s.Lo != nil && !bad(s.Lo[j]) && !bad(s.Hi[j]) {
				lo, hi = s.Y[j]-s.Lo[j], s.Hi[j]-s.Y[j]
			}
			p(`%.6g %.6g %.6g %.6g \\`, s.X[j], s.Y[j], lo, hi)
		}
		p(`};`)
		p(`\addlegendentry{%s}`, finding.LaTeX(s.Name))
	}
	p(`\end{axis}`)
}

func (q plot) tikzBars(p func(string, ...any)) {
	p(`\begin{axis}[ybar, bar width=5pt, xlabel={%s}, ylabel={%s}, xtick={%s}, xticklabels={%s}, x tick label style={rotate=45, anchor=east}, legend pos=outer north east, height=6cm, width=10cm]`,
		finding.LaTeX(q.xlabel), finding.LaTeX(q.ylabel), ticks(len(q.cats)), labels(q.cats))
	for _, g := range q.bars {
		p(`\addplot coordinates {`)
		for j, y := range g.Y {
			if !bad(y) {
				p(`(%d,%.6g)`, j, y)
			}
		}
		p(`};`)
		p(`\addlegendentry{%s}`, finding.LaTeX(g.Name))
	}
	p(`\end{axis}`)
}

func ticks(n int) string {
	var s []string
	for i := range n {
		s = append(s, fmt.Sprint(i))
	}
	return strings.Join(s, ",")
}

func labels(cats []string) string {
	var s []string
	for _, c := range cats {
		s = append(s, "{"+finding.LaTeX(c)+"}")
	}
	return strings.Join(s, ",")
}

func index(xs []string, x string) int {
	for i, y := range xs {
		if y == x {
			return i
		}
	}
	return -1
}
