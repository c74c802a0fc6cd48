// Package score replaces the verifier's profiles by the controls of an
// ablation: noisy, shuffled, random, or one dimension dropped.
//
// Scored candidates enter as the verifier left them and leave with profile,
// wrongness, absurdity, closeness and hard score replaced together, so mining
// and weighting both see the replacement. The gate, right or wrong by gold, is
// never touched: exchanges stay within a gate class.
//
// Draws are keyed by (key, scheme, sample id, slot). The noise level is not
// part of the key: the levels of a noise curve share their normal deviates
// (common random numbers), so the curve shows the level and not the draw.
package score

import (
	"fmt"
	"math"
	"slices"

	"hardneg/ablations/pair"
	"hardneg/fixtures/seed"
)

// Settings is the part of the score stage that replaces profiles.
type Settings struct {
	Profile string  `json:"profile"` // verifier, shuffled, random, noisy, drop
	Sigma   float64 `json:"sigma"`
	Drop    string  `json:"drop"`
}

// Aggregate gives the wrongness variants of a changed profile; none is the old
// W_none, whose answer part the change does not touch.
type Aggregate func(old, changed pair.Profile, none float64) (proc, noneNew float64)

// Apply replaces the profiles of rows in place.
func Apply(rows []pair.Scored, s Settings, key seed.Key, agg Aggregate) error {
	switch s.Profile {
	case "verifier":
	case "shuffled":
		shuffle(rows, key)
	case "random":
		random(rows, key, agg)
	case "noisy":
		noisy(rows, s.Sigma, key, agg)
	case "drop":
		k := slices.Index(pair.Dims[:], s.Drop)
		if k < 0 {
			return fmt.Errorf("score.drop %q is no dimension (%v)", s.Drop, pair.Dims)
		}
		drop(rows, k, agg)
	default:
		return fmt.Errorf("score.profile %q is unknown (verifier, shuffled, random, noisy, drop)", s.Profile)
	}
	return nil
}

// classes are the row indices of the two gate classes, wrong first.
func classes(rows []pair.Scored) [2][]int {
	var c [2][]int
	for i, r := range rows {
		g := 0
		if r.Correct {
			g = 1
		}
		c[g] = append(c[g], i)
	}
	return c
}

func shuffle(rows []pair.Scored, key seed.Key) {
	old := slices.Clone(rows)
	for g, idx := range classes(rows) {
		for a, b := range seed.Derive(uint64(key), "score", "shuffled", g).Perm(len(idx)) {
			adopt(&rows[idx[a]], old[idx[b]])
		}
	}
}

// adopt takes over everything that the verifier said of another sample, but
// not that sample's answer, gate or text.
func adopt(to *pair.Scored, from pair.Scored) {
	to.Profile, to.Absurdity = from.Profile, from.Absurdity
	to.Wrongness, to.WrongnessProc, to.WrongnessNone, to.PWrong = from.Wrongness, from.WrongnessProc, from.WrongnessNone, from.PWrong
	to.Closeness, to.HardScore, to.Relation = from.Closeness, from.HardScore, from.Relation
	to.FirstErrorStep, to.StepScores, to.Findings = from.FirstErrorStep, from.StepScores, from.Findings
}

// random draws each dimension from its marginal over all rows, absurdity too,
// and closeness from its marginal within the gate class (it is 1 for right answers).
func random(rows []pair.Scored, key seed.Key, agg Aggregate) {
	old := slices.Clone(rows)
	cls := classes(old)
	for i := range rows {
		r := &rows[i]
		k := seed.Derive(uint64(key), "score", "random", r.ID)
		for d := range pair.Dims {
			r.Profile.Set(d, old[k.Index(uint64(d), len(old))].Profile.At(d))
		}
		r.Absurdity = old[k.Index(6, len(old))].Absurdity
		g := cls[0]
		if r.Correct {
			g = cls[1]
		}
		r.Closeness = old[g[k.Index(7, len(g))]].Closeness
		recompute(r, old[i].Profile, agg)
	}
}

// noisy adds σ·sd_k·N(0,1) to the logit of the five non-answer dimensions, of
// absurdity and of closeness; sd is that of the clean logits over all rows.
func noisy(rows []pair.Scored, sigma float64, key seed.Key, agg Aggregate) {
	col := func(f func(pair.Scored) (float64, bool)) float64 {
		var x []float64
		for _, r := range rows {
			if v, ok := f(r); ok {
				x = append(x, logit(v))
			}
		}
		return sd(x)
	}
	var sds [7]float64
	for d := range 5 {
		sds[d] = col(func(r pair.Scored) (float64, bool) { return r.Profile.At(d), true })
	}
	sds[5] = col(func(r pair.Scored) (float64, bool) { return r.Absurdity, true })
	sds[6] = col(func(r pair.Scored) (float64, bool) {
		if r.Closeness == nil || r.Correct {
			return 0, false
		}
		return *r.Closeness, true
	})
	for i := range rows {
		r := &rows[i]
		k := seed.Derive(uint64(key), "score", "noisy", r.ID)
		was := r.Profile
		shake := func(v float64, slot int) float64 {
			return sigmoid(logit(v) + sigma*sds[slot]*k.Normal(uint64(slot)))
		}
		for d := range 5 {
			r.Profile.Set(d, shake(r.Profile.At(d), d))
		}
		r.Absurdity = shake(r.Absurdity, 5)
		if r.Closeness != nil && !r.Correct {
			c := shake(*r.Closeness, 6)
			r.Closeness = &c
		}
		recompute(r, was, agg)
	}
}

// drop sets one dimension to its median over all rows.
func drop(rows []pair.Scored, d int, agg Aggregate) {
	if len(rows) == 0 {
		return
	}
	var x []float64
	for _, r := range rows {
		x = append(x, r.Profile.At(d))
	}
	slices.Sort(x)
	m := (x[(len(x)-1)/2] + x[len(x)/2]) / 2
	for i := range rows {
		was := rows[i].Profile
		rows[i].Profile.Set(d, m)
		recompute(&rows[i], was, agg)
	}
}

func recompute(r *pair.Scored, old pair.Profile, agg Aggregate) {
	r.WrongnessProc, r.WrongnessNone = agg(old, r.Profile, r.WrongnessNone)
	if r.Closeness != nil {
		h := HardScore(r.Profile, r.Absurdity, *r.Closeness)
		r.HardScore = &h
	}
}

// HardScore is h = c (1−A)² (½ + ½φ) with φ = 1 − Π(1 − s_k) over sem, order, logic, sym.
func HardScore(p pair.Profile, absurdity, closeness float64) float64 {
	phi := 1 - (1-p.Sem)*(1-p.Order)*(1-p.Logic)*(1-p.Sym)
	return closeness * (1 - absurdity) * (1 - absurdity) * (.5 + .5*phi)
}

// logit is clipped at 0.001: rule-based profiles hold exact zeros, and an
// unbounded logit would make the spread that the noise is scaled by infinite.
func logit(p float64) float64 {
	p = max(1e-3, min(1-1e-3, p))
	return math.Log(p / (1 - p))
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func sd(x []float64) float64 {
	if len(x) < 2 {
		return 0
	}
	var m, s float64
	for _, v := range x {
		m += v
	}
	m /= float64(len(x))
	for _, v := range x {
		s += (v - m) * (v - m)
	}
	return math.Sqrt(s / float64(len(x)-1))
}
