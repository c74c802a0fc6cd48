package graph

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Kinds of the ops of a transformer layer.
const (
	KindEmbed      Kind = "embed"       // tok I(T), w(V,D) → (T,D)
	KindEmbedGrad  Kind = "embed-grad"  // tok I(T), dy(T,D), w(V,D) → dw(V,D)
	KindRMSNorm    Kind = "rmsnorm"     // x(T,D), gain(D) → (T,D)
	KindRMSNormDx  Kind = "rmsnorm-dx"  // x, gain, dy(T,D) → dx(T,D)
	KindRMSNormDg  Kind = "rmsnorm-dg"  // x, dy(T,D) → dgain(D)
	KindLinear     Kind = "linear"      // x(T,K), w(N,K)[, residual(T,N)] → x·wᵀ (+ residual) (T,N)
	KindLinearDx   Kind = "linear-dx"   // dy(T,N), w(N,K) → (T,K)
	KindLinearDw   Kind = "linear-dw"   // dy(T,N), x(T,K) → (N,K)
	KindColSum     Kind = "colsum"      // dy(T,N) → (N)
	KindSwiGLU     Kind = "swiglu"      // gate‖up (T,2F) → silu(gate)·up (T,F)
	KindSwiGLUGrad Kind = "swiglu-grad" // gate‖up, dy(T,F) → (T,2F)
	KindAdd        Kind = "add"         // x, y → x+y
)

// Norm holds the constants of RMSNorm.
type Norm struct{ Eps float64 }

// Embedding looks up the rows tok of w.
func Embedding(tok, w *G.Node) *G.Node {
	o := &Op{Kind: KindEmbed, wrt: []bool{false, true},
		Outs: func(s shapes) shapes { return shapes{{s[0][0], s[1][1]}} },
		diff: func(in G.Nodes, _, g *G.Node) (G.Nodes, error) {
			dw := &Op{Kind: KindEmbedGrad, Adds: 1, Outs: like(2)}
			return G.Nodes{nil, dw.apply("IMMM", in[0], g, in[1])}, nil
		}}
	return o.apply("IMM", tok, w)
}

// RMSNorm is gain·x/√(mean(x²)+ε) of each row; the backward pass recomputes
// the reciprocal root.
func RMSNorm(c Norm, x, gain *G.Node) *G.Node {
	o := &Op{Kind: KindRMSNorm, Attr: c, Cheap: 1, wrt: []bool{true, true}, Outs: like(0),
		diff: func(in G.Nodes, _, dy *G.Node) (G.Nodes, error) {
			dx := &Op{Kind: KindRMSNormDx, Attr: c, Adds: 1, Outs: like(0)}
			dg := &Op{Kind: KindRMSNormDg, Attr: c, Adds: 1,
				Outs: func(s shapes) shapes { return shapes{{s[0][1]}} }}
			return G.Nodes{dx.apply("MVMM", in[0], in[1], dy), dg.apply("MMV", in[0], dy)}, nil
		}}
	return o.apply("MVM", x, gain)
}

func linearDx(dy, w *G.Node) *G.Node {
	o := &Op{Kind: KindLinearDx, Adds: 1,
		Outs: func(s shapes) shapes { return shapes{{s[0][0], s[1][1]}} }}
	return o.apply("MMM", dy, w)
}

func linearDw(dy, x *G.Node) *G.Node {
	o := &Op{Kind: KindLinearDw, Adds: 1,
		Outs: func(s shapes) shapes { return shapes{{s[0][1], s[1][1]}} }}
	return o.apply("MMM", dy, x)
}

// Linear is x·wᵀ, plus a residual if one is given. level is the recompute
// level of the backward pass (see Op.Cheap).
func Linear(level int, x, w *G.Node, residual ...*G.Node) *G.Node {
	o := &Op{Kind: KindLinear, Cheap: 2, wrt: []bool{true, true},
		Outs: func(s shapes) shapes { return shapes{{s[0][0], s[1][0]}} },
		diff: func(in G.Nodes, _, g *G.Node) (G.Nodes, error) {
			r := G.Nodes{linearDx(g, in[1]), linearDw(g, recompute(in[0], level))}
			if len(in) == 3 {
				r = append(r, g)
			}
			return r, nil
		}}
	if len(residual) == 0 {
		return o.apply("MMM", x, w)
	}
	o.Cheap, o.name, o.wrt = 0, "linear+residual", []bool{true, true, true}
	return o.apply("MMMM", x, w, residual[0])
}

// SwiGLU is silu(gate)·up for rows that hold gate and up side by side.
func SwiGLU(level int, gu *G.Node) *G.Node {
	o := &Op{Kind: KindSwiGLU, Cheap: 1, wrt: []bool{true},
		Outs: func(s shapes) shapes { return shapes{{s[0][0], s[0][1] / 2}} },
		diff: func(in G.Nodes, _, g *G.Node) (G.Nodes, error) {
			d := &Op{Kind: KindSwiGLUGrad, InPlace: 1, Outs: like(0)}
			return G.Nodes{d.apply("MMM", recompute(in[0], level), g)}, nil
		}}
	return o.apply("MM", gu)
}

// ColSum is the sum of each column.
func ColSum(x *G.Node) *G.Node {
	o := &Op{Kind: KindColSum, Adds: 1,
		Outs: func(s shapes) shapes { return shapes{tensor.Shape{s[0][1]}} }}
	return o.apply("MV", x)
}

// Add is the op that models/vm runs for gorgonia's own elementwise sum where
// accumulate fusion cannot remove it.
func Add() *Op {
	return &Op{Kind: KindAdd, Adds: 1, Outs: like(0), name: string(KindAdd)}
}
