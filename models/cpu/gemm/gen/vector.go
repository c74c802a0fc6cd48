package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// lane is a step of sweep: sixteen elements, or the last few under a mask.
type lane struct{ k reg.OpmaskVirtual }

func (l lane) load(m Mem) reg.VecVirtual {
	v := ZMM()
	if l.k == nil {
		VMOVUPS(m, v)
	} else {
		VMOVUPS_Z(m, l.k, v)
	}
	return v
}

func (l lane) store(v reg.VecVirtual, m Mem) {
	if l.k == nil {
		VMOVUPS(v, m)
	} else {
		VMOVUPS(v, l.k, m)
	}
}

// add adds v to sum where there are elements.
func (l lane) add(v, sum reg.VecVirtual) {
	if l.k == nil {
		VADDPS(v, sum, sum)
	} else {
		VADDPS(v, sum, l.k, sum)
	}
}

// sweep emits a loop over n elements at the pointers. n and the pointers change.
func sweep(name string, n reg.Register, ptrs []reg.Register, body func(lane)) {
	blocks := GP64()
	MOVQ(n, blocks)
	SHRQ(Imm(4), blocks)
	JZ(LabelRef(name + "_rest"))
	Label(name + "_loop")
	body(lane{})
	for _, p := range ptrs {
		ADDQ(Imm(64), p)
	}
	DECQ(blocks)
	JNZ(LabelRef(name + "_loop"))
	Label(name + "_rest")
	ANDQ(Imm(15), n)
	JZ(LabelRef(name + "_end"))
	body(lane{masks(n, 1)[0]})
	Label(name + "_end")
}

// begin starts a function and loads its arguments: n, pointers as registers,
// floats as vectors that hold them in every lane.
func begin(name, signature, doc string, ints, pointers, floats []string) (i, p []reg.Register, f []reg.VecVirtual) {
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + " " + doc)
	for _, s := range ints {
		i = append(i, Load(Param(s), GP64()))
	}
	for _, s := range pointers {
		p = append(p, Load(Param(s), GP64()))
	}
	for _, s := range floats {
		x, v := XMM(), ZMM()
		Load(Param(s), x)
		VBROADCASTSS(x, v)
		f = append(f, v)
	}
	return i, p, f
}

func end() {
	VZEROUPPER()
	RET()
}

func at(p reg.Register) Mem { return Mem{Base: p} }

// exponential holds the constants of exp in registers and emits it.
type exponential struct {
	log2e, ln2h, ln2l, lo, hi, one, half reg.VecVirtual
	p                                    [5]reg.VecVirtual
}

func newExponential() *exponential {
	c := func(m Mem) reg.VecVirtual {
		v := ZMM()
		VBROADCASTSS(m, v)
		return v
	}
	e := &exponential{c(E.log2e), c(E.ln2h), c(E.ln2l), c(E.lo), c(E.hi), c(E.one), c(E.half), [5]reg.VecVirtual{}}
	for i := range e.p {
		e.p[i] = c(E.p[i])
	}
	return e
}

// of emits exp(x); x changes.
func (e *exponential) of(x reg.VecVirtual) reg.VecVirtual {
	n, p, t := ZMM(), ZMM(), ZMM()
	VMAXPS(e.lo, x, x)
	VMINPS(e.hi, x, x)
	VMULPS(e.log2e, x, n)
	VRNDSCALEPS(Imm(8), n, n) // to the nearest
	VFNMADD231PS(e.ln2h, n, x)
	VFNMADD231PS(e.ln2l, n, x)
	VMOVAPS(e.p[0], p)
	for _, c := range append(e.p[1:], e.half) {
		VFMADD213PS(c, x, p)
	}
	VMULPS(x, x, t)
	VFMADD213PS(x, t, p)
	VADDPS(e.one, p, p)
	VSCALEFPS(n, p, p)
	return p
}

