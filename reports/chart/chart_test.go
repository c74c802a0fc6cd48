package chart

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

func samples() []Chart {
	nan := math.NaN()
	return []Chart{
		Forest("forest", "Change against DPO", "Every interval holds zero.", "Δ accuracy (points)", 0, []Interval{
			{"full", "arith", 1.2, -.4, 2.8}, {"full", "arith-hard", .3, -1, 1.6}, {"rft", "arith", -2, -3, -1}, {"</script><b>", "arith", .1, nan, nan}}),
		Lines("noise", "Accuracy against noise", "It falls.", "σ", "accuracy (%)", []Series{
			{Name: "arith", X: []float64{0, .25, .5, 1}, Y: []float64{60, 59, 58, 55}, Lo: []float64{58, 57, 56, 53}, Hi: []float64{62, 61, 60, 57}, ErrBars: true},
			{Name: "curve", X: []float64{0, 1, 2}, Y: []float64{60, nan, 57}, Lo: []float64{59, 58, 56}, Hi: []float64{61, 59, 58}},
			{Name: "ideal", X: []float64{0, 1}, Y: []float64{50, 60}, Dashed: true}}),
		Bars("weights", "Weights", "Most lie near one.", "weight", "pairs", []string{"0.2–0.7", "0.7–1.2"}, []Group{{"full", []float64{10, 20}}, {"random", []float64{12, 18}}}),
	}
}

