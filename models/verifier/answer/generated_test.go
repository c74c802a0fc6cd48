package answer

import (
	"bufio"
	"encoding/json"
	"os"
	"sort"
	"strings"
	"testing"

	"hardneg/fixtures/seed"
)

// templates wrap an answer in a response; %s is the answer, bare or in
// dollars. Each starts from working that holds other numbers.
func (g *gen) response(answer string) string {
	a, b := g.n(2, 30), g.n(2, 30)
	work := g.pick(
		sp("There are %d bags with %d nuts each, so %d \\times %d = %d.\n", a, b, a, b, a*b),
		sp("Let $n$ be the number. Then $n + %d = %d$, so $n = %d$. ", a, a+b, b),
		sp("Step 1: we have %d.\nStep 2: we add %d and get %d.\n", a, b, a+b),
		sp("She pays $%d for the first and $%d for the second. ", a, b))
	bare := !strings.ContainsAny(answer, `\^_$`)
	math := "$" + answer + "$"
	if strings.Contains(answer, "$") && !strings.Contains(answer, `\$`) {
		math = answer
	}
	if bare && g.n(0, 1) == 0 {
		math = answer
	}
	tail := g.pick("", "", "", " I hope this helps!", "\n\nLet me know if you need more.", " This completes the solution.")
	switch g.n(0, 9) {
	case 0:
		return work + `The final answer is $\boxed{` + answer + `}$.` + tail
	case 1:
		return work + "So\n\\[\\boxed{" + answer + "}\\]" + tail
	case 2:
		return work + sp(`It is not $\boxed{%d}$, but $\boxed{%s}$.`, a+b+1, answer) + tail
	case 3:
		return work + "#### " + answer
	case 4:
		return work + "The answer is: " + answer
	case 5:
		return work + "Therefore, the answer is " + math + "." + tail
	case 6:
		return work + "\n\n**Answer:** " + math + tail
	case 7:
		return work + "\nFinal Answer: The final answer is " + math + ". I hope it is correct."
	case 8:
		return sp(`<think>%s Perhaps \boxed{%d}.</think>`, work, a) + "\nThe result is \\boxed{" + answer + "}." + tail
	}
	return work + "\nAnswer: " + math
}

// makePairs generates n pairs of every category from a seed, and as many
// responses over all of them. Golds are as published sets write them.
func makePairs(root uint64, n int) []made {
	cats := categories()
	names := make([]string, 0, len(cats))
	for name := range cats {
		names = append(names, name)
	}
	sort.Strings(names)
	var out []made
	for _, name := range names {
		g := &gen{key: seed.Derive(root, "answer-pairs", name)}
		for range n {
			out = append(out, cats[name](g).choose(g, name))
		}
	}
	g := &gen{key: seed.Derive(root, "answer-pairs", "response")}
	for i := range 6 * n {
		name := names[i%len(names)]
		m := cats[name](g).choose(g, name)
		if strings.Contains(m.cand, "boxed") || strings.HasSuffix(m.cand, ".") || strings.Contains(m.cand, "**") {
			continue
		}
		m.sub, m.category = name, "response"
		m.cand = g.response(strings.Trim(strings.TrimSpace(m.cand), "$"))
		if strings.Contains(m.sub, "currency") || strings.Count(m.cand, "$")%2 == 1 {
			m.extended = true
		}
		out = append(out, m)
	}
	return out
}

// TestGenerated measures agreement with the intended truth over generated
// pairs of every category. HARDNEG_PAIRS=FILE writes the pairs, for a
// comparison with another grader.
func TestGenerated(t *testing.T) {
	n := 150
	pairs := makePairs(20, n)
	if path := os.Getenv("HARDNEG_PAIRS"); path != "" {
		writePairs(t, path, pairs)
	}
	type tally struct{ n, right, falseAccept int }
	by := map[string]*tally{}
	shown := 0
	for _, m := range pairs {
		p := pairRow{Mode: "answer", Gold: m.gold, Candidate: m.cand}
		if m.category == "response" {
			p.Mode = "response"
		}
		v := judge(p)
		tier := "core"
		if m.extended {
			tier = "extended"
		}
		for _, name := range []string{tier, tier + " " + m.category} {
			if by[name] == nil {
				by[name] = &tally{}
			}
			by[name].n++
			if v.Equal == m.truth {
				by[name].right++
			} else if v.Equal {
				by[name].falseAccept++
			}
		}
		if v.Equal != m.truth {
			if shown++; shown <= 400 {
				t.Logf("%s %s %s: truth %v\n  gold %q\n  cand %q\n  %+v", tier, m.category, m.sub, m.truth, m.gold, m.cand, v)
			}
		}
	}
	names := make([]string, 0, len(by))
	for n := range by {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		b := by[n]
		t.Logf("%-26s n %4d  right %7.3f%%  false accepts %d", n, b.n, 100*float64(b.right)/float64(b.n), b.falseAccept)
	}
	for tier, bar := range map[string][2]float64{"core": {.995, .001}, "extended": {.95, .002}} {
		b := by[tier]
		if float64(b.right) < bar[0]*float64(b.n) || float64(b.falseAccept) > bar[1]*float64(b.n) {
			t.Errorf("%s: %+v, want %v right and at most %v false accepts", tier, *b, bar[0], bar[1])
		}
	}
}

func writePairs(t *testing.T, path string, pairs []made) {
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for i, m := range pairs {
		mode := "answer"
		if m.category == "response" {
			mode = "response"
		}
		row := map[string]any{"id": sp("g%06d", i), "mode": mode, "gold": m.gold, "candidate": m.cand, "category": m.category, "sub": m.sub, "truth": m.truth, "extended": m.extended}
		if err := e.Encode(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}
