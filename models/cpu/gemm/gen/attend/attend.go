// Command attend writes the assembly of attention from one token. Run it in gen
// with
//
//	go run ./attend -to ../attend_amd64.s
package main

import (
	"flag"
	"fmt"
	"log"
	"math"
	"os"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	out := flag.String("to", "attend_amd64.s", "file to write")
	flag.Parse()
	if err := os.WriteFile(*out, attention(), 0o644); err != nil {
		log.Fatal(err)
	}
}

// attention is the kernels of attention from one token, for one to four
// query heads that share their keys.
func attention() []byte {
	c := build.NewContext()
	g := &attender{Context: c}
	word := func(name string, bits uint32) Mem {
		m := c.StaticGlobal(name)
		c.DataAttributes(attr.RODATA | attr.NOPTR)
		c.AppendDatum(U32(bits))
		return m
	}
	f := func(name string, v float32) Mem { return word(name, math.Float32bits(v)) }
	g.log2e, g.ln2h, g.ln2l, g.lo = f("at_log2e", 1.44269504), f("at_ln2h", 0.693359375), f("at_ln2l", -2.12194440e-4), f("at_lo", -87.3)
	g.half, g.one, g.none = f("at_half", 0.5), f("at_one", 1), word("at_none", 0xff800000)
	for i, v := range []float32{1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1} {
		g.p[i] = f(fmt.Sprintf("at_p%d", i), v)
	}
	for h := 1; h <= 4; h++ {
		g.kernel(h)
	}
	g.rotate()
	file, err := c.Result()
	if err == nil {
		err = pass.Compile.Execute(file)
	}
	if err != nil {
		log.Fatal(err)
	}
	b, err := printer.NewGoAsm(printer.Config{Name: "go run ./attend", Argv: []string{"go", "run", "./attend", "in", "gen"}, Pkg: "gemm"}).Print(file)
	if err != nil {
		log.Fatal(err)
	}
	return b
}

type attender struct {
	*build.Context
	log2e, ln2h, ln2l, lo, half, one, none Mem
	p                                      [5]Mem
	zero                                   reg.VecVirtual
}

// The offsets of AttendPiece.
const (
	pieceK, pieceV, pieceN, pieceNextK, pieceNextV, pieceSize = 0, 8, 16, 24, 32, 40
)

// clear is a fresh register of zeros. avo takes VPXORD of a register with
// itself for a read, so registers are cleared by copies of one.
func (g *attender) clear() reg.VecVirtual {
	z := g.ZMM()
	g.VMOVAPS(g.zero, z)
	return z
}

// all reduces the lanes of x, which it spoils, to one value in every lane.
func (g *attender) all(x reg.VecVirtual, op func(a, b, dst Op)) reg.VecVirtual {
	t := g.ZMM()
	for _, imm := range []uint8{0b01001110, 0b10110001} {
		g.VSHUFF64X2(Imm(uint64(imm)), x, x, t)
		op(t, x, x)
	}
	for _, imm := range []uint8{0b01001110, 0b10110001} {
		g.VPERMILPS(Imm(uint64(imm)), x, t)
		op(t, x, x)
	}
	return x
}

// exp is e^x for x ≤ 0. A NaN stays one.
func (g *attender) exp(x reg.VecVirtual) reg.VecVirtual {
	n, p, t, lo := g.ZMM(), g.ZMM(), g.ZMM(), g.ZMM()
	g.VBROADCASTSS(g.lo, lo)
	g.VMAXPS(x, lo, x)
	g.VMULPS_BCST(g.log2e, x, n)
	g.VRNDSCALEPS(Imm(0), n, n)
	g.VFNMADD231PS_BCST(g.ln2h, n, x)
	g.VFNMADD231PS_BCST(g.ln2l, n, x)
	g.VBROADCASTSS(g.p[0], p)
	for i := 1; i < 5; i++ {
		g.VFMADD213PS_BCST(g.p[i], x, p)
	}
	g.VFMADD213PS_BCST(g.half, x, p)
	g.VMULPS(x, x, t)
	g.VFMADD213PS(x, t, p)
	g.VADDPS_BCST(g.one, p, p)
	g.VSCALEFPS(n, p, p)
	return p
}

