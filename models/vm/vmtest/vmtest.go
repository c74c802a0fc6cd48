// Package vmtest is one conformance suite for every backend: each op against a
// naive twin in float64, each gradient op against central differences of that
// twin, and the whole network against central differences of its loss.
//
// A case is one kernel call on random operands whose live part is smaller than
// their capacity. The suite checks the values, that a sum is added where the
// call says so, that nothing outside the live part of an output changes
// (canaries), that a second run gives the same bits, and that other numbers of
// threads do.
//
// A backend's test reports each result as a subtest; `hardneg selftest` prints
// them.
package vmtest

import (
	"fmt"
	"math"
	"sync"

	"hardneg/fixtures/seed"
	"hardneg/models/graph"
	"hardneg/models/vm"
)

// Suite says how to open the backend under test.
type Suite struct {
	// Open makes a backend with a number of threads, which a device may ignore.
	Open func(threads int) (vm.Backend, error)
	// Dtype of the operands, and the tolerance relative to the largest value
	// of an output: rounding of sums of some hundred terms.
	Dtype     graph.Dtype
	Tolerance float64
	// Inexact marks backends whose atomics may change the last bits.
	Inexact bool
}

// operand is an input: floats or ints.
type operand struct {
	shape graph.Shape
	f     []float64
	i     []int32
}

// Case is one call with what it must give; suites of several backends share it.
type Case struct {
	call
	expect func() [][]float64
}

// Cases makes all cases.
func Cases() []Case {
	var r []Case
	for _, c := range calls() {
		r = append(r, Case{c, sync.OnceValue(func() [][]float64 { return c.want(c.in) })})
	}
	return r
}

// call is an op, its inputs, the shapes of its outputs and how many
// leading elements of each are live.
type call struct {
	name  string
	op    *graph.Op
	in    []operand
	out   []graph.Shape
	liveN []int
	live  vm.Live
	// inPlace outputs reuse the input of the same number.
	inPlace bool
	want    func(in []operand) [][]float64
	adds    uint
}

// Each checks every case and reports each result.
func (s Suite) Each(cases []Case, report func(name string, err error)) {
	for _, c := range cases {
		report(c.name, s.check(c.call, c.expect()))
	}
}

func (s Suite) check(c call, want [][]float64) error {
	one, err := s.do(c, 1, 0)
	if err != nil {
		return err
	}
	for i, w := range want {
		if err := compare(fmt.Sprintf("output %d", i), one[i][:len(w)], w, s.Tolerance, 0); err != nil {
			return err
		}
	}
	if err := s.sameBits(c, one); err != nil || c.adds == 0 {
		return err
	}
	sum, err := s.do(c, 1, c.adds)
	if err != nil {
		return err
	}
	for i, w := range want {
		off := 0.0
		if c.adds>>i&1 == 1 {
			off = canary
		}
		if err := compare(fmt.Sprintf("added output %d", i), sum[i][:len(w)], w, s.Tolerance, off); err != nil {
			return err
		}
	}
	return nil
}

func (s Suite) sameBits(c call, one [][]float64) error {
	if s.Inexact {
		return nil
	}
	for _, threads := range []int{1, 2, 3} {
		again, err := s.do(c, threads, 0)
		if err != nil {
			return err
		}
		for i := range one {
			for j := range one[i] {
				if math.Float64bits(one[i][j]) != math.Float64bits(again[i][j]) {
					return fmt.Errorf("output %d[%d] is %v with 1 thread, %v with %d", i, j, one[i][j], again[i][j], threads)
				}
			}
		}
	}
	return nil
}

// canary fills outputs before a call.
const canary = 3.25

// guard is the number of canaries before and after each output.
const guard = 32

// do runs a call and returns its outputs, having checked the canaries.
func (s Suite) do(c call, threads int, add uint) ([][]float64, error) {
	be, err := s.Open(threads)
	if err != nil {
		return nil, err
	}
	defer be.Close()
	narrow, activations := s.activations(be)
	k := vm.Call{Op: c.op, Live: &c.live}
	for i, o := range c.in {
		dt, host := s.Dtype, any(o.f)
		if narrow && c.op.Kind.NarrowIn(i, o.shape) {
			dt = activations
		}
		if o.i != nil {
			dt, host = graph.Int32, any(o.i)
		}
		b, err := be.Alloc(dt, graph.Size(o.shape))
		if err != nil {
			return nil, err
		}
		be.Write(b, host)
		k.In = append(k.In, vm.Arg{Buf: b, Shape: o.shape})
	}
	var whole []vm.Buffer
	for i, shape := range c.out {
		if c.inPlace {
			k.Out = append(k.Out, k.In[i])
			whole = append(whole, k.In[i].Buf)
			continue
		}
		n, dt := graph.Size(shape), s.Dtype
		switch {
		case c.op.Kind == graph.KindSumSquares:
			dt = graph.Float64
		case narrow && c.op.Kind.NarrowOut(i, shape):
			dt = activations
		}
		b, err := be.Alloc(dt, n+2*guard)
		if err != nil {
			return nil, err
		}
		be.Write(b, filled(n+2*guard))
		whole = append(whole, b)
		k.Out = append(k.Out, vm.Arg{Buf: b.Slice(guard, guard+n), Shape: shape})
	}
	run, err := be.Kernel(k)
	if err != nil {
		return nil, err
	}
	run(add)
	if err := be.Sync(); err != nil {
		return nil, err
	}
	return c.outputs(be, whole)
}

// activations is the type of operands that the backend keeps narrower, if any.
func (s Suite) activations(be vm.Backend) (bool, graph.Dtype) {
	n, ok := be.(vm.Narrow)
	if !ok || s.Dtype != graph.Float32 {
		return false, s.Dtype
	}
	return true, n.Activations()
}

// outputs reads the live parts and checks what surrounds them.
func (c call) outputs(be vm.Backend, whole []vm.Buffer) ([][]float64, error) {
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
				return nil, fmt.Errorf("output %d: element %d, outside the %d live ones, was overwritten with %g", i, j-lo, c.liveN[i], v)
			}
		}
		outs = append(outs, all[lo:hi])
	}
	return outs, nil
}

func filled(n int) []float64 {
	r := make([]float64, n)
	for i := range r {
		r[i] = canary
	}
	return r
}

// compare is an error where got-off differs from want by more than tol times
// the largest value, or is NaN.
func compare(what string, got, want []float64, tol, off float64) error {
	scale := math.Abs(off)
	for _, w := range want {
		scale = max(scale, math.Abs(w))
	}
	for i, w := range want {
		if d := math.Abs(got[i] - off - w); !(d <= tol*max(scale, 1e-3)) {
			return fmt.Errorf("%s[%d] is %g, want %g (largest %g, tolerance %g)", what, i, got[i]-off, w, scale, tol)
		}
	}
	return nil
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
	o := operand{shape: graph.Shape{n}, i: make([]int32, n)}
	for i := range o.i {
		o.i[i] = int32(k.Index(uint64(i), below))
	}
	return o
}

func ints(v ...int32) operand { return operand{shape: graph.Shape{len(v)}, i: v} }

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
