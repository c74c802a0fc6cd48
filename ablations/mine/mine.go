// Package mine turns scored candidates into preference pairs.
//
// Candidates of one prompt are split by the gate (answer equal to gold or not,
// never by a score). The chosen side is the least wrong right sample; the
// rejected sides are near-correct but flawed wrong samples: closeness at least
// closeness_min, absurdity at most absurdity_max, ranked by the hard score.
//
// The mining ablations keep prompts, chosen sides and the number of pairs per
// prompt and change only which wrong samples are rejected: random, easy
// (lowest hard score) or all (then the number of pairs differs).
package mine

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"hardneg/ablations/pair"
	"hardneg/fixtures/seed"
)

// Settings is the mine stage of a spec.
type Settings struct {
	Negatives    string  `json:"negatives"` // hard, random, easy, all
	PerPrompt    int     `json:"per_prompt"`
	MaxPairs     int     `json:"max_pairs"` // 0 = no limit
	ClosenessMin float64 `json:"closeness_min"`
	AbsurdityMax float64 `json:"absurdity_max"`
	Chosen       string  `json:"chosen"`   // best, random, reference
	Fallback     string  `json:"fallback"` // reference, skip
	Fill         bool    `json:"fill"`
	FlawedRight  bool    `json:"flawed_right"`
	GateNoise    float64 `json:"gate_noise"`
	Use          string  `json:"use"` // which wrongness ranks: proc, none
}

// Stats counts what mining met.
type Stats struct {
	Prompts    int            `json:"prompts"`
	Candidates int            `json:"candidates"`
	Duplicates int            `json:"duplicates"`
	Right      int            `json:"right"`       // candidates
	NoWrong    int            `json:"no_wrong"`    // prompts whose samples are all right: no pair
	NoRight    int            `json:"no_right"`    // prompts without a right sample
	Pairs      int            `json:"pairs"`       // after caps
	ByNegative map[string]int `json:"by_negative"` // how each rejected side was picked
}

// Apply mines pairs from rows, whose prompts stand together, in the order of rows.
func Apply(rows []pair.Scored, s Settings, key seed.Key) ([]pair.Pair, Stats, error) {
	if !slices.Contains([]string{"hard", "random", "easy", "all"}, s.Negatives) {
		return nil, Stats{}, fmt.Errorf("mine.negatives %q is unknown (hard, random, easy, all)", s.Negatives)
	}
	st := Stats{ByNegative: map[string]int{}, Candidates: len(rows)}
	var out []pair.Pair
	for lo := 0; lo < len(rows); {
		hi := lo + 1
		for hi < len(rows) && rows[hi].PromptID == rows[lo].PromptID {
			hi++
		}
		out = append(out, prompt(rows[lo:hi], s, key, &st)...)
		lo = hi
	}
	out = subsample(out, s.MaxPairs, key)
	st.Pairs = len(out)
	for _, p := range out {
		st.ByNegative[p.Negative]++
	}
	return out, st, nil
}

// prompt mines one prompt's samples.
func prompt(group []pair.Scored, s Settings, key seed.Key, st *Stats) []pair.Pair {
	st.Prompts++
	distinct := dedupe(group)
	st.Duplicates += len(group) - len(distinct)
	var right, wrong []pair.Scored
	for _, r := range distinct {
		ok := r.Correct
		if s.GateNoise > 0 && seed.Derive(uint64(key), "mine", "gate", r.ID).Float(0) < s.GateNoise {
			ok = !ok
		}
		if ok {
			right = append(right, r)
		} else {
			wrong = append(wrong, r)
		}
	}
	st.Right += len(right)
	if len(right) == 0 {
		st.NoRight++
	}
	flawed := s.flawed(right)
	if len(wrong)+len(flawed) == 0 {
		st.NoWrong++
		return nil
	}
	chosen, ok := s.choose(right, group[0], key)
	if !ok {
		return nil
	}
	var ps []pair.Pair
	for _, n := range append(s.reject(wrong, key), flawed...) {
		if n.r.Solution == chosen.Solution || (s.PerPrompt > 0 && s.Negatives != "all" && len(ps) == s.PerPrompt) {
			continue
		}
		ps = append(ps, s.pair(chosen, n))
	}
	return ps
}

// negative is a rejected side and how it was picked.
type negative struct {
	r   pair.Scored
	how string
}

func (s Settings) flawed(right []pair.Scored) (out []negative) {
	if !s.FlawedRight {
		return nil
	}
	for _, r := range right {
		if max(r.Profile.Sym, r.Profile.Logic, r.Profile.Order) >= .5 {
			out = append(out, negative{r, "flawed"})
		}
	}
	return out
}

// wrongness is the W that mining reads.
func (s Settings) wrongness(r pair.Scored) float64 {
	if s.Use == "none" {
		return r.WrongnessNone
	}
	return r.WrongnessProc
}

// choose picks the chosen side: the least (W, A, distance from the median
// length, index) of the right samples, or the reference where there is none.
func (s Settings) choose(right []pair.Scored, any pair.Scored, key seed.Key) (pair.Scored, bool) {
	ref := any
	ref.ID, ref.K, ref.Solution = any.PromptID+"-ref", -1, any.Reference
	ref.WrongnessProc, ref.WrongnessNone, ref.Absurdity, ref.Correct = 0, 0, 0, true
	switch {
	case s.Chosen == "reference":
		return ref, any.Reference != ""
	case len(right) == 0:
		return ref, s.Fallback == "reference" && any.Reference != ""
	case s.Chosen == "random":
		k := seed.Derive(uint64(key), "mine", "chosen", any.PromptID)
		return right[k.Index(0, len(right))], true
	}
	var lens []int
	for _, r := range right {
		lens = append(lens, len(r.Solution))
	}
	slices.Sort(lens)
	med := float64(lens[(len(lens)-1)/2]+lens[len(lens)/2]) / 2
	return slices.MinFunc(right, func(a, b pair.Scored) int {
		return cmp.Or(cmp.Compare(s.wrongness(a), s.wrongness(b)), cmp.Compare(a.Absurdity, b.Absurdity),
			cmp.Compare(math.Abs(float64(len(a.Solution))-med), math.Abs(float64(len(b.Solution))-med)), cmp.Compare(a.K, b.K))
	}), true
}

