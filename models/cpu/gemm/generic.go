package gemm

import "unsafe"

// goKernel runs everywhere.
var goKernel = kernel{name: "go_2x4", mr: 2, nr: 4, mc: 64, kc: 256, nc: 512, tile: tile2x4}

func tile2x4(k int64, a, b, c *float32, ldc int64, acc int64) {
	n := int(k)
	tileGo(span(a, 2*n), span(b, 4*n), span(c, int(ldc)+4), int(ldc), acc != 0)
}

func span(p *float32, n int) []float32 { return unsafe.Slice(p, n) }

func tileGo(a, b, c []float32, ldc int, acc bool) {
	var c00, c01, c02, c03, c10, c11, c12, c13 float32
	for len(a) >= 2 && len(b) >= 4 {
		a0, a1 := a[0], a[1]
		b0, b1, b2, b3 := b[0], b[1], b[2], b[3]
		c00 += a0 * b0
		c01 += a0 * b1
		c02 += a0 * b2
		c03 += a0 * b3
		c10 += a1 * b0
		c11 += a1 * b1
		c12 += a1 * b2
		c13 += a1 * b3
		a, b = a[2:], b[4:]
	}
	r, s := c[:4], c[ldc:ldc+4]
	if !acc {
		clear(r)
		clear(s)
	}
	r[0] += c00
	r[1] += c01
	r[2] += c02
	r[3] += c03
	s[0] += c10
	s[1] += c11
	s[2] += c12
	s[3] += c13
}
