package cli

import (
	"fmt"
	"math"
	"strings"

	"hardneg/reports/trend"
)

// print shows the verdict for people.
func (n *night) print(r trend.Result, headline, page string) error {
	rows := [][]string{{"metric", "last", "median", "change", "p", "nights", "verdict", "notes"}}
	for _, d := range r.Decisions {
		change, p := "–", "–"
		if !math.IsNaN(d.Change) {
			change = fmt.Sprintf("%s ± %s over %d", trend.Signed(d.Metric, d.Change), trend.Width(d.Metric, d.HalfWidth), d.Window)
		}
		if !math.IsNaN(d.P) {
			p = fmt.Sprintf("%.2g", d.P)
		}
		rows = append(rows, []string{d.Metric, trend.Format(d.Metric, d.Last), trend.Format(d.Metric, d.Median), change, p, fmt.Sprint(len(d.Series)), d.Verdict, d.Reasons()})
	}
	if err := columns(n.app.Stdout, rows); err != nil {
		return err
	}
	if r.Sentinel {
		fmt.Fprintln(n.app.Stdout, "the sentinel's results differ from those of the night before")
	}
	_, err := fmt.Fprintf(n.app.Stdout, "\n%s\n%s\n", headline, page)
	return err
}

// summaryOf is the verdict as Markdown, for whatever shows a job's summary.
func summaryOf(r trend.Result, headline string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**\n\n| metric | last | median | verdict | notes |\n|---|---:|---:|---|---|\n", headline)
	cell := strings.NewReplacer("|", "\\|", "\n", " ")
	for _, d := range r.Decisions {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", cell.Replace(d.Metric), trend.Format(d.Metric, d.Last), trend.Format(d.Metric, d.Median), d.Verdict, cell.Replace(d.Reasons()))
	}
	return b.String()
}

// gateAnswer is the verdict as a document; numbers that do not exist are null.
func gateAnswer(r trend.Result, code int, headline, page string) map[string]any {
	num := func(v float64) any {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
		return v
	}
	metrics := []map[string]any{}
	for _, d := range r.Decisions {
		m := map[string]any{"metric": d.Metric, "verdict": d.Verdict, "last": num(d.Last), "median": num(d.Median), "change": num(d.Change), "half_width": num(d.HalfWidth), "p": num(d.P),
			"threshold": num(d.Threshold), "window": d.Window, "nights": len(d.Series), "appeared": d.Appeared, "notes": append([]string{}, d.Notes...)}
		if d.Split >= 0 {
			m["first_seen"] = d.Series[d.Split].Date
		}
		metrics = append(metrics, m)
	}
	return map[string]any{"date": r.Tonight.Date, "run": r.Tonight.Run, "exit_code": code, "verdict": headline, "metrics": metrics, "failed_tasks": r.Tonight.Failed,
		"refuted": append([]string{}, r.Tonight.Refuted...), "not_comparable": r.Incomparable, "sentinel_changed": r.Sentinel, "page": page}
}
