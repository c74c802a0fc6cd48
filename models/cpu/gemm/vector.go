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
func ExpRow(x, y []float32, scale, bias float32) float32 { return ExpMul(x, y, scale, bias, 1) }

// ExpMul sets y = mul·e for e = exp(scale·x + bias) and returns the sum of e; y
// may be x.
func ExpMul(x, y []float32, scale, bias, mul float32) float32 {
	if has512 {
		return expMul512(x, y, scale, bias, mul)
	}
	s := expRowShort(x, y, scale, bias)
	if mul != 1 {
		Scale(mul, y[:len(x)])
	}
	return s
}

func expRowShort(x, y []float32, scale, bias float32) float32 {
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
	if has512 {
		siluMul512(g, u, y)
		return
	}
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
	if has512 {
		siluMulGrad512(g, u, dy, dg, du)
		return
	}
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

// AdamW takes one optimizer step. The constants c are 1-lr·decay, the factor on
// the gradient, β₁, 1-β₁, β₂, 1-β₂, lr/(1-β₁ᵗ), 1/√(1-β₂ᵗ) and ε.
func AdamW(p, g, m, v []float32, c *[9]float32) {
	i := 0
	if hasVec {
		i = len(p) &^ 7
		adamW(p[:i], g, m, v, c)
	}
	for ; i < len(p); i++ {
		x := g[i] * c[1]
		mi, vi := c[2]*m[i]+c[3]*x, c[4]*v[i]+c[5]*x*x
		m[i], v[i] = mi, vi
		p[i] = p[i]*c[0] - c[6]*mi/(float32(math.Sqrt(float64(vi)))*c[7]+c[8])
	}
}

// Max is the largest element.
func Max(x []float32) float32 {
	m, i := x[0], 0
	switch {
	case has512:
		return rowMax(x)
	case hasVec && len(x) >= 8:
		i = len(x) &^ 7
		m = rowMax(x[:i])
	}
	for ; i < len(x); i++ {
		m = max(m, x[i])
	}
	return m
}

// Dot is Σ x·y.
func Dot(x, y []float32) float32 {
	var s float32
	i := 0
	switch {
	case has512 && len(x) > 0:
		return dot(x, y)
	case hasVec && len(x) >= 8:
		i = len(x) &^ 7
		s = dot(x[:i], y)
	}
	for ; i < len(x); i++ {
		s += x[i] * y[i]
	}
	return s
}

// Dot3 is Σ x·y·z.
func Dot3(x, y, z []float32) float32 {
	var s float32
	i := 0
	if hasVec && len(x) >= 8 {
		i = len(x) &^ 7
		s = dot3(x[:i], y, z)
	}
	for ; i < len(x); i++ {
		s += x[i] * y[i] * z[i]
	}
	return s
}

// Scale2 sets o = a·x·y.
func Scale2(a float32, x, y, o []float32) {
	i := 0
	if hasVec && len(x) >= 8 {
		i = len(x) &^ 7
		scale2(a, x[:i], y, o)
	}
	for ; i < len(x); i++ {
		o[i] = a * x[i] * y[i]
	}
}

// NormDx sets o = a·w·dy - b·x, or adds it.
func NormDx(a, b float32, x, w, dy, o []float32, add bool) {
	i := 0
	if hasVec && len(x) >= 8 {
		i = len(x) &^ 7
		flag := int64(0)
		if add {
			flag = 1
		}
		normDx(a, b, x[:i], w, dy, o, flag)
	}
	for ; i < len(x); i++ {
		v := a*w[i]*dy[i] - b*x[i]
		if add {
			v += o[i]
		}
		o[i] = v
	}
}

// MulAdd sets o += a·x·y.
func MulAdd(a float32, x, y, o []float32) {
	i := 0
	if hasVec && len(x) >= 8 {
		i = len(x) &^ 7
		mulAdd(a, x[:i], y, o)
	}
	for ; i < len(x); i++ {
		o[i] += a * x[i] * y[i]
	}
}

// SoftmaxGrad sets x to p = exp(scale·x + bias), the row of a softmax, and y to
// scale·p·(y - dot), the gradient of its logits.
func SoftmaxGrad(x, y []float32, scale, bias, dot float32) {
	if has512 {
		softmaxGradRow(x, y, scale, bias, dot)
		return
	}
	ExpRow(x, x, scale, bias)
	for i, p := range x {
		y[i] = p * (y[i] - dot) * scale
	}
}

// Scale sets x = a·x.
func Scale(a float32, x []float32) {
	if has512 {
		scaleRow(a, x)
		return
	}
	for i := range x {
		x[i] *= a
	}
}

// Add sets y += x, as many elements as y has.
func Add(y, x []float32) {
	x = x[:len(y)]
	if has512 {
		addRow(y, x)
		return
	}
	for i, v := range x {
		y[i] += v
	}
}

// SumSquares64 is Σ x² in float64.
func SumSquares64(x []float32) float64 {
	var s float64
	i := 0
	if has512 {
		i = len(x) &^ 15
		s = squares64(x[:i])
	}
	var t [4]float64 // sums that do not wait for one another
	for ; i+4 <= len(x); i += 4 {
		for j, v := range x[i : i+4] {
			t[j] += float64(v) * float64(v)
		}
	}
	for _, v := range x[i:] {
		s += float64(v) * float64(v)
	}
	return s + (t[0] + t[1]) + (t[2] + t[3])
}

// Turn rotates the halves of each of the heads that lie side by side in x by the
// angles with the given cosines and sines, or back if dir is -1.
func Turn(x []float32, heads int, cos, sin []float32, dir float32) {
	half := len(cos)
	x = x[:2*half*heads]
	if has512 && half > 0 && heads > 0 {
		turnRow(x, heads, cos, sin, dir)
		return
	}
	for ; len(x) > 0; x = x[2*half:] {
		a, b := x[:half], x[half:2*half]
		for i, v := range a {
			w, s := b[i], sin[i]*dir
			a[i] = v*cos[i] - w*s
			b[i] = w*cos[i] + v*s
		}
	}
}