// vectors emits the AVX-512 kernels of rows of any length.
func vectors() {
	n, p, f := begin("exp512", "func(n int64, scale, bias, mul float32, x, y, sum8 *float32)",
		"sets y = mul·e for e = exp(scale·x + bias), and the lanes' sums of e.",
		[]string{"n"}, []string{"x", "y"}, []string{"scale", "bias", "mul"})
	e, sum := newExponential(), ZMM()
	VPXORD(sum, sum, sum)
	sweep("ex", n[0], p, func(l lane) {
		v := l.load(at(p[0]))
		VFMADD213PS(f[1], f[0], v)
		v = e.of(v)
		l.add(v, sum)
		VMULPS(f[2], v, v)
		l.store(v, at(p[1]))
	})
	storeLanes(sum, func(a, b, o Op) { VADDPS(a, b, o) })

	n, p, _ = begin("silu512", "func(n int64, gt, u, y *float32)", "sets y = silu(gt)·u.", []string{"n"}, []string{"gt", "u", "y"}, nil)
	e = newExponential()
	sweep("si", n[0], p, func(l lane) {
		x, d := l.load(at(p[0])), ZMM()
		VPXORD(d, d, d)
		VSUBPS(x, d, d)
		d = e.of(d)
		VADDPS(e.one, d, d)
		VDIVPS(d, x, x)
		VMULPS(l.load(at(p[1])), x, x)
		l.store(x, at(p[2]))
	})
	end()

	n, p, _ = begin("siluGrad512", "func(n int64, gt, u, dy, dg, du *float32)",
		"sets dg and du, the gradients of silu(gt)·u for dy.", []string{"n"}, []string{"gt", "u", "dy", "dg", "du"}, nil)
	e = newExponential()
	sweep("sg5", n[0], p, func(l lane) {
		x, s, t, d := l.load(at(p[0])), ZMM(), ZMM(), ZMM()
		VPXORD(d, d, d)
		VSUBPS(x, d, d)
		d = e.of(d)
		VADDPS(e.one, d, d)
		VDIVPS(d, e.one, s) // sigmoid
		VMULPS(x, s, t)     // silu
		y := l.load(at(p[2]))
		u := l.load(at(p[1]))
		VMULPS(t, y, d)
		l.store(d, at(p[4]))
		VSUBPS(s, e.one, d)
		VFMADD213PS(s, t, d) // s + silu·(1-s)
		VMULPS(y, d, d)
		VMULPS(u, d, d)
		l.store(d, at(p[3]))
	})
	end()

	n, p, f = begin("softmaxGrad512", "func(n int64, scale, bias, dot float32, x, y *float32)",
		"sets x = exp(scale·x + bias) and y = scale·x·(y - dot).",
		[]string{"n"}, []string{"x", "y"}, []string{"scale", "bias", "dot"})
	e = newExponential()
	sweep("so", n[0], p, func(l lane) {
		v := l.load(at(p[0]))
		VFMADD213PS(f[1], f[0], v)
		v = e.of(v)
		l.store(v, at(p[0]))
		y := l.load(at(p[1]))
		VSUBPS(f[2], y, y)
		VMULPS(v, y, y)
		VMULPS(f[0], y, y)
		l.store(y, at(p[1]))
	})
	end()

	n, p, f = begin("scale512", "func(n int64, a float32, x *float32)", "sets x = a·x.", []string{"n"}, []string{"x"}, []string{"a"})
	sweep("sc", n[0], p, func(l lane) {
		v := l.load(at(p[0]))
		VMULPS(f[0], v, v)
		l.store(v, at(p[0]))
	})
	end()

	n, p, _ = begin("add512", "func(n int64, x, y *float32)", "sets y = y + x.", []string{"n"}, []string{"x", "y"}, nil)
	sweep("ad", n[0], p, func(l lane) {
		v := l.load(at(p[0]))
		VADDPS(l.load(at(p[1])), v, v)
		l.store(v, at(p[1]))
	})
	end()

	n, p, _ = begin("dot512", "func(n int64, x, y, sum8 *float32)", "sets the lanes' sums of x·y.", []string{"n"}, []string{"x", "y"}, nil)
	sum = ZMM()
	VPXORD(sum, sum, sum)
	sweep("do", n[0], p, func(l lane) { // lanes behind the row are zero
		x := l.load(at(p[0]))
		VFMADD231PS(l.load(at(p[1])), x, sum)
	})
	storeLanes(sum, func(a, b, o Op) { VADDPS(a, b, o) })

	n, p, _ = begin("max512", "func(n int64, x, sum8 *float32)", "sets the lanes' maxima, n > 0.", []string{"n"}, []string{"x"}, nil)
	most := ZMM()
	VBROADCASTSS(at(p[0]), most)
	sweep("mx5", n[0], p, func(l lane) {
		if l.k == nil {
			VMAXPS(at(p[0]), most, most)
		} else {
			VMAXPS(at(p[0]), most, l.k, most)
		}
	})
	storeLanes(most, func(a, b, o Op) { VMAXPS(a, b, o) })

	squares()
	turn()
}

