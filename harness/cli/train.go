package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v3"

	"hardneg/experiments/plan"
	"hardneg/experiments/spec"
	"hardneg/fixtures/problem"
	"hardneg/harness/stage"
	"hardneg/models/checkpoint"
	"hardneg/models/train"
)

func (a *App) trainCommand() *cli.Command {
	flags := func(lr float64, more ...cli.Flag) []cli.Flag {
		return singleFlags(append([]cli.Flag{
			&cli.StringFlag{Name: "out", Usage: "`DIR` that must not exist", Required: true},
			&cli.FloatFlag{Name: "epochs", Usage: "passes over the rows", Value: 1},
			&cli.IntFlag{Name: "max-steps", Usage: "stop earlier, 0 for no limit"},
			&cli.IntFlag{Name: "batch", Usage: "sequences or pairs a step", Value: 64},
			&cli.IntFlag{Name: "max-len", Usage: "longer rows are left out and counted", Value: 1024},
			&cli.FloatFlag{Name: "lr", Usage: "peak learning rate", Value: lr},
			&cli.StringFlag{Name: "schedule", Usage: "constant, linear or cosine", Value: "cosine"},
			&cli.FloatFlag{Name: "warmup", Usage: "share of all steps below 1, or steps", Value: 0.03},
			&cli.FloatFlag{Name: "weight-decay", Usage: "decoupled"},
			&cli.FloatFlag{Name: "clip", Usage: "largest gradient norm, 0 for none", Value: 1},
			&cli.IntFlag{Name: "lora-rank", Usage: "train adapters of this rank instead of all weights, 0 for none"},
			&cli.FloatFlag{Name: "lora-alpha", Usage: "scales adapters by alpha/rank", Value: 16},
			&cli.StringSliceFlag{Name: "lora-target", Usage: "`PROJECTION` with an adapter; may be repeated", Value: []string{"q_proj", "v_proj"}},
		}, more...)...)
	}
	const codes = "\n\nDIR gets model/, a checkpoint in the Hugging Face layout, steps.jsonl with a row of metrics a step, and train.json.\n" +
		"Stopped, the same command goes on.\n\nExit codes: 0 done, 2 a bad row or flag, 6 model or file missing or unusable, 75 and 130 stopped."
	return &cli.Command{
		Name:  "train",
		Usage: "fine-tune a model on files",
		Commands: []*cli.Command{
			{Name: "sft", Usage: "supervised, on solutions",
				UsageText:   "hardneg train sft --model DIR --in rows.jsonl --out DIR [options]",
				Description: `Rows {"question","solution"} or {"prompt","completion"}, or {"turns":[{"prompt","completion"}]} whose text is taken as it stands.` + codes,
				Flags:       flags(1e-5, &cli.StringFlag{Name: "loss-on", Usage: "completion or all", Value: "completion"}),
				Action:      a.trainSFT},
			{Name: "dpo", Usage: "on preferences, with a weight on every pair",
				UsageText:   "hardneg train dpo --model DIR --in pairs.jsonl --out DIR [options]",
				Description: `Rows {"prompt","chosen","rejected","weight"?}; rows of hardneg mine and weight are such rows. The weight is 1 where it is missing.` + codes,
				Flags: flags(5e-7,
					&cli.StringFlag{Name: "reference", Usage: "`DIR` of the frozen reference model, if not --model"},
					&cli.StringFlag{Name: "loss", Usage: "sigmoid, ipo, hinge, robust, simpo, npo or nll", Value: "sigmoid"},
					&cli.FloatFlag{Name: "beta", Usage: "strength of the preference", Value: 0.1},
					&cli.FloatFlag{Name: "simpo-gamma", Usage: "target margin of simpo", Value: 0.5},
					&cli.FloatFlag{Name: "label-smoothing", Usage: "assumed rate of flipped labels"},
					&cli.FloatFlag{Name: "rpo-alpha", Usage: "adds so much negative log-likelihood of the chosen side"},
					&cli.StringFlag{Name: "weight-norm", Usage: "run: divide by the pairs of a batch; batch: by its sum of weights", Value: "run"}),
				Action: a.trainDPO},
		},
	}
}

func optimOf(c *cli.Command) (spec.Optim, error) {
	o := spec.Optim{Epochs: c.Float("epochs"), MaxSteps: c.Int("max-steps"), Batch: c.Int("batch"), MaxLen: c.Int("max-len"),
		LR: c.Float("lr"), Schedule: c.String("schedule"), Warmup: c.Float("warmup"), WeightDecay: c.Float("weight-decay"), Clip: c.Float("clip"),
		Betas: [2]float64{0.9, 0.999}, Eps: 1e-8, Decay: "matrices", OptState: "fp32", Packing: true, Keep: "last"}
	switch {
	case c.String("out") == "-":
		return o, usagef("train: --out is a folder; name one")
	case !(o.Epochs > 0), !(o.LR > 0), o.Batch < 1, o.MaxLen < 2:
		return o, usagef("train: epochs, lr, batch and max-len must be positive")
	case o.Warmup < 0, o.WeightDecay < 0, o.Clip < 0, o.MaxSteps < 0:
		return o, usagef("train: warmup, weight-decay, clip and max-steps must not be negative")
	case o.Schedule != "constant" && o.Schedule != "linear" && o.Schedule != "cosine":
		return o, usagef("train: schedule %q: want constant, linear or cosine", o.Schedule)
	}
	if r := c.Int("lora-rank"); r != 0 {
		o.LoRA = &spec.LoRA{Rank: r, Alpha: c.Float("lora-alpha"), Targets: c.StringSlice("lora-target")}
		adapter := checkpoint.Adapter{Rank: r, Alpha: o.LoRA.Alpha, Targets: o.LoRA.Targets}
		if err := adapter.Check(); err != nil {
			return o, usagef("train: adapters: %w", err)
		}
	}
	return o, nil
}

