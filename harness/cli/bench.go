package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/urfave/cli/v3"

	"hardneg/fixtures/seed"
	"hardneg/models"
	"hardneg/models/checkpoint"
	"hardneg/models/cpu"
	"hardneg/models/cpu/gemm"
	"hardneg/models/qwen2"
	"hardneg/models/train"
	"hardneg/models/vm"
)

func (a *App) benchCommand() *cli.Command {
	flags := func(more ...cli.Flag) []cli.Flag {
		return append([]cli.Flag{
			&cli.StringFlag{Name: "model", Usage: "tiny, small, qwen2.5-0.5b or qwen2.5-1.5b", Value: "tiny"},
			&cli.StringFlag{Name: "device", Usage: "cpu or cuda:N", Value: "cpu"},
			&cli.StringFlag{Name: "dtype", Usage: "fp32 or bf16", Value: "fp32"},
			&cli.IntFlag{Name: "threads", Usage: "CPU threads, 0 for all"},
			&cli.IntFlag{Name: "steps", Usage: "steps that are timed", Value: 30},
			&cli.IntFlag{Name: "warmup", Usage: "steps before the clock starts", Value: 5},
			&cli.BoolFlag{Name: "json", Usage: "one line of JSON"},
		}, more...)
	}
	return &cli.Command{
		Name:  "bench",
		Usage: "measure the engine on fixed work that other programs can repeat",
		Description: "Model shapes have random weights and tied embeddings. tokens_per_cpu_s counts the CPU time of all threads.\n\n" +
			"Exit codes: 0 done, 2 usage, 6 device missing.",
		Commands: []*cli.Command{
			{Name: "train", Usage: "supervised or DPO steps",
				Flags: flags(&cli.StringFlag{Name: "loss", Usage: "sft or dpo", Value: "sft"},
					&cli.BoolFlag{Name: "precompute", Usage: "leave the reference forward out"},
					&cli.IntFlag{Name: "lora", Usage: "train adapters of this rank on all linear layers instead of the weights"},
					&cli.StringFlag{Name: "moments", Usage: "fp32, bf16 or int8", Value: "fp32"}),
				Action: a.benchTrain},
			{Name: "gemm", Usage: "matrix products of the models' shapes, and their share of the processor's peak",
				Flags: flags(&cli.StringFlag{Name: "kernel", Usage: "micro-kernel instead of the best of the dtype"}), Action: a.benchGEMM},
			{Name: "sample", Usage: "decoding: 64 prompts of 48 tokens, 96 new ones each",
				Flags: flags(&cli.BoolFlag{Name: "rollouts", Usage: "8 samples of each of 256 prompts until a stop token, with a chance of 1 in 96, or 256 tokens"},
					&cli.IntFlag{Name: "batch", Usage: "rows decoded at a time in rollouts, 0 for the sampler's own"}), Action: a.benchSample},
			a.benchGPUCommand(flags()),
			a.benchVerifierCommand(),
		},
	}
}

// benchShapes are the fixed model shapes.
func benchShape(name string) (*checkpoint.Config, error) {
	c := &checkpoint.Config{MaxPositions: 2048, Eps: 1e-6, Tied: true, BOS: -1, Rope: checkpoint.Rope{Theta: 1e6, Type: "default"}}
	set := func(hidden, layers, heads, kv, ffn, vocab int) {
		c.Hidden, c.Layers, c.Heads, c.KVHeads, c.FFN, c.Vocab, c.HeadDim = hidden, layers, heads, kv, ffn, vocab, hidden/heads
	}
	switch name {
	case "tiny":
		set(128, 4, 4, 2, 512, 512)
	case "small":
		set(512, 8, 8, 2, 2048, 8192)
	case "qwen2.5-0.5b":
		set(896, 24, 14, 2, 4864, 151936)
	case "qwen2.5-1.5b":
		set(1536, 28, 12, 2, 8960, 151936)
	default:
		return nil, usagef("bench: model %q: want tiny, small, qwen2.5-0.5b or qwen2.5-1.5b", name)
	}
	return c, nil
}

// benchIDs draws n token ids, none of them 0.
func benchIDs(k seed.Key, n, vocab int) []int32 {
	r := make([]int32, n)
	for i := range r {
		r[i] = int32(1 + k.Index(uint64(i), vocab-1))
	}
	return r
}

