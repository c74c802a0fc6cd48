//go:build !amd64

package gemm

// HasPair reports whether Pair has a vector kernel on this CPU.
func HasPair() bool { return false }

func twoRows(k int, a0, a1, b0, b1, c0, c1 []float32, acc bool) {
	pairGo(k, a0, a1, b0, b1, c0, c1, acc)
}
