package chart

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"math"
	"os"
	"strings"
	"testing"
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