// storeLanes folds sixteen lanes to eight and stores them as sum8.
func storeLanes(v reg.VecVirtual, fold func(a, b, o Op)) {
	out, high := Load(Param("sum8"), GP64()), YMM()
	VEXTRACTF64X4(Imm(1), v, high)
	fold(v.AsY(), high, high)
	VMOVUPS(high, at(out))
	end()
}

// squares emits the sum of squares in float64, in lanes.
func squares() {
	n, p, _ := begin("squares512", "func(n int64, x *float32, sum8 *float64)",
		"sets the lanes' sums of x² in float64, n a multiple of 16.", []string{"n"}, []string{"x", "sum8"}, nil)
	sums := []reg.VecVirtual{ZMM(), ZMM()}
	for _, s := range sums {
		VPXORD(s, s, s)
	}
	SHRQ(Imm(4), n[0])
	Label("sq_loop")
	for j, s := range sums {
		v := ZMM()
		VCVTPS2PD(Mem{Base: p[0], Disp: 32 * j}, v)
		VFMADD231PD(v, v, s)
	}
	ADDQ(Imm(64), p[0])
	DECQ(n[0])
	JNZ(LabelRef("sq_loop"))
	VADDPD(sums[0], sums[1], sums[1])
	VMOVUPD(sums[1], at(p[1]))
	end()
}

// turn emits the rotation of heads that lie side by side.
func turn() {
	i, p, f := begin("turn512", "func(heads, half int64, dir float32, x, cos, sin *float32)",
		"rotates the two halves of each head by the angles, times dir.",
		[]string{"heads", "half"}, []string{"x", "cos", "sin"}, []string{"dir"})
	Label("ro_head")
	n, x, y, c, s := GP64(), GP64(), GP64(), GP64(), GP64()
	MOVQ(i[1], n)
	MOVQ(p[0], x)
	LEAQ(Mem{Base: x, Index: n, Scale: 4}, y)
	LEAQ(Mem{Base: y, Index: n, Scale: 4}, p[0])
	MOVQ(p[1], c)
	MOVQ(p[2], s)
	sweep("ro", n, []reg.Register{x, y, c, s}, func(l lane) {
		a, b, co, si, t := l.load(at(x)), l.load(at(y)), l.load(at(c)), l.load(at(s)), ZMM()
		VMULPS(f[0], si, si)
		VMULPS(co, a, t)
		VFNMADD231PS(si, b, t)
		l.store(t, at(x))
		VMULPS(co, b, t)
		VFMADD231PS(si, a, t)
		l.store(t, at(y))
	})
	DECQ(i[0])
	JNZ(LabelRef("ro_head"))
	end()
}
