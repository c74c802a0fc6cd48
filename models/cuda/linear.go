//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"fmt"
	"unsafe"

	"hardneg/models/cuda/lt"
	"hardneg/models/graph"
	"hardneg/models/vm"
)

// mat is a matrix of a type by the steps of its row and column index.
type mat struct {
	p    slot
	r, c int
	dt   graph.Dtype
}

func rowsOf(p slot, ld int, dt graph.Dtype) mat { return mat{p, ld, 1, dt} }
func (m mat) t() mat                            { return mat{m.p, m.c, m.r, m.dt} }

// from is a view that begins n elements later.
func (m mat) from(n int) mat { return mat{m.p + slot(size(m.dt)*n), m.r, m.c, m.dt} }

// product is alpha·A·B (+ residual), stored in or added to the m×n matrix out.
type product struct {
	out      mat // rows
	residual slot
	alpha    float64
	add      bool
}

// multiply queues a product of operands of one type, which is out's or, for
// bfloat16, may be narrower.
func (c *CUDA) multiply(m, n, k int, a, b mat, p product) {
	if m == 0 || n == 0 {
		return
	}
	if c.lt != nil && !(p.residual != 0 && p.add) && c.ltMultiply(m, n, k, a, b, p) {
		return
	}
	name := "matmul"
	if a.dt == graph.Uint16 {
		if name = "matmul_b16"; p.out.dt != a.dt {
			name = "matmul_b16_wide"
		}
	}
	c.launch(name, grid{(n + 63) / 64, (m + 63) / 64, 256, 0}, p.out.p, a.p, b.p, p.residual, i32(m), i32(n), i32(k),
		i64(a.r), i64(a.c), i64(b.r), i64(b.c), i64(p.out.r), f32(p.alpha), flag(p.add))
}

func ltType(dt graph.Dtype) lt.Type {
	if dt == graph.Uint16 {
		return lt.BF16
	}
	return lt.FP32
}

// ltMultiply reports whether cublasLt took the product, or failed at it.
func (c *CUDA) ltMultiply(m, n, k int, a, b mat, p product) (taken bool) {
	from, beta := p.out.p, 0.0
	if p.add || p.residual != 0 {
		beta = 1
	}
	if p.residual != 0 {
		from = p.residual
	}
	what := "cublasLt"
	if c.times != nil {
		what = fmt.Sprintf("cublasLt %d×%d×%d to %s", m, k, n, p.out.dt)
	}
	c.queue(what, func() (err error) {
		taken, err = c.lt.Multiply(lt.Product{M: m, N: n, K: k, In: ltType(a.dt), Out: ltType(p.out.dt),
			A: lt.Operand{Ptr: uint64(a.p), Row: a.r, Col: a.c}, B: lt.Operand{Ptr: uint64(b.p), Row: b.r, Col: b.c},
			Alpha: p.alpha, Beta: beta, C: uint64(from), D: uint64(p.out.p), LD: p.out.r},
			uint64(c.ltRoom.ptr), uint64(uintptr(unsafe.Pointer(c.stream.C()))))
		return err
	})
	return taken || c.err != nil
}

// operand is a matrix with ld elements a row, as it lies in a.
func operand(a vm.Arg, ld int) mat { return rowsOf(at(a), ld, of(a).dt) }

// weight is a parameter matrix in the type of the activations x: itself, or its
// bfloat16 copy.
func (c *CUDA) weight(w, x vm.Arg, ld int) func() mat {
	if of(x).dt != graph.Uint16 {
		return func() mat { return operand(w, ld) }
	}
	b := of(w)
	c.keepCopy(b)
	return func() mat { return rowsOf(c.copied(b), ld, graph.Uint16) }
}

func linear(c *CUDA, k vm.Call) vm.Kernel {
	n, d := k.In[1].Shape[0], k.In[1].Shape[1]
	w := c.weight(k.In[1], k.In[0], d)
	var residual slot
	if len(k.In) == 3 {
		residual = at(k.In[2])
	}
	return func(add uint) {
		c.multiply(k.Live.Tokens, n, d, operand(k.In[0], d), w().t(), product{operand(k.Out[0], n), residual, 1, add&1 != 0})
	}
}

func linearDx(c *CUDA, k vm.Call) vm.Kernel {
	n, d := k.In[1].Shape[0], k.In[1].Shape[1]
	w := c.weight(k.In[1], k.In[0], d)
	return func(add uint) {
		c.multiply(k.Live.Tokens, d, n, operand(k.In[0], n), w(), product{operand(k.Out[0], d), 0, 1, add&1 != 0})
	}
}

func linearDw(c *CUDA, k vm.Call) vm.Kernel {
	n, d := k.In[0].Shape[1], k.In[1].Shape[1]
	return func(add uint) {
		c.multiply(n, d, k.Live.Tokens, operand(k.In[0], n).t(), operand(k.In[1], d), product{operand(k.Out[0], d), 0, 1, add&1 != 0})
	}
}

func lowRank(c *CUDA, k vm.Call) vm.Kernel {
	a := k.Op.Attr.(graph.LowRankAttr)
	n, m, r := k.In[0].Shape[1], k.In[1].Shape[1], a.Rank
	b := c.weight(k.In[2], k.In[0], r)
	return func(uint) {
		t := k.Live.Tokens
		c.copyTo(of(k.Out[0]), of(k.In[0]), t*n)
		for _, q := range *a.Blocks {
			c.multiply(t, q.Hi-q.Lo, r, operand(k.In[1], m).from(q.Index*r), b().from(q.At*r).t(),
				product{operand(k.Out[0], n).from(q.Lo), 0, a.Scale, true})
		}
	}
}

func lowRankDu(c *CUDA, k vm.Call) vm.Kernel {
	a := k.Op.Attr.(graph.LowRankAttr)
	n, m, r := k.In[0].Shape[1], k.In[2].Shape[1], a.Rank
	b := c.weight(k.In[1], k.In[0], r)
	return func(uint) {
		for _, q := range *a.Blocks {
			c.multiply(k.Live.Tokens, r, q.Hi-q.Lo, operand(k.In[0], n).from(q.Lo), b().from(q.At*r),
				product{operand(k.Out[0], m).from(q.Index * r), 0, a.Scale, false})
		}
	}
}

func lowRankDb(c *CUDA, k vm.Call) vm.Kernel {
	a := k.Op.Attr.(graph.LowRankAttr)
	n, m, r := k.In[0].Shape[1], k.In[1].Shape[1], a.Rank
	return func(add uint) {
		for _, q := range *a.Blocks {
			c.multiply(q.Hi-q.Lo, r, k.Live.Tokens, operand(k.In[0], n).from(q.Lo).t(), operand(k.In[1], m).from(q.Index*r),
				product{operand(k.Out[0], r).from(q.At * r), 0, a.Scale, add&1 != 0})
		}
	}
}
