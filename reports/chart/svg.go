package chart

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"html"
	"regexp"
	"strings"

	"github.com/dop251/goja"
)

//go:embed js/echarts.js
var echartsJS string

//go:embed js/render.js
var renderJS string

// Scripts is the JavaScript that draws live charts: the library, then the
// named drawing functions.
func Scripts() (library, render string) { return echartsJS, renderJS }

// coordinates are the attributes that hold places, never a label's text; long
// is a decimal fraction with more than one place; hover is what the library would
// highlight by under a pointer.
var (
	coordinates = regexp.MustCompile(` (?:d|points|transform|x|y|x1|x2|y1|y2|cx|cy|width|height)="[^"<>]*"`)
	long        = regexp.MustCompile(`(\.[0-9])[0-9]+`)
	hover       = regexp.MustCompile(`(?s) class="zr[0-9]+-cls-[0-9]+"| ecmeta_[a-z_]+="[^"<>]*"|<style\s*>.*?</style>\n?`)
)

// fonts are those whose widths the library's estimate is made from, then any.
const fonts = "Arial,Helvetica,Liberation Sans,sans-serif"

// font is that of every label; it stands once, on the drawing.
const font = ` style="font-size:12px;font-family:` + fonts + `;"`

// idle are attributes that repeat what holds anyway. No label can have one: in
// a text the quotes are escaped.
var idle = strings.NewReplacer(` pointer-events="visible"`, "", ` fill="#000"`, "", font, "")

// finish is raised when SVG does something else with what the library draws.
const finish = "4"

// Digest names the drawing of a chart: what is described and what draws it.
func (c Chart) Digest() string {
	h := sha256.New()
	for _, part := range []string{echartsJS, renderJS, finish, c.ID, c.Title, c.Summary, fmt.Sprint(c.Width, "x", c.Height), string(c.Option)} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Renderer draws charts as SVG without a browser.
type Renderer struct{ lib, render *goja.Program }

// NewRenderer compiles the library, which takes a quarter of a second.
func NewRenderer() (*Renderer, error) {
	lib, err := goja.Compile("echarts.js", echartsJS, false)
	if err != nil {
		return nil, fmt.Errorf("compile the chart library: %w", err)
	}
	render, err := goja.Compile("render.js", renderJS, true)
	if err != nil {
		return nil, fmt.Errorf("compile the drawing functions: %w", err)
	}
	return &Renderer{lib, render}, nil
}

// SVG draws c. Each chart gets an engine of its own: the library numbers its
// inner ids per engine, so the same chart gives the same bytes in any company.
func (r *Renderer) SVG(c Chart) (string, error) {
	vm := goja.New()
	// The library schedules drawing for a browser's next frame; here it is asked for directly.
	never := func(goja.FunctionCall) goja.Value { return goja.Undefined() }
	for _, name := range []string{"setTimeout", "clearTimeout"} {
		if err := vm.Set(name, never); err != nil {
			return "", fmt.Errorf("chart %s: %w", c.ID, err)
		}
	}
	for _, p := range []*goja.Program{r.lib, r.render} {
		if _, err := vm.RunProgram(p); err != nil {
			return "", fmt.Errorf("chart %s: %w", c.ID, err)
		}
	}
	if err := vm.Set("optionText", string(c.Option)); err != nil {
		return "", fmt.Errorf("chart %s: %w", c.ID, err)
	}
	v, err := vm.RunString(fmt.Sprintf("hardnegCharts.svg(optionText, %d, %d)", c.Width, c.Height))
	if err != nil {
		return "", fmt.Errorf("draw chart %s: %w", c.ID, err)
	}
	svg := v.String()
	if !strings.HasPrefix(svg, "<svg") {
		return "", fmt.Errorf("draw chart %s: the library gave no SVG", c.ID)
	}
	svg = coordinates.ReplaceAllStringFunc(svg, func(s string) string { return long.ReplaceAllString(s, "$1") }) // a tenth of a pixel is enough
	svg = idle.Replace(hover.ReplaceAllString(svg, ""))                                                          // a tenth of a report's drawings
	// Ids are unique in a page that holds many charts, and a reader hears title and summary.
	svg = strings.ReplaceAll(svg, "zr0-", c.ID+"-")
	head := fmt.Sprintf(`<svg role="img" aria-label="%s"%s`, html.EscapeString(c.Title+". "+c.Summary), font)
	return head + strings.TrimPrefix(svg, "<svg"), nil
}
