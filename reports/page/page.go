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
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"

	"hardneg/reports/chart"
	"hardneg/reports/finding"
	"hardneg/reports/result"
	"hardneg/reports/table"
)

//go:embed page.html
var pageHTML string

//go:embed parts.html
var partsHTML string

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

// Verification is what checking a run's stored results found.
type Verification struct {
	Repeated, Same int    // tasks made again, and how many gave the same bytes
	Damaged        int    // results and files that were not what was committed
	Command        string // that checks
}

// Input is what a page shows.
type Input struct {
	Set       *result.Set
	Figures   []Figure
	Times     table.Table // measured; empty in the stable form
	Machine   table.Table
	Attempts  table.Table // measured: tasks that took several
	Energy    []string    // measured: what the energies among the times are, or why there are none
	Timeline  []Bar       // measured; the tasks in time
	Beside    []Pair      // files beside the page: name and what they hold
	Methods   []string
	Notices   []string      // what must be said before the numbers
	Verified  *Verification // nil in the stable form
	Date      string        // on which the run was begun; measured
	Spec      string        // the resolved spec as text; "": as it stands in the set
	Reproduce string        // commands that make the run again
}

// view is what the template reads.
type view struct {
	Set                                                                      *result.Set
	Policy, Meta, Honesty                                                    string
	Bad                                                                      bool
	Notices                                                                  []string
	Style                                                                    template.CSS
	Library, Render, Script                                                  template.JS
	Overview, Ablation, Hyper, Levels, Failures                              table.Table
	Claims, Factorial, Dose, Falsification, Filter, Subset, Effects, Classes table.Table
	Sensitivity, Correlations, Verifier, Local, WinLoss, Training            table.Table
	Mining, Cost, Times, Machine, Provenance, Disagreements, Attempts        table.Table
	Main, MainSubset                                                         []table.Table
	Beside                                                                   []Pair
	Timeline                                                                 template.HTML
	Fig                                                                      map[string][]figure
	Methods, Energy                                                          []string
	Examples                                                                 []example
	Pairs                                                                    []pairView
	Alarms, Misses                                                           []reading
	SpecText                                                                 template.HTML
	Reproduce, Recheck, Confidence, Scope                                    string
	Several                                                                  bool // seeds
	Verdicts                                                                 []Pair
	Origins                                                                  bool
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
	t, err := parse(pageHTML)
	if err != nil {
		return err
	}
	lib, render := chart.Scripts()
	s := in.Set
	v := view{
		Set: s, Confidence: finding.Confidence(s), Scope: finding.ScopeOf(s).Sentence(), Several: len(s.Seeds) > 1, Verdicts: verdicts(s), Style: template.CSS(styleCSS), Library: template.JS(lib), Render: template.JS(render), Script: template.JS(pageJS),
		Policy: policy(lib, render, pageJS), Notices: in.Notices, Methods: in.Methods, Times: in.Times, Machine: in.Machine, Energy: in.Energy, Attempts: in.Attempts,
		Overview: table.Overview(s), Ablation: table.Ablation(s), Hyper: table.Hyperparameters(s), Levels: table.Levels(s), Failures: table.Failures(s),
		Timeline: timeline(in.Timeline), Beside: in.Beside,
		Claims: table.Claims(s), Effects: table.Effects(s), Factorial: table.Factorial(s), Dose: table.Dose(s), Falsification: table.Falsification(s),
		Filter: table.Filter(s), Subset: table.Subset(s), Sensitivity: table.Sensitivity(s), Correlations: table.Correlations(s),
		Verifier: table.Verifier(s), Classes: table.VerifierClasses(s), Local: table.Local(s), WinLoss: table.WinLoss(s), Training: table.Training(s),
		Mining: table.Mining(s), Cost: table.Cost(s), Provenance: table.Provenance(s),
		Fig: figures(in.Figures), Examples: examples(s), Pairs: pairs(s), Disagreements: table.Disagreements(s), Alarms: readings(s, false), Misses: readings(s, true), SpecText: specText(s.Spec), Reproduce: clip(in.Reproduce),
	}
	if in.Spec != "" {
		v.SpecText, v.Origins = longText(in.Spec), strings.Contains(in.Spec, " # ")
	}
	for _, b := range table.Benchmarks(s) {
		if strings.HasSuffix(b, finding.SubsetSuffix) {
			v.MainSubset = append(v.MainSubset, table.Main(s, b))
		} else {
			v.Main = append(v.Main, table.Main(s, b))
		}
	}
	v.Meta = meta(s, in.Date)
	v.Honesty, v.Bad = honesty(s, in.Verified)
	v.Recheck = in.Verified.recheck()
	if err := t.Execute(w, v); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return nil
}

// parse reads a page together with the parts that pages share.
func parse(html string) (*template.Template, error) {
	t, err := template.New("parts").Funcs(template.FuncMap{"bar": bar, "line": table.Line}).Parse(partsHTML)
	if err == nil {
		t, err = t.New("page").Parse(html)
	}
	if err != nil {
		return nil, fmt.Errorf("page template: %w", err)
	}
	return t, nil
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

func meta(s *result.Set, date string) string {
	var bs []string
	for _, b := range s.Benchmarks {
		bs = append(bs, fmt.Sprintf("%s (%d problems)", b.Name, b.N))
	}
	parts := []string{s.Run, s.Prov.Model.Name, finding.Times(len(s.Arms), "arm") + " × " + finding.Times(len(s.Seeds), "seed"), strings.Join(bs, ", "), "device " + s.Prov.DeviceClass, date}
	if s.Prov.Commit != "" {
		parts = append(parts, "commit "+short(s.Prov.Commit))
	}
	parts = append(parts, "spec "+short(s.Prov.SpecHash))
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " · ")
}

