// Package weigh gives every mined pair its weight in the loss.
//
// Pairs enter with the scores of both sides; they leave with Weight set. The
// weights have mean 1 over the run's pairs, so every arm trains at the same
// effective learning rate, and they are functions of ranks: recalibrating the
// verifier by any monotone map changes nothing.
//
//	raw_i = exp(tW z(W⁻) + tA z(A⁻) + tC z(c) + tM z(logit W⁻ − logit W⁺))
//	w_i   = clip(q·raw_i, lo, hi),  q by bisection so that mean(w) = 1
//
// z is the mid-rank scaled to [−1, 1]. Besides the verifier's own weights
// there are the controls that a claim about them needs: uniform, shuffled (the
// same multiset, link broken), random (same spread), noisy and inverted.
package weigh

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"hardneg/ablations/pair"
	"hardneg/fixtures/seed"
)

// Coef holds the exponents of the raw weight.
type Coef struct {
	Wrongness float64 `json:"wrongness"`
	Absurdity float64 `json:"absurdity"`
	Closeness float64 `json:"closeness"`
	Margin    float64 `json:"margin"`
}

// Presets names the published combinations. paper uses wrongness and absurdity only.
func Presets() map[string]Coef {
	return map[string]Coef{
		"paper":   {Wrongness: 1, Absurdity: -1},
		"hard":    {Wrongness: -.5, Absurdity: -1, Closeness: 1},
		"margin":  {Margin: 1, Absurdity: -1},
		"uniform": {},
	}
}

// Settings is the weight stage of a spec.
type Settings struct {
	Scores string     `json:"scores"` // verifier, uniform, shuffled, random, noisy, inverted
	Coef   Coef       `json:"coef"`
	Clip   [2]float64 `json:"clip"`
	Sigma  float64    `json:"sigma"`
	Within string     `json:"within"` // shuffled: all or prompt
}

// Stats describes the weights that came out.
type Stats struct {
	Pairs int     `json:"pairs"`
	Mean  float64 `json:"mean"`
	Min   float64 `json:"min"`
	Max   float64 `json:"max"`
	SDLog float64 `json:"sd_log"` // standard deviation of log w
	ESS   float64 `json:"ess"`    // effective sample size (Σw)²/Σw²
	Hist  []int   `json:"hist"`   // counts in ten equal bins of [lo, hi]
}

// Apply sets the weights of pairs in place. The draws of the controls depend
// on key and on pair ids, never on order.
func Apply(pairs []pair.Pair, s Settings, key seed.Key) (Stats, error) {
	if s.Clip[0] > 1 || s.Clip[1] < 1 || s.Clip[0] <= 0 {
		return Stats{}, fmt.Errorf("weight.clip [%g, %g] must hold 1 between its bounds, and the lower one must be above 0", s.Clip[0], s.Clip[1])
	}
	logRaw := rawLog(pairs, s.Coef)
	var w []float64
	switch s.Scores {
	case "uniform":
		w = ones(len(pairs))
	case "verifier":
		w = normalise(logRaw, s.Clip)
	case "inverted":
		for i := range logRaw {
			logRaw[i] = -logRaw[i]
		}
		w = normalise(logRaw, s.Clip)
	case "shuffled":
		w = shuffle(pairs, normalise(logRaw, s.Clip), s.Within, key)
	case "random", "noisy":
		w = normalise(logRaw, s.Clip)
		_, sd := logMoments(w)
		lw := make([]float64, len(w))
		for i, p := range pairs {
			e := seed.Derive(uint64(key), "weight", s.Scores, p.ID).Normal(0)
			if s.Scores == "random" {
				lw[i] = sd * e
			} else {
				lw[i] = math.Log(w[i]) + s.Sigma*sd*e
			}
		}
		w = normalise(lw, s.Clip)
	default:
		return Stats{}, fmt.Errorf("weight.scores %q is unknown (verifier, uniform, shuffled, random, noisy, inverted)", s.Scores)
	}
	for i := range pairs {
		pairs[i].Weight = w[i]
	}
	return Describe(pairs, s.Clip), nil
}

// Factor is one term of a pair's raw weight, for --explain.
type Factor struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Z     float64 `json:"z"`
	Coef  float64 `json:"coef"`
}

// Explain lists the factors of pair i's raw weight.
func Explain(pairs []pair.Pair, c Coef, i int) []Factor {
	var fs []Factor
	for _, t := range terms(pairs, c) {
		fs = append(fs, Factor{t.name, t.x[i], midranks(t.x)[i], t.coef})
	}
	return fs
}

type term struct {
	name string
	coef float64
	x    []float64
}

