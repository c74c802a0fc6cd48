package table

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"hardneg/reports/finding"
	"hardneg/reports/result"

	"github.com/google/go-cmp/cmp"
)

// sample is a small run: three arms, one of which beats both baselines, and
// names that LaTeX would trip over.
func sample() *result.Set {
	s := result.New("tables-00000000")
	s.Run, s.Seeds = "tables-00000000", []int{1, 2, 3}
	s.Spec = json.RawMessage(`{"analysis":{"alpha":0.05}}`)
	nan := result.NaN()
	acc := func(arm string, est, sd result.Num) result.Finding {
		return result.Finding{ID: "accuracy/" + arm + "/GSM8K", Kind: result.KindAccuracy, Arm: arm, Benchmark: "GSM8K", Estimate: est, SD: sd, Lo: est - .02, Hi: est + .02, P: nan, PAdj: nan, MDE: nan, DZ: nan, SeedsUsed: 3, SeedsPlanned: 3}
	}
	diff := func(kind, arm, base string, est, p result.Num) result.Finding {
		return result.Finding{ID: kind + "/" + arm + "-" + base + "/GSM8K", Kind: kind, Arm: arm, Baseline: base, Benchmark: "GSM8K", Estimate: est, Lo: est - .03, Hi: est + .03, P: p, PAdj: min(1, p*2), Adjust: "holm", MDE: .0412, DZ: 1.234, Wins: 2, Losses: 1, SeedsUsed: 2, SeedsPlanned: 3}
	}
	for _, a := range []string{"sft", "dpo_x", "full"} {
		s.Arms = append(s.Arms, result.Arm{Name: a, Trained: a != "sft"})
	}
	claim := diff(result.KindClaim, "full", "dpo_x", .0512, .004)
	claim.Claim, claim.Text, claim.Verdict, claim.Warn = "c1", "full & more > dpo_x by 5% | $x^2~{}#\\", result.Supported, []string{"for all", "own <b>"}
	other := diff(result.KindClaim, "full", "sft", .011, .41)
	other.Benchmark, other.Claim, other.Text, other.Verdict, other.Warn = "MATH", "c1", claim.Text, result.Inconclusive, []string{"for all"}
	mining := diff(result.KindFactorial, "", "", .0049, .62)
	mining.ID, mining.Verdict = "factorial/mining/GSM8K", result.Inconclusive
	mining.Contrast = map[string]float64{"full": .5, "mine-only": .5, "dpo": -.5, "wt-only": -.5}
	s.Findings = []result.Finding{
		acc("sft", .4012, .0123), acc("dpo_x", .4123, nan), acc("full", .4635, .0049),
		diff(result.KindDelta, "dpo_x", "sft", .0111, .3004), diff(result.KindDelta, "full", "sft", .0623, .00001), diff(result.KindDelta, "full", "dpo_x", .0512, .004),
		claim, other, mining,
	}
	return s
}

type format struct {
	ext   string
	write func(Table, io.Writer) error
}

func formats() []format {
	return []format{{"tex", Table.LaTeX}, {"csv", Table.CSV}, {"md", Table.Markdown},
		{"wide.txt", func(t Table, w io.Writer) error { return t.Terminal(w, 0) }},
		{"narrow.txt", func(t Table, w io.Writer) error { return t.Terminal(w, 70) }}}
}

func render(t *testing.T, tab Table, r format) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.write(tab, &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRenderersMatchTheirGoldens(t *testing.T) {
	s := sample()
	for _, tab := range []Table{Main(s, "GSM8K"), Claims(s), Factorial(s)} {
		for _, r := range formats() {
			golden(t, tab.ID+"."+r.ext, render(t, tab, r))
		}
	}
	golden(t, "numbers.tex", Numbers(s))
}

// golden compares with testdata; UPDATE=1 writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE") != "" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (UPDATE=1 rewrites it): -want +got\n%s", name, d)
	}
}

// cellsOf takes the cells of the rows out of one format again.
func cellsOf(t *testing.T, ext, text string) [][]string {
	t.Helper()
	var out [][]string
	switch ext {
	case "csv":
		rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return rows[1:]
	case "md":
		for _, l := range strings.Split(text, "\n") {
			if strings.HasPrefix(l, "| ") && !strings.HasPrefix(l, "| ---") {
				out = append(out, strings.Split(strings.ReplaceAll(strings.Trim(l, "| "), `\_`, "_"), " | "))
			}
		}
		return out[1:]
	case "tex":
		_, body, _ := strings.Cut(text, "\\midrule\n")
		for _, l := range strings.Split(body, "\n") {
			if strings.Contains(l, " & ") {
				l = strings.NewReplacer(`$^\dagger$`, "", `\bfseries `, "", `$-$`, "-", `$<$`, "<", "{", "", "}", "", `\_`, "_", " \\\\", "").Replace(l)
				out = append(out, strings.Split(l, " & "))
			}
		}
		return out
	}
	for i, l := range strings.Split(text, "\n") {
		if f := regexp.MustCompile(`\s{2,}`).Split(strings.TrimSpace(l), -1); i > 2 && len(f) > 2 && !strings.HasPrefix(f[0], "─") {
			out = append(out, f)
		}
	}
	return out
}

