package gemm

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"hardneg/fixtures/seed"
)

func numbers(k seed.Key, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(k.Normal(uint64(i)))
	}
	return x
}

// Every height, ragged widths and depths beyond a panel agree with the
// definition, touch nothing else, and give a row the same bits in any company.
func TestFew(t *testing.T) {
	for _, name := range append(Kernels(), BF16Kernels()...) {
		f := WithKernel(1, name).Few()
		rounded := f.k.conv != plain
		for i, s := range [][3]int{{1, 1, 1}, {2, 3, 31}, {3, 64, 32}, {5, 256, 33}, {7, 257, 64}, {13, 9, 16}, {14, 600, 70}, {15, 128, 96},
			{27, 300, 17}, {64, 128, 256}, {230, 40, 48}} {
			m, k, n := s[0], s[1], s[2]
			key := seed.Derive(3, "few", i)
			lda, ldc := k+3, n+2
			a, b, c := numbers(key.Sub(0), m*lda), numbers(key.Sub(1), k*n), numbers(key.Sub(2), m*ldc)
			before := slices.Clone(c)
			if rounded {
				roundTo(a, a)
				roundTo(b, b)
			}
			p := f.Pack(Rows(b, n), k, n)
			f.Mul(m, a, lda, p, c, ldc, false)
			once := slices.Clone(c)
			f.Mul(m, a, lda, p, c, ldc, true)
			for r := range m {
				for j := range ldc {
					x := r*ldc + j
					if j >= n {
						if c[x] != before[x] {
							t.Fatalf("%s %v: wrote outside row %d", name, s, r)
						}
						continue
					}
					want := 0.0
					for q := range k {
						want += float64(a[r*lda+q]) * float64(b[q*n+j])
					}
					tol := 1e-6 * math.Sqrt(float64(k)) * 4
					if math.Abs(float64(once[x])-want) > tol || math.Abs(float64(c[x])-2*want) > 2*tol {
						t.Fatalf("%s %v: (%d, %d) is %g, then %g, want %g", name, s, r, j, once[x], c[x], want)
					}
				}
				alone := make([]float32, n)
				f.Mul(1, a[r*lda:], lda, p, alone, n, false)
				if !slices.Equal(alone, once[r*ldc:r*ldc+n]) {
					t.Fatalf("%s %v: row %d has other bits alone", name, s, r)
				}
			}
		}
	}
}

func TestStride(t *testing.T) {
	for n := 1; n < 3000; n++ {
		if s := Stride(n); s < n || s > n+32 || s%32 != 16 {
			t.Fatalf("Stride(%d) = %d", n, s)
		}
	}
}

// pieces lays random keys and values of some runs of tokens out as Attend reads them.
func attendCase(key seed.Key, d, page int, runs []int) (list []AttendPiece, keep [][]float32) {
	for i, n := range runs {
		k, v := numbers(key.Sub(uint64(2*i)), d*page), numbers(key.Sub(uint64(2*i+1)), d*page)
		for t := n; t < page; t++ { // what is no token may be anything, a NaN too
			for j := range d {
				k[t/AttendPanel*AttendPanel*d+j*AttendPanel+t%AttendPanel] = float32(math.NaN())
				v[j/AttendPanel*page*AttendPanel+t*AttendPanel+j%AttendPanel] = float32(math.NaN())
			}
		}
		list = append(list, AttendPiece{&k[0], &v[0], int64(n), &k[0], &v[0]})
		keep = append(keep, k, v)
	}
	return list, keep
}

func TestAttend(t *testing.T) {
	if !HasAttend() {
		t.Skip("this CPU has no kernel for attention from one token: run on one with AVX-512")
	}
	const page = 64
	for heads := 1; heads <= AttendHeads; heads++ {
		for _, d := range []int{32, 64, 128} {
			for i, runs := range [][]int{{1}, {31}, {32}, {33}, {64}, {48, 1}, {64, 64, 17}, {5, 64, 2, 63}} {
				key := seed.Derive(4, "attend", d, i)
				list, _ := attendCase(key, d, page, runs)
				q := numbers(key.Sub(100), heads*d)
				o, want := numbers(key, heads*d+8), make([]float32, heads*d)
				guard := slices.Clone(o[heads*d:])
				scores := make([]float32, heads*AttendPanel*2*len(runs))
				scale := float32(1 / math.Sqrt(float64(d)))
				Attend(d, heads, q, list, scores, o, page*AttendPanel, scale)
				attendGo(d, heads, q, list, want, page*AttendPanel, scale)
				for j, v := range want {
					if !(math.Abs(float64(o[j]-v)) < 2e-6) {
						t.Fatalf("%d heads of %d, runs %v: element %d is %g, want %g", heads, d, runs, j, o[j], v)
					}
				}
				if !slices.Equal(guard, o[heads*d:]) {
					t.Fatalf("%d heads of %d: wrote beyond the output", heads, d)
				}
			}
		}
	}
}

func TestRotate(t *testing.T) {
	for i, half := range []int{1, 5, 16, 32, 40, 64} {
		for heads := 1; heads < 5; heads++ {
			key := seed.Derive(5, "rotate", i)
			n := 2 * half * heads
			x, bias, cos, sin := numbers(key.Sub(0), n+3), numbers(key.Sub(1), n), numbers(key.Sub(2), half), numbers(key.Sub(3), half)
			want := slices.Clone(x)
			Rotate(x[:n], bias, cos, sin)
			rotateGo(heads, want, bias, cos, sin)
			for j := range x {
				if math.Abs(float64(x[j]-want[j])) > 1e-5 {
					t.Fatalf("%d heads of %d: element %d is %g, want %g", heads, 2*half, j, x[j], want[j])
				}
			}
		}
	}
}

// BenchmarkFew has the products of decoding 64 and 32 rows with the bench shapes.
func BenchmarkFew(b *testing.B) {
	for _, name := range append(Kernels(), BF16Kernels()...) {
		f := WithKernel(1, name).Few()
		for _, s := range [][3]int{{64, 128, 1024}, {64, 512, 128}, {64, 512, 4096}, {64, 2048, 512}, {32, 512, 4096}, {4, 512, 4096}} {
			m, k, n := s[0], s[1], s[2]
			a, w, c := numbers(1, m*Stride(k)), numbers(2, k*n), make([]float32, m*Stride(n))
			p := f.Pack(Rows(w, n), k, n)
			b.Run(fmt.Sprintf("%s/%dx%dx%d", name, m, k, n), func(b *testing.B) {
				for b.Loop() {
					f.Mul(m, a, Stride(k), p, c, Stride(n), false)
				}
				b.ReportMetric(2*float64(m*k*n)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
			})
		}
	}
}
