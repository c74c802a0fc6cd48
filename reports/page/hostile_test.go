package page

import (
	"bytes"
	"encoding/csv"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"hardneg/reports/chart"
	"hardneg/reports/page/pagetest"
	"hardneg/reports/result"
	"hardneg/reports/table"
)

// poisoned is the small world with text in every field.
func poisoned(t *testing.T, text string) *result.Set {
	t.Helper()
	plain, _ := plainPage(t)
	var b bytes.Buffer
	if err := plain.Write(&b); err != nil {
		t.Fatal(err)
	}
	s, err := result.Read(&b) // a copy
	if err != nil {
		t.Fatal(err)
	}
	if n := pagetest.Poison(s, text); n < 40 {
		t.Fatalf("only %d fields took the text", n)
	}
	return s
}

// bare is a page without figures: drawing them is slow and has a test of its own.
func bare(t *testing.T, s *result.Set) string {
	t.Helper()
	var b bytes.Buffer
	in := Input{Set: s, Methods: []string{s.About}, Notices: []string{s.About}, Times: table.Cost(s), Machine: table.Provenance(s), Attempts: table.Failures(s),
		Beside:   []Pair{{s.About[:min(len(s.About), 250)], s.About}}, // no file name is longer
		Timeline: []Bar{{s.About, s.About, 0, 1}}, Spec: "about: x # " + s.About, Reproduce: s.About, Energy: []string{s.About}, Verified: &Verification{Command: s.About}}
	if err := Write(&b, in); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestHostileTextStaysTextInThePage(t *testing.T) {
	t.Parallel()
	texts := pagetest.Hostile()
	if len(texts) < 50 {
		t.Fatalf("only %d payloads", len(texts))
	}
	plain := tags(bare(t, poisoned(t, "a plain sentence")))
	if plain["table"] < 20 || plain["th"] < 300 {
		t.Fatalf("the plain page has %d tables: this test shows little", plain["table"])
	}
	for _, text := range texts {
		html := bare(t, poisoned(t, text))
		for tag, n := range tags(html) {
			if n != plain[tag] && tag != "mark" {
				t.Errorf("%.40q: %d %q elements, a plain text has %d", text, n, tag, plain[tag])
			}
		}
		if len(html) > 5_000_000 {
			t.Errorf("%.40q: the page has %d bytes", text, len(html))
		}
		if !utf8.ValidString(html) {
			t.Errorf("%.40q: the page is no valid UTF-8", text)
		}
	}
}

var tag = regexp.MustCompile(`<([a-zA-Z][a-zA-Z0-9]*)[\s>/]`)

// tags counts elements outside of the page's own scripts.
func tags(html string) map[string]int {
	out := map[string]int{}
	body, _, _ := strings.Cut(html, "<footer>")
	for _, m := range tag.FindAllStringSubmatch(body, -1) {
		out[strings.ToLower(m[1])]++
	}
	return out
}

// every table of a set.
func every(s *result.Set) []table.Table {
	ts := []table.Table{table.Claims(s), table.Overview(s), table.Ablation(s), table.Effects(s), table.Factorial(s), table.Dose(s), table.Falsification(s), table.Filter(s), table.Subset(s), table.Sensitivity(s),
		table.Correlations(s), table.Verifier(s), table.VerifierClasses(s), table.Local(s), table.Disagreements(s), table.WinLoss(s), table.Levels(s), table.Training(s), table.Mining(s), table.Cost(s), table.Hyperparameters(s), table.Failures(s), table.Provenance(s)}
	for _, b := range table.Benchmarks(s) {
		ts = append(ts, table.Main(s, b))
	}
	return ts
}

func TestHostileTextStaysTextInTables(t *testing.T) {
	t.Parallel()
	write := func(f func(io.Writer) error) string {
		var b bytes.Buffer
		if err := f(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	command := regexp.MustCompile(`\\[a-zA-Z]+`)
	known := map[string]int{}
	for _, text := range append([]string{"a plain sentence"}, pagetest.Hostile()...) {
		s := poisoned(t, text)
		for _, tab := range every(s) {
			if len(tab.Rows) == 0 {
				t.Fatalf("%s is empty", tab.ID)
			}
			where := tab.ID + " with " + text[:min(len(text), 40)]
			rows, err := csv.NewReader(strings.NewReader(write(tab.CSV))).ReadAll()
			if err != nil || len(rows) != len(tab.Rows)+1 {
				t.Errorf("%q: CSV has %d rows for %d: %v", where, len(rows), len(tab.Rows), err)
			}
			for _, r := range rows {
				for _, c := range r {
					if strings.HasPrefix(c, "=") || strings.HasPrefix(c, "@") {
						t.Errorf("%q: a spreadsheet computes %.40q", where, c)
					}
				}
			}
			for _, line := range strings.Split(write(tab.Markdown), "\n") {
				if n := len(regexp.MustCompile(`(^|[^\\])(\\\\)*\|`).FindAllString(line, -1)); strings.HasPrefix(line, "|") && n != len(tab.Head)+1 {
					t.Errorf("%q: %d bars in %.80q", where, n, line)
				}
				if strings.Contains(line, "<") || strings.Contains(line, "](") {
					t.Errorf("%q: markup in Markdown: %.80q", where, line)
				}
			}
			tex := write(tab.LaTeX)
			for _, c := range command.FindAllString(tex, -1) {
				if known[c]++; text != "a plain sentence" && known[c] == 1 && !strings.Contains(`\textbackslash \textasciitilde \textasciicircum \textonehalf \ifdefined \Umathchar \else \fi \ldots \cdot`, c) {
					t.Errorf("%q: LaTeX obeys %s", where, c)
				}
			}
			if n := strings.Count(tex, `\begin{tabular}`); n != 1 || strings.Count(tex, `\end{tabular}`) != 1 {
				t.Errorf("%q: %d tabulars", where, n)
			}
			for _, out := range []string{tex, write(tab.CSV), write(tab.Markdown), write(func(w io.Writer) error { return tab.Terminal(w, 80) }), write(func(w io.Writer) error { return tab.Terminal(w, 0) })} {
				if strings.ContainsAny(out, "\x00\x01\x02\x07\b\x1b\u202e\u2066") {
					t.Errorf("%q: a control character is left", where)
				}
			}
		}
		if n := strings.Count(table.Numbers(s), "\n"); n < 100 {
			t.Errorf("%.40q: only %d lines of macros", text, n)
		}
	}
}

func TestHostileTextStaysTextInFigures(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("draws many figures; run without -short")
	}
	r, err := chart.NewRenderer()
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder // every payload at once: drawing one by one takes minutes
	for _, text := range pagetest.Hostile() {
		if len(text) < 200 {
			all.WriteString(text + " ")
		}
	}
	for _, text := range []string{"</script><script>alert(1)</script>", all.String()} {
		for _, c := range chart.Figures(poisoned(t, text)) {
			svg, err := r.SVG(c)
			if err != nil {
				t.Fatal(err)
			}
			for _, raw := range []string{"<script", "<img", "<iframe", "onload=alert", "<b>", "</title>"} {
				if strings.Contains(strings.ReplaceAll(svg, "onload=alert(1)&gt;", ""), raw) {
					t.Errorf("%s: %s became markup", c.ID, raw)
				}
			}
			if strings.ContainsAny(string(c.Option), "<>&") {
				t.Errorf("%s: markup in the option", c.ID)
			}
		}
	}
}

// In a real browser, with every payload in every field and drawn: nothing runs,
// nothing is asked for, and the texts can be read.
func TestBrowserShowsHostileTextAsText(t *testing.T) {
	var all strings.Builder
	for _, text := range pagetest.Hostile() {
		if len(text) < 200 {
			all.WriteString(text + " ")
		}
	}
	html := render(t, poisoned(t, all.String()))
	tab := pagetest.OpenText(t, html, true)
	pagetest.Ask[bool](t, tab, `(async () => { for (const f of document.querySelectorAll('figure')) { f.scrollIntoView(); await new Promise(r => setTimeout(r, 60)); } return true; })()`)
	each(t, "browser", tab.Problems())
	text := pagetest.Ask[string](t, tab, `document.querySelector('#claims-table').textContent`)
	for _, want := range []string{"</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", `\input{/etc/passwd}`, "שלום עולם"} {
		if !strings.Contains(text, want) {
			t.Errorf("the claims do not show %q", want)
		}
	}
	if n := pagetest.Ask[int](t, tab, `document.querySelectorAll('body script:not([type]), iframe, object, embed, form, base, img').length`); n != 3 {
		t.Errorf("%d scripts and embedded things, want the page's own 3", n)
	}
}
