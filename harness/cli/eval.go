package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/urfave/cli/v3"

	"hardneg/experiments/plan"
	"hardneg/fixtures/problem"
	"hardneg/harness/stage"
)

func (a *App) evalCommand() *cli.Command {
	return &cli.Command{
		Name:      "eval",
		Usage:     "measure a model's accuracy on problems",
		UsageText: "hardneg eval --model DIR --in problems.jsonl --out items.jsonl [options]",
		Description: `Rows {"question","answer"|"gold","id"?}. Each answer becomes a row {"id","response","strict","flexible",…};
the accuracies by both ways of reading the answer go to standard output, with --out - to standard error. Stopped, the same command goes on.

Exit codes: 0 done, 2 a bad row or flag, 6 model or file missing or unusable, 75 and 130 stopped.`,
		Flags: singleFlags(
			&cli.StringFlag{Name: "out", Usage: "JSON lines, - for standard output", Required: true},
			&cli.IntFlag{Name: "max-new", Usage: "most tokens of an answer", Value: 1024},
			&cli.IntFlag{Name: "samples", Usage: "answers a problem; 1 is greedy", Value: 1},
			&cli.FloatFlag{Name: "temperature", Usage: "of sampled answers", Value: 0.8},
			&cli.FloatFlag{Name: "top-p", Usage: "of sampled answers", Value: 0.95},
		),
		Action: a.eval,
	}
}

func (a *App) eval(ctx context.Context, c *cli.Command) error {
	compute, err := computeOf(c)
	if err != nil {
		return err
	}
	p := plan.EvalParams{Compute: compute, Benchmarks: []string{"in"}, Decoding: "greedy", Samples: 1, MaxNew: c.Int("max-new"), Extract: []string{"strict", "flexible"}, Primary: "flexible"}
	if n := c.Int("samples"); n > 1 {
		p.Decoding, p.Samples, p.Temperature, p.TopP = "sample", n, c.Float("temperature"), c.Float("top-p")
		p.SeedKey = &plan.SeedKey{Root: c.Int("seed")}
	}
	if t, top := c.Float("temperature"), c.Float("top-p"); p.MaxNew < 1 || c.Int("samples") < 1 || t < 0 || top <= 0 || top > 1 {
		return usagef("eval: want max-new and samples of at least 1, temperature of at least 0, top-p above 0 and at most 1")
	}
	files, stamp, err := a.modelFiles(c)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	rows, err := a.lines(c.String("in"), func(line []byte) ([]byte, error) {
		row, err := questionRow(line, seen)
		var q problem.Problem
		if err == nil && json.Unmarshal(row, &q) == nil && q.Answer == "" {
			err = errors.New("field answer (or gold) is missing or empty")
		}
		return row, err
	})
	if err != nil {
		return err
	}
	s, err := a.begin(c, c.String("out"), "eval", p, stamp, rows)
	if err != nil {
		return err
	}
	data, err := s.input("data", "problems.jsonl", rows)
	if err != nil {
		return err
	}
	dir, err := s.run(ctx, "eval", p, map[string]string{"data.in": data}, files)
	if err != nil {
		return err
	}
	var n, strictRight, flexRight int
	err = a.eachRow(filepath.Join(dir, "items.jsonl"), func(line []byte) error {
		var it stage.EvalItem
		if err := json.Unmarshal(line, &it); err != nil {
			return err
		}
		n++
		if it.Strict.Right {
			strictRight++
		}
		if it.Flexible.Right {
			flexRight++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.finish(filepath.Join(dir, "items.jsonl")); err != nil {
		return err
	}
	w := a.Stdout
	if s.stream { // the rows are there
		w = a.Stderr
	}
	if a.JSON {
		return json.NewEncoder(w).Encode(map[string]any{"n": n, "correct": flexRight, "accuracy": float64(flexRight) / float64(n), "accuracy_strict": float64(strictRight) / float64(n)})
	}
	_, err = fmt.Fprintf(w, "%d answers: %.1f %% right (strict extraction %.1f %%)\n", n, 100*float64(flexRight)/float64(n), 100*float64(strictRight)/float64(n))
	return err
}
