//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"fmt"
	"math"
	"testing"
	"time"

	"hardneg/fixtures/seed"
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

// TestFewProducts compares products of few rows with their definition: borders
// of tiles, parts and rows, and the three things that are done with a product.
func TestFewProducts(t *testing.T) {
	c := open(t, true).(*CUDA)
	for _, s := range []struct{ m, n, k int }{{64, 256, 192}, {7, 200, 72}, {33, 72, 1000}} {
		x, hx := operands(t, c, "x", s.m*s.k)
		w, hw := operands(t, c, "w", s.n*s.k)
		want := make([]float64, s.m*s.n)
		for i := range want {
			for j := range s.k {
				want[i] += float64(hx[i/s.n*s.k+j]) * float64(hw[i%s.n*s.k+j])
			}
		}
		for _, p := range []fewPlan{{64, 0, 1}, {64, 0, 3}, {128, 0, 1}, {128, 0, 2}} {
			p = p.over((s.k + 63) / 64)
			f, err := newFew(c, map[[2]int]fewPlan{{s.n, s.k}: p})
			if err != nil {
				t.Fatal(err)
			}
			out, err := c.alloc(graph.Float32, s.m*s.n)
			if err != nil {
				t.Fatal(err)
			}
			gate, err := c.alloc(graph.Uint16, s.m*s.n/2)
			if err != nil {
				t.Fatal(err)
			}
			at := func(b *buffer) slot { return slot(b.ptr) }
			f.multiply(p, fewStore, at(out), at(x), at(w), s.m, s.n, s.k)
			f.multiply(p, fewAdd, at(out), at(x), at(w), s.m, s.n, s.k)
			f.multiply(p, fewGate, at(gate), at(x), at(w), s.m, s.n, s.k)
			got, gated := make([]float32, s.m*s.n), make([]uint16, s.m*s.n/2)
			c.Read(got, out)
			c.Read(gated, gate)
			if err := c.Sync(); err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprintf("%+v, tiles of %d in %d parts", s, p.tile, p.splits)
			for i, v := range want {
				if d := math.Abs(float64(got[i]) - 2*v); !(d <= 1e-4) {
					t.Fatalf("%s: element %d is %g, want twice %g", name, i, got[i], v)
				}
			}
			for i := range gated {
				row, col := i/(s.n/2), i%(s.n/2)
				g, u := want[row*s.n+col], want[row*s.n+s.n/2+col]
				v, y := g/(1+math.Exp(-g))*u, float64(math.Float32frombits(uint32(gated[i])<<16))
				if d := math.Abs(y - v); !(d <= 1e-5+0.005*math.Abs(v)) {
					t.Fatalf("%s: gated element %d is %g, want %g", name, i, y, v)
				}
			}
		}
	}
}

// BenchmarkFewProducts times the products of a step of Qwen2.5-1.5B, 64 rows,
// beside cublasLt. Weights are taken in turn from more memory than caches hold.
func BenchmarkFewProducts(b *testing.B) {
	be, err := Open(0, true)
	if err != nil {
		b.Fatal(err)
	}
	defer be.Close()
	c := be.(*CUDA)
	const m = 64
	for _, s := range []struct {
		name string
		n, k int
	}{{"qkv", 2048, 1536}, {"out", 1536, 1536}, {"gate-up", 17920, 1536}, {"down", 1536, 8960}, {"head", 151936, 1536}} {
		copies := 1 + (200<<20)/(2*s.n*s.k)
		w, err := c.alloc(graph.Uint16, copies*s.n*s.k)
		if err != nil {
			b.Fatal(err)
		}
		x, _ := operands(b, c, "x", m*s.k)
		out, err := c.alloc(graph.Float32, m*s.n)
		if err != nil {
			b.Fatal(err)
		}
		f := &few{c: c}
		p := f.plan(s.n, s.k)
		if f, err = newFew(c, map[[2]int]fewPlan{{s.n, s.k}: p}); err != nil {
			b.Fatal(err)
		}
		at := func(i int) slot { return slot(w.ptr) + slot(2*(i%copies)*s.n*s.k) }
		for name, run := range map[string]func(i int){
			"few": func(i int) { f.multiply(p, fewStore, slot(out.ptr), slot(x.ptr), at(i), m, s.n, s.k) },
			"lt": func(i int) {
				c.multiply(m, s.n, s.k, rowsOf(slot(x.ptr), s.k, graph.Uint16), rowsOf(at(i), s.k, graph.Uint16).t(), product{rowsOf(slot(out.ptr), s.n, graph.Float32), 0, 1, false})
			},
		} {
			b.Run(s.name+"/"+name, func(b *testing.B) {
				run(0)
				if err := c.Sync(); err != nil {
					b.Fatal(err)
				}
				b.ResetTimer()
				start := time.Now()
				for i := range b.N {
					run(i)
				}
				if err := c.Sync(); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(b.N)*2*float64(s.n*s.k)/time.Since(start).Seconds()/1e9, "GB/s")
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
	c.launchAs(true, "decode_norm_f32", grid{1, 1, 32, 0}, slot(x.ptr), slot(x.ptr), slot(x.ptr), i32(8), f32(1))
	if err := c.Sync(); err != nil {
		t.Fatalf("a kernel that waits: %v", err)
	}
	c.launchAs(true, "add", over(4), slot(x.ptr), slot(x.ptr), slot(x.ptr), i64(4), 0)
	if err := c.Sync(); err == nil {
		t.Fatal("a kernel that does not wait")
	}
}

// BenchmarkDecode times a token of 64 rows in a network of Qwen2.5-1.5B's shape
// with 4 of its 28 layers, in three ways; a step of the whole takes seven times
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
	for _, way := range []string{"early", "graph", "cublasLt"} {
		b.Run(way, func(b *testing.B) {
			v, err := be.(*CUDA).Decoder(n, rows, 64)
			if err != nil {
				b.Fatal(err)
			}
			defer v.Close()
			d := v.(*decoder)
			if way != "early" {
				d.launchEarly(false)
			}
			if way == "cublasLt" {
				d.plans = nil
			}
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
