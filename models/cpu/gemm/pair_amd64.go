package gemm

//go:noescape
func pair2x32(k int64, a0, a1, b0, b1, c0, c1 *float32, acc int64)

// HasPair reports whether Pair has a vector kernel on this CPU.
func HasPair() bool { return hasVec }

func twoRows(k int, a0, a1, b0, b1, c0, c1 []float32, acc bool) {
	if !hasVec {
		pairGo(k, a0, a1, b0, b1, c0, c1, acc)
		return
	}
	_, _, _, _, _, _ = a0[k-1], a1[k-1], b0[PairPanel*k-1], b1[PairPanel*k-1], c0[2*PairPanel-1], c1[2*PairPanel-1]
	flag := int64(0)
	if acc {
		flag = 1
	}
	pair2x32(int64(k), &a0[0], &a1[0], &b0[0], &b1[0], &c0[0], &c1[0], flag)
}
