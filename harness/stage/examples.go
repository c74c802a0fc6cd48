package stage

import (
	"cmp"
	"path/filepath"
	"slices"

	"hardneg/ablations/pair"
	"hardneg/reports/result"
)

// longestText bounds the texts that a report carries.
const longestText = 8000

// examples takes texts for people: items that full won and lost against dpo
// (or the last trained arm against the first baseline), and mined pairs.
func (c *collector) examples() error {
	arm, base := c.contrast()
	limit := c.spec.Outputs.Examples
	if arm != "" && base != "" {
		for _, won := range []bool{true, false} {
			c.itemExamples(arm, base, won, limit)
		}
	}
	return c.pairExamples(limit)
}

// contrast names the arms whose items are compared.
func (c *collector) contrast() (arm, base string) {
	has := map[string]bool{}
	for _, a := range c.set.Arms {
		has[a.Name] = true
		if a.Trained {
			arm = a.Name
		}
	}
	if has["full"] {
		arm = "full"
	}
	for _, b := range append([]string{"dpo"}, c.spec.Analysis.Baselines...) {
		if has[b] && b != arm {
			return arm, b
		}
	}
	return arm, ""
}

func (c *collector) itemExamples(arm, base string, won bool, limit int) {
	n := 0
	for _, seed := range c.set.Seeds {
		x, y := c.evals[cellKey(arm, seed)], c.evals[cellKey(base, seed)]
		for i := range min(len(x), len(y)) {
			a, b := x[i], y[i]
			if n == limit || a.ID != b.ID || a.K != 0 || b.K != 0 {
				continue
			}
			if a.Flexible.Right == b.Flexible.Right || a.Flexible.Right != won {
				continue
			}
			n++
			e := result.ItemExample{Benchmark: a.Benchmark, Item: a.ID, Seed: seed, Arm: arm, Baseline: base, Won: won,
				ArmText: bound(a.Response), BaseText: bound(b.Response), ArmAnswer: bound(a.Flexible.Answer), BaseAnsw: bound(b.Flexible.Answer)}
			for _, p := range c.probs[a.Benchmark] {
				if p.ID == a.ID {
					e.Question, e.Gold, e.Level = bound(p.Question), bound(p.Answer), p.Level
				}
			}
			c.set.Examples.Items = append(c.set.Examples.Items, e)
		}
	}
}

// pairExamples takes full's pairs of the first seed, those of greatest and
// least weight alternating, with the verifier's findings on the rejected side.
func (c *collector) pairExamples(limit int) error {
	for _, seed := range c.set.Seeds {
		t, ok := c.task("train", "full", seed)
		if !ok {
			return nil
		}
		w, ok := c.input(t, "pairs")
		dir, ok := c.dir(w, ok)
		st, sok := c.task("score", "full", seed)
		sdir, sok := c.dir(st, sok)
		if !ok || !sok {
			continue
		}
		pairs, err := readRows[pair.Pair](filepath.Join(dir, "pairs.jsonl"))
		if err != nil {
			return err
		}
		rows, err := readRows[pair.Scored](filepath.Join(sdir, "scores.jsonl"))
		if err != nil {
			return err
		}
		by := map[string]pair.Scored{}
		for _, r := range rows {
			by[r.ID] = r
		}
		for _, p := range spreadByWeight(pairs, limit/2) {
			c.set.Examples.Pairs = append(c.set.Examples.Pairs, pairExample(p, by[p.RejectID], seed))
		}
		return nil
	}
	return nil
}

// spreadByWeight takes n pairs evenly from the order of weights, heaviest first.
func spreadByWeight(pairs []pair.Pair, n int) []pair.Pair {
	order := slices.Clone(pairs)
	slices.SortStableFunc(order, func(a, b pair.Pair) int { return cmp.Compare(b.Weight, a.Weight) })
	if len(order) <= n {
		return order
	}
	var out []pair.Pair
	for i := range n {
		out = append(out, order[i*(len(order)-1)/max(1, n-1)])
	}
	return out
}

func pairExample(p pair.Pair, r pair.Scored, seed int) result.PairExample {
	return result.PairExample{Arm: "full", Seed: seed, Question: bound(p.Prompt), Chosen: bound(p.Chosen), Rejected: bound(p.Rejected),
		Weight: result.Num(p.Weight), Negative: p.Negative, Wrongness: result.Num(p.Wrejected), Absurdity: result.Num(p.Absurdity), Closeness: result.Num(p.Closeness),
		Dims: dims(r.Profile), Findings: marks(r.Findings)}
}

// dims is a profile by name.
func dims(p pair.Profile) map[string]result.Num {
	out := map[string]result.Num{}
	for d, name := range pair.Dims {
		out[name] = result.Num(p.At(d))
	}
	return out
}

// marks are findings for people.
func marks(fs []pair.Finding) []result.Mark {
	out := []result.Mark{}
	for _, f := range fs {
		out = append(out, result.Mark{Code: f.Code, Dim: f.Dim, Severity: result.Num(f.Severity), Step: f.Step, Start: f.Start, End: f.End, Note: bound(f.Note)})
	}
	return out
}

// bound cuts a text, never inside a code point.
func bound(s string) string {
	if len(s) <= longestText {
		return s
	}
	cut := longestText
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + "…"
}
