//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"errors"
	"fmt"
	"math"
	"os"
	"testing"

	"hardneg/models/cpu"
	"hardneg/models/cuda/driver"
	"hardneg/models/cuda/emu"
	"hardneg/models/cuda/lt"
	"hardneg/models/cuda/rtc"
	"hardneg/models/graph"
	"hardneg/models/vm"
	"hardneg/models/vm/vmtest"
)

// EnvReal makes the tests run on the machine's GPU instead of the emulator;
// `./run.sh gpu` sets it, and leaves out the tests named TestEmulator….
const EnvReal = "HARDNEG_TEST_GPU"

// standInLt is the path of the emulator's cublasLt.
var standInLt string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if os.Getenv(EnvReal) == "" {
			dir, err := os.MkdirTemp("", "hardneg-emu")
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			defer os.RemoveAll(dir)
			l, err := emu.Build(dir)
			if errors.Is(err, emu.ErrNoCompiler) {
				fmt.Println("--- SKIP: every test of models/cuda:", err)
				return 0
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			os.Setenv(driver.EnvLibrary, l.Driver)
			os.Setenv(rtc.EnvLibrary, l.NVRTC)
			os.Setenv(lt.EnvLibrary, "none: the emulator tests our own kernel by default")
			standInLt = l.CublasLt
			os.Setenv(EnvCache, dir+"/cubin")
		}
		return m.Run()
	}())
}

func open(t *testing.T, bf16 bool) vm.Backend {
	t.Helper()
	be, err := Open(0, bf16)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := be.Close(); err != nil {
			t.Error(err)
		}
	})
	return be
}

func report(t *testing.T) func(string, error) {
	return func(name string, err error) {
		t.Run(name, func(t *testing.T) {
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestOps(t *testing.T) {
	vmtest.Suite{Dtype: graph.Float32, Tolerance: 1e-5, Open: func(int) (vm.Backend, error) { return Open(0, false) }}.Each(vmtest.Cases(), report(t))
}

// TestNarrowOps computes every op on activations in bfloat16.
func TestNarrowOps(t *testing.T) {
	vmtest.Suite{Dtype: graph.Float32, Tolerance: 1.5e-2, Open: func(int) (vm.Backend, error) { return Open(0, true) }}.Each(vmtest.Cases(), report(t))
}

// TestEmulatorCublasLt runs products through the stand-in of cublasLt.
func TestEmulatorCublasLt(t *testing.T) {
	t.Setenv(lt.EnvLibrary, standInLt)
	for _, bf16 := range []bool{false, true} {
		plans, tolerance := 0, 1e-5
		if bf16 {
			tolerance = 1.5e-2
		}
		vmtest.Suite{Dtype: graph.Float32, Tolerance: tolerance, Inexact: true, Open: func(int) (vm.Backend, error) {
			be, err := Open(0, bf16)
			return counted{be.(*CUDA), &plans}, err
		}}.Each(vmtest.Cases(), report(t))
		if plans == 0 {
			t.Fatal("cublasLt got no product")
		}
	}
}

// counted counts the plans of a backend when it closes.
type counted struct {
	*CUDA
	plans *int
}

func (c counted) Close() error {
	if c.lt != nil {
		*c.plans += c.lt.Plans()
	}
	return c.CUDA.Close()
}

// TestEmulatorSchedule runs threads in an order drawn anew at every barrier:
// only a missing barrier can make a difference, and a planted one must.
func TestEmulatorSchedule(t *testing.T) {
	t.Setenv("HARDNEG_EMU_SCHEDULE", "random")
	suite := func(options ...string) vmtest.Suite {
		return vmtest.Suite{Dtype: graph.Float32, Tolerance: 1e-5, Inexact: true, Open: func(int) (vm.Backend, error) { return openWith(0, false, options...) }}
	}
	suite().Each(vmtest.Cases(), report(t))
	caught := 0
	suite("-DHN_PLANT_NO_BARRIER").Each(vmtest.Cases(), func(name string, err error) {
		if err != nil {
			caught++
		}
	})
	if caught == 0 {
		t.Fatal("a matrix product without its barrier passed every case")
	}
}

// TestMoments compares moments of 16 and 8 bits with the CPU's.
func TestMoments(t *testing.T) {
	const n = 1000
	for _, dt := range []graph.Dtype{graph.Uint16, graph.Uint8} {
		t.Run(dt.String(), func(t *testing.T) {
			var got [2][]float32
			for i, be := range []vm.Backend{cpu.New(1), open(t, false)} {
				got[i] = threeSteps(t, be, dt, n)
			}
			for i := range got[0] {
				if d := math.Abs(float64(got[0][i] - got[1][i])); !(d <= 1e-5) {
					t.Fatalf("parameter %d is %g on the CPU, %g on the device", i, got[0][i], got[1][i])
				}
			}
		})
	}
}

func threeSteps(t *testing.T, be vm.Backend, dt graph.Dtype, n int) []float32 {
	t.Helper()
	p, g := make([]float32, n), make([]float32, n)
	for i := range p {
		p[i], g[i] = float32(math.Sin(float64(i))), float32(math.Cos(float64(3*i)))
	}
	in := []vm.Arg{}
	for _, h := range []any{p, g} {
		b, err := be.Import(h)
		if err != nil {
			t.Fatal(err)
		}
		in = append(in, vm.Arg{Buf: b, Shape: graph.Shape{n}})
	}
	kinds := []graph.Dtype{dt, dt}
	if dt == graph.Uint8 {
		kinds = append(kinds, graph.Float32, graph.Float32)
	}
	for i, k := range kinds {
		size := n
		if i > 1 {
			size = (n + graph.MomentBlock - 1) / graph.MomentBlock
		}
		b, err := be.Alloc(k, size)
		if err != nil {
			t.Fatal(err)
		}
		in = append(in, vm.Arg{Buf: b, Shape: graph.Shape{size}})
	}
	a := &graph.AdamW{LR: 1e-2, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, Decay: 0.1, Scale: 0.5, Offset: 7}
	k, err := be.Kernel(vm.Call{Op: &graph.Op{Kind: graph.KindAdamW, Attr: a}, In: in})
	if err != nil {
		t.Fatal(err)
	}
	for a.Step = 1; a.Step <= 3; a.Step++ {
		a.Bias1, a.Bias2 = 1-math.Pow(a.Beta1, float64(a.Step)), 1-math.Pow(a.Beta2, float64(a.Step))
		k(0)
	}
	if err := be.Sync(); err != nil {
		t.Fatal(err)
	}
	r := make([]float32, n)
	be.Read(r, in[0].Buf)
	return r
}

// TestEmulatorMemory checks that an allocation too large is an error that says so, and
// that memory of dropped buffers comes back.
func TestEmulatorMemory(t *testing.T) {
	be := open(t, false)
	for range 20 { // 20 × 256 MiB
		if _, err := be.Alloc(graph.Float32, 64<<20); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := be.Alloc(graph.Float32, 1<<29); err == nil {
		t.Fatal("2 GiB in a memory of 1 GiB")
	}
}
