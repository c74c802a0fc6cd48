package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v3"

	"hardneg/fixtures/seed"
	"hardneg/models/cpu/gemm"
)

// gemmResult is one product: C (m×n) from k terms each.
type gemmResult struct {
	Task         string  `json:"task"`
	Product      string  `json:"product"` // x·wᵀ forward, dy·w and dyᵀ·x backward
	M            int     `json:"m"`
	K            int     `json:"k"`
	N            int     `json:"n"`
	Threads      int     `json:"threads"`
	Kernel       string  `json:"kernel"`
	GFLOPSMedian float64 `json:"gflops_median"`
	GFLOPSBest   float64 `json:"gflops_best"`
	GFLOPSPerCPU float64 `json:"gflops_per_cpu"`
	Peak         float64 `json:"peak_gflops"` // of one thread, on registers alone; 0: unknown
	Share        float64 `json:"share_of_peak"`
}

// gemmShapes are tokens, inputs and outputs of a layer: the contract's reference
// shape, and the layers of tiny and small with the tokens of a micro-batch.
var gemmShapes = [][3]int{{1024, 1536, 1536},
	{508, 128, 256}, {508, 128, 128}, {508, 128, 1024}, {508, 512, 128}, {508, 128, 512},
	{508, 512, 768}, {508, 512, 512}, {508, 512, 4096}, {508, 2048, 512}, {508, 512, 8192}}

// benchGEMM times the three products of each shape.
func (a *App) benchGEMM(ctx context.Context, c *cli.Command) error {
	e := gemm.New(threadsOf(c))
	if c.String("dtype") == "bf16" {
		e = gemm.NewBF16(threadsOf(c))
	}
	if name := c.String("kernel"); name != "" {
		if e = gemm.WithKernel(threadsOf(c), name); e == nil {
			return usagef("bench: kernel %q: want one of %v or %v", name, gemm.Kernels(), gemm.BF16Kernels())
		}
	}
	key := seed.Derive(0, "gemm")
	fill := func(n int) []float32 {
		r := make([]float32, n)
		for i := range r {
			r[i] = float32(key.Float(uint64(i))) - 0.5
		}
		return r
	}
	peak := gemm.Peak(e.Kernel()) / 1e9
	for _, s := range gemmShapes {
		t, in, out := s[0], s[1], s[2]
		x, w, y := gemm.Rows(fill(t*in), in), gemm.Rows(fill(out*in), in), gemm.Rows(fill(t*out), out)
		for _, p := range []struct {
			name    string
			m, k, n int
			a, b    gemm.Mat
		}{{"x·wᵀ", t, in, out, x, w.T()}, {"dy·w", t, out, in, y, w}, {"dyᵀ·x", out, t, in, y.T(), x}} {
			if err := ctx.Err(); err != nil {
				return err
			}
			var sw stopwatch
			o := make([]float32, p.m*p.n)
			for start := time.Now(); len(sw.wall) < 5 || time.Since(start) < 200*time.Millisecond; {
				_ = sw.time(func() error {
					e.Mul(p.m, p.n, p.k, p.a, p.b, o, p.n, false)
					return nil
				})
			}
			flop := 2e-6 * float64(p.m) * float64(p.n) * float64(p.k)
			r := gemmResult{Task: "gemm", Product: p.name, M: p.m, K: p.k, N: p.n, Threads: e.Threads(), Kernel: e.Kernel(),
				GFLOPSMedian: flop / median(sw.wall), GFLOPSBest: flop / slices.Min(sw.wall), GFLOPSPerCPU: flop / max(median(sw.cpu), 1e-9), Peak: peak}
			if peak > 0 {
				r.Share = r.GFLOPSMedian / peak / float64(r.Threads)
			}
			if err := a.printGEMM(c, r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *App) printGEMM(c *cli.Command, r gemmResult) error {
	if a.JSON || c.Bool("json") {
		return json.NewEncoder(a.Stdout).Encode(r)
	}
	_, err := fmt.Fprintf(a.Stdout, "%5d×%4d×%4d %-6s %7.1f GFLOP/s (best %.1f), %.0f %% of %.0f a thread, %s, %d threads\n",
		r.M, r.K, r.N, r.Product, r.GFLOPSMedian, r.GFLOPSBest, 100*r.Share, r.Peak, r.Kernel, r.Threads)
	return err
}
