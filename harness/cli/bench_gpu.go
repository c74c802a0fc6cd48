package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"hardneg/fixtures"
	"hardneg/fixtures/seed"
	"hardneg/models"
	"hardneg/models/checkpoint"
	"hardneg/models/cuda"
	"hardneg/models/graph"
	"hardneg/models/qwen2"
	"hardneg/models/sample"
	"hardneg/models/train"
	"hardneg/models/vm"
	"hardneg/models/vm/vmtest"
)

// gpuBench is the answer of `hardneg bench gpu`, and a file of fixtures/gpu.
type gpuBench struct {
	Date    string      `json:"date"`
	Device  string      `json:"device"`
	Driver  string      `json:"driver"`
	Commit  string      `json:"commit"`
	Model   string      `json:"model"`
	Fast    bool        `json:"fast"` // products were measured first
	Ops     []gpuOps    `json:"ops"`
	Kernels []gpuKernel `json:"kernels"`
	Work    []gpuWork   `json:"work"`
	// Profile is what a precomputed DPO step spends by call, Decoding what
	// generation spends for a token of each of its 64 rows, prompts included.
	Profile  []cuda.Time       `json:"profile"`
	Decoding []cuda.Time       `json:"decoding"`
	Peers    []json.RawMessage `json:"peers,omitempty"`

	dir string // of the file, if there is to be one
}

// gpuOps is the conformance of every op against its naive twin.
type gpuOps struct {
	DType     string   `json:"dtype"`
	Tolerance float64  `json:"tolerance"`
	Passed    int      `json:"passed"`
	Failed    []string `json:"failed"`
}

// gpuKernel is an op at the size that the model gives it: work over device time.
type gpuKernel struct {
	Name         string  `json:"name"`
	Milliseconds float64 `json:"ms"`
	TFLOPS       float64 `json:"tflop_s,omitempty"`
	GBs          float64 `json:"gb_s,omitempty"`
}

// gpuWork is a mode of bench on the device, with the peers' rates in it.
type gpuWork struct {
	benchResult
	MFU   float64            `json:"mfu,omitempty"`
	Ratio map[string]float64 `json:"ratio,omitempty"` // to a peer's tokens/s
}

// peersOf says which work of peer.py is the same as ours.
var peersOf = map[string][]string{
	"train-sft":             {"sft-compile"},
	"train-dpo":             {"dpo-trl", "dpo-packed", "dpo-padded"},
	"train-dpo-precomputed": {"dpo-trl-precomputed", "dpo-packed-precomputed", "dpo-padded-precomputed"},
	"sample":                {"generate-hf", "generate-hf-static"},
	"sample-rollouts":       {"generate-hf-rollouts"},
}

func (a *App) benchGPUCommand(flags []cli.Flag) *cli.Command {
	return &cli.Command{
		Name:  "gpu",
		Usage: "a GPU: every op against its twin, rates of kernels, SFT, DPO and generation, and the Python stack beside them",
		Description: "MFU counts 6 FLOP a parameter and counted token (8 where the reference forward is in the step) over the device's dense bf16 peak.\n\n" +
			"Exit codes: 0 done, 1 an op is wrong, 2 usage, 6 device missing.",
		Flags: append(flags,
			&cli.StringFlag{Name: "peer", Usage: "a Python with torch and transformers: it runs the same work, fixtures/gpu/peer.py"},
			&cli.StringFlag{Name: "peers", Usage: "which work of peer.py, comma separated; empty for all"},
			&cli.StringFlag{Name: "out", Usage: "also write the JSON into this folder, named by date, device and commit"},
			&cli.BoolFlag{Name: "quick", Usage: "training and generation only"}),
		Action: a.benchGPU,
	}
}