func terms(pairs []pair.Pair, c Coef) []term {
	t := []term{{"wrongness", c.Wrongness, nil}, {"absurdity", c.Absurdity, nil}, {"closeness", c.Closeness, nil}, {"margin", c.Margin, nil}}
	for _, p := range pairs {
		t[0].x = append(t[0].x, p.Wrejected)
		t[1].x = append(t[1].x, p.Absurdity)
		t[2].x = append(t[2].x, p.Closeness)
		t[3].x = append(t[3].x, logit(p.Wrejected)-logit(p.Wchosen))
	}
	return t
}

func rawLog(pairs []pair.Pair, c Coef) []float64 {
	lr := make([]float64, len(pairs))
	for _, t := range terms(pairs, c) {
		if t.coef == 0 {
			continue
		}
		for i, z := range midranks(t.x) {
			lr[i] += t.coef * z
		}
	}
	return lr
}

// midranks scales the mid-ranks of x to [−1, 1]; equal values share theirs.
func midranks(x []float64) []float64 {
	n := len(x)
	idx := make([]int, n)
	for i := range idx {
		idx[i] = i
	}
	sort.SliceStable(idx, func(a, b int) bool { return x[idx[a]] < x[idx[b]] })
	z := make([]float64, n)
	for lo := 0; lo < n; {
		hi := lo + 1
		for hi < n && x[idx[hi]] == x[idx[lo]] {
			hi++
		}
		mid := float64(lo+hi-1) / 2
		for _, i := range idx[lo:hi] {
			if n > 1 {
				z[i] = 2*mid/float64(n-1) - 1
			}
		}
		lo = hi
	}
	return z
}

// normalise finds q with mean(clip(q·exp(lw))) = 1. The mean grows with q from
// lo to hi, so bisection on log q cannot fail while lo ≤ 1 ≤ hi.
func normalise(lw []float64, clip [2]float64) []float64 {
	if len(lw) == 0 {
		return nil
	}
	if slices.Max(lw) == slices.Min(lw) {
		return ones(len(lw)) // exactly 1, so that an uninformative verifier is plain DPO bit for bit
	}
	mean := func(lq float64) float64 {
		var s float64
		for _, l := range lw {
			s += clamp(math.Exp(l+lq), clip)
		}
		return s / float64(len(lw))
	}
	lo, hi := math.Log(clip[0])-slices.Max(lw), math.Log(clip[1])-slices.Min(lw)
	for range 200 {
		mid := (lo + hi) / 2
		if mean(mid) < 1 {
			lo = mid
		} else {
			hi = mid
		}
	}
	w := make([]float64, len(lw))
	for i, l := range lw {
		w[i] = clamp(math.Exp(l+hi), clip)
	}
	return w
}

func shuffle(pairs []pair.Pair, w []float64, within string, key seed.Key) []float64 {
	groups := map[string][]int{}
	var names []string
	for i, p := range pairs {
		g := ""
		if within == "prompt" {
			g = p.PromptID
		}
		if groups[g] == nil {
			names = append(names, g)
		}
		groups[g] = append(groups[g], i)
	}
	out := make([]float64, len(w))
	for _, g := range names {
		idx := groups[g]
		for a, b := range seed.Derive(uint64(key), "weight", "shuffled", g).Perm(len(idx)) {
			out[idx[a]] = w[idx[b]]
		}
	}
	return out
}

// Describe computes the statistics of the weights that pairs hold.
func Describe(pairs []pair.Pair, clip [2]float64) Stats {
	s := Stats{Pairs: len(pairs), Hist: make([]int, 10)}
	if len(pairs) == 0 {
		return s
	}
	var sum, sq float64
	s.Min, s.Max = math.Inf(1), math.Inf(-1)
	w := make([]float64, len(pairs))
	for i, p := range pairs {
		w[i] = p.Weight
		sum += p.Weight
		sq += p.Weight * p.Weight
		s.Min, s.Max = min(s.Min, p.Weight), max(s.Max, p.Weight)
		b := int(10 * (p.Weight - clip[0]) / (clip[1] - clip[0]))
		s.Hist[max(0, min(9, b))]++
	}
	s.Mean = sum / float64(len(pairs))
	s.ESS = sum * sum / sq
	_, s.SDLog = logMoments(w)
	return s
}

func logMoments(w []float64) (mean, sd float64) {
	for _, x := range w {
		mean += math.Log(x)
	}
	mean /= float64(len(w))
	for _, x := range w {
		sd += (math.Log(x) - mean) * (math.Log(x) - mean)
	}
	return mean, math.Sqrt(sd / float64(max(1, len(w)-1)))
}

func ones(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = 1
	}
	return w
}

func clamp(x float64, c [2]float64) float64 { return max(c[0], min(c[1], x)) }

// logit is clipped at ±13.8: profiles are rounded to six decimals.
func logit(p float64) float64 {
	p = max(1e-6, min(1-1e-6, p))
	return math.Log(p / (1 - p))
}
