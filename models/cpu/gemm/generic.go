package gemm

import (
	"math"
	"unsafe"
)

// goKernel runs everywhere.
var goKernel = kernel{name: "go_2x4", mr: 2, nr: 4, mc: 64, kc: 256, nc: 512, lane: 2,
	rows: []tile{goRow1, goRow2}, cols: []tile{goCol1, goCol2}}

// goBF16 multiplies pairs in plain Go: the twin of the VDPBF16PS tiles.
var goBF16 = kernel{name: "go_bf16_2x4", mr: 2, nr: 4, mc: 64, kc: 256, nc: 512, lane: 2, conv: pairs,
	rows: []tile{goTile(1, true, true), goTile(2, true, true)}, cols: []tile{goTile(1, false, true), goTile(2, false, true)}}

func span(p *float32, n int) []float32 { return unsafe.Slice(p, n) }

// goTile is the naive tile.
func goTile(h int, byRow, paired bool) tile {
	low := func(v float32) float32 { return math.Float32frombits(math.Float32bits(v) << 16) }
	high := func(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ 0xffff) }
	return func(k int64, a *float32, step int64, b, c *float32, ldc, n, acc int64, from *float32) {
		rs, cs := int(step), 1
		if !byRow {
			rs, cs = 1, int(step)
		}
		x, y, o := span(a, (h-1)*rs+int(k-1)*cs+1), span(b, 4*int(k)), span(c, (h-1)*int(ldc)+int(n))
		f := span(from, len(o))
		for i := range h {
			for j := range int(n) {
				var s float32
				for p := range int(k) {
					u, v := x[i*rs+p*cs], y[4*p+j]
					if paired {
						s += high(u) * high(v)
						s += low(u) * low(v)
					} else {
						s += u * v
					}
				}
				if acc != 0 {
					s += f[i*int(ldc)+j]
				}
				o[i*int(ldc)+j] = s
			}
		}
	}
}

func goRow1(k int64, a *float32, step int64, b, c *float32, ldc, n, acc int64, from *float32) {
	go2x4(int(k), 1, a, 0, 1, b, c, from, int(ldc), int(n), acc != 0)
}

func goRow2(k int64, a *float32, step int64, b, c *float32, ldc, n, acc int64, from *float32) {
	go2x4(int(k), 2, a, int(step), 1, b, c, from, int(ldc), int(n), acc != 0)
}

func goCol1(k int64, a *float32, step int64, b, c *float32, ldc, n, acc int64, from *float32) {
	go2x4(int(k), 1, a, 0, int(step), b, c, from, int(ldc), int(n), acc != 0)
}

func goCol2(k int64, a *float32, step int64, b, c *float32, ldc, n, acc int64, from *float32) {
	go2x4(int(k), 2, a, 1, int(step), b, c, from, int(ldc), int(n), acc != 0)
}

// go2x4 computes two rows, of which h are stored.
func go2x4(k, h int, a *float32, rs, cs int, b, c, from *float32, ldc, n int, acc bool) {
	x, y := span(a, rs+(k-1)*cs+1), span(b, 4*k)
	var s [2][4]float32
	for at := 0; len(y) >= 4; at += cs {
		a0, a1 := x[at], x[at+rs]
		b0, b1, b2, b3 := y[0], y[1], y[2], y[3]
		s[0][0] += a0 * b0
		s[0][1] += a0 * b1
		s[0][2] += a0 * b2
		s[0][3] += a0 * b3
		s[1][0] += a1 * b0
		s[1][1] += a1 * b1
		s[1][2] += a1 * b2
		s[1][3] += a1 * b3
		y = y[4:]
	}
	for i := range h {
		o, f := span(c, i*ldc+n)[i*ldc:], span(from, i*ldc+n)[i*ldc:]
		for j := range o {
			v := s[i][j]
			if acc {
				v += f[j]
			}
			o[j] = v
		}
	}
}
