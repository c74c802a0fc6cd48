package gemm

import (
	"math"
	"time"
)

// Kernels are tried on a small product before they are used: a processor, or a
// hypervisor, that reports an instruction set and computes something else must
// not spoil a result in silence.

// probe fills a with numbers that differ and are exact in bfloat16.
func probe(n int) []float32 {
	r := make([]float32, n)
	for i := range r {
		r[i] = float32(i*37%64-31) / 16
	}
	return r
}

// sound reports whether every tile of k agrees with the sum that defines a
// product, on whole and on narrow panels.
func (k *kernel) sound() bool {
	const depth = 11
	a, b := probe((k.mr+1)*depth), probe(k.nr*depth)
	e := newEngine(1, k, k)
	for m := 1; m <= k.mr; m++ {
		for _, n := range []int{k.nr, k.nr/2 + 1, 1} {
			if !k.agrees(e, m, n, depth, Rows(a, depth), b) || !k.agrees(e, m, n, depth, Mat{a, 1, m + 1}, b) {
				return false
			}
		}
	}
	return true
}

// agrees checks storing and then adding.
func (k *kernel) agrees(e *Engine, m, n, depth int, a Mat, b []float32) bool {
	c := make([]float32, m*n)
	for times := range 2 {
		e.Mul(m, n, depth, a, Rows(b, k.nr), c, n, times > 0)
		for i, v := range c {
			var want float64
			for p := range depth {
				want += float64(a.at(i/n, p).D[0]) * float64(b[p*k.nr+i%n])
			}
			if !(math.Abs(float64(v)-float64(times+1)*want) < 1e-3) {
				return false
			}
		}
	}
	return true
}

// Peak measures what one thread can do at most with a kernel's instructions, in
// operations a second: multiply-adds on registers alone, the best of some tries.
// It is 0 for a kernel that has no such loop.
func Peak(kernel string) float64 {
	p, ok := peaks[kernel]
	if !ok {
		return 0
	}
	const rounds = 50_000
	best := 0.0
	for range 20 {
		start := time.Now()
		p.run(rounds)
		best = max(best, p.flop*rounds/time.Since(start).Seconds())
	}
	return best
}
