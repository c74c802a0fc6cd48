package sample

import (
	"math"
	"slices"

	"hardneg/models/cpu/gemm"
)

// drawer chooses tokens from logits; it keeps scratch memory.
type drawer struct {
	w    []float32
	sums []float64 // of w, chunk by chunk
	mass [buckets]float64
	tail []float32
}

// chunk is the number of weights that share a sum.
const chunk = 128

// next chooses a token: the likeliest if greedy, else by the uniform draw u.
// logp is the model's own log-probability of it, if wanted. It is -1 for
// logits that are no numbers.
func (d *drawer) next(z []float32, p *Params, u float64) (id int32, logp float32) {
	top := gemm.Max(z)
	if math.IsNaN(float64(top)) || math.IsInf(float64(top), 0) {
		return -1, 0
	}
	var pick int
	if p.Temperature > 0 {
		pick = d.sample(z, top, p, u)
	} else {
		pick = slices.Index(z, top)
	}
	if p.LogProbs {
		sum := d.exp(z, 1, top)
		logp = float32(float64(z[pick]) - float64(top) - math.Log(sum))
	}
	return int32(pick), logp
}

// exp fills d.w with exp(scale·(z-top)) and returns the sum.
func (d *drawer) exp(z []float32, scale, top float32) float64 {
	d.w, d.sums = sized(&d.w, len(z)), d.sums[:0]
	sum := 0.0
	for i := 0; i < len(z); i += chunk {
		e := min(i+chunk, len(z))
		s := float64(gemm.ExpRow(z[i:e], d.w[i:e], scale, -top*scale))
		d.sums = append(d.sums, s)
		sum += s
	}
	return sum
}

func (d *drawer) sample(z []float32, top float32, p *Params, u float64) int {
	sum := d.exp(z, float32(1/p.Temperature), top)
	least := float32(0) // weights below are out
	if p.TopK > 0 && p.TopK < len(z) {
		least = d.kth(p.TopK)
		sum = d.above(least)
	}
	if p.TopP > 0 && p.TopP < 1 {
		least = d.nucleus(least, p.TopP*sum)
		sum = d.above(least)
	}
	if p.MinP > 0 {
		if m := float32(p.MinP) * slices.Max(d.w); m > least {
			least = m
			sum = d.above(least)
		}
	}
	if least == 0 {
		return d.find(u * sum)
	}
	u *= sum
	last := 0
	for i, w := range d.w {
		if w < least || w == 0 {
			continue
		}
		last = i
		if u -= float64(w); u < 0 {
			return i
		}
	}
	return last
}

// find is the first token up to which the weights exceed u, or the last one that
// has a weight where rounding lets none.
func (d *drawer) find(u float64) int {
	c := 0
	for ; c < len(d.sums)-1 && u >= d.sums[c]; c++ {
		u -= d.sums[c]
	}
	for ; ; c-- {
		w, last := d.w[c*chunk:min((c+1)*chunk, len(d.w))], -1
		for i, x := range w {
			if x == 0 {
				continue
			}
			last = i
			if u -= float64(x); u < 0 {
				break
			}
		}
		if last >= 0 || c == 0 {
			return c*chunk + max(last, 0)
		}
	}
}

// above is the sum of the weights from least on.
func (d *drawer) above(least float32) float64 {
	sum := 0.0
	for _, w := range d.w {
		if w >= least {
			sum += float64(w)
		}
	}
	return sum
}

// A weight's bucket is the top of its bits: 8 buckets an octave, monotone in
// the weight. Weights are at most 1 but for rounding.
const (
	shift   = 20
	buckets = 0x3F8 + 8
)

func bucket(w float32) int { return min(int(math.Float32bits(w)>>shift), buckets-1) }

// nucleus is the largest threshold such that the weights from it on reach mass.
// Only the bucket where the sum crosses is sorted.
func (d *drawer) nucleus(least float32, mass float64) float32 {
	clear(d.mass[:])
	for _, w := range d.w {
		if w >= least {
			d.mass[bucket(w)] += float64(w)
		}
	}
	b := buckets - 1
	for ; b > 0 && d.mass[b] < mass; b-- {
		mass -= d.mass[b]
	}
	return d.cross(b, least, func(w float32) bool {
		mass -= float64(w)
		return mass <= 0
	})
}

// kth is the k-th largest weight.
func (d *drawer) kth(k int) float32 {
	clear(d.mass[:])
	for _, w := range d.w {
		d.mass[bucket(w)]++
	}
	b := buckets - 1
	for ; b > 0 && int(d.mass[b]) < k; b-- {
		k -= int(d.mass[b])
	}
	return d.cross(b, 0, func(float32) bool {
		k--
		return k == 0
	})
}

// cross walks the weights of a bucket from the largest down until full says
// that the last one was enough; if rounding never lets it, all of them count.
func (d *drawer) cross(b int, least float32, full func(w float32) bool) float32 {
	d.tail = d.tail[:0]
	for _, w := range d.w {
		if w >= least && bucket(w) == b {
			d.tail = append(d.tail, w)
		}
	}
	slices.Sort(d.tail)
	for i := len(d.tail) - 1; i >= 0; i-- {
		if full(d.tail[i]) {
			return d.tail[i]
		}
	}
	if len(d.tail) > 0 {
		return d.tail[0]
	}
	return least
}
