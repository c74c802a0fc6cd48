// Command gen writes the assembly of models/cpu/gemm: register-blocked GEMM
// tiles and the vector kernels. Run it here with
//
//	go run . -out ../kern_amd64.s -stubs ../stub_amd64.go -pkg gemm
package main

import (
	"flag"
	"fmt"
	"log"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// transpose8 emits dst[p*step+r] = src[r*ld+p] for r < 8, p < n, n a multiple
// of 8: eight rows become eight columns of a packed panel.
func transpose8() {
	TEXT("transpose8AVX2", NOSPLIT, "func(n int64, src *float32, ld int64, dst *float32, step int64)")
	Pragma("noescape")
	Doc("transpose8AVX2 sets dst[p*step+r] = src[r*ld+p] for r < 8, p < n, n a multiple of 8.")
	n := Load(Param("n"), GP64())
	src := Load(Param("src"), GP64())
	ld := Load(Param("ld"), GP64())
	dst := Load(Param("dst"), GP64())
	step := Load(Param("step"), GP64())
	SHLQ(Imm(2), ld)
	SHLQ(Imm(2), step)
	ld3, ld5, s3, s5 := GP64(), GP64(), GP64(), GP64()
	LEAQ(Mem{Base: ld, Index: ld, Scale: 2}, ld3)
	LEAQ(Mem{Base: ld, Index: ld, Scale: 4}, ld5)
	LEAQ(Mem{Base: step, Index: step, Scale: 2}, s3)
	LEAQ(Mem{Base: step, Index: step, Scale: 4}, s5)
	at := func(base, one, three, five, seven reg.Register, i int) Mem {
		switch i {
		case 0:
			return Mem{Base: base}
		case 1, 2, 4:
			return Mem{Base: base, Index: one, Scale: uint8(i)}
		case 3:
			return Mem{Base: base, Index: three, Scale: 1}
		case 5:
			return Mem{Base: base, Index: five, Scale: 1}
		case 6:
			return Mem{Base: base, Index: three, Scale: 2}
		}
		return Mem{Base: seven, Index: three, Scale: 2}
	}
	src7, dst7 := GP64(), GP64()
	SHRQ(Imm(3), n)
	JZ(LabelRef("t8_end"))
	Label("t8_loop")
	LEAQ(Mem{Base: src, Index: ld, Scale: 1}, src7)
	LEAQ(Mem{Base: dst, Index: step, Scale: 1}, dst7)
	r := make([]reg.VecVirtual, 8)
	for i := range r {
		r[i] = YMM()
		VMOVUPS(at(src, ld, ld3, ld5, src7, i), r[i])
	}
	u := make([]reg.VecVirtual, 8)
	for i := 0; i < 4; i++ { // pairs: a0 b0 a1 b1 | a4 b4 a5 b5, and a2 b2 …
		u[2*i], u[2*i+1] = YMM(), YMM()
		VUNPCKLPS(r[2*i+1], r[2*i], u[2*i])
		VUNPCKHPS(r[2*i+1], r[2*i], u[2*i+1])
	}
	v := make([]reg.VecVirtual, 8)
	for h := 0; h < 2; h++ { // rows 0-3 and 4-7: columns p, p+1, p+2, p+3 | p+4…
		for i := 0; i < 2; i++ {
			lo, hi := u[4*h+i], u[4*h+2+i]
			v[4*h+2*i], v[4*h+2*i+1] = YMM(), YMM()
			VSHUFPS(Imm(0x44), hi, lo, v[4*h+2*i])
			VSHUFPS(Imm(0xEE), hi, lo, v[4*h+2*i+1])
		}
	}
	for i := 0; i < 4; i++ {
		a, b := YMM(), YMM()
		VPERM2F128(Imm(0x20), v[4+i], v[i], a)
		VPERM2F128(Imm(0x31), v[4+i], v[i], b)
		VMOVUPS(a, at(dst, step, s3, s5, dst7, i))
		VMOVUPS(b, at(dst, step, s3, s5, dst7, i+4))
	}
	ADDQ(Imm(32), src)
	LEAQ(Mem{Base: dst, Index: step, Scale: 8}, dst)
	DECQ(n)
	JNZ(LabelRef("t8_loop"))
	Label("t8_end")
	VZEROUPPER()
	RET()
}

// round emits x rounded to bfloat16, ties to even, in the high halves; the low
// halves keep garbage. NaN is not treated: a NaN loss stops training anyway.
func round(x, one, bias reg.VecVirtual) reg.VecVirtual {
	r := YMM()
	VPSRLD(Imm(16), x, r)
	VPAND(one, r, r)
	VPADDD(bias, r, r)
	VPADDD(x, r, r)
	return r
}

// roundRow emits x rounded to bfloat16 on n elements, a multiple of 8.
func roundRow() {
	TEXT("roundRowAVX2", NOSPLIT, "func(n int64, x, o *float32)")
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	x := Load(Param("x"), GP64())
	o := Load(Param("o"), GP64())
	one, bias, high := YMM(), YMM(), YMM()
	VMOVDQU(cst1, one)
	VMOVDQU(cstBias, bias)
	VMOVDQU(cstHigh, high)
	SHRQ(Imm(3), n)
	JZ(LabelRef("rr_end"))
	Label("rr_loop")
	a := YMM()
	VMOVDQU(Mem{Base: x}, a)
	a = round(a, one, bias)
	VPAND(high, a, a)
	VMOVDQU(a, Mem{Base: o})
	ADDQ(Imm(32), x)
	ADDQ(Imm(32), o)
	DECQ(n)
	JNZ(LabelRef("rr_loop"))
	Label("rr_end")
	VZEROUPPER()
	RET()
}

// adamw emits one step of AdamW on n elements, a multiple of 8. The constants
// c are keep, scale, β₁, 1-β₁, β₂, 1-β₂, rate, root, ε.
func adamw() {
	TEXT("adamWAVX2", NOSPLIT, "func(n int64, p, g0, m, v, c *float32)")
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	p := Load(Param("p"), GP64())
	g := Load(Param("g0"), GP64())
	m := Load(Param("m"), GP64())
	v := Load(Param("v"), GP64())
	c := Load(Param("c"), GP64())
	k := make([]reg.VecVirtual, 9)
	for i := range k {
		k[i] = YMM()
		VBROADCASTSS(Mem{Base: c, Disp: 4 * i}, k[i])
	}
	SHRQ(Imm(3), n)
	JZ(LabelRef("aw_end"))
	Label("aw_loop")
	x, y, z, w := YMM(), YMM(), YMM(), YMM()
	VMULPS(Mem{Base: g}, k[1], x)
	VMULPS(Mem{Base: m}, k[2], y)
	VMULPS(k[3], x, z)
	VADDPS(z, y, y) // m
	VMOVUPS(y, Mem{Base: m})
	VMULPS(k[5], x, z)
	VMULPS(x, z, z)
	VMULPS(Mem{Base: v}, k[4], w)
	VADDPS(z, w, w) // v
	VMOVUPS(w, Mem{Base: v})
	VSQRTPS(w, w)
	VMULPS(k[7], w, w)
	VADDPS(k[8], w, w)
	VMULPS(k[6], y, y)
	VDIVPS(w, y, y)
	VMULPS(Mem{Base: p}, k[0], z)
	VSUBPS(y, z, z)
	VMOVUPS(z, Mem{Base: p})
	for _, r := range []reg.Register{p, g, m, v} {
		ADDQ(Imm(32), r)
	}
	DECQ(n)
	JNZ(LabelRef("aw_loop"))
	Label("aw_end")
	VZEROUPPER()
	RET()
}

// rowMax emits the maximum of n elements, a multiple of 8, n > 0, lane by lane.
func rowMax() {
	TEXT("maxAVX2", NOSPLIT, "func(n int64, x, max8 *float32)")
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	x := Load(Param("x"), GP64())
	o := Load(Param("max8"), GP64())
	m := YMM()
	VMOVUPS(Mem{Base: x}, m)
	SHRQ(Imm(3), n)
	Label("mx_loop")
	VMAXPS(Mem{Base: x}, m, m)
	ADDQ(Imm(32), x)
	DECQ(n)
	JNZ(LabelRef("mx_loop"))
	VMOVUPS(m, Mem{Base: o})
	VZEROUPPER()
	RET()
}

// norms emits the row kernels of RMSNorm on n elements, a multiple of 8.
func norms() {
	args := func(name, sig string) (n, x reg.Register) {
		TEXT(name, NOSPLIT, sig)
		Pragma("noescape")
		return Load(Param("n"), GP64()), Load(Param("x"), GP64())
	}
	// dot3: lane sums of x·y·z.
	n, x := args("dot3AVX2", "func(n int64, x, y, z, sum8 *float32)")
	y := Load(Param("y"), GP64())
	z := Load(Param("z"), GP64())
	o := Load(Param("sum8"), GP64())
	acc, t := YMM(), YMM()
	VXORPS(acc, acc, acc)
	SHRQ(Imm(3), n)
	JZ(LabelRef("d3_end"))
	Label("d3_loop")
	VMOVUPS(Mem{Base: x}, t)
	VMULPS(Mem{Base: y}, t, t)
	VFMADD231PS(Mem{Base: z}, t, acc)
	for _, r := range []reg.Register{x, y, z} {
		ADDQ(Imm(32), r)
	}
	DECQ(n)
	JNZ(LabelRef("d3_loop"))
	Label("d3_end")
	VMOVUPS(acc, Mem{Base: o})
	VZEROUPPER()
	RET()
	// dot: lane sums of x·y.
	n, x = args("dotAVX2", "func(n int64, x, y, sum8 *float32)")
	y = Load(Param("y"), GP64())
	o = Load(Param("sum8"), GP64())
	acc, t = YMM(), YMM()
	VXORPS(acc, acc, acc)
	SHRQ(Imm(3), n)
	JZ(LabelRef("dt_end"))
	Label("dt_loop")
	VMOVUPS(Mem{Base: x}, t)
	VFMADD231PS(Mem{Base: y}, t, acc)
	for _, r := range []reg.Register{x, y} {
		ADDQ(Imm(32), r)
	}
	DECQ(n)
	JNZ(LabelRef("dt_loop"))
	Label("dt_end")
	VMOVUPS(acc, Mem{Base: o})
	VZEROUPPER()
	RET()
	// scale2: o = x·y·a.
	n, x = args("scale2AVX2", "func(n int64, a float32, x, y, o *float32)")
	y = Load(Param("y"), GP64())
	o = Load(Param("o"), GP64())
	as, a := XMM(), YMM()
	Load(Param("a"), as)
	VBROADCASTSS(as, a)
	t = YMM()
	SHRQ(Imm(3), n)
	JZ(LabelRef("s2_end"))
	Label("s2_loop")
	VMULPS(Mem{Base: x}, a, t)
	VMULPS(Mem{Base: y}, t, t)
	VMOVUPS(t, Mem{Base: o})
	for _, r := range []reg.Register{x, y, o} {
		ADDQ(Imm(32), r)
	}
	DECQ(n)
	JNZ(LabelRef("s2_loop"))
	Label("s2_end")
	VZEROUPPER()
	RET()
	// normDx: o = (o·keep) + a·(g·dy) - b·x, with keep 0 or 1 as a mask.
	n, x = args("normDxAVX2", "func(n int64, a, b float32, x, w, dy, o *float32, add int64)")
	w := Load(Param("w"), GP64())
	dy := Load(Param("dy"), GP64())
	o = Load(Param("o"), GP64())
	add := Load(Param("add"), GP64())
	bs, b, mask := XMM(), YMM(), YMM()
	as, a = XMM(), YMM()
	Load(Param("a"), as)
	Load(Param("b"), bs)
	VBROADCASTSS(as, a)
	VBROADCASTSS(bs, b)
	NEGQ(add)
	ms := XMM()
	VMOVQ(add, ms)
	VPBROADCASTQ(ms, mask)
	t = YMM()
	q := YMM()
	SHRQ(Imm(3), n)
	JZ(LabelRef("nd_end"))
	Label("nd_loop")
	VMULPS(Mem{Base: w}, a, t)
	VMULPS(Mem{Base: dy}, t, t)
	VMOVUPS(Mem{Base: x}, q)
	VFNMADD231PS(q, b, t)
	VANDPS(Mem{Base: o}, mask, q)
	VADDPS(q, t, t)
	VMOVUPS(t, Mem{Base: o})
	for _, r := range []reg.Register{x, w, dy, o} {
		ADDQ(Imm(32), r)
	}
	DECQ(n)
	JNZ(LabelRef("nd_loop"))
	Label("nd_end")
	VZEROUPPER()
	RET()
	// mulAdd: o += a·x·y.
	n, x = args("mulAddAVX2", "func(n int64, a float32, x, y, o *float32)")
	y = Load(Param("y"), GP64())
	o = Load(Param("o"), GP64())
	as, a = XMM(), YMM()
	Load(Param("a"), as)
	VBROADCASTSS(as, a)
	t, q = YMM(), YMM()
	SHRQ(Imm(3), n)
	JZ(LabelRef("ma_end"))
	Label("ma_loop")
	VMULPS(Mem{Base: x}, a, t)
	VMOVUPS(Mem{Base: o}, q)
	VFMADD231PS(Mem{Base: y}, t, q)
	VMOVUPS(q, Mem{Base: o})
	for _, r := range []reg.Register{x, y, o} {
		ADDQ(Imm(32), r)
	}
	DECQ(n)
	JNZ(LabelRef("ma_loop"))
	Label("ma_end")
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

var cst1, cstBias, cstHigh Mem

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
	tiles()
	packers()
	vectors()
	transpose8()
	cst1, cstBias, cstHigh = cst("c_bf1", 1), cst("c_bfbias", 0x7fff), cst("c_bfhigh", 0xffff0000)
	roundRow()
	adamw()
	rowMax()
	norms()
	peak("peakAVX2", false, 12)
	peak("peakAVX512", true, 24)
	peak("peakBF16", true, 24)
	Generate()
	if err := rewrite(flag.Lookup("out").Value.String()); err != nil {
		log.Fatal(err)
	}
}
