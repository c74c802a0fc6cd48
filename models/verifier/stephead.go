package verifier

import "math"

// StepHead is the logistic regression behind the step scores: its output at
// step i is the hazard, the probability that the first error is at i when
// there was none before.
type StepHead struct {
	Linear
}

// Further step features beside the counts of a step.
const (
	tPosition = numStepCounts + iota // i/(n-1)
	tIsLast
	tIsFirst
	tSteps
	tIndex
	tOpsBefore
	tQtyBefore
	tBadBefore
	tNoEquation
	tOpsPerEq
	tLogWords
	tPrevNoEq
	tIsAnswer // the step holds nothing but the answer
	tGlobal
)

// stepGlobals are the solution's features that the step head sees too.
func stepGlobals() []int {
	return []int{fQNumbers, fUnused, fUnmention, fUnusedNum, fOpsPerQty, fOpsMinusQty, fDangShare, fAnsLast, fAnsDerived, fAnsFrac,
		fAnsNeg, fAnsRatio, fQLen, fQLeft, fQEach, fNonIntShare, fQCover, fNewStems}
}

const numStepFeatures = tGlobal + 18

func stepFeatureNames() []string {
	names := []string{"equations", "bad", "unsourced", "soft", "before", "contradictions", "negative", "non_integer", "repeat", "ops",
		"new_quantities", "numbers", "novel", "uses_previous", "big", "redundant", "words", "misquote", "dangling",
		"position", "is_last", "is_first", "steps", "index", "ops_before", "quantities_before", "bad_before", "no_equation",
		"ops_per_equation", "log_words", "previous_no_equation", "answer_only"}
	all := FeatureNames()
	for _, g := range stepGlobals() {
		names = append(names, "solution."+all[g])
	}
	return names
}

// stepRows calls f with the feature vector of each step; the vector is reused.
func (a *analysis) stepRows(f func(i int, x []float64)) {
	var x [numStepFeatures]float64
	n := len(a.steps)
	var ops, qty, bad float64
	for k, g := range stepGlobals() {
		x[tGlobal+k] = a.f[g]
	}
	for i := range a.steps {
		sc := &a.steps[i].sc
		copy(x[:numStepCounts], sc[:])
		x[tPosition] = float64(i) / math.Max(1, float64(n-1))
		x[tIsLast], x[tIsFirst] = flag(i == n-1), flag(i == 0)
		x[tSteps], x[tIndex] = math.Min(12, float64(n)), math.Min(20, float64(i))
		x[tOpsBefore], x[tQtyBefore], x[tBadBefore] = ops, qty, bad
		x[tNoEquation] = flag(sc[sEquations] == 0)
		x[tOpsPerEq] = sc[sOps] / math.Max(1, sc[sEquations])
		x[tLogWords] = math.Log1p(sc[sWords])
		x[tPrevNoEq] = flag(i > 0 && a.steps[i-1].sc[sEquations] == 0)
		x[tIsAnswer] = flag(i == n-1 && sc[sWords] <= 4)
		f(i, x[:])
		ops, qty, bad = ops+sc[sOps], qty+sc[sNewQty], bad+sc[sBad]
	}
}

func (h *StepHead) hazards(a *analysis, out []float64) {
	a.stepRows(func(i int, x []float64) { out[i] = sigmoid(h.Logit(x)) })
}
