package gemm

import "golang.org/x/sys/cpu"

// kernels lists what this CPU can run, best first.
func kernels() []*kernel {
	var r []*kernel
	if cpu.X86.HasAVX512F && avx512.sound() {
		r = append(r, &avx512)
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA && avx2.sound() {
		r = append(r, &avx2)
	}
	return append(r, &goKernel)
}

// bf16Kernels lists the kernels that multiply bfloat16 with float32 sums.
// Without the instruction, operands are rounded and multiplied as float32:
// the same numbers up to the order of sums, and no gain in speed.
func bf16Kernels() []*kernel {
	var r []*kernel
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512BF16 && avx512BF16.sound() {
		r = append(r, &avx512BF16)
	}
	for _, k := range kernels() {
		r = append(r, rounding(k))
	}
	return append(r, &goBF16)
}

//go:noescape
func kernBF16x14x32(k int64, a, b, c *float32, ldc int64, acc int64)

var (
	avx512BF16 = kernel{name: "avx512bf16_14x32", mr: 14, nr: 32, mc: 224, kc: 512, nc: 4064, tile: kernBF16x14x32, conv: pairs}

	avx2   = kernel{name: "avx2_6x16", mr: 6, nr: 16, mc: 144, kc: 256, nc: 4080, tile: kern6x16, direct: strided6x16}
	avx512 = kernel{name: "avx512_14x32", mr: 14, nr: 32, mc: 224, kc: 256, nc: 4064, tile: kern14x32, direct: strided14x32}
	hasVec = cpu.X86.HasAVX2 && cpu.X86.HasFMA
)

// expRow sets y = exp(scale·x + bias) and returns the sum of y. It covers the
// first len(x)&^7 elements.
func expRow(x, y []float32, scale, bias float32) float32 {
	var s [8]float32
	if len(x) >= 8 {
		_ = y[len(x)-1]
		expRowAVX2(int64(len(x)), scale, bias, &x[0], &y[0], &s[0])
	}
	return lanes(&s)
}

func siluMul(g, u, y []float32) {
	if len(g) >= 8 {
		_, _ = u[len(g)-1], y[len(g)-1]
		siluMulAVX2(int64(len(g)), &g[0], &u[0], &y[0])
	}
}

func siluMulGrad(g, u, dy, dg, du []float32) {
	if len(g) >= 8 {
		_, _, _, _ = u[len(g)-1], dy[len(g)-1], dg[len(g)-1], du[len(g)-1]
		siluMulGradAVX2(int64(len(g)), &g[0], &u[0], &dy[0], &dg[0], &du[0])
	}
}

// transpose8 sets dst[p*step+r] = src[r*ld+p] for r < 8 and p < k, and returns
// how many p it has done.
func transpose8(k int, src []float32, ld int, dst []float32, step int) int {
	k &^= 7
	if !hasVec || k == 0 {
		return 0
	}
	_, _ = src[7*ld+k-1], dst[(k-1)*step+7]
	transpose8AVX2(int64(k), &src[0], int64(ld), &dst[0], int64(step))
	return k
}

// scatter is scatterGo in vector instructions for the widths of the kernels.
func scatter(n, w int, src, dst []float32, step int) {
	if n == 0 {
		return
	}
	if !hasVec {
		scatterGo(n, w, src, dst, step)
		return
	}
	_, _ = src[n*w-1], dst[(n-1)*step+w-1]
	switch w {
	case 6:
		scatter6(int64(n), &src[0], &dst[0], int64(step))
	case 14:
		scatter14(int64(n), &src[0], &dst[0], int64(step))
	case 16:
		scatter16(int64(n), &src[0], &dst[0], int64(step))
	case 32:
		scatter32(int64(n), &src[0], &dst[0], int64(step))
	default:
		scatterGo(n, w, src, dst, step)
	}
}

func adamW(p, g, m, v []float32, c *[9]float32) {
	if n := len(p); n >= 8 {
		_, _, _ = g[n-1], m[n-1], v[n-1]
		adamWAVX2(int64(n), &p[0], &g[0], &m[0], &v[0], &c[0])
	}
}

func rowMax(x []float32) float32 {
	var m [8]float32
	maxAVX2(int64(len(x)), &x[0], &m[0])
	return max(m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7])
}

func lanes(s *[8]float32) float32 {
	return (s[0] + s[4]) + (s[1] + s[5]) + (s[2] + s[6]) + (s[3] + s[7])
}

func sumSquares(x []float32) float32 {
	var s [8]float32
	sumSquaresAVX2(int64(len(x)), &x[0], &s[0])
	return lanes(&s)
}

func dot3(x, y, z []float32) float32 {
	var s [8]float32
	_, _ = y[len(x)-1], z[len(x)-1]
	dot3AVX2(int64(len(x)), &x[0], &y[0], &z[0], &s[0])
	return lanes(&s)
}

func dot(x, y []float32) float32 {
	var s [8]float32
	_ = y[len(x)-1]
	dotAVX2(int64(len(x)), &x[0], &y[0], &s[0])
	return lanes(&s)
}

func scale2(a float32, x, y, o []float32) {
	_, _ = y[len(x)-1], o[len(x)-1]
	scale2AVX2(int64(len(x)), a, &x[0], &y[0], &o[0])
}

func normDx(a, b float32, x, w, dy, o []float32, add int64) {
	_, _, _ = w[len(x)-1], dy[len(x)-1], o[len(x)-1]
	normDxAVX2(int64(len(x)), a, b, &x[0], &w[0], &dy[0], &o[0], add)
}

func mulAdd(a float32, x, y, o []float32) {
	_, _ = y[len(x)-1], o[len(x)-1]
	mulAddAVX2(int64(len(x)), a, &x[0], &y[0], &o[0])
}

func pairRows(x, y, o []float32) int {
	n := len(o) &^ 7
	if !hasVec || n == 0 {
		return 0
	}
	_, _ = x[n-1], y[n-1]
	pairRowsAVX2(int64(n), &x[0], &y[0], &o[0])
	return n
}

func pairElems(x, o []float32) int {
	n := len(o) &^ 7
	if n > len(x)/2&^7 {
		n = len(x) / 2 &^ 7
	}
	if !hasVec || n == 0 {
		return 0
	}
	pairElemsAVX2(int64(n), &x[0], &o[0])
	return n
}

func roundRow(x, o []float32) int {
	n := len(x) &^ 7
	if !hasVec || n == 0 {
		return 0
	}
	_ = o[n-1]
	roundRowAVX2(int64(n), &x[0], &o[0])
	return n
}
