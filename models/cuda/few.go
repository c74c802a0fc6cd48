//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"hardneg/models/graph"
)

// Constants of few.cu.
const (
	fewRows   = 64
	fewStep   = 8192 // elements of w
	fewShared = 96 << 10
)

// What few.cu makes of a product: it stores it, adds it to what is there, takes
// it for gates and ups, or leaves the parts to the next kernel.
const (
	fewStore = iota
	fewAdd
	fewGate
	fewParts
)

// few computes products of few rows in bfloat16, which cublasLt does with less
// of the memory's bandwidth.
type few struct {
	c           *CUDA
	early       bool // see launchAs
	part, count *buffer
}

// fewPlan cuts a product of n×k weights: tiles of rows, each in splits parts of
// per steps.
type fewPlan struct{ tile, per, splits int }

// planOf makes about a block for each multiprocessor, or more. Tiles of 128 rows
// read x half as often, and where the block that is last adds up all parts of a
// tile by itself, those of 64 make that short. So the large ones are for
// products without parts, and for parts that the next kernel adds up, if that is
// less to read.
func planOf(sms, n, k, mode int) fewPlan {
	large, small := fewPlan{tile: 128}.cut(sms, n, k, mode), fewPlan{tile: 64}.cut(sms, n, k, mode)
	switch {
	case large.splits == 1 && large.tiles(n) >= sms,
		mode == fewParts && 10*large.blocks(n) >= 9*sms && large.traffic(n, k) < small.traffic(n, k):
		return large
	}
	return small
}

// cut chooses parts for a tile. Gates are not worth parts.
func (p fewPlan) cut(sms, n, k, mode int) fewPlan {
	p.splits = (sms + p.tiles(n) - 1) / p.tiles(n)
	if mode == fewGate {
		p.splits = 1
	}
	return p.over(k)
}

// over sets per for k columns, and drops parts that would be empty.
func (p fewPlan) over(k int) fewPlan {
	steps := (k*p.tile + fewStep - 1) / fewStep
	p.per = (steps + p.splits - 1) / p.splits
	p.splits = (steps + p.per - 1) / p.per
	return p
}

func (p fewPlan) tiles(n int) int  { return (n + p.tile - 1) / p.tile }
func (p fewPlan) blocks(n int) int { return p.tiles(n) * p.splits }

// room is the number of sums in all parts.
func (p fewPlan) room(n int) int {
	if p.splits == 1 {
		return 0
	}
	return p.blocks(n) * p.tile * fewRows
}

// traffic is the number of bytes that are read and written beside the weights.
func (p fewPlan) traffic(n, k int) int { return p.tiles(n)*2*fewRows*k + 2*4*p.room(n) }

// newFew makes room for products with weights of some shapes, n×k.
func newFew(c *CUDA, plans map[[2]int]fewPlan) (f *few, err error) {
	f = &few{c: c}
	part, count := 1, 1
	for s, p := range plans {
		part, count = max(part, p.room(s[0])), max(count, p.tiles(s[0]))
	}
	if f.part, err = c.alloc(graph.Float32, part); err != nil {
		return nil, err
	}
	f.count, err = c.alloc(graph.Int32, count)
	return f, err
}

// fitsFew tells whether few.cu takes a product of m×k and n×k.
func fitsFew(m, n, k, mode int) bool {
	if mode == fewGate {
		n /= 2
	}
	return m <= fewRows && k%8 == 0 && n%4 == 0 && uint64(n)*uint64(k) < 1<<32
}

// multiply queues out = x·wᵀ, x of m rows and w n×k.
func (f *few) multiply(p fewPlan, mode int, out, x, w slot, m, n, k int) {
	name := "few_product_64"
	if p.tile == 128 {
		name = "few_product_128"
	}
	f.c.launchAs(f.early, name, grid{p.tiles(n), p.splits, 128, fewShared}, out, slot(f.part.ptr), slot(f.count.ptr), x, w,
		i32(m), i32(n), i32(k), i32(p.per), i32(p.splits), i32(mode))
}
