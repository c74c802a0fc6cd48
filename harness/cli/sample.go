package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"hardneg/experiments/plan"
	"hardneg/fixtures/problem"
)

func (a *App) sampleCommand() *cli.Command {
	return &cli.Command{
		Name:                      "sample",
		DisableSliceFlagSeparator: true, // a stop text may hold commas
		Usage:                     "draw solutions from a model",
		UsageText:                 "hardneg sample --model DIR --in questions.jsonl --out samples.jsonl [options]",
		Description: `Rows {"question","id"?,"gold"?,"reference"?} become --n rows each, in order:
{"id","prompt_id","k","question","solution","gold","reference","tokens","logprob","finish"}, input of hardneg score.
logprob is the model's own, at temperature 1. A sample depends on the model, the seed, the question's id and k alone:
threads and the other rows change nothing. A question whose prompt fills the model's positions gets no solution and the
finish prompt_too_long; where all do, nothing is drawn. Stopped, the same command goes on.

Exit codes: 0 done, 2 a bad row or flag, or no question fits the model, 6 model or file missing or unusable, 75 and 130 stopped.`,
		Flags: singleFlags(
			&cli.StringFlag{Name: "out", Usage: "JSON lines, - for standard output", Required: true},
			&cli.IntFlag{Name: "n", Usage: "solutions a question", Value: 8},
			&cli.FloatFlag{Name: "temperature", Usage: "0 is greedy", Value: 0.8},
			&cli.IntFlag{Name: "top-k", Usage: "keep the k likeliest tokens, 0 for all"},
			&cli.FloatFlag{Name: "top-p", Usage: "keep the likeliest tokens of this mass", Value: 0.95},
			&cli.FloatFlag{Name: "min-p", Usage: "drop tokens below this share of the likeliest"},
			&cli.IntFlag{Name: "max-new", Usage: "most tokens of a solution", Value: 512},
			&cli.StringSliceFlag{Name: "stop", Usage: "`TEXT` that ends a solution; may be repeated"},
		),
		Action: a.sample,
	}
}

func (a *App) sample(ctx context.Context, c *cli.Command) error {
	compute, err := computeOf(c)
	if err != nil {
		return err
	}
	p := plan.SampleParams{Compute: compute, N: c.Int("n"), Temperature: c.Float("temperature"), TopK: c.Int("top-k"),
		TopP: c.Float("top-p"), MinP: c.Float("min-p"), MaxNew: c.Int("max-new"), Stop: c.StringSlice("stop"),
		SeedKey: &plan.SeedKey{Root: c.Int("seed")}}
	if p.N < 1 || p.MaxNew < 1 || p.Temperature < 0 || p.TopP <= 0 || p.TopP > 1 || p.MinP < 0 || p.MinP > 1 || p.TopK < 0 {
		return usagef("sample: want n and max-new of at least 1, temperature and top-k of at least 0, top-p above 0 and at most 1, min-p in 0 to 1")
	}
	if slices.Contains(p.Stop, "") {
		return usagef("sample: --stop \"\": an empty text stands everywhere; leave --stop out to stop at the end token alone")
	}
	files, stamp, err := a.modelFiles(c)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	rows, err := a.lines(c.String("in"), func(line []byte) ([]byte, error) { return questionRow(line, seen) })
	if err != nil {
		return err
	}
	s, err := a.begin(c, c.String("out"), "sample", p, stamp, rows)
	if err != nil {
		return err
	}
	data, err := s.input("data", "problems.jsonl", rows)
	if err != nil {
		return err
	}
	dir, err := s.run(ctx, "sample", p, map[string]string{"data": data}, files)
	if err != nil {
		return err
	}
	return s.finish(filepath.Join(dir, "samples.jsonl"))
}

// questionRow turns a row of the user into a problem.
func questionRow(line []byte, seen map[string]bool) ([]byte, error) {
	var in struct {
		problem.Problem
		Gold      string `json:"gold"`
		Reference string `json:"reference"`
	}
	if err := strict(line, &in); err != nil {
		return nil, err
	}
	p := in.Problem
	if strings.TrimSpace(p.Question) == "" {
		return nil, errors.New("field question is missing or empty")
	}
	if p.ID == "" {
		p.ID = problem.Digest(p.Question)
	}
	if seen[p.ID] {
		return nil, fmt.Errorf("id %s is there twice: ids name the random streams; drop the row or give it an id of its own", p.ID)
	}
	seen[p.ID] = true
	if in.Gold != "" {
		p.Answer = in.Gold
	}
	if in.Reference != "" {
		p.Solution = in.Reference
	}
	return json.Marshal(p)
}
