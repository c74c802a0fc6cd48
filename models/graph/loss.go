package graph

import G "gorgonia.org/gorgonia"

// Kinds of the ops between the last hidden state and the loss.
const (
	KindLogProb       Kind = "logprob"        // h(T,D), w(V,D), rows I(N), ids I(N) → logp(N), lse(N), entropy(N)
	KindLogProbGrad   Kind = "logprob-grad"   // h, w, rows, ids, lse, dlogp(N) → dh(T,D), dw(V,D)
	KindSeqSum        Kind = "seqsum"         // logp(N), bounds I(S+1) → (S)
	KindSeqSumGrad    Kind = "seqsum-grad"    // dsum(S), bounds, logp → dlogp(N)
	KindObjective     Kind = "objective"      // sums(S) → scalar
	KindObjectiveGrad Kind = "objective-grad" // sums(S), dloss → (S)
)

// Kinds of ops outside any graph, which models/optim runs.
const (
	KindSumSquares Kind = "sum-squares" // x(n) → one float64
	KindAdamW      Kind = "adamw"       // p(n), grad(n), m(n), v(n)[, scales of m, of v][, Σ grad² float64] → p, m, v in place
)

// LogProb is the log-probability of each pick under softmax(h·wᵀ): row rows[i]
// of h predicts token ids[i]. Only picked rows are projected, and logits are
// never kept: the backward pass recomputes them chunk by chunk. The packed node
// holds the log-probabilities, the logarithms of the softmax denominators, and
// the entropies of the softmax, which carry no gradient.
func LogProb(h, w, rows, ids *G.Node) (logp, entropy *G.Node) {
	o := &Op{Kind: KindLogProb, Optional: 4, wrt: []bool{true, true, false, false},
		Outs: func(s shapes) shapes { return shapes{s[2].Clone(), s[2].Clone(), s[2].Clone()} },
		diff: func(in G.Nodes, out, g *G.Node) (G.Nodes, error) {
			d := &Op{Kind: KindLogProbGrad, Adds: 2, Optional: 2,
				Outs: func(s shapes) shapes { return shapes{s[0].Clone(), s[1].Clone()} }}
			p := d.apply("MMIIVVV", in[0], in[1], in[2], in[3], Field(out, 1), g)
			return G.Nodes{Field(p, 0), Field(p, 1), nil, nil}, nil
		}}
	p := o.apply("MMIIV", h, w, rows, ids)
	return Field(p, 0), Field(p, 2)
}

// SeqSum adds the log-probabilities of picks bounds[s] to bounds[s+1] to that
// of sequence s.
func SeqSum(logp, bounds *G.Node) *G.Node {
	o := &Op{Kind: KindSeqSum, wrt: []bool{true, false},
		Outs: func(s shapes) shapes { return shapes{{s[1][0] - 1}} },
		diff: func(in G.Nodes, _, g *G.Node) (G.Nodes, error) {
			d := &Op{Kind: KindSeqSumGrad, Outs: like(2)}
			return G.Nodes{d.apply("VIVV", g, in[1], in[0]), nil}, nil
		}}
	return o.apply("VIV", logp, bounds)
}

// Loss is a loss as a pure function of sequence log-probabilities: it returns
// the value and sets coef to its derivatives. models/vm calls it on the host,
// for it handles a few numbers a batch.
type Loss func(logp, coef []float64) float64

// LossAttr names the loss of a graph.
type LossAttr struct{ Eval *Loss }

// Objective is the scalar loss *f of the sums. What f points to may change
// between runs, so one graph serves every loss.
func Objective(f *Loss, sums *G.Node) *G.Node {
	a := LossAttr{f}
	o := &Op{Kind: KindObjective, Attr: a, wrt: []bool{true},
		Outs: func(shapes) shapes { return shapes{{}} },
		diff: func(in G.Nodes, _, g *G.Node) (G.Nodes, error) {
			d := &Op{Kind: KindObjectiveGrad, Attr: a, Outs: like(0)}
			return G.Nodes{d.apply("VSV", in[0], g)}, nil
		}}
	return o.apply("VS", sums)
}

// MomentBlock is how many 8-bit moments share a scale.
const MomentBlock = 256

// AdamW holds the constants of one step of KindAdamW; the op's Attr points to
// it, so they may change between steps.
type AdamW struct {
	LR, Beta1, Beta2, Eps, Decay float64
	// Scale multiplies the gradient: the clipping factor.
	Scale float64
	// Clip, where the op has the gradients' sum of squares as its last input, is
	// the norm to which a device clips by itself, 0 for none; it leaves
	// everything as it is where the sum is not finite.
	Clip float64
	// Step and Offset, the place of the first element in the whole vector,
	// decide the random bits that round moments kept in fewer than 32.
	Step, Offset int
	// Bias1 and Bias2 are 1-β₁ᵗ and 1-β₂ᵗ.
	Bias1, Bias2 float64
}
