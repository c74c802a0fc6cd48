//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"os"

	"hardneg/models/graph"
)

// Constants of few.cu.
const (
	fewRows   = 64
	fewStages = 4
)

// What few.cu makes of a product: it stores it, adds it to what is there, or
// takes it for gates and ups.
const (
	fewStore = iota
	fewAdd
	fewGate
)

// few computes products of few rows in bfloat16, which cublasLt does with less
// of the memory's bandwidth.
type few struct {
	c           *CUDA
	early       bool // see launchAs
	part, count *buffer
}

// fewPlan cuts a product of n×k weights: tiles of rows, each in splits parts of
// per × 64 columns.
type fewPlan struct{ tile, per, splits int }

// plan makes two blocks or more for each multiprocessor; large tiles, which read
// x less often, where these are enough of them.
func (f *few) plan(n, k int) fewPlan {
	blocks, steps := 2*f.c.dev.Info.SMs, (k+63)/64
	if (n+127)/128 >= blocks {
		return fewPlan{128, steps, 1}
	}
	tiles := (n + 63) / 64
	return fewPlan{64, 0, (blocks + tiles - 1) / tiles}.over(steps)
}

// EnvFew names the environment variable that says which products of a decoding
// step few.cu computes, to time it: "none", "all", or those that it is faster at.
const EnvFew = "HARDNEG_FEW"

// fewer tells whether few.cu computes a product of n×k weights.
func fewer(p fewPlan) bool {
	switch os.Getenv(EnvFew) {
	case "none":
		return false
	case "all":
		return true
	}
	return p.splits == 1 // parts cost more to put together than they win
}

// over sets per for a number of steps, and drops parts that would be empty.
func (p fewPlan) over(steps int) fewPlan {
	p.per = (steps + p.splits - 1) / p.splits
	p.splits = (steps + p.per - 1) / p.per
	return p
}

func (p fewPlan) tiles(n int) int { return (n + p.tile - 1) / p.tile }

// newFew makes room for products with weights of some shapes, n×k.
func newFew(c *CUDA, plans map[[2]int]fewPlan) (f *few, err error) {
	f = &few{c: c}
	part, count := 1, 1
	for s, p := range plans {
		if p.splits > 1 {
			part = max(part, p.tiles(s[0])*p.splits*p.tile*fewRows)
			count = max(count, p.tiles(s[0]))
		}
	}
	if f.part, err = c.alloc(graph.Float32, part); err != nil {
		return nil, err
	}
	f.count, err = c.alloc(graph.Int32, count)
	return f, err
}

// fits tells whether few.cu takes a product of m×k and n×k.
func (f *few) fits(m, n, k, mode int) bool {
	if mode == fewGate {
		n /= 2
	}
	return m <= fewRows && k%8 == 0 && n%4 == 0
}

// multiply queues out = x·wᵀ, x of m rows and w n×k.
func (f *few) multiply(p fewPlan, mode int, out, x, w slot, m, n, k int) {
	name, tile := "few_product_64", p.tile
	if tile == 128 {
		name = "few_product_128"
	}
	f.c.launchAs(f.early, name, grid{p.tiles(n), p.splits, 128, fewStages * (tile + fewRows) * 128}, out, slot(f.part.ptr), slot(f.count.ptr), x, w,
		i32(m), i32(n), i32(k), i32(p.per), i32(p.splits), i32(mode))
}
