package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
)

// Kinds of the ops of low-rank adapters.
const (
	KindLowRank   Kind = "lowrank"    // base(T,N), u(T,M·R), b(K,R) → base + scale·u·bᵀ by blocks (T,N)
	KindLowRankDu Kind = "lowrank-du" // dy(T,N), b(K,R), u → du(T,M·R)
	KindLowRankDb Kind = "lowrank-db" // dy(T,N), u(T,M·R), b → db(K,R)
)

// Block is one adapted layer inside a fused projection: outputs Lo to Hi of the
// projection, rows At to At+Hi-Lo of b, columns Index·R to (Index+1)·R of u.
type Block struct{ Lo, Hi, At, Index int }

// LowRankAttr holds the constants of KindLowRank and its gradients.
type LowRankAttr struct {
	Rank   int
	Scale  float64
	Blocks *[]Block
}

func (a LowRankAttr) String() string {
	return fmt.Sprintf("{%d %g %v}", a.Rank, a.Scale, *a.Blocks)
}

// LowRank adds scale·(x·aᵀ)·bᵀ to a projection, LoRA's update. a stacks the
// down-projections of all adapted layers that share the input x; each of them
// owns a block of outputs.
func LowRank(c LowRankAttr, level int, base, x, a, b *G.Node) *G.Node {
	u := Linear(level, x, a)
	o := &Op{Kind: KindLowRank, Attr: c, InPlace: 1, wrt: []bool{true, true, true}, Outs: like(0),
		diff: func(in G.Nodes, _, dy *G.Node) (G.Nodes, error) {
			du := &Op{Kind: KindLowRankDu, Attr: c, Outs: like(2)}
			db := &Op{Kind: KindLowRankDb, Attr: c, Adds: 1, Outs: like(2)}
			return G.Nodes{dy, du.apply("MMMM", dy, in[2], in[1]), db.apply("MMMM", dy, in[1], in[2])}, nil
		}}
	return o.apply("MMMM", base, u, b)
}
