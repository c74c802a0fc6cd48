//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"
	"unsafe"

	"gorgonia.org/cu"

	"hardneg/models/cuda/driver"
	"hardneg/models/graph"
	"hardneg/models/vm"
)

// Constants of decode.cu and draw.cu.
const (
	pageTokens   = 64
	splitPages   = 4
	recordPages  = 8 // where the pages of a record begin
	drawChunk    = 4096
	drawChunks   = 128
	drawPartSize = 16
)

// steps that may be queued before Next is called for the first of them.
const depth = 4

// decoder is a vm.Decoder. What a step or a chunk of prompts queues is recorded
// as a graph when it comes for the second time.
type decoder struct {
	c           *CUDA
	net         vm.Network
	rows, chunk int
	width       int // of a head in the cache
	pages       int
	longest     int // pages of a sequence
	stride      int // ints of a record

	embed, head, norm *buffer
	layers            []decoderLayer
	rope              *rotary
	cache             *buffer
	records, spans    *buffer
	x, h, qkv, o      *buffer
	turned, alone     *buffer // q‖k‖v of whole prompts in bfloat16, and that they have no parents
	gu, f, z          *buffer
	part, count       *buffer // of attention
	parts             *buffer // of the draw
	params, drawn     *buffer
	early             bool // kernels start before those before them have ended

	host   []host
	seats  []vm.Sequence // of the rows, as the device has them
	queued int           // steps
	taken  int           // results
	chunks int           // chunks of prompts
	graphs map[pass]*driver.Graph
}

type decoderLayer struct{ norm1, wqkv, bqkv, wo, norm2, gateUp, down *buffer }

// pass names what is queued: a graph for each number of splits, or of whole
// prompts.
type pass struct {
	prompts       bool
	splits, whole int
}

// host is pinned memory of one of the steps, and of one of the chunks, that may
// be queued at a time.
type host struct {
	records, results, spans []int32
	step, chunk             cu.Event
}

// Decoder puts a network on the device: vm.Decodes.
func (c *CUDA) Decoder(n vm.Network, rows, chunk int) (vm.Decoder, error) {
	h := n.Heads
	switch {
	case h.Dim > maxHead || h.Dim%2 != 0 || h.KV == 0 || h.Q%h.KV != 0 || h.Q/h.KV > 8:
		return nil, fmt.Errorf("cuda: decode with %d query and %d key heads of %d: kernels hold 8 query heads a key head, and heads up to %d", h.Q, h.KV, h.Dim, maxHead)
	case n.Hidden%4 != 0 || n.FFN%4 != 0:
		return nil, fmt.Errorf("cuda: decode with hidden size %d and FFN size %d: kernels want multiples of 4", n.Hidden, n.FFN)
	case n.Vocab > drawChunk*drawChunks:
		return nil, fmt.Errorf("cuda: decode with a vocabulary of %d: kernels hold %d", n.Vocab, drawChunk*drawChunks)
	case rows < 1 || chunk < 1:
		return nil, fmt.Errorf("cuda: decode %d rows, %d prompt tokens at a time", rows, chunk)
	}
	d := &decoder{c: c, net: n, rows: rows, chunk: chunk, width: (h.Dim + 7) / 8 * 8,
		seats: make([]vm.Sequence, rows), graphs: map[pass]*driver.Graph{}}
	if err := d.upload(); err != nil {
		return nil, err
	}
	if err := d.buffers(); err != nil {
		return nil, err
	}
	d.launchEarly(c.dev.Info.Major >= 9 && cu.Version() >= 12040)
	return d, c.Sync()
}

// kind is the type of weights, operands and cache.
func (d *decoder) kind() graph.Dtype {
	if d.c.round {
		return graph.Uint16
	}
	return graph.Float32
}

// kernel is the name of a kernel for that type.
func (d *decoder) kernel(name string) string {
	if d.c.round {
		return name + "_b16"
	}
	return name + "_f32"
}

// upload copies the weights, matrices in the operands' type.
func (d *decoder) upload() (err error) {
	matrix := func(w []float32) (b *buffer) {
		if err == nil {
			b, err = d.matrix(w)
		}
		return b
	}
	vector := func(w []float32) (b *buffer) {
		if err == nil {
			if b, err = d.c.alloc(graph.Float32, len(w)); err == nil {
				d.c.Write(b, w)
			}
		}
		return b
	}
	n := d.net
	d.embed, d.norm = matrix(n.Embed), vector(n.Norm)
	if d.head = d.embed; &n.Head[0] != &n.Embed[0] {
		d.head = matrix(n.Head)
	}
	for _, l := range n.Layers {
		d.layers = append(d.layers, decoderLayer{vector(l.Norm1), matrix(l.WQKV), vector(l.BQKV), matrix(l.WO), vector(l.Norm2), matrix(l.GateUp), matrix(l.Down)})
	}
	d.net.Embed, d.net.Head, d.net.Norm, d.net.Layers = nil, nil, nil, nil
	return err
}