// The numbers of every format are those of the written results file, rounded
// here by other code than the tables use.
func TestEveryFormatHasTheNumbersOfTheResultsFile(t *testing.T) {
	var file bytes.Buffer
	if err := sample().Write(&file); err != nil {
		t.Fatal(err)
	}
	var raw struct {
		Findings []map[string]any `json:"findings"`
	}
	if err := json.Unmarshal(file.Bytes(), &raw); err != nil {
		t.Fatal(err)
	}
	points := func(v any, sign string) string {
		x, ok := v.(float64)
		if !ok {
			return "–"
		}
		return fmt.Sprintf("%"+sign+".1f", math.Round(1000*x)/10)
	}
	for _, r := range formats()[:4] {
		rows := cellsOf(t, r.ext, render(t, Main(sample(), "GSM8K"), r))
		seen := 0
		for _, f := range raw.Findings {
			if f["kind"] != result.KindAccuracy && f["kind"] != result.KindDelta {
				continue
			}
			for _, c := range rows {
				if strings.TrimSpace(c[0]) != f["arm"] {
					continue
				}
				seen++
				line := strings.Join(c, "  ")
				want := []string{points(f["estimate"], ""), points(f["sd_seeds"], ""), "[" + points(f["lo"], "") + ", " + points(f["hi"], "") + "]"}
				if f["kind"] == result.KindDelta {
					want = []string{points(f["estimate"], "+"), "[" + points(f["lo"], "+") + ", " + points(f["hi"], "+") + "]"}
				}
				for _, w := range want {
					if r.ext == "csv" { // bounds stand in columns of their own, and what is undefined is empty
						w = strings.ReplaceAll(strings.Trim(w, "[]–"), ", ", "  ")
					}
					if !strings.Contains(strings.ReplaceAll(line, "--", "–"), w) {
						t.Errorf("%s: %v: no %q in %q", r.ext, f["id"], w, line)
					}
				}
			}
		}
		if seen != 6 {
			t.Errorf("%s: %d findings compared, want 6", r.ext, seen)
		}
	}
}

func TestNumbersAreMacrosOnce(t *testing.T) {
	tex := Numbers(sample())
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\\newcommand\{\\(\w+)\}`).FindAllStringSubmatch(tex, -1) {
		if names[m[1]] || !regexp.MustCompile(`^hn[A-Za-z]+$`).MatchString(m[1]) {
			t.Errorf("macro %s is defined twice or is no TeX name", m[1])
		}
		names[m[1]] = true
	}
	for _, want := range []string{`\newcommand{\hnGSMEightKFullMean}{46.4}`, `\newcommand{\hnGSMEightKFullVsSftDelta}{+6.2}`, `\newcommand{\hnGSMEightKFullVsDpoXPAdj}{0.0080}`} {
		if !strings.Contains(tex, want) {
			t.Errorf("no %s in\n%s", want, tex)
		}
	}
}

func TestEscapeMakesSpecialsHarmless(t *testing.T) {
	got := finding.LaTeX(`\ { } $ & # % _ ~ ^`)
	want := `\textbackslash{} \{ \} \$ \& \# \% \_ \textasciitilde{} \textasciicircum{}`
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFormulaSaysTheContrast(t *testing.T) {
	for _, c := range []struct {
		in   map[string]float64
		want string
	}{
		{map[string]float64{"a": .5, "b": .5, "c": -.5, "d": -.5}, "½(a + b − c − d)"},
		{map[string]float64{"a": 1, "b": -1}, "a − b"},
		{map[string]float64{"a": .3, "b": .1, "c": -.4}, "0.3 a + 0.1 b − 0.4 c"},
		{map[string]float64{"a": -1}, "−a"},
	} {
		if got := formula(c.in); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestNarrowTerminalHoldsEveryLine(t *testing.T) {
	s := sample()
	for _, tab := range []Table{Main(s, "GSM8K"), Claims(s), Factorial(s)} {
		for _, width := range []int{50, 70, 90, 120} {
			var b bytes.Buffer
			if err := tab.Terminal(&b, width); err != nil {
				t.Fatal(err)
			}
			for _, l := range strings.Split(b.String(), "\n") {
				if n := utf8.RuneCountInString(strings.TrimRight(l, " ")); n > width {
					t.Errorf("%s at %d columns: a line of %d: %q", tab.ID, width, n, l)
				}
			}
			if strings.ContainsRune(b.String(), '\x1b') {
				t.Errorf("%s: colour in a pipe", tab.ID)
			}
		}
	}
}

func TestLaTeXCompiles(t *testing.T) {
	tex, err := exec.LookPath("pdflatex")
	if err != nil {
		t.Skip("needs pdflatex (Debian: texlive-latex-recommended texlive-science)")
	}
	dir := t.TempDir()
	s := sample()
	doc := "\\documentclass{article}\n\\usepackage[T1]{fontenc}\n\\usepackage{booktabs,siunitx,textcomp}\n\\begin{document}\\tiny\n" + Numbers(s)
	for _, tab := range []Table{Main(s, "GSM8K"), Claims(s), Factorial(s), Effects(s), Provenance(s)} {
		doc += "\n\n" + render(t, tab, formats()[0])
	}
	doc += "\nBest: \\hnGSMEightKFullMean.\n\\end{document}\n"
	if err := os.WriteFile(filepath.Join(dir, "t.tex"), []byte(doc), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tex, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "t.tex")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		if bytes.Contains(out, []byte("' not found")) {
			t.Skip("pdflatex lacks booktabs, siunitx or textcomp (Debian: texlive-latex-recommended texlive-science)")
		}
		t.Fatalf("%v\n%s", err, out[max(0, len(out)-2000):])
	}
}
