// Package cpu is the backend that computes graph ops on the CPU, in float32
// with vector kernels (models/cpu/gemm) and in float64 with plain Go, the
// precision that finite differences need.
//
// Its arithmetic is exported as functions on rows, so that decoding with a
// key-value cache (models/sample) computes the same numbers without a graph.
//
// # Determinism
//
// Work is split by shape, never by thread count: 1 and 2 threads give the same
// bits. Another CPU may choose another GEMM kernel and round differently.
package cpu

import (
	"fmt"
	"runtime"

	"hardneg/models/cpu/gemm"
	"hardneg/models/graph"
	"hardneg/models/vm"
)

// Float is the element type of a computation.
type Float interface{ float32 | float64 }

// CPU is a vm.Backend.
type CPU struct {
	e     *gemm.Engine
	ropes map[graph.Heads]*Rope
	ws    []workspace // one a thread
	big   workspace   // for ops that use all threads at once
	// logits are those of the last forward pass, if they are few.
	logits kept
}

// workspace is scratch memory that kernels share: they run one after another.
type workspace struct {
	f32 [3][]float32
	f64 [3][]float64
}

// New makes a backend with the given number of threads; 0 means all.
func New(threads int) *CPU { return NewWith(gemm.New(orAll(threads))) }

// NewBF16 is New with matrix products of operands rounded to bfloat16, summed
// in float32; weights, activations and attention stay in float32. It is faster
// only where the CPU has AVX512-BF16.
func NewBF16(threads int) *CPU { return NewWith(gemm.NewBF16(orAll(threads))) }

func orAll(threads int) int {
	if threads <= 0 {
		return runtime.GOMAXPROCS(0)
	}
	return threads
}

// NewWith makes a backend on a GEMM engine, to choose the micro-kernel.
func NewWith(e *gemm.Engine) *CPU {
	return &CPU{e: e, ropes: map[graph.Heads]*Rope{}, ws: make([]workspace, e.Threads())}
}

// Engine is the GEMM engine, for callers that compute without a graph.
func (c *CPU) Engine() *gemm.Engine { return c.e }

// Device is "cpu".
func (c *CPU) Device() string { return "cpu" }

// Close does nothing: memory is the garbage collector's.
func (c *CPU) Close() error { return nil }

// Sync does nothing: kernels return when they are done.
func (c *CPU) Sync() error { return nil }

// slice is a Buffer.
type slice[T element] []T

type element interface {
	float32 | float64 | int32 | uint16 | uint8
}

// Len is the number of elements.
func (s slice[T]) Len() int { return len(s) }

// Slice is elements lo to hi.
func (s slice[T]) Slice(lo, hi int) vm.Buffer { return s[lo:hi:hi] }

// Alloc makes a zeroed buffer.
func (c *CPU) Alloc(dt graph.Dtype, n int) (vm.Buffer, error) {
	switch dt {
	case graph.Float32:
		return slice[float32](make([]float32, n)), nil
	case graph.Float64:
		return slice[float64](make([]float64, n)), nil
	case graph.Int32:
		return slice[int32](make([]int32, n)), nil
	case graph.Uint16:
		return slice[uint16](make([]uint16, n)), nil
	case graph.Uint8:
		return slice[uint8](make([]uint8, n)), nil
	}
	return nil, fmt.Errorf("cpu: no buffers of type %v", dt)
}

// Import shares a host slice.
func (c *CPU) Import(host any) (vm.Buffer, error) {
	switch h := host.(type) {
	case []float32:
		return slice[float32](h), nil
	case []float64:
		return slice[float64](h), nil
	case []int32:
		return slice[int32](h), nil
	}
	return nil, fmt.Errorf("cpu: cannot import %T", host)
}

// Write copies a host slice to b.
func (c *CPU) Write(b vm.Buffer, host any) {
	switch h := host.(type) {
	case []int32:
		copy(b.(slice[int32]), h)
	case []uint16:
		copy(b.(slice[uint16]), h)
	case []uint8:
		copy(b.(slice[uint8]), h)
	case []float32:
		convertTo(b, h)
	case []float64:
		convertTo(b, h)
	default:
		panic("cpu: write from a type that is no buffer's")
	}
}

