package stats

import (
	"math"
	"slices"
)

// AUROCResult is the area under the ROC curve with DeLong's and Obuchowski's
// intervals on the logit scale.
type AUROCResult struct {
	NPos      int      `json:"n_pos"`
	NNeg      int      `json:"n_neg"`
	AUC       float64  `json:"auc"`
	SE        float64  `json:"se"`
	Lo        float64  `json:"lo"`
	Hi        float64  `json:"hi"`
	SECluster float64  `json:"se_cluster"`
	LoCluster float64  `json:"lo_cluster"`
	HiCluster float64  `json:"hi_cluster"`
	Notes     []string `json:"notes"`
}

func labelsOK(score []float64, label []int) error {
	if len(score) != len(label) || !finite(score...) {
		return bad("%d scores for %d labels, or one is not finite", len(score), len(label))
	}
	for i, l := range label {
		if l != 0 && l != 1 {
			return bad("label %d is %d, must be 0 or 1", i, l)
		}
	}
	return nil
}

// AUROC of score for label 1; cluster nil = independent rows.
func AUROC(score []float64, label, cluster []int, level float64) (AUROCResult, error) {
	r := AUROCResult{AUC: nan, SE: nan, Lo: nan, Hi: nan, SECluster: nan, LoCluster: nan, HiCluster: nan}
	if err := labelsOK(score, label); err != nil {
		return r, err
	}
	if err := levelOK(level); err != nil {
		return r, err
	}
	if cluster != nil && len(cluster) != len(label) {
		return r, bad("%d clusters for %d labels", len(cluster), len(label))
	}
	for _, l := range label {
		r.NPos += l
	}
	r.NNeg = len(label) - r.NPos
	if r.NPos == 0 || r.NNeg == 0 {
		r.Notes = []string{NoteSingleClass}
		return r, nil
	}
	pos, neg := placements(score, label)
	r.AUC = mean(pos)
	if r.NPos > 1 && r.NNeg > 1 {
		r.SE = math.Sqrt(variance(pos)/float64(r.NPos) + variance(neg)/float64(r.NNeg))
		r.Lo, r.Hi = logitInterval(r.AUC, r.SE, level)
	}
	if cluster != nil {
		r.SECluster = obuchowski(pos, neg, r.AUC, label, cluster)
		r.LoCluster, r.HiCluster = logitInterval(r.AUC, r.SECluster, level)
	}
	return r, nil
}

// placements are DeLong's structural components: for each positive the share
// of negatives below it, for each negative the share of positives above it,
// ties half.
func placements(score []float64, label []int) (pos, neg []float64) {
	var x, y []float64
	for i, s := range score {
		if label[i] == 1 {
			x = append(x, s)
		} else {
			y = append(y, s)
		}
	}
	all, rx, ry := Midranks(slices.Concat(x, y)), Midranks(x), Midranks(y)
	pos, neg = make([]float64, len(x)), make([]float64, len(y))
	for i := range x {
		pos[i] = (all[i] - rx[i]) / float64(len(y))
	}
	for i := range y {
		neg[i] = 1 - (all[len(x)+i]-ry[i])/float64(len(x))
	}
	return pos, neg
}

func logitInterval(a, se, level float64) (lo, hi float64) {
	if !(se > 0) || a <= 0 || a >= 1 {
		return nan, nan
	}
	c, h := math.Log(a/(1-a)), zCritical(level)*se/(a*(1-a))
	return 1 / (1 + math.Exp(h-c)), 1 / (1 + math.Exp(-c-h))
}

// obuchowski is the clustered standard error (Obuchowski 1997), NaN with fewer
// than two clusters of either class.
func obuchowski(pos, neg []float64, auc float64, label, cluster []int) float64 {
	n := groupCount(cluster)
	a, b := make([]float64, n), make([]float64, n)
	hasPos, hasNeg := make([]bool, n), make([]bool, n)
	p, q := 0, 0
	for j, l := range label {
		g := cluster[j]
		if l == 1 {
			a[g] += pos[p] - auc
			hasPos[g] = true
			p++
		} else {
			b[g] += neg[q] - auc
			hasNeg[g] = true
			q++
		}
	}
	var sa, sb, sab, i10, i01, all float64
	for g := range a {
		sa, sb, sab = sa+a[g]*a[g], sb+b[g]*b[g], sab+a[g]*b[g]
		if hasPos[g] {
			i10++
		}
		if hasNeg[g] {
			i01++
		}
		if hasPos[g] || hasNeg[g] {
			all++
		}
	}
	if i10 < 2 || i01 < 2 {
		return nan
	}
	m, k := float64(len(pos)), float64(len(neg))
	v := i10/((i10-1)*m)*sa/m + i01/((i01-1)*k)*sb/k + 2*all/(all-1)*sab/(m*k)
	return math.Sqrt(math.Max(v, 0))
}

// AUROCDiffResult compares two scores on the same rows.
type AUROCDiffResult struct {
	Diff  float64  `json:"diff"`
	SE    float64  `json:"se"`
	Z     float64  `json:"z"`
	P     float64  `json:"p"`
	Lo    float64  `json:"lo"`
	Hi    float64  `json:"hi"`
	Notes []string `json:"notes"`
}

