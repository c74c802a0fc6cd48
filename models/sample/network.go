package sample

import (
	"math"

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
	engine *gemm.Engine // whose kernel multiplies; not called itself
	heads  graph.Heads
	embed  []float32 // (vocab, hidden)
	layers []layer
	norm   []float32
	head   *gemm.Panels // (hidden, vocab)
	rows   int          // most rows that a worker should decode at a time
}

// cachedWeights is how many bytes of weights are taken to stay in the last
// level of cache from one pass to the next.
const cachedWeights = 16 << 20

// bestRows is the number of rows of a pass. Weights from memory want all there
// are. Weights that stay in the cache are cheap to read again, so that few rows
// are better: their keys and values stay there too. A whole number of tiles.
func (n *network) bestRows(e *gemm.Few) int {
	total := n.head.Bytes()
	for _, y := range n.layers {
		for _, p := range []*gemm.Panels{y.wq, y.wkv, y.wo, y.gateUp, y.downW} {
			total += p.Bytes()
		}
	}
	if total > cachedWeights {
		return math.MaxInt
	}
	return max(1, 28/e.Height()) * e.Height()
}

type layer struct {
	norm1, bqkv, norm2         []float32
	wq, wkv, wo, gateUp, downW *gemm.Panels
}

func newNetwork(p *qwen2.Params, engine *gemm.Engine) *network {
	c, e := p.Config, engine.Few()
	pack := func(w []float32, out, in int) *gemm.Panels { return e.Pack(gemm.Rows(w, in).T(), in, out) }
	n := &network{config: c, engine: engine, heads: qwen2.Heads(c), embed: p.Embed(), norm: p.Norm(),
		head: pack(p.Head(), c.Vocab, c.Hidden)}
	q, w := c.Heads*c.HeadDim, n.heads.Width()
	for l := range c.Layers {
		x := p.Layer(l)
		n.layers = append(n.layers, layer{x.Norm1, x.BQKV, x.Norm2,
			pack(x.WQKV[:q*c.Hidden], q, c.Hidden), pack(x.WQKV[q*c.Hidden:], w-q, c.Hidden), pack(x.WO, c.Hidden, q),
			pack(x.GateUp, 2*c.FFN, c.Hidden), pack(x.Down, c.Hidden, c.FFN)})
	}
	n.rows = n.bestRows(e)
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

// batch computes with the buffers of one worker. Activations are matrices of
// one row a token, their rows as far apart as the products like it.
type batch struct {
	net  *network
	e    *gemm.Few // for the weights
	f32  *gemm.Few // for attention, which no dtype rounds
	rope *cpu.Rope
	pool *pages

	x, h, qkv, att, gu, f matrix
	scores, spare         []float32
	pieces, ahead         []gemm.AttendPiece
}

// matrix has rows of w elements, ld apart.
type matrix struct {
	d     []float32
	w, ld int
}

func (m *matrix) shape(rows, w int) {
	m.w, m.ld = w, gemm.Stride(w)
	m.d = sized(&m.d, rows*m.ld)
}

func (m *matrix) row(i int) []float32 { return m.d[i*m.ld:][:m.w] }

func newBatch(n *network) *batch {
	f32 := n.engine.Few32()
	return &batch{net: n, e: n.engine.Few(), f32: f32, rope: cpu.NewRope(n.heads), pool: newPages(n, f32.Width()),
		spare: make([]float32, 4*gemm.PairPanel)}
}

func sized(p *[]float32, n int) []float32 {
	if cap(*p) < n {
		*p = make([]float32, n+n/4)
	}
	return (*p)[:n]
}

// forward runs the network over all spans and leaves the last layer's output
// after each span in the rows of b.x. The last layer computes keys and values
// for all tokens, and the rest for the last token of each span alone.
func (b *batch) forward(spans []span) {
	c := b.net.config
	t, longest := 0, 0
	for _, s := range spans {
		t += len(s.tokens)
		longest = max(longest, s.pos+len(s.tokens))
		s.own.reserve(b.pool, len(s.tokens))
	}
	b.rope.Grow(longest)
	b.x.shape(t, c.Hidden)
	b.h.shape(t, c.Hidden)
	b.qkv.shape(t, b.net.heads.Width())
	b.att.shape(t, c.Heads*c.HeadDim)
	b.gu.shape(t, 2*c.FFN)
	b.f.shape(t, c.FFN)
	i := 0
	for _, s := range spans {
		for _, id := range s.tokens {
			copy(b.x.row(i), b.net.embed[int(id)*c.Hidden:])
			i++
		}
	}
	for l := range b.net.layers {
		y := &b.net.layers[l]
		b.normRows(t, y.norm1)
		b.keyValues(l, spans, t)
		if l == c.Layers-1 && t > len(spans) {
			b.lastOnly(spans)
			t = len(spans)
		}
		b.queries(y, spans, t)
		b.attend(l, spans, t == len(spans))
		b.mul(t, &b.att, y.wo, &b.x, true)
		b.feedForward(y, t)
	}
	for _, s := range spans {
		s.own.n += len(s.tokens)
	}
}

func (b *batch) mul(t int, a *matrix, w *gemm.Panels, c *matrix, acc bool) {
	b.e.Mul(t, a.d, a.ld, w, c.d, c.ld, acc)
}

// normRows sets h to the normalised rows of x.
func (b *batch) normRows(t int, gain []float32) {
	for i := range t {
		cpu.RMSNorm(b.h.row(i), b.x.row(i), gain, b.net.config.Eps)
	}
}

func (b *batch) feedForward(y *layer, t int) {
	n := b.net.config.FFN
	b.normRows(t, y.norm2)
	b.mul(t, &b.h, y.gateUp, &b.gu, false)
	for i := range t {
		r := b.gu.row(i)
		gemm.SwiGLU(r[:n], r[n:], b.f.row(i))
	}
	b.mul(t, &b.f, y.downW, &b.x, true)
}

// lastOnly moves the last token of each span to row i of x and h.
func (b *batch) lastOnly(spans []span) {
	at := -1
	for i, s := range spans {
		at += len(s.tokens)
		copy(b.x.row(i), b.x.row(at))
		copy(b.h.row(i), b.h.row(at))
	}
}

// logits projects the first rows of the last layer's output: z is (rows, vocab).
func (b *batch) logits(rows int, z []float32) {
	b.normRows(rows, b.net.norm)
	b.e.Mul(rows, b.h.d, b.h.ld, b.net.head, z, b.net.config.Vocab, false)
}
