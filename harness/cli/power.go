package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"hardneg/experiments/plan"
	"hardneg/experiments/spec"
	"hardneg/harness/track"
	"hardneg/reports/finding"
	"hardneg/reports/result"

	"github.com/urfave/cli/v3"
)

// powerFlags are the flags of power.
type powerFlags struct {
	sets, sizes   []string
	seeds         []int
	from          string
	components    string
	arms          int
	margin, alpha float64
}

func (a *App) powerCommand() *cli.Command {
	var f powerFlags
	return &cli.Command{
		Name:      "power",
		Usage:     "what a design can detect, before any of it is run",
		ArgsUsage: "[SPEC]",
		Description: `Prints, for each benchmark and number of seeds, the minimum detectable effect at 80 % power, the
seeds that a difference of the margin, 1 and 2 points needs, and the chance of each verdict if the
arms are equal and if they differ by the margin.

Variance components of a difference between two arms come from --var, from the differences of an
earlier run (--from), or are those of a 1.5B model on GSM8K: 5e-5,0.032,0.18. Numbers of problems come
from --n, the earlier run, or the spec's benchmarks. Without SPEC give --n.

Exit codes: 0 done, 2 spec or usage.`,
		DisableSliceFlagSeparator: true,
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "set", Usage: "override a value of the spec, `KEY=VALUE`", Destination: &f.sets},
			&cli.StringFlag{Name: "from", Usage: "`RUN` or results.json whose components and sizes are taken", Destination: &f.from},
			&cli.StringFlag{Name: "var", Usage: "variance components `SEED,PROBLEM,RESIDUAL`, fractions squared", Destination: &f.components},
			&cli.StringSliceFlag{Name: "n", Usage: "problems of a benchmark, `NAME=N`", Destination: &f.sizes},
			&cli.IntSliceFlag{Name: "seeds", Usage: "numbers of seeds (default: the spec's, and 3, 5, 10)", Destination: &f.seeds},
			&cli.IntFlag{Name: "arms", Usage: "trained arms whose seed variance is pooled (default: the spec's, or 6)", Destination: &f.arms},
			&cli.FloatFlag{Name: "margin", Usage: "smallest difference of interest, `POINTS` (default: the spec's, or 1)", Destination: &f.margin},
			&cli.FloatFlag{Name: "alpha", Usage: "error rate (default: the spec's, or 0.05)", Destination: &f.alpha},
		},
		Action: func(_ context.Context, c *cli.Command) error {
			if c.Args().Len() > 1 {
				return usagef("power: want one SPEC, have %d arguments", c.Args().Len())
			}
			switch {
			case c.IsSet("margin") && !(f.margin > 0 && f.margin <= 100):
				return usagef("power: --margin %g: want points above 0, at most 100", f.margin)
			case c.IsSet("alpha") && !(f.alpha > 0 && f.alpha < 1):
				return usagef("power: --alpha %g: want an error rate between 0 and 1, such as 0.05", f.alpha)
			case c.IsSet("arms") && f.arms < 1:
				return usagef("power: --arms %d: want at least 1", f.arms)
			}
			return a.power(c.Args().First(), f)
		},
	}
}

func (a *App) power(path string, f powerFlags) error {
	d := finding.Design{Scope: "both", Level: .95, Alpha: .05, Margin: .01, Strata: "size"}
	var sizes []finding.Size
	seeds, arms := []int{3, 5, 10}, 6
	if path != "" {
		s, err := spec.Load(path, f.sets)
		if err != nil {
			return fail(ExitUsage, err)
		}
		d, arms = designOf(s), 0
		arms = len(d.Pool)
		if n := len(s.Seeds.Values); n > 0 && !slices.Contains(seeds, n) {
			seeds = append([]int{n}, seeds...)
		}
		if sizes, err = sizesOf(s); err != nil {
			return fail(ExitUsage, fmt.Errorf("%s: %w", path, err))
		}
	}
	sizes, err := a.planSizes(sizes, f)
	if err != nil {
		return err
	}
	if f.margin > 0 {
		d.Margin = f.margin / 100
	}
	if f.alpha > 0 {
		d.Alpha = f.alpha
	}
	if f.arms > 0 {
		arms = f.arms
	}
	if len(f.seeds) > 0 {
		seeds = f.seeds
	}
	slices.Sort(seeds)
	if len(sizes) == 0 || seeds[0] < 1 {
		return usagef("power: nothing to plan with: name a SPEC with benchmarks, or --n NAME=N, and at least one seed")
	}
	forecasts, err := finding.Foresee(d, sizes, arms, seeds)
	if err != nil {
		return fail(ExitUsage, err)
	}
	if a.JSON {
		return a.document(map[string]any{"margin": d.Margin, "alpha": d.Alpha, "arms": arms, "components": sizes, "forecasts": forecasts})
	}
	return a.printForecasts(d, arms, sizes, forecasts)
}

// sizesOf are the spec's benchmarks with the planning table's components; one
// whose number of problems is not known before it is read has 0.
func sizesOf(s *spec.Spec) ([]finding.Size, error) {
	class := s.Hardware.Device
	if class == "auto" {
		class = "cpu"
	}
	p, err := plan.Expand(s.OnDevice(class))
	if err != nil {
		return nil, err
	}
	var out []finding.Size
	costs := p.Estimate(spec.Shape{})
	for _, b := range s.Stages.Eval.Benchmarks {
		z := finding.Size{Benchmark: b.Name, Components: finding.PlanningComponents()}
		for i, t := range p.Tasks {
			if t.ID == "data-eval-"+b.Name {
				z.N = int(costs[i].Rows)
			}
		}
		out = append(out, z)
	}
	return out, nil
}

