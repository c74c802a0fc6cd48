package gemm

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"hardneg/fixtures/seed"
)

func random(name string, n int) []float32 {
	k := seed.Derive(1, name)
	r := make([]float32, n)
	for i := range r {
		r[i] = float32(k.Normal(uint64(i)))
	}
	return r
}

// A kernel that computes something else is noticed.
func TestSound(t *testing.T) {
	for _, k := range append(kernels(), bf16Kernels()...) {
		if !k.sound() {
			t.Errorf("%s is not sound", k.name)
		}
		wrong := *k
		for _, tiles := range []*[]tile{&wrong.rows, &wrong.cols} {
			for h, right := range *tiles {
				*tiles = slices.Clone(*tiles)
				(*tiles)[h] = func(n int64, a *float32, step int64, b, c *float32, ldc, width, acc int64) {
					right(n, a, step, b, c, ldc, width, acc)
					*c += 1
				}
				if wrong.sound() {
					t.Errorf("%s with a wrong element in tile %d passes", k.name, h+1)
				}
				(*tiles)[h] = right
			}
		}
	}
}

// Ties round to even, and vector code must agree with bf16Bits on every row
// length.
func TestBF16(t *testing.T) {
	for _, c := range []struct{ in, want uint32 }{{0x3f800000, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f818000, 0x3f82}, {0x3f808001, 0x3f81}, {0xbf807fff, 0xbf80}, {0x7f7fffff, 0x7f80}} {
		if got := bf16Bits(math.Float32frombits(c.in)); got != c.want {
			t.Errorf("%08x rounds to %04x, want %04x", c.in, got, c.want)
		}
	}
}

// TestMul compares every kernel with the sum that defines the product, for
// shapes that leave edges, all layouts, and storing and adding; elements
// between the rows of C must survive.
func TestMul(t *testing.T) {
	shapes := [][3]int{{1, 1, 1}, {7, 33, 5}, {64, 64, 64}, {100, 130, 300}, {150, 40, 600}, {3, 700, 65}, {29, 4100, 9}}
	for i, name := range append(Kernels(), BF16Kernels()...) {
		if i == len(Kernels()) {
			shapes = [][3]int{{1, 1, 1}, {7, 33, 5}, {29, 64, 65}, {50, 66, 601}}
		}
		for _, s := range shapes {
			for layout := range 4 {
				for _, acc := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s/%v/%d/%v", name, s, layout, acc), func(t *testing.T) { testMul(t, name, s, layout, acc) })
				}
			}
		}
	}
}

func testMul(t *testing.T, name string, s [3]int, layout int, acc bool) {
	operand := func(x float32) float32 { return x }
	if strings.Contains(name, "bf16") {
		operand = func(x float32) float32 { return math.Float32frombits(bf16Bits(x) << 16) }
	}
	m, n, k := s[0], s[1], s[2]
	ldc := n + 3
	a, b := Rows(random("a", m*k), k), Rows(random("b", k*n), n)
	if layout&1 == 1 {
		a = Rows(a.D, m).T()
	}
	if layout&2 == 2 {
		b = Rows(b.D, k).T()
	}
	c := random("c", m*ldc)
	var want []float64
	for i := range m {
		for j := range ldc {
			w := float64(c[i*ldc+j])
			if j < n {
				if !acc {
					w = 0
				}
				for p := range k {
					w += float64(operand(a.D[i*a.R+p*a.C])) * float64(operand(b.D[p*b.R+j*b.C]))
				}
			}
			want = append(want, w)
		}
	}
	var first []float32
	for _, threads := range []int{1, 2, 3} {
		got := append([]float32(nil), c...)
		WithKernel(threads, name).Mul(m, n, k, a, b, got, ldc, acc)
		for i, w := range want {
			if d := math.Abs(float64(got[i]) - w); d > 2e-6*math.Sqrt(float64(k))*5 {
				t.Fatalf("%d threads: element %d is %g, want %g", threads, i, got[i], w)
			}
			if first != nil && got[i] != first[i] {
				t.Fatalf("element %d is %g with 1 thread, %g with %d", i, first[i], got[i], threads)
			}
		}
		first = got
	}
}

func TestExp(t *testing.T) {
	for x := float32(-90); x < 88; x += 0.37 {
		want := math.Exp(float64(x))
		if got := float64(Exp32(x)); math.Abs(got-want) > 3e-7*want+1e-37 {
			t.Fatalf("Exp32(%g) = %g, want %g", x, got, want)
		}
	}
	x, y := random("x", 37), make([]float32, 37)
	sum := float64(ExpRow(x, y, 0.5, -1))
	var want float64
	for i, v := range x {
		e := math.Exp(float64(v)*0.5 - 1)
		want += e
		if math.Abs(float64(y[i])-e) > 1e-6*e {
			t.Fatalf("element %d is %g, want %g", i, y[i], e)
		}
	}
	if math.Abs(sum-want) > 1e-5*want {
		t.Fatalf("sum is %g, want %g", sum, want)
	}
}

func BenchmarkMul(b *testing.B) {
	for _, s := range [][3]int{{1024, 1536, 1536}, {2048, 512, 128}, {2048, 128, 512}, {512, 128, 2048}, {1024, 4096, 512}} {
		m, n, k := s[0], s[1], s[2]
		x, y, c := random("a", m*k), random("b", k*n), make([]float32, m*n)
		for _, name := range Kernels() {
			if name == goKernel.name {
				continue
			}
			e := WithKernel(1, name)
			for layout, mats := range map[string][2]Mat{"x·w": {Rows(x, k), Rows(y, n)}, "x·wᵀ": {Rows(x, k), Rows(y, k).T()}, "xᵀ·w": {Rows(x, m).T(), Rows(y, n)}} {
				b.Run(fmt.Sprintf("%s/%dx%dx%d/%s", name, m, k, n, layout), func(b *testing.B) {
					for b.Loop() {
						e.Mul(m, n, k, mats[0], mats[1], c, n, false)
					}
					b.ReportMetric(2*float64(m)*float64(n)*float64(k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			}
		}
	}
}
