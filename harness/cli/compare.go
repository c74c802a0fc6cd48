package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"hardneg/reports/finding"
	"hardneg/reports/result"

	"github.com/urfave/cli/v3"
)

// compareFlags are the flags of compare.
type compareFlags struct {
	on             []string
	scope          string
	metric, filter string
	out            string
	margin         float64
}

func (a *App) compareCommand() *cli.Command {
	var f compareFlags
	return &cli.Command{
		Name:      "compare",
		Usage:     "A minus B: two arms, two runs, or two sample files of lm-evaluation-harness",
		ArgsUsage: "A B",
		Description: `A and B are RUN/ARM (RUN: a name, latest, or a results.json), RUN (each arm that both have), or sample
files that lm-evaluation-harness wrote with --log_samples; several files with commas between them are
the seeds of one model, in order. Items are paired by id, seeds by value.

The test is the one of every report: seeds and problems both random where there are two seeds or more,
paired over problems where there is one. It was not declared before the data: exploratory.

Exit codes: 0 done, whatever the difference; 2 usage, unreadable file, nothing in common.`,
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "on", Usage: "only these benchmarks", Destination: &f.on},
			&cli.StringFlag{Name: "scope", Usage: "both, seeds or problems: what the p-value speaks of", Value: "both", Destination: &f.scope},
			&cli.StringFlag{Name: "metric", Usage: "metric of a sample file (default: exact_match, acc, …)", Destination: &f.metric},
			&cli.StringFlag{Name: "filter", Usage: "answer filter of a sample file (default: flexible-extract, else the first)", Destination: &f.filter},
			&cli.StringFlag{Name: "out", Usage: "also write a page with compare.json, tables and a figure into `DIR`", Destination: &f.out},
			&cli.FloatFlag{Name: "margin", Usage: "smallest difference of interest, `POINTS`", Value: 1, Destination: &f.margin},
		},
		Action: func(_ context.Context, c *cli.Command) error {
			if c.Args().Len() != 2 {
				return usagef("compare: want A and B, have %d arguments", c.Args().Len())
			}
			return a.compare(c.Args().Get(0), c.Args().Get(1), f)
		},
	}
}

func (a *App) compare(left, right string, f compareFlags) error {
	runs := map[string]*result.Set{}
	x, err := a.sides(left, f, runs)
	if err != nil {
		return err
	}
	y, err := a.sides(right, f, runs)
	if err != nil {
		return err
	}
	pairs := pairUp(x, y, f.on)
	if len(pairs) == 0 {
		return usagef("compare: %s has %s; %s has %s: nothing in common", left, names(x), right, names(y))
	}
	d := finding.Design{Scope: f.scope, Level: .95, Alpha: .05, Margin: f.margin / 100, Strata: "size"}
	if !slices.Contains([]string{"both", "seeds", "problems"}, f.scope) || !(f.margin >= 0) {
		return usagef("compare: --scope is both, seeds or problems, --margin at least 0")
	}
	out, err := finding.Compare(d, pairs)
	if err != nil {
		return fail(ExitUsage, err)
	}
	if f.out != "" {
		if err := a.comparePage(f.out, left+" against "+right, d, out, differencesOf(pairs)); err != nil {
			return infrastructure(err)
		}
	}
	if a.JSON {
		return a.document(comparisonDocument(d, out))
	}
	return a.printComparisons(d, out)
}

// pairUp matches sides by benchmark and, where both have several arms, by arm.
// Two single sides on different tasks are matched too: their items decide.
func pairUp(x, y []finding.Side, on []string) (pairs [][2]finding.Side) {
	for _, a := range x {
		for _, b := range y {
			several := arms(x) > 1 || arms(y) > 1
			if a.Benchmark != b.Benchmark && len(x)+len(y) > 2 || several && a.Name != b.Name || len(on) > 0 && !slices.Contains(on, a.Benchmark) {
				continue
			}
			pairs = append(pairs, [2]finding.Side{a, b})
		}
	}
	return pairs
}

func arms(sides []finding.Side) int {
	seen := map[string]bool{}
	for _, s := range sides {
		seen[s.Name] = true
	}
	return len(seen)
}

func names(sides []finding.Side) string {
	var out []string
	for _, s := range sides {
		out = append(out, s.Name+" on "+s.Benchmark)
	}
	return strings.Join(out, ", ")
}

