package gemm

import "golang.org/x/sys/cpu"

// kernels lists what this CPU can run, best first.
func kernels() []*kernel {
	var r []*kernel
	if cpu.X86.HasAVX512F {
		r = append(r, &avx512)
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		r = append(r, &avx2)
	}
	return append(r, &goKernel)
}

var (
	avx2   = kernel{name: "avx2_6x16", mr: 6, nr: 16, mc: 144, kc: 256, nc: 4080, tile: kern6x16}
	avx512 = kernel{name: "avx512_14x32", mr: 14, nr: 32, mc: 224, kc: 256, nc: 4064, tile: kern14x32}
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
	return (s[0] + s[4]) + (s[1] + s[5]) + (s[2] + s[6]) + (s[3] + s[7])
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
