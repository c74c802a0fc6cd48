//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"gorgonia.org/cu"

	"hardneg/models/graph"
	"hardneg/models/vm"
)

// block is one allocation; its memory goes back when no buffer is left.
type block struct{ ptr cu.DevicePtr }

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
		return nil, fmt.Errorf("cuda: %d MiB on %s (%d MiB free): %w; a smaller micro-batch needs less", bytes>>20, c.Device(), free>>20, err)
	}
	c.live[p] = struct{}{}
	own := &block{p}
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
	switch h := host.(type) {
	case []int32:
		put(c, b, h)
	case []uint16:
		put(c, b, h)
	case []uint8:
		put(c, b, h)
	case []float32:
		if b.dt == graph.Float64 {
			put(c, b, converted[float64](h))
			return
		}
		put(c, b, h)
	case []float64:
		if b.dt == graph.Float32 {
			put(c, b, converted[float32](h))
			return
		}
		put(c, b, h)
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
		if b.dt == graph.Float64 {
			t := make([]float64, min(len(h), b.n))
			get(c, t, b)
			copy(h, converted[float32](t))
			return
		}
		get(c, h, b)
	case []float64:
		if b.dt == graph.Float32 {
			t := make([]float32, min(len(h), b.n))
			get(c, t, b)
			copy(h, converted[float64](t))
			return
		}
		get(c, h, b)
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

// transferable checks that a copy is of elements of the buffer's size.
func transferable(b *buffer, width int) {
	if size(b.dt) != width {
		panic("cuda: copy between types of different size")
	}
}

// put copies and waits: the slice is the caller's again afterwards.
func put[T any](c *CUDA, b *buffer, h []T) {
	n := min(len(h), b.n)
	if n == 0 {
		return
	}
	transferable(b, int(unsafe.Sizeof(h[0])))
	c.do("copy to the device", func() error {
		if err := cu.MemcpyHtoDAsync(b.ptr, unsafe.Pointer(&h[0]), int64(n*size(b.dt)), c.stream); err != nil {
			return err
		}
		return c.stream.Synchronize()
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
	scratchRows   = iota // gathered rows, reciprocal roots, dots
	scratchLogits        // logits of a chunk
	scratchParts         // partial sums
	scratches
)

// scratch is n float32 of any contents in buffer number i; its address may
// change with the next call for the same number.
func (c *CUDA) scratch(i, n int) slot {
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
