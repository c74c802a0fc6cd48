package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"

	"hardneg/reports/chart"
	"hardneg/reports/finding"
	"hardneg/reports/page"
	"hardneg/reports/result"
	"hardneg/reports/table"
)

// comparePage writes a comparison as a folder: compare.json with every number,
// the page, its tables and its figure.
func (a *App) comparePage(dir, title string, d finding.Design, cs []finding.Comparison, differences []table.Table) error {
	doc, err := json.MarshalIndent(comparisonDocument(d, cs), "", "  ")
	if err != nil {
		return err
	}
	if err := put(filepath.Join(dir, "compare.json"), append(doc, '\n')); err != nil {
		return err
	}
	figs, err := drawn(filepath.Join(a.Workspace, "cache", "svg"), []chart.Chart{compareForest(cs)})
	if err != nil {
		return err
	}
	for _, f := range figs {
		if err := put(filepath.Join(dir, "figures", f.Chart.ID+".svg"), []byte(f.SVG+"\n")); err != nil {
			return err
		}
		if err := put(filepath.Join(dir, "figures", f.Chart.ID+".tex"), []byte(f.Chart.TikZ())); err != nil {
			return err
		}
	}
	p := page.Comparison{Title: title, Scope: d.Scope, Margin: finding.Width(result.Num(d.Margin)), Compared: table.Compared(cs), Seeds: table.ComparedSeeds(cs),
		Pairing: table.ComparedPairing(cs), Differences: differences, Drawn: figs}
	for _, t := range append([]table.Table{p.Compared, p.Seeds, p.Pairing}, differences...) {
		if err := writeTable(dir, t, nil); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	if err := page.WriteComparison(&b, p); err != nil {
		return err
	}
	path := filepath.Join(dir, "index.html")
	if err := put(path, b.Bytes()); err != nil {
		return fail(ExitEnvironment, err)
	}
	_, err = fmt.Fprintln(a.Stderr, path)
	return err
}

// comparisonDocument is compare.json, and what --json prints.
func comparisonDocument(d finding.Design, cs []finding.Comparison) map[string]any {
	return map[string]any{"scope": d.Scope, "margin": d.Margin, "comparisons": cs}
}

// compareForest draws the differences, a row a pair of arms.
func compareForest(cs []finding.Comparison) chart.Chart {
	var rows []chart.Interval
	for _, c := range cs {
		rows = append(rows, chart.Interval{Label: c.A.Arm + " − " + c.B.Arm, Group: c.Benchmark, Est: 100 * float64(c.Delta.Estimate), Lo: 100 * float64(c.Delta.Lo), Hi: 100 * float64(c.Delta.Hi)})
	}
	return chart.Forest("compare", "A minus B", "One row a pair of arms, one marker a benchmark; the whisker is the 95 % interval.", "Δ accuracy (points)", 0, rows)
}

// differencesOf says what sets apart the arms that were compared, where both
// come from runs.
func differencesOf(pairs [][2]finding.Side) []table.Table {
	var out []table.Table
	seen := map[string]bool{}
	for _, p := range pairs {
		x, y := p[0].Run(), p[1].Run()
		if x == nil || y == nil || seen[p[0].Name+"\x00"+p[1].Name] {
			continue
		}
		seen[p[0].Name+"\x00"+p[1].Name] = true
		t := table.Differences(x, y, p[0].Name, p[1].Name)
		if len(out) > 0 {
			t.ID += fmt.Sprintf("-%d", len(out)+1)
		}
		out = append(out, t)
	}
	return out
}