func (a *App) benchGPU(ctx context.Context, c *cli.Command) error {
	device := c.String("device")
	if device == "cpu" {
		device = "cuda:0"
	}
	shape, err := benchShape(c.String("model"))
	if err != nil {
		return err
	}
	m := machineFacts()
	b := &gpuBench{dir: c.String("out"), Date: time.Now().UTC().Format("2006-01-02"), Model: c.String("model"), Commit: orUnknown(m.Commit), Driver: gpuFacts().Driver}
	if b.Device, err = deviceName(device); err != nil {
		return fail(ExitEnvironment, err)
	}
	say := func(format string, args ...any) { fmt.Fprintf(a.Stderr, format+"\n", args...) }
	if !c.Bool("quick") {
		say("conformance of every op on %s", b.Device)
		if err := b.conform(device); err != nil {
			return fail(ExitEnvironment, err)
		}
		say("rates of kernels")
		if err := b.rates(device, shape); err != nil {
			return fail(ExitEnvironment, err)
		}
		if err := b.write(); err != nil {
			return err
		}
	}
	if err := b.work(ctx, c, device, shape, say); err != nil {
		return fail(ExitEnvironment, err)
	}
	if py := c.String("peer"); py != "" {
		say("the Python stack")
		if err := b.peers(ctx, py, strings.FieldsFunc(c.String("peers"), func(r rune) bool { return r == ',' }), a.Stderr); err != nil {
			return err
		}
	}
	if a.JSON || c.Bool("json") {
		err = a.document(b)
	} else {
		err = b.print(a.Stdout)
	}
	for _, o := range b.Ops {
		if len(o.Failed) > 0 && err == nil {
			err = fmt.Errorf("bench gpu: %d ops are wrong in %s: %s", len(o.Failed), o.DType, o.Failed[0])
		}
	}
	return err
}

func deviceName(device string) (string, error) {
	f := gpuFacts()
	for _, d := range f.Devices {
		if device == fmt.Sprintf("cuda:%d", d.Index) {
			return d.Name, nil
		}
	}
	return "", fmt.Errorf("bench gpu: no device %s: %s", device, orUnknown(f.Why))
}

// densePeak is the bf16 rate on a data sheet, in TFLOP/s; 0 where we know none.
func densePeak(device string) float64 {
	for _, d := range []struct {
		name string
		peak float64
	}{{"H100 PCIe", 756}, {"H100", 989}, {"H200", 989}, {"GH200", 989}, {"B200", 2250}, {"A100", 312}, {"L40S", 362}, {"4090", 165}, {"A10", 125}} {
		if strings.Contains(device, d.name) {
			return d.peak
		}
	}
	return 0
}

func (b *gpuBench) conform(device string) error {
	for _, o := range []gpuOps{{DType: "fp32", Tolerance: 1e-5}, {DType: "bf16", Tolerance: 1.5e-2}} {
		be, err := models.Open(device, models.Options{Dtype: o.DType})
		if err != nil {
			return err
		}
		o.Failed = []string{}
		open := func(int) (vm.Backend, error) { return lend(be), nil }
		vmtest.Suite{Dtype: graph.Float32, Tolerance: o.Tolerance, Open: open}.Each(vmtest.Cases(), func(name string, err error) {
			if err != nil {
				o.Failed = append(o.Failed, fmt.Sprintf("%s: %v", name, err))
				return
			}
			o.Passed++
		})
		if err := be.Close(); err != nil {
			return err
		}
		b.Ops = append(b.Ops, o)
	}
	return nil
}

