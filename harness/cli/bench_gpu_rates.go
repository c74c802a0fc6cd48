package cli

import (
	"fmt"

	"hardneg/fixtures/seed"
	"hardneg/models"
	"hardneg/models/checkpoint"
	"hardneg/models/cuda"
	"hardneg/models/graph"
	"hardneg/models/qwen2"
	"hardneg/models/vm"
)

// bencher runs single ops of a model on a device.
type bencher struct {
	be    vm.Backend
	times cuda.Profiler
	b     *gpuBench
	err   error
}

// rates times the model's products, attention and memory-bound kernels in bf16.
func (b *gpuBench) rates(device string, c *checkpoint.Config) error {
	be, err := models.Open(device, models.Options{Dtype: "bf16"})
	if err != nil {
		return err
	}
	defer be.Close()
	times, ok := be.(cuda.Profiler)
	if !ok {
		return fmt.Errorf("bench gpu: %s does not time its calls", be.Device())
	}
	r := &bencher{be: be, times: times, b: b}
	const t = 4096
	heads := qwen2.Heads(c)
	for _, l := range []struct {
		name    string
		out, in int
	}{{"wqkv", heads.Width(), c.Hidden}, {"wo", c.Hidden, c.Heads * c.HeadDim}, {"gate_up", 2 * c.FFN, c.Hidden}, {"down", c.Hidden, c.FFN}} {
		flop := 2 * t * float64(l.out) * float64(l.in)
		x, w, y := graph.Shape{t, l.in}, graph.Shape{l.out, l.in}, graph.Shape{t, l.out}
		r.op("gemm "+l.name, graph.KindLinear, nil, vm.Live{Tokens: t}, []graph.Shape{x, w}, []graph.Shape{y}, flop, 0)
		r.op("gemm "+l.name+" dx", graph.KindLinearDx, nil, vm.Live{Tokens: t}, []graph.Shape{y, w}, []graph.Shape{x}, flop, 0)
		r.op("gemm "+l.name+" dw", graph.KindLinearDw, nil, vm.Live{Tokens: t}, []graph.Shape{y, x}, []graph.Shape{w}, flop, 0)
	}
	r.attention("attention 8×1024", heads, 8, 1024)
	r.attention("attention 64×128", heads, 64, 128)
	r.bandwidth(c, heads, t)
	return r.err
}

// bandwidth times kernels that move bytes: each input read and each output
// written once.
func (r *bencher) bandwidth(c *checkpoint.Config, heads graph.Heads, t int) {
	live := vm.Live{Tokens: t, Segs: 1}
	h, gu, f := graph.Shape{t, c.Hidden}, graph.Shape{t, 2 * c.FFN}, graph.Shape{t, c.FFN}
	gain, qkv := graph.Shape{c.Hidden}, graph.Shape{t, heads.Width()}
	n := func(s ...graph.Shape) (bytes float64) {
		for _, x := range s {
			bytes += 2 * float64(graph.Size(x))
		}
		return bytes
	}
	norm := graph.Norm{Eps: c.Eps}
	r.op("rmsnorm", graph.KindRMSNorm, norm, live, []graph.Shape{h, gain}, []graph.Shape{h}, 0, n(h, h))
	r.op("rmsnorm-dx", graph.KindRMSNormDx, norm, live, []graph.Shape{h, gain, h}, []graph.Shape{h}, 0, n(h, h, h))
	r.op("rmsnorm-dg", graph.KindRMSNormDg, norm, live, []graph.Shape{h, h}, []graph.Shape{gain}, 0, n(h, h))
	r.op("swiglu", graph.KindSwiGLU, nil, live, []graph.Shape{gu}, []graph.Shape{f}, 0, n(gu, f))
	r.op("swiglu-grad", graph.KindSwiGLUGrad, nil, live, []graph.Shape{gu, f}, []graph.Shape{gu}, 0, n(gu, f, gu))
	r.op("bias+rope", graph.KindRope, heads, live, []graph.Shape{qkv, {heads.Width()}, {-2}, {-1}}, []graph.Shape{qkv}, 0, n(qkv, qkv))
	const p = 200 << 20
	r.op("sum-squares", graph.KindSumSquares, nil, live, []graph.Shape{{p}}, []graph.Shape{{1}}, 0, 4*p)
	r.op("adamw", graph.KindAdamW, &graph.AdamW{LR: 1e-4, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Scale: 1, Bias1: 0.1, Bias2: 0.001}, live,
		[]graph.Shape{{p}, {p}, {p}, {p}}, nil, 0, 28*p)
}

