package cpu

import (
	"math"

	"hardneg/models/cpu/gemm"
	"hardneg/models/graph"
	"hardneg/models/vm"
)

// rowChunk is how many rows a task of an elementwise op takes.
const rowChunk = 64

func embed[F Float](c *CPU, k vm.Call) vm.Kernel {
	tok, w, y := data[int32](k.In[0]), data[F](k.In[1]), data[F](k.Out[0])
	d := k.In[1].Shape[1]
	return func(uint) {
		for t := range k.Live.Tokens {
			copy(y[t*d:t*d+d], w[int(tok[t])*d:])
		}
	}
}

// embedGrad splits columns, for several rows may add to the same row of dw.
func embedGrad[F Float](c *CPU, k vm.Call) vm.Kernel {
	tok, dy, dw := data[int32](k.In[0]), data[F](k.In[1]), data[F](k.Out[0])
	d := k.In[2].Shape[1]
	return func(add uint) {
		if add&1 == 0 {
			clear(dw)
		}
		c.e.Range(d, 64, func(_, lo, hi int) {
			for t := range k.Live.Tokens {
				r := int(tok[t]) * d
				addTo(dw[r+lo:r+hi], dy[t*d+lo:])
			}
		})
	}
}

// rstd is 1/√(mean(x²)+ε).
func rstd[F Float](x []F, eps float64) F {
	var s float64
	if x32, ok := any(x).([]float32); ok {
		return F(1 / math.Sqrt(gemm.SumSquares64(x32)/float64(len(x))+eps))
	}
	for i := 0; i < len(x); i += 32 {
		var q F
		for _, v := range x[i:min(i+32, len(x))] {
			q += v * v
		}
		s += float64(q)
	}
	return F(1 / math.Sqrt(s/float64(len(x))+eps))
}

// RMSNorm sets y = gain·x/√(mean(x²)+ε) for each row of len(gain) elements.
func RMSNorm[F Float](y, x, gain []F, eps float64) {
	d := len(gain)
	for t := 0; t+d <= len(x); t += d {
		xr, yr := x[t:t+d], y[t:t+d]
		r := rstd(xr, eps)
		if x32, ok := any(xr).([]float32); ok {
			gemm.Scale2(float32(r), x32, any(gain).([]float32), any(yr).([]float32))
			continue
		}
		for j, v := range xr {
			yr[j] = v * r * gain[j]
		}
	}
}

func rmsNorm[F Float](c *CPU, k vm.Call) vm.Kernel {
	x, g, y := data[F](k.In[0]), data[F](k.In[1]), data[F](k.Out[0])
	d, eps := len(g), k.Op.Attr.(graph.Norm).Eps
	return func(uint) {
		c.e.Range(k.Live.Tokens, rowChunk, func(_, lo, hi int) {
			RMSNorm(y[lo*d:hi*d], x[lo*d:hi*d], g, eps)
		})
	}
}

func rmsNormDx[F Float](c *CPU, k vm.Call) vm.Kernel {
	x, g, dy, dx := data[F](k.In[0]), data[F](k.In[1]), data[F](k.In[2]), data[F](k.Out[0])
	d, eps := len(g), k.Op.Attr.(graph.Norm).Eps
	return func(add uint) {
		c.e.Range(k.Live.Tokens, rowChunk, func(_, lo, hi int) {
			for t := lo; t < hi; t++ {
				rmsNormDxRow(dx[t*d:t*d+d], x[t*d:t*d+d], g, dy[t*d:t*d+d], eps, add&1 != 0)
			}
		})
	}
}

