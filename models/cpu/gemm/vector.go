package gemm

import "math"

// Exp32 is exp(x) to about 1e-7 relative: range reduction by ln 2 and a
// polynomial, the scalar twin of the vector kernel.
func Exp32(x float32) float32 {
	x = min(max(x, -87.3), 88.3)
	n := float32(math.RoundToEven(float64(x * 1.44269504)))
	r := x - n*0.693359375 + n*2.12194440e-4
	p := float32(1.9875691500e-4)
	p = p*r + 1.3981999507e-3
	p = p*r + 8.3334519073e-3
	p = p*r + 4.1665795894e-2
	p = p*r + 1.6666665459e-1
	p = p*r + 0.5
	p = p*r*r + r + 1
	return p * math.Float32frombits(uint32(int32(n)+127)<<23)
}

// ExpRow sets y = exp(scale·x + bias) and returns the sum of y; y may be x.
func ExpRow(x, y []float32, scale, bias float32) float32 {
	var s float32
	i := 0
	if hasVec {
		i = len(x) &^ 7
		s = expRow(x[:i], y, scale, bias)
	}
	for ; i < len(x); i++ {
		e := Exp32(x[i]*scale + bias)
		y[i] = e
		s += e
	}
	return s
}

// SwiGLU sets y = silu(g)·u.
func SwiGLU(g, u, y []float32) {
	i := 0
	if hasVec {
		i = len(g) &^ 7
		siluMul(g[:i], u, y)
	}
	for ; i < len(g); i++ {
		y[i] = g[i] / (1 + Exp32(-g[i])) * u[i]
	}
}

// SwiGLUGrad sets the gradients dg, du of SwiGLU for the output gradient dy.
func SwiGLUGrad(g, u, dy, dg, du []float32) {
	i := 0
	if hasVec {
		i = len(g) &^ 7
		siluMulGrad(g[:i], u, dy, dg, du)
	}
	for ; i < len(g); i++ {
		x := g[i]
		s, d, v := 1/(1+Exp32(-x)), dy[i], u[i]
		du[i] = d * x * s
		dg[i] = d * v * s * (1 + x*(1-s))
	}
}
