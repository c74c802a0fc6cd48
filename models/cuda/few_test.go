//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorgonia.org/cu"

	"hardneg/fixtures/seed"
	"hardneg/models/cuda/driver"
	"hardneg/models/graph"
	"hardneg/models/vm"
)

// operands fills a buffer with bfloat16 numbers, which it returns too.
func operands(t testing.TB, c *CUDA, name string, n int) (*buffer, []float32) {
	t.Helper()
	k := seed.Derive(5, name)
	h, w := make([]uint16, n), make([]float32, n)
	for i := range h {
		h[i] = uint16(math.Float32bits(float32(k.Float(uint64(i))-0.5)) >> 16)
		w[i] = math.Float32frombits(uint32(h[i]) << 16)
	}
	b, err := c.alloc(graph.Uint16, n)
	if err != nil {
		t.Fatal(err)
	}
	c.Write(b, h)
	return b, w
}

// fewCase is a product of m×k and n×k by few.cu under a plan.
type fewCase struct {
	m, n, k int
	plan    fewPlan
}

func (s fewCase) String() string {
	return fmt.Sprintf("%d×%d×%d, %d rows a tile in %d parts", s.m, s.k, s.n, s.plan.tile, s.plan.splits)
}

// run stores the product, adds it twice, the second time by its parts and
// decode_norm if there are any, and gates it.
func (s fewCase) run(t *testing.T, c *CUDA, x, w *buffer) (thrice []float32, gated []uint16) {
	t.Helper()
	f, err := newFew(c, map[[2]int]fewPlan{{s.n, s.k}: s.plan})
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.alloc(graph.Float32, 2*s.m*s.n)
	if err != nil {
		t.Fatal(err)
	}
	gate, err := c.alloc(graph.Uint16, s.m*s.n/2)
	if err != nil {
		t.Fatal(err)
	}
	last := fewAdd
	if s.plan.splits > 1 {
		last = fewParts
	}
	for _, mode := range []int{fewStore, fewAdd, last} {
		f.multiply(s.plan, mode, slot(out.ptr), slot(x.ptr), slot(w.ptr), s.m, s.n, s.k)
	}
	if last == fewParts {
		o := slot(out.ptr)
		c.launch("decode_norm_f32", grid{s.m, 1, 64, 0}, elements(o, s.m*s.n), o, slot(f.part.ptr), i32(s.plan.splits), i32(s.plan.tiles(s.n)*s.plan.tile), o, i32(s.n), f32(1))
	}
	f.multiply(s.plan, fewGate, slot(gate.ptr), slot(x.ptr), slot(w.ptr), s.m, s.n, s.k)
	thrice, gated = make([]float32, s.m*s.n), make([]uint16, s.m*s.n/2)
	c.Read(thrice, out)
	c.Read(gated, gate)
	if err := c.Sync(); err != nil {
		t.Fatal(err)
	}
	return thrice, gated
}

// check compares with the definition.
func (s fewCase) check(t *testing.T, c *CUDA) error {
	t.Helper()
	x, hx := operands(t, c, "x", s.m*s.k)
	w, hw := operands(t, c, "w", s.n*s.k)
	want := make([]float64, s.m*s.n)
	for i := range want {
		for j := range s.k {
			want[i] += float64(hx[i/s.n*s.k+j]) * float64(hw[i%s.n*s.k+j])
		}
	}
	thrice, gated := s.run(t, c, x, w)
	for i, v := range want {
		if d := math.Abs(float64(thrice[i]) - 3*v); !(d <= 1e-4) {
			return fmt.Errorf("%v: element %d is %g, want three times %g", s, i, thrice[i], v)
		}
	}
	for i := range gated {
		row, col := i/(s.n/2), i%(s.n/2)
		g, u := want[row*s.n+col], want[row*s.n+s.n/2+col]
		v, y := g/(1+math.Exp(-g))*u, float64(math.Float32frombits(uint32(gated[i])<<16))
		if d := math.Abs(y - v); !(d <= 2e-5+0.005*math.Abs(v)) {
			return fmt.Errorf("%v: gated element %d is %g, want %g", s, i, y, v)
		}
	}
	return nil
}

