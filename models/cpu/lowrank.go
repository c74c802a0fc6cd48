package cpu

import (
	"hardneg/models/graph"
	"hardneg/models/vm"
)

// scaled is b times the adapter's factor, in scratch memory.
func scaled[F Float](c *CPU, b []F, scale float64) []F {
	s := scratch[F](&c.big, 0, len(b))
	for i, v := range b {
		s[i] = v * F(scale)
	}
	return s
}

func lowRank[F Float](c *CPU, k vm.Call) vm.Kernel {
	base, u, b, y := data[F](k.In[0]), data[F](k.In[1]), data[F](k.In[2]), data[F](k.Out[0])
	a := k.Op.Attr.(graph.LowRankAttr)
	n, m, r := k.In[0].Shape[1], k.In[1].Shape[1], a.Rank
	return func(uint) {
		t := k.Live.Tokens
		copy(y[:t*n], base) // no work in place
		s := scaled(c, b, a.Scale)
		for _, q := range *a.Blocks {
			mul(c, t, q.Hi-q.Lo, r, rowsOf(u[q.Index*r:], m), rowsOf(s[q.At*r:], r).t(), y[q.Lo:], n, true)
		}
	}
}

func lowRankDu[F Float](c *CPU, k vm.Call) vm.Kernel {
	dy, b, du := data[F](k.In[0]), data[F](k.In[1]), data[F](k.Out[0])
	a := k.Op.Attr.(graph.LowRankAttr)
	n, m, r := k.In[0].Shape[1], k.In[2].Shape[1], a.Rank
	return func(uint) {
		s := scaled(c, b, a.Scale)
		for _, q := range *a.Blocks {
			mul(c, k.Live.Tokens, r, q.Hi-q.Lo, rowsOf(dy[q.Lo:], n), rowsOf(s[q.At*r:], r), du[q.Index*r:], m, false)
		}
	}
}

func lowRankDb[F Float](c *CPU, k vm.Call) vm.Kernel {
	dy, u, db := data[F](k.In[0]), data[F](k.In[1]), data[F](k.Out[0])
	a := k.Op.Attr.(graph.LowRankAttr)
	n, m, r := k.In[0].Shape[1], k.In[1].Shape[1], a.Rank
	return func(add uint) {
		t := k.Live.Tokens
		s := scratch[F](&c.big, 0, t*m) // scale·u
		for i, v := range u[:t*m] {
			s[i] = v * F(a.Scale)
		}
		for _, q := range *a.Blocks {
			mul(c, q.Hi-q.Lo, r, t, rowsOf(dy[q.Lo:], n).t(), rowsOf(s[q.Index*r:], m), db[q.At*r:], r, add&1 != 0)
		}
	}
}
