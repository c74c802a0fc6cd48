package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// interleave orders the words of two vectors of bfloat16 so that the lower one
// gives the even words.
var interleave Mem

// runs emits the packing of k rows (bf16: k pairs of neighbouring rows) into
// panels of nv vectors a row: each row is cut into runs of width elements, of
// which run r goes to dst + r·step. A panel's last elements may be garbage.
func runs(v isa, nv int) {
	name := fmt.Sprintf("runs%d%s", nv*v.lanes, v.name)
	TEXT(name, NOSPLIT, "func(k int64, src *float32, ld int64, dst *float32, runs, width, step int64)")
	Pragma("noescape")
	Doc(name + " packs rows into panels; see runs in gen.")
	k := Load(Param("k"), GP64())
	src := Load(Param("src"), GP64())
	ld := Load(Param("ld"), GP64())
	dst := Load(Param("dst"), GP64())
	width := Load(Param("width"), GP64())
	step := Load(Param("step"), GP64())
	for _, r := range []reg.Register{ld, step} {
		SHLQ(Imm(2), r)
	}
	load := masked(v, width, nv)
	SHLQ(Imm(2), width)
	order := v.vec()
	if v.pairs {
		VMOVDQU32(interleave, order)
	}
	Label(name + "_row")
	s, d, r := GP64(), GP64(), GP64()
	MOVQ(src, s)
	MOVQ(dst, d)
	MOVQ(NewParamAddr("runs", 32), r)
	Label(name + "_run")
	for j := range nv {
		x, y := v.vec(), v.vec()
		load(Mem{Base: s, Disp: 4 * v.lanes * j}, x, j)
		if v.pairs {
			load(Mem{Base: s, Index: ld, Scale: 1, Disp: 4 * v.lanes * j}, y, j)
			round2(x, y, x)
			VPERMW(x, order, x)
		}
		VMOVUPS(x, Mem{Base: d, Disp: 4 * v.lanes * j})
	}
	ADDQ(width, s)
	ADDQ(step, d)
	DECQ(r)
	JNZ(LabelRef(name + "_run"))
	ADDQ(ld, src)
	if v.pairs {
		ADDQ(ld, src)
	}
	ADDQ(U32(4*v.lanes*nv), dst)
	DECQ(k)
	JNZ(LabelRef(name + "_row"))
	VZEROUPPER()
	RET()
}

// round2 emits VCVTNE2PS2BF16, which avo lacks, under the name of an
// instruction of the same form that nothing else uses: lo and hi rounded to
// bfloat16, lo in the lower half of o.
func round2(lo, hi, o reg.VecVirtual) { VPMULHRSW(lo, hi, o) }

