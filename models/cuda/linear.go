//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"unsafe"

	"hardneg/models/cuda/lt"
	"hardneg/models/graph"
	"hardneg/models/vm"
)

// mat is a matrix by the steps of its row and column index.
type mat struct {
	p    slot
	r, c int
}

func rowsOf(p slot, ld int) mat { return mat{p, ld, 1} }
func (m mat) t() mat            { return mat{m.p, m.c, m.r} }

// from is a view that begins n elements later.
func (m mat) from(n int) mat { return mat{m.p + slot(4*n), m.r, m.c} }

// product is alpha·A·B (+ residual), stored in or added to the m×n matrix out.
type product struct {
	out, residual slot
	ld            int
	alpha         float64
	add           bool
}

func (c *CUDA) multiply(m, n, k int, a, b mat, p product) {
	if m == 0 || n == 0 {
		return
	}
	if c.lt != nil && !(p.residual != 0 && p.add) && c.ltMultiply(m, n, k, a, b, p) {
		return
	}
	c.launch("matmul", grid{(n + 63) / 64, (m + 63) / 64, 256, 0}, p.out, a.p, b.p, p.residual, i32(m), i32(n), i32(k),
		i64(a.r), i64(a.c), i64(b.r), i64(b.c), i64(p.ld), f32(p.alpha), flag(p.add), flag(c.round))
}

// ltMultiply reports whether cublasLt took the product, or failed at it.
func (c *CUDA) ltMultiply(m, n, k int, a, b mat, p product) (taken bool) {
	from, beta := p.out, 0.0
	if p.add || p.residual != 0 {
		beta = 1
	}
	if p.residual != 0 {
		from = p.residual
	}
	c.do("cublasLt", func() (err error) {
		taken, err = c.lt.Multiply(lt.Product{M: m, N: n, K: k, A: lt.Operand{Ptr: uint64(a.p), Row: a.r, Col: a.c}, B: lt.Operand{Ptr: uint64(b.p), Row: b.r, Col: b.c},
			Alpha: p.alpha, Beta: beta, C: uint64(from), D: uint64(p.out), LD: p.ld}, uint64(c.ltRoom.ptr), uint64(uintptr(unsafe.Pointer(c.stream.C()))))
		return err
	})
	return taken || c.err != nil
}

func linear(c *CUDA, k vm.Call) vm.Kernel {
	n, d := k.In[1].Shape[0], k.In[1].Shape[1]
	var residual slot
	if len(k.In) == 3 {
		residual = at(k.In[2])
	}
	return func(add uint) {
		c.multiply(k.Live.Tokens, n, d, rowsOf(at(k.In[0]), d), rowsOf(at(k.In[1]), d).t(),
			product{at(k.Out[0]), residual, n, 1, add&1 != 0})
	}
}

func linearDx(c *CUDA, k vm.Call) vm.Kernel {
	n, d := k.In[1].Shape[0], k.In[1].Shape[1]
	return func(add uint) {
		c.multiply(k.Live.Tokens, d, n, rowsOf(at(k.In[0]), n), rowsOf(at(k.In[1]), d),
			product{at(k.Out[0]), 0, d, 1, add&1 != 0})
	}
}

func linearDw(c *CUDA, k vm.Call) vm.Kernel {
	n, d := k.In[0].Shape[1], k.In[1].Shape[1]
	return func(add uint) {
		c.multiply(n, d, k.Live.Tokens, rowsOf(at(k.In[0]), n).t(), rowsOf(at(k.In[1]), d),
			product{at(k.Out[0]), 0, d, 1, add&1 != 0})
	}
}

func lowRank(c *CUDA, k vm.Call) vm.Kernel {
	a := k.Op.Attr.(graph.LowRankAttr)
	n, m, r := k.In[0].Shape[1], k.In[1].Shape[1], a.Rank
	return func(uint) {
		t := k.Live.Tokens
		c.copyTo(of(k.Out[0]), of(k.In[0]), t*n)
		for _, q := range *a.Blocks {
			c.multiply(t, q.Hi-q.Lo, r, rowsOf(at(k.In[1]), m).from(q.Index*r), rowsOf(at(k.In[2]), r).from(q.At*r).t(),
				product{at(k.Out[0]) + slot(4*q.Lo), 0, n, a.Scale, true})
		}
	}
}

func lowRankDu(c *CUDA, k vm.Call) vm.Kernel {
	a := k.Op.Attr.(graph.LowRankAttr)
	n, m, r := k.In[0].Shape[1], k.In[2].Shape[1], a.Rank
	return func(uint) {
		for _, q := range *a.Blocks {
			c.multiply(k.Live.Tokens, r, q.Hi-q.Lo, rowsOf(at(k.In[0]), n).from(q.Lo), rowsOf(at(k.In[1]), r).from(q.At*r),
				product{at(k.Out[0]) + slot(4*q.Index*r), 0, m, a.Scale, false})
		}
	}
}

func lowRankDb(c *CUDA, k vm.Call) vm.Kernel {
	a := k.Op.Attr.(graph.LowRankAttr)
	n, m, r := k.In[0].Shape[1], k.In[1].Shape[1], a.Rank
	return func(add uint) {
		for _, q := range *a.Blocks {
			c.multiply(q.Hi-q.Lo, r, k.Live.Tokens, rowsOf(at(k.In[0]), n).from(q.Lo).t(), rowsOf(at(k.In[1]), m).from(q.Index*r),
				product{at(k.Out[0]) + slot(4*q.At*r), 0, r, a.Scale, add&1 != 0})
		}
	}
}
