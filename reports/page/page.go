// Package page writes the HTML report: one self-contained file that opens from
// disk, offline, without scripts if need be.
//
// Input holds the evidence with its findings, the drawn figures and, outside
// the stable form, what was measured about times and the machine. The page
// computes nothing: tables come from reports/table, figures from
// reports/chart. Everything that a model or a data set wrote passes through
// html/template, so it is text wherever it appears; the content-security
// policy allows exactly the three scripts that the page carries.
package page

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"

	"hardneg/reports/chart"
	"hardneg/reports/result"
	"hardneg/reports/table"
)

//go:embed page.html
var pageHTML string

//go:embed style.css
var styleCSS string

// Style is the style sheet, for other pages of the same look.
func Style() string { return styleCSS }

//go:embed page.js
var pageJS string

// Figure is a chart with its static drawing.
type Figure struct {
	Chart chart.Chart
	SVG   string
}

// Pair is a row of two facts, in order.
type Pair struct{ Name, Value string }

// Input is what a page shows.
type Input struct {
	Set     *result.Set
	Figures []Figure
	Times   table.Table // measured; empty in the stable form
	Machine table.Table
	Methods []string
	Notices []string // what must be said before the numbers
}

// view is what the template reads.
type view struct {
	Set                                                                      *result.Set
	Policy, Meta, Honesty                                                    string
	Bad                                                                      bool
	Notices                                                                  []string
	Style                                                                    template.CSS
	Library, Render, Script                                                  template.JS
	Claims, Factorial, Dose, Falsification, Filter, Subset, Effects, Classes table.Table
	Sensitivity, Correlations, Verifier, Local, WinLoss, Training            table.Table
	Mining, Cost, Times, Machine, Provenance                                 table.Table
	Main                                                                     []table.Table
	Fig                                                                      map[string][]figure
	Methods                                                                  []string
	Examples                                                                 []example
	Pairs                                                                    []pairView
	SpecText                                                                 string
}

type figure struct {
	ID, Title, Summary string
	Height             int
	SVG                template.HTML
	Option             template.JS
	Table              table.Table
}

type example struct{ Head, Question, LeftHead, Left, RightHead, Right string }

// Write writes the page.
func Write(w io.Writer, in Input) error {
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return fmt.Errorf("page template: %w", err)
	}
	lib, render := chart.Scripts()
	s := in.Set
	v := view{
		Set: s, Style: template.CSS(styleCSS), Library: template.JS(lib), Render: template.JS(render), Script: template.JS(pageJS),
		Policy: policy(lib, render, pageJS), Notices: in.Notices, Methods: in.Methods, Times: in.Times, Machine: in.Machine,
		Claims: table.Claims(s), Effects: table.Effects(s), Factorial: table.Factorial(s), Dose: table.Dose(s), Falsification: table.Falsification(s),
		Filter: table.Filter(s), Subset: table.Subset(s), Sensitivity: table.Sensitivity(s), Correlations: table.Correlations(s),
		Verifier: table.Verifier(s), Classes: table.VerifierClasses(s), Local: table.Local(s), WinLoss: table.WinLoss(s), Training: table.Training(s),
		Mining: table.Mining(s), Cost: table.Cost(s), Provenance: table.Provenance(s),
		Fig: figures(in.Figures), Examples: examples(s), Pairs: pairs(s), SpecText: indent(s.Spec),
	}
	for _, b := range table.Benchmarks(s) {
		v.Main = append(v.Main, table.Main(s, b))
	}
	v.Meta = meta(s)
	v.Honesty, v.Bad = honesty(s)
	if err := t.Execute(w, v); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return nil
}

// policy allows the page's own scripts by hash and nothing from anywhere else.
func policy(scripts ...string) string {
	p := "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src"
	for _, s := range scripts {
		h := sha256.Sum256([]byte(s))
		p += " 'sha256-" + base64.StdEncoding.EncodeToString(h[:]) + "'"
	}
	return p
}

