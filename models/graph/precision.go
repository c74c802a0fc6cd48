package graph

// A backend may keep activations, the matrices with a row for each token, in a
// narrower type than the graph's (vm.Narrow). What must not be rounded stays
// wide: parameters and their gradients, vectors, and the denominators of a
// softmax. Bit i of an entry is input, or output, number i of the kind.
var (
	wideIn = map[Kind]uint{
		KindEmbed: 1 << 1, KindEmbedGrad: 1 << 2, KindLinear: 1 << 1, KindLinearDx: 1 << 1,
		KindAttnGrad: 1 << 4, KindLogProb: 1 << 1, KindLogProbGrad: 1 << 1,
		KindLowRank: 1 << 2, KindLowRankDu: 1 << 1, KindLowRankDb: 1 << 2,
		KindSumSquares: ^uint(0), KindAdamW: ^uint(0),
	}
	wideOut = map[Kind]uint{
		KindEmbedGrad: 1, KindLinearDw: 1, KindAttn: 1 << 1, KindLogProbGrad: 1 << 1, KindLowRankDb: 1,
		KindSumSquares: ^uint(0), KindAdamW: ^uint(0),
	}
)

// NarrowIn reports whether input i of a kind, of the given shape, is an
// activation that a backend may keep narrower; NarrowOut does for outputs.
func (k Kind) NarrowIn(i int, s Shape) bool { return len(s) == 2 && wideIn[k]>>i&1 == 0 }

// NarrowOut is NarrowIn for output i.
func (k Kind) NarrowOut(i int, s Shape) bool { return len(s) == 2 && wideOut[k]>>i&1 == 0 }
