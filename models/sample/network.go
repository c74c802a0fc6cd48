package sample

import (
	"hardneg/models/checkpoint"
	"hardneg/models/cpu"
	"hardneg/models/cpu/gemm"
	"hardneg/models/graph"
	"hardneg/models/qwen2"
)

// network is a model with its matrices packed for products from the right:
// y = x·Wᵀ; embedding, norms and biases stay where they are. It is read only
// and shared by all workers.
type network struct {
	config *checkpoint.Config
	heads  graph.Heads
	embed  []float32 // (vocab, hidden)
	layers []layer
	norm   []float32
	head   *gemm.Packed // (hidden, vocab)
}

type layer struct {
	norm1, bqkv, norm2      []float32
	wqkv, wo, gateUp, downW *gemm.Packed
}

func newNetwork(p *qwen2.Params, e *gemm.Engine) *network {
	c := p.Config
	pack := func(w []float32, out, in int) *gemm.Packed { return e.Pack(gemm.Rows(w, in).T(), in, out) }
	n := &network{config: c, heads: qwen2.Heads(c), embed: p.Embed(), norm: p.Norm(),
		head: pack(p.Head(), c.Vocab, c.Hidden)}
	q, w := c.Heads*c.HeadDim, n.heads.Width()
	for l := range c.Layers {
		x := p.Layer(l)
		n.layers = append(n.layers, layer{x.Norm1, x.BQKV, x.Norm2,
			pack(x.WQKV, w, c.Hidden), pack(x.WO, c.Hidden, q),
			pack(x.GateUp, 2*c.FFN, c.Hidden), pack(x.Down, c.Hidden, c.FFN)})
	}
	return n
}

// span is a run of new tokens of one sequence: a whole prompt, or one token.
type span struct {
	tokens []int32
	pos    int      // position of the first
	shared []*page  // the prompt's cache, which a row only reads
	nShare int      // tokens in it
	own    *kvcache // takes the new keys and values
}

// batch computes with the buffers of one worker.
type batch struct {
	net  *network
	e    *gemm.Engine // for the weights
	att  *gemm.Engine // for attention, with the panels of the cache
	rope *cpu.Rope
	pool *pages

	x, h, qkv, o, gu, f []float32
	scores, spare       []float32
}

func newBatch(n *network) *batch {
	att := gemm.WithKernel(1, "avx2_6x16")
	if att == nil {
		att = gemm.New(1)
	}
	return &batch{net: n, e: gemm.New(1), att: att, rope: cpu.NewRope(n.heads), pool: newPages(n, att.PanelWidth()),
		spare: make([]float32, 4*gemm.PairPanel)}
}

func sized(p *[]float32, n int) []float32 {
	if cap(*p) < n {
		*p = make([]float32, n+n/4)
	}
	return (*p)[:n]
}

// forward runs the network over all spans and leaves the last layer's output,
// one row a token, in the buffer that it returns.
func (b *batch) forward(spans []span) []float32 {
	c := b.net.config
	t, longest := 0, 0
	for _, s := range spans {
		t += len(s.tokens)
		longest = max(longest, s.pos+len(s.tokens))
		s.own.reserve(b.pool, len(s.tokens))
	}
	b.rope.Grow(longest)
	d, w, q := c.Hidden, b.net.heads.Width(), c.Heads*c.HeadDim
	x, h := sized(&b.x, t*d), sized(&b.h, t*d)
	qkv, att := sized(&b.qkv, t*w), sized(&b.o, t*q)
	gu, f := sized(&b.gu, t*2*c.FFN), sized(&b.f, t*c.FFN)
	i := 0
	for _, s := range spans {
		for _, id := range s.tokens {
			copy(x[i*d:i*d+d], b.net.embed[int(id)*d:])
			i++
		}
	}
	for l := range b.net.layers {
		y := &b.net.layers[l]
		cpu.RMSNorm(h, x, y.norm1, c.Eps)
		for i := range t {
			copy(qkv[i*w:i*w+w], y.bqkv)
		}
		b.e.MulPacked(0, t, h, d, y.wqkv, qkv, w, true)
		b.attend(l, spans, qkv, att)
		b.e.MulPacked(0, t, att, q, y.wo, x, d, true)
		cpu.RMSNorm(h, x, y.norm2, c.Eps)
		b.e.MulPacked(0, t, h, d, y.gateUp, gu, 2*c.FFN, false)
		for i := range t {
			r := gu[i*2*c.FFN:]
			gemm.SwiGLU(r[:c.FFN], r[c.FFN:2*c.FFN], f[i*c.FFN:])
		}
		b.e.MulPacked(0, t, f, c.FFN, y.downW, x, d, true)
	}
	for _, s := range spans {
		s.own.n += len(s.tokens)
	}
	return x
}

// logits projects rows of the last layer's output: z is (len(rows), vocab).
func (b *batch) logits(x []float32, rows []int, z []float32) {
	d, v := b.net.config.Hidden, b.net.config.Vocab
	h := sized(&b.h, len(rows)*d)
	for i, r := range rows {
		cpu.RMSNorm(h[i*d:i*d+d], x[r*d:r*d+d], b.net.norm, b.net.config.Eps)
	}
	b.e.MulPacked(0, len(rows), h, d, b.net.head, z, v, false)
}
