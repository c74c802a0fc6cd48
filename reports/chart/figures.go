package chart

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"hardneg/reports/finding"
	"hardneg/reports/result"
)

// Figures makes every figure that the evidence of a run supports, in the order
// of the report. A figure whose evidence is absent is left out.
func Figures(s *result.Set) []Chart {
	var out []Chart
	for _, f := range []func(*result.Set) []Chart{deltas, accuracies, factorial, noise, signal, verifier, training, weights} {
		out = append(out, f(s)...)
	}
	return out
}

// deltas draws each arm's change against each baseline.
func deltas(s *result.Set) []Chart {
	var bases []string
	by := map[string][]Interval{}
	for _, f := range s.Findings {
		if f.Kind != result.KindDelta || f.Scope != "both" && f.Scope != "" || subset(f) {
			continue
		}
		if !slices.Contains(bases, f.Baseline) {
			bases = append(bases, f.Baseline)
		}
		by[f.Baseline] = append(by[f.Baseline], Interval{f.Arm, f.Benchmark, pt(f.Estimate), pt(f.Lo), pt(f.Hi)})
	}
	var out []Chart
	for _, b := range bases {
		if defined(by[b]) {
			out = append(out, Forest("delta-"+slug(b), "Change of accuracy against "+b,
				"One row an arm, one marker a benchmark; the whisker is the "+finding.Confidence(s)+" interval for "+finding.ScopeOf(s).New()+".", "Δ accuracy against "+b+" (points)", 0, by[b]))
		}
	}
	return out
}

// subset says whether a finding is about a part of a benchmark: its table
// shows it, in a figure it would crowd out the whole.
func subset(f result.Finding) bool { return strings.HasSuffix(f.Benchmark, finding.SubsetSuffix) }

func defined(rows []Interval) bool {
	return slices.ContainsFunc(rows, func(r Interval) bool { return !bad(r.Est) })
}

func accuracies(s *result.Set) []Chart {
	var rows []Interval
	for _, f := range s.Findings {
		if f.Kind == result.KindAccuracy && !subset(f) {
			rows = append(rows, Interval{f.Arm, f.Benchmark, pt(f.Estimate), pt(f.Lo), pt(f.Hi)})
		}
	}
	if !defined(rows) {
		return nil
	}
	return []Chart{Forest("accuracy", "Accuracy of each arm", "One row an arm, one marker a benchmark; the whisker is the "+finding.Confidence(s)+" interval.", "accuracy (%)", math.NaN(), rows)}
}

// accuracyOf finds one arm's accuracy on one benchmark.
func accuracyOf(s *result.Set, arm, bench string) (Interval, bool) {
	for _, f := range s.Findings {
		if f.Kind == result.KindAccuracy && f.Arm == arm && f.Benchmark == bench && f.Estimate.OK() {
			return Interval{arm, bench, pt(f.Estimate), pt(f.Lo), pt(f.Hi)}, true
		}
	}
	return Interval{}, false
}

// factorial draws mining × weighting, one pair of lines a benchmark.
func factorial(s *result.Set) []Chart {
	var out []Chart
	for _, b := range s.Benchmarks {
		var ss []Series
		for _, w := range []struct{ name, random, hard string }{{"uniform weights", "dpo", "mine-only"}, {"verifier weights", "wt-only", "full"}} {
			r, ok1 := accuracyOf(s, w.random, b.Name)
			h, ok2 := accuracyOf(s, w.hard, b.Name)
			if !ok1 || !ok2 {
				return nil
			}
			d := float64(10*len(ss) - 5) // side by side, so that the whiskers do not cover each other
			ss = append(ss, Series{Name: w.name, X: []float64{0, 1}, Off: d, Y: []float64{r.Est, h.Est}, Lo: []float64{r.Lo, h.Lo}, Hi: []float64{r.Hi, h.Hi}, ErrBars: true})
		}
		out = append(out, Categories("factorial-"+slug(b.Name), "Mining × weighting on "+b.Name,
			"Accuracy with random and with mined negatives, for uniform and for verifier weights; parallel lines mean no interaction.", "negatives", "accuracy (%)", []string{"random", "hard"}, ss))
	}
	return out
}

// noise draws accuracy against the noise of the profile, σ = 0 being full.
func noise(s *result.Set) []Chart {
	type level struct {
		sigma float64
		arm   string
	}
	levels := []level{{0, "full"}}
	for _, a := range s.Arms {
		if v, ok := a.Patch["score.sigma"].(float64); ok {
			levels = append(levels, level{v, a.Name})
		}
	}
	if len(levels) < 3 {
		return nil
	}
	slices.SortFunc(levels, func(a, b level) int { return cmp.Compare(a.sigma, b.sigma) })
	var ss []Series
	for _, b := range s.Benchmarks {
		sr := Series{Name: b.Name, ErrBars: true}
		for _, l := range levels {
			if i, ok := accuracyOf(s, l.arm, b.Name); ok {
				sr.X, sr.Y, sr.Lo, sr.Hi = append(sr.X, l.sigma), append(sr.Y, i.Est), append(sr.Lo, i.Lo), append(sr.Hi, i.Hi)
			}
		}
		ss = append(ss, sr)
	}
	return []Chart{Lines("noise", "Accuracy against noise in the verifier's profile",
		"σ is in standard deviations of each dimension on the logit scale; mining and weights both see the noise.", "σ", "accuracy (%)", ss)}
}

