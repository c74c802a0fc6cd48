//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"fmt"
	"math"
	"runtime"
	"time"
	"unsafe"

	"gorgonia.org/cu"

	"hardneg/models/graph"
	"hardneg/models/vm"
)

// block is one allocation; its memory goes back when no buffer is left.
type block struct {
	ptr cu.DevicePtr
	n   int // elements
	// copy is the bfloat16 copy of parameters, for products; stale says that the
	// parameters have changed under it.
	copy  *buffer
	stale bool
}

// buffer is a run of elements of a block.
type buffer struct {
	own *block
	ptr cu.DevicePtr
	n   int
	dt  graph.Dtype
}

// Len is the number of elements.
func (b *buffer) Len() int { return b.n }

// Slice is elements lo to hi.
func (b *buffer) Slice(lo, hi int) vm.Buffer {
	if lo < 0 || hi < lo || hi > b.n {
		panic("cuda: slice out of range")
	}
	return &buffer{b.own, b.ptr + cu.DevicePtr(lo*size(b.dt)), hi - lo, b.dt}
}

func size(dt graph.Dtype) int {
	switch dt {
	case graph.Float64:
		return 8
	case graph.Uint16:
		return 2
	case graph.Uint8:
		return 1
	}
	return 4
}

// Alloc makes a zeroed buffer.
func (c *CUDA) Alloc(dt graph.Dtype, n int) (vm.Buffer, error) { return c.alloc(dt, n) }

func (c *CUDA) alloc(dt graph.Dtype, n int) (*buffer, error) {
	if err := c.collect(); err != nil {
		return nil, err
	}
	bytes := int64(max(n*size(dt), 1))
	var p cu.DevicePtr
	get := func() (err error) { p, err = cu.MemAlloc(bytes); return err }
	err := c.dev.Do(get)
	for try := 0; err != nil && try < 20; try++ { // what the collector finds may be enough
		runtime.GC()
		time.Sleep(time.Millisecond) // cleanups run in their own time
		if err := c.collect(); err != nil {
			return nil, err
		}
		err = c.dev.Do(get)
	}
	if err != nil {
		free := int64(-1)
		c.dev.Do(func() (err error) { free, _, err = cu.MemInfo(); return err })
		return nil, fmt.Errorf("cuda: %d MiB on %s (%d MiB free): %w: %w; a smaller micro-batch needs less", bytes>>20, c.Device(), free>>20, vm.ErrMemory, err)
	}
	c.live[p] = bytes
	c.used += bytes
	c.peak = max(c.peak, c.used)
	own := &block{ptr: p, n: n}
	runtime.AddCleanup(own, func(p cu.DevicePtr) {
		c.mu.Lock()
		c.dead = append(c.dead, p)
		c.mu.Unlock()
	}, p)
	b := &buffer{own, p, n, dt}
	c.zero(b, n)
	return b, nil
}

// collect frees the memory of dead blocks, which queued kernels may still use.
func (c *CUDA) collect() error {
	c.mu.Lock()
	dead := c.dead
	c.dead = nil
	c.mu.Unlock()
	return c.free(dead)
}

// free gives blocks back once the stream is done with them.
func (c *CUDA) free(dead []cu.DevicePtr) error {
	if len(dead) == 0 {
		return nil
	}
	return c.dev.Do(func() error {
		if err := c.stream.Synchronize(); err != nil {
			return fmt.Errorf("cuda: before freeing memory: %w", err)
		}
		for _, p := range dead {
			if err := cu.MemFree(p); err != nil {
				return fmt.Errorf("cuda: free: %w", err)
			}
			c.used -= c.live[p]
			delete(c.live, p)
		}
		return nil
	})
}

// Import copies a host slice into a new buffer.
func (c *CUDA) Import(host any) (vm.Buffer, error) {
	var b vm.Buffer
	var err error
	switch h := host.(type) {
	case []float32:
		b, err = c.Alloc(graph.Float32, len(h))
	case []int32:
		b, err = c.Alloc(graph.Int32, len(h))
	case []float64:
		b, err = c.Alloc(graph.Float64, len(h))
	default:
		return nil, fmt.Errorf("cuda: cannot import %T", host)
	}
	if err != nil {
		return nil, err
	}
	c.Write(b, host)
	return b, nil
}

// Write copies a host slice to the start of b.
func (c *CUDA) Write(to vm.Buffer, host any) {
	b := to.(*buffer)
	b.own.stale = true
	switch h := host.(type) {
	case []int32:
		put(c, b, h)
	case []uint16:
		put(c, b, h)
	case []uint8:
		put(c, b, h)
	case []float32:
		switch b.dt {
		case graph.Float64:
			put(c, b, converted[float64](h))
		case graph.Uint16:
			put(c, b, narrowed(h))
		default:
			put(c, b, h)
		}
	case []float64:
		switch b.dt {
		case graph.Float32:
			put(c, b, converted[float32](h))
		case graph.Uint16:
			put(c, b, narrowed(converted[float32](h)))
		default:
			put(c, b, h)
		}
	default:
		panic("cuda: write from a type that is no buffer's")
	}
}