// sides reads one argument; a run named twice is read once.
func (a *App) sides(name string, f compareFlags, runs map[string]*result.Set) ([]finding.Side, error) {
	if first, _, _ := strings.Cut(name, ","); strings.HasSuffix(first, ".jsonl") {
		return sampleSides(name, f)
	}
	run, arm := name, ""
	if _, err := os.Stat(name); err != nil {
		if i := strings.LastIndexByte(name, '/'); i >= 0 {
			run, arm = name[:i], name[i+1:]
		}
	}
	if runs[run] == nil {
		s, err := a.results(run)
		if err != nil {
			return nil, err
		}
		runs[run] = s
	}
	s := runs[run]
	var out []finding.Side
	for _, x := range s.Arms {
		if arm != "" && x.Name != arm {
			continue
		}
		for _, b := range s.Benchmarks {
			side, err := finding.SideOf(s, x.Name, b.Name)
			if err == nil {
				out = append(out, side)
			} else if arm != "" {
				return nil, fail(ExitUsage, err)
			}
		}
	}
	if len(out) == 0 {
		return nil, usagef("compare: run %s has no outcomes of arm %q", run, arm)
	}
	return out, nil
}

// sampleSides reads sample files with commas between them as one model's seeds.
func sampleSides(list string, f compareFlags) ([]finding.Side, error) {
	var side finding.Side
	at := map[string]int{}
	for k, path := range strings.Split(list, ",") {
		file, err := os.Open(path)
		if err != nil {
			return nil, fail(ExitEnvironment, err)
		}
		s, err := result.ReadLMEval(file, f.metric, f.filter)
		file.Close()
		if err != nil {
			return nil, usagef("%s: %w", path, err)
		}
		if k == 0 {
			side = finding.Side{Name: modelOf(path), Benchmark: taskOf(path), IDs: s.IDs}
			for i, id := range s.IDs {
				at[id] = i
			}
		}
		row := make([]float64, len(side.IDs))
		for i, id := range s.IDs {
			j, ok := at[id]
			if !ok || len(s.IDs) != len(side.IDs) {
				return nil, usagef("%s: its documents are not those of the first file (%d and %d documents)", path, len(s.IDs), len(side.IDs))
			}
			row[j] = s.Score[i]
		}
		side.Seeds, side.Rows = append(side.Seeds, k+1), append(side.Rows, row)
	}
	return []finding.Side{side}, nil
}

// taskOf is gsm8k for samples_gsm8k_2026-01-01T00-00-00.000000.jsonl.
func taskOf(path string) string {
	name := strings.TrimSuffix(filepath.Base(path), ".jsonl")
	name = strings.TrimPrefix(name, "samples_")
	if i := strings.LastIndexByte(name, '_'); i > 0 && len(name) > i+4 && name[i+1] >= '0' && name[i+1] <= '9' && strings.Contains(name[i:], "-") {
		name = name[:i]
	}
	return name
}

// modelOf is the folder that the harness named after the model, or the file.
func modelOf(path string) string {
	if dir := filepath.Base(filepath.Dir(path)); dir != "." && dir != string(filepath.Separator) {
		return dir
	}
	return strings.TrimSuffix(filepath.Base(path), ".jsonl")
}

func (a *App) printComparisons(d finding.Design, all []finding.Comparison) error {
	rows := [][]string{{"benchmark", "items", "seeds", "A", "B", "A − B [95 % CI]", "p", "p adj.", "won/lost items", "MDE"}}
	for _, c := range all {
		won, lost := 0, 0
		for _, m := range c.Delta.Sens.McNemar {
			won, lost = won+m.B, lost+m.C
		}
		items := fmt.Sprintf("%d/%d", won, lost)
		if len(c.Delta.Sens.McNemar) == 0 {
			items = finding.Dash
		}
		rows = append(rows, []string{c.Benchmark, strconv.Itoa(c.Delta.N), finding.Seeds(c.Delta), finding.MeanSD(c.A), finding.MeanSD(c.B), finding.Delta(c.Delta),
			finding.P(c.Delta.P), finding.P(c.Delta.PAdj), items, finding.Width(c.Delta.MDE)})
	}
	if err := columns(a.Stdout, rows); err != nil {
		return err
	}
	for _, c := range all {
		fmt.Fprintf(a.Stdout, "\n%s: A is %s, B is %s; verdict at a margin of %s points: %s\n", c.Benchmark, c.A.Arm, c.B.Arm, finding.Width(result.Num(d.Margin)), finding.Verdict(c.Delta.Verdict))
		for _, w := range c.Delta.Warn {
			fmt.Fprintln(a.Stdout, "  "+w)
		}
		if n := c.Pairing.OnlyA + c.Pairing.OnlyB; n > 0 {
			fmt.Fprintf(a.Stdout, "  %d items of A and %d of B have no partner and are left out\n", c.Pairing.OnlyA, c.Pairing.OnlyB)
		}
	}
	scope := d.Scope
	if scope == "both" && !slices.ContainsFunc(all, func(c finding.Comparison) bool { return len(c.Pairing.Seeds) > 1 }) {
		scope = "problems, for there is one seed"
	}
	fmt.Fprintf(a.Stdout, "\nscope %s; accuracies and differences in points; p adj.: Benjamini–Hochberg over this table\n", scope)
	return nil
}
