//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"fmt"
	"math"
	"slices"
	"unsafe"

	"gorgonia.org/cu"

	"hardneg/models/cuda/driver"
	"hardneg/models/vm"
)

// Prefill: see vm.Decoder. A chunk is always computed whole; tokens that no span
// fills are idle. Spans that begin at their prompts' beginning see each other's
// keys alone, and take the attention of training; others take that of decoding.
func (d *decoder) Prefill(spans []vm.Span) {
	h := &d.host[d.chunks%depth]
	if d.chunks >= depth {
		d.reached(h.chunk) // its memory is free again
	}
	tokens, pos, seq := h.spans[:d.chunk], h.spans[d.chunk:2*d.chunk], h.spans[2*d.chunk:3*d.chunk]
	begin := h.spans[d.begins() : d.begins()+d.chunk+1]
	records := h.spans[d.begins()+d.chunk+1:]
	n, furthest, whole := 0, 0, d.c.round
	for i, s := range spans {
		d.fillRecord(records[i*d.stride:], vm.Sequence{Shared: math.MaxInt32 - pageTokens, End: math.MaxInt32, Pages: s.Pages})
		begin[i] = int32(n)
		for k, id := range s.Tokens {
			tokens[n], pos[n], seq[n] = id, int32(s.Pos+k), int32(i)
			n++
		}
		furthest, whole = max(furthest, s.Pos+len(s.Tokens)), whole && s.Pos == 0
	}
	for i := len(spans); i < len(begin); i++ {
		begin[i] = int32(n)
	}
	for ; n < d.chunk; n++ {
		tokens[n], pos[n], seq[n] = 0, -1, 0
	}
	d.send(d.spans, 0, h.spans[:d.begins()+d.chunk+1+len(spans)*d.stride])
	d.mark(h.chunk)
	d.chunks++
	p := pass{prompts: true, splits: bucket(d.splits(reach(furthest-1, math.MaxInt32)), d.splits(d.longest))}
	if whole {
		p.splits, p.whole = 0, bucket(len(spans), d.chunk)
	}
	d.run(p, func() {
		d.forward(d.chunk, elements(slot(d.spans.ptr), d.begins()+d.chunk+1), slot(d.spans.ptr), p)
	})
}

// Step: see vm.Decoder.
func (d *decoder) Step() {
	if d.queued-d.taken == depth {
		panic("cuda: decoder: too many steps are queued")
	}
	most := 1
	for i := range d.seats {
		if s := &d.seats[i]; s.Pos >= 0 && s.Pos < s.End {
			most = max(most, reach(s.Pos, s.Shared))
			s.Pos++
		}
	}
	p := pass{splits: bucket(d.splits(most), d.splits(d.longest))}
	d.run(p, func() { d.step(p) })
	h := &d.host[d.queued%depth]
	d.c.do("copy from the device", func() error {
		return cu.MemcpyDtoHAsync(unsafe.Pointer(&h.results[0]), d.drawn.ptr, int64(4*len(h.results)), d.c.stream)
	})
	d.mark(h.step)
	d.queued++
}

// Next: see vm.Decoder.
func (d *decoder) Next() ([]int32, []float32, error) {
	h := &d.host[d.taken%depth]
	d.reached(h.step)
	d.taken++
	if d.c.err != nil {
		return nil, nil, d.c.Sync()
	}
	logps := unsafe.Slice((*float32)(unsafe.Pointer(&h.results[d.rows])), d.rows)
	return h.results[:d.rows], logps, nil
}

// run queues a pass: kernel by kernel the first time, which also finds kernels
// and plans of products, then as a graph.
func (d *decoder) run(p pass, queue func()) {
	if d.c.times != nil { // a graph would hide what its kernels take
		queue()
		return
	}
	g, seen := d.graphs[p]
	if !seen {
		d.graphs[p] = nil
		queue()
		return
	}
	d.c.do("graph", func() (err error) {
		if g == nil {
			capture := func() { g, err = driver.Capture(d.c.stream, func() error { queue(); return d.c.err }) }
			if capture(); err != nil && d.early { // a driver that cannot record early launches
				d.c.err = nil
				d.launchEarly(false)
				capture()
			}
			if err != nil {
				return err
			}
			d.graphs[p] = g
		}
		return g.Launch(d.c.stream)
	})
}

// step queues the network, the logits and the draw of all rows.
func (d *decoder) step(p pass) {
	n := d.net
	d.forward(d.rows, slot(d.records.ptr), 0, p)
	d.normalize(d.rows, d.norm)
	d.product(d.z, d.h, d.head, d.rows, n.Vocab, n.Hidden, false)
	d.draw()
}

// draw queues the draw of all rows from their logits.
func (d *decoder) draw() {
	c, v, parts, ids := d.c, d.net.Vocab, slot(d.parts.ptr), slot(d.drawn.ptr)
	from := []slot{slot(d.records.ptr), i32(d.stride), slot(d.params.ptr), i32(v)}
	c.launchAs(d.early, "draw_parts", grid{(v + drawChunk - 1) / drawChunk, d.rows, 256, 0}, append([]slot{parts, slot(d.z.ptr)}, from...)...)
	c.launchAs(d.early, "draw", grid{d.rows, 1, 1024, 0}, append([]slot{ids, elements(ids, d.rows), slot(d.z.ptr), parts}, from...)...)
}