// Read copies the start of b to a host slice.
func (c *CUDA) Read(host any, from vm.Buffer) {
	b := from.(*buffer)
	switch h := host.(type) {
	case []int32:
		get(c, h, b)
	case []uint16:
		get(c, h, b)
	case []uint8:
		get(c, h, b)
	case []float32:
		switch b.dt {
		case graph.Float64:
			copy(h, converted[float32](fetched[float64](c, b, len(h))))
		case graph.Uint16:
			copy(h, widened(fetched[uint16](c, b, len(h))))
		default:
			get(c, h, b)
		}
	case []float64:
		switch b.dt {
		case graph.Float32:
			copy(h, converted[float64](fetched[float32](c, b, len(h))))
		case graph.Uint16:
			copy(h, converted[float64](widened(fetched[uint16](c, b, len(h)))))
		default:
			get(c, h, b)
		}
	default:
		panic("cuda: read into a type that is no buffer's")
	}
}

func converted[T, F float32 | float64](h []F) []T {
	r := make([]T, len(h))
	for i, v := range h {
		r[i] = T(v)
	}
	return r
}

// fetched is the start of b, at most n elements, in its own type.
func fetched[T any](c *CUDA, b *buffer, n int) []T {
	t := make([]T, min(n, b.n))
	get(c, t, b)
	return t
}

// narrowed is the bits of the nearest bfloat16, ties to even; widened is its inverse.
func narrowed(h []float32) []uint16 {
	r := make([]uint16, len(h))
	for i, v := range h {
		u := math.Float32bits(v)
		r[i] = uint16((u + 0x7fff + u>>16&1) >> 16)
	}
	return r
}

func widened(h []uint16) []float32 {
	r := make([]float32, len(h))
	for i, v := range h {
		r[i] = math.Float32frombits(uint32(v) << 16)
	}
	return r
}

// keepCopy makes room for the bfloat16 copy of b's block.
func (c *CUDA) keepCopy(b *buffer) {
	if b.own.copy != nil || c.err != nil {
		return
	}
	if b.own.copy, c.err = c.alloc(graph.Uint16, b.own.n); c.err == nil {
		b.own.stale = true
	}
}

// copied is the address of the bfloat16 copy of b, brought up to date.
func (c *CUDA) copied(b *buffer) slot {
	o := b.own
	if o.copy == nil { // there was no room: c.err says so
		return 0
	}
	if o.stale {
		o.stale = false
		c.launch("to_b16", over((o.n+7)/8), slot(o.copy.ptr), slot(o.ptr), i64(o.n))
	}
	return c.copyOf(b)
}

// copyOf is where the copy of b lies; 0 for none.
func (c *CUDA) copyOf(b *buffer) slot {
	if b.own.copy == nil {
		return 0
	}
	return slot(b.own.copy.ptr) + slot(b.ptr-b.own.ptr)/2
}

// Activations is the type in which activations are kept: bfloat16 for products
// of bfloat16.
func (c *CUDA) Activations() graph.Dtype {
	if c.round {
		return graph.Uint16
	}
	return graph.Float32
}

// ActivationBytes is the size of an activation's element.
func (c *CUDA) ActivationBytes() int { return size(c.Activations()) }

// Memory is the size of the device's memory.
func (c *CUDA) Memory() int64 { return c.dev.Info.MemoryMiB << 20 }

// Peak is the most memory of the device, in bytes, that was in use at a time.
func (c *CUDA) Peak() int64 { return c.peak }

// View is the first n elements of b's memory as another type.
func (c *CUDA) View(b vm.Buffer, dt graph.Dtype, n int) vm.Buffer {
	o := b.(*buffer)
	if n*size(dt) > o.n*size(o.dt) {
		panic("cuda: view out of range")
	}
	return &buffer{o.own, o.ptr, n, dt}
}

// transferable checks that a copy is of elements of the buffer's size.
func transferable(b *buffer, width int) {
	if size(b.dt) != width {
		panic("cuda: copy between types of different size")
	}
}

// put copies. The slice is the caller's again afterwards: the driver returns
// from a copy of pageable memory once it lies in its own staging memory, and
// does not wait for the device.
func put[T any](c *CUDA, b *buffer, h []T) {
	n := min(len(h), b.n)
	if n == 0 {
		return
	}
	transferable(b, int(unsafe.Sizeof(h[0])))
	c.do("copy to the device", func() error {
		return cu.MemcpyHtoDAsync(b.ptr, unsafe.Pointer(&h[0]), int64(n*size(b.dt)), c.stream)
	})
}

func get[T any](c *CUDA, h []T, b *buffer) {
	n := min(len(h), b.n)
	if n == 0 {
		return
	}
	transferable(b, int(unsafe.Sizeof(h[0])))
	c.do("copy from the device", func() error {
		if err := cu.MemcpyDtoHAsync(unsafe.Pointer(&h[0]), b.ptr, int64(n*size(b.dt)), c.stream); err != nil {
			return err
		}
		return c.stream.Synchronize()
	})
}

// Numbers of scratch buffers, by use.
const (
	scratchRows     = iota // gathered rows, reciprocal roots, dots
	scratchLogits          // logits of a chunk
	scratchGradient        // their gradient, where it is of another type
	scratchFirsts          // see CUDA.firsts
	scratchParts           // partial sums
	scratches
)

// scratch is n float32 of any contents in buffer number i; its address may
// change with the next call for the same number.
func (c *CUDA) scratch(i, n int) slot {
	if i == scratchLogits {
		c.kept = keptLogits{} // they may be written over
	}
	if b := c.work[i]; b == nil || b.n < n {
		b, err := c.alloc(graph.Float32, n+n/4+1)
		if err != nil {
			if c.err == nil {
				c.err = err
			}
			return 0
		}
		c.work[i] = b
	}
	return slot(c.work[i].ptr)
}
