package gemm

// PairPanel is the width of the panels that Pair reads.
const PairPanel = 16

// Pair multiplies two rows by two panels [k][PairPanel] that need not be
// neighbours: c0 and c1, of 2·PairPanel elements each, become the products of
// a0 and a1, or get them added if acc. It is the kernel of attention from one
// token, where the rows of a product are the few query heads that share a key
// head and a tile made for many rows would compute mostly padding.
func Pair(k int, a0, a1, b0, b1, c0, c1 []float32, acc bool) {
	if k > 0 {
		twoRows(k, a0, a1, b0, b1, c0, c1, acc)
	}
}

// pairGo is the naive twin.
func pairGo(k int, a0, a1, b0, b1, c0, c1 []float32, acc bool) {
	for i, a := range [2][]float32{a0, a1} {
		c := [2][]float32{c0, c1}[i]
		for h, b := range [2][]float32{b0, b1} {
			for j := range PairPanel {
				var s float32
				for p := range k {
					s += a[p] * b[p*PairPanel+j]
				}
				if acc {
					s += c[h*PairPanel+j]
				}
				c[h*PairPanel+j] = s
			}
		}
	}
}