// benchPair is pair i of a run, with the lengths that the contract fixes.
func benchPair(i, vocab int) train.PairRow {
	k := seed.Derive(0, "bench", i)
	return train.PairRow{ID: fmt.Sprint(i), Prompt: benchIDs(k.Sub(0), 48, vocab), Weight: 1,
		Chosen:   append(benchIDs(k.Sub(1), 31+37*i%65, vocab), 0),
		Rejected: append(benchIDs(k.Sub(2), 31+(53*i+11)%65, vocab), 0)}
}

func benchRows(steps, vocab int) train.Rows {
	var r train.Rows
	for i := range 16 * steps {
		row := train.Row{ID: fmt.Sprint(i), Tokens: benchIDs(seed.Derive(0, "bench", i), 128, vocab), Loss: make([]bool, 128)}
		for j := range row.Loss {
			row.Loss[j] = true
		}
		r = append(r, row)
	}
	return r
}

// benchResult is what every mode of bench prints.
type benchResult struct {
	Task          string  `json:"task"`
	Model         string  `json:"model"`
	Device        string  `json:"device"`
	DType         string  `json:"dtype"`
	Threads       int     `json:"threads"`
	Steps         int     `json:"steps"`
	TokensPerS    float64 `json:"tokens_per_s"`
	TokensPerCPUS float64 `json:"tokens_per_cpu_s"`
	StepMsMedian  float64 `json:"step_ms_median"`
	StepMsMin     float64 `json:"step_ms_min"`
	CPUMsMedian   float64 `json:"cpu_ms_median"`
	PeakRSSMiB    float64 `json:"peak_rss_mib"`
	Kernel        string  `json:"kernel,omitempty"` // of matrix products on a CPU
	// PeakDeviceMiB is memory of a GPU; 0 on the CPU.
	PeakDeviceMiB int64 `json:"peak_device_mib,omitempty"`
}

// stopwatch keeps wall and CPU milliseconds of steps.
type stopwatch struct{ wall, cpu []float64 }

func (s *stopwatch) time(f func() error) error {
	t, c := time.Now(), cpuSeconds()
	err := f()
	s.wall = append(s.wall, 1e3*time.Since(t).Seconds())
	s.cpu = append(s.cpu, 1e3*(cpuSeconds()-c))
	return err
}

func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	return s[len(s)/2]
}

// result drops the warm-up and counts tokens per step.
func (s *stopwatch) result(warm int, tokens float64) benchResult {
	w, c := s.wall[warm:], s.cpu[warm:]
	return benchResult{Steps: len(w), StepMsMedian: median(w), StepMsMin: slices.Min(w), CPUMsMedian: median(c),
		TokensPerS: 1e3 * tokens / median(w), TokensPerCPUS: 1e3 * tokens / math.Max(median(c), 1e-9), PeakRSSMiB: peakRSS()}
}

func (a *App) benchTrain(ctx context.Context, c *cli.Command) error {
	shape, err := benchShape(c.String("model"))
	if err != nil {
		return err
	}
	be, err := models.Open(c.String("device"), models.Options{Threads: c.Int("threads"), Dtype: c.String("dtype")})
	if err != nil {
		return fail(ExitEnvironment, err)
	}
	defer be.Close()
	steps, warm := max(c.Int("steps"), 1), max(c.Int("warmup"), 0)
	p := qwen2.NewParams(shape)
	p.Init(seed.Derive(0, "bench"), 0.02)
	if m := c.String("moments"); !slices.Contains([]string{"fp32", "bf16", "int8"}, m) {
		return usagef("bench: moments %q: want fp32, bf16 or int8", m)
	}
	w, saving := &stopwatch{}, benchSaving{c.Int("lora"), c.String("moments")}
	var tokens float64
	switch c.String("loss") {
	case "sft":
		tokens, err = benchSFT(ctx, be, p, w, steps+warm, saving)
	case "dpo":
		tokens, err = benchDPO(ctx, be, p, w, steps+warm, saving, c.Bool("precompute"))
	default:
		return usagef("bench: loss %q: want sft or dpo", c.String("loss"))
	}
	if err != nil {
		return err
	}
	r := w.result(warm, tokens)
	r.Task = "train-" + c.String("loss")
	if c.Bool("precompute") {
		r.Task += "-precomputed"
	}
	if c.Int("lora") > 0 {
		r.Task += "-lora"
	}
	if m := c.String("moments"); m != "fp32" {
		r.Task += "-" + m
	}
	r.Model, r.Device, r.DType, r.Threads = c.String("model"), be.Device(), c.String("dtype"), threadsOf(c)
	r.PeakDeviceMiB = peakDevice(be)
	if b, ok := be.(*cpu.CPU); ok {
		r.Kernel = b.Engine().Kernel()
	}
	return a.printBench(c, r)
}

