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
	r.name, r.conv = "bf16_by_"+k.name, rounds
	return &r
}

// element is packed element p of a row of kb elements.
func (k *kernel) element(a Mat, p, kb int) float32 {
	switch k.conv {
	case plain:
		return a.D[p*a.C]
	case rounds:
		return math.Float32frombits(bf16Bits(a.D[p*a.C]) << 16)
	}
	var y float32
	if 2*p+1 < kb {
		y = a.D[(2*p+1)*a.C]
	}
	return pair(a.D[2*p*a.C], y)
}

// pair holds two bfloat16 in the bits of a float32.
func pair(x, y float32) float32 { return math.Float32frombits(bf16Bits(x) | bf16Bits(y)<<16) }

func roundTo(x, o []float32) {
	for i := roundRow(x, o); i < len(x); i++ {
		o[i] = math.Float32frombits(bf16Bits(x[i]) << 16)
	}
}
