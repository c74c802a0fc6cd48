package gemm

import "golang.org/x/sys/cpu"

// kernels lists what this CPU can run, best first.
func kernels() []*kernel {
	var r []*kernel
	if cpu.X86.HasAVX512F && cpu.X86.HasBMI2 && avx512.sound() {
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
	if cpu.X86.HasAVX512BW && cpu.X86.HasAVX512BF16 && cpu.X86.HasBMI2 && avx512BF16.sound() {
		r = append(r, &avx512BF16)
	}
	for _, k := range kernels() {
		r = append(r, rounding(k))
	}
	return append(r, &goBF16)
}

var (
	avx2 = kernel{name: "avx2_6x16", mr: 6, nr: 16, mc: 144, kc: 256, nc: 4080, lane: 8,
		rows: []tile{rows1AVX2, rows2AVX2, rows3AVX2, rows4AVX2, rows5AVX2, rows6AVX2},
		cols: []tile{cols1AVX2, cols2AVX2, cols3AVX2, cols4AVX2, cols5AVX2, cols6AVX2},
		vec:  &packers{8, [2]runner{runs8AVX2, runs16AVX2}, transpose8AVX2}}
	avx512 = kernel{name: "avx512_14x32", mr: 14, nr: 32, mc: 112, kc: 1024, nc: 4096, lane: 16,
		rows: []tile{rows1AVX512, rows2AVX512, rows3AVX512, rows4AVX512, rows5AVX512, rows6AVX512, rows7AVX512, rows8AVX512, rows9AVX512, rows10AVX512, rows11AVX512, rows12AVX512, rows13AVX512, rows14AVX512},
		cols: []tile{cols1AVX512, cols2AVX512, cols3AVX512, cols4AVX512, cols5AVX512, cols6AVX512, cols7AVX512, cols8AVX512, cols9AVX512, cols10AVX512, cols11AVX512, cols12AVX512, cols13AVX512, cols14AVX512},
		vec:  &packers{16, [2]runner{runs16AVX512, runs32AVX512}, across16AVX512}}
	avx512BF16 = kernel{name: "avx512bf16_14x32", mr: 14, nr: 32, mc: 112, kc: 2048, nc: 4096, lane: 16, conv: pairs,
		rows: []tile{rows1BF16, rows2BF16, rows3BF16, rows4BF16, rows5BF16, rows6BF16, rows7BF16, rows8BF16, rows9BF16, rows10BF16, rows11BF16, rows12BF16, rows13BF16, rows14BF16},
		cols: []tile{cols1BF16, cols2BF16, cols3BF16, cols4BF16, cols5BF16, cols6BF16, cols7BF16, cols8BF16, cols9BF16, cols10BF16, cols11BF16, cols12BF16, cols13BF16, cols14BF16},
		vec:  &packers{16, [2]runner{runs16BF16, runs32BF16}, across16BF16}}
	hasVec = cpu.X86.HasAVX2 && cpu.X86.HasFMA
	has512 = hasVec && cpu.X86.HasAVX512F && cpu.X86.HasBMI2
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

func adamW(p, g, m, v []float32, c *[9]float32) {
	if n := len(p); n >= 8 {
		_, _, _ = g[n-1], m[n-1], v[n-1]
		adamWAVX2(int64(n), &p[0], &g[0], &m[0], &v[0], &c[0])
	}
}

func rowMax(x []float32) float32 {
	var m [8]float32
	if has512 {
		max512(int64(len(x)), &x[0], &m[0])
	} else {
		maxAVX2(int64(len(x)), &x[0], &m[0])
	}
	return max(m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7])
}

func lanes(s *[8]float32) float32 {
	return (s[0] + s[4]) + (s[1] + s[5]) + (s[2] + s[6]) + (s[3] + s[7])
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
	if has512 {
		dot512(int64(len(x)), &x[0], &y[0], &s[0])
	} else {
		dotAVX2(int64(len(x)), &x[0], &y[0], &s[0])
	}
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

// pairElems pairs neighbours of x, and returns how many pairs it made.
func pairElems(x, o []float32) int {
	n := len(x) / 2 &^ 15
	if n > 0 {
		_ = o[n-1]
		pairRowBF16(int64(n), &x[0], &o[0])
	}
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

func expMul512(x, y []float32, scale, bias, mul float32) float32 {
	if len(x) == 0 {
		return 0
	}
	var s [8]float32
	_ = y[len(x)-1]
	exp512(int64(len(x)), scale, bias, mul, &x[0], &y[0], &s[0])
	return lanes(&s)
}

func siluMul512(g, u, y []float32) {
	if n := len(g); n > 0 {
		_, _ = u[n-1], y[n-1]
		silu512(int64(n), &g[0], &u[0], &y[0])
	}
}

func siluMulGrad512(g, u, dy, dg, du []float32) {
	if n := len(g); n > 0 {
		_, _, _, _ = u[n-1], dy[n-1], dg[n-1], du[n-1]
		siluGrad512(int64(n), &g[0], &u[0], &dy[0], &dg[0], &du[0])
	}
}

func softmaxGradRow(x, y []float32, scale, bias, dot float32) {
	if n := len(x); n > 0 {
		_ = y[n-1]
		softmaxGrad512(int64(n), scale, bias, dot, &x[0], &y[0])
	}
}

func scaleRow(a float32, x []float32) {
	if n := len(x); n > 0 {
		scale512(int64(n), a, &x[0])
	}
}

func addRow(y, x []float32) {
	if n := len(y); n > 0 {
		_ = x[n-1]
		add512(int64(n), &x[0], &y[0])
	}
}

func squares64(x []float32) (t float64) {
	if len(x) == 0 {
		return 0
	}
	var s [8]float64
	squares512(int64(len(x)), &x[0], &s[0])
	for _, v := range s {
		t += v
	}
	return t
}

func turnRow(x []float32, heads int, cos, sin []float32, dir float32) {
	half := len(cos)
	_, _ = x[2*half*heads-1], sin[half-1]
	turn512(int64(heads), int64(half), dir, &x[0], &cos[0], &sin[0])
}

// peaks are the register-only loops: floating-point operations of one round.
var peaks = map[string]struct {
	run  func(n int64)
	flop float64
}{"avx2_6x16": {peakAVX2, 4 * 12 * 16}, "avx512_14x32": {peakAVX512, 4 * 24 * 32}, "avx512bf16_14x32": {peakBF16, 4 * 24 * 64}}
