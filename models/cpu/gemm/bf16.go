package gemm

import "math"

// conversion says what packing does to the elements.
type conversion int

const (
	plain  conversion = iota
	rounds            // to the nearest bfloat16
	pairs             // and two along k share 32 bits, the lower k in the lower half
)

// bf16Bits rounds to the nearest bfloat16, ties to even.
func bf16Bits(x float32) uint32 {
	b := math.Float32bits(x)
	return (b + 0x7fff + b>>16&1) >> 16
}

// depth is the number of packed rows for k.
func (k *kernel) depth(n int) int {
	if k.conv == pairs {
		return (n + 1) / 2
	}
	return n
}

// rounding is a float32 kernel whose operands are rounded to bfloat16.
func rounding(k *kernel) *kernel {
	r := *k
	r.name, r.conv, r.direct = "bf16_by_"+k.name, rounds, nil
	return &r
}

// goBF16 multiplies pairs in plain Go: the twin of the VDPBF16PS tile.
var goBF16 = kernel{name: "go_bf16_2x4", mr: 2, nr: 4, mc: 64, kc: 256, nc: 512, tile: tilePairs2x4, conv: pairs}

// convert is a with its elements converted, m×depth(k): the block that packA
// then lays out. It uses buf.
func (k *kernel) convert(buf *[]float32, a Mat, m, n int) Mat {
	if k.conv == plain || m <= 0 {
		return a
	}
	d := k.depth(n)
	*buf = grow(*buf, m*d)
	o := *buf
	if a.R == 1 { // columns are contiguous
		for p := range d {
			if k.conv == rounds {
				roundTo(a.D[p*a.C:][:m], o[p*m:][:m])
				continue
			}
			x := a.D[2*p*a.C:][:m]
			var y []float32
			if 2*p+1 < n {
				y = a.D[(2*p+1)*a.C:][:m]
			}
			pairTo(x, y, o[p*m:][:m])
		}
		return Mat{o, 1, m}
	}
	for i := range m {
		row, out := a.D[i*a.R:], o[i*d:][:d]
		switch {
		case a.C != 1:
			for p := range out {
				var y float32
				if k.conv == pairs && 2*p+1 < n {
					y = row[(2*p+1)*a.C]
				}
				out[p] = k.element(row, p, a.C, y)
			}
		case k.conv == rounds:
			roundTo(row[:n], out)
		default:
			p := pairElems(row[:n], out)
			for ; p < d; p++ {
				var y float32
				if 2*p+1 < n {
					y = row[2*p+1]
				}
				out[p] = pair(row[2*p], y)
			}
		}
	}
	return Mat{o, d, 1}
}

func (k *kernel) element(row []float32, p, step int, y float32) float32 {
	if k.conv == rounds {
		return math.Float32frombits(bf16Bits(row[p*step]) << 16)
	}
	return pair(row[2*p*step], y)
}

// pair holds two bfloat16 in the bits of a float32.
func pair(x, y float32) float32 { return math.Float32frombits(bf16Bits(x) | bf16Bits(y)<<16) }

func roundTo(x, o []float32) {
	for i := roundRow(x, o); i < len(x); i++ {
		o[i] = math.Float32frombits(bf16Bits(x[i]) << 16)
	}
}

// pairTo pairs two rows; y is nil for zeros.
func pairTo(x, y, o []float32) {
	if y == nil {
		for i, v := range x {
			o[i] = pair(v, 0)
		}
		return
	}
	for i := pairRows(x, y, o); i < len(x); i++ {
		o[i] = pair(x[i], y[i])
	}
}

func tilePairs2x4(k int64, a, b, c *float32, ldc int64, acc int64) {
	x, y, o := span(a, 2*int(k)), span(b, 4*int(k)), span(c, int(ldc)+4)
	lo := func(v float32) float32 { return math.Float32frombits(math.Float32bits(v) << 16) }
	hi := func(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ 0xffff) }
	for i := range 2 {
		for j := range 4 {
			var s float32
			for p := range int(k) {
				u, v := x[2*p+i], y[4*p+j]
				s += hi(u) * hi(v)
				s += lo(u) * lo(v)
			}
			if acc != 0 {
				s += o[i*int(ldc)+j]
			}
			o[i*int(ldc)+j] = s
		}
	}
}
