package cpu

import (
	"math"

	"hardneg/models/cpu/gemm"
	"hardneg/models/graph"
	"hardneg/models/vm"
)

func adamW[F Float](c *CPU, k vm.Call) vm.Kernel {
	p, g := data[F](k.In[0]), data[F](k.In[1])
	a := k.Op.Attr.(*graph.AdamW)
	const chunk = 1 << 14 // a multiple of graph.MomentBlock
	switch k.In[2].Buf.(type) {
	case slice[uint16]:
		m, v := data[uint16](k.In[2]), data[uint16](k.In[3])
		p, g := any(p).([]float32), any(g).([]float32)
		return func(uint) {
			c.e.Range(len(p), chunk, func(_, lo, hi int) {
				adamW16(p[lo:hi], g[lo:hi], m[lo:hi], v[lo:hi], a, lo)
			})
		}
	case slice[uint8]:
		m, v := data[uint8](k.In[2]), data[uint8](k.In[3])
		sm, sv := data[float32](k.In[4]), data[float32](k.In[5])
		p, g := any(p).([]float32), any(g).([]float32)
		return func(uint) {
			c.e.Range(len(p), chunk, func(_, lo, hi int) {
				b := lo / graph.MomentBlock
				adamW8(p[lo:hi], g[lo:hi], m[lo:hi], v[lo:hi], sm[b:], sv[b:], a, lo)
			})
		}
	}
	m, v := data[F](k.In[2]), data[F](k.In[3])
	return func(uint) {
		c.e.Range(len(p), chunk, func(_, lo, hi int) {
			adamWRange(p[lo:hi], g[lo:hi], m[lo:hi], v[lo:hi], a)
		})
	}
}

func constants(a *graph.AdamW) [9]float32 {
	b1, b2 := float32(a.Beta1), float32(a.Beta2)
	return [9]float32{float32(1 - a.LR*a.Decay), float32(a.Scale), b1, 1 - b1, b2, 1 - b2,
		float32(a.LR / a.Bias1), float32(1 / math.Sqrt(a.Bias2)), float32(a.Eps)}
}

func adamWRange[F Float](p, g, m, v []F, a *graph.AdamW) {
	if p32, ok := any(p).([]float32); ok {
		k := constants(a)
		gemm.AdamW(p32, any(g).([]float32), any(m).([]float32), any(v).([]float32), &k)
		return
	}
	keep, scale := F(1-a.LR*a.Decay), F(a.Scale)
	b1, b2 := F(a.Beta1), F(a.Beta2)
	rate, root, eps := F(a.LR/a.Bias1), F(1/math.Sqrt(a.Bias2)), F(a.Eps)
	for i, x := range g {
		x *= scale
		mi := b1*m[i] + (1-b1)*x
		vi := b2*v[i] + (1-b2)*x*x
		m[i], v[i] = mi, vi
		p[i] = p[i]*keep - rate*mi/(F(math.Sqrt(float64(vi)))*root+eps)
	}
}

// noise is 32 random bits for element i of a step: rounding to the nearest
// would lose updates smaller than half a unit, which with β₂ = 0.999 is most of
// them; rounding at random keeps them on average.
func noise(step, i int) uint32 {
	z := uint64(step)*0x9E3779B97F4A7C15 + uint64(i)*0xBF58476D1CE4E5B9
	z = (z ^ z>>30) * 0x94D049BB133111EB
	return uint32(z >> 32)
}

// adamW16 keeps moments as bfloat16, rounded at random.
func adamW16(p, g []float32, m, v []uint16, a *graph.AdamW, at int) {
	k := constants(a)
	var mf, vf [graph.MomentBlock]float32
	for lo := 0; lo < len(p); lo += len(mf) {
		n := min(len(mf), len(p)-lo)
		for i := range n {
			mf[i], vf[i] = math.Float32frombits(uint32(m[lo+i])<<16), math.Float32frombits(uint32(v[lo+i])<<16)
		}
		gemm.AdamW(p[lo:lo+n], g[lo:], mf[:n], vf[:n], &k)
		for i := range n {
			r := noise(a.Step, a.Offset+at+lo+i)
			m[lo+i] = uint16((math.Float32bits(mf[i]) + r&0xffff) >> 16)
			v[lo+i] = uint16((math.Float32bits(vf[i]) + r>>16) >> 16)
		}
	}
}

// adamW8 keeps moments as 8-bit floats relative to the largest of a block: the
// first with a sign, a range of 2¹⁶ and 3 bits of mantissa, the second with a
// range of 2³² and 3 bits.
func adamW8(p, g []float32, m, v []uint8, sm, sv []float32, a *graph.AdamW, at int) {
	k := constants(a)
	var mf, vf [graph.MomentBlock]float32
	for lo, b := 0, 0; lo < len(p); lo, b = lo+len(mf), b+1 {
		n := min(len(mf), len(p)-lo)
		for i := range n {
			mf[i] = small(m[lo+i]&127, 127) * sm[b]
			if m[lo+i] > 127 {
				mf[i] = -mf[i]
			}
			vf[i] = small(v[lo+i], 255) * sv[b]
		}
		gemm.AdamW(p[lo:lo+n], g[lo:], mf[:n], vf[:n], &k)
		sm[b], sv[b] = 0, 0
		for i := range n {
			sm[b], sv[b] = max(sm[b], mf[i], -mf[i]), max(sv[b], vf[i])
		}
		for i := range n {
			r := noise(a.Step, a.Offset+at+lo+i)
			c := code(mf[i], sm[b], 127, r)
			if mf[i] < 0 {
				c |= 128
			}
			m[lo+i] = c
			v[lo+i] = code(vf[i], sv[b], 255, r>>12)
		}
	}
}

// The codes are the upper bits of a float32 in (0, 1], 8 of exponent and 3 of
// mantissa, counted down from those of 1; code 0 is zero.
const codeOfOne, codeShift = 127 << 3, 20

func small(c uint8, top int) float32 {
	if c == 0 {
		return 0
	}
	return math.Float32frombits(uint32(codeOfOne-top+int(c)) << codeShift)
}

// code is that of |x|/scale, rounded at random, and never zero for x ≠ 0, for a
// second moment of zero would let a step explode.
func code(x, scale float32, top int, r uint32) uint8 {
	if x == 0 || scale == 0 {
		return 0
	}
	bits := math.Float32bits(x/scale) &^ (1 << 31)
	c := int((bits+r&(1<<codeShift-1))>>codeShift) - codeOfOne + top
	return uint8(min(max(c, 1), top))
}