func (a *App) trainSFT(ctx context.Context, c *cli.Command) error {
	o, err := optimOf(c)
	if err != nil {
		return err
	}
	if l := c.String("loss-on"); l != "completion" && l != "all" {
		return usagef("train: loss-on %q: want completion or all", l)
	}
	compute, err := computeOf(c)
	if err != nil {
		return err
	}
	p := plan.SFTParams{Compute: compute, SFT: spec.SFT{Optim: o, LossOn: c.String("loss-on")}, SeedKey: plan.SeedKey{Root: c.Int("seed")}}
	files, stamp, err := a.modelFiles(c)
	if err != nil {
		return err
	}
	n := 0
	rows, err := a.lines(c.String("in"), func(line []byte) ([]byte, error) { n++; return solutionOf(line, n) })
	if err != nil {
		return err
	}
	s, err := a.begin(c, c.String("out"), "sft", p, stamp, rows)
	if err != nil {
		return err
	}
	data, err := s.input("data", "problems.jsonl", rows)
	if err != nil {
		return err
	}
	dir, err := s.run(ctx, "sft", p, map[string]string{"data": data}, files)
	if err != nil {
		return err
	}
	return a.trained(s, dir)
}

// solutionOf turns row n of the user into a problem with a solution.
func solutionOf(line []byte, n int) ([]byte, error) {
	var in struct {
		problem.Problem
		Prompt     string `json:"prompt"`
		Completion string `json:"completion"`
	}
	if err := strict(line, &in); err != nil {
		return nil, err
	}
	p := in.Problem
	if in.Prompt != "" {
		p.Question, p.Solution = in.Prompt, in.Completion
	}
	if len(p.Turns) == 0 && (strings.TrimSpace(p.Question) == "" || strings.TrimSpace(p.Solution) == "") {
		return nil, errors.New("a field is missing or empty: want question and solution, prompt and completion, or turns")
	}
	for i, t := range p.Turns {
		if t.Completion == "" {
			return nil, fmt.Errorf("field turns: turn %d has no completion: nothing of it would be trained on", i+1)
		}
	}
	if p.ID == "" {
		p.ID = fmt.Sprintf("row-%d", n)
	}
	return json.Marshal(p)
}

func (a *App) trainDPO(ctx context.Context, c *cli.Command) error {
	o, err := optimOf(c)
	if err != nil {
		return err
	}
	loss := train.Loss{Kind: c.String("loss"), Beta: c.Float("beta"), LabelSmoothing: c.Float("label-smoothing"),
		Gamma: c.Float("simpo-gamma"), RPOAlpha: c.Float("rpo-alpha"), WeightNorm: c.String("weight-norm")}
	if err := loss.Check(); err != nil {
		return fail(ExitUsage, err)
	}
	if loss.RPOAlpha < 0 {
		return usagef("train: rpo-alpha is %g, want 0 or more", loss.RPOAlpha)
	}
	compute, err := computeOf(c)
	if err != nil {
		return err
	}
	p := plan.TrainParams{Compute: compute, Optim: o, Loss: loss.Kind, Beta: loss.Beta, SimPOGamma: loss.Gamma,
		LabelSmoothing: loss.LabelSmoothing, RPOAlpha: loss.RPOAlpha, WeightNorm: loss.WeightNorm, SeedKey: plan.SeedKey{Root: c.Int("seed")}}
	files, stamp, err := a.modelFiles(c)
	if err != nil {
		return err
	}
	reference, refStamp := files, stamp
	if r := c.String("reference"); r != "" {
		dir, err := a.localModel("model", r)
		if err != nil {
			return err
		}
		if refStamp, err = stampOf(dir); err != nil {
			return err
		}
		reference = map[string]string{"model": dir}
		if t, ok := files["tokenizer"]; ok {
			reference["tokenizer"] = t
		}
	}
	n := 0
	seen := map[string]bool{}
	rows, err := a.lines(c.String("in"), func(line []byte) ([]byte, error) {
		n++
		p, err := stage.PairRow(line, n, seen)
		if err != nil {
			return nil, err
		}
		return json.Marshal(p)
	})
	if err != nil {
		return err
	}
	s, err := a.begin(c, c.String("out"), "dpo", p, stamp, refStamp, rows)
	if err != nil {
		return err
	}
	pairs, err := s.input("pairs", "pairs.jsonl", rows)
	if err != nil {
		return err
	}
	inputs := map[string]string{"pairs": pairs}
	if loss.NeedsReference() {
		ref := plan.RefParams{Compute: p.Compute, MaxLen: o.MaxLen, Packing: true}
		if inputs["ref"], err = s.run(ctx, "ref", ref, map[string]string{"pairs": pairs}, reference); err != nil {
			return err
		}
	}
	dir, err := s.run(ctx, "train", p, inputs, files)
	if err != nil {
		return err
	}
	return a.trained(s, dir)
}

// trained moves a training's result to its place; with --json it says what it is.
func (a *App) trained(s *single, dir string) error {
	if err := s.finish(dir); err != nil || !a.JSON {
		return err
	}
	b, err := os.ReadFile(filepath.Join(s.out, "train.json"))
	if err != nil {
		return fail(ExitEnvironment, err)
	}
	var doc map[string]any
	if err := json.Unmarshal(b, &doc); err != nil {
		return fmt.Errorf("train.json: %w", err)
	}
	doc["out"], doc["model"] = s.out, filepath.Join(s.out, "model")
	return a.document(doc)
}
