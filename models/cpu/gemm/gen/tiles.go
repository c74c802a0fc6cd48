package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// isa is the instruction set that a kernel is written for.
type isa struct {
	name  string
	lanes int
	vec   func() reg.VecVirtual
	pairs bool // elements are pairs of bfloat16; see rewrite
}

var (
	avx2   = isa{"AVX2", 8, func() reg.VecVirtual { return YMM() }, false}
	avx512 = isa{"AVX512", 16, func() reg.VecVirtual { return ZMM() }, false}
	bf16   = isa{"BF16", 16, func() reg.VecVirtual { return ZMM() }, true}
)

// tileName names the tile of h rows: rows for an A whose rows are contiguous,
// cols for one whose columns are.
func tileName(v isa, h int, byRow bool) string {
	return fmt.Sprintf("%s%d%s", map[bool]string{true: "rows", false: "cols"}[byRow], h, v.name)
}

const tileArgs = "func(k int64, a *float32, step int64, b, c *float32, ldc, n, acc int64, from *float32)"

// tile emits C[h × n] = A[h × k]·B[panel k × nv vectors], n ≤ nv vectors, plus
// what from holds, laid out as C, if acc is 1. from must be readable anyway.
// Element (i, p) of A lies at a[i*step+p] if byRow, else at a[p*step+i].
//
// Each element of A is broadcast to a register once and used for all vectors of
// B: a broadcast inside each multiply-add would need more loads a cycle than
// there are. C is prefetched, for its lines are asked for only after k steps.
func tile(v isa, h, nv int, byRow bool) {
	name := tileName(v, h, byRow)
	TEXT(name, NOSPLIT, tileArgs)
	Pragma("noescape")
	wb := 4 * v.lanes
	k := Load(Param("k"), GP64())
	a := Load(Param("a"), GP64())
	step := Load(Param("step"), GP64())
	b := Load(Param("b"), GP64())
	SHLQ(Imm(2), step)
	prefetch("c", h, nv*wb)
	row := rowsAt(a, step, h, byRow)
	sums := make([][]reg.VecVirtual, h)
	for i := range sums {
		for range nv {
			s := v.vec()
			zero(v, s)
			sums[i] = append(sums[i], s)
		}
	}
	bv := []reg.VecVirtual{v.vec(), v.vec()}
	av := v.vec()
	body := func(u int) {
		for j := range bv {
			VMOVUPS(Mem{Base: b, Disp: (u*nv + j) * wb}, bv[j])
		}
		for i := range h {
			m := row(i)
			if byRow {
				m.Disp += 4 * u
			}
			VBROADCASTSS(m, av)
			for j := range bv {
				VFMADD231PS(bv[j], av, sums[i][j])
			}
		}
	}
	advance := func(u int) {
		ADDQ(U32(u*nv*wb), b)
		for i := 0; byRow && i < h; i += 7 {
			ADDQ(U32(4*u), row(i).Base)
		}
	}
	one := func() {
		body(0)
		if !byRow {
			ADDQ(step, a)
		}
		advance(1)
		DECQ(k)
	}
	if h < 8 { // a longer body needs no unrolling
		const unroll = 4
		k4 := GP64()
		MOVQ(k, k4)
		SHRQ(Imm(2), k4)
		JZ(LabelRef(name + "_rest"))
		Label(name + "_loop")
		for u := range unroll {
			body(u)
			if !byRow {
				ADDQ(step, a)
			}
		}
		advance(unroll)
		DECQ(k4)
		JNZ(LabelRef(name + "_loop"))
		Label(name + "_rest")
		ANDQ(Imm(unroll-1), k)
		JZ(LabelRef(name + "_store"))
	}
	Label(name + "_one")
	one()
	JNZ(LabelRef(name + "_one"))
	Label(name + "_store")
	storeTile(v, name, sums)
}

// rowsAt gives the address of A's element in row i. By row, rows beyond the
// first of each seven are reached by index registers of 1, 3 and 5 steps.
func rowsAt(a, step reg.Register, h int, byRow bool) func(i int) Mem {
	if !byRow {
		return func(i int) Mem { return Mem{Base: a, Disp: 4 * i} }
	}
	three, five, ptrs := GP64(), GP64(), []reg.Register{a}
	if h > 3 {
		LEAQ(Mem{Base: step, Index: step, Scale: 2}, three)
		LEAQ(Mem{Base: step, Index: step, Scale: 4}, five)
	}
	if h > 7 {
		p := GP64()
		LEAQ(Mem{Base: a, Index: three, Scale: 2}, p)
		ADDQ(step, p)
		ptrs = append(ptrs, p)
	}
	return func(i int) Mem {
		m := Mem{Base: ptrs[i/7]}
		switch i % 7 {
		case 1, 2, 4:
			m.Index, m.Scale = step, uint8(i%7)
		case 3:
			m.Index, m.Scale = three, 1
		case 5:
			m.Index, m.Scale = five, 1
		case 6:
			m.Index, m.Scale = three, 2
		}
		return m
	}
}

func zero(v isa, s reg.VecVirtual) {
	if v.lanes == 16 {
		VPXORD(s, s, s)
	} else {
		VXORPS(s, s, s)
	}
}

