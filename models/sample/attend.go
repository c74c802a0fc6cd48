package sample

import (
	"math"

	"hardneg/models/cpu"
	"hardneg/models/cpu/gemm"
)

// attend rotates the new queries and keys of layer l, stores keys and values,
// and writes each token's attention output to att.
func (b *batch) attend(l int, spans []span, qkv, att []float32) {
	c := b.net.config
	q, kv, w := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim, b.net.heads.Width()
	i := 0
	for _, s := range spans {
		for j := range s.tokens {
			row := qkv[(i+j)*w : (i+j+1)*w]
			cpu.Rotate(b.rope, row, s.pos+j, 1)
			s.own.put(b.pool, l, s.own.n+j, row[q:q+kv], row[q+kv:])
		}
		if len(s.tokens) == 1 {
			b.decode(l, s, qkv[i*w:], att[i*q:])
		} else {
			b.prefill(l, s, qkv[i*w:], att[i*q:])
		}
		i += len(s.tokens)
	}
}

// piece is a page with the number of its tokens that are seen.
type piece struct {
	g *page
	n int
}

// seen lists the pages under n tokens of a cache.
func seen(list []piece, pages []*page, n int) []piece {
	for i := 0; i*pageTokens < n; i++ {
		list = append(list, piece{pages[i], min(pageTokens, n-i*pageTokens)})
	}
	return list
}

// decode attends from one token. The query heads that share a key head are the
// rows of small products, a page at a time.
func (b *batch) decode(l int, s span, qkv, att []float32) {
	c := b.net.config
	d, group := c.HeadDim, c.Heads/c.KVHeads
	var buf [64]piece
	list := seen(seen(buf[:0], s.shared, s.nShare), s.own.pages, s.own.n+1)
	t := s.nShare + s.own.n + 1
	scores := sized(&b.scores, (group+1)*t)
	paired := gemm.HasPair() && b.pool.nr == gemm.PairPanel && d%(2*gemm.PairPanel) == 0
	for kv := range c.KVHeads {
		q, o := qkv[kv*group*d:], att[kv*group*d:]
		if paired {
			b.pairScores(l, kv, list, q, scores, t)
		} else {
			at := 0
			for _, p := range list {
				b.att.MulPanels(0, group, d, q, d, b.pool.keys(p.g, l, kv), p.n, scores[at:], t, false)
				at += p.n
			}
		}
		b.soften(scores, group, t, func(int) int { return t })
		if paired {
			b.pairMix(l, kv, list, scores, t, o)
		} else {
			b.mix(l, kv, group, list, scores, t, o, d)
		}
	}
}

// pairScores is scores = q·Kᵀ for a group of query heads, two at a time. Of an
// odd group the last one is its own partner.
func (b *batch) pairScores(l, kv int, list []piece, q, scores []float32, t int) {
	const w = gemm.PairPanel
	d, group := b.net.config.HeadDim, b.net.config.Heads/b.net.config.KVHeads
	c0, c1 := b.spare[:2*w], b.spare[2*w:]
	for h := 0; h < group; h += 2 {
		h1 := min(h+1, group-1)
		at := 0
		for _, p := range list {
			keys := b.pool.keys(p.g, l, kv)
			for i := 0; i < p.n; i += 2 * w {
				gemm.Pair(d, q[h*d:], q[h1*d:], keys[i*d:], keys[(i+w)*d:], c0, c1, false)
				n := min(2*w, p.n-i)
				copy(scores[h*t+at+i:][:n], c0)
				copy(scores[h1*t+at+i:][:n], c1)
			}
			at += p.n
		}
	}
}

// pairMix is o = weights·V for a group of query heads, two at a time.
func (b *batch) pairMix(l, kv int, list []piece, weights []float32, t int, o []float32) {
	const w = gemm.PairPanel
	d, group := b.net.config.HeadDim, b.net.config.Heads/b.net.config.KVHeads
	for h := 0; h < group; h += 2 {
		h1 := min(h+1, group-1)
		for j := 0; j < d; j += 2 * w {
			c0, c1 := o[h*d+j:], o[h1*d+j:]
			if h1 == h {
				c1 = b.spare
			}
			at := 0
			for i, p := range list {
				v := b.pool.values(p.g, l, kv)
				gemm.Pair(p.n, weights[h*t+at:], weights[h1*t+at:], v[j*pageTokens:], v[(j+w)*pageTokens:], c0, c1, i > 0)
				at += p.n
			}
		}
	}
}

// soften turns each row of scores into attention weights over its first
// live(i) columns and zeroes the rest.
func (b *batch) soften(scores []float32, rows, ld int, live func(i int) int) {
	scale := float32(1 / math.Sqrt(float64(b.net.config.HeadDim)))
	for i := range rows {
		row, n := scores[i*ld:i*ld+ld], live(i)
		cpu.Softmax(row[:n], scale)
		clear(row[n:])
	}
}

// mix sets o to weights·V, page after page.
func (b *batch) mix(l, kv, rows int, list []piece, weights []float32, ld int, o []float32, ldo int) {
	d, nr := b.net.config.HeadDim, b.pool.nr
	at := 0
	for i, p := range list {
		v := b.pool.values(p.g, l, kv)
		for j := 0; j < d; j += nr {
			b.att.MulPanels(0, rows, p.n, weights[at:], ld, v[j*pageTokens:], min(nr, d-j), o[j:], ldo, i > 0)
		}
		at += p.n
	}
}

// prefill attends from all tokens of a prompt, causally, in blocks of queries.
func (b *batch) prefill(l int, s span, qkv, att []float32) {
	c := b.net.config
	d, w, ldo := c.HeadDim, b.net.heads.Width(), c.Heads*c.HeadDim
	var buf [64]piece
	for i0 := 0; i0 < len(s.tokens); i0 += pageTokens {
		rows := min(pageTokens, len(s.tokens)-i0)
		t := i0 + rows
		list := seen(buf[:0], s.own.pages, t)
		scores := sized(&b.scores, rows*t)
		for h := range c.Heads {
			kv := h / (c.Heads / c.KVHeads)
			at := 0
			for _, p := range list {
				b.att.MulPanels(0, rows, d, qkv[i0*w+h*d:], w, b.pool.keys(p.g, l, kv), p.n, scores[at:], t, false)
				at += p.n
			}
			b.soften(scores, rows, t, func(i int) int { return i0 + i + 1 })
			b.mix(l, kv, rows, list, scores, t, att[i0*ldo+h*d:], ldo)
		}
	}
}
