package cli

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v3"

	"hardneg/fixtures/seed"
	"hardneg/models/qwen2"
	"hardneg/models/sample"
)

// benchSample draws 96 tokens after each of 64 prompts of 48 tokens, at
// temperature 0.8 and without a stop: one step is the whole batch, prompts
// included, and its tokens are the new ones.
func (a *App) benchSample(ctx context.Context, c *cli.Command) error {
	if d := c.String("device"); d != "cpu" {
		return fail(ExitEnvironment, fmt.Errorf("bench sample: device %s: decoding runs on cpu", d))
	}
	if d := c.String("dtype"); d != "fp32" {
		return usagef("bench sample: dtype %s: want fp32", d)
	}
	shape, err := benchShape(c.String("model"))
	if err != nil {
		return err
	}
	p := qwen2.NewParams(shape)
	p.Init(seed.Derive(0, "bench"), 0.02)
	const rows, prompt, fresh = 64, 48, 96
	var prompts []sample.Prompt
	for i := range rows {
		id := fmt.Sprint(i)
		prompts = append(prompts, sample.Prompt{ID: id, Tokens: benchIDs(seed.Derive(0, "bench", id), prompt, shape.Vocab), N: 1})
	}
	s := sample.New(p, sample.Options{Batch: rows, Threads: c.Int("threads")})
	w := &stopwatch{}
	steps, warm := max(c.Int("steps"), 1), max(c.Int("warmup"), 0)
	for i := range steps + warm {
		params := sample.Params{Temperature: 0.8, MaxNew: fresh, Key: seed.Key(i)}
		err := w.time(func() error {
			_, err := s.Run(ctx, prompts, params, func(int, []sample.Output) error { return nil })
			return err
		})
		if err != nil {
			return err
		}
	}
	r := w.result(warm, rows*fresh)
	r.Task, r.Model, r.Device, r.DType, r.Threads = "sample", c.String("model"), "cpu", "fp32", threadsOf(c)
	return a.printBench(c, r)
}