// prefetch asks for the lines of C.
func prefetch(name string, h, width int) {
	c := Load(Param(name), GP64())
	ldc := Load(Param("ldc"), GP64())
	SHLQ(Imm(2), ldc)
	for i := range h {
		for d := 0; d < width; d += 64 {
			PREFETCHT0(Mem{Base: c, Disp: d})
		}
		if i < h-1 {
			ADDQ(ldc, c)
		}
	}
}

// storeTile writes the first n columns of the sums, plus from, to C.
func storeTile(v isa, name string, sums [][]reg.VecVirtual) {
	nv := len(sums[0])
	c := Load(Param("c"), GP64())
	from := Load(Param("from"), GP64())
	SUBQ(c, from) // its distance from C
	ldc := Load(Param("ldc"), GP64())
	n := Load(Param("n"), GP64())
	SHLQ(Imm(2), ldc)
	acc := NewParamAddr("acc", 56)
	each := func(f func(s reg.VecVirtual, to, from Mem, j int)) {
		for i := range sums {
			for j := range nv {
				d := 4 * v.lanes * j
				f(sums[i][j], Mem{Base: c, Disp: d}, Mem{Base: c, Index: from, Scale: 1, Disp: d}, j)
			}
			if i < len(sums)-1 {
				ADDQ(ldc, c)
			}
		}
		VZEROUPPER()
		RET()
	}
	if v.lanes == 16 { // with acc 0 no element is added
		all, add := masks(n, nv), GP64()
		MOVQ(acc, add)
		NEGQ(add)
		var old []reg.OpmaskVirtual
		k := K()
		KMOVW(add.As32(), k)
		for j := range nv {
			old = append(old, K())
			KANDW(k, all[j], old[j])
		}
		each(func(s reg.VecVirtual, to, from Mem, j int) {
			VADDPS(from, s, old[j], s)
			VMOVUPS(s, all[j], to)
		})
		return
	}
	CMPQ(n, Imm(uint64(nv*v.lanes)))
	JNE(LabelRef(name + "_edge"))
	CMPQ(acc, Imm(0))
	JE(LabelRef(name + "_set"))
	each(func(s reg.VecVirtual, to, from Mem, j int) {
		VADDPS(from, s, s)
		VMOVUPS(s, to)
	})
	Label(name + "_set")
	each(func(s reg.VecVirtual, to, _ Mem, j int) { VMOVUPS(s, to) })
	Label(name + "_edge")
	mask := windowMask(v, n)
	flag := GP64() // with acc 0 the mask of what is added is empty
	MOVQ(acc, flag)
	NEGQ(flag)
	f, x := XMM(), v.vec()
	VMOVQ(flag, f)
	VPBROADCASTQ(f, x)
	t, m := v.vec(), v.vec()
	each(func(s reg.VecVirtual, to, from Mem, j int) {
		mask(j, m)
		VANDPS(x, m, t)
		VMASKMOVPS(from, t, t)
		VADDPS(t, s, s)
		VMASKMOVPS(s, m, to)
	})
}

// masks are those of the first n elements of nv vectors.
func masks(n reg.Register, nv int) (ks []reg.OpmaskVirtual) {
	bits := GP64()
	MOVQ(I32(-1), bits)
	BZHIQ(n, bits, bits)
	for j := range nv {
		if j > 0 {
			SHRQ(Imm(16), bits)
		}
		k := K()
		KMOVW(bits.As32(), k)
		ks = append(ks, k)
	}
	return ks
}

// windowMask gives the mask of the first n elements of vector j without mask
// registers: a window of eight in a table of ones, then zeros.
func windowMask(v isa, n reg.Register) func(j int, mask reg.VecVirtual) {
	table, back := GP64(), GP64()
	LEAQ(window, table)
	MOVQ(n, back)
	SHLQ(Imm(2), back)
	SUBQ(back, table)
	return func(j int, mask reg.VecVirtual) {
		VMOVUPS(Mem{Base: table, Disp: 4 * (2*v.lanes + v.lanes*j)}, mask)
	}
}

// masked makes loads of the first n elements of nv vectors.
func masked(v isa, n reg.Register, nv int) func(m Mem, t reg.VecVirtual, j int) {
	if v.lanes == 16 {
		ks := masks(n, nv)
		return func(m Mem, t reg.VecVirtual, j int) { VMOVUPS_Z(m, ks[j], t) }
	}
	mask, x := windowMask(v, n), v.vec()
	return func(m Mem, t reg.VecVirtual, j int) {
		mask(j, x)
		VMASKMOVPS(m, x, t)
	}
}

// window is 16 words of ones, then 16 of zeros.
var window Mem

func tiles() {
	window = GLOBL("c_window", RODATA|NOPTR)
	for i := range 32 {
		DATA(4*i, U32(uint32(0xffffffff*uint64(1-i/16))))
	}
	for _, byRow := range []bool{true, false} {
		for h := 1; h <= 6; h++ {
			tile(avx2, h, 2, byRow)
		}
		for h := 1; h <= 14; h++ {
			tile(avx512, h, 2, byRow)
			tile(bf16, h, 2, byRow)
		}
	}
}
