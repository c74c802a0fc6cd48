package gemm

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestPair(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	fill := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = r.Float32() - 0.5
		}
		return x
	}
	const canary = 12345
	for _, k := range []int{1, 2, 7, 32, 64, 129} {
		for _, acc := range []bool{false, true} {
			a0, a1, b0, b1 := fill(k), fill(k), fill(16*k), fill(16*k)
			got := [2][]float32{append(fill(32), canary), append(fill(32), canary)}
			want := [2][]float32{append([]float32(nil), got[0]...), append([]float32(nil), got[1]...)}
			Pair(k, a0, a1, b0, b1, got[0], got[1], acc)
			pairGo(k, a0, a1, b0, b1, want[0], want[1], acc)
			for i := range got {
				for j := range got[i] {
					if d := math.Abs(float64(got[i][j] - want[i][j])); d > 1e-5 {
						t.Fatalf("k=%d acc=%v: row %d column %d is %g, want %g", k, acc, i, j, got[i][j], want[i][j])
					}
				}
			}
			// A row does not depend on its partner.
			alone := append([]float32(nil), got[1]...)
			other := make([]float32, 32)
			if !acc {
				Pair(k, a1, a0, b0, b1, alone, other, false)
				for j := range 32 {
					if alone[j] != got[1][j] {
						t.Fatalf("k=%d: column %d differs with the partner", k, j)
					}
				}
			}
		}
	}
}

func BenchmarkPair(b *testing.B) {
	k := 64
	a, p, c := make([]float32, 2*k), make([]float32, 32*k), make([]float32, 64)
	for b.Loop() {
		Pair(k, a[:k], a[k:], p[:16*k], p[16*k:], c[:32], c[32:], false)
	}
	b.ReportMetric(float64(2*2*32*k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}