// signal draws the pass rate of the other samples against the mean score, in
// ten bins of equal count, all seeds together.
func signal(s *result.Set) []Chart {
	cols := []struct {
		name string
		of   func(result.Probe) []result.Num
	}{
		{"wrongness without s_ans", func(p result.Probe) []result.Num { return p.WProc }},
		{"wrongness with s_ans", func(p result.Probe) []result.Num { return p.WNone }},
		{"absurdity", func(p result.Probe) []result.Num { return p.Absurdity }},
	}
	var ss []Series
	for _, c := range cols {
		var x, y []float64
		for _, p := range s.Probe {
			xs := c.of(p)
			for i := range xs {
				if xs[i].OK() && p.Pass[i].OK() {
					x, y = append(x, float64(xs[i])), append(y, 100*float64(p.Pass[i]))
				}
			}
		}
		if len(x) >= 20 {
			ss = append(ss, binned(c.name, x, y, 10))
		}
	}
	if ss == nil {
		return nil
	}
	return []Chart{Lines("signal", "Do wrongness and absurdity predict accuracy?",
		"Each point is a tenth of the probe problems by mean score; the height is the pass rate of other samples of the same problems, with ±1.96 standard errors.", "mean score of half of the samples", "pass rate of the other half (%)", ss)}
}

func binned(name string, x, y []float64, bins int) Series {
	idx := make([]int, len(x))
	for i := range idx {
		idx[i] = i
	}
	slices.SortStableFunc(idx, func(a, b int) int { return cmp.Compare(x[a], x[b]) })
	s := Series{Name: name, ErrBars: true}
	for b := range bins {
		part := idx[b*len(idx)/bins : (b+1)*len(idx)/bins]
		if len(part) < 2 {
			continue
		}
		var mx, my, v float64
		for _, i := range part {
			mx, my = mx+x[i], my+y[i]
		}
		n := float64(len(part))
		mx, my = mx/n, my/n
		for _, i := range part {
			v += (y[i] - my) * (y[i] - my)
		}
		se := math.Sqrt(v / (n - 1) / n)
		s.X, s.Y, s.Lo, s.Hi = append(s.X, mx), append(s.Y, my), append(s.Lo, my-1.96*se), append(s.Hi, my+1.96*se)
	}
	return s
}

// verifier draws AUROC by score and the reliability of the probability.
func verifier(s *result.Set) []Chart {
	var rows []Interval
	var rel []Series
	for _, f := range s.Verifier.Figures {
		if f.Class != "" {
			continue
		}
		if f.AUROC.OK() {
			rows = append(rows, Interval{f.Score, f.Set, float64(f.AUROC), float64(f.Lo), float64(f.Hi)})
		}
		if c := f.Calibration; c != nil {
			sr := Series{Name: f.Set}
			for _, b := range c.Reliability {
				sr.X, sr.Y = append(sr.X, float64(b.Confidence)), append(sr.Y, float64(b.Accuracy))
			}
			rel = append(rel, sr)
		}
	}
	var out []Chart
	if rows != nil {
		out = append(out, Forest("auroc", "The verifier against independent labels", "Area under the ROC curve of each score and dimension, with its clustered "+finding.Confidence(s)+" interval; 0.5 is chance.", "AUROC", .5, rows))
	}
	if rel != nil {
		rel = append(rel, Series{Name: "ideal", X: []float64{0, 1}, Y: []float64{0, 1}, Dashed: true})
		out = append(out, Lines("reliability", "Calibration of the verifier's probability", "Share of wrong solutions against the predicted probability, ten bins of equal width.", "predicted probability of wrong", "share wrong", rel))
	}
	return out
}

