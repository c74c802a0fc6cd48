package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// kern emits C[mr x nv*W] (=|+=) A(panel k x mr) * B(panel k x nv*W)
func kern(name string, mr, nv int, avx512 bool) {
	TEXT(name, NOSPLIT, "func(k int64, a, b, c *float32, ldc int64, acc int64)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s computes an mr=%d tile.", name, mr))
	W := 8
	vec := func() reg.VecVirtual { return YMM() }
	if avx512 {
		W = 16
		vec = func() reg.VecVirtual { return ZMM() }
	}
	wb := W * 4
	k := Load(Param("k"), GP64())
	a := Load(Param("a"), GP64())
	b := Load(Param("b"), GP64())
	c := Load(Param("c"), GP64())
	ldc := Load(Param("ldc"), GP64())
	flag := Load(Param("acc"), GP64())
	SHLQ(Imm(2), ldc)
	accs := make([][]reg.VecVirtual, mr)
	for i := range accs {
		accs[i] = make([]reg.VecVirtual, nv)
		for j := range accs[i] {
			accs[i][j] = vec()
			if avx512 {
				VPXORD(accs[i][j], accs[i][j], accs[i][j])
			} else {
				VXORPS(accs[i][j], accs[i][j], accs[i][j])
			}
		}
	}
	bv := make([]reg.VecVirtual, nv)
	for j := range bv {
		bv[j] = vec()
	}
	var av reg.VecVirtual
	if !avx512 {
		av = vec()
	}
	body := func(u int) {
		for j := 0; j < nv; j++ {
			VMOVUPS(Mem{Base: b, Disp: (u*nv + j) * wb}, bv[j])
		}
		for i := 0; i < mr; i++ {
			m := Mem{Base: a, Disp: (u*mr + i) * 4}
			if avx512 {
				for j := 0; j < nv; j++ {
					VFMADD231PS_BCST(m, bv[j], accs[i][j])
				}
			} else {
				VBROADCASTSS(m, av)
				for j := 0; j < nv; j++ {
					VFMADD231PS(bv[j], av, accs[i][j])
				}
			}
		}
	}
	const U = 4
	k4 := GP64()
	MOVQ(k, k4)
	SHRQ(Imm(2), k4)
	JZ(LabelRef(name + "_rem"))
	Label(name + "_loop4")
	for u := 0; u < U; u++ {
		body(u)
	}
	ADDQ(U32(U*mr*4), a)
	ADDQ(U32(U*nv*wb), b)
	DECQ(k4)
	JNZ(LabelRef(name + "_loop4"))
	Label(name + "_rem")
	ANDQ(Imm(3), k)
	JZ(LabelRef(name + "_store"))
	Label(name + "_loop1")
	body(0)
	ADDQ(U32(mr*4), a)
	ADDQ(U32(nv*wb), b)
	DECQ(k)
	JNZ(LabelRef(name + "_loop1"))
	Label(name + "_store")
	CMPQ(flag, Imm(0))
	JE(LabelRef(name + "_set"))
	for i := 0; i < mr; i++ {
		for j := 0; j < nv; j++ {
			VADDPS(Mem{Base: c, Disp: j * wb}, accs[i][j], accs[i][j])
			VMOVUPS(accs[i][j], Mem{Base: c, Disp: j * wb})
		}
		ADDQ(ldc, c)
	}
	VZEROUPPER()
	RET()
	Label(name + "_set")
	for i := 0; i < mr; i++ {
		for j := 0; j < nv; j++ {
			VMOVUPS(accs[i][j], Mem{Base: c, Disp: j * wb})
		}
		ADDQ(ldc, c)
	}
	VZEROUPPER()
	RET()
}

func peak(name string, avx512 bool, n int) {
	TEXT(name, NOSPLIT, "func(n int64)")
	k := Load(Param("n"), GP64())
	var rs []reg.VecVirtual
	for i := 0; i < n+2; i++ {
		if avx512 {
			r := ZMM()
			VPXORD(r, r, r)
			rs = append(rs, r)
		} else {
			r := YMM()
			VXORPS(r, r, r)
			rs = append(rs, r)
		}
	}
	Label(name + "_l")
	for u := 0; u < 4; u++ {
		for i := 0; i < n; i++ {
			VFMADD231PS(rs[n], rs[n+1], rs[i])
		}
	}
	DECQ(k)
	JNZ(LabelRef(name + "_l"))
	VZEROUPPER()
	RET()
}