func benchConfig(steps int) train.Config {
	cfg := train.Default()
	cfg.MaxSteps, cfg.Epochs, cfg.Schedule, cfg.LR, cfg.WarmupRatio, cfg.WeightDecay = steps, 0, "constant", 1e-4, 0, 0.01
	cfg.Optim.Beta2 = 0.999
	return cfg
}

func benchSFT(ctx context.Context, be vm.Backend, p *qwen2.Params, w *stopwatch, n int, saving benchSaving) (float64, error) {
	cfg, err := saving.config(p, n)
	if err != nil {
		return 0, err
	}
	t, err := train.New(be, p, cfg, benchRows(n, p.Config.Vocab))
	for err == nil && !t.Done() {
		err = w.time(func() error { _, err := t.Step(ctx); return err })
	}
	return 16 * 128, err
}

// benchSaving says how training saves memory: adapters of a rank if that is not
// 0, moments of a type if that is not empty.
type benchSaving struct {
	rank    int
	moments string
}

// config is benchConfig with it.
func (b benchSaving) config(p *qwen2.Params, n int) (train.Config, error) {
	cfg := benchConfig(n)
	if b.moments != "" {
		cfg.Optim.State = b.moments
	}
	if b.rank == 0 {
		return cfg, nil
	}
	l, err := qwen2.NewLoRA(p, checkpoint.Adapter{Base: "bench", Rank: b.rank, Alpha: float64(b.rank),
		Targets: []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}})
	if err != nil {
		return cfg, fmt.Errorf("bench: %w", err)
	}
	l.Init(seed.Derive(0, "bench"))
	cfg.LoRA = l
	return cfg, nil
}

// benchDPO trains on pairs in order; the reference is a copy of the first
// weights, and unless precompute is set its forward pass is timed as well.
func benchDPO(ctx context.Context, be vm.Backend, p *qwen2.Params, w *stopwatch, n int, saving benchSaving, precompute bool) (float64, error) {
	cfg, err := saving.config(p, n)
	if err != nil {
		return 0, err
	}
	var pairs train.Pairs
	for i := range 16 * n {
		pairs = append(pairs, benchPair(i, p.Config.Vocab))
	}
	ref, err := train.NewReference(be, p.Clone())
	if err != nil {
		return 0, err
	}
	if precompute {
		if err := ref.LogProbs(ctx, pairs); err != nil {
			return 0, err
		}
	}
	t, err := train.New(be, p, cfg, pairs)
	var tokens, counted float64
	for err == nil && !t.Done() {
		step, _ := t.Steps()
		err = w.time(func() error {
			if !precompute {
				if err := ref.LogProbsOf(ctx, pairs, t.Next()); err != nil {
					return err
				}
			}
			_, err := t.Step(ctx)
			return err
		})
		for i := 16 * step; i < 16*step+16; i++ {
			tokens += float64(96 + len(pairs[i].Chosen) + len(pairs[i].Rejected))
		}
		counted++
	}
	return tokens / counted, err
}

// peakDevice is the most memory of a GPU that was in use, in MiB.
func peakDevice(be vm.Backend) int64 {
	if d, ok := be.(interface{ Peak() int64 }); ok {
		return d.Peak() >> 20
	}
	return 0
}

func threadsOf(c *cli.Command) int {
	if n := c.Int("threads"); n > 0 {
		return n
	}
	return gemm.DefaultThreads()
}

func (a *App) printBench(c *cli.Command, r benchResult) error {
	if a.JSON || c.Bool("json") {
		return json.NewEncoder(a.Stdout).Encode(r)
	}
	device := ""
	if r.PeakDeviceMiB > 0 {
		device = fmt.Sprintf(", %d MiB on the GPU", r.PeakDeviceMiB)
	}
	_, err := fmt.Fprintf(a.Stdout, "%s %s on %s, %s, %d threads: %.0f tokens/s, %.0f tokens per CPU second, step %.1f ms (median of %d), peak %.0f MiB%s\n",
		r.Task, r.Model, r.Device, r.DType, r.Threads, r.TokensPerS, r.TokensPerCPUS, r.StepMsMedian, r.Steps, r.PeakRSSMiB, device)
	return err
}