func short(h string) string { return h[:min(10, len(h))] }

// honesty says first what is missing.
func honesty(s *result.Set, v *Verification) (text string, bad bool) {
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
	if p.TasksBlocked > 0 {
		text = fmt.Sprintf("%s, %d blocked by them.", strings.TrimSuffix(text, "."), p.TasksBlocked)
	}
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
	more, worse := v.sentence()
	return text + more, bad || worse
}

// sentence is what a report says of the checks, and whether it is bad news.
func (v *Verification) sentence() (text string, bad bool) {
	if v == nil {
		return "", false
	}
	if v.Damaged > 0 {
		text = fmt.Sprintf(" %d stored files or results were not what was committed when they were last verified: the same `hardneg run` makes them again.", v.Damaged)
	}
	if v.Repeated > 0 {
		text += fmt.Sprintf(" Deterministic: %d of %d rechecked tasks gave the same bytes.", v.Same, v.Repeated)
	} else {
		text += " Determinism was not rechecked:"
	}
	return text, v.Same < v.Repeated || v.Damaged > 0
}

// recheck is the command that the honesty line ends with, "" for none.
func (v *Verification) recheck() string {
	if v == nil || v.Repeated > 0 {
		return ""
	}
	return v.Command
}

// sections says where a figure stands, by the start of its id.
func sections() []Pair {
	return []Pair{{"delta-", "results"}, {"accuracy", "results"}, {"factorial-", "factorial"}, {"noise", "noise"}, {"signal", "signal"},
		{"auroc", "verifier"}, {"reliability", "verifier"}, {"training-", "training"}, {"weights", "training"}}
}

func figures(fs []Figure) map[string][]figure {
	out := map[string][]figure{}
	for _, f := range fs {
		for _, s := range sections() {
			if strings.HasPrefix(f.Chart.ID, s.Name) {
				out[s.Value] = append(out[s.Value], figureOf(f))
				break
			}
		}
	}
	return out
}

// figureOf prepares a figure. The SVG is our own drawing with every label
// escaped; the option was marshalled with <, > and & escaped.
func figureOf(f Figure) figure {
	c := f.Chart
	t := table.Table{ID: "data-" + c.ID, Caption: "Numbers of: " + c.Title, Head: c.Head}
	for _, r := range c.Rows {
		var cells []table.Cell
		for _, x := range r {
			cells = append(cells, table.Cell{Text: x})
		}
		t.Rows = append(t.Rows, cells)
	}
	return figure{c.ID, c.Title, c.Summary, c.Height, template.HTML(themed(f.SVG)), template.JS(c.Option), t}
}

// themed lets the page's colours into a static drawing.
func themed(svg string) string {
	return strings.NewReplacer(chart.Ink, "var(--ink)", chart.Line, "var(--line)").Replace(svg)
}

// specText is the resolved spec as text. What an arm's stages come to follows
// from the stages and the arm's patch, so it is left out; the whole spec is in
// results.json.
func specText(raw json.RawMessage) template.HTML {
	var v map[string]any
	if json.Unmarshal(raw, &v) != nil {
		return template.HTML(text.Replace(clip(string(raw))))
	}
	arms, _ := v["arms"].([]any)
	for _, a := range arms {
		if m, ok := a.(map[string]any); ok {
			delete(m, "stages")
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if e.Encode(v) != nil {
		return template.HTML(text.Replace(string(raw)))
	}
	return longText(b.String())
}

// longText is a spec between tags. Where a text of a megabyte stands in it only
// its beginning is shown: results.json has the whole.
func longText(spec string) template.HTML {
	spec = strings.ToValidUTF8(spec, "\ufffd")
	if len(spec) > longestSpec {
		spec = clip(spec)
	}
	return template.HTML(text.Replace(spec))
}

// longestSpec is how long a spec is shown whole.
const longestSpec = 100_000

// text makes a string safe between tags; quotes need no escape there, of which
// a spec has thousands. The zero byte is no character of HTML.
var text = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\x00", "\ufffd")

// bar draws a cell's interval on the scale of its table: zero in the middle.
func bar(t table.Table, c table.Cell) template.HTML {
	if c.CI == nil {
		return ""
	}
	top := 0.0
	for _, r := range t.Rows {
		for _, x := range r {
			if x.CI != nil {
				top = max(top, math.Abs(x.CI.Lo), math.Abs(x.CI.Hi))
			}
		}
	}
	if top == 0 || math.IsInf(top, 0) {
		return ""
	}
	at := func(v float64) float64 { return 60 + 57*v/top }
	return template.HTML(fmt.Sprintf(`<svg class="ci" viewBox="0 0 120 12" aria-hidden="true"><path class="zero" d="M60 0V12"/><path d="M%.1f 6H%.1f"/><circle cx="%.1f" cy="6" r="3.2"/></svg>`,
		at(c.CI.Lo), at(c.CI.Hi), at(c.CI.Est)))
}
