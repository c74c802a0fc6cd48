package page

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"hardneg/fixtures/seed"
	"hardneg/reports/chart"
	"hardneg/reports/finding"
	"hardneg/reports/result"
	"hardneg/reports/table"
)

// world is a small run with every part of the report filled; text stands
// wherever a model or a data set could have written something.
func world(t *testing.T, text string) *result.Set {
	t.Helper()
	s := result.New("world-00000000")
	s.Name, s.About = "world", text
	s.Seeds = []int{1, 2, 3}
	arms := []string{"sft", "rft", "dpo", "mine-only", "wt-only", "full", "random", "shuffled", "noisy-0.5", "noisy-1"}
	for _, a := range arms {
		arm := result.Arm{Name: a, Trained: a != "sft", Patch: map[string]any{}}
		if strings.HasPrefix(a, "noisy-") {
			arm.Patch["score.sigma"] = map[string]float64{"noisy-0.5": .5, "noisy-1": 1}[a]
		}
		s.Arms = append(s.Arms, arm)
	}
	key := seed.Derive(1, "page-test")
	for b, name := range []string{"arith", "arith-hard"} {
		n := 40
		s.Benchmarks = append(s.Benchmarks, result.Benchmark{Name: name, N: n, Samples: 1, Split: "test", Primary: "flexible"})
		it := result.Items{Benchmark: name}
		for i := range n {
			it.IDs = append(it.IDs, fmt.Sprint(name, i))
		}
		for j, a := range arms {
			for _, sd := range s.Seeds {
				marks, right := make([]byte, n), 0
				for i := range marks {
					marks[i] = '0'
					if key.Sub(uint64(b)).Sub(uint64(j*10+sd)).Float(uint64(i)) < .5+.02*float64(j) {
						marks[i], right = '1', right+1
					}
				}
				it.Outcomes = append(it.Outcomes, result.Outcome{Arm: a, Seed: sd, Marks: string(marks)})
				s.Cells = append(s.Cells, result.Cell{Arm: a, Seed: sd, Benchmark: name, N: n, Correct: right, Accuracy: result.Num(float64(right) / float64(n)),
					Strict: result.NaN(), Flexible: result.NaN(), PassAtK: result.NaN(), Status: result.Done})
			}
		}
		s.Items = append(s.Items, it)
	}
	evidence(s, key, text)
	d := finding.Design{Scope: "both", Level: .95, Alpha: .05, Margin: .01, Baselines: []string{"sft", "dpo"}, Strata: "size", Resamples: 5, Seed: 1,
		Pool:   arms[1:],
		Claims: []finding.Claim{{ID: "c1", Text: text, Test: "full > dpo"}, {ID: "c2", Text: "same", Test: "random ~ shuffled"}},
		Roles: finding.Roles{SFT: "sft", DPO: "dpo", Full: "full", MineOnly: "mine-only", WtOnly: "wt-only", Random: "random", Shuffled: "shuffled", RFT: "rft",
			Noise: []finding.Dose{{Arm: "noisy-0.5", Sigma: .5}, {Arm: "noisy-1", Sigma: 1}}},
		Correlations: []string{"wrongness", "absurdity"}}
	r, err := finding.From(d, s)
	if err != nil {
		t.Fatal(err)
	}
	r.Apply(s)
	return s
}

func evidence(s *result.Set, key seed.Key, text string) {
	for _, sd := range s.Seeds {
		p := result.Probe{Seed: sd, Data: "probe"}
		for i := range 60 {
			x := key.Sub(99).Sub(uint64(sd)).Float(uint64(i))
			p.Problems = append(p.Problems, fmt.Sprint("p", i))
			p.WProc, p.WNone, p.Absurdity = append(p.WProc, result.Num(x)), append(p.WNone, result.Num(x*x)), append(p.Absurdity, result.Num(x/2))
			p.Pass, p.Scored, p.Others = append(p.Pass, result.Num(math.Round(4*(1-x))/4)), append(p.Scored, 4), append(p.Others, 4)
		}
		s.Probe = append(s.Probe, p)
		for _, a := range s.Arms[1:] {
			tr := result.Training{Arm: a.Name, Seed: sd, Loss: "sigmoid", Steps: 20, Pairs: 300, DivergedAt: -1, Status: result.Done, ESS: 250, MeanW: 1}
			for k := range 20 {
				tr.Curve.Step = append(tr.Curve.Step, k+1)
				tr.Curve.Loss = append(tr.Curve.Loss, result.Num(.69-.01*float64(k)))
				tr.Curve.Margin = append(tr.Curve.Margin, result.Num(.02*float64(k)))
				tr.Curve.GradNorm = append(tr.Curve.GradNorm, result.Num(3-.1*float64(k)))
			}
			tr.Weights = result.Histogram{Edges: []float64{.2, 1, 5}, Counts: []int{100, 200}}
			s.Training = append(s.Training, tr)
		}
	}
	s.Examples.Items = []result.ItemExample{{Benchmark: "arith", Item: "x", Seed: 1, Arm: "full", Baseline: "dpo", Won: true, Question: text, Gold: text, ArmText: text, BaseText: text, ArmAnswer: text, BaseAnsw: text}}
	s.Examples.Pairs = []result.PairExample{{Arm: "full", Seed: 1, Question: text, Chosen: text, Rejected: "head " + text + " tail", Negative: text,
		Findings: []result.Mark{{Code: "arith", Dim: "sym", Severity: .8, Start: 5, End: 5 + len(text), Note: text}}}}
	s.Prov = result.Provenance{Commit: text, Version: text, SpecHash: "ab", DeviceClass: "cpu", Data: []result.Digest{{Name: text, Digest: text, Note: text}}, TasksTotal: 3, TasksDone: 3}
	s.Spec = []byte(fmt.Sprintf("{\"about\":%q}", text))
}

