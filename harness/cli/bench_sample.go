package cli

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v3"

	"hardneg/fixtures/seed"
	"hardneg/models"
	"hardneg/models/qwen2"
	"hardneg/models/sample"
	"hardneg/models/vm"
)

// benchSample draws 96 tokens after each of 64 prompts of 48 tokens, at
// temperature 0.8 and without a stop: one step is the whole batch, prompts
// included, and its tokens are the new ones.
func (a *App) benchSample(ctx context.Context, c *cli.Command) error {
	shape, err := benchShape(c.String("model"))
	if err != nil {
		return err
	}
	dev, dtype := c.String("device"), c.String("dtype")
	be, err := models.Open(dev, models.Options{Threads: c.Int("threads"), Dtype: dtype})
	if err != nil {
		return fail(ExitEnvironment, err)
	}
	defer be.Close()
	p := qwen2.NewParams(shape)
	p.Init(seed.Derive(0, "bench"), 0.02)
	w := &stopwatch{}
	steps, warm := max(c.Int("steps"), 1), max(c.Int("warmup"), 0)
	task, tokens := "sample", 0.0
	if c.Bool("rollouts") {
		task += "-rollouts"
		tokens, err = benchRollouts(ctx, be, p, w, steps+warm, sample.Options{Batch: c.Int("batch"), Threads: c.Int("threads")})
	} else {
		tokens, err = benchGenerate(ctx, be, p, w, steps, warm, 96, c.Int("threads"))
	}
	if err != nil {
		return fail(ExitEnvironment, err)
	}
	r := w.result(warm, tokens)
	r.Task, r.Model, r.Device, r.DType, r.Threads = task, c.String("model"), be.Device(), dtype, threadsOf(c)
	r.PeakDeviceMiB = peakDevice(be)
	return a.printBench(c, r)
}

// benchGenerate decodes the fixed work and returns the new tokens of a step.
func benchGenerate(ctx context.Context, be vm.Backend, p *qwen2.Params, w *stopwatch, steps, warm, fresh, threads int) (float64, error) {
	const rows, prompt = 64, 48
	var prompts []sample.Prompt
	for i := range rows {
		id := fmt.Sprint(i)
		prompts = append(prompts, sample.Prompt{ID: id, Tokens: benchIDs(seed.Derive(0, "bench", id), prompt, p.Config.Vocab), N: 1})
	}
	s, err := sample.NewOn(be, p, sample.Options{Batch: rows, Threads: threads})
	if err != nil {
		return 0, err
	}
	defer s.Close()
	for i := range steps + warm {
		params := sample.Params{Temperature: 0.8, MaxNew: fresh, Key: seed.Key(i)}
		err := w.time(func() error {
			_, err := s.Run(ctx, prompts, params, func(int, []sample.Output) error { return nil })
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	return float64(rows * fresh), nil
}

// benchRollouts samples as the pipeline does: 256 prompts of 48 tokens, 8 samples
// of each, until one of the stop tokens, which are every 96th of the vocabulary,
// or 256 tokens. Weights are random, so that a sample ends with each token with
// a chance of about 1 in 96. It returns the new tokens.
func benchRollouts(ctx context.Context, be vm.Backend, p *qwen2.Params, w *stopwatch, times int, o sample.Options) (float64, error) {
	const samples, fresh, every = 8, 256, 96
	params := sample.Params{Temperature: 0.8, MaxNew: fresh, Key: seed.Key(1)}
	for id := 5; id < p.Config.Vocab; id += every {
		params.StopTokens = append(params.StopTokens, int32(id))
	}
	var prompts []sample.Prompt
	for i := range 256 {
		id := fmt.Sprint(i)
		prompts = append(prompts, sample.Prompt{ID: id, Tokens: benchIDs(seed.Derive(0, "bench", id), 48, p.Config.Vocab), N: samples})
	}
	s, err := sample.NewOn(be, p, o)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	var tokens int64
	for range times {
		err := w.time(func() error {
			stats, err := s.Run(ctx, prompts, params, func(int, []sample.Output) error { return nil })
			tokens = stats.NewTokens
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	return float64(tokens), nil
}
