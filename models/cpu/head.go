package cpu

import (
	"math"

	"hardneg/models/cpu/gemm"
	"hardneg/models/vm"
)

// chunkOf is how many picks are projected at a time: at most 8 MiB of float32
// logits, but enough rows to feed the GEMM.
func chunkOf(vocab int) int { return min(max(1<<21/vocab, 64), 256) }

// keptLogits bounds the logits, in elements, that a forward pass leaves to the
// backward pass of the same run. More are computed again.
const keptLogits = 6 << 20

// kept are the logits of a forward pass: of which picks, and of which network.
type kept struct {
	h, ids any // pointers to the first elements
	n      int
	f32    []float32
	f64    []float64
}

// projection turns picked hidden rows into logits, chunk by chunk.
type projection[F Float] struct {
	c         *CPU
	h, w      []F
	rows, ids []int32
	d, vocab  int
	chunk     int
}

func projectionOf[F Float](c *CPU, k vm.Call) projection[F] {
	return projection[F]{c, data[F](k.In[0]), data[F](k.In[1]), data[int32](k.In[2]), data[int32](k.In[3]),
		k.In[1].Shape[1], k.In[1].Shape[0], chunkOf(k.In[1].Shape[0])}
}

// hidden gathers the hidden rows of picks lo to hi.
func (p *projection[F]) hidden(lo, hi int) []F {
	d := p.d
	x := scratch[F](&p.c.big, 0, p.chunk*d)[:(hi-lo)*d]
	for i := range hi - lo {
		copy(x[i*d:i*d+d], p.h[int(p.rows[lo+i])*d:])
	}
	return x
}

// logits sets z to those of gathered rows x.
func (p *projection[F]) logits(z, x []F) {
	mul(p.c, len(x)/p.d, p.vocab, p.d, rowsOf(x, p.d), rowsOf(p.w, p.d).t(), z, p.vocab, false)
}

// place is where the logits of picks lo to hi go: in all, which has room for
// those of all picks, or in scratch memory if it is nil.
func (p *projection[F]) place(all []F, lo, hi int) []F {
	if all != nil {
		return all[lo*p.vocab : hi*p.vocab]
	}
	return scratch[F](&p.c.big, 1, p.chunk*p.vocab)[:(hi-lo)*p.vocab]
}

// keep is room for the logits of n picks, nil if they are too many.
func (p *projection[F]) keep(n int) []F {
	k := &p.c.logits
	if k.n = 0; n == 0 || n*p.vocab > keptLogits {
		return nil
	}
	k.h, k.ids, k.n = &p.h[0], &p.ids[0], n
	if b, ok := any(&k.f32).(*[]F); ok {
		return growTo(b, n*p.vocab)
	}
	return growTo(any(&k.f64).(*[]F), n*p.vocab)
}

// take is what keep returned for the same picks, once; nil for nothing.
func (p *projection[F]) take(n int) []F {
	k := &p.c.logits
	if n == 0 || k.n != n || k.h != any(&p.h[0]) || k.ids != any(&p.ids[0]) {
		return nil
	}
	k.n = 0
	if b, ok := any(k.f32).([]F); ok {
		return b[:n*p.vocab]
	}
	return any(k.f64).([]F)[:n*p.vocab]
}

func logProb[F Float](c *CPU, k vm.Call) vm.Kernel {
	p := projectionOf[F](c, k)
	logp, lse := data[F](k.Out[0]), data[F](k.Out[1])
	var entropy []F // nil if nobody asks
	if k.Out[2].Buf != nil {
		entropy = data[F](k.Out[2])
	}
	v := p.vocab
	return func(uint) {
		n := k.Live.Picks
		all := p.keep(n)
		for lo := 0; lo < n; lo += p.chunk {
			hi := min(lo+p.chunk, n)
			z := p.place(all, lo, hi)
			p.logits(z, p.hidden(lo, hi))
			c.e.Range(hi-lo, 8, func(worker, a, b int) {
				e := scratch[F](&c.ws[worker], 0, v)
				for i := a; i < b; i++ {
					row := z[i*v : i*v+v]
					m := maxOf(row)
					sum := expRow(row, e, 1, -m)
					l := m + F(math.Log(float64(sum)))
					lse[lo+i], logp[lo+i] = l, row[p.ids[lo+i]]-l
					if entropy != nil {
						entropy[lo+i] = l - dot(e, row)/sum
					}
				}
			})
		}
	}
}

