// Package chart describes the figures of a report and draws them.
//
// A Chart is one description in go-echarts with the table of its numbers
// beside it. It is used three times: live in the page (ECharts reads Option),
// as static SVG in the page and in figures/*.svg (the same ECharts inside goja,
// no browser), and as pgfplots coordinates. Descriptions are pure data: a
// custom series names its drawing function (js/render.js), so no text that a
// model wrote can become code, and Option is marshalled with <, > and &
// escaped, so it can stand inside a script element.
//
// # Why one bundle
//
// js/echarts.js is ECharts 6.1.0 with only the parts that these charts use
// (625 KB against 1,122 KB for the full build): entry.js bundled by
// `esbuild entry.js --bundle --minify --format=iife --target=es2017`.
package chart

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
	"github.com/go-echarts/go-echarts/v2/types"
)

// Chart is one figure.
type Chart struct {
	ID      string // stable, also the file name
	Title   string
	Summary string // one sentence that says what the figure shows, for readers who cannot see it
	Width   int    // pixels
	Height  int
	Option  json.RawMessage // ECharts option, safe inside a script element
	Head    []string        // the figure's numbers as a table
	Rows    [][]string
	plot    plot // the same numbers for pgfplots
}

// Ink and Line are the colours that the page maps to its theme.
const (
	Ink  = "#1f2328"
	Line = "#c3c9d0"
)

// palette is Okabe and Ito's, distinguishable with any colour vision; series
// also differ by marker or dash.
var palette = [...]string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d3b", "#6f4fb0"}

// Color is the i-th colour of the palette.
func Color(i int) string { return palette[i%len(palette)] }

// Interval is an estimate with its bounds; bounds that are NaN are not drawn.
type Interval struct {
	Label, Group string
	Est, Lo, Hi  float64
}

// Forest draws intervals as rows, one colour and marker a group, with a line
// at ref (NaN: none).
func Forest(id, title, summary, axis string, ref float64, rows []Interval) Chart {
	var cats, groups []string
	catOf, groupOf := map[string]int{}, map[string]int{}
	for _, r := range rows {
		if _, ok := catOf[r.Label]; !ok {
			catOf[r.Label] = len(cats)
			cats = append(cats, r.Label)
		}
		if _, ok := groupOf[r.Group]; !ok {
			groupOf[r.Group] = len(groups)
			groups = append(groups, r.Group)
		}
	}
	c := Chart{ID: id, Title: title, Summary: summary, Width: 760, Height: 90 + max(26, 13*len(groups)+10)*len(cats), Head: []string{"row", "series", axis, "lower", "upper"}}
	b := base(charts.NewScatter(), len(groups) > 1)
	b.XAxisList[0] = axisOf("value", axis)
	y := axisOf("category", "")
	y.Data = cats
	b.YAxisList[0] = opts.YAxis{Type: "category", Data: cats, Inverse: opts.Bool(true), AxisLabel: y.AxisLabel, AxisLine: y.AxisLine, SplitLine: &opts.SplitLine{Show: opts.Bool(true), LineStyle: &opts.LineStyle{Color: Line, Type: "dotted"}}}
	for g, name := range groups {
		s := charts.SingleSeries{Name: name, Type: types.ChartCustom, RenderItem: "intervalX", Encode: &opts.Encode{X: []int{0, 1, 2}, Y: 3}}
		s.ItemStyle = &opts.ItemStyle{Color: Color(g)}
		if g == 0 && !bad(ref) {
			s.MarkLines = &opts.MarkLines{Data: []any{map[string]any{"xAxis": ref}}, MarkLineStyle: opts.MarkLineStyle{Symbol: []string{"none", "none"}, Label: &opts.Label{Show: opts.Bool(false)}, LineStyle: &opts.LineStyle{Color: Ink, Type: "dashed"}}}
		}
		var data []opts.CustomData
		off := 13 * (float64(g) - float64(len(groups)-1)/2)
		for _, r := range rows {
			if r.Group != name || bad(r.Est) {
				continue
			}
			lo, hi := r.Lo, r.Hi
			if bad(lo) || bad(hi) {
				lo, hi = r.Est, r.Est
			}
			data = append(data, opts.CustomData{Name: fmt.Sprintf("%s, %s: %s [%s, %s]", r.Label, name, num(r.Est), num(r.Lo), num(r.Hi)), Value: []any{r.Est, lo, hi, catOf[r.Label], off, g}})
			c.Rows = append(c.Rows, []string{r.Label, name, num(r.Est), num(r.Lo), num(r.Hi)})
		}
		s.Data = data
		b.MultiSeries = append(b.MultiSeries, s)
	}
	c.plot = plot{kind: "forest", xlabel: axis, ref: ref, forest: rows, cats: cats, groups: groups}
	return c.finish(b)
}

