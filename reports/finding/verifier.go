package finding

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"hardneg/reports/result"
	"hardneg/reports/stats"
)

// fires: a score from which on the verifier is said to object.
const fires = 0.3

// calibrationBins of equal width.
const calibrationBins = 10

// scoreOrder is the order of the rows of a validation table.
var scoreOrder = [...]string{"w_proc", "w_none", "w_cons", "w_gold", "absurdity", "sem", "struct", "order", "logic", "sym", "ans"}

// Validate computes what each score is worth on one labelled set: over all
// rows, and for each class of error its rows against the right ones.
func Validate(l result.Labelled, level float64) ([]result.Figures, error) {
	v := validator{l: l, level: level, label: make([]int, len(l.Wrong))}
	for i := range l.Wrong {
		v.label[i] = int(l.Wrong[i] - '0')
	}
	v.cluster, v.problems = stats.Groups(l.Problems)
	var out []result.Figures
	for _, class := range append([]string{""}, v.classes()...) {
		for _, score := range scoreOrder {
			if l.Scores[score] == nil || class != "" && score == "w_gold" {
				continue
			}
			f, err := v.figures(score, class)
			if err != nil {
				return nil, fmt.Errorf("labelled set %s, score %s: %w", l.Name, score, err)
			}
			out = append(out, f)
		}
	}
	if len(l.PWrong) > 0 || len(l.FirstError) > 0 {
		f, err := v.decision()
		if err != nil {
			return nil, fmt.Errorf("labelled set %s: %w", l.Name, err)
		}
		out = append(out, f)
	}
	return out, nil
}

type validator struct {
	l        result.Labelled
	level    float64
	label    []int
	cluster  []int
	problems int
}

func (v validator) classes() []string {
	var out []string
	for i, c := range v.l.Class {
		if c != "" && v.label[i] == 1 && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	slices.Sort(out)
	return out
}

// pick selects the rows that have a score and, for a class, are of that class
// or right.
func (v validator) pick(score, class string) (x, proc []float64, label, cluster []int) {
	column, w := v.l.Scores[score], v.l.Scores["w_proc"]
	for i, n := range column {
		if !n.OK() || class != "" && v.label[i] == 1 && v.l.Class[i] != class {
			continue
		}
		x, label, cluster = append(x, float64(n)), append(label, v.label[i]), append(cluster, v.cluster[i])
		if w != nil {
			proc = append(proc, float64(w[i]))
		}
	}
	group, _ := stats.Groups(cluster)
	return x, proc, label, group
}

func (v validator) figures(score, class string) (result.Figures, error) {
	f := result.Figures{Set: v.l.Name, Score: score, Class: class, Greyed: score == "w_gold", AP: result.NaN(), Fires: result.NaN(),
		WithinPr: result.NaN(), DiffProc: result.NaN(), DiffP: result.NaN()}
	x, proc, label, cluster := v.pick(score, class)
	a, err := stats.AUROC(x, label, cluster, v.level)
	if err != nil {
		return f, err
	}
	f.N, f.NWrong, f.Notes = len(x), a.NPos, a.Notes
	for _, g := range cluster {
		f.Problems = max(f.Problems, g+1)
	}
	f.AUROC, f.SE, f.LoDeLong, f.HiDeLong = num(a.AUC), num(a.SE), num(a.Lo), num(a.Hi)
	f.Lo, f.Hi = f.LoDeLong, f.HiDeLong
	if f.Problems < f.N {
		f.SE, f.Lo, f.Hi = num(a.SECluster), num(a.LoCluster), num(a.HiCluster)
	}
	if ap, _, err := stats.AveragePrecision(x, label); err == nil {
		f.AP = num(ap)
	}
	high := 0.0
	for _, s := range x {
		if s >= fires {
			high++
		}
	}
	if len(x) > 0 {
		f.Fires = num(high / float64(len(x)))
	}
	f.WithinPr = num(withinPairs(x, label, cluster))
	if proc != nil && score != "w_proc" && !slices.ContainsFunc(proc, math.IsNaN) {
		if d, err := stats.AUROCDiff(x, proc, label, v.level); err == nil {
			f.DiffProc, f.DiffP = num(d.Diff), num(d.P)
		}
	}
	return f, nil
}

// withinPairs is the share of (wrong, right) pairs of one problem in which the
// wrong solution has the higher score, ties half: what mining needs.
func withinPairs(x []float64, label, cluster []int) float64 {
	members := map[int][]int{}
	for i, g := range cluster {
		members[g] = append(members[g], i)
	}
	won, pairs := 0.0, 0.0
	for g := range len(members) {
		for _, i := range members[g] {
			for _, j := range members[g] {
				if label[i] != 1 || label[j] != 0 {
					continue
				}
				pairs++
				switch {
				case x[i] > x[j]:
					won++
				case x[i] == x[j]:
					won += .5
				}
			}
		}
	}
	if pairs == 0 {
		return math.NaN()
	}
	return won / pairs
}

// decision is the row of the calibrated probability: calibration, confusion at
// the stored threshold, and localisation of the first error.
func (v validator) decision() (result.Figures, error) {
	f := result.Figures{Set: v.l.Name, Score: "p_wrong", N: len(v.label), Problems: v.problems, AUROC: result.NaN(), Lo: result.NaN(), Hi: result.NaN(),
		SE: result.NaN(), LoDeLong: result.NaN(), HiDeLong: result.NaN(), AP: result.NaN(), Fires: result.NaN(), WithinPr: result.NaN(), DiffProc: result.NaN(), DiffP: result.NaN()}
	for _, y := range v.label {
		f.NWrong += y
	}
	if p := v.l.PWrong; len(p) > 0 {
		prob := make([]float64, len(p))
		for i := range p {
			prob[i] = float64(p[i])
		}
		c, err := stats.Calibration(prob, v.label, calibrationBins)
		if err != nil {
			return f, err
		}
		f.Calibration = &result.Calibration{Brier: num(c.Brier), ECE: num(c.ECE), Reliability: []result.Bin{}}
		for _, b := range c.Reliability {
			f.Calibration.Reliability = append(f.Calibration.Reliability, result.Bin{Bin: b.Bin, N: b.N, Confidence: num(b.Confidence), Accuracy: num(b.Accuracy)})
		}
		if v.l.Threshold.OK() {
			f.Confusion = confusion(prob, v.label, float64(v.l.Threshold))
		}
	}
	if len(v.l.FirstError) > 0 {
		r, err := stats.FirstError(v.l.FirstError, v.l.Predicted)
		if err != nil {
			return f, err
		}
		f.Local = &result.Local{NError: r.NError, NCorrect: r.NCorrect, AccError: num(r.AccError), AccCorrect: num(r.AccCorrect), F1: num(r.F1)}
	}
	return f, nil
}

func confusion(p []float64, label []int, threshold float64) *result.Confusion {
	c := &result.Confusion{MCC: result.NaN()}
	for i, x := range p {
		switch {
		case x >= threshold && label[i] == 1:
			c.TP++
		case x >= threshold:
			c.FP++
		case label[i] == 1:
			c.FN++
		default:
			c.TN++
		}
	}
	tp, fp, tn, fn := float64(c.TP), float64(c.FP), float64(c.TN), float64(c.FN)
	if d := math.Sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)); d > 0 {
		c.MCC = num((tp*tn - fp*fn) / d)
	}
	return c
}

