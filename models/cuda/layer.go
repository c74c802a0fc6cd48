//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"slices"

	"hardneg/models/graph"
	"hardneg/models/vm"
)

func of(a vm.Arg) *buffer { return a.Buf.(*buffer) }

// variant is the name of the kernel for activations like a.
func variant(name string, a vm.Arg) string {
	if of(a).dt == graph.Uint16 {
		return name + "_b16"
	}
	return name
}

func embed(c *CUDA, k vm.Call) vm.Kernel {
	d := k.In[1].Shape[1]
	w := c.weight(k.In[1], k.Out[0], d)
	name := variant("embed", k.Out[0])
	return func(uint) {
		c.launch(name, grid{k.Live.Tokens, 1, 128, 0}, at(k.Out[0]), w().p, at(k.In[0]), i32(d))
	}
}

func embedGrad(c *CUDA, k vm.Call) vm.Kernel {
	v, d, dw := k.In[2].Shape[0], k.In[2].Shape[1], of(k.Out[0])
	name := variant("embed_grad", k.In[1])
	return func(add uint) {
		if add&1 == 0 {
			c.zero(dw, dw.n)
		}
		first := c.firsts(at(k.In[0]), k.Live.Tokens, v)
		c.launch(name, grid{k.Live.Tokens, 1, 256, 0}, at(k.Out[0]), at(k.In[1]), at(k.In[0]), first, elements(first, v), i32(k.Live.Tokens), i32(d))
	}
}

// firsts tells of every number below bound among n at keys where it comes first
// and, bound numbers on, how often.
func (c *CUDA) firsts(keys slot, n, bound int) slot {
	p := c.scratch(scratchFirsts, 2*bound)
	for _, pass := range []string{"firsts_clear", "firsts"} {
		c.launch(pass, over(n), p, elements(p, bound), keys, i32(n))
	}
	return p
}

// gainRows and columnChunk are gain_rows and column_chunk of norm.cu.
const gainRows, columnChunk = 16, 64

// normRows is the number of rows in a block of rmsnorm_grad.
func normRows(dt graph.Dtype) int {
	if dt == graph.Uint16 {
		return 4
	}
	return 2
}

// normThreads is the width of blocks with eight elements of a row a thread.
func normThreads(d int) int { return min(max((d/8+31)/32, 1)*32, 1024) }

func rmsNorm(c *CUDA, k vm.Call) vm.Kernel {
	d, eps, name := k.In[1].Shape[0], k.Op.Attr.(graph.Norm).Eps, variant("rmsnorm", k.In[0])
	return func(uint) {
		c.launch(name, grid{k.Live.Tokens, 1, normThreads(d), 0}, at(k.Out[0]), at(k.In[0]), at(k.In[1]), i32(d), f32(eps))
	}
}

// normGrad is a call of RMSNorm's gradient by x. Where the next one prepared is
// the gain's gradient of the same rows, as in every graph that differentiates
// both, one kernel does both, and rows are read once.
type normGrad struct {
	x, dy vm.Buffer
	both  bool
	parts int // that wait for the gain's gradient
}

func rmsNormDx(c *CUDA, k vm.Call) vm.Kernel {
	d, eps, name := k.In[1].Shape[0], k.Op.Attr.(graph.Norm).Eps, variant("rmsnorm_dx", k.In[0])
	g, rows := &normGrad{x: k.In[0].Buf, dy: k.In[2].Buf}, normRows(of(k.In[0]).dt)
	if d%8 == 0 && d <= 8*1024 && aligned16(k.In[0], k.In[1], k.In[2], k.Out[0]) {
		c.norm = g
	}
	return func(add uint) {
		t := k.Live.Tokens
		if !g.both {
			c.launch(name, grid{t, 1, normThreads(d), 0}, at(k.Out[0]), at(k.In[0]), at(k.In[1]), at(k.In[2]), i32(d), f32(eps), flag(add&1 != 0))
			return
		}
		g.parts = (t + rows - 1) / rows
		c.launch(variant("rmsnorm_grad", k.In[0]), grid{g.parts, 1, normThreads(d), 0}, at(k.Out[0]), c.scratch(scratchParts, g.parts*d),
			at(k.In[0]), at(k.In[1]), at(k.In[2]), i32(t), i32(d), f32(eps), flag(add&1 != 0))
	}
}

// aligned16 tells whether all operands begin at 16 bytes.
func aligned16(args ...vm.Arg) bool {
	return !slices.ContainsFunc(args, func(a vm.Arg) bool { return at(a)%16 != 0 })
}

func rmsNormDg(c *CUDA, k vm.Call) vm.Kernel {
	d, eps, name := k.In[0].Shape[1], k.Op.Attr.(graph.Norm).Eps, variant("rmsnorm_dg", k.In[0])
	g := c.norm
	if g == nil || g.x != k.In[0].Buf || g.dy != k.In[1].Buf {
		g = &normGrad{}
	}
	g.both = true
	return func(add uint) {
		t, parts := k.Live.Tokens, g.parts
		if g.parts = 0; parts == 0 {
			parts = (t + gainRows - 1) / gainRows
			c.launch(name, grid{parts, 1, normThreads(d), 0}, c.scratch(scratchParts, parts*d), at(k.In[0]), at(k.In[1]), i32(t), i32(d), f32(eps))
		}
		c.columnTotal(at(k.Out[0]), c.scratch(scratchParts, parts*d), parts, d, add&1 != 0)
	}
}

// columnTotal adds up parts rows of n columns.
func (c *CUDA) columnTotal(out, part slot, parts, n int, add bool) {
	c.launch("column_total", grid{(n + 31) / 32, 1, 1024, 0}, out, part, i32(parts), i32(n), flag(add))
}

func colSum(c *CUDA, k vm.Call) vm.Kernel {
	n, name := k.In[0].Shape[1], variant("column_parts", k.In[0])
	return func(add uint) {
		t := k.Live.Tokens
		parts := (t + columnChunk - 1) / columnChunk
		p := c.scratch(scratchParts, parts*n)
		g := over(n)
		g.y = parts
		c.launch(name, g, p, at(k.In[0]), i32(t), i32(n))
		c.columnTotal(at(k.Out[0]), p, parts, n, add&1 != 0)
	}
}

// byRows covers t rows of n elements, eight a thread.
func byRows(t, n int) grid { return grid{(n + 8*128 - 1) / (8 * 128), t, 128, 0} }

func swiGLU(c *CUDA, k vm.Call) vm.Kernel {
	f, name := k.Out[0].Shape[1], variant("swiglu", k.In[0])
	return func(uint) {
		c.launch(name, byRows(k.Live.Tokens, f), at(k.Out[0]), at(k.In[0]), i32(f))
	}
}

func swiGLUGrad(c *CUDA, k vm.Call) vm.Kernel {
	f, name := k.In[1].Shape[1], variant("swiglu_grad", k.In[0])
	return func(uint) {
		c.launch(name, byRows(k.Live.Tokens, f), at(k.Out[0]), at(k.In[0]), at(k.In[1]), i32(f))
	}
}

func add(c *CUDA, k vm.Call) vm.Kernel {
	n, name := of(k.Out[0]).n, variant("add", k.Out[0])
	return func(add uint) {
		c.launch(name, over(n), at(k.Out[0]), at(k.In[0]), at(k.In[1]), i64(n), flag(add&1 != 0))
	}
}