// across16 emits dst[p*step+r] = src[r*ld+p] for r < 16, p < k, k a multiple of
// 16: sixteen rows become sixteen columns of a panel. bf16: k counts pairs.
func across16(v isa) {
	name := "across16" + v.name
	TEXT(name, NOSPLIT, "func(k int64, src *float32, ld int64, dst *float32, step int64)")
	Pragma("noescape")
	Doc(name + " transposes sixteen rows; see across16 in gen.")
	k := Load(Param("k"), GP64())
	src := Load(Param("src"), GP64())
	ld := Load(Param("ld"), GP64())
	dst := Load(Param("dst"), GP64())
	step := Load(Param("step"), GP64())
	for _, r := range []reg.Register{ld, step} {
		SHLQ(Imm(2), r)
	}
	SHRQ(Imm(4), k)
	Label(name + "_loop")
	s, d := GP64(), GP64()
	MOVQ(src, s)
	MOVQ(dst, d)
	x := make([]reg.VecVirtual, 16)
	for i := range x {
		x[i] = v.vec()
		VMOVUPS(Mem{Base: s}, x[i])
		if v.pairs {
			y := v.vec()
			VMOVUPS(Mem{Base: s, Disp: 64}, y)
			round2(x[i], y, x[i])
		}
		if i < 15 {
			ADDQ(ld, s)
		}
	}
	pairwise := func(f func(a, b int)) { // in place: x[a], x[b] from both
		for a := range x {
			for _, b := range []int{a ^ 1} {
				if a < b {
					f(a, b)
				}
			}
		}
	}
	// Rows 2i and 2i+1 interleaved by element, then by pairs of elements.
	pairwise(func(a, b int) {
		t := v.vec()
		VUNPCKHPS(x[b], x[a], t)
		VUNPCKLPS(x[b], x[a], x[a])
		x[b] = t
	})
	y := make([]reg.VecVirtual, 16) // y[4q+c]: rows 4q to 4q+3 of columns c, 4+c, 8+c, 12+c
	for q := range 4 {
		for c := range 2 {
			lo, hi := x[4*q+c], x[4*q+2+c]
			t := v.vec()
			VUNPCKHPD(hi, lo, t)
			VUNPCKLPD(hi, lo, lo)
			y[4*q+2*c], y[4*q+2*c+1] = lo, t
		}
	}
	// Quarters of vectors: z[c][l] holds columns 4l+c.
	for c := range 4 {
		quad := [4]reg.VecVirtual{y[c], y[4+c], y[8+c], y[12+c]}
		a, b := v.vec(), v.vec()
		VSHUFF32X4(Imm(0x88), quad[1], quad[0], a)       // columns 0, 2 of rows 0-3, 4-7
		VSHUFF32X4(Imm(0xDD), quad[1], quad[0], quad[0]) // 1, 3
		VSHUFF32X4(Imm(0x88), quad[3], quad[2], b)
		VSHUFF32X4(Imm(0xDD), quad[3], quad[2], quad[2])
		t := v.vec()
		VSHUFF32X4(Imm(0xDD), b, a, t)
		VSHUFF32X4(Imm(0x88), b, a, a)
		u := v.vec()
		VSHUFF32X4(Imm(0xDD), quad[2], quad[0], u)
		VSHUFF32X4(Imm(0x88), quad[2], quad[0], quad[0])
		y[c], y[4+c], y[8+c], y[12+c] = a, quad[0], t, u
	}
	for p := range 16 {
		VMOVUPS(y[p], Mem{Base: d})
		if p < 15 {
			ADDQ(step, d)
		}
	}
	ADDQ(Imm(64), src)
	if v.pairs {
		ADDQ(Imm(64), src)
	}
	SHLQ(Imm(4), step)
	ADDQ(step, dst)
	SHRQ(Imm(4), step)
	DECQ(k)
	JNZ(LabelRef(name + "_loop"))
	VZEROUPPER()
	RET()
}

// roundRow16 emits o = pairs of neighbours of x as bfloat16, n of them, a
// multiple of 16.
func roundRow16() {
	const name = "pairRowBF16"
	TEXT(name, NOSPLIT, "func(n int64, x, o *float32)")
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	x := Load(Param("x"), GP64())
	o := Load(Param("o"), GP64())
	SHRQ(Imm(4), n)
	Label(name + "_loop")
	a, b := ZMM(), ZMM()
	VMOVUPS(Mem{Base: x}, a)
	VMOVUPS(Mem{Base: x, Disp: 64}, b)
	round2(a, b, a)
	VMOVUPS(a, Mem{Base: o})
	ADDQ(U32(128), x)
	ADDQ(Imm(64), o)
	DECQ(n)
	JNZ(LabelRef(name + "_loop"))
	VZEROUPPER()
	RET()
}

func packers() {
	interleave = GLOBL("c_interleave", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(uint32(i|(16+i)<<16)))
	}
	runs(avx2, 1)
	runs(avx2, 2)
	for _, v := range []isa{avx512, bf16} {
		runs(v, 1)
		runs(v, 2)
		across16(v)
	}
	roundRow16()
}