func rmsNormDxRow[F Float](dx, x, g, dy []F, eps float64, add bool) {
	r := rstd(x, eps)
	if x32, ok := any(x).([]float32); ok {
		g32, d32, r32 := any(g).([]float32), any(dy).([]float32), float32(r)
		s := gemm.Dot3(x32, g32, d32) * r32 * r32 / float32(len(x))
		gemm.NormDx(r32, r32*s, x32, g32, d32, any(dx).([]float32), add)
		return
	}
	var s F
	for j, v := range x {
		s += v * g[j] * dy[j]
	}
	s = s * r * r / F(len(x))
	if add {
		for j, v := range x {
			dx[j] += r * (g[j]*dy[j] - v*s)
		}
		return
	}
	for j, v := range x {
		dx[j] = r * (g[j]*dy[j] - v*s)
	}
}

// rmsNormDg sums x·rstd·dy over rows: chunks of rows to partial sums, which are
// then added in order.
func rmsNormDg[F Float](c *CPU, k vm.Call) vm.Kernel {
	x, dy, dg := data[F](k.In[0]), data[F](k.In[1]), data[F](k.Out[0])
	d, eps := len(dg), k.Op.Attr.(graph.Norm).Eps
	const chunk = 256
	return func(add uint) {
		t := k.Live.Tokens
		parts := (t + chunk - 1) / chunk
		sum := scratch[F](&c.big, 0, parts*d)
		clear(sum)
		c.e.Range(t, chunk, func(_, lo, hi int) {
			o := sum[lo/chunk*d:][:d]
			for t := lo; t < hi; t++ {
				xr, yr := x[t*d:t*d+d], dy[t*d:t*d+d]
				r := rstd(xr, eps)
				if x32, ok := any(xr).([]float32); ok {
					gemm.MulAdd(float32(r), x32, any(yr).([]float32), any(o).([]float32))
					continue
				}
				for j, v := range xr {
					o[j] += v * r * yr[j]
				}
			}
		})
		if add&1 == 0 {
			clear(dg)
		}
		for p := range parts {
			addTo(dg, sum[p*d:])
		}
	}
}

// SwiGLU sets y = silu(gate)·up, where gu holds gate and up side by side in
// each row and y has f elements a row.
func SwiGLU[F Float](y, gu []F, f int) {
	for t := 0; (t+1)*f <= len(y); t++ {
		g, u, o := gu[2*t*f:][:f], gu[2*t*f+f:][:f], y[t*f:][:f]
		if g32, ok := any(g).([]float32); ok {
			gemm.SwiGLU(g32, any(u).([]float32), any(o).([]float32))
			continue
		}
		for j, x := range g {
			o[j] = x / (1 + F(math.Exp(-float64(x)))) * u[j]
		}
	}
}

func swiGLU[F Float](c *CPU, k vm.Call) vm.Kernel {
	gu, y := data[F](k.In[0]), data[F](k.Out[0])
	f := k.Out[0].Shape[1]
	return func(uint) {
		c.e.Range(k.Live.Tokens, 16, func(_, lo, hi int) {
			SwiGLU(y[lo*f:hi*f], gu[2*lo*f:2*hi*f], f)
		})
	}
}

func swiGLUGrad[F Float](c *CPU, k vm.Call) vm.Kernel {
	gu, dy, dgu := data[F](k.In[0]), data[F](k.In[1]), data[F](k.Out[0])
	f := k.In[1].Shape[1]
	return func(uint) {
		c.e.Range(k.Live.Tokens, 16, func(_, lo, hi int) {
			for t := lo; t < hi; t++ {
				g, u, o := gu[2*t*f:][:f], gu[2*t*f+f:][:f], dy[t*f:][:f]
				swiGLUGradRow(dgu[2*t*f:][:f], dgu[2*t*f+f:][:f], g, u, o)
			}
		})
	}
}

func swiGLUGradRow[F Float](dg, du, g, u, dy []F) {
	if g32, ok := any(g).([]float32); ok {
		gemm.SwiGLUGrad(g32, any(u).([]float32), any(dy).([]float32), any(dg).([]float32), any(du).([]float32))
		return
	}
	for j, x := range g {
		s, d, v := F(1/(1+math.Exp(-float64(x)))), dy[j], u[j]
		du[j] = d * x * s
		dg[j] = d * v * s * (1 + x*(1-s))
	}
}
