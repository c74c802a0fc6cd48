package cli

import (
	"bytes"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"

	"hardneg/harness/runner"
	"hardneg/reports/page"
)

// siteView is what a page of serve shows.
type siteView struct {
	Title, Back string
	Refresh     int // seconds; 0 = the page does not change
	Runs        []runView
	Tasks       []taskRow
	Curves      []curveView
	Log, Params string
}

type runView struct {
	Name                         string
	Done, Running, Failed, Total int
	Report                       bool
}

type taskRow struct {
	Run, ID, State, Progress, Wall, Error string
}

type curveView struct{ Name, Points, First, Last string }

func summarise(name string, tasks []runner.TaskStatus, report bool) runView {
	v := runView{Name: name, Total: len(tasks), Report: report}
	for _, t := range tasks {
		switch t.State {
		case runner.Done:
			v.Done++
		case runner.Running:
			v.Running++
		case runner.Failed:
			v.Failed++
		}
	}
	return v
}

func taskView(run string, t runner.TaskStatus) taskRow {
	v := taskRow{Run: run, ID: t.Task.ID, State: fmt.Sprint(t.State), Error: t.Error}
	if p := t.Progress; p != nil {
		v.Progress = fmt.Sprintf("%d of %d %s", p.Done, p.Total, p.Unit)
	}
	if t.Attempt.WallS > 0 {
		v.Wall = (time.Duration(t.Attempt.WallS*1000) * time.Millisecond).String()
	}
	return v
}

// curves draws each metric as a line in a box of 300 × 60; metrics that never
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
	sort.Strings(names)
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
			fmt.Fprintf(&b, "%.1f,%.1f ", 300*float64(i)/float64(len(ys)-1), 58-56*(ys[i]-lo)/(hi-lo))
		}
		out = append(out, curveView{n, b.String(), fmt.Sprintf("%.4g", ys[0]), fmt.Sprintf("%.4g", ys[len(ys)-1])})
	}
	return out
}

const siteHTML = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
{{if .V.Refresh}}<meta http-equiv="refresh" content="{{.V.Refresh}}">{{end}}
<title>{{.V.Title}} · hardneg</title><style>{{.Style}}</style></head><body>
<header><h1>{{.V.Title}}</h1><nav aria-label="pages"><a href="/">runs</a>{{if .V.Back}} <a href="{{.V.Back}}">run</a>{{end}}</nav></header><main>
{{if .V.Runs}}<div class="scroll"><table><caption>Runs</caption><thead><tr><th scope="col">run</th><th scope="col">done</th><th scope="col">running</th><th scope="col">failed</th><th scope="col">tasks</th><th scope="col">report</th></tr></thead><tbody>
{{range .V.Runs}}<tr><th scope="row"><a href="/run/{{.Name}}">{{.Name}}</a></th><td>{{.Done}}</td><td>{{.Running}}</td><td>{{.Failed}}</td><td>{{.Total}}</td><td>{{if .Report}}<a href="/report/{{.Name}}/">open</a>{{end}}</td></tr>{{end}}</tbody></table></div>{{else if not .V.Tasks}}<p>No run is in this workspace yet: <code>hardneg run SPEC</code> makes one.</p>{{end}}
{{if .V.Tasks}}<div class="scroll"><table><caption>Tasks</caption><thead><tr><th scope="col">task</th><th scope="col">state</th><th scope="col">progress</th><th scope="col">wall</th><th scope="col">error</th></tr></thead><tbody>
{{range .V.Tasks}}<tr><th scope="row"><a href="/run/{{.Run}}/task/{{.ID}}">{{.ID}}</a></th><td>{{.State}}</td><td>{{.Progress}}</td><td>{{.Wall}}</td><td class="w">{{.Error}}</td></tr>{{end}}</tbody></table></div>{{end}}
{{if .V.Curves}}<h2>Curves</h2><div class="grid">{{range .V.Curves}}<div class="card"><h4>{{.Name}}</h4><svg viewBox="0 0 300 60" width="300" height="60" role="img" aria-label="{{.Name}} from {{.First}} to {{.Last}}"><polyline points="{{.Points}}" fill="none" stroke="currentColor" stroke-width="1.5"/></svg><p class="muted">{{.First}} → {{.Last}}</p></div>{{end}}</div>{{end}}
{{if .V.Params}}<h2>Parameters</h2><pre>{{.V.Params}}</pre>{{end}}
{{if .V.Log}}<h2>Log</h2><pre>{{.V.Log}}</pre>{{end}}
</main></body></html>
`

// write renders the page; what a log or a spec holds is text.
func (v siteView) write(w http.ResponseWriter) {
	t, err := template.New("site").Parse(siteHTML)
	var b bytes.Buffer
	if err == nil {
		err = t.Execute(&b, map[string]any{"V": v, "Style": template.CSS(page.Style())})
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:")
	_, _ = w.Write(b.Bytes()) // the client has gone if this fails
}
