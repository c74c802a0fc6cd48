//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
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
	d, dw := k.In[2].Shape[1], of(k.Out[0])
	return func(add uint) {
		if add&1 == 0 {
			c.zero(dw, dw.n)
		}
		c.launch(variant("embed_grad", k.In[1]), grid{k.Live.Tokens, 1, 256, 0}, at(k.Out[0]), at(k.In[1]), at(k.In[0]), i32(k.Live.Tokens), i32(d))
	}
}

func rmsNorm(c *CUDA, k vm.Call) vm.Kernel {
	d, eps := k.In[1].Shape[0], k.Op.Attr.(graph.Norm).Eps
	return func(uint) {
		c.launch(variant("rmsnorm", k.In[0]), grid{k.Live.Tokens, 1, 192, 0}, at(k.Out[0]), at(k.In[0]), at(k.In[1]), i32(d), f32(eps))
	}
}

func rmsNormDx(c *CUDA, k vm.Call) vm.Kernel {
	d, eps := k.In[1].Shape[0], k.Op.Attr.(graph.Norm).Eps
	return func(add uint) {
		c.launch(variant("rmsnorm_dx", k.In[0]), grid{k.Live.Tokens, 1, 192, 0}, at(k.Out[0]), at(k.In[0]), at(k.In[1]), at(k.In[2]), i32(d), f32(eps), flag(add&1 != 0))
	}
}

// columnChunk is column_chunk of norm.cu.
const columnChunk = 64

// columns sums the columns of y, or of x·r·y where x is given.
func (c *CUDA) columns(out slot, y vm.Arg, x, r slot, t, n int, add bool) {
	parts := (t + columnChunk - 1) / columnChunk
	p := c.scratch(scratchParts, parts*n)
	g := over(n)
	g.y = parts
	c.launch(variant("column_parts", y), g, p, at(y), x, r, i32(t), i32(n))
	c.launch("column_total", over(n), out, p, i32(parts), i32(n), flag(add))
}

func rmsNormDg(c *CUDA, k vm.Call) vm.Kernel {
	d, eps := k.In[0].Shape[1], k.Op.Attr.(graph.Norm).Eps
	return func(add uint) {
		t := k.Live.Tokens
		r := c.scratch(scratchRows, t)
		c.launch(variant("rstd", k.In[0]), grid{t, 1, 192, 0}, r, at(k.In[0]), i32(d), f32(eps))
		c.columns(at(k.Out[0]), k.In[1], at(k.In[0]), r, t, d, add&1 != 0)
	}
}

func colSum(c *CUDA, k vm.Call) vm.Kernel {
	n := k.In[0].Shape[1]
	return func(add uint) {
		c.columns(at(k.Out[0]), k.In[0], 0, 0, k.Live.Tokens, n, add&1 != 0)
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
