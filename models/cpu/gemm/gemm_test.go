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
				(*tiles)[h] = func(n int64, a *float32, step int64, b, c *float32, ldc, width, acc int64, from *float32) {
					right(n, a, step, b, c, ldc, width, acc, from)
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

// TestMulAdd: adding another matrix gives the bits of a copy that is added to.
func TestMulAdd(t *testing.T) {
	const m, n, k = 150, 70, 1100
	for _, name := range append(Kernels(), BF16Kernels()...) {
		for _, threads := range []int{1, 2} {
			e := WithKernel(threads, name)
			a, b, from := Rows(random("a", m*k), k), Rows(random("b", k*n), n), random("from", m*n)
			want, got := append([]float32(nil), from...), random("c", m*n)
			e.Mul(m, n, k, a, b, want, n, true)
			e.MulAdd(m, n, k, a, b, got, from, n)
			if !slices.Equal(got, want) {
				t.Errorf("%s, %d threads: another sum than that of a copy", name, threads)
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

// TestRows compares the row kernels with their definitions for every length
// around a vector, and checks that nothing behind a row changes.
func TestRows(t *testing.T) {
	for n := range 67 {
		x, y, z := random("x", n+1), random("y", n+1), random("z", n+1)
		near := func(what string, got, want []float64) {
			t.Helper()
			for i := range want {
				if math.Abs(got[i]-want[i]) > 2e-6*(1+math.Abs(want[i])) {
					t.Fatalf("%s of %d: element %d is %g, want %g", what, n, i, got[i], want[i])
				}
			}
		}
		each := func(f func(i int) float64, last float32) []float64 {
			r := make([]float64, n+1)
			for i := range n {
				r[i] = f(i)
			}
			r[n] = float64(last)
			return r
		}
		wide := func(x []float32) []float64 {
			r := make([]float64, len(x))
			for i, v := range x {
				r[i] = float64(v)
			}
			return r
		}
		sigmoid := func(i int) float64 { return 1 / (1 + math.Exp(-float64(x[i]))) }
		a, b := slices.Clone(x), slices.Clone(y)
		var sum float64
		for i := range n {
			sum += math.Exp(0.5*float64(x[i]) - 1)
		}
		near("sum of ExpMul", []float64{float64(ExpMul(x[:n], a, 0.5, -1, 3))}, []float64{sum})
		near("ExpMul", wide(a), each(func(i int) float64 { return 3 * math.Exp(0.5*float64(x[i])-1) }, x[n]))
		a = slices.Clone(z)
		SwiGLU(x[:n], y, a)
		near("SwiGLU", wide(a), each(func(i int) float64 { return float64(x[i]*y[i]) * sigmoid(i) }, z[n]))
		a, b = slices.Clone(z), slices.Clone(z)
		SwiGLUGrad(x[:n], y, z, a, b)
		near("dg of SwiGLU", wide(a), each(func(i int) float64 {
			s := sigmoid(i)
			return float64(z[i]*y[i]) * s * (1 + float64(x[i])*(1-s))
		}, z[n]))
		near("du of SwiGLU", wide(b), each(func(i int) float64 { return float64(z[i]*x[i]) * sigmoid(i) }, z[n]))
		a, b = slices.Clone(x), slices.Clone(y)
		SoftmaxGrad(a[:n], b, 0.5, -1, 0.25)
		p := func(i int) float64 { return math.Exp(0.5*float64(x[i]) - 1) }
		near("SoftmaxGrad", wide(a), each(p, x[n]))
		near("gradient of SoftmaxGrad", wide(b), each(func(i int) float64 { return 0.5 * p(i) * (float64(y[i]) - 0.25) }, y[n]))
		a = slices.Clone(x)
		Scale(3, a[:n])
		near("Scale", wide(a), each(func(i int) float64 { return 3 * float64(x[i]) }, x[n]))
		a = slices.Clone(x)
		Add(a[:n], y)
		near("Add", wide(a), each(func(i int) float64 { return float64(x[i]) + float64(y[i]) }, x[n]))
		sum = 0
		for _, v := range x[:n] {
			sum += float64(v) * float64(v)
		}
		near("SumSquares64", []float64{SumSquares64(x[:n])}, []float64{sum})
		if n > 0 {
			most := x[0]
			sum = 0
			for i, v := range x[:n] {
				most = max(most, v)
				sum += float64(v) * float64(y[i])
			}
			near("Max", []float64{float64(Max(x[:n]))}, []float64{float64(most)})
			near("Dot", []float64{float64(Dot(x[:n], y))}, []float64{sum})
		}
		testTurn(t, n)
	}
}

func testTurn(t *testing.T, half int) {
	const heads = 3
	x, cos, sin := random("r", 2*half*heads+1), random("cos", half), random("sin", half)
	got := slices.Clone(x)
	Turn(got, heads, cos, sin, -1)
	for h := range heads {
		for i := range half {
			at := 2*half*h + i
			a, b := x[at], x[at+half]
			for j, want := range map[int]float32{at: a*cos[i] + b*sin[i], at + half: b*cos[i] - a*sin[i]} {
				if math.Abs(float64(got[j]-want)) > 1e-5 {
					t.Fatalf("rotation of %d heads of %d: element %d is %g, want %g", heads, 2*half, j, got[j], want)
				}
			}
		}
	}
	if got[len(got)-1] != x[len(x)-1] {
		t.Fatalf("rotation of %d heads of %d wrote behind them", heads, 2*half)
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