// Series is a line with an optional band or error bars.
type Series struct {
	Name    string
	X, Y    []float64
	Lo, Hi  []float64 // same length as Y, or nil
	ErrBars bool      // draw Lo, Hi as error bars instead of a band
	Dashed  bool
	Points  bool    // markers without a line
	NoBand  bool    // keep Lo and Hi in the numbers, draw neither
	Tone    int     // colour and marker, from 1, where they must agree between figures; 0: by place
	Off     float64 // pixels that error bars stand beside their x
}

// Lines draws series over a numeric axis.
func Lines(id, title, summary, xname, yname string, ss []Series) Chart {
	return lines(id, title, summary, xname, yname, nil, ss)
}

// Categories draws series over named places: X holds their indices.
func Categories(id, title, summary, xname, yname string, cats []string, ss []Series) Chart {
	return lines(id, title, summary, xname, yname, cats, ss)
}

func lines(id, title, summary, xname, yname string, cats []string, ss []Series) Chart {
	c := Chart{ID: id, Title: title, Summary: summary, Width: 760, Height: 360, Head: []string{"series", xname, yname, "lower", "upper"}}
	b := base(charts.NewScatter(), len(ss) > 1)
	b.XAxisList[0] = axisOf("value", xname)
	at := num
	if cats != nil {
		b.XAxisList[0] = axisOf("category", xname)
		b.XAxisList[0].Data = cats
		at = func(x float64) string { return cats[int(x)] }
	}
	x := axisOf("value", yname)
	b.YAxisList[0] = opts.YAxis{Type: "value", Name: yname, NameLocation: "middle", NameGap: 48, Scale: opts.Bool(true), AxisLabel: x.AxisLabel, AxisLine: x.AxisLine, SplitLine: &opts.SplitLine{Show: opts.Bool(true), LineStyle: &opts.LineStyle{Color: Line, Type: "dotted"}}}
	for i, s := range ss {
		if s.Tone > 0 {
			i = s.Tone - 1
		}
		b.MultiSeries = append(b.MultiSeries, bounds(s, i)...)
		l := charts.SingleSeries{Name: s.Name, Type: "line", ShowSymbol: opts.Bool(len(s.X) <= 12 && !s.ErrBars), SymbolSize: 7, Symbol: symbols[i%len(symbols)]}
		l.ItemStyle = &opts.ItemStyle{Color: Color(i)}
		l.LineStyle = &opts.LineStyle{Color: Color(i), Width: 2, Type: dashes[i%len(dashes)]}
		if s.Dashed {
			l.LineStyle = &opts.LineStyle{Color: Ink, Width: 1, Type: "dashed"}
			l.ItemStyle, l.ShowSymbol = &opts.ItemStyle{Color: Ink}, opts.Bool(false)
		}
		if s.Points {
			l.Type = "scatter"
		}
		var data []opts.LineData
		for j := range s.X {
			if bad(s.Y[j]) {
				continue
			}
			data = append(data, opts.LineData{Value: []float64{s.X[j], s.Y[j]}})
			row := []string{s.Name, at(s.X[j]), num(s.Y[j]), "", ""}
			if s.Lo != nil {
				row[3], row[4] = num(s.Lo[j]), num(s.Hi[j])
			}
			c.Rows = append(c.Rows, row)
		}
		l.Data = data
		b.MultiSeries = append(b.MultiSeries, l)
	}
	c.plot = plot{kind: "lines", xlabel: xname, ylabel: yname, lines: ss, cats: cats}
	return c.finish(b)
}

var (
	symbols = [...]string{"circle", "diamond", "rect", "triangle"}
	dashes  = [...]string{"solid", "dashed", "dotted"}
)

// bounds draws the band or the error bars of a series.
func bounds(s Series, i int) []charts.SingleSeries {
	if s.Lo == nil || len(s.X) == 0 || s.NoBand {
		return nil
	}
	out := charts.SingleSeries{Name: s.Name, Type: types.ChartCustom}
	out.ItemStyle = &opts.ItemStyle{Color: Color(i)}
	var data []opts.CustomData
	if s.ErrBars {
		out.RenderItem, out.Encode = "intervalY", &opts.Encode{X: 0, Y: []int{1, 2, 3}}
		for j := range s.X {
			if !bad(s.Y[j]) && !bad(s.Lo[j]) && !bad(s.Hi[j]) {
				data = append(data, opts.CustomData{Name: fmt.Sprintf("%s, %s: %s [%s, %s]", s.Name, num(s.X[j]), num(s.Y[j]), num(s.Lo[j]), num(s.Hi[j])), Value: []any{s.X[j], s.Y[j], s.Lo[j], s.Hi[j], s.Off, i}})
			}
		}
	} else {
		out.RenderItem, out.Encode = "band", &opts.Encode{X: []int{0, 1}, Y: []int{2, 3, 4, 5}}
		for j := 1; j < len(s.X); j++ {
			v := []any{s.X[j-1], s.X[j], s.Lo[j-1], s.Hi[j-1], s.Lo[j], s.Hi[j]}
			if !bad(s.Lo[j-1]) && !bad(s.Lo[j]) {
				data = append(data, opts.CustomData{Value: v})
			}
		}
	}
	out.Data = data
	return []charts.SingleSeries{out}
}

