package finding

import (
	"fmt"
	"math"
	"slices"

	"hardneg/reports/result"
	"hardneg/reports/stats"
)

// Components are the variances of one contrast, as fractions squared.
type Components struct{ Seed, Problem, Residual float64 }

// PlanningComponents are those of the planning table: two trained arms at
// 60 % accuracy, a run-to-run sd of half a point each.
func PlanningComponents() Components { return Components{Seed: 5e-5, Problem: .032, Residual: .18} }

// Size is a benchmark with its number of problems and components.
type Size struct {
	Benchmark string
	N         int
	Components
}

// Forecast says what a design can detect on one benchmark with one number of
// seeds, before it is run.
type Forecast struct {
	Benchmark string         `json:"benchmark"`
	N         int            `json:"n"`
	Seeds     int            `json:"seeds"`
	SE        result.Num     `json:"se"`
	DF        result.Num     `json:"df"`
	MDE       result.Num     `json:"mde"`
	Needed    map[string]int `json:"seeds_needed"`      // difference in points → seeds, 0 = not attainable
	AtZero    stats.Chances  `json:"chances_at_zero"`   // chance of each verdict if the arms are equal
	AtMargin  stats.Chances  `json:"chances_at_margin"` // if the true difference is the margin
}

// Foresee makes the forecasts of every benchmark, and of combined where there
// are several, for each number of seeds. arms is the size of the pool.
func Foresee(d Design, sizes []Size, arms int, seeds []int) ([]Forecast, error) {
	if len(sizes) > 1 {
		sizes = append(slices.Clone(sizes), combinedSize(sizes))
	}
	var out []Forecast
	for _, z := range sizes {
		p := stats.Plan{VarSeed: z.Seed, VarProblem: z.Problem, VarResidual: z.Residual, N: float64(z.N), Arms: float64(max(arms, 1))}
		needed := map[string]int{}
		for _, points := range []float64{100 * d.Margin, 1, 2} {
			r, err := p.SeedsNeeded(points/100, d.Alpha, power)
			if err != nil {
				return nil, fmt.Errorf("benchmark %s: %w", z.Benchmark, err)
			}
			needed[fmt.Sprintf("%g", points)] = 0
			if !math.IsNaN(r.Seeds) {
				needed[fmt.Sprintf("%g", points)] = int(r.Seeds)
			}
		}
		for _, s := range seeds {
			f, err := foresee(d, z, p, s)
			if err != nil {
				return nil, fmt.Errorf("benchmark %s with %d seeds: %w", z.Benchmark, s, err)
			}
			f.Needed = needed
			out = append(out, f)
		}
	}
	return out, nil
}

func foresee(d Design, z Size, p stats.Plan, seeds int) (Forecast, error) {
	f := Forecast{Benchmark: z.Benchmark, N: z.N, Seeds: seeds}
	se, df := p.At(float64(seeds))
	if seeds == 1 { // the problems of one checkpoint
		se, df = math.Sqrt((z.Problem+z.Residual)/float64(z.N)), float64(z.N-1)
	}
	m, err := stats.MDE(se, df, d.Alpha, power)
	if err != nil {
		return f, err
	}
	f.SE, f.DF, f.MDE = num(se), num(df), num(m)
	if f.AtZero, err = p.Chances(0, seeds, d.Margin, d.Alpha); err != nil {
		return f, err
	}
	f.AtMargin, err = p.Chances(d.Margin, seeds, d.Margin, d.Alpha)
	return f, err
}

// combinedSize has all problems and components averaged by size.
func combinedSize(sizes []Size) Size {
	c := Size{Benchmark: Combined}
	for _, z := range sizes {
		c.N += z.N
	}
	for _, z := range sizes {
		w := float64(z.N) / float64(c.N)
		c.Seed, c.Problem, c.Residual = c.Seed+w*z.Seed, c.Problem+w*z.Problem, c.Residual+w*z.Residual
	}
	return c
}

// Estimated are the sizes and components of an earlier run: for each benchmark
// the median over its differences.
func Estimated(s *result.Set) ([]Size, error) {
	var out []Size
	for _, b := range s.Benchmarks {
		var seeds, problems, residuals []float64
		for _, f := range s.Findings {
			if f.Kind == result.KindDelta && f.Benchmark == b.Name && f.VarSeed.OK() {
				seeds, problems, residuals = append(seeds, float64(f.VarSeed)), append(problems, float64(f.VarProblem)), append(residuals, float64(f.VarResidual))
			}
		}
		if len(seeds) == 0 {
			return nil, fmt.Errorf("run %s has no difference on %s with two seeds or more; give --var seed,problem,residual", s.Run, b.Name)
		}
		out = append(out, Size{b.Name, b.N, Components{middle(seeds), middle(problems), middle(residuals)}})
	}
	return out, nil
}

func middle(x []float64) float64 {
	slices.Sort(x)
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}
