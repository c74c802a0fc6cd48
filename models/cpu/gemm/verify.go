package gemm

import "math"

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

// sound reports whether k agrees with the sum that defines a product: tile on
// packed operands and, if there is one, direct on rows.
func (k *kernel) sound() bool {
	const depth = 11
	a, b := probe(k.mr*depth), probe(k.nr*depth)
	e := newEngine(1, k, k)
	c := make([]float32, k.mr*k.nr)
	for _, layout := range []Mat{Rows(a, depth), {a, 1, k.mr}} { // in place, and packed
		for _, acc := range []bool{false, true} {
			e.Mul(k.mr, k.nr, depth, layout, Rows(b, k.nr), c, k.nr, acc)
			times := float64(1)
			if acc {
				times = 2
			}
			for i, v := range c {
				var want float64
				for p := range depth {
					want += float64(layout.at(i/k.nr, p).D[0]) * float64(b[p*k.nr+i%k.nr])
				}
				if !(math.Abs(float64(v)-times*want) < 1e-3) {
					return false
				}
			}
		}
	}
	return true
}
