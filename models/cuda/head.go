//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"math"

	"hardneg/models/graph"
	"hardneg/models/vm"
)

// chunkOf is how many picks are projected at a time: as many as feed the tensor
// cores, unless their logits took more than a thirty-second of the memory.
func (c *CUDA) chunkOf(vocab int) int {
	if c.picks > 0 {
		return c.picks
	}
	return min(max(int(c.Memory()/128)/vocab, 64), 4096)
}

// projection turns picked hidden rows into logits, chunk by chunk. Logits are
// fp32 also where activations are not.
type projection struct {
	c               *CUDA
	h               vm.Arg
	w               func() mat
	rows, ids       slot
	d, vocab, chunk int
}

func projectionOf(c *CUDA, k vm.Call) projection {
	v, d := k.In[1].Shape[0], k.In[1].Shape[1]
	return projection{c, k.In[0], c.weight(k.In[1], k.In[0], d), at(k.In[2]), at(k.In[3]), d, v, c.chunkOf(v)}
}

// keptLogits says of whom the logits in scratchLogits are.
type keptLogits struct {
	h, w, rows, z slot
	lo, hi        int
}

// logits leaves the gathered hidden rows in x and the logits of picks lo to hi
// in z. Those that the forward pass left last are not computed again.
func (p *projection) logits(lo, hi int, backward bool) (x, z mat) {
	c, n, dt := p.c, hi-lo, of(p.h).dt
	x = rowsOf(c.scratch(scratchRows, 2*n*p.d), p.d, dt)
	c.launch(variant("gather", p.h), grid{n, 1, 128, 0}, x.p, at(p.h), elements(p.rows, lo), i32(p.d))
	have := c.kept
	z = rowsOf(c.scratch(scratchLogits, n*p.vocab), p.vocab, graph.Float32)
	want := keptLogits{at(p.h), p.w().p, p.rows, z.p, lo, hi}
	if !backward || have != want {
		c.multiply(n, p.vocab, p.d, x, p.w().t(), product{z, 0, 1, false})
	}
	if !backward { // the backward pass may write over them
		c.kept = want
	}
	return x, z
}

// elements is the address of element n of 4 bytes.
func elements(p slot, n int) slot { return p + slot(4*n) }

func logProb(c *CUDA, k vm.Call) vm.Kernel {
	p := projectionOf(c, k)
	return func(uint) {
		for lo := 0; lo < k.Live.Picks; lo += p.chunk {
			hi := min(lo+p.chunk, k.Live.Picks)
			_, z := p.logits(lo, hi, false)
			var entropy slot
			if k.Out[2].Buf != nil {
				entropy = elements(at(k.Out[2]), lo)
			}
			c.launch("log_prob", grid{hi - lo, 1, 512, 0}, elements(at(k.Out[0]), lo), elements(at(k.Out[1]), lo), entropy, z.p, elements(p.ids, lo), i32(p.vocab))
		}
	}
}

func logProbGrad(c *CUDA, k vm.Call) vm.Kernel {
	p := projectionOf(c, k)
	dh, name := of(k.Out[0]), variant("log_prob_grad", k.In[0])
	return func(add uint) {
		n := k.Live.Picks
		c.zero(dh, k.Live.Tokens*p.d)
		dw := k.Out[1].Buf != nil // the output matrix is trained
		if n == 0 && add&2 == 0 && dw {
			c.zero(of(k.Out[1]), of(k.Out[1]).n)
		}
		for hi, lo := n, 0; hi > 0; hi = lo { // the last chunk first: its logits are still there
			lo = (hi - 1) / p.chunk * p.chunk
			x, z := p.logits(lo, hi, true)
			dz := z
			if x.dt != z.dt {
				dz = rowsOf(c.scratch(scratchGradient, ((hi-lo)*p.vocab+1)/2), p.vocab, x.dt)
			}
			c.launch(name, byRows(hi-lo, p.vocab), dz.p, z.p, elements(at(k.In[4]), lo), elements(at(k.In[5]), lo), elements(p.ids, lo), i32(p.vocab))
			if dw {
				c.multiply(p.vocab, p.d, hi-lo, dz.t(), x, product{operand(k.Out[1], p.d), 0, 1, hi < n || add&2 != 0})
			}
			y := x.from((hi - lo) * p.d)
			c.multiply(hi-lo, p.d, p.vocab, dz, p.w(), product{y, 0, 1, false})
			first := c.firsts(elements(p.rows, lo), hi-lo, k.In[0].Shape[0])
			c.launch(variant("scatter", k.Out[0]), grid{hi - lo, 1, 256, 0}, at(k.Out[0]), y.p, elements(p.rows, lo), first, elements(first, k.In[0].Shape[0]), i32(hi-lo), i32(p.d))
		}
	}
}