// reject picks the rejected sides among the wrong samples. Every scheme but
// "all" picks as many as "hard" would, so the arms differ in which, not in how many.
func (s Settings) reject(wrong []pair.Scored, key seed.Key) []negative {
	byHard := slices.Clone(wrong)
	slices.SortStableFunc(byHard, func(a, b pair.Scored) int {
		return cmp.Or(cmp.Compare(hard(b), hard(a)), cmp.Compare(a.K, b.K))
	})
	picks := s.hardest(byHard)
	switch n := len(picks); s.Negatives {
	case "random":
		picks = nil
		order := slices.Clone(wrong)
		draw := func(r pair.Scored) uint64 { return uint64(seed.Derive(uint64(key), "mine", "random", r.ID)) }
		slices.SortFunc(order, func(a, b pair.Scored) int { return cmp.Compare(draw(a), draw(b)) })
		for _, r := range order[:n] {
			picks = append(picks, negative{r, "random"})
		}
	case "easy":
		picks = nil
		slices.Reverse(byHard)
		for _, r := range byHard[:n] {
			picks = append(picks, negative{r, "easy"})
		}
	case "all":
		picks = nil
		for _, r := range wrong {
			picks = append(picks, negative{r, "all"})
		}
	}
	return picks
}

// hardest takes candidates inside the window, best first, one per (answer,
// relation); where that leaves fewer than per_prompt, fill takes the next best.
func (s Settings) hardest(byHard []pair.Scored) []negative {
	var picks []negative
	seen, used := map[string]bool{}, map[string]bool{}
	full := func() bool { return s.PerPrompt > 0 && len(picks) >= s.PerPrompt }
	for _, r := range byHard {
		if full() || r.Closeness == nil || *r.Closeness < s.ClosenessMin || r.Absurdity > s.AbsurdityMax {
			continue
		}
		ar := answer(r) + "\x00" + r.Relation
		if seen[ar] {
			continue
		}
		seen[ar], used[r.ID] = true, true
		picks = append(picks, negative{r, "hard"})
	}
	for _, r := range byHard {
		if s.Fill && !full() && !used[r.ID] {
			picks = append(picks, negative{r, "fill"})
		}
	}
	return picks
}

func (s Settings) pair(chosen pair.Scored, n negative) pair.Pair {
	p := pair.Pair{
		ID: n.r.ID, PromptID: n.r.PromptID, Prompt: n.r.Question,
		Chosen: chosen.Solution, Rejected: n.r.Solution, Weight: 1, Negative: n.how,
		ChosenID: chosen.ID, RejectID: n.r.ID,
		Wchosen: s.wrongness(chosen), Wrejected: s.wrongness(n.r),
		Absurdity: n.r.Absurdity, HardScore: hard(n.r), Relation: n.r.Relation,
	}
	if n.r.Closeness != nil {
		p.Closeness = *n.r.Closeness
	}
	return p
}

func hard(r pair.Scored) float64 {
	if r.HardScore == nil {
		return 0
	}
	return *r.HardScore
}

func answer(r pair.Scored) string {
	if r.Answer == nil {
		return ""
	}
	return *r.Answer
}

// subsample keeps max pairs, those with the least hash, in their old order.
func subsample(ps []pair.Pair, max int, key seed.Key) []pair.Pair {
	if max <= 0 || len(ps) <= max {
		return ps
	}
	rank := slices.Clone(ps)
	draw := func(p pair.Pair) uint64 {
		return uint64(seed.Derive(uint64(key), "mine", "max_pairs", p.PromptID, p.ID))
	}
	slices.SortFunc(rank, func(a, b pair.Pair) int { return cmp.Compare(draw(a), draw(b)) })
	keep := map[string]bool{}
	for _, p := range rank[:max] {
		keep[p.ID] = true
	}
	return slices.DeleteFunc(slices.Clone(ps), func(p pair.Pair) bool { return !keep[p.ID] })
}

var (
	notes = regexp.MustCompile(`<<[^>]*>>`)
	exprs = regexp.MustCompile(`[0-9.,()+*/ -]*[0-9)] *=`)
)

// dedupe drops samples that say the same: equal after folding spaces, case and
// calculator notes, or with the same answer from the same multiset of expressions.
func dedupe(group []pair.Scored) []pair.Scored {
	seen := map[string]bool{}
	var out []pair.Scored
	for _, r := range group {
		text := strings.ToLower(strings.Join(strings.Fields(notes.ReplaceAllString(r.Solution, "")), " "))
		es := exprs.FindAllString(text, -1)
		for i := range es {
			es[i] = strings.ReplaceAll(es[i], " ", "")
		}
		slices.Sort(es)
		sig := "e\x00" + answer(r) + "\x00" + strings.Join(es, "\x00")
		if seen["t\x00"+text] || len(es) > 0 && seen[sig] {
			continue
		}
		seen["t\x00"+text], seen[sig] = true, true
		out = append(out, r)
	}
	return out
}