// work measures training and generation at the model's shape.
func (b *gpuBench) work(ctx context.Context, c *cli.Command, device string, shape *checkpoint.Config, say func(string, ...any)) error {
	p := qwen2.NewParams(shape)
	say("drawing %d million weights", len(p.Flat)>>20)
	p.Init(seed.Derive(0, "bench"), 0.02)
	dtype := c.String("dtype")
	if !c.IsSet("dtype") {
		dtype = "bf16"
	}
	steps, warm := max(c.Int("steps"), 1), max(c.Int("warmup"), 0)
	flop := float64(len(p.Flat)) / (densePeak(b.Device) * 1e12)
	for _, w := range []struct {
		task  string
		times float64 // FLOP a parameter and token
	}{{"train-sft", 6}, {"train-dpo-precomputed", 6}, {"train-dpo", 8}, {"sample", 0}, {"sample-rollouts", 0}} {
		say("%s", w.task)
		be, err := models.Open(device, models.Options{Dtype: dtype})
		if err != nil {
			return err
		}
		var sw stopwatch
		var tokens float64
		fresh := p.Clone() // training changes weights in place
		switch w.task {
		case "train-sft":
			tokens, err = benchSFT(ctx, be, fresh, &sw, steps+warm, benchSaving{})
		case "sample":
			tokens, err = b.generate(ctx, be, fresh, &sw)
			warm = 1
		case "sample-rollouts":
			tokens, err = benchRollouts(ctx, be, fresh, &sw, 3, sample.Options{})
		default:
			tokens, err = benchDPO(ctx, be, fresh, &sw, steps+warm, benchSaving{}, w.task == "train-dpo-precomputed")
		}
		if err != nil {
			return err
		}
		r := gpuWork{benchResult: sw.result(warm, tokens)}
		r.Task, r.Model, r.Device, r.DType = w.task, b.Model, b.Device, dtype
		r.PeakDeviceMiB = peakDevice(be)
		if densePeak(b.Device) > 0 {
			r.MFU = w.times * flop * r.TokensPerS
		}
		b.Work = append(b.Work, r)
		say("%s: %.0f tokens/s, step %.1f ms, MFU %.1f %%", w.task, r.TokensPerS, r.StepMsMedian, 100*r.MFU)
		if w.task == "train-dpo-precomputed" {
			if err := b.profile(ctx, be, fresh); err != nil {
				return err
			}
		}
		if err := errors.Join(be.Close(), b.write()); err != nil {
			return err
		}
	}
	return nil
}

// generate measures generation, and once more with its calls timed one by one.
func (b *gpuBench) generate(ctx context.Context, be vm.Backend, p *qwen2.Params, sw *stopwatch) (float64, error) {
	tokens, err := benchGenerate(ctx, be, p, sw, 3, 1, 96, 0)
	d, ok := be.(cuda.Profiler)
	if !ok || err != nil {
		return tokens, err
	}
	const fresh = 9 // the first comes with the prompt
	d.Profile(true)
	var unused stopwatch
	_, err = benchGenerate(ctx, be, p, &unused, 1, 0, fresh, 0)
	b.Decoding = perStep(d, fresh-1)
	return tokens, err
}

// perStep ends a profile of n steps.
func perStep(d cuda.Profiler, n int) []cuda.Time {
	r := d.Times()
	d.Profile(false)
	for i := range r {
		r[i].Calls /= n
		r[i].Milliseconds /= float64(n)
	}
	return r
}

// profile times the calls of three more DPO steps, by name and a step.
func (b *gpuBench) profile(ctx context.Context, be vm.Backend, p *qwen2.Params) error {
	d, ok := be.(cuda.Profiler)
	if !ok {
		return nil
	}
	const steps, warm = 3, 2
	var pairs train.Pairs
	for i := range 16 * (steps + warm) {
		pairs = append(pairs, benchPair(i, p.Config.Vocab))
	}
	t, err := train.New(be, p, benchConfig(steps+warm), pairs)
	for i := 0; err == nil && !t.Done(); i++ {
		if i == warm {
			d.Profile(true)
		}
		_, err = t.Step(ctx)
	}
	if err == nil {
		err = be.Sync()
	}
	b.Profile = perStep(d, steps)
	return err
}