// kernel emits attention for h heads: scores of all tokens with the largest of
// each head, weights e^(score-largest) with their sum, and the weighted sum of
// values, 32 columns at a time. While it reads a piece it fetches the one that
// AttendPiece names as next.
func (g *attender) kernel(h int) {
	name := fmt.Sprintf("attendAVX512x%d", h)
	g.Function(name)
	g.Attributes(attr.NOSPLIT)
	g.SignatureExpr("func(d int64, q *float32, pieces *float32, count int64, scores, o *float32, vstep int64, scale float32)")
	g.Pragma("noescape")
	unroll := 2
	if h == 1 {
		unroll = 4
	}
	g.zero = g.ZMM()
	g.VPXORD(g.zero, g.zero, g.zero)
	label := func(s string) string { return name + "_" + s }
	d4 := g.Load(g.Param("d"), g.GP64()).(reg.GPVirtual)
	g.SHLQ(Imm(2), d4)
	d12 := g.GP64()
	g.LEAQ(Mem{Base: d4, Index: d4, Scale: 2}, d12)
	head := func(base reg.Register, i, disp int) Mem {
		switch i {
		case 0:
			return Mem{Base: base, Disp: disp}
		case 3:
			return Mem{Base: base, Index: d12, Scale: 1, Disp: disp}
		}
		return Mem{Base: base, Index: d4, Scale: uint8(i), Disp: disp}
	}

	// Scores.
	top, scale, none := make([]reg.VecVirtual, h), g.ZMM(), g.ZMM()
	g.VBROADCASTSS(g.none, none)
	for i := range top {
		top[i] = g.ZMM()
		g.VMOVAPS(none, top[i])
	}
	sx := g.XMM()
	g.Load(g.Param("scale"), sx)
	g.VBROADCASTSS(sx, scale)
	piece := g.Load(g.Param("pieces"), g.GP64()).(reg.GPVirtual)
	count := g.Load(g.Param("count"), g.GP64()).(reg.GPVirtual)
	at := g.Load(g.Param("scores"), g.GP64()).(reg.GPVirtual)
	panels := g.GP64()
	g.XORQ(panels, panels)
	keys, next, left, q, steps, mask := g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64()
	g.Label(label("piece"))
	g.MOVQ(Mem{Base: piece, Disp: pieceK}, keys)
	g.MOVQ(Mem{Base: piece, Disp: pieceNextK}, next)
	g.MOVQ(Mem{Base: piece, Disp: pieceN}, left)
	g.Label(label("panel"))
	acc := make([][2]reg.VecVirtual, h*unroll)
	for i := range acc {
		acc[i] = [2]reg.VecVirtual{g.clear(), g.clear()}
	}
	g.Load(g.Param("q"), q)
	g.Load(g.Param("d"), steps)
	if unroll == 2 {
		g.SHRQ(Imm(1), steps)
	} else {
		g.SHRQ(Imm(2), steps)
	}
	g.Label(label("dim"))
	for u := range unroll {
		k0, k1 := g.ZMM(), g.ZMM()
		g.VMOVUPS(Mem{Base: keys, Disp: 128 * u}, k0)
		g.VMOVUPS(Mem{Base: keys, Disp: 128*u + 64}, k1)
		g.PREFETCHT0(Mem{Base: next, Disp: 128 * u})
		g.PREFETCHT0(Mem{Base: next, Disp: 128*u + 64})
		for i := range h {
			x := g.ZMM()
			g.VBROADCASTSS(head(q, i, 4*u), x)
			g.VFMADD231PS(x, k0, acc[i*unroll+u][0])
			g.VFMADD231PS(x, k1, acc[i*unroll+u][1])
		}
	}
	g.ADDQ(U32(128*unroll), keys)
	g.ADDQ(U32(128*unroll), next)
	g.ADDQ(Imm(uint64(4*unroll)), q)
	g.DECQ(steps)
	g.JNZ(LabelRef(label("dim")))
	k1, k2 := g.K(), g.K()
	g.MOVL(U32(0xffffffff), mask.As32())
	g.BZHIL(left.As32(), mask.As32(), mask.As32())
	g.KMOVW(mask.As32(), k1)
	g.SHRL(Imm(16), mask.As32())
	g.KMOVW(mask.As32(), k2)
	for i := range h {
		for j := range 2 {
			a := acc[i*unroll][j]
			for u := 1; u < unroll; u++ {
				g.VADDPS(acc[i*unroll+u][j], a, a)
			}
			g.VMULPS(scale, a, a)
			g.VBLENDMPS(a, none, []reg.OpmaskVirtual{k1, k2}[j], a)
			g.VMAXPS(a, top[i], top[i])
			g.VMOVUPS(a, Mem{Base: at, Disp: 128*i + 64*j})
		}
	}
	g.ADDQ(U32(uint32(128*h)), at)
	g.INCQ(panels)
	g.SUBQ(Imm(32), left)
	g.JG(LabelRef(label("panel")))
	g.ADDQ(Imm(pieceSize), piece)
	g.DECQ(count)
	g.JNZ(LabelRef(label("piece")))

	// Weights.
	sum := make([]reg.VecVirtual, h)
	for i := range h {
		g.all(top[i], func(a, b, dst Op) { g.VMAXPS(a, b, dst) })
		sum[i] = g.clear()
	}
	g.Load(g.Param("scores"), at)
	g.Label(label("weigh"))
	for i := range h {
		for j := range 2 {
			x, m := g.ZMM(), Mem{Base: at, Disp: 128*i + 64*j}
			g.VMOVUPS(m, x)
			g.VSUBPS(top[i], x, x)
			e := g.exp(x)
			g.VMOVUPS(e, m)
			g.VADDPS(e, sum[i], sum[i])
		}
	}
	g.ADDQ(U32(uint32(128*h)), at)
	g.DECQ(panels)
	g.JNZ(LabelRef(label("weigh")))
	one := g.ZMM()
	g.VBROADCASTSS(g.one, one)
	for i := range h {
		g.all(sum[i], func(a, b, dst Op) { g.VADDPS(a, b, dst) })
		g.VDIVPS(sum[i], one, sum[i])
	}

	// Values.
	o := g.Load(g.Param("o"), g.GP64()).(reg.GPVirtual)
	columns, off := g.GP64(), g.GP64()
	g.Load(g.Param("d"), columns)
	g.SHRQ(Imm(5), columns)
	g.XORQ(off, off)
	g.Label(label("column"))
	for i := range acc {
		acc[i] = [2]reg.VecVirtual{g.clear(), g.clear()}
	}
	g.Load(g.Param("scores"), at)
	g.Load(g.Param("pieces"), piece)
	g.Load(g.Param("count"), count)
	values, n := g.GP64(), g.GP64()
	w := g.GP64()
	g.Label(label("vpiece"))
	g.MOVQ(Mem{Base: piece, Disp: pieceV}, values)
	g.MOVQ(Mem{Base: piece, Disp: pieceNextV}, next)
	g.MOVQ(Mem{Base: piece, Disp: pieceN}, left)
	g.ADDQ(off, values)
	g.ADDQ(off, next)
	g.Label(label("vpanel"))
	g.MOVQ(U32(32), n)
	g.CMPQ(left, n)
	g.CMOVQLT(left, n)
	g.MOVQ(at, w)
	token := func(u int) {
		v0, v1 := g.ZMM(), g.ZMM()
		g.VMOVUPS(Mem{Base: values, Disp: 128 * u}, v0)
		g.VMOVUPS(Mem{Base: values, Disp: 128*u + 64}, v1)
		g.PREFETCHT0(Mem{Base: next, Disp: 128 * u})
		g.PREFETCHT0(Mem{Base: next, Disp: 128*u + 64})
		for i := range h {
			x := g.ZMM()
			g.VBROADCASTSS(Mem{Base: w, Disp: 128*i + 4*u}, x)
			g.VFMADD231PS(x, v0, acc[i*unroll+u][0])
			g.VFMADD231PS(x, v1, acc[i*unroll+u][1])
		}
	}
	advance := func(tokens int) {
		g.ADDQ(U32(uint32(128*tokens)), values)
		g.ADDQ(U32(uint32(128*tokens)), next)
		g.ADDQ(Imm(uint64(4*tokens)), w)
	}
	g.SUBQ(Imm(uint64(unroll)), n)
	g.JL(LabelRef(label("vrest")))
	g.Label(label("vtokens"))
	for u := range unroll {
		token(u)
	}
	advance(unroll)
	g.SUBQ(Imm(uint64(unroll)), n)
	g.JGE(LabelRef(label("vtokens")))
	g.Label(label("vrest"))
	g.ADDQ(Imm(uint64(unroll)), n)
	g.JZ(LabelRef(label("vnext")))
	g.Label(label("vone"))
	token(0)
	advance(1)
	g.DECQ(n)
	g.JNZ(LabelRef(label("vone")))
	g.Label(label("vnext"))
	g.ADDQ(U32(uint32(128*h)), at)
	g.SUBQ(Imm(32), left)
	g.JG(LabelRef(label("vpanel")))
	g.ADDQ(Imm(pieceSize), piece)
	g.DECQ(count)
	g.JNZ(LabelRef(label("vpiece")))
	for i := range h {
		for j := range 2 {
			a := acc[i*unroll][j]
			for u := 1; u < unroll; u++ {
				g.VADDPS(acc[i*unroll+u][j], a, a)
			}
			g.VMULPS(sum[i], a, a)
			g.VMOVUPS(a, head(o, i, 64*j))
		}
	}
	g.ADDQ(U32(128), o)
	g.Load(g.Param("vstep"), n)
	g.ADDQ(n, off)
	g.DECQ(columns)
	g.JNZ(LabelRef(label("column")))
	g.VZEROUPPER()
	g.RET()
}