// Disagree finds the solutions of a labelled set on which verifier and label
// differ and keeps the most confident ones, at most so many each way.
func Disagree(set, format string, threshold result.Num, rows []result.Disagreement, keep int) result.Disagreements {
	out := result.Disagreements{Set: set, Format: format, N: len(rows), Threshold: threshold}
	for _, r := range rows {
		if objects := r.PWrong >= threshold; objects == r.Wrong || !r.PWrong.OK() || !threshold.OK() {
			continue
		}
		if r.Wrong {
			out.Misses++
		} else {
			out.FalseAlarms++
		}
		out.Examples = append(out.Examples, r)
	}
	return MostConfident([]result.Disagreements{out}, keep)[0]
}

// MostConfident keeps of all sets together the disagreements to read, at most so
// many each way: false alarms by falling p_wrong, then misses by rising p_wrong,
// ties in the order of sets and by id. Of a problem only the first each way.
func MostConfident(sets []result.Disagreements, keep int) []result.Disagreements {
	type place struct{ set, at int }
	var all []place
	for i := range sets {
		for k := range sets[i].Examples {
			all = append(all, place{i, k})
		}
	}
	of := func(p place) result.Disagreement { return sets[p.set].Examples[p.at] }
	slices.SortStableFunc(all, func(a, b place) int {
		x, y := of(a), of(b)
		way := 1
		if x.Wrong && y.Wrong {
			way = -1
		}
		return cmp.Or(order(x.Wrong, y.Wrong), way*cmp.Compare(y.PWrong, x.PWrong), cmp.Compare(a.set, b.set), cmp.Compare(x.ID, y.ID))
	})
	type subject struct {
		problem string
		wrong   bool
	}
	seen, n := map[subject]bool{}, map[bool]int{}
	out := slices.Clone(sets)
	for i := range out {
		out[i].Examples = []result.Disagreement{}
	}
	for _, p := range all {
		d := of(p)
		if s := (subject{d.Problem, d.Wrong}); !seen[s] && n[d.Wrong] < keep {
			seen[s] = true
			n[d.Wrong]++
			out[p.set].Examples = append(out[p.set].Examples, d)
		}
	}
	return out
}

// order puts false before true.
func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
