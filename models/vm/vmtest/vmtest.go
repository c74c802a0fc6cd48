// Package vmtest is one conformance suite for every backend: each op against a
// naive twin in float64, each gradient op against central differences of that
// twin, and the whole network against central differences of its loss.
//
// A case is one kernel call on random operands whose live part is smaller than
// their capacity. The suite checks the values, that a sum is added where the
// call says so, that nothing outside the live part of an output changes
// (canaries), that a second run gives the same bits, and that other numbers of
// threads do.
package vmtest

import (
	"fmt"
	"math"
	"testing"

	"gorgonia.org/tensor"

	"hardneg/fixtures/seed"
	"hardneg/models/graph"
	"hardneg/models/vm"
)

// Suite says how to open the backend under test.
type Suite struct {
	// Open makes a backend with a number of threads, which a device may ignore.
	Open func(t *testing.T, threads int) vm.Backend
	// Dtype of the operands, and the tolerance relative to the largest value
	// of an output: rounding of sums of some hundred terms.
	Dtype     tensor.Dtype
	Tolerance float64
	// Inexact marks backends whose atomics may change the last bits.
	Inexact bool
}

// operand is an input: floats or ints.
type operand struct {
	shape tensor.Shape
	f     []float64
	i     []int32
}

// call is a case: an op, its inputs, the shapes of its outputs and how many
// leading elements of each are live.
type call struct {
	name  string
	op    *graph.Op
	in    []operand
	out   []tensor.Shape
	liveN []int
	live  vm.Live
	// inPlace outputs reuse the input of the same number.
	inPlace bool
	want    func(in []operand) [][]float64
	adds    uint
}

// Run checks every op.
func (s Suite) Run(t *testing.T) {
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			want := c.want(c.in)
			one := s.do(t, c, 1, 0)
			for i, w := range want {
				compare(t, fmt.Sprintf("output %d", i), one[i][:len(w)], w, s.Tolerance, 0)
			}
			s.sameBits(t, c, one)
			if c.adds != 0 {
				sum := s.do(t, c, 1, c.adds)
				for i, w := range want {
					off := 0.0
					if c.adds>>i&1 == 1 {
						off = canary
					}
					compare(t, fmt.Sprintf("added output %d", i), sum[i][:len(w)], w, s.Tolerance, off)
				}
			}
		})
	}
}

func (s Suite) sameBits(t *testing.T, c call, one [][]float64) {
	if s.Inexact {
		return
	}
	for _, threads := range []int{1, 2, 3} {
		again := s.do(t, c, threads, 0)
		for i := range one {
			for j := range one[i] {
				if math.Float64bits(one[i][j]) != math.Float64bits(again[i][j]) {
					t.Fatalf("output %d[%d] is %v with 1 thread, %v with %d", i, j, one[i][j], again[i][j], threads)
				}
			}
		}
	}
}

// canary fills outputs before a call.
const canary = 3.25

// do runs a call and returns its outputs, having checked the canaries.
func (s Suite) do(t *testing.T, c call, threads int, add uint) [][]float64 {
	t.Helper()
	be := s.Open(t, threads)
	defer be.Close()
	k := vm.Call{Op: c.op, Live: &c.live}
	for _, o := range c.in {
		dt, host := s.Dtype, any(o.f)
		if o.i != nil {
			dt, host = tensor.Int32, any(o.i)
		}
		b := alloc(t, be, dt, graph.Size(o.shape))
		be.Write(b, host)
		k.In = append(k.In, vm.Arg{Buf: b, Shape: o.shape})
	}
	const guard = 32
	var whole []vm.Buffer
	for i, shape := range c.out {
		if c.inPlace {
			k.Out = append(k.Out, k.In[i])
			whole = append(whole, k.In[i].Buf)
			continue
		}
		n := graph.Size(shape)
		dt := s.Dtype
		if c.op.Kind == graph.KindSumSquares {
			dt = tensor.Float64
		}
		b := alloc(t, be, dt, n+2*guard)
		be.Write(b, filled(n+2*guard))
		whole = append(whole, b)
		k.Out = append(k.Out, vm.Arg{Buf: b.Slice(guard, guard+n), Shape: shape})
	}
	run, err := be.Kernel(k)
	if err != nil {
		t.Fatal(err)
	}
	run(add)
	if err := be.Sync(); err != nil {
		t.Fatal(err)
	}
	var outs [][]float64
	for i, b := range whole {
		all := make([]float64, b.Len())
		be.Read(all, b)
		if c.inPlace {
			outs = append(outs, all)
			continue
		}
		lo, hi := guard, guard+c.liveN[i]
		for j, v := range all {
			if (j < lo || j >= hi) && v != canary {
				t.Fatalf("output %d: element %d, outside the %d live ones, was overwritten with %g", i, j-lo, c.liveN[i], v)
			}
		}
		outs = append(outs, all[lo:hi])
	}
	return outs
}

func alloc(t *testing.T, be vm.Backend, dt tensor.Dtype, n int) vm.Buffer {
	t.Helper()
	b, err := be.Alloc(dt, n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func filled(n int) []float64 {
	r := make([]float64, n)
	for i := range r {
		r[i] = canary
	}
	return r
}

// compare fails where got-off differs from want by more than tol times the
// largest value, or is NaN.
func compare(t *testing.T, what string, got, want []float64, tol, off float64) {
	t.Helper()
	scale := math.Abs(off)
	for _, w := range want {
		scale = max(scale, math.Abs(w))
	}
	for i, w := range want {
		if d := math.Abs(got[i] - off - w); !(d <= tol*max(scale, 1e-3)) {
			t.Fatalf("%s[%d] is %g, want %g (largest %g, tolerance %g)", what, i, got[i]-off, w, scale, tol)
		}
	}
}

// draw makes random operands; every name is a stream of its own.
type draw struct{ root uint64 }

func (d draw) mat(name string, scale float64, shape ...int) operand {
	k := seed.Derive(d.root, name)
	o := operand{shape: shape, f: make([]float64, graph.Size(shape))}
	for i := range o.f {
		o.f[i] = float64(float32(scale * k.Normal(uint64(i))))
	}
	return o
}

func (d draw) ids(name string, n, below int) operand {
	k := seed.Derive(d.root, name)
	o := operand{shape: tensor.Shape{n}, i: make([]int32, n)}
	for i := range o.i {
		o.i[i] = int32(k.Index(uint64(i), below))
	}
	return o
}

func ints(v ...int32) operand { return operand{shape: tensor.Shape{len(v)}, i: v} }

// forward is a twin: the first output of an op from its inputs.
type forward func(in []operand) []float64

// vjp is the gradient of Σ dy·f(in) by input wrt, by central differences. live
// bounds the elements that are varied; the others have gradient 0.
func vjp(f forward, in []operand, wrt, live int, dy []float64) []float64 {
	const h = 1e-5
	own := append([]operand(nil), in...)
	x := append([]float64(nil), in[wrt].f...)
	own[wrt].f = x
	dot := func() (s float64) {
		for i, v := range f(own) {
			s += v * dy[i]
		}
		return s
	}
	g := make([]float64, live)
	for i := range g {
		v := x[i]
		x[i] = v + h
		up := dot()
		x[i] = v - h
		down := dot()
		x[i] = v
		g[i] = (up - down) / (2 * h)
	}
	return g
}