func render(t *testing.T, s *result.Set) string {
	t.Helper()
	r, err := chart.NewRenderer()
	if err != nil {
		t.Fatal(err)
	}
	var figs []Figure
	for _, c := range chart.Figures(s) {
		svg, err := r.SVG(c)
		if err != nil {
			t.Fatal(err)
		}
		figs = append(figs, Figure{c, svg})
	}
	var b bytes.Buffer
	if err := Write(&b, Input{Set: s, Figures: figs, Methods: []string{s.About}, Notices: []string{s.About}, Times: table.Table{}}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// plain is the page of world with a plain sentence, drawn once for all tests.
var plain struct {
	sync.Once
	set  *result.Set
	html string
}

func plainPage(t *testing.T) (*result.Set, string) {
	t.Helper()
	plain.Do(func() {
		plain.set = world(t, "a plain sentence")
		plain.html = render(t, plain.set)
	})
	if plain.html == "" {
		t.Fatal("the page was not drawn")
	}
	return plain.set, plain.html
}

func TestPageIsCompleteOfflineAndSmall(t *testing.T) {
	_, html := plainPage(t)
	if dir := os.Getenv("PAGE_OUT"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, "index.html"), []byte(html), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"claims", "results", "ablations", "signal", "verifier", "items", "training", "cost", "methods", "provenance"} {
		if !strings.Contains(html, `<section id="`+id+`"`) {
			t.Errorf("no section %s", id)
		}
	}
	for _, id := range []string{"delta-dpo", "accuracy", "factorial-arith", "noise", "signal", "training-margin", "weights"} {
		if !strings.Contains(html, `data-chart="`+id+`"`) {
			t.Errorf("no figure %s", id)
		}
	}
	if m := regexp.MustCompile(`(?:src|href)\s*=\s*["']?(?:https?:)?//`).FindString(html); m != "" {
		t.Errorf("an outside address: %s", m)
	}
	if n := len(html); n > 1_500_000 {
		t.Errorf("%d bytes, more than 1.5 MB", n)
	}
	if a, b := strings.Count(html, "<section"), strings.Count(html, "</section>"); a != b {
		t.Errorf("%d sections open, %d close", a, b)
	}
}

// hostile are texts that must be shown as text wherever they stand.
func hostile() []string {
	out := []string{
		"</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", `"><svg onload=alert(1)>`, "'><b>x</b>", "<!--", "-->", "]]>", "{{.}}", "${x}", "`x`",
		"javascript:alert(1)", "<style>*{display:none}</style>", "</pre><h1>x</h1>", "</title>", "</textarea>", "<iframe src=//x>", "&lt;script&gt;", "&amp;&quot;", "<a href='javascript:x'>x</a>",
		`\begin{document}`, `\input{/etc/passwd}`, "100% & $5_x^2~#{}", "\u202Ereversed", "\u2066isolated\u2069", "שלום עולם", "مرحبا", "\x00\x01\x02", "\ufeffbom", "\u2028line", "a\tb\nc\r\nd",
		"| pipe | in | table |", "**bold** _x_", "<math><mi//xlink:href=\"data:x,<script>alert(1)</script>\">", "<base href=//x>", "<meta http-equiv=refresh content=0>", "<form action=//x>", "<object data=x>",
		"<embed src=x>", "<link rel=stylesheet href=//x>", "<body onload=x>", "expression(alert(1))", "url(javascript:x)", "</style><script>x</script>", "\\u003cscript\\u003e", "%3Cscript%3E", "<ScRiPt>x</sCrIpT>",
		"<svg><script>x</script></svg>", "<template><script>x</script></template>", "‮‮‮", "́́́zalgo",
	}
	return append(out, strings.Repeat("x<", 50_000))
}

func TestHostileTextStaysText(t *testing.T) {
	t.Parallel()
	texts := hostile()
	if len(texts) < 50 {
		t.Fatalf("only %d payloads", len(texts))
	}
	base, page := plainPage(t)
	plain := tags(page)
	plainHead, _, _ := strings.Cut(page, "<script>")
	for _, text := range texts {
		s := *base // findings are computed once: they do not depend on texts
		s.About, s.Probe, s.Training, s.Findings = text, nil, nil, slices.Clone(base.Findings)
		evidence(&s, 1, text)
		for i := range s.Findings {
			if s.Findings[i].Text != "" {
				s.Findings[i].Text = text
			}
		}
		var b bytes.Buffer
		if err := Write(&b, Input{Set: &s, Methods: []string{text}, Notices: []string{text}}); err != nil {
			t.Fatal(err)
		}
		got := tags(b.String())
		for tag, n := range got {
			if n > plain[tag] && tag != "details" && tag != "summary" && tag != "mark" {
				t.Errorf("%.40q brought %d %q elements, a plain text %d", text, n, tag, plain[tag])
			}
		}
		head, _, _ := strings.Cut(b.String(), "<script>")
		if strings.Contains(text, "<") && len(text) < 200 && strings.Count(head, text) > strings.Count(plainHead, text) {
			t.Errorf("%.40q stands raw in the page", text)
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