// AUROCDiff is the paired DeLong test of AUROC(a) - AUROC(b).
func AUROCDiff(a, b []float64, label []int, level float64) (AUROCDiffResult, error) {
	r := AUROCDiffResult{Diff: nan, SE: nan, Z: nan, P: nan, Lo: nan, Hi: nan}
	for _, s := range [][]float64{a, b} {
		if err := labelsOK(s, label); err != nil {
			return r, err
		}
	}
	if err := levelOK(level); err != nil {
		return r, err
	}
	ones := 0
	for _, l := range label {
		ones += l
	}
	if ones == 0 || ones == len(label) {
		r.Notes = []string{NoteSingleClass}
		return r, nil
	}
	pos, neg := placements(a, label)
	pb, nb := placements(b, label)
	r.Diff = mean(pos) - mean(pb)
	if len(pos) < 2 || len(neg) < 2 {
		r.Notes = []string{NoteTooFew}
		return r, nil
	}
	for j := range pos {
		pos[j] -= pb[j]
	}
	for j := range neg {
		neg[j] -= nb[j]
	}
	v := variance(pos)/float64(len(pos)) + variance(neg)/float64(len(neg))
	if v <= tinyVariance {
		r.SE, r.Notes = 0, []string{NoteDegenerate}
		if math.Abs(r.Diff) < tinyEffect {
			r.P = 1
		}
		return r, nil
	}
	r.SE = math.Sqrt(v)
	r.Z = r.Diff / r.SE
	h := zCritical(level) * r.SE
	r.P, r.Lo, r.Hi = math.Min(1, 2*normalTail(math.Abs(r.Z))), r.Diff-h, r.Diff+h
	return r, nil
}

// AveragePrecision is the step-wise area under the precision-recall curve,
// ties grouped; single_class and NaN without a positive.
func AveragePrecision(score []float64, label []int) (ap float64, notes []string, err error) {
	if err := labelsOK(score, label); err != nil {
		return nan, nil, err
	}
	ones := make([]float64, len(score))
	for i := range ones {
		ones[i] = 1
	}
	if ap := weightedAP(order(score), score, label, ones); !math.IsNaN(ap) {
		return ap, nil, nil
	}
	return nan, []string{NoteSingleClass}, nil
}

// weightedAP walks the rows from the highest score down; w are multiplicities,
// id sorts the scores upwards.
func weightedAP(id []int, score []float64, label []int, w []float64) float64 {
	positives := 0.0
	for i, l := range label {
		positives += w[i] * float64(l)
	}
	if positives == 0 {
		return nan
	}
	tp, seen, before, ap := 0.0, 0.0, 0.0, 0.0
	for k := len(id) - 1; k >= 0; k-- {
		i := id[k]
		tp += w[i] * float64(label[i])
		seen += w[i]
		if k > 0 && score[id[k-1]] == score[i] || seen == 0 {
			continue
		}
		ap += (tp - before) / positives * tp / seen
		before = tp
	}
	return ap
}

// CalibrationResult says how far probabilities can be trusted.
type CalibrationResult struct {
	Brier       float64          `json:"brier"`
	ECE         float64          `json:"ece"`
	Reliability []CalibrationBin `json:"reliability"`
}

// CalibrationBin is a non-empty bin of the reliability plot.
type CalibrationBin struct {
	Bin        int     `json:"bin"`
	N          int     `json:"n"`
	Confidence float64 `json:"confidence"`
	Accuracy   float64 `json:"accuracy"`
}

// Calibration over bins of equal width; bin = floor(p·bins), the last closed.
func Calibration(prob []float64, label []int, bins int) (CalibrationResult, error) {
	if err := labelsOK(prob, label); err != nil {
		return CalibrationResult{}, err
	}
	if bins < 1 || len(prob) == 0 {
		return CalibrationResult{}, bad("%d probabilities in %d bins", len(prob), bins)
	}
	all := make([]CalibrationBin, bins)
	r := CalibrationResult{Reliability: []CalibrationBin{}}
	for j, p := range prob {
		if p < 0 || p > 1 {
			return CalibrationResult{}, bad("probability %d is %v", j, p)
		}
		b := &all[min(int(p*float64(bins)), bins-1)]
		y := float64(label[j])
		b.N++
		b.Confidence += p
		b.Accuracy += y
		r.Brier += (p - y) * (p - y)
	}
	n := float64(len(prob))
	r.Brier /= n
	for k, b := range all {
		if b.N == 0 {
			continue
		}
		b.Bin, b.Confidence, b.Accuracy = k, b.Confidence/float64(b.N), b.Accuracy/float64(b.N)
		r.ECE += float64(b.N) / n * math.Abs(b.Confidence-b.Accuracy)
		r.Reliability = append(r.Reliability, b)
	}
	return r, nil
}

// FirstErrorResult is first-error localisation as ProcessBench counts it.
type FirstErrorResult struct {
	NError     int     `json:"n_error"`
	NCorrect   int     `json:"n_correct"`
	AccError   float64 `json:"acc_error"`
	AccCorrect float64 `json:"acc_correct"`
	F1         float64 `json:"f1"` // harmonic mean, 0 if both are 0
}

// FirstError compares labelled and predicted first wrong steps, -1 = none.
func FirstError(gold, pred []int) (FirstErrorResult, error) {
	if len(gold) != len(pred) {
		return FirstErrorResult{}, bad("%d labels for %d predictions", len(gold), len(pred))
	}
	r := FirstErrorResult{AccError: nan, AccCorrect: nan, F1: nan}
	var hitE, hitC int
	for j, g := range gold {
		switch {
		case g >= 0:
			r.NError++
			if pred[j] == g {
				hitE++
			}
		default:
			r.NCorrect++
			if pred[j] < 0 {
				hitC++
			}
		}
	}
	if r.NError > 0 {
		r.AccError = float64(hitE) / float64(r.NError)
	}
	if r.NCorrect > 0 {
		r.AccCorrect = float64(hitC) / float64(r.NCorrect)
	}
	if a, b := r.AccError, r.AccCorrect; r.NError > 0 && r.NCorrect > 0 {
		r.F1 = 0
		if a+b > 0 {
			r.F1 = 2 * a * b / (a + b)
		}
	}
	return r, nil
}
