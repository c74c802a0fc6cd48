package cli

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"hardneg/harness/runner"
	"hardneg/reports/page"
)

//go:embed serve.html
var siteHTML string

//go:embed serve.js
var siteJS string

// siteView is what a page of serve shows.
type siteView struct {
	Title   string
	Refresh int // seconds; 0 = the page does not change
	Home    bool
	Nightly bool     // there is a nightly page
	Run     *runView // of the run's and the task's page
	Runs    []runView
	Stages  []stageView
	Now     []taskRow // running and failed tasks
	Tasks   []taskRow
	Task    *taskRow
	Curves  []curveView
	Log     string
	Params  string
}

type runView struct {
	Name, State, Class, Left            string // class: of the verdict that colours the state
	Done, Running, Failed, Total, Share int
	Began                               string
	Report                              bool
}

type stageView struct {
	Name                         string
	Done, Running, Failed, Total int
	Wall                         string
}

type taskRow struct {
	Run, ID, Stage, State, Class, Progress, Wall, Error string
	Attempts                                            int
	Open                                                bool // may still change
}

type curveView struct{ Name, Points, First, Last, Low, High string }

func summarise(name string, tasks []runner.TaskStatus, report bool) runView {
	n := counts(tasks)
	v := runView{Name: name, Total: len(tasks), Done: n[runner.Done], Running: n[runner.Running] + n[runner.Watched], Failed: n[runner.Failed], Report: report, Left: strings.TrimPrefix(leftText(tasks), ", ")}
	v.Share = 100 * v.Done / max(1, v.Total)
	switch {
	case v.Running > 0:
		v.State, v.Class = "running", "negligible"
	case v.Done == v.Total:
		v.State, v.Class = "complete", "supported"
	case v.Failed > 0:
		v.State, v.Class = "failed trials", "reversed"
	default:
		v.State, v.Class = "not finished", "inconclusive"
	}
	var began time.Time
	for _, t := range tasks {
		if at := t.Attempt.Start; !at.IsZero() && (began.IsZero() || at.Before(began)) {
			began = at
		}
	}
	v.Began = timeText(began)
	return v
}

// stages counts tasks by stage, in the order of the plan.
func stages(tasks []runner.TaskStatus) (out []stageView) {
	wall := map[string]float64{}
	for _, t := range tasks {
		i := slices.IndexFunc(out, func(s stageView) bool { return s.Name == t.Task.Stage })
		if i < 0 {
			i = len(out)
			out = append(out, stageView{Name: t.Task.Stage})
		}
		s := &out[i]
		s.Total++
		switch t.State {
		case runner.Done:
			s.Done++
		case runner.Running, runner.Watched:
			s.Running++
		case runner.Failed:
			s.Failed++
		}
		wall[s.Name] += t.Attempt.WallS
	}
	for i := range out {
		out[i].Wall = brief(time.Duration(wall[out[i].Name] * float64(time.Second)))
	}
	return out
}

func taskView(run string, t runner.TaskStatus) taskRow {
	v := taskRow{Run: run, ID: t.Task.ID, Stage: t.Task.Stage, State: fmt.Sprint(t.State), Error: t.Error, Attempts: t.Attempts, Open: t.State != runner.Done && t.State != runner.Failed}
	switch t.State {
	case runner.Done:
		v.Class = "supported"
	case runner.Failed, runner.Blocked:
		v.Class = "reversed"
	case runner.Running, runner.Watched:
		v.Class = "negligible"
	}
	if p := t.Progress; p != nil {
		v.Progress = progressText(*p)
	}
	if t.Attempt.WallS > 0 {
		v.Wall = (time.Duration(t.Attempt.WallS*1000) * time.Millisecond).String()
	}
	return v
}

// curves draws each metric as a line in a box of 300 × 80; metrics that never
// change are left out.
func curves(rows []runner.MetricRow) []curveView {
	by := map[string][]float64{}
	for _, r := range rows {
		for name, x := range r.Values {
			if f := runner.Float(x); !math.IsNaN(f) && !math.IsInf(f, 0) {
				by[name] = append(by[name], f)
			}
		}
	}
	var names []string
	for n := range by {
		names = append(names, n)
	}
	first := []string{"loss", "rewards/margins", "rewards/accuracies", "rewards/chosen", "rewards/rejected", "grad_norm"} // what people look for
	slices.SortFunc(names, func(a, b string) int {
		i, j := slices.Index(first, a), slices.Index(first, b)
		switch {
		case i >= 0 && j >= 0:
			return i - j
		case i >= 0:
			return -1
		case j >= 0:
			return 1
		}
		return strings.Compare(a, b)
	})
	var out []curveView
	for _, n := range names {
		ys := by[n]
		lo, hi := slices.Min(ys), slices.Max(ys)
		if len(ys) < 2 || lo == hi {
			continue
		}
		var b strings.Builder
		step := max(1, len(ys)/300)
		for i := 0; i < len(ys); i += step {
			fmt.Fprintf(&b, "%.1f,%.1f ", 300*float64(i)/float64(len(ys)-1), 76-72*(ys[i]-lo)/(hi-lo))
		}
		out = append(out, curveView{n, b.String(), fmt.Sprintf("%.4g", ys[0]), fmt.Sprintf("%.4g", ys[len(ys)-1]), fmt.Sprintf("%.4g", lo), fmt.Sprintf("%.4g", hi)})
	}
	return out
}

// write renders the page; what a log or a spec holds is text. The only script
// is the page's own, which asks for the page again while something runs.
func (v siteView) write(w http.ResponseWriter) {
	t, err := template.New("site").Parse(siteHTML)
	var b bytes.Buffer
	if err == nil {
		err = t.Execute(&b, map[string]any{"V": v, "Style": template.CSS(page.Style()), "Script": template.JS(siteJS)})
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := sha256.Sum256([]byte(siteJS))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; script-src 'sha256-"+base64.StdEncoding.EncodeToString(h[:])+"'")
	_, _ = w.Write(b.Bytes()) // the client has gone if this fails
}
