// Package vm runs a gorgonia ExprGraph of coarse ops (models/graph) on a
// backend: a gorgonia VM that plans memory once and then walks the graph.
//
// # Words
//
// A Buffer is memory of a backend. A slot is what one output of a node needs; a
// slot lives from the step that defines it to its last use, and slots that do
// not live at the same time share the arena. A step is one kernel call. Inputs
// are the graph's leaves; parameters and parameter gradients are bound to
// buffers of the caller, all else is the machine's.
//
// # How a graph becomes steps
//
// Compile walks the nodes in the order of their ids (children first) and makes
// three passes over them: Field nodes become views of their packed node; ops
// that may overwrite an input that nobody needs later do so; and a sum of two
// gradients becomes "the second kernel adds into the first one's buffer"
// (accumulate fusion), so that no addition is left, the tied embedding's
// included. Gradients of parameters accumulate over micro-batches in the same
// way. Kernels are bound to their buffers once; RunAll allocates no buffer.
package vm

import (
	"errors"

	"hardneg/models/graph"
)

// Buffer is a run of elements of one type in a backend's memory.
type Buffer interface {
	// Len is the number of elements.
	Len() int
	// Slice is elements lo to hi, sharing memory.
	Slice(lo, hi int) Buffer
}

// Backend is a device: it holds memory and computes ops. It serves one
// goroutine at a time. Kernels report no errors; Sync yields the first one.
type Backend interface {
	// Device is "cpu", "cuda:0", ….
	Device() string
	// Alloc makes a zeroed buffer of n float32, float64 or int32.
	Alloc(dt graph.Dtype, n int) (Buffer, error)
	// Import makes a buffer with the contents of a []float32, []float64 or
	// []int32. A device with memory of its own copies; the CPU shares, so the
	// slice then changes with the buffer.
	Import(host any) (Buffer, error)
	// Write copies a host slice, of any of the types of graph.Dtype, to the
	// start of b, Read copies the start of b to a host slice; both convert
	// between float types.
	Write(b Buffer, host any)
	Read(host any, b Buffer)
	// Kernel prepares one call of an op; buffers are bound, only live sizes
	// may change between runs.
	Kernel(Call) (Kernel, error)
	// Sync waits for all kernels and returns the first error since the last.
	Sync() error
	// Close gives memory back.
	Close() error
}

// Narrow is a backend that keeps activations in a narrower type than the graph
// has: outputs of ops for which graph.Kind.NarrowOut holds.
type Narrow interface {
	Backend
	// Activations is their type; the graph's own where the backend keeps it.
	Activations() graph.Dtype
	// View is the first n elements of b's memory as another type.
	View(b Buffer, dt graph.Dtype, n int) Buffer
}

// Asynchronous is a backend on which a whole step runs without the host: it
// differentiates losses and decides on the clipping of gradients by itself.
type Asynchronous interface {
	Backend
	// Margins queues coef = the derivatives of m by the sequences' sums; table
	// holds m.Table.
	Margins(coef, sums, table Buffer, m *graph.Margins)
}

// Sized is a backend with memory of its own.
type Sized interface {
	// Memory is its size in bytes, a property of the device's class.
	Memory() int64
	// ActivationBytes is the size of an activation's element.
	ActivationBytes() int
}

// ErrMemory is wrapped by errors of a device whose memory is full.
var ErrMemory = errors.New("out of device memory")

// Arg is an operand of a call. Rows of Shape beyond the live ones are garbage.
type Arg struct {
	Buf   Buffer
	Shape graph.Shape
}

// Call is an op with its operands.
type Call struct {
	Op      *graph.Op
	In, Out []Arg
	Live    *Live
}

// Live holds the sizes of the batch in a machine built for a capacity.
type Live struct {
	Tokens int // rows
	Segs   int // segments (see graph.QKV)
	Picks  int // scored tokens
	Seqs   int // sequences
}

// Kernel runs a call. Bit i of add set means: add output i to what is there.
type Kernel func(add uint)
