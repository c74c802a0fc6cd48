//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"math"

	"hardneg/models/graph"
	"hardneg/models/vm"
)

// maxHead and rowsABlock are dim_max and warps of attention.cu.
const maxHead, rowsABlock = 128, 8

// rotary is a table of cosines and sines of n positions on the device.
type rotary struct {
	heads         graph.Heads
	n             int
	cosine, sines *buffer
}

// rotaryOf makes the table for positions below n, rounding as models/cpu does.
func (c *CUDA) rotaryOf(h graph.Heads, n int) (*rotary, error) {
	for _, r := range c.ropes {
		if r.heads == h && r.n >= n {
			return r, nil
		}
	}
	var co, si []float32
	for p := range n {
		for _, f := range h.Rotary.Inv {
			s, c := math.Sincos(float64(float32(p) * f))
			co, si = append(co, float32(c*h.Rotary.Scale)), append(si, float32(s*h.Rotary.Scale))
		}
	}
	r := &rotary{heads: h, n: n}
	var err error
	if r.cosine, err = c.alloc(graph.Float32, len(co)); err != nil {
		return nil, err
	}
	if r.sines, err = c.alloc(graph.Float32, len(si)); err != nil {
		return nil, err
	}
	c.Write(r.cosine, co)
	c.Write(r.sines, si)
	c.ropes = append(c.ropes, r)
	return r, nil
}

func rope(c *CUDA, k vm.Call) vm.Kernel {
	return c.rotate(k, at(k.In[1]), k.In[2], k.In[3], 1)
}

func ropeInv(c *CUDA, k vm.Call) vm.Kernel { return c.rotate(k, 0, k.In[1], k.In[2], -1) }

func (c *CUDA) rotate(k vm.Call, bias slot, segs, parent vm.Arg, dir float64) vm.Kernel {
	h := k.Op.Attr.(graph.Heads)
	r, err := c.rotaryOf(h, k.In[0].Shape[0])
	if err != nil {
		return func(uint) {
			if c.err == nil {
				c.err = err
			}
		}
	}
	name := variant("rope", k.In[0])
	return func(uint) {
		c.launch(name, ropeGrid(k.Live.Tokens), at(k.Out[0]), at(k.In[0]), bias, at(segs), at(parent), slot(r.cosine.ptr), slot(r.sines.ptr),
			i32(k.Live.Segs), i32(h.Width()), i32(h.Q+h.KV), i32(h.Dim/2), f32(dir))
	}
}

// ropeGrid covers rows with blocks of rope.cu.
func ropeGrid(rows int) grid { return grid{(rows + 3) / 4, 1, 128, 0} }

func rowBlocks(t, heads int) grid {
	return grid{(t + rowsABlock - 1) / rowsABlock, heads, 32 * rowsABlock, 0}
}

func attn(c *CUDA, k vm.Call) vm.Kernel {
	if of(k.In[0]).dt == graph.Uint16 {
		return c.flash(k)
	}
	h := k.Op.Attr.(graph.Heads)
	scale := 1 / math.Sqrt(float64(h.Dim))
	return func(uint) {
		t := k.Live.Tokens
		c.launch("attn", rowBlocks(t, h.Q), at(k.Out[0]), at(k.Out[1]), at(k.In[0]), at(k.In[1]), at(k.In[2]),
			i32(k.Live.Segs), i32(t), i32(h.Q), i32(h.KV), i32(h.Dim), f32(scale))
	}
}

func attnGrad(c *CUDA, k vm.Call) vm.Kernel {
	if of(k.In[0]).dt == graph.Uint16 {
		return c.flashGrad(k)
	}
	h := k.Op.Attr.(graph.Heads)
	scale := 1 / math.Sqrt(float64(h.Dim))
	return func(uint) {
		t := k.Live.Tokens
		dot := c.scratch(scratchRows, t*h.Q)
		c.launch("attn_dot", grid{(t*h.Q + 7) / 8, 1, 256, 0}, dot, at(k.In[3]), at(k.In[5]), i32(t*h.Q), i32(h.Dim))
		for _, part := range []struct {
			name  string
			heads int
		}{{"attn_dq", h.Q}, {"attn_dkv", h.KV}} {
			c.launch(part.name, rowBlocks(t, part.heads), at(k.Out[0]), at(k.In[0]), at(k.In[1]), at(k.In[2]), at(k.In[4]), at(k.In[5]), dot,
				i32(k.Live.Segs), i32(t), i32(h.Q), i32(h.KV), i32(h.Dim), f32(scale))
		}
	}
}