func meta(s *result.Set) string {
	var bs []string
	for _, b := range s.Benchmarks {
		bs = append(bs, fmt.Sprintf("%s (%d problems)", b.Name, b.N))
	}
	parts := []string{s.Run, fmt.Sprintf("%d arms × %d seeds", len(s.Arms), len(s.Seeds)), strings.Join(bs, ", "), "device " + s.Prov.DeviceClass}
	if s.Prov.Commit != "" {
		parts = append(parts, "commit "+short(s.Prov.Commit))
	}
	return strings.Join(parts, " · ")
}

func short(h string) string { return h[:min(10, len(h))] }

// honesty says first what is missing.
func honesty(s *result.Set) (text string, bad bool) {
	p := s.Prov
	var diverged, missing int
	for _, c := range s.Cells {
		switch c.Status {
		case result.Diverged:
			diverged++
		case result.Failed, result.NotRun:
			missing++
		}
	}
	word := "Complete"
	if p.TasksDone < p.TasksTotal || missing > 0 {
		word, bad = "Incomplete", true
	}
	text = fmt.Sprintf("%s: %d of %d tasks, %d failed.", word, p.TasksDone, p.TasksTotal, p.TasksFailed)
	if missing > 0 {
		text += fmt.Sprintf(" %d of %d cells (arm × seed × benchmark) are missing and are never imputed.", missing, len(s.Cells))
	}
	if diverged > 0 {
		text += fmt.Sprintf(" %d cells diverged in training and count with their last finite checkpoint.", diverged)
	}
	if p.Exploratory {
		text, bad = text+" Exploratory: analysis or claims were changed after the first trial.", true
	}
	if p.Overlap > 0 {
		text, bad = text+fmt.Sprintf(" %d test questions also stand in training data.", p.Overlap), true
	}
	if p.VerifierOverlap > 0 {
		text, bad = text+fmt.Sprintf(" The verifier was fitted on solutions of %d test questions: refit it without them.", p.VerifierOverlap), true
	}
	if p.Rechecked > 0 {
		text += fmt.Sprintf(" Deterministic: %d of %d rechecked tasks gave the same bytes.", p.Reproduced, p.Rechecked)
		bad = bad || p.Reproduced < p.Rechecked
	}
	return text, bad
}

// sections says where a figure stands, by the start of its id.
func sections() []Pair {
	return []Pair{{"delta-", "results"}, {"accuracy", "results"}, {"factorial-", "factorial"}, {"noise", "noise"}, {"signal", "signal"},
		{"auroc", "verifier"}, {"reliability", "verifier"}, {"training-", "training"}, {"weights", "training"}}
}

func figures(fs []Figure) map[string][]figure {
	out := map[string][]figure{}
	for _, f := range fs {
		c := f.Chart
		t := table.Table{ID: "data-" + c.ID, Caption: "Numbers of: " + c.Title, Head: c.Head}
		for _, r := range c.Rows {
			var cells []table.Cell
			for _, x := range r {
				cells = append(cells, table.Cell{Text: x})
			}
			t.Rows = append(t.Rows, cells)
		}
		for _, s := range sections() {
			if strings.HasPrefix(c.ID, s.Name) {
				// The SVG is our own drawing with every label escaped; the option was marshalled with <, > and & escaped.
				out[s.Value] = append(out[s.Value], figure{c.ID, c.Title, c.Summary, c.Height, template.HTML(themed(f.SVG)), template.JS(c.Option), t})
				break
			}
		}
	}
	return out
}

// themed lets the page's colours into a static drawing.
func themed(svg string) string {
	return strings.NewReplacer(chart.Ink, "var(--ink)", chart.Line, "var(--line)").Replace(svg)
}

func indent(raw json.RawMessage) string {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return string(raw)
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return string(raw)
	}
	return string(b)
}