func seqSum(c *CUDA, k vm.Call) vm.Kernel {
	return func(uint) {
		c.launch("seq_sum", over(k.Live.Seqs), at(k.Out[0]), at(k.In[0]), at(k.In[1]), i32(k.Live.Seqs))
	}
}

func seqSumGrad(c *CUDA, k vm.Call) vm.Kernel {
	return func(uint) {
		c.launch("seq_sum_grad", grid{k.Live.Seqs, 1, 64, 0}, at(k.Out[0]), at(k.In[0]), at(k.In[1]))
	}
}

// squareChunk is square_chunk of optim.cu.
const squareChunk = 1 << 16

func sumSquares(c *CUDA, k vm.Call) vm.Kernel {
	n := of(k.In[0]).n
	return func(uint) {
		parts := (n + squareChunk - 1) / squareChunk
		p := c.scratch(scratchParts, 2*parts) // float64
		c.launch("square_parts", grid{parts, 1, 256, 0}, p, at(k.In[0]), i64(n))
		c.launch("square_total", grid{1, 1, 256, 0}, at(k.Out[0]), p, i32(parts))
	}
}

func adamW(c *CUDA, k vm.Call) vm.Kernel {
	a, p := k.Op.Attr.(*graph.AdamW), of(k.In[0])
	n, in := p.n, k.In
	var square slot
	if last := of(in[len(in)-1]); last.dt == graph.Float64 {
		square, in = slot(last.ptr), in[:len(in)-1]
	}
	return func(uint) {
		b1, b2 := float64(float32(a.Beta1)), float64(float32(a.Beta2))
		factors := []slot{square, f64(a.Clip), i64(n), f32(1 - a.LR*a.Decay), f32(a.Scale), f32(b1), f32(1 - b1), f32(b2), f32(1 - b2),
			f32(a.LR / a.Bias1), f32(1 / math.Sqrt(a.Bias2)), f32(a.Eps)}
		args := []slot{at(in[0]), at(in[1]), at(in[2]), at(in[3]), c.copyOf(p)}
		name, g := "adamw", over((n+3)/4)
		switch of(in[2]).dt {
		case graph.Uint16:
			name, g, factors = "adamw16", over(n), append(factors, i64(a.Step), i64(a.Offset))
		case graph.Uint8:
			name, g, factors = "adamw8", over(n), append(factors, i64(a.Step), i64(a.Offset))
			args = append(args, at(in[4]), at(in[5]))
		}
		c.launch(name, g, append(args, factors...)...)
	}
}

// Margins queues the derivatives of a loss by the sequences' sums.
func (c *CUDA) Margins(coef, sums, table vm.Buffer, m *graph.Margins) {
	n := len(m.Seqs)
	c.launch("margins", over(n), slot(coef.(*buffer).ptr), slot(sums.(*buffer).ptr), slot(table.(*buffer).ptr), i32(n), i32(int(m.Slope)), f64(m.A), f64(m.B))
}

var _ vm.Asynchronous = (*CUDA)(nil)