// matrix copies weights to the device, in bfloat16 a piece at a time.
func (d *decoder) matrix(w []float32) (*buffer, error) {
	c := d.c
	b, err := c.alloc(d.kind(), len(w))
	if err != nil || !c.round {
		if err == nil {
			c.Write(b, w)
		}
		return b, err
	}
	const piece = 1 << 24
	for lo := 0; lo < len(w); lo += piece {
		n := min(piece, len(w)-lo)
		s := c.scratch(scratchLogits, n)
		if s == 0 {
			return nil, c.Sync()
		}
		c.Write(c.work[scratchLogits], w[lo:lo+n])
		c.launch("to_b16", over((n+7)/8), slot(b.ptr)+slot(2*lo), s, i64(n))
	}
	return b, nil
}

// buffers makes what a pass needs, whatever the sequences are.
func (d *decoder) buffers() (err error) {
	n, h, q := max(d.rows, d.chunk), d.net.Heads, d.net.Heads.Q*d.net.Heads.Dim
	for _, b := range []struct {
		to *(*buffer)
		dt graph.Dtype
		n  int
	}{
		{&d.x, graph.Float32, n * d.net.Hidden}, {&d.h, d.kind(), n * d.net.Hidden},
		{&d.qkv, graph.Float32, n * h.Width()}, {&d.o, d.kind(), n * q},
		{&d.gu, d.kind(), n * 2 * d.net.FFN}, {&d.f, d.kind(), n * d.net.FFN},
		{&d.z, graph.Float32, d.rows * d.net.Vocab}, {&d.parts, graph.Uint8, d.rows * drawChunks * drawPartSize},
		{&d.count, graph.Int32, n * h.KV}, {&d.params, graph.Float64, 4}, {&d.drawn, graph.Int32, 2 * d.rows},
	} {
		if *b.to, err = d.c.alloc(b.dt, b.n); err != nil {
			return err
		}
	}
	if !d.c.round {
		return nil
	}
	if d.turned, err = d.c.alloc(graph.Uint16, d.chunk*h.Width()); err != nil {
		return err
	}
	if d.alone, err = d.c.alloc(graph.Int32, d.chunk); err == nil {
		d.c.Write(d.alone, slices.Repeat([]int32{-1}, d.chunk))
	}
	return err
}

// launchEarly says whether kernels start before those before them have ended.
func (d *decoder) launchEarly(on bool) {
	d.early = on
}

// PageTokens is 64.
func (d *decoder) PageTokens() int { return pageTokens }

// pageBytes is the size of a page of all layers.
func (d *decoder) pageBytes() int {
	return len(d.layers) * 2 * d.net.Heads.KV * pageTokens * d.width * size(d.kind())
}

// Reserve: see vm.Decoder.
func (d *decoder) Reserve(pages, longest int) (int, error) {
	if d.queued != d.taken {
		panic("cuda: decoder: Reserve between steps")
	}
	if pages <= d.pages && longest <= d.longest {
		return d.pages, d.idle()
	}
	pages, longest = max(pages, d.pages), max(longest, d.longest)
	if err := d.release(); err != nil {
		return 0, err
	}
	d.longest, d.stride = longest, recordPages+longest
	n, err := max(d.rows, d.chunk), error(nil)
	if d.rope, err = d.c.rotaryOf(d.net.Heads, longest*pageTokens); err != nil {
		return 0, err
	}
	if d.records, err = d.c.alloc(graph.Int32, d.rows*d.stride); err != nil {
		return 0, err
	}
	if d.spans, err = d.c.alloc(graph.Int32, d.spanInts()); err != nil {
		return 0, err
	}
	if d.part, err = d.c.alloc(graph.Float32, n*d.net.Heads.Q*d.splits(longest)*(d.width+2)); err != nil {
		return 0, err
	}
	if err := d.pinned(); err != nil {
		return 0, err
	}
	free, err := d.c.free90()
	if err != nil {
		return 0, err
	}
	pages = min(pages, int(free/int64(d.pageBytes())))
	if pages > 0 {
		if d.cache, err = d.c.alloc(d.kind(), pages*d.pageBytes()/size(d.kind())); err != nil {
			return 0, err
		}
	}
	d.pages = pages
	return pages, d.idle()
}

// free90 is nine tenths of the free memory, after what was dropped came back.
func (c *CUDA) free90() (free int64, err error) {
	for range 3 { // cleanups run in their own time
		runtime.GC()
		time.Sleep(time.Millisecond)
		if err := c.collect(); err != nil {
			return 0, err
		}
	}
	err = c.dev.Do(func() (err error) {
		free, _, err = cu.MemInfo()
		return err
	})
	return free / 10 * 9, err
}

