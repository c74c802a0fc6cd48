package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hardneg/reports/page/pagetest"
)

// comparedRun compares two arms of a made-up run, and gives the folder.
func comparedRun(t *testing.T, text string) string {
	t.Helper()
	set, err := pagetest.World(text, pagetest.Small())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Write(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	code, _, stderr := hardneg(t, "", "--workspace", filepath.Join(dir, "ws"), "compare", f.Name()+"/full", f.Name()+"/random", "--out", out)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	return out
}

func readText(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Every number of a comparison's page and tables equals compare.json.
func TestEveryNumberOfAComparison(t *testing.T) {
	dir := comparedRun(t, "a sentence with 3 numbers, 4.5 and 6 %")
	var raw object
	d := json.NewDecoder(strings.NewReader(readText(t, dir, "compare.json")))
	d.UseNumber()
	if err := d.Decode(&raw); err != nil {
		t.Fatal(err)
	}
	var deltas []any
	wants := map[string]wanted{}
	add := func(id string, row ...want) {
		w := wants[id]
		w.rows = append(w.rows, row)
		wants[id] = w
	}
	for _, c := range list(raw, "comparisons") {
		deltas = append(deltas, at(c, "delta"))
	}
	notes, verdicts := lifted(deltas)
	for i, c := range list(raw, "comparisons") {
		d, a, b, bench := at(c, "delta"), at(c, "a"), at(c, "b"), txt(str(c, "benchmark"))
		pair := txt("full − random")
		add("compare", pair, bench, wantSeeds(d), num(pct(a, "estimate")), num(pct(b, "estimate")), num(pct(d, "estimate")), num(pct(d, "lo"), pct(d, "hi")), num(f(d, "p")), num(f(d, "p_adjusted")), verdicts[i])
		add("compare-items", pair, bench, num(f(c, "pairing", "Common")), num(f(c, "pairing", "OnlyA")), num(f(c, "pairing", "OnlyB")), num(pct(a, "sd_seeds")), num(pct(b, "sd_seeds")), num(pct(d, "mde")))
		for k, seed := range list(c, "pairing", "Seeds") {
			m := list(d, "sensitivity", "mcnemar")[k]
			of := func(v any) float64 { return 100 * f(object{"v": list(v, "per_seed")[k]}, "v") }
			add("compare-seeds", pair, bench, num(f(object{"v": seed}, "v")), num(of(a)), num(of(b)), num(of(d)), num(f(m, "b")), num(f(m, "c")), num(f(m, "both")), num(f(m, "neither")), num(f(m, "p_mid")))
		}
		add("data-compare", pair, bench, sig(pct(d, "estimate")), sig(pct(d, "lo")), sig(pct(d, "hi")))
	}
	w := wants["compare"]
	w.notes = notes
	wants["compare"] = w
	html := readText(t, dir, "index.html")
	shown := inHTML(html)
	for id, w := range wants {
		for _, e := range shown[id].against(id, w) {
			t.Error(e)
		}
		if id == "data-compare" {
			continue
		}
		w.notes = ""
		for _, e := range inCSV(readText(t, dir, "tables", id+".csv")).against(id+".csv", w) {
			t.Error(e)
		}
	}
	// One digit changed is noticed.
	cell := "<td>" + strings.Replace(shown["compare"].rows[0][5], "+", "&#43;", 1) + "</td>"
	changed := inHTML(strings.Replace(html, cell, "<td>99.9</td>", 1))["compare"]
	if len(changed.against("changed", wants["compare"])) == 0 {
		t.Error("a changed difference was not noticed")
	}
}

func TestBrowserShowsAComparison(t *testing.T) {
	html := readText(t, comparedRun(t, `</script><img src=x onerror=alert(1)>`), "index.html")
	tab := pagetest.OpenText(t, html, true)
	say := func(where string, list []string) {
		for _, x := range list {
			t.Errorf("%s: %s", where, x)
		}
	}
	for _, scheme := range []string{"light", "dark"} {
		tab.Media(t, "screen", scheme)
		say(scheme, tab.Faults(t))
	}
	if n := pagetest.Ask[int](t, tab, `document.querySelectorAll('figure .live svg path').length`); n < 5 {
		t.Errorf("the figure has %d paths", n)
	}
	if wide := pagetest.Ask[bool](t, tab, `(() => { const b = document.querySelector('#compare').parentNode; return b.scrollWidth > b.clientWidth + 1; })()`); wide {
		t.Error("the verdicts are out of sight")
	}
	axe := pagetest.Axe(t)
	for _, scheme := range []string{"light", "dark"} {
		tab.Media(t, "screen", scheme)
		say("axe-core, "+scheme, tab.Violations(t, axe))
	}
	tab.Media(t, "print", "light")
	tab.Resize(t, 687, 1000)
	say("in print", tab.CutOff(t))
	say("browser", tab.Problems())
}