// forward queues the layers over n tokens: spans is 0 for one token of each
// record. Of a chunk of prompts only keys and values are wanted.
func (d *decoder) forward(n int, records, spans slot, p pass) {
	c, m, h := d.c, d.net, d.net.Heads
	seats := []slot{records, i32(d.stride), spans, i32(n)}
	launch := func(name string, g grid, args ...[]slot) {
		var all []slot
		for _, a := range args {
			all = append(all, a...)
		}
		c.launchAs(d.early && name != "decode_enter", d.kernel(name), g, all...)
	}
	at := func(b *buffer) slot { return slot(b.ptr) }
	q, w := h.Q*h.Dim, h.Width()
	launch("decode_enter", grid{n, 1, 256, 0}, []slot{at(d.x), at(d.embed)}, seats, []slot{i32(m.Hidden)})
	for l, y := range d.layers {
		d.normalize(n, y.norm1)
		shape := []slot{i32(l), i32(len(d.layers)), i32(h.Q), i32(h.KV), i32(h.Dim)}
		if p.whole > 0 {
			d.product(d.turned, d.h, y.wqkv, n, w, m.Hidden, false)
			d.turn(y.bqkv, n, p.whole)
			c.launch("decode_keep", grid{n, h.KV, 128, 0}, slices.Concat([]slot{at(d.cache), at(d.turned)}, seats, shape)...)
			if l == len(d.layers)-1 {
				break
			}
			c.flashForward(h, &vm.Live{Tokens: n, Segs: p.whole}, at(d.o), 0, at(d.turned), d.segments(), at(d.alone))
		} else {
			d.product(d.qkv, d.h, y.wqkv, n, w, m.Hidden, false)
			in := []slot{at(d.cache), at(d.qkv), at(y.bqkv), at(d.rope.cosine), at(d.rope.sines)}
			if spans != 0 { // tokens that see each other
				launch("decode_append", grid{n, h.KV, 128, 0}, in, seats, shape)
				if l == len(d.layers)-1 {
					break
				}
			}
			launch(d.attendKernel(), grid{n, h.KV * p.splits, 128, 0}, []slot{at(d.o), at(d.part), at(d.count)}, in, seats, shape, []slot{i32(d.splits(d.longest)), f32(math.Log2E / math.Sqrt(float64(h.Dim)))})
		}
		d.product(d.x, d.o, y.wo, n, m.Hidden, q, true)
		d.normalize(n, y.norm2)
		d.gate(y, n)
		d.product(d.x, d.f, y.down, n, m.Hidden, m.FFN, true)
	}
}

// segments is where the whole prompts of a chunk begin.
func (d *decoder) segments() slot { return elements(slot(d.spans.ptr), d.begins()) }

// turn gives n rows of q‖k‖v of whole prompts their bias and rotation.
func (d *decoder) turn(bias *buffer, n, prompts int) {
	h, x := d.net.Heads, slot(d.turned.ptr)
	d.c.launch("rope_b16", ropeGrid(n), x, x, slot(bias.ptr), d.segments(), slot(d.alone.ptr), slot(d.rope.cosine.ptr), slot(d.rope.sines.ptr),
		i32(prompts), i32(h.Width()), i32(h.Q+h.KV), i32(h.Dim/2), f32(1))
}

// attendKernel is the kernel for at least so many query heads a key head.
func (d *decoder) attendKernel() string {
	for _, g := range []int{2, 4, 6} {
		if d.net.Heads.Q/d.net.Heads.KV <= g && (g == 2 || d.c.round) {
			return fmt.Sprint("decode_attend", g)
		}
	}
	return "decode_attend8"
}

// normalize leaves the RMSNorm of x in h.
func (d *decoder) normalize(n int, gain *buffer) {
	hidden := d.net.Hidden
	threads := min((hidden/4+31)/32*32, 512)
	d.c.launchAs(d.early, d.kernel("decode_norm"), grid{n, 1, threads, 0}, slot(d.h.ptr), slot(d.x.ptr), slot(gain.ptr), i32(hidden), f32(d.net.Eps))
}

// product is out (m×n, fp32) = a·wᵀ, or is added to it; w is n×k.
func (d *decoder) product(out, a, w *buffer, m, n, k int, add bool) {
	d.c.multiply(m, n, k, rowsOf(slot(a.ptr), k, a.dt), rowsOf(slot(w.ptr), k, w.dt).t(), product{rowsOf(slot(out.ptr), n, out.dt), 0, 1, add})
}

// gate leaves silu(gate)·up of the normalized rows in f.
func (d *decoder) gate(y decoderLayer, rows int) {
	n, k := 2*d.net.FFN, d.net.Hidden
	d.product(d.gu, d.h, y.gateUp, rows, n, k, false)
	d.c.launchAs(d.early, d.kernel("decode_gate"), over(rows*n/8), slot(d.f.ptr), slot(d.gu.ptr), i32(rows), i32(n/2))
}