// planSizes lets --from, --n and --var override what the spec says.
func (a *App) planSizes(sizes []finding.Size, f powerFlags) ([]finding.Size, error) {
	if f.from != "" {
		s, err := a.results(f.from)
		if err != nil {
			return nil, err
		}
		if sizes, err = finding.Estimated(s); err != nil {
			return nil, fail(ExitUsage, err)
		}
	}
	for _, text := range f.sizes {
		name, count, ok := strings.Cut(text, "=")
		n, err := strconv.Atoi(count)
		if !ok || name == "" || err != nil || n < 2 {
			return nil, usagef("power: --n %s: want NAME=N with at least 2 problems", text)
		}
		i := slices.IndexFunc(sizes, func(z finding.Size) bool { return z.Benchmark == name })
		if i < 0 {
			i = len(sizes)
			sizes = append(sizes, finding.Size{Benchmark: name, Components: finding.PlanningComponents()})
		}
		sizes[i].N = n
	}
	if f.components != "" {
		c, err := components(f.components)
		if err != nil {
			return nil, err
		}
		for i := range sizes {
			sizes[i].Components = c
		}
	}
	for _, z := range sizes {
		if z.N < 2 {
			return nil, usagef("power: benchmark %s: the number of problems is known only once they are read; give --n %s=N", z.Benchmark, z.Benchmark)
		}
	}
	return sizes, nil
}

// components reads "5e-5,0.032,0.18".
func components(text string) (c finding.Components, err error) {
	parts := strings.Split(text, ",")
	if len(parts) != 3 {
		return c, usagef("power: --var %s: want three numbers, seed,problem,residual", text)
	}
	for i, into := range []*float64{&c.Seed, &c.Problem, &c.Residual} {
		if *into, err = strconv.ParseFloat(strings.TrimSpace(parts[i]), 64); err != nil || !(*into >= 0) || math.IsInf(*into, 0) {
			return c, usagef("power: --var %s: %q is no variance", text, parts[i])
		}
	}
	if c.Problem+c.Residual == 0 {
		return c, usagef("power: --var %s: problem and residual are both 0", text)
	}
	return c, nil
}

// results reads results.json by its path, by a folder that holds it, or by the
// name of a run of the workspace.
func (a *App) results(name string) (*result.Set, error) {
	path, own := name, false
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		path = filepath.Join(path, "results.json")
	} else if err != nil {
		folder, err := track.FindFolder(a.Workspace, name)
		if err != nil {
			return nil, fail(ExitUsage, err)
		}
		path, own = folder.Path("results.json"), true
	}
	s, err := result.ReadFile(path)
	if err != nil && own && !errors.Is(err, fs.ErrNotExist) {
		return nil, &track.DamagedError{Path: path, Err: err}
	}
	if err != nil {
		return nil, usagef("%w; a finished or partial run has results.json once `hardneg run` or `hardneg report` wrote it", err)
	}
	return s, nil
}

func (a *App) printForecasts(d finding.Design, arms int, sizes []finding.Size, fs []finding.Forecast) error {
	margin := finding.Width(result.Num(d.Margin))
	head := []string{"benchmark", "problems", "seeds", "MDE (points)"}
	points := []float64{100 * d.Margin}
	for _, p := range []float64{1, 2} {
		if !slices.Contains(points, p) {
			points = append(points, p)
		}
	}
	for _, p := range points {
		head = append(head, fmt.Sprintf("seeds for ±%g", p))
	}
	rows := [][]string{append(head, "if equal: supported", "falsified", "inconclusive", "if +"+margin+": supported", "inconclusive")}
	seeds := func(f finding.Forecast, points float64) string {
		if n := f.Needed[fmt.Sprintf("%g", points)]; n > 0 {
			return strconv.Itoa(n)
		}
		return "never"
	}
	percent := func(p float64) string { return fmt.Sprintf("%.0f %%", 100*p) }
	for _, f := range fs {
		row := []string{f.Benchmark, strconv.Itoa(f.N), strconv.Itoa(f.Seeds), finding.Width(f.MDE)}
		for _, p := range points {
			row = append(row, seeds(f, p))
		}
		rows = append(rows, append(row,
			percent(f.AtZero.Supported+f.AtZero.Negligible), percent(f.AtZero.Falsified+f.AtZero.Reversed), percent(f.AtZero.Inconclusive),
			percent(f.AtMargin.Supported+f.AtMargin.Negligible), percent(f.AtMargin.Inconclusive)))
	}
	if err := columns(a.Stdout, rows); err != nil {
		return err
	}
	fmt.Fprintf(a.Stdout, "\nmargin %s points, alpha %g two-sided, %d arms pooled, scope both (new seeds and new problems)\n", margin, d.Alpha, arms)
	for _, z := range sizes {
		fmt.Fprintf(a.Stdout, "%s: variance of a difference between seeds %.3g, problems %.3g, residual %.3g\n", z.Benchmark, z.Seed, z.Problem, z.Residual)
	}
	fmt.Fprintln(a.Stdout, "supported includes negligible, falsified includes reversed; \"never\": up to 100 seeds do not suffice")
	return nil
}
