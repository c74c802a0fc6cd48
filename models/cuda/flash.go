//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"math"

	"hardneg/models/graph"
	"hardneg/models/vm"
)

// flashTile describes the kernels of flash.cu for heads of up to width elements.
type flashTile struct {
	name  string
	width int
}

func flashTileOf(h graph.Heads) flashTile {
	if h.Dim <= 64 {
		return flashTile{"64", 64}
	}
	return flashTile{"128", 128}
}

// bytes is the size of n rows of bfloat16.
func (f flashTile) bytes(n int) int { return 2 * f.width * n }

// flash is attention over bfloat16.
func (c *CUDA) flash(k vm.Call) vm.Kernel {
	h := k.Op.Attr.(graph.Heads)
	return func(uint) {
		c.flashForward(h, k.Live, at(k.Out[0]), at(k.Out[1]), at(k.In[0]), at(k.In[1]), at(k.In[2]))
	}
}

// flashForward queues o and lse of live.Tokens packed rows of qkv. A caller with
// segments of its own, such as prefill, sets live.Tokens to segs[live.Segs] and
// live.Segs to the number of segments, -1 for each parent where nothing is
// shared, and lse to 0 where no backward pass follows. Only those rows are
// touched.
func (c *CUDA) flashForward(h graph.Heads, live *vm.Live, o, lse, qkv, segs, parent slot) {
	f := flashTileOf(h)
	const rows = 128                                  // of work in a block
	blocks := live.Tokens*(h.Q/h.KV)/rows + live.Segs // see tile_of
	c.launch("flash_"+f.name, grid{blocks, h.KV, 128, f.bytes(rows+4*32) + 64}, o, lse, qkv, segs, parent,
		i32(live.Segs), i32(h.Q), i32(h.KV), i32(h.Dim), f32(1/math.Sqrt(float64(h.Dim))))
}

// flashGrad is the gradient of attention over bfloat16.
func (c *CUDA) flashGrad(k vm.Call) vm.Kernel {
	h := k.Op.Attr.(graph.Heads)
	f := flashTileOf(h)
	return func(uint) {
		t, segs := k.Live.Tokens, k.Live.Segs
		dot := c.scratch(scratchRows, t*h.Q)
		c.launch("flash_dot", grid{(t*h.Q + 7) / 8, 1, 256, 0}, dot, at(k.In[3]), at(k.In[5]), i32(t*h.Q), i32(h.Dim))
		keys, rows := t/64+segs, t*(h.Q/h.KV)/128+segs // blocks, see tile_of
		const sums = 2*2*64*4 + 64                     // lse and dot of two tiles, and numbers of the block
		c.launch("flash_grad_"+f.name, grid{h.KV, keys + rows, 128, f.bytes(6*64) + sums}, at(k.Out[0]), at(k.In[0]), at(k.In[1]), at(k.In[2]), at(k.In[4]), at(k.In[5]), dot,
			i32(segs), i32(t), i32(h.Q), i32(h.KV), i32(h.Dim), f32(1/math.Sqrt(float64(h.Dim))))
	}
}
