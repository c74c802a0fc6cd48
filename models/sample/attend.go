package sample

import (
	"math"

	"hardneg/models/cpu"
	"hardneg/models/cpu/gemm"
)

// keyValues computes the keys and values of all new tokens from h, rotates the
// keys and stores both in the caches.
func (b *batch) keyValues(l int, spans []span, t int) {
	c, y := b.net.config, &b.net.layers[l]
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	b.e.Mul(t, b.h.d, b.h.ld, y.wkv, b.qkv.d[q:], b.qkv.ld, false)
	i := 0
	for _, s := range spans {
		for j := range s.tokens {
			k, v := b.qkv.row(i)[q:q+kv], b.qkv.row(i)[q+kv:]
			cos, sin := b.rope.Angles(s.pos + j)
			gemm.Rotate(k, y.bqkv[q:], cos, sin)
			for x, a := range y.bqkv[q+kv:] {
				v[x] += a
			}
			s.own.put(b.pool, l, s.own.n+j, k, v)
			i++
		}
	}
}

// queries computes the rotated queries of the first t rows of h: those of all
// new tokens, or of the last one of each span.
func (b *batch) queries(y *layer, spans []span, t int) {
	q := b.net.config.Heads * b.net.config.HeadDim
	b.e.Mul(t, b.h.d, b.h.ld, y.wq, b.qkv.d, b.qkv.ld, false)
	i := 0
	for _, s := range spans {
		first := 0
		if t == len(spans) {
			first = len(s.tokens) - 1
		}
		for j := first; j < len(s.tokens); j++ {
			cos, sin := b.rope.Angles(s.pos + j)
			gemm.Rotate(b.qkv.row(i)[:q], y.bqkv, cos, sin)
			i++
		}
	}
}

// attend writes the attention output of every query to att; single says that
// there is one query a span, that of its last token.
func (b *batch) attend(l int, spans []span, single bool) {
	if single {
		b.decode(l, spans, 0)
		return
	}
	row := 0
	for i, s := range spans {
		if len(s.tokens) == 1 { // as it would be in a batch of such
			b.decode(l, spans[i:i+1], row)
		} else {
			b.prefill(l, s, row)
		}
		row += len(s.tokens)
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

// all lists the pages that the last token of s sees.
func (s *span) all(list []piece) []piece {
	return seen(seen(list, s.shared, s.nShare), s.own.pages, s.own.n+len(s.tokens))
}

// decode attends from the last token of each span, whose queries are in the
// rows from row on.
func (b *batch) decode(l int, spans []span, row int) {
	c := b.net.config
	d, group := c.HeadDim, c.Heads/c.KVHeads
	fused := gemm.HasAttend() && b.pool.nr == gemm.AttendPanel && d%gemm.AttendPanel == 0
	for i := range spans {
		if fused {
			b.fused(l, spans, i, row+i)
			continue
		}
		var buf [64]piece
		list := spans[i].all(buf[:0])
		for kv := range c.KVHeads {
			b.group(l, kv, list, b.qkv.row(row + i)[kv*group*d:], b.att.row(row + i)[kv*group*d:])
		}
	}
}

// fused attends from span i by the kernel that does all of it. Query heads that
// share a key head go together, AttendHeads at most.
func (b *batch) fused(l int, spans []span, i, row int) {
	c := b.net.config
	d, group := c.HeadDim, c.Heads/c.KVHeads
	parts := (group + gemm.AttendHeads - 1) / gemm.AttendHeads
	scale := float32(1 / math.Sqrt(float64(d)))
	if i == 0 {
		b.ahead = b.lay(b.ahead[:0], l, 0, &spans[0])
	}
	q, o := b.qkv.row(row), b.att.row(row)
	for kv := range c.KVHeads {
		b.pieces, b.ahead = b.ahead, b.pieces[:0]
		switch {
		case kv+1 < c.KVHeads:
			b.ahead = b.lay(b.ahead, l, kv+1, &spans[i])
		case i+1 < len(spans):
			b.ahead = b.lay(b.ahead, l, 0, &spans[i+1])
		}
		panels := 0
		for j := range b.pieces {
			p := &b.pieces[j]
			panels += int(p.N+gemm.AttendPanel-1) / gemm.AttendPanel
			if j < len(b.ahead) {
				p.NextK, p.NextV = b.ahead[j].K, b.ahead[j].V
			}
		}
		scores := sized(&b.scores, panels*gemm.AttendHeads*gemm.AttendPanel)
		for p := range parts {
			h0, h1 := p*group/parts, (p+1)*group/parts
			at := (kv*group + h0) * d
			gemm.Attend(d, h1-h0, q[at:], b.pieces, scores, o[at:], pageTokens*gemm.AttendPanel, scale)
		}
	}
}

// lay appends what the last token of s sees of a head.
func (b *batch) lay(list []gemm.AttendPiece, l, kv int, s *span) []gemm.AttendPiece {
	add := func(pages []*page, n int) {
		for i := 0; i*pageTokens < n; i++ {
			k, v := &b.pool.keys(pages[i], l, kv)[0], &b.pool.values(pages[i], l, kv)[0]
			list = append(list, gemm.AttendPiece{K: k, V: v, N: int64(min(pageTokens, n-i*pageTokens)), NextK: k, NextV: v})
		}
	}
	add(s.shared, s.nShare)
	add(s.own.pages, s.own.n+len(s.tokens))
	return list
}

// group attends from one token. The query heads that share a key head are the
// rows of small products, a page at a time.
func (b *batch) group(l, kv int, list []piece, q, o []float32) {
	d, group := b.net.config.HeadDim, b.net.config.Heads/b.net.config.KVHeads
	t := 0
	for _, p := range list {
		t += p.n
	}
	scores := sized(&b.scores, (group+1)*t)
	paired := gemm.HasPair() && b.pool.nr == gemm.PairPanel && d%(2*gemm.PairPanel) == 0
	if paired {
		b.pairScores(l, kv, list, q, scores, t)
	} else {
		at := 0
		for _, p := range list {
			b.f32.MulPanels(group, d, q, d, b.pool.keys(p.g, l, kv), p.n, scores[at:], t, false)
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
			b.f32.MulPanels(rows, p.n, weights[at:], ld, v[j*pageTokens:], min(nr, d-j), o[j:], ldo, i > 0)
		}
		at += p.n
	}
}

// prefill attends from all tokens of a prompt, causally, in blocks of queries;
// its first row is row of the batch.
func (b *batch) prefill(l int, s span, row int) {
	c := b.net.config
	d := c.HeadDim
	var buf [64]piece
	for i0 := 0; i0 < len(s.tokens); i0 += pageTokens {
		rows := min(pageTokens, len(s.tokens)-i0)
		t := i0 + rows
		list := seen(buf[:0], s.own.pages, t)
		ld := gemm.Stride(t)
		scores := sized(&b.scores, rows*ld)
		q, o := b.qkv.d[(row+i0)*b.qkv.ld:], b.att.d[(row+i0)*b.att.ld:]
		for h := range c.Heads {
			kv := h / (c.Heads / c.KVHeads)
			at := 0
			for _, p := range list {
				b.f32.MulPanels(rows, d, q[h*d:], b.qkv.ld, b.pool.keys(p.g, l, kv), p.n, scores[at:], ld, false)
				at += p.n
			}
			b.soften(scores, rows, ld, func(i int) int { return i0 + i + 1 })
			b.mix(l, kv, rows, list, scores, ld, o[h*d:], b.att.ld)
		}
	}
}