// Group is one set of bars over the categories of Bars.
type Group struct {
	Name string
	Y    []float64
}

// Bars draws grouped bars over named categories.
func Bars(id, title, summary, xname, yname string, cats []string, gs []Group) Chart {
	c := Chart{ID: id, Title: title, Summary: summary, Width: 760, Height: 340, Head: append([]string{xname}, names(gs)...)}
	b := base(charts.NewScatter(), len(gs) > 1)
	b.XAxisList[0] = axisOf("category", xname)
	b.XAxisList[0].Data = cats
	x := axisOf("value", yname)
	b.YAxisList[0] = opts.YAxis{Type: "value", Name: yname, NameLocation: "middle", NameGap: 48, AxisLabel: x.AxisLabel, AxisLine: x.AxisLine, SplitLine: &opts.SplitLine{Show: opts.Bool(true), LineStyle: &opts.LineStyle{Color: Line, Type: "dotted"}}}
	for i, g := range gs {
		s := charts.SingleSeries{Name: g.Name, Type: "bar"}
		s.ItemStyle = &opts.ItemStyle{Color: Color(i)}
		if i >= len(palette) { // a colour that came before: hollow this time
			s.ItemStyle = &opts.ItemStyle{Color: "transparent", BorderColor: Color(i), BorderWidth: 1.5}
		}
		var data []opts.BarData
		for _, y := range g.Y {
			if bad(y) {
				data = append(data, opts.BarData{Value: nil})
				continue
			}
			data = append(data, opts.BarData{Value: y})
		}
		s.Data = data
		b.MultiSeries = append(b.MultiSeries, s)
	}
	for j, cat := range cats {
		row := []string{cat}
		for _, g := range gs {
			row = append(row, num(g.Y[j]))
		}
		c.Rows = append(c.Rows, row)
	}
	c.plot = plot{kind: "bars", xlabel: xname, ylabel: yname, cats: cats, bars: gs}
	return c.finish(b)
}

func names(gs []Group) (n []string) {
	for _, g := range gs {
		n = append(n, g.Name)
	}
	return n
}

// base makes the frame that all charts share.
func base(b *charts.Scatter, legend bool) *charts.Scatter {
	b.SetGlobalOptions(
		charts.WithAnimation(false),
		charts.WithTooltipOpts(opts.Tooltip{Show: opts.Bool(true), Trigger: "item", Formatter: "{b}"}),
		charts.WithLegendOpts(opts.Legend{Show: opts.Bool(legend), Top: "0", TextStyle: &opts.TextStyle{Color: Ink}}),
	)
	b.Aria = &opts.Aria{Enabled: opts.Bool(true)}
	return b
}

func axisOf(kind, name string) opts.XAxis {
	return opts.XAxis{Type: kind, Name: name, NameLocation: "middle", NameGap: 30, Scale: opts.Bool(kind == "value"),
		AxisLabel: &opts.AxisLabel{Color: Ink}, AxisLine: &opts.AxisLine{LineStyle: &opts.LineStyle{Color: Line}},
		SplitLine: &opts.SplitLine{Show: opts.Bool(kind == "value"), LineStyle: &opts.LineStyle{Color: Line, Type: "dotted"}}}
}

// top is the room in pixels that the legend needs: its entries wrap into rows.
func top(b *charts.Scatter, width int) int {
	seen, rows, x := map[string]bool{}, 1, 0
	for _, s := range b.MultiSeries {
		if seen[s.Name] {
			continue
		}
		seen[s.Name] = true
		w := 59 + 8*utf8.RuneCountInString(s.Name)
		if x += w; x > width-80 && x > w {
			rows, x = rows+1, w
		}
	}
	return 36 + 38*(rows-1)
}

func (c Chart) finish(b *charts.Scatter) Chart {
	o := b.JSON()
	delete(o, "title") // the page and the paper have their own captions
	o["grid"] = map[string]any{"left": 70, "right": 30, "top": top(b, c.Width), "bottom": 36, "containLabel": true}
	if b.Legend.Show != nil && *b.Legend.Show {
		// Narrower than the drawing, and with room between entries: widths are
		// estimated without a font, and some fonts are a seventh wider.
		o["legend"] = map[string]any{"show": true, "top": 0, "width": c.Width - 60, "itemGap": 24, "textStyle": map[string]any{"color": Ink}}
	}
	o["textStyle"] = map[string]any{"color": Ink, "fontFamily": fonts}
	raw, err := json.Marshal(o)
	if err != nil {
		panic("chart: an option holds a number that JSON lacks")
	}
	c.Option = raw
	return c
}

func bad(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }

// num prints a number as the data tables show it.
func num(x float64) string {
	if bad(x) {
		return "–"
	}
	if math.Abs(x) < 1e-12 { // the rounding of a difference that is none
		x = 0
	}
	return strconv.FormatFloat(x, 'g', 5, 64)
}
