package train

import (
	"fmt"
	"math"
)

// Loss is a preference loss as a pure function of sequence log-probabilities.
type Loss struct {
	// Kind: sigmoid (DPO, default), ipo, hinge, robust, simpo, npo or nll.
	Kind           string
	Beta           float64
	LabelSmoothing float64 // ε of sigmoid and robust
	Gamma          float64 // target margin of simpo
	// RPOAlpha adds alpha times the chosen side's negative log-likelihood a
	// token.
	RPOAlpha float64
	// WeightNorm: run divides a batch's weighted losses by its number of
	// pairs, batch by its sum of weights.
	WeightNorm string
}

// Pair holds what a loss sees of one pair: sums of token log-probabilities
// under the policy and the reference, and the completions' lengths.
type Pair struct {
	Chosen, Rejected       float64
	RefChosen, RefRejected float64
	ChosenLen, RejectedLen int
}

// Check refuses unknown names and senseless numbers.
func (l Loss) Check() error {
	switch l.Kind {
	case "sigmoid", "ipo", "hinge", "robust", "simpo", "npo", "nll":
	default:
		return fmt.Errorf("loss %q: want sigmoid, ipo, hinge, robust, simpo, npo or nll", l.Kind)
	}
	if l.WeightNorm != "run" && l.WeightNorm != "batch" {
		return fmt.Errorf("weight_norm %q: want run or batch", l.WeightNorm)
	}
	if !(l.Beta > 0) && l.Kind != "nll" {
		return fmt.Errorf("beta is %g, want a positive number", l.Beta)
	}
	if !(l.LabelSmoothing >= 0 && l.LabelSmoothing < 0.5) {
		return fmt.Errorf("label_smoothing is %g, want 0 ≤ ε < 0.5", l.LabelSmoothing)
	}
	return nil
}

// NeedsReference reports whether the loss looks at the reference model.
func (l Loss) NeedsReference() bool { return l.Kind != "simpo" && l.Kind != "nll" }

// softplus is ln(1+eˣ) = -ln σ(-x).
func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// logistic is -(1-a)·ln σ(m) - b·ln σ(-m) with its derivative by m.
func logistic(m, a, b float64) (value, slope float64) {
	return a*softplus(-m) + b*softplus(m), b*sigmoid(m) - a*sigmoid(-m)
}

// Eval is the loss of one pair and its derivatives by the log-probabilities
// of the chosen and the rejected completion.
func (l Loss) Eval(p Pair) (value, dc, dr float64) {
	nc, nr := float64(max(p.ChosenLen, 1)), float64(max(p.RejectedLen, 1))
	d := (p.Chosen - p.RefChosen) - (p.Rejected - p.RefRejected)
	e := l.LabelSmoothing
	var slope float64
	switch l.Kind {
	case "sigmoid":
		value, slope = logistic(l.Beta*d, 1-e, e)
		dc, dr = slope*l.Beta, -slope*l.Beta
	case "robust":
		value, slope = logistic(l.Beta*d, (1-e)/(1-2*e), -e/(1-2*e))
		dc, dr = slope*l.Beta, -slope*l.Beta
	case "hinge":
		if m := 1 - l.Beta*d; m > 0 {
			value, dc, dr = m, -l.Beta, l.Beta
		}
	case "ipo": // on log-probabilities a token, as in TRL
		x := (p.Chosen-p.RefChosen)/nc - (p.Rejected-p.RefRejected)/nr - 1/(2*l.Beta)
		value, dc, dr = x*x, 2*x/nc, -2*x/nr
	case "simpo":
		value, slope = logistic(l.Beta*(p.Chosen/nc-p.Rejected/nr)-l.Gamma, 1-e, e)
		dc, dr = slope*l.Beta/nc, -slope*l.Beta/nr
	case "npo": // the rejected side alone: 2/β · ln(1+(π/π_ref)^β)
		m := l.Beta * (p.Rejected - p.RefRejected)
		value, dr = 2/l.Beta*softplus(m), 2*sigmoid(m)
	case "nll":
		value, dc = -p.Chosen/nc, -1/nc
	}
	if l.RPOAlpha != 0 {
		value, dc = value-l.RPOAlpha*p.Chosen/nc, dc-l.RPOAlpha/nc
	}
	return value, dc, dr
}

// divisor is what the weighted losses of a batch are divided by.
func (l Loss) divisor(weights []float64) float64 {
	if l.WeightNorm == "run" {
		return float64(len(weights))
	}
	var s float64
	for _, w := range weights {
		s += w
	}
	return s
}