// idle ends all rows.
func (d *decoder) idle() error {
	for i := range d.rows {
		d.Set(i, vm.Sequence{Pos: -1})
	}
	return d.c.Sync()
}

// pinned makes the host's memory and events.
func (d *decoder) pinned() error {
	return d.c.dev.Do(func() (err error) {
		for range depth {
			var h host
			for _, b := range []struct {
				to *[]int32
				n  int
			}{{&h.records, d.rows * d.stride}, {&h.results, 2 * d.rows}, {&h.spans, d.spanInts()}} {
				p, err := driver.PinnedBytes(4 * b.n)
				if err != nil {
					return err
				}
				*b.to = unsafe.Slice((*int32)(unsafe.Pointer(&p[0])), b.n)
			}
			for _, e := range []*cu.Event{&h.step, &h.chunk} {
				if *e, err = cu.MakeEvent(cu.DisableTiming); err != nil {
					return fmt.Errorf("cuda: event: %w", err)
				}
			}
			d.host = append(d.host, h)
		}
		return nil
	})
}

// release gives back what Reserve made.
func (d *decoder) release() error {
	err := d.c.Sync()
	d.cache, d.records, d.spans, d.part, d.pages = nil, nil, nil, nil, 0
	err2 := d.c.dev.Do(func() error {
		for _, g := range d.graphs {
			if err := g.Close(); err != nil {
				return err
			}
		}
		for i := range d.host {
			h := &d.host[i]
			for _, b := range [][]int32{h.records, h.results, h.spans} {
				if err := cu.MemFreeHost(unsafe.Pointer(&b[0])); err != nil {
					return err
				}
			}
			for _, e := range []*cu.Event{&h.step, &h.chunk} {
				if err := cu.DestroyEvent(e); err != nil {
					return err
				}
			}
		}
		return nil
	})
	d.host, d.graphs, d.chunks, d.queued, d.taken = nil, map[pass]*driver.Graph{}, 0, 0, 0
	return errors.Join(err, err2)
}

// Close gives the memory back.
func (d *decoder) Close() error {
	err := d.release()
	c := d.c
	*d = decoder{c: c, graphs: map[pass]*driver.Graph{}}
	return err
}

// Params: see vm.Decoder.
func (d *decoder) Params(p vm.Draw) {
	inverse := 0.0
	if p.Temperature > 0 {
		inverse = float64(float32(1 / p.Temperature))
	}
	d.c.Write(d.params, []float64{inverse, float64(p.TopK), p.TopP, p.MinP})
}

// reach is the number of pages that a query at a position sees.
func reach(pos, shared int) int {
	pages := func(n int) int { return (n + pageTokens - 1) / pageTokens }
	return pages(min(shared, pos+1)) + pages(max(pos+1-shared, 0))
}

// splits is the number of splits that attention makes of pages.
func (d *decoder) splits(pages int) int { return (pages + splitPages - 1) / splitPages }

// bucket rounds n up to a power of 2, so that graphs are few.
func bucket(n, most int) int {
	b := 1
	for b < n {
		b *= 2
	}
	return min(b, most)
}

// spanInts is the size of what describes a chunk of prompts: tokens, positions,
// numbers of records, where spans begin, records.
func (d *decoder) spanInts() int { return d.begins() + d.chunk + 1 + d.chunk*d.stride }

// begins is where in them spans' first rows are.
func (d *decoder) begins() int { return 3 * d.chunk }

func (d *decoder) fillRecord(r []int32, s vm.Sequence) {
	r[0], r[1], r[2], r[3] = s.Token, int32(s.Pos), int32(s.Shared), int32(s.End)
	r[4], r[5], r[6], r[7] = int32(uint32(s.Key)), int32(uint32(s.Key>>32)), int32(s.Drawn), 0
	copy(r[recordPages:], s.Pages)
}

// send copies pinned memory to the device.
func (d *decoder) send(to *buffer, at int, from []int32) {
	d.c.do("copy to the device", func() error {
		return cu.MemcpyHtoDAsync(to.ptr+cu.DevicePtr(4*at), unsafe.Pointer(&from[0]), int64(4*len(from)), d.c.stream)
	})
}

// mark records an event after what is queued; reached waits for it.
func (d *decoder) mark(e cu.Event) {
	d.c.do("record an event", func() error { return e.Record(d.c.stream) })
}
func (d *decoder) reached(e cu.Event) {
	d.c.do("wait for an event", func() error { return e.Synchronize() })
}

// Set: see vm.Decoder. The record is kept by row and step, so that memory that
// a queued copy reads is written for the same row only.
func (d *decoder) Set(row int, s vm.Sequence) {
	r := d.host[d.queued%depth].records[row*d.stride : (row+1)*d.stride]
	d.fillRecord(r, s)
	d.seats[row] = s
	d.send(d.records, row*d.stride, r[:recordPages+len(s.Pages)])
}