// dot, axpy: small vector helpers (avx2)
func axpy() {
	TEXT("axpyAVX2", NOSPLIT, "func(n int64, alpha float32, x, y *float32)")
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	x := Load(Param("x"), GP64())
	y := Load(Param("y"), GP64())
	al := YMM()
	xs := XMM()
	Load(Param("alpha"), xs)
	VBROADCASTSS(xs, al)
	c := GP64()
	MOVQ(n, c)
	SHRQ(Imm(5), c)
	JZ(LabelRef("ax8"))
	Label("ax32")
	for u := 0; u < 4; u++ {
		t := YMM()
		VMOVUPS(Mem{Base: y, Disp: 32 * u}, t)
		VFMADD231PS(Mem{Base: x, Disp: 32 * u}, al, t)
		VMOVUPS(t, Mem{Base: y, Disp: 32 * u})
	}
	ADDQ(Imm(128), x)
	ADDQ(Imm(128), y)
	DECQ(c)
	JNZ(LabelRef("ax32"))
	Label("ax8")
	MOVQ(n, c)
	ANDQ(Imm(31), c)
	SHRQ(Imm(3), c)
	JZ(LabelRef("ax1"))
	Label("ax8l")
	t := YMM()
	VMOVUPS(Mem{Base: y}, t)
	VFMADD231PS(Mem{Base: x}, al, t)
	VMOVUPS(t, Mem{Base: y})
	ADDQ(Imm(32), x)
	ADDQ(Imm(32), y)
	DECQ(c)
	JNZ(LabelRef("ax8l"))
	Label("ax1")
	ANDQ(Imm(7), n)
	JZ(LabelRef("axe"))
	Label("ax1l")
	s := XMM()
	VMOVSS(Mem{Base: y}, s)
	VFMADD231SS(Mem{Base: x}, xs, s)
	VMOVSS(s, Mem{Base: y})
	ADDQ(Imm(4), x)
	ADDQ(Imm(4), y)
	DECQ(n)
	JNZ(LabelRef("ax1l"))
	Label("axe")
	VZEROUPPER()
	RET()
}

func cst(name string, bits uint32) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i := 0; i < 8; i++ {
		DATA(4*i, U32(bits))
	}
	return m
}

type ec struct {
	log2e, ln2h, ln2l, lo, hi, one, half, bias Mem
	p                                          [5]Mem
}

var E ec

func consts() {
	f := func(n string, v float32) Mem { return cst(n, math.Float32bits(v)) }
	E = ec{log2e: f("c_log2e", 1.44269504), ln2h: f("c_ln2h", 0.693359375), ln2l: f("c_ln2l", -2.12194440e-4),
		lo: f("c_lo", -87.3), hi: f("c_hi", 88.3), one: f("c_one", 1), half: f("c_half", 0.5), bias: cst("c_bias", 127)}
	for i, v := range []float32{1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1} {
		E.p[i] = f(fmt.Sprintf("c_p%d", i), v)
	}
}

// vexp emits x = exp(x), clobbering temporaries
func vexp(x reg.VecVirtual) reg.VecVirtual {
	n, r, p, t := YMM(), YMM(), YMM(), YMM()
	VMAXPS(E.lo, x, x)
	VMINPS(E.hi, x, x)
	VMULPS(E.log2e, x, n)
	VROUNDPS(Imm(0), n, n)
	VMOVAPS(x, r)
	VFNMADD231PS(E.ln2h, n, r)
	VFNMADD231PS(E.ln2l, n, r)
	VMOVUPS(E.p[0], p)
	for i := 1; i < 5; i++ {
		VFMADD213PS(E.p[i], r, p)
	}
	VFMADD213PS(E.half, r, p)
	VMULPS(r, r, t)
	VFMADD213PS(r, t, p) // p = p*r^2 + r
	VADDPS(E.one, p, p)
	VCVTPS2DQ(n, n)
	VPADDD(E.bias, n, n)
	VPSLLD(Imm(23), n, n)
	VMULPS(n, p, p)
	return p
}