// TestFewProducts compares products of few rows with their definition: borders
// of tiles, parts and rows, and all that is done with a product.
func TestFewProducts(t *testing.T) {
	c := open(t, true).(*CUDA)
	for _, s := range []fewCase{{m: 1, n: 16, k: 64}, {m: 3, n: 64, k: 1120}, {m: 8, n: 200, k: 72}, {m: 17, n: 256, k: 192}, {m: 33, n: 72, k: 1000}, {m: 64, n: 192, k: 1536}} {
		for _, p := range []fewPlan{{64, 0, 1}, {64, 0, 3}, {128, 0, 1}, {128, 0, 2}, {128, 0, 13}} {
			s.plan = p.over(s.k)
			if err := s.check(t, c); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestEmulatorFewSchedule runs threads in a random order, where a barrier that is
// planted to be missing must be noticed.
func TestEmulatorFewSchedule(t *testing.T) {
	t.Setenv("HARDNEG_EMU_SCHEDULE", "random")
	check := func(tile int, options ...string) error {
		be, err := openWith(0, true, options...)
		if err != nil {
			t.Fatal(err)
		}
		defer be.Close()
		return fewCase{33, 200, 1000, fewPlan{tile: tile, splits: 2}.over(1000)}.check(t, be.(*CUDA))
	}
	for _, tile := range []int{64, 128} {
		if err := check(tile); err != nil {
			t.Error(err)
		}
		if check(tile, "-DHN_PLANT_NO_FEW_BARRIER") == nil {
			t.Error("a product without its barrier passed, tile of", tile)
		}
	}
}

// TestFewRepeats: bits are the same each time, and those of a row whatever the
// others are.
func TestFewRepeats(t *testing.T) {
	c := open(t, true).(*CUDA)
	const n, k = 200, 1000
	x, _ := operands(t, c, "x", fewRows*k)
	w, _ := operands(t, c, "w", n*k)
	for _, tile := range []int{64, 128} {
		s := fewCase{fewRows, n, k, fewPlan{tile: tile, splits: 3}.over(k)}
		want, gates := s.run(t, c, x, w)
		again, _ := s.run(t, c, x, w)
		if d := cmp.Diff(want, again); d != "" {
			t.Errorf("again: %s", d)
		}
		for _, m := range []int{1, 30} {
			s.m = m
			got, gated := s.run(t, c, x, w)
			if d := cmp.Diff(want[:m*n], got) + cmp.Diff(gates[:m*n/2], gated); d != "" {
				t.Errorf("%d rows instead of all: %s", m, d)
			}
		}
	}
}

// TestFewPlans: parts cover k and none is empty; the products of Qwen2.5-1.5B
// get about a block for each multiprocessor of an H100, or more.
func TestFewPlans(t *testing.T) {
	for _, s := range fewShapes {
		for _, sms := range []int{1, 28, 108, 132, 148} {
			p := planOf(sms, s.n, s.k, s.mode)
			if steps := (s.k*p.tile + fewStep - 1) / fewStep; p.per < 1 || p.per*p.splits < steps || p.per*(p.splits-1) >= steps {
				t.Errorf("%s on %d multiprocessors: %+v for %d steps", s.name, sms, p, steps)
			}
			if b := p.blocks(s.n); sms == 132 && (b < 9*sms/10 || b > 3*sms/2 && p.splits > 1) {
				t.Errorf("%s: %+v makes %d blocks", s.name, p, b)
			}
			if s.mode == fewGate && p.splits > 1 {
				t.Errorf("%s in parts: %+v", s.name, p)
			}
		}
	}
}

// fewShapes are the products of a step of Qwen2.5-1.5B.
var fewShapes = []struct {
	name       string
	n, k, mode int
}{{"qkv", 2048, 1536, fewStore}, {"out", 1536, 1536, fewParts}, {"gate", 17920, 1536, fewGate}, {"down", 1536, 8960, fewParts}, {"head", 151936, 1536, fewStore}}

// BenchmarkFewProducts times the products of a step of Qwen2.5-1.5B, 64 rows, as
// the decoder makes them, beside cublasLt. Weights are taken in turn from more
// memory than caches hold, many products a graph. Parts are not added up here
// (BenchmarkDecode), and cublasLt does not gate.
func BenchmarkFewProducts(b *testing.B) {
	be, err := Open(0, true)
	if err != nil {
		b.Fatal(err)
	}
	defer be.Close()
	c := be.(*CUDA)
	const m = 64
	for _, s := range fewShapes {
		copies := 1 + (200<<20)/(2*s.n*s.k)
		w, err := c.alloc(graph.Uint16, copies*s.n*s.k)
		if err != nil {
			b.Fatal(err)
		}
		random, _ := operands(b, c, "w", 1<<20)
		for at := 0; at < copies*s.n*s.k; at += 1 << 20 {
			n := min(1<<20, copies*s.n*s.k-at)
			c.do("copy", func() error { return cu.MemcpyDtoDAsync(w.ptr+cu.DevicePtr(2*at), random.ptr, int64(2*n), c.stream) })
		}
		x, _ := operands(b, c, "x", m*s.k)
		out, err := c.alloc(graph.Float32, m*s.n)
		if err != nil {
			b.Fatal(err)
		}
		p := planOf(c.dev.Info.SMs, s.n, s.k, s.mode)
		f, err := newFew(c, map[[2]int]fewPlan{{s.n, s.k}: p})
		if err != nil {
			b.Fatal(err)
		}
		at := func(i int) slot { return slot(w.ptr) + slot(2*(i%copies)*s.n*s.k) }
		for _, way := range []struct {
			name string
			run  func(i int)
		}{
			{"few", func(i int) { f.multiply(p, s.mode, slot(out.ptr), slot(x.ptr), at(i), m, s.n, s.k) }},
			{"cublasLt", func(i int) {
				c.multiply(m, s.n, s.k, rowsOf(slot(x.ptr), s.k, graph.Uint16), rowsOf(at(i), s.k, graph.Uint16).t(), product{rowsOf(slot(out.ptr), s.n, graph.Float32), 0, 1, false})
			}},
		} {
			b.Run(s.name+"/"+way.name, func(b *testing.B) {
				each := max(copies, 8)
				queue := func() error {
					for i := range each {
						way.run(i)
					}
					return c.err
				}
				way.run(0) // finds kernels and plans
				if err := c.Sync(); err != nil {
					b.Fatal(err)
				}
				var g *driver.Graph
				c.do("graph", func() (err error) {
					g, err = driver.Capture(c.stream, queue)
					return err
				})
				launch := func() { c.do("graph", func() error { return g.Launch(c.stream) }) }
				launch()
				if err := c.Sync(); err != nil {
					b.Fatal(err)
				}
				b.ResetTimer()
				start := time.Now()
				for range b.N {
					launch()
				}
				if err := c.Sync(); err != nil {
					b.Fatal(err)
				}
				took := time.Since(start).Seconds() / float64(b.N*each)
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(took*1e6, "us/product")
				b.ReportMetric(2*float64(s.n*s.k)/took/1e9, "GB/s")
				c.do("graph", g.Close)
				if err := c.Sync(); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

// TestEmulatorEarly: a kernel that is launched early and does not wait for the
// one before it is caught.
func TestEmulatorEarly(t *testing.T) {
	c := open(t, true).(*CUDA)
	x, err := c.alloc(graph.Float32, 8)
	if err != nil {
		t.Fatal(err)
	}
	c.launchAs(true, "decode_norm_f32", grid{1, 1, 32, 0}, slot(x.ptr), slot(x.ptr), slot(x.ptr), 0, 0, slot(x.ptr), i32(8), f32(1))
	if err := c.Sync(); err != nil {
		t.Fatalf("a kernel that waits: %v", err)
	}
	c.launchAs(true, "add", over(4), slot(x.ptr), slot(x.ptr), slot(x.ptr), i64(4), 0)
	if err := c.Sync(); err == nil {
		t.Fatal("a kernel that does not wait")
	}
}

// BenchmarkDecode times a token of 64 rows in a network of Qwen2.5-1.5B's shape
// with 4 of its 28 layers: with all products by few.cu, each alone beside the
// head, none, and without early launches. A step of the whole takes seven times
// what the layers do, and once what the head does (BenchmarkFewProducts).
func BenchmarkDecode(b *testing.B) {
	be, err := Open(0, true)
	if err != nil {
		b.Fatal(err)
	}
	defer be.Close()
	flat := make([]float32, 151936*1536)
	for i := range flat {
		flat[i] = float32(int32(i*2654435761)) * 0x1p-37
	}
	matrix := func(n, k int) []float32 { return flat[:n*k] }
	n := vm.Network{Heads: graph.Heads{Q: 12, KV: 2, Dim: 128, Rotary: &graph.Rotary{Inv: make([]float32, 64), Scale: 1}}, Hidden: 1536, FFN: 8960, Vocab: 151936, Eps: 1e-6,
		Embed: flat, Head: flat, Norm: flat[:1536]}
	for range 4 {
		n.Layers = append(n.Layers, vm.NetworkLayer{Norm1: flat[:1536], WQKV: matrix(2048, 1536), BQKV: flat[:2048], WO: matrix(1536, 1536),
			Norm2: flat[:1536], GateUp: matrix(17920, 1536), Down: matrix(1536, 8960)})
	}
	const rows, shared, own = 64, 200, 600
	v, err := be.(*CUDA).Decoder(n, rows, 64)
	if err != nil {
		b.Fatal(err)
	}
	defer v.Close()
	d := v.(*decoder)
	for _, way := range []string{"all", "head", "head,qkv", "head,out", "head,gate", "head,down", "none", "all late", "none late"} {
		b.Run(way, func(b *testing.B) {
			list, late := strings.CutSuffix(way, " late")
			early := d.early
			if err := errors.Join(d.release(), d.planFew(list)); err != nil {
				b.Fatal(err)
			}
			d.launchEarly(early && !late)
			defer d.launchEarly(early)
			if _, err := d.Reserve(14*rows, 14); err != nil {
				b.Fatal(err)
			}
			d.Params(vm.Draw{Temperature: 0.8, TopP: 0.95})
			set := func() {
				for i := range rows {
					s := vm.Sequence{Token: int32(i), Pos: shared, Shared: shared, End: shared + own, Key: uint64(i)}
					for p := range 14 {
						s.Pages = append(s.Pages, int32(14*i+p))
					}
					d.Set(i, s)
				}
			}
			step := func() {
				d.Step()
				if _, _, err := d.Next(); err != nil {
					b.Fatal(err)
				}
			}
			set()
			for range 70 { // graphs of both numbers of splits
				step()
			}
			b.ResetTimer()
			for i := range b.N {
				if i%500 == 0 {
					set()
				}
				step()
			}
		})
	}
}
