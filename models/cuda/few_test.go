//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"fmt"
	"math"
	"testing"
	"time"

	"hardneg/fixtures/seed"
	"hardneg/models/graph"
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
