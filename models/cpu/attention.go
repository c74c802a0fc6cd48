package cpu

import (
	"math"

	"hardneg/models/cpu/gemm"
	"hardneg/models/graph"
	"hardneg/models/vm"
)

// queryBlock is how many queries share one block of scores.
const queryBlock = 64

// expRow sets y = exp(scale·x + bias) and returns the sum.
func expRow[F Float](x, y []F, scale, bias F) F { return expMul(x, y, scale, bias, 1) }

// expMul sets y = mul·e for e = exp(scale·x + bias) and returns the sum of e.
func expMul[F Float](x, y []F, scale, bias, mul F) F {
	if x32, ok := any(x).([]float32); ok {
		return F(gemm.ExpMul(x32, any(y).([]float32), float32(scale), float32(bias), float32(mul)))
	}
	var s F
	for i, v := range x {
		e := F(math.Exp(float64(v*scale + bias)))
		y[i] = mul * e
		s += e
	}
	return s
}

// Softmax turns a row of logits into exp(scale·(x-max))/sum in place and
// returns the logarithm of the denominator, ln Σ exp(scale·x).
func Softmax[F Float](x []F, scale F) F {
	m := maxOf(x)
	z := expRow(x, x, scale, -m*scale)
	times(x, 1/z)
	return m*scale + F(math.Log(float64(z)))
}

// times sets x = a·x.
func times[F Float](x []F, a F) {
	if x32, ok := any(x).([]float32); ok {
		gemm.Scale(float32(a), x32)
		return
	}
	for i := range x {
		x[i] *= a
	}
}

// softmaxGrad sets x to p = exp(scale·x + bias) and y to scale·p·(y - dot).
func softmaxGrad[F Float](x, y []F, scale, bias, dot F) {
	if x32, ok := any(x).([]float32); ok {
		gemm.SoftmaxGrad(x32, any(y).([]float32), float32(scale), float32(bias), float32(dot))
		return
	}
	expRow(x, x, scale, bias)
	for i, p := range x {
		y[i] = p * (y[i] - dot) * scale
	}
}

func maxOf[F Float](x []F) F {
	if x32, ok := any(x).([]float32); ok {
		return F(gemm.Max(x32))
	}
	m := x[0]
	for _, v := range x {
		if v > m {
			m = v
		}
	}
	return m
}

// attended is what one segment's queries see.
type attended struct {
	b, e int // own rows
	p, q int // parent's rows, p = q for none
}

func seen(segs, parent []int32, s int) attended {
	a := attended{b: int(segs[s]), e: int(segs[s+1])}
	if p := parent[s]; p >= 0 {
		a.p, a.q = int(segs[p]), int(segs[p+1])
	}
	return a
}

// head is one query head with its key and value heads, as columns of q‖k‖v.
type head[F Float] struct {
	c       *CPU
	w, d    int // row width, head dimension
	q, k, v []F
	scale   F
}

func headOf[F Float](c *CPU, h graph.Heads, qkv []F, i int) head[F] {
	kv := i / (h.Q / h.KV)
	return head[F]{c, h.Width(), h.Dim, qkv[i*h.Dim:], qkv[(h.Q+kv)*h.Dim:], qkv[(h.Q+h.KV+kv)*h.Dim:],
		F(1 / math.Sqrt(float64(h.Dim)))}
}

// times sets s (nq×ld) to x·yᵀ, where x are the rows from i0 of a matrix with
// ldx elements a row and y is a key or value head: parent's rows first.
func (h head[F]) times(worker int, s []F, i0, i1 int, a attended, x []F, ldx int, y []F) {
	np, ld := a.q-a.p, a.q-a.p+i1-a.b
	mulOn(h.c, worker, i1-i0, np, h.d, rowsOf(x[i0*ldx:], ldx), rowsOf(y[a.p*h.w:], h.w).t(), s, ld, false)
	mulOn(h.c, worker, i1-i0, i1-a.b, h.d, rowsOf(x[i0*ldx:], ldx), rowsOf(y[a.b*h.w:], h.w).t(), s[np:], ld, false)
}

// mix sets o (rows i0 to i1) to s·y, the inverse layout of times.
func (h head[F]) mix(worker int, o []F, ldo int, i0, i1 int, a attended, s, y []F, acc bool) {
	np, ld := a.q-a.p, a.q-a.p+i1-a.b
	mulOn(h.c, worker, i1-i0, h.d, np, rowsOf(s, ld), rowsOf(y[a.p*h.w:], h.w), o[i0*ldo:], ldo, acc)
	mulOn(h.c, worker, i1-i0, h.d, i1-a.b, rowsOf(s[np:], ld), rowsOf(y[a.b*h.w:], h.w), o[i0*ldo:], ldo, acc || np > 0)
}

