//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"fmt"
	"math"
	"testing"

	"hardneg/fixtures/seed"
	"hardneg/models/graph"
	"hardneg/models/vm"
)

// normCase is the gradient of RMSNorm over t rows of d.
type normCase struct{ t, d int }

// run computes both gradients, twice, so that the second is added to the first.
// apart prepares the calls in an order that keeps each in its own kernel.
func (s normCase) run(t *testing.T, c *CUDA, apart bool) (dx, dg []float32) {
	t.Helper()
	dt := graph.Float32
	if c.round {
		dt = graph.Uint16
	}
	k := seed.Derive(6, "norm")
	arg := func(dt graph.Dtype, rows, cols int, from uint64) vm.Arg {
		b, err := c.alloc(dt, rows*cols)
		if err != nil {
			t.Fatal(err)
		}
		if from > 0 {
			v := make([]float32, rows*cols)
			for i := range v {
				v[i] = float32(k.Float(from<<32+uint64(i))*2 - 1)
			}
			if dt == graph.Uint16 {
				w, err := c.alloc(graph.Float32, len(v))
				if err != nil {
					t.Fatal(err)
				}
				c.Write(w, v)
				c.launch("to_b16", over((len(v)+7)/8), slot(b.ptr), slot(w.ptr), i64(len(v)))
			} else {
				c.Write(b, v)
			}
		}
		if rows == 1 {
			return vm.Arg{Buf: b, Shape: graph.Shape{cols}}
		}
		return vm.Arg{Buf: b, Shape: graph.Shape{rows, cols}}
	}
	x, gain, dy := arg(dt, s.t, s.d, 1), arg(graph.Float32, 1, s.d, 2), arg(dt, s.t, s.d, 3)
	x.Shape, dy.Shape = graph.Shape{s.t, s.d}, graph.Shape{s.t, s.d}
	outX, outG := arg(dt, s.t, s.d, 0), arg(graph.Float32, 1, s.d, 0)
	live, attr := &vm.Live{Tokens: s.t}, graph.Norm{Eps: 1e-6}
	calls := []vm.Call{
		{Op: &graph.Op{Kind: graph.KindRMSNormDx, Attr: attr}, In: []vm.Arg{x, gain, dy}, Out: []vm.Arg{outX}, Live: live},
		{Op: &graph.Op{Kind: graph.KindRMSNormDg, Attr: attr}, In: []vm.Arg{x, dy}, Out: []vm.Arg{outG}, Live: live},
	}
	if apart {
		calls[0], calls[1] = calls[1], calls[0]
	}
	var kernels []vm.Kernel
	for _, call := range calls {
		kernel, err := c.Kernel(call)
		if err != nil {
			t.Fatal(err)
		}
		kernels = append(kernels, kernel)
	}
	for _, add := range []uint{0, 1} {
		for _, kernel := range kernels {
			kernel(add)
		}
	}
	read := func(a vm.Arg) []float32 {
		b := a.Buf.(*buffer)
		if b.dt == graph.Uint16 {
			h := make([]uint16, b.n)
			c.Read(h, b)
			v := make([]float32, b.n)
			for i, u := range h {
				v[i] = math.Float32frombits(uint32(u) << 16)
			}
			return v
		}
		v := make([]float32, b.n)
		c.Read(v, b)
		return v
	}
	dx, dg = read(outX), read(outG)
	if err := c.Sync(); err != nil {
		t.Fatal(err)
	}
	return dx, dg
}

// check compares the kernel for both with the kernels for each, which the
// conformance suite compares with their definition.
func (s normCase) check(t *testing.T, c *CUDA) error {
	t.Helper()
	dx, dg := s.run(t, c, false)
	wantX, wantG := s.run(t, c, true)
	tolerance := 2e-6
	if c.round {
		tolerance = 0.02 // one unit in the last place of a bfloat16
	}
	for i := range wantX {
		if d := math.Abs(float64(dx[i] - wantX[i])); !(d <= tolerance*max(1, math.Abs(float64(wantX[i])))) {
			return fmt.Errorf("%d×%d: dx[%d] is %g, want %g", s.t, s.d, i, dx[i], wantX[i])
		}
	}
	for i := range wantG {
		if d := math.Abs(float64(dg[i] - wantG[i])); !(d <= 2e-6*float64(s.t)) {
			return fmt.Errorf("%d×%d: dgain[%d] is %g, want %g", s.t, s.d, i, dg[i], wantG[i])
		}
	}
	return nil
}

// TestNormGradient: where a graph wants both gradients of RMSNorm, one kernel
// gives what two do, for rows that fill its blocks and rows that do not.
func TestNormGradient(t *testing.T) {
	for _, bf16 := range []bool{false, true} {
		c := open(t, bf16).(*CUDA)
		for _, s := range []normCase{{1, 8}, {2, 64}, {3, 264}, {4, 256}, {13, 1536}, {130, 96}, {5, 12}} {
			if err := s.check(t, c); err != nil {
				t.Errorf("bf16 %v: %v", bf16, err)
			}
		}
	}
}

// TestEmulatorNormSchedule runs threads in a random order, with which a barrier
// that is planted to be missing must be noticed.
func TestEmulatorNormSchedule(t *testing.T) {
	t.Setenv("HARDNEG_EMU_SCHEDULE", "random")
	check := func(options ...string) error {
		be, err := openWith(0, true, options...)
		if err != nil {
			t.Fatal(err)
		}
		defer be.Close()
		return normCase{9, 1536}.check(t, be.(*CUDA))
	}
	if err := check(); err != nil {
		t.Error(err)
	}
	if check("-DHN_PLANT_NO_NORM_BARRIER") == nil {
		t.Error("the gradient without its barrier passed")
	}
}