// Read copies the start of b to a host slice.
func (c *CPU) Read(host any, b vm.Buffer) {
	switch h := host.(type) {
	case []int32:
		copy(h, b.(slice[int32]))
	case []uint16:
		copy(h, b.(slice[uint16]))
	case []uint8:
		copy(h, b.(slice[uint8]))
	case []float32:
		convertFrom(h, b)
	case []float64:
		convertFrom(h, b)
	default:
		panic("cpu: read into a type that is no buffer's")
	}
}

func convertTo[F Float](b vm.Buffer, h []F) {
	switch d := b.(type) {
	case slice[float32]:
		for i := range min(len(d), len(h)) {
			d[i] = float32(h[i])
		}
	case slice[float64]:
		for i := range min(len(d), len(h)) {
			d[i] = float64(h[i])
		}
	}
}

func convertFrom[F Float](h []F, b vm.Buffer) {
	switch d := b.(type) {
	case slice[float32]:
		for i := range min(len(d), len(h)) {
			h[i] = F(d[i])
		}
	case slice[float64]:
		for i := range min(len(d), len(h)) {
			h[i] = F(d[i])
		}
	}
}

// Kernel prepares a call.
func (c *CPU) Kernel(k vm.Call) (vm.Kernel, error) {
	for _, a := range append(k.In[:len(k.In):len(k.In)], k.Out...) {
		if _, ok := a.Buf.(slice[float32]); ok {
			return kernel[float32](c, k)
		}
	}
	return kernel[float64](c, k)
}

func kernel[F Float](c *CPU, k vm.Call) (vm.Kernel, error) {
	makers := map[graph.Kind]func(*CPU, vm.Call) vm.Kernel{
		graph.KindEmbed:       embed[F],
		graph.KindEmbedGrad:   embedGrad[F],
		graph.KindRMSNorm:     rmsNorm[F],
		graph.KindRMSNormDx:   rmsNormDx[F],
		graph.KindRMSNormDg:   rmsNormDg[F],
		graph.KindLinear:      linear[F],
		graph.KindLinearDx:    linearDx[F],
		graph.KindLinearDw:    linearDw[F],
		graph.KindColSum:      colSum[F],
		graph.KindSwiGLU:      swiGLU[F],
		graph.KindSwiGLUGrad:  swiGLUGrad[F],
		graph.KindAdd:         add[F],
		graph.KindRope:        rope[F],
		graph.KindLowRank:     lowRank[F],
		graph.KindLowRankDu:   lowRankDu[F],
		graph.KindLowRankDb:   lowRankDb[F],
		graph.KindRopeInv:     ropeInv[F],
		graph.KindAttn:        attn[F],
		graph.KindAttnGrad:    attnGrad[F],
		graph.KindLogProb:     logProb[F],
		graph.KindLogProbGrad: logProbGrad[F],
		graph.KindSeqSum:      seqSum[F],
		graph.KindSeqSumGrad:  seqSumGrad[F],
		graph.KindSumSquares:  sumSquares[F],
		graph.KindAdamW:       adamW[F],
	}
	m, ok := makers[k.Op.Kind]
	if !ok {
		return nil, fmt.Errorf("cpu: no kernel for %s", k.Op.Kind)
	}
	return m(c, k), nil
}

// data is the memory of an operand.
func data[T element](a vm.Arg) []T { return a.Buf.(slice[T]) }

// scratch is n elements of worker's buffer number i, with any contents.
func scratch[F Float](w *workspace, i, n int) []F {
	if p, ok := any(&w.f32[i]).(*[]F); ok {
		return growTo(p, n)
	}
	return growTo(any(&w.f64[i]).(*[]F), n)
}

func growTo[F Float](p *[]F, n int) []F {
	if cap(*p) < n {
		*p = make([]F, n+n/4)
	}
	return (*p)[:n]
}

var _ vm.Backend = (*CPU)(nil)