func TestSVGIsDrawnWellFormedAndStable(t *testing.T) {
	r, err := NewRenderer()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range samples() {
		a, err := r.SVG(c)
		if err != nil {
			t.Fatal(err)
		}
		b, err := r.SVG(c)
		if err != nil {
			t.Fatal(err)
		}
		if a != b {
			t.Errorf("%s: two drawings differ", c.ID)
		}
		if strings.Contains(a, "<script") || strings.Contains(a, "</script") {
			t.Errorf("%s: a label became markup", c.ID)
		}
		if n := strings.Count(a, "<path"); n < 5 {
			t.Errorf("%s: only %d paths, so nothing is drawn", c.ID, n)
		}
		d := xml.NewDecoder(strings.NewReader(a))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Errorf("%s: %v", c.ID, err)
				break
			}
		}
		if dir := os.Getenv("CHART_OUT"); dir != "" {
			if err := os.WriteFile(dir+"/"+c.ID+".svg", []byte(a), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestOptionIsSafeInAScript(t *testing.T) {
	for _, c := range samples() {
		if strings.ContainsAny(string(c.Option), "<>&") {
			t.Errorf("%s: the option holds raw markup characters", c.ID)
		}
		if !json.Valid(c.Option) || len(c.Rows) == 0 {
			t.Errorf("%s: option valid %v, %d rows", c.ID, json.Valid(c.Option), len(c.Rows))
		}
	}
}

func TestTikZIsBalanced(t *testing.T) {
	for _, c := range samples() {
		s := c.TikZ()
		depth := 0
		for i, r := range s {
			if r == '{' && (i == 0 || s[i-1] != '\\') {
				depth++
			}
			if r == '}' && s[i-1] != '\\' {
				depth--
			}
		}
		if depth != 0 || strings.Count(s, `\begin`) != strings.Count(s, `\end`) || strings.Contains(s, "NaN") {
			t.Errorf("%s: depth %d\n%s", c.ID, depth, s)
		}
	}
}

// label is a text of a drawing with where it stands.
var label = regexp.MustCompile(`<text([^>]*)>([^<]*)</text>`)

// place is a text's transform: a shift, or a quarter turn with a shift.
var place = regexp.MustCompile(`(?:translate\(|matrix\(0,-1,1,0,)(-?[0-9.]+)[ ,]+(-?[0-9.]+)\)`)

// outside lists the labels that leave a drawing of the given size. A letter is
// taken as 0.55 of the font's size wide, the average of sans-serif text.
func outside(svg string, width, height float64) (out []string) {
	attr := func(s, name string) string {
		if m := regexp.MustCompile(` ` + name + `="([^"]*)"`).FindStringSubmatch(s); m != nil {
			return m[1]
		}
		return ""
	}
	for _, m := range label.FindAllStringSubmatch(svg, -1) {
		x, _ := strconv.ParseFloat(attr(m[1], "x"), 64)
		y, _ := strconv.ParseFloat(attr(m[1], "y"), 64)
		turned := strings.Contains(attr(m[1], "transform"), "matrix")
		if p := place.FindStringSubmatch(attr(m[1], "transform")); p != nil {
			dx, _ := strconv.ParseFloat(p[1], 64)
			dy, _ := strconv.ParseFloat(p[2], 64)
			if turned {
				x, y = y, -x
			}
			x, y = x+dx, y+dy
		}
		w, h := .55*12*float64(utf8.RuneCountInString(html.UnescapeString(m[2]))), 0.
		if turned {
			w, h = 0, w
		}
		lo := x
		switch attr(m[1], "text-anchor") {
		case "middle":
			lo -= w / 2
		case "end":
			lo -= w
		}
		if lo < 0 || lo+w > width || y-h/2 < 0 || y+h/2 > height {
			out = append(out, fmt.Sprintf("%q at (%.0f, %.0f)", m[2], x, y))
		}
	}
	return out
}

func TestLabelsStayInsideTheDrawing(t *testing.T) {
	r, err := NewRenderer()
	if err != nil {
		t.Fatal(err)
	}

	var ss []Series
	for i := range 14 {
		ss = append(ss, Series{Name: fmt.Sprintf("an arm with a long name %d", i), X: []float64{0, 1000, 2000}, Y: []float64{1, .5, float64(i)}})
	}
	many := Lines("many", "Loss", "Falls.", "step", "loss", ss)
	slopes := Categories("slopes", "Mining", "Flat.", "negatives", "accuracy (%)", []string{"random", "hard"}, []Series{
		{Name: "uniform weights", X: []float64{0, 1}, Y: []float64{50, 60}, Lo: []float64{40, 50}, Hi: []float64{60, 70}, ErrBars: true, Off: -5}})
	long := Forest("long", "Change", "Small.", "Δ", 0, []Interval{{"an arm whose name is rather long, as names of sweeps are", "a", 1, 0, 2}})
	for _, c := range append(samples(), many, slopes, long) {
		svg, err := r.SVG(c)
		if err != nil {
			t.Fatal(err)
		}
		if len(label.FindAllString(svg, -1)) < 4 {
			t.Errorf("%s: hardly a label was found", c.ID)
		}
		if o := outside(svg, float64(c.Width), float64(c.Height)); o != nil {
			t.Errorf("%s (%d × %d): %s", c.ID, c.Width, c.Height, strings.Join(o, "; "))
		}
	}
	if o := outside(`<text x="750" y="5">beyond the edge</text>`, 760, 100); o == nil {
		t.Error("a label beyond the edge was not found")
	}
}

func TestThinKeepsTheRange(t *testing.T) {
	s := Series{}
	for i := range 60 {
		s.X, s.Y = append(s.X, float64(i)), append(s.Y, float64(i%7))
		s.Lo, s.Hi = append(s.Lo, float64(i%7)-1), append(s.Hi, float64(i%7)+1)
	}
	s.Hi[31] = 99
	got := thin(s)
	if len(got.X) != points || got.X[points-1] != 59 {
		t.Fatalf("%d points, the last at %v", len(got.X), got.X)
	}
	if slices.Max(got.Hi) != 99 || slices.Min(got.Lo) != -1 {
		t.Errorf("the range shrank to [%g, %g]", slices.Min(got.Lo), slices.Max(got.Hi))
	}
	if want := (3.0 + 4 + 5) / 3; math.Abs(got.Y[1]-want) > 1e-12 {
		t.Errorf("second point %g, want %g", got.Y[1], want)
	}
}