// peers runs peer.py and sets its rates beside ours.
func (b *gpuBench) peers(ctx context.Context, python string, names []string, log io.Writer) error {
	dir, err := os.MkdirTemp("", "hardneg-peer")
	if err != nil {
		return fmt.Errorf("bench gpu: %w", err)
	}
	defer os.RemoveAll(dir)
	script := filepath.Join(dir, "peer.py")
	if err := os.WriteFile(script, fixtures.GPUPeer, 0o600); err != nil {
		return fmt.Errorf("bench gpu: %w", err)
	}
	cmd := exec.CommandContext(ctx, python, append([]string{script}, names...)...)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("bench gpu: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fail(ExitEnvironment, fmt.Errorf("bench gpu: --peer %s: %w", python, err))
	}
	for s := bufio.NewScanner(out); s.Scan(); {
		var line struct {
			Task       string  `json:"task"`
			TokensPerS float64 `json:"tokens_per_s"`
		}
		if json.Unmarshal(s.Bytes(), &line) != nil || line.Task == "" { // the stack's own chatter
			continue
		}
		b.Peers = append(b.Peers, json.RawMessage(bytes.Clone(s.Bytes())))
		b.compare(line.Task, line.TokensPerS)
		fmt.Fprintln(log, s.Text())
		if err := b.write(); err != nil {
			return errors.Join(err, cmd.Process.Kill(), cmd.Wait())
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("bench gpu: %s peer.py: %w\n%s", python, err, problems.Bytes()[max(0, problems.Len()-2000):])
	}
	return nil
}

// compare sets a peer's rate beside ours, if we do the same work.
func (b *gpuBench) compare(peer string, rate float64) {
	for i := range b.Work {
		w := &b.Work[i]
		if rate <= 0 || !slices.Contains(peersOf[w.Task], peer) {
			continue
		}
		if w.Ratio == nil {
			w.Ratio = map[string]float64{}
		}
		w.Ratio[peer] = w.TokensPerS / rate
	}
}

// write keeps what is known so far: the Python stack can take longer than one
// has the device for.
func (b *gpuBench) write() error {
	if b.dir == "" {
		return nil
	}
	name := fmt.Sprintf("%s-%s-%.8s.json", b.Date, strings.ToLower(strings.Join(strings.Fields(b.Device), "-")), b.Commit)
	data, err := json.MarshalIndent(b, "", "  ")
	if err == nil {
		err = put(filepath.Join(b.dir, name), append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("bench gpu: %w", err)
	}
	return nil
}

func (b *gpuBench) print(w io.Writer) error {
	rows := [][]string{{"device", fmt.Sprintf("%s, driver for CUDA %s, commit %.8s", b.Device, b.Driver, b.Commit)}}
	for _, o := range b.Ops {
		rows = append(rows, []string{"ops " + o.DType, fmt.Sprintf("%d agree within %g, %d do not", o.Passed, o.Tolerance, len(o.Failed))})
	}
	for _, k := range b.Kernels {
		rate := fmt.Sprintf("%.0f GB/s", k.GBs)
		if k.TFLOPS > 0 {
			rate = fmt.Sprintf("%.0f TFLOP/s", k.TFLOPS)
		}
		rows = append(rows, []string{k.Name, fmt.Sprintf("%.3f ms, %s", k.Milliseconds, rate)})
	}
	for _, k := range b.Work {
		line := fmt.Sprintf("%.0f tokens/s, step %.1f ms, %d MiB", k.TokensPerS, k.StepMsMedian, k.PeakDeviceMiB)
		if k.MFU > 0 {
			line += fmt.Sprintf(", MFU %.1f %%", 100*k.MFU)
		}
		for _, p := range peersOf[k.Task] {
			if r := k.Ratio[p]; r > 0 {
				line += fmt.Sprintf(", %.2f × %s", r, p)
			}
		}
		rows = append(rows, []string{k.Task, line})
	}
	for _, p := range []struct {
		name string
		list []cuda.Time
	}{{"DPO step", b.Profile}, {"decoding step", b.Decoding}} {
		for _, t := range p.list[:min(len(p.list), 25)] {
			rows = append(rows, []string{p.name + ": " + t.Name, fmt.Sprintf("%.3f ms in %d calls", t.Milliseconds, t.Calls)})
		}
	}
	return columns(w, rows)
}
