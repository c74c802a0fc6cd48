package cpu

import (
	"hardneg/models/cpu/gemm"
	"hardneg/models/vm"
)

// mat is a strided view of either type.
type mat[F Float] struct {
	d    []F
	r, c int
}

func rowsOf[F Float](d []F, ld int) mat[F] { return mat[F]{d, ld, 1} }
func (m mat[F]) t() mat[F]                 { return mat[F]{m.d, m.c, m.r} }

func m32[F Float](m mat[F]) gemm.Mat {
	return gemm.Mat{D: any(m.d).([]float32), R: m.r, C: m.c}
}

// mul is C (m×n) = A·B, or C += A·B, with all threads.
func mul[F Float](c *CPU, m, n, k int, a, b mat[F], o []F, ldo int, acc bool) {
	var from []F
	if acc {
		from = o
	}
	mulAdd(c, m, n, k, a, b, o, from, ldo)
}

// mulAdd is C = A·B + from, which may be C; nil adds nothing.
func mulAdd[F Float](c *CPU, m, n, k int, a, b mat[F], o, from []F, ldo int) {
	if m == 0 || n == 0 {
		return
	}
	if o32, ok := any(o).([]float32); ok && k > 0 {
		c.e.MulAdd(m, n, k, m32(a), m32(b), o32, any(from).([]float32), ldo)
		return
	}
	if from != nil && &from[0] != &o[0] {
		for i := range m {
			copy(o[i*ldo:][:n], from[i*ldo:])
		}
	}
	mulNaive(m, n, k, a, b, o, ldo, from != nil)
}

// mulOn is mul on one worker, inside Do.
func mulOn[F Float](c *CPU, worker, m, n, k int, a, b mat[F], o []F, ldo int, acc bool) {
	if m == 0 || n == 0 {
		return
	}
	if o32, ok := any(o).([]float32); ok && k > 0 {
		c.e.MulSerial(worker, m, n, k, m32(a), m32(b), o32, ldo, acc)
		return
	}
	mulNaive(m, n, k, a, b, o, ldo, acc)
}

func mulNaive[F Float](m, n, k int, a, b mat[F], o []F, ldo int, acc bool) {
	for i := range m {
		row := o[i*ldo:][:n]
		if !acc {
			clear(row)
		}
		for p := range k {
			x, y := a.d[i*a.r+p*a.c], b.d[p*b.r:]
			for j := range row {
				row[j] += x * y[j*b.c]
			}
		}
	}
}

func linear[F Float](c *CPU, k vm.Call) vm.Kernel {
	x, w, y := data[F](k.In[0]), data[F](k.In[1]), data[F](k.Out[0])
	var res []F
	if len(k.In) == 3 {
		res = data[F](k.In[2])
	}
	n, d := k.In[1].Shape[0], k.In[1].Shape[1]
	return func(add uint) {
		t, from := k.Live.Tokens, res
		if add&1 != 0 {
			if from = y; res != nil {
				addTo(y[:t*n], res)
			}
		}
		mulAdd(c, t, n, d, rowsOf(x, d), rowsOf(w, d).t(), y, from, n)
	}
}

func addTo[F Float](y, x []F) {
	x = x[:len(y)]
	if y32, ok := any(y).([]float32); ok {
		gemm.Add(y32, any(x).([]float32))
		return
	}
	for i, v := range x {
		y[i] += v
	}
}

func linearDx[F Float](c *CPU, k vm.Call) vm.Kernel {
	dy, w, dx := data[F](k.In[0]), data[F](k.In[1]), data[F](k.Out[0])
	n, d := k.In[1].Shape[0], k.In[1].Shape[1]
	return func(add uint) {
		mul(c, k.Live.Tokens, d, n, rowsOf(dy, n), rowsOf(w, d), dx, d, add&1 != 0)
	}
}

func linearDw[F Float](c *CPU, k vm.Call) vm.Kernel {
	dy, x, dw := data[F](k.In[0]), data[F](k.In[1]), data[F](k.Out[0])
	n, d := k.In[0].Shape[1], k.In[1].Shape[1]
	return func(add uint) {
		mul(c, n, d, k.Live.Tokens, rowsOf(dy, n).t(), rowsOf(x, d), dw, d, add&1 != 0)
	}
}

// colSum splits columns over threads: each column is summed top to bottom.
func colSum[F Float](c *CPU, k vm.Call) vm.Kernel {
	x, y := data[F](k.In[0]), data[F](k.Out[0])
	n := len(y)
	return func(add uint) {
		if add&1 == 0 {
			clear(y)
		}
		c.e.Range(n, 128, func(_, lo, hi int) {
			for t := range k.Live.Tokens {
				addTo(y[lo:hi], x[t*n+lo:])
			}
		})
	}
}

func add[F Float](_ *CPU, k vm.Call) vm.Kernel {
	x, y, o := data[F](k.In[0]), data[F](k.In[1]), data[F](k.Out[0])
	return func(add uint) {
		if add&1 != 0 {
			addTo(o, x)
			addTo(o, y)
			return
		}
		copy(o, x)
		addTo(o, y)
	}
}