// training draws the mean curve of each arm with the range over seeds.
func training(s *result.Set) []Chart {
	cols := []struct {
		id, title, y string
		of           func(result.Curve) []result.Num
	}{
		{"margin", "Reward margin while training", "reward margin β·d", func(c result.Curve) []result.Num { return c.Margin }},
		{"chosen", "Reward of the chosen side while training", "reward of the chosen side β·log(π/π_ref)", func(c result.Curve) []result.Num { return c.Chosen }},
		{"loss", "Loss while training", "loss", func(c result.Curve) []result.Num { return c.Loss }},
		{"gradnorm", "Gradient norm while training", "gradient norm", func(c result.Curve) []result.Num { return c.GradNorm }},
	}
	var out []Chart
	for _, c := range cols {
		var ss []Series
		for i, a := range s.Arms {
			if sr, ok := spread(s, a.Name, c.of, c.id == "margin" || c.id == "chosen"); ok {
				sr.Tone = i + 1
				ss = append(ss, sr)
			}
		}
		text := "Mean over seeds of each arm; the band is the range over seeds."
		if len(ss) > 4 { // more bands than can be told apart: those of the method and of what it is compared with
			var shown []string
			for i := range ss {
				ss[i].NoBand = ss[i].Name != "full" && ss[i].Name != "dpo"
				if !ss[i].NoBand {
					shown = append(shown, ss[i].Name)
				}
			}
			text = "Mean over seeds of each arm; the numbers below add the range over seeds."
			if shown != nil {
				text = "Mean over seeds of each arm; the bands are the range over seeds of " + strings.Join(shown, " and ") + ", the numbers below have it for every arm."
			}
		}
		if c.id == "chosen" {
			text += " A stand-in for the KL divergence from the reference: it tells how far the policy has moved, and below zero the chosen solutions have become less likely."
		}
		if ss != nil {
			out = append(out, Lines("training-"+c.id, c.title, text+" A point stands for a stretch of steps, at its last one.", "step", c.y, ss))
		}
	}
	return out
}

// points is how many points a training curve is drawn with at most.
const points = 20

// thin joins neighbours: the mean of their means, the least and the greatest of
// their bounds, so that a spike stays within the range that is shown.
func thin(s Series) Series {
	k := (len(s.X) + points - 1) / points
	if k <= 1 {
		return s
	}
	out := s
	out.X, out.Y, out.Lo, out.Hi = nil, nil, nil, nil
	for i := 0; i < len(s.X); i += k {
		j := min(i+k, len(s.X))
		var sum float64
		for _, y := range s.Y[i:j] {
			sum += y
		}
		out.X, out.Y = append(out.X, s.X[j-1]), append(out.Y, sum/float64(j-i))
		out.Lo, out.Hi = append(out.Lo, slices.Min(s.Lo[i:j])), append(out.Hi, slices.Max(s.Hi[i:j]))
	}
	return out
}

// spread is the mean of one arm's curve over seeds with its range. Training on
// one side alone has no margin: pairs leaves it out.
func spread(s *result.Set, arm string, of func(result.Curve) []result.Num, pairs bool) (Series, bool) {
	sum, lo, hi, n := map[int]float64{}, map[int]float64{}, map[int]float64{}, map[int]int{}
	for _, t := range s.Training {
		if t.Arm != arm || t.Loss == "sft" || pairs && t.Loss == "nll" {
			continue
		}
		for i, v := range of(t.Curve) {
			x, y := t.Curve.Step[i], float64(v)
			if bad(y) {
				continue
			}
			if n[x] == 0 {
				lo[x], hi[x] = y, y
			}
			sum[x], n[x] = sum[x]+y, n[x]+1
			lo[x], hi[x] = min(lo[x], y), max(hi[x], y)
		}
	}
	sr := Series{Name: arm}
	for x := range n {
		sr.X = append(sr.X, float64(x))
	}
	slices.Sort(sr.X)
	most := 0
	for _, k := range n {
		most = max(most, k)
	}
	xs := sr.X
	sr.X = nil
	for _, x := range xs { // seeds may have unequal numbers of steps: show where all are
		if i := int(x); n[i] == most {
			sr.X, sr.Y = append(sr.X, x), append(sr.Y, sum[i]/float64(n[i]))
			sr.Lo, sr.Hi = append(sr.Lo, lo[i]), append(sr.Hi, hi[i])
		}
	}
	return thin(sr), len(sr.X) > 0
}

// weights draws the histograms of the weighted arms, all seeds together.
func weights(s *result.Set) []Chart {
	var cats []string
	var gs []Group
	for _, a := range s.Arms {
		var total []float64
		for _, t := range s.Training {
			h := t.Weights
			if t.Arm != a.Name || len(h.Counts) == 0 || len(h.Edges) != len(h.Counts)+1 {
				continue
			}
			if cats == nil {
				for i := range h.Counts {
					cats = append(cats, fmt.Sprintf("%.2g–%.2g", h.Edges[i], h.Edges[i+1]))
				}
			}
			if total == nil {
				total = make([]float64, len(cats))
			}
			for i, c := range h.Counts {
				if i < len(total) {
					total[i] += float64(c)
				}
			}
		}
		if total != nil {
			gs = append(gs, Group{a.Name, total})
		}
	}
	if gs == nil {
		return nil
	}
	return []Chart{Bars("weights", "Weights of the training pairs", "Number of pairs by weight, all seeds together; the mean weight is 1 in every arm.", "weight", "pairs", cats, gs)}
}

func pt(n result.Num) float64 { return 100 * float64(n) }

// slug makes a name fit for an id and a file.
func slug(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return '-'
	}, s)
	return s[:min(len(s), 60)]
}
