package gemm

import (
	"math/rand/v2"
	"testing"
)

// A product with packed B equals Mul bit for bit, for every number of rows.
func TestMulPacked(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	fill := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = r.Float32() - 0.5
		}
		return x
	}
	for _, name := range Kernels() {
		e := WithKernel(1, name)
		for _, s := range [][2]int{{33, 40}, {128, 64}, {600, 17}} {
			k, n := s[0], s[1]
			const m = 37
			a, b, c0 := fill(m*k), fill(n*k), fill(m*n)
			want := append([]float32(nil), c0...)
			e.Mul(m, n, k, Rows(a, k), Rows(b, k).T(), want, n, true)
			p := e.Pack(Rows(b, k).T(), k, n)
			for _, rows := range []int{1, 2, 5, 6, 7, 14, 37} {
				got := append([]float32(nil), c0...)
				for i := 0; i < m; i += rows {
					e.MulPacked(0, min(rows, m-i), a[i*k:], k, p, got[i*n:], n, true)
				}
				for i := range got {
					if got[i] != want[i] {
						t.Fatalf("%s k=%d n=%d, %d rows at a time: element %d is %g, want %g", name, k, n, rows, i, got[i], want[i])
					}
				}
			}
		}
	}
}