func elementwise() {
	consts()
	// expRow: y = exp(x*scale + bias) for n (multiple of 8); returns lane sums in sum8
	TEXT("expRowAVX2", NOSPLIT, "func(n int64, scale, bias float32, x, y, sum8 *float32)")
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	x := Load(Param("x"), GP64())
	y := Load(Param("y"), GP64())
	s8 := Load(Param("sum8"), GP64())
	sx, bx := XMM(), XMM()
	Load(Param("scale"), sx)
	Load(Param("bias"), bx)
	sc, bi, acc := YMM(), YMM(), YMM()
	VBROADCASTSS(sx, sc)
	VBROADCASTSS(bx, bi)
	VXORPS(acc, acc, acc)
	SHRQ(Imm(3), n)
	JZ(LabelRef("er_e"))
	Label("er_l")
	v := YMM()
	VMOVUPS(Mem{Base: x}, v)
	VFMADD213PS(bi, sc, v)
	e := vexp(v)
	VMOVUPS(e, Mem{Base: y})
	VADDPS(e, acc, acc)
	ADDQ(Imm(32), x)
	ADDQ(Imm(32), y)
	DECQ(n)
	JNZ(LabelRef("er_l"))
	Label("er_e")
	VMOVUPS(acc, Mem{Base: s8})
	VZEROUPPER()
	RET()

	TEXT("siluMulAVX2", NOSPLIT, "func(n int64, gt, u, y *float32)")
	Pragma("noescape")
	n = Load(Param("n"), GP64())
	gp := Load(Param("gt"), GP64())
	up := Load(Param("u"), GP64())
	y = Load(Param("y"), GP64())
	one := YMM()
	VMOVUPS(E.one, one)
	SHRQ(Imm(3), n)
	JZ(LabelRef("sm_e"))
	Label("sm_l")
	g, ng, d := YMM(), YMM(), YMM()
	VMOVUPS(Mem{Base: gp}, g)
	VXORPS(ng, ng, ng)
	VSUBPS(g, ng, ng)
	e = vexp(ng)
	VADDPS(one, e, d)
	VDIVPS(d, g, g)
	VMULPS(Mem{Base: up}, g, g)
	VMOVUPS(g, Mem{Base: y})
	ADDQ(Imm(32), gp)
	ADDQ(Imm(32), up)
	ADDQ(Imm(32), y)
	DECQ(n)
	JNZ(LabelRef("sm_l"))
	Label("sm_e")
	VZEROUPPER()
	RET()

	TEXT("siluMulGradAVX2", NOSPLIT, "func(n int64, gt, u, dy, dg, du *float32)")
	Pragma("noescape")
	n = Load(Param("n"), GP64())
	gp = Load(Param("gt"), GP64())
	up = Load(Param("u"), GP64())
	yp := Load(Param("dy"), GP64())
	dgp := Load(Param("dg"), GP64())
	dup := Load(Param("du"), GP64())
	VMOVUPS(E.one, one)
	SHRQ(Imm(3), n)
	JZ(LabelRef("sg_e"))
	Label("sg_l")
	{
		g, ng, s, yv, t := YMM(), YMM(), YMM(), YMM(), YMM()
		VMOVUPS(Mem{Base: gp}, g)
		VXORPS(ng, ng, ng)
		VSUBPS(g, ng, ng)
		e := vexp(ng)
		VADDPS(one, e, e)
		VDIVPS(e, one, s) // sigmoid
		VMOVUPS(Mem{Base: yp}, yv)
		VMULPS(g, s, t) // silu
		uv := YMM()
		VMOVUPS(Mem{Base: up}, uv)
		dv := YMM()
		VMULPS(t, yv, dv)
		VMOVUPS(dv, Mem{Base: dup})
		// dg = y*u*s*(1 + g*(1-s)) = y*u*(s + t*(1-s))
		VSUBPS(s, one, dv)
		VFMADD213PS(s, t, dv)
		VMULPS(yv, dv, dv)
		VMULPS(uv, dv, dv)
		VMOVUPS(dv, Mem{Base: dgp})
	}
	for _, r := range []reg.Register{gp, up, yp, dgp, dup} {
		ADDQ(Imm(32), r)
	}
	DECQ(n)
	JNZ(LabelRef("sg_l"))
	Label("sg_e")
	VZEROUPPER()
	RET()
}

func main() {
	elementwise()
	kern("kern6x16", 6, 2, false)
	kern("kern14x32", 14, 2, true)
	peak("peakAVX2", false, 12)
	peak("peakAVX512", true, 24)
	axpy()
	Generate()
}
