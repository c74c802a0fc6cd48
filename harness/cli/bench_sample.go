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
	tokens, err := benchGenerate(ctx, be, p, w, steps, warm, 96, c.Int("threads"))
	if err != nil {
		return fail(ExitEnvironment, err)
	}
	r := w.result(warm, tokens)
	r.Task, r.Model, r.Device, r.DType, r.Threads = "sample", c.String("model"), be.Device(), dtype, threadsOf(c)
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