// attention times forward and backward on n sequences of a length. FLOP counts
// the causal half.
func (r *bencher) attention(name string, h graph.Heads, n, length int) {
	t := n * length
	live := vm.Live{Tokens: t, Segs: n}
	qkv, o, lse := graph.Shape{t, h.Width()}, graph.Shape{t, h.Q * h.Dim}, graph.Shape{t, h.Q}
	flop := 2 * float64(n) * float64(length) * float64(length) * float64(h.Q*h.Dim)
	segs, parent := graph.Shape{-n - 1}, graph.Shape{-n}
	r.op(name, graph.KindAttn, h, live, []graph.Shape{qkv, segs, parent}, []graph.Shape{o, lse}, flop, 0)
	r.op(name+" grad", graph.KindAttnGrad, h, live, []graph.Shape{qkv, segs, parent, o, lse, o}, []graph.Shape{qkv}, 2.5*flop, 0)
}

// op times a call on random operands. A shape {-n-1} stands for the bounds of
// n equal segments, the {-n} after it for as many segments without a parent.
func (r *bencher) op(name string, kind graph.Kind, attr any, live vm.Live, in, out []graph.Shape, flop, bytes float64) {
	if r.err != nil {
		return
	}
	k := vm.Call{Op: &graph.Op{Kind: kind, Attr: attr}, Live: &live}
	alloc := func(dt graph.Dtype, s graph.Shape, host any) {
		var b vm.Buffer
		if b, r.err = r.be.Alloc(dt, graph.Size(s)); r.err == nil && host != nil {
			r.be.Write(b, host)
		}
		k.In = append(k.In, vm.Arg{Buf: b, Shape: s})
	}
	for i, s := range in {
		switch {
		case r.err != nil:
		case s[0] < 0:
			alloc(graph.Int32, graph.Shape{-s[0]}, segments(i > 0 && in[i-1][0] < 0, -s[0], live.Tokens))
		default:
			dt := graph.Float32
			if kind.NarrowIn(i, s) {
				dt = graph.Uint16
			}
			alloc(dt, s, noise(graph.Size(s)))
		}
	}
	ins := k.In
	k.In = nil
	for i, s := range out {
		dt := graph.Float32
		switch {
		case kind == graph.KindSumSquares:
			dt = graph.Float64
		case kind.NarrowOut(i, s):
			dt = graph.Uint16
		}
		if r.err == nil {
			alloc(dt, s, nil)
		}
	}
	k.Out, k.In = k.In, ins
	if r.err == nil {
		r.time(name, k, flop, bytes)
	}
}

func (r *bencher) time(name string, k vm.Call, flop, bytes float64) {
	run, err := r.be.Kernel(k)
	if err != nil {
		r.err = err
		return
	}
	const warm, reps = 3, 10
	for i := range warm + reps {
		if i == warm {
			if r.err = r.be.Sync(); r.err != nil {
				return
			}
			r.times.Profile(true)
		}
		run(0)
	}
	r.err = r.be.Sync()
	g := gpuKernel{Name: name}
	for _, t := range r.times.Times() {
		g.Milliseconds += t.Milliseconds / reps
	}
	r.times.Profile(false)
	if flop > 0 {
		g.TFLOPS = flop / g.Milliseconds / 1e9
	} else {
		g.GBs = bytes / g.Milliseconds / 1e6
	}
	r.b.Kernels = append(r.b.Kernels, g)
}

// segments are equal bounds of n-1 segments over t rows or, for parents, n
// segments without one.
func segments(parents bool, n, t int) []int32 {
	s := make([]int32, n)
	for i := range s {
		if s[i] = -1; !parents {
			s[i] = int32(i * t / (n - 1))
		}
	}
	return s
}

// noise is n numbers around 0; the same million again and again.
func noise(n int) []float32 {
	const period = 1 << 20
	k := seed.Derive(0, "gpu")
	r := make([]float32, n)
	for i := range min(n, period) {
		r[i] = float32(k.Float(uint64(i))) - 0.5
	}
	for lo := period; lo < n; lo += period {
		copy(r[lo:], r[:period])
	}
	return r
}