func dot[F Float](x, y []F) F {
	if x32, ok := any(x).([]float32); ok {
		return F(gemm.Dot(x32, any(y).([]float32)))
	}
	var s F
	for i, v := range x {
		s += v * y[i]
	}
	return s
}

func logProbGrad[F Float](c *CPU, k vm.Call) vm.Kernel {
	p := projectionOf[F](c, k)
	lse, dlogp := data[F](k.In[4]), data[F](k.In[5])
	dh := data[F](k.Out[0])
	var dw []F // nil if the output matrix is frozen
	if k.Out[1].Buf != nil {
		dw = data[F](k.Out[1])
	}
	d, v := p.d, p.vocab
	return func(add uint) {
		n := k.Live.Picks
		clear(dh[:k.Live.Tokens*d])
		if n == 0 && add&2 == 0 {
			clear(dw)
		}
		all := p.take(n)
		for lo := 0; lo < n; lo += p.chunk {
			hi := min(lo+p.chunk, n)
			x, z := p.hidden(lo, hi), p.place(all, lo, hi)
			if all == nil {
				p.logits(z, x)
			}
			c.e.Range(hi-lo, 8, func(_, a, b int) {
				for i := a; i < b; i++ {
					row, g := z[i*v:i*v+v], dlogp[lo+i]
					expMul(row, row, 1, -lse[lo+i], -g)
					row[p.ids[lo+i]] += g
				}
			})
			if dw != nil {
				mul(c, v, d, hi-lo, rowsOf(z, v).t(), rowsOf(x, d), dw, d, lo > 0 || add&2 != 0)
			}
			y := scratch[F](&c.big, 2, p.chunk*d)[:(hi-lo)*d]
			mul(c, hi-lo, d, v, rowsOf(z, v), rowsOf(p.w, d), y, d, false)
			for i := range hi - lo { // in order: a row may be picked twice
				r := int(p.rows[lo+i]) * d
				addTo(dh[r:r+d], y[i*d:])
			}
		}
	}
}

func seqSum[F Float](_ *CPU, k vm.Call) vm.Kernel {
	logp, bounds, out := data[F](k.In[0]), data[int32](k.In[1]), data[F](k.Out[0])
	return func(uint) {
		for s := range k.Live.Seqs {
			var sum float64
			for _, v := range logp[bounds[s]:bounds[s+1]] {
				sum += float64(v)
			}
			out[s] = F(sum)
		}
	}
}

func seqSumGrad[F Float](_ *CPU, k vm.Call) vm.Kernel {
	dsum, bounds, out := data[F](k.In[0]), data[int32](k.In[1]), data[F](k.Out[0])
	return func(uint) {
		for s := range k.Live.Seqs {
			for i := bounds[s]; i < bounds[s+1]; i++ {
				out[i] = dsum[s]
			}
		}
	}
}

func squares[F Float](x []F) float64 {
	if x32, ok := any(x).([]float32); ok {
		return gemm.SumSquares64(x32)
	}
	var s float64
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return s
}

// sumSquares adds up chunks, then the chunks' sums in order.
func sumSquares[F Float](c *CPU, k vm.Call) vm.Kernel {
	x, out := data[F](k.In[0]), data[float64](k.Out[0])
	const chunk = 1 << 14
	return func(uint) {
		parts := scratch[float64](&c.big, 0, (len(x)+chunk-1)/chunk)
		c.e.Range(len(x), chunk, func(_, lo, hi int) {
			parts[lo/chunk] = squares(x[lo:hi])
		})
		var s float64
		for _, v := range parts {
			s += v
		}
		out[0] = s
	}
}