// gather adds sᵀ·x to y, a gradient of a key or value head.
func (h head[F]) gather(worker int, y []F, i0, i1 int, a attended, s, x []F, ldx int) {
	np, ld := a.q-a.p, a.q-a.p+i1-a.b
	mulOn(h.c, worker, np, h.d, i1-i0, rowsOf(s, ld).t(), rowsOf(x[i0*ldx:], ldx), y[a.p*h.w:], h.w, true)
	mulOn(h.c, worker, i1-a.b, h.d, i1-i0, rowsOf(s[np:], ld).t(), rowsOf(x[i0*ldx:], ldx), y[a.b*h.w:], h.w, true)
}

func attn[F Float](c *CPU, k vm.Call) vm.Kernel {
	x, segs, parent := data[F](k.In[0]), data[int32](k.In[1]), data[int32](k.In[2])
	o, lse := data[F](k.Out[0]), data[F](k.Out[1])
	hs := k.Op.Attr.(graph.Heads)
	ow := hs.Q * hs.Dim
	return func(uint) {
		c.e.Do(k.Live.Segs*hs.Q, func(worker, i int) {
			a, hi := seen(segs, parent, i/hs.Q), i%hs.Q
			h := headOf(c, hs, x, hi)
			for i0 := a.b; i0 < a.e; i0 += queryBlock {
				i1 := min(i0+queryBlock, a.e)
				np := a.q - a.p
				ld := np + i1 - a.b
				s := scratch[F](&c.ws[worker], 0, (i1-i0)*ld)
				h.times(worker, s, i0, i1, a, h.q, h.w, h.k)
				for i := i0; i < i1; i++ {
					row, n := s[(i-i0)*ld:][:ld], np+i-a.b+1
					lse[i*hs.Q+hi] = Softmax(row[:n], h.scale)
					clear(row[n:])
				}
				h.mix(worker, o[hi*hs.Dim:], ow, i0, i1, a, s, h.v, false)
			}
		})
	}
}

// attnGrad runs over families of segments (a parent and its followers) and
// key heads: all that adds to one key's gradient is one task.
func attnGrad[F Float](c *CPU, k vm.Call) vm.Kernel {
	x, segs, parent := data[F](k.In[0]), data[int32](k.In[1]), data[int32](k.In[2])
	o, lse, do, dx := data[F](k.In[3]), data[F](k.In[4]), data[F](k.In[5]), data[F](k.Out[0])
	hs := k.Op.Attr.(graph.Heads)
	g := attnBack[F]{c: c, hs: hs, x: x, o: o, lse: lse, do: do, dx: dx}
	return func(uint) {
		clear(dx[:k.Live.Tokens*hs.Width()])
		n := k.Live.Segs
		c.e.Do(n*hs.KV, func(worker, i int) {
			s, kv := i/hs.KV, i%hs.KV
			if parent[s] >= 0 {
				return
			}
			for f := s; f < n && (f == s || int(parent[f]) == s); f++ {
				for h := kv * hs.Q / hs.KV; h < (kv+1)*hs.Q/hs.KV; h++ {
					g.segment(worker, h, seen(segs, parent, f))
				}
			}
		})
	}
}

type attnBack[F Float] struct {
	c                 *CPU
	hs                graph.Heads
	x, o, lse, do, dx []F
}

func (g *attnBack[F]) segment(worker, hi int, a attended) {
	hs, d := g.hs, g.hs.Dim
	h, dh := headOf(g.c, hs, g.x, hi), headOf(g.c, hs, g.dx, hi)
	ow, np := hs.Q*d, a.q-a.p
	do := g.do[hi*d:]
	for i0 := a.b; i0 < a.e; i0 += queryBlock {
		i1 := min(i0+queryBlock, a.e)
		ld := np + i1 - a.b
		p := scratch[F](&g.c.ws[worker], 0, (i1-i0)*ld)
		ds := scratch[F](&g.c.ws[worker], 1, (i1-i0)*ld)
		h.times(worker, p, i0, i1, a, h.q, h.w, h.k)
		h.times(worker, ds, i0, i1, a, do, ow, h.v)
		for i := i0; i < i1; i++ {
			pr, sr, n := p[(i-i0)*ld:][:ld], ds[(i-i0)*ld:][:ld], np+i-a.b+1
			softmaxGrad(pr[:n], sr[:n], h.scale, -g.lse[i*hs.Q+hi], dot(g.o[i*ow+hi*d:][:d], do[i*ow:][:d]))
			clear(pr[n:])
			clear(sr[n:])
		}
		h.gather(worker, dh.v, i0, i1, a, p, do, ow)
		h.mix(worker, dh.q, h.w, i0, i1, a, ds, h.k, true)
		h.gather(worker, dh.k, i0, i1, a, ds, h.q, h.w)
	}
}
