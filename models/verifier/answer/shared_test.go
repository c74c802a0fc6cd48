package answer

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

// shared opens a file of the shared data folder, or skips the test.
func shared(t testing.TB, name string) io.Reader {
	dir := os.Getenv("HARDNEG_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared")
	}
	data, err := os.ReadFile(filepath.Join(dir, "data", name))
	if err != nil {
		t.Skipf("no shared data (%v); set HARDNEG_SHARED to the folder that holds data/%s", err, name)
	}
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	return bytes.NewReader(data)
}

// rows decodes JSON lines.
func rows[T any](t testing.TB, r io.Reader) []T {
	var out []T
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		var v T
		if err := json.Unmarshal(sc.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

type keyRow struct {
	ID, Category, Subtype, Tier string
	Truth                       bool
}

type pairRow struct{ ID, Mode, Gold, Candidate string }

// judge grades one pair in its mode.
func judge(p pairRow) Verdict {
	text := p.Candidate
	if p.Mode == "response" {
		text, _, _ = Extract(text, false)
	}
	return Equal(p.Gold, text)
}

// TestSharedPairs measures the generated pairs of the shared data folder.
func TestSharedPairs(t *testing.T) {
	key := map[string]keyRow{}
	for _, r := range rows[keyRow](t, shared(t, "answers/key.jsonl")) {
		key[r.ID] = r
	}
	type tally struct{ n, right, falseAccept int }
	by := map[string]*tally{}
	for _, p := range rows[pairRow](t, shared(t, "answers/pairs.jsonl")) {
		r := key[p.ID]
		for _, name := range []string{r.Tier + " (all)", r.Tier + " " + r.Category} {
			if by[name] == nil {
				by[name] = &tally{}
			}
		}
		v := judge(p)
		for _, name := range []string{r.Tier + " (all)", r.Tier + " " + r.Category} {
			by[name].n++
			if v.Equal == r.Truth {
				by[name].right++
			} else if v.Equal {
				by[name].falseAccept++
			}
		}
		if v.Equal != r.Truth {
			t.Logf("%s %s/%s: truth %v\n  gold %q\n  cand %q\n  %+v", r.Tier, r.Category, r.Subtype, r.Truth, p.Gold, p.Candidate, v)
		}
	}
	names := make([]string, 0, len(by))
	for n := range by {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		b := by[n]
		t.Logf("%-34s n %4d  right %7.3f%%  false accepts %d", n, b.n, 100*float64(b.right)/float64(b.n), b.falseAccept)
	}
	core := by["core (all)"]
	if float64(core.right) < .995*float64(core.n) || float64(core.falseAccept) > .001*float64(core.n) {
		t.Errorf("core: %+v, want 99.5%% right and at most 0.1%% false accepts", *core)
	}
}

type mathRow struct {
	Idx         int
	FinalAnswer string `json:"final_answer"`
	Target      string
}

// mutations changes one digit of an answer, each digit in turn, to the next.
func mutations(s string) []string {
	var out []string
	for i := range len(s) {
		if isDigit(s[i]) {
			out = append(out, s[:i]+string('0'+(s[i]-'0'+1)%10)+s[i+1:])
		}
	}
	return out
}

// TestSharedMath takes the golds of MATH: each equals itself in another
// layout, and an answer with one digit changed is refused.
func TestSharedMath(t *testing.T) {
	relayout := strings.NewReplacer(`\frac`, `\dfrac`, `\left`, "", `\right`, "", "+", " + ", `\tfrac`, `\frac`)
	self, selfBad, unread, mut, mutBad, target, targetBad := 0, 0, 0, 0, 0, 0, 0
	for _, r := range rows[mathRow](t, shared(t, "math/train_answers.jsonl.gz")) {
		g := r.FinalAnswer
		if _, err := parse(tidy(g), commaTop); err != "" {
			unread++
			t.Logf("not read: %q: %s", g, err)
		}
		self++
		if c := `\boxed{` + relayout.Replace(strings.ReplaceAll(strings.ReplaceAll(g, `{,}`, ","), `,\!`, ",")) + `}`; !judge(pairRow{Mode: "response", Gold: g, Candidate: c}).Equal {
			selfBad++
			t.Logf("self: %q against %q: %+v", g, c, Equal(g, c[7:len(c)-1]))
		}
		target++
		if !Equal(g, r.Target).Equal {
			targetBad++
			t.Logf("target: %q against %q", g, r.Target)
		}
		for _, m := range mutations(g) {
			mut++
			if v := Equal(g, m); v.Equal {
				mutBad++
				t.Logf("mutation accepted: %q against %q %s", g, m, v.Method)
			}
		}
	}
	t.Logf("self %d, refused %d; not parsed %d; targets %d, refused %d; mutations %d, accepted %d (%.3f%%)",
		self, selfBad, unread, target, targetBad, mut, mutBad, 100*float64(mutBad)/float64(mut))
	if float64(selfBad) > .001*float64(self) {
		t.Errorf("%d of %d golds differ from themselves in another layout", selfBad, self)
	}
	if float64(mutBad) > .003*float64(mut) {
		t.Errorf("%d of %d mutations accepted", mutBad, mut)
	}
}

type gradedRow struct {
	GT, Pred string
	Score    bool
}

// TestSharedGraded counts disagreements with the published verdicts of model
// answers; those are themselves not always right, so they are listed.
func TestSharedGraded(t *testing.T) {
	n, bad := 0, 0
	for _, r := range rows[gradedRow](t, shared(t, "answers/graded_pairs.jsonl.gz")) {
		n++
		if v := Equal(r.GT, r.Pred); v.Equal != r.Score {
			bad++
			t.Logf("published %v: %q against %q: %s %s", r.Score, r.GT, r.Pred, v.Method, v.Err)
		}
	}
	t.Logf("%d pairs, %d disagreements", n, bad)
	if float64(bad) > .015*float64(n) {
		t.Errorf("%d of %d disagree", bad, n)
	}
}

// TestSharedMetamorphic asks for the same verdict when gold and candidate
// change places, and when the candidate stands in a response of any form.
func TestSharedMetamorphic(t *testing.T) {
	forms := []string{
		"First, 3 items cost $2 each.\nSo $\\boxed{%s}$.", "Guess $\\boxed{36}$. No: the value is $\\boxed{%s}$. Let me know if you have any questions.",
		"Hence\n\\[\\boxed{%s}\\] This completes the solution.", "So $n = \\boxed{%s}$.", "Thus we need $\\boxed{%s}$ \\text{units} in all.",
		"In total 3 \\times 4 = 12.\n#### %s", "Adding 3 and 4 we obtain 7. The answer is: %s", "Answer: $%s$", "\n\n**Answer:** $%s$ This completes the solution.",
		"Final Answer: The final answer is $%s$. I hope it is correct.\n\nI hope this helps!", "so 7. The answer is $%s$. Let me know if you have any questions.",
		"<think>Maybe \\boxed{9}? No.</think>\nThe final answer is \\boxed{%s}.", "\nAnswer: %s\n\nI hope this helps!", "The answer is %s.", "**Answer:** %s This completes the solution.",
	}
	n, bad, swapped := 0, 0, 0
	for _, p := range rows[pairRow](t, shared(t, "answers/pairs.jsonl")) {
		if p.Mode != "answer" {
			continue
		}
		v := Equal(p.Gold, p.Candidate)
		if w := Equal(p.Candidate, p.Gold); w.Equal != v.Equal {
			swapped++
			t.Logf("swap: %q, %q: %v", p.Gold, p.Candidate, v.Equal)
		}
		for i, form := range forms {
			if strings.Contains(form, "$%s$") && strings.Contains(strings.ReplaceAll(p.Candidate, `\$`, ""), "$") {
				continue
			}
			n++
			text, rule, _ := Extract(strings.Replace(form, "%s", p.Candidate, 1), false)
			if w := Equal(p.Gold, text); w.Equal != v.Equal {
				if bad++; bad < 200 {
					t.Logf("form %d: %q, %q: extracted %q by %s", i, p.Gold, p.Candidate, text, rule)
				}
			}
		}
	}
	t.Logf("%d responses, %d verdicts moved; %d swaps", n, bad, swapped)
	if float64(bad) > .002*float64(n) || swapped > 3 {
		t.Errorf("%d of %d verdicts moved by wrapping, %d by swapping", bad, n, swapped)
	}
}
