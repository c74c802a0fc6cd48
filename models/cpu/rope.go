package cpu

import (
	"math"

	"hardneg/models/cpu/gemm"
	"hardneg/models/graph"
	"hardneg/models/vm"
)

// Rope is a table of rotary angles. Rates and angles are rounded to float32 as
// transformers rounds them; only then are cosine and sine taken.
type Rope struct {
	heads graph.Heads
	rates []float32
	scale float64
	// cos and sin of position p lie at [p*half, (p+1)*half).
	cos, sin []float64
	c32, s32 []float32
}

// NewRope makes the table of a model's heads.
func NewRope(h graph.Heads) *Rope {
	return &Rope{heads: h, scale: h.Rotary.Scale, rates: h.Rotary.Inv}
}

// Grow makes the table cover positions below n. It is not safe while others
// rotate.
func (r *Rope) Grow(n int) {
	half := len(r.rates)
	if half == 0 || len(r.cos) >= n*half {
		return
	}
	for p := len(r.cos) / half; p < n+n/4; p++ {
		for _, f := range r.rates {
			s, c := math.Sincos(float64(float32(p) * f))
			s, c = s*r.scale, c*r.scale
			r.cos, r.sin = append(r.cos, c), append(r.sin, s)
			r.c32, r.s32 = append(r.c32, float32(c)), append(r.s32, float32(s))
		}
	}
}

// Rotate rotates the query and key heads of one q‖k‖v row to position pos,
// which Grow must cover. dir is 1, or -1 for the inverse.
func Rotate[F Float](r *Rope, row []F, pos int, dir F) {
	rotateHeads(r, row, r.heads.Q+r.heads.KV, pos, dir)
}

// Angles are the cosines and sines of position pos, which Grow must cover.
func (r *Rope) Angles(pos int) (cos, sin []float32) {
	half := len(r.rates)
	return r.c32[pos*half:][:half], r.s32[pos*half:][:half]
}

func rotateHeads[F Float](r *Rope, row []F, heads, pos int, dir F) {
	half, d := len(r.rates), r.heads.Dim
	var co, si []F
	if c32, ok := any(&r.c32).(*[]F); ok {
		co, si = *c32, *any(&r.s32).(*[]F)
	} else {
		co, si = *any(&r.cos).(*[]F), *any(&r.sin).(*[]F)
	}
	co, si = co[pos*half:][:half], si[pos*half:][:half]
	if x, ok := any(row).([]float32); ok && d == 2*half {
		gemm.Turn(x, heads, any(co).([]float32), any(si).([]float32), float32(dir))
		return
	}
	for h := range heads {
		x, y := row[h*d:][:half], row[h*d+half:][:half]
		for i, a := range x {
			b, s := y[i], si[i]*dir
			x[i] = a*co[i] - b*s
			y[i] = b*co[i] + a*s
		}
	}
}

func (c *CPU) rope(h graph.Heads) *Rope {
	if c.ropes[h] == nil {
		c.ropes[h] = NewRope(h)
	}
	return c.ropes[h]
}

// firstPos is the position of a segment's first row: the length of its parent.
func firstPos(segs, parent []int32, s int) int {
	if p := parent[s]; p >= 0 {
		return int(segs[p+1] - segs[p])
	}
	return 0
}

// rotateAll adds the bias, if there is one, to all live rows and rotates them.
func rotateAll[F Float](c *CPU, r *Rope, x, bias []F, segs, parent []int32, n int, dir F) {
	longest := 0
	for s := range n {
		longest = max(longest, firstPos(segs, parent, s)+int(segs[s+1]-segs[s]))
	}
	r.Grow(longest)
	w := r.heads.Width()
	c.e.Do(n, func(_, s int) {
		p := firstPos(segs, parent, s)
		for t := int(segs[s]); t < int(segs[s+1]); t++ {
			row := x[t*w : t*w+w]
			if bias != nil {
				addTo(row, bias)
			}
			Rotate(r, row, p, dir)
			p++
		}
	})
}

func rope[F Float](c *CPU, k vm.Call) vm.Kernel {
	x, b := data[F](k.In[0]), data[F](k.In[1])
	segs, parent, y := data[int32](k.In[2]), data[int32](k.In[3]), data[F](k.Out[0])
	n := len(b)
	r := c.rope(k.Op.Attr.(graph.Heads))
	return func(uint) {
		copy(y[:k.Live.Tokens*n], x) // no work in place
		rotateAll(c, r, y, b, segs, parent, k.Live.Segs, 1)
	}
}

func ropeInv[F Float](c *CPU, k vm.Call) vm.Kernel {
	x, segs, parent, y := data[F](k.In[0]), data[int32](k.In[1]), data[int32](k.In[2]), data[F](k.Out[0])
	n := k.In[0].Shape[1]
	r := c.rope(k.Op.Attr.(graph.Heads))
	return func(uint) {
		copy(y[:k.Live.Tokens*n], x) // no work in place
		rotateAll(c, r, y, nil, segs, parent, k.Live.Segs, -1)
	}
}