// rotate emits the rotation of heads, with a bias added before; half a head is
// a multiple of 16.
func (g *attender) rotate() {
	g.Function("rotateAVX512")
	g.Attributes(attr.NOSPLIT)
	g.SignatureExpr("func(heads, half int64, x, bias, cos, sin *float32)")
	g.Pragma("noescape")
	arg := func(name string) reg.GPVirtual { return g.Load(g.Param(name), g.GP64()).(reg.GPVirtual) }
	heads, half, x, bias, cos, sin := arg("heads"), arg("half"), arg("x"), arg("bias"), arg("cos"), arg("sin")
	g.SHLQ(Imm(2), half)
	i := g.GP64()
	g.Label("rotate_head")
	g.XORQ(i, i)
	g.Label("rotate_part")
	at := func(base reg.Register) Mem { return Mem{Base: base, Index: i, Scale: 1} }
	px, pb := g.GP64(), g.GP64()
	g.LEAQ(Mem{Base: x, Index: half, Scale: 1}, px)
	g.LEAQ(Mem{Base: bias, Index: half, Scale: 1}, pb)
	a, b, c, s, t, u := g.ZMM(), g.ZMM(), g.ZMM(), g.ZMM(), g.ZMM(), g.ZMM()
	g.VMOVUPS(at(x), a)
	g.VMOVUPS(at(px), b)
	g.VADDPS(at(bias), a, a)
	g.VADDPS(at(pb), b, b)
	g.VMOVUPS(at(cos), c)
	g.VMOVUPS(at(sin), s)
	g.VMULPS(b, s, t)
	g.VFMSUB231PS(a, c, t) // a·cos - b·sin
	g.VMULPS(a, s, u)
	g.VFMADD231PS(b, c, u)
	g.VMOVUPS(t, at(x))
	g.VMOVUPS(u, at(px))
	g.ADDQ(Imm(64), i)
	g.CMPQ(i, half)
	g.JL(LabelRef("rotate_part"))
	g.LEAQ(Mem{Base: x, Index: half, Scale: 2}, x)
	g.LEAQ(Mem{Base: bias, Index: half, Scale: 2}, bias)
	g.DECQ(heads)
	g.JNZ(LabelRef("rotate_head"))
	g.VZEROUPPER()
	g.RET()
}
