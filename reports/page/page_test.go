package page

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"hardneg/reports/chart"
	"hardneg/reports/page/pagetest"
	"hardneg/reports/result"
	"hardneg/reports/table"
)

// world is a small run with every part of the report filled.
func world(t testing.TB, text string) *result.Set {
	t.Helper()
	s, err := pagetest.World(text, pagetest.Small())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// commands make a run again; their characters mean something to HTML.
const commands = "git checkout abc1\n./hardneg run x.yaml --set 'about=<b>&amp;'\n"

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
	in := Input{Set: s, Figures: figs, Methods: []string{s.About}, Notices: []string{s.About}, Times: table.Table{}, Reproduce: commands, Verified: &Verification{Command: "hardneg verify world"}}
	if err := Write(&b, in); err != nil {
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
