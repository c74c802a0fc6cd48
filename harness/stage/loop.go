package stage

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"hardneg/experiments/plan"
	"hardneg/experiments/spec"
	"hardneg/fixtures/seed"
	"hardneg/models/checkpoint"
	"hardneg/models/optim"
	"hardneg/models/qwen2"
	"hardneg/models/train"
	"hardneg/models/vm"
)

// Trained is train.json, the summary of a training in its result.
type Trained struct {
	Status  string   `json:"status"` // done, diverged
	Steps   int      `json:"steps"`
	Rows    int      `json:"rows"`
	LeftOut int      `json:"left_out"`
	Tokens  int64    `json:"tokens"`
	Best    int      `json:"best_step,omitempty"`    // keep: best-valid
	Valid   []Valid  `json:"valid,omitempty"`        // its measurements
	At      int      `json:"diverged_at"`            // step, -1 = never
	IDs     []string `json:"diverged_ids,omitempty"` // rows of that step
	Params  int      `json:"parameters"`
}

// Valid is one measurement on the validation problems.
type Valid struct {
	Step     int     `json:"step"`
	Accuracy float64 `json:"accuracy"`
}

// trainConfig maps the spec's words to the trainer's.
func trainConfig(o spec.Optim, h plan.Hint, rows int) train.Config {
	c := train.Default()
	c.Batch, c.MaxLength, c.MicroTokens = o.Batch, o.MaxLen, 0
	perEpoch := (rows + o.Batch - 1) / o.Batch
	c.Epochs = int(math.Ceil(o.Epochs))
	c.MaxSteps = int(math.Ceil(o.Epochs*float64(perEpoch) - 1e-9))
	if o.MaxSteps > 0 {
		c.MaxSteps = min(c.MaxSteps, o.MaxSteps)
	}
	c.Schedule, c.LR, c.MinLR = o.Schedule, o.LR, o.MinLR*o.LR
	c.Warmup, c.WarmupRatio = 0, 0
	if o.Warmup < 1 {
		c.Warmup = int(math.Round(o.Warmup * float64(c.MaxSteps)))
	} else {
		c.Warmup = int(o.Warmup)
	}
	c.Optim = optim.Config{Beta1: o.Betas[0], Beta2: o.Betas[1], Eps: o.Eps, Clip: o.Clip, State: o.OptState}
	c.WeightDecay, c.DecayOn = o.WeightDecay, o.Decay
	switch h.Recompute {
	case "none":
		c.Recompute = 0
	case "light":
		c.Recompute = 1
	case "full":
		c.Recompute = 2
	}
	if h.MicroBatch > 0 {
		c.MicroTokens = h.MicroBatch * o.MaxLen
	}
	return c
}

// adapters lays out the LoRA adapters that the spec asks for; nil without. They
// name no base: a path of this machine has no place in a result.
func adapters(s *speaker, o spec.Optim, key seed.Key) (*qwen2.LoRA, error) {
	if o.LoRA == nil {
		return nil, nil
	}
	l, err := qwen2.NewLoRA(s.params, checkpoint.Adapter{Rank: o.LoRA.Rank, Alpha: o.LoRA.Alpha, Targets: o.LoRA.Targets})
	if err != nil {
		return nil, fmt.Errorf("lora: %w", err)
	}
	l.Init(key)
	return l, nil
}

// loop trains to the end, to a divergence, or to a stop that it can go on from.
type loop struct {
	env     Env
	t       *train.Trainer
	steps   []train.Metrics
	every   time.Duration
	keeper  *keeper     // nil: the last weights count
	lora    *qwen2.LoRA // nil: all weights are trained
	summary Trained
}

// newLoop makes the trainer and goes on from the checkpoint of an earlier attempt.
func newLoop(env Env, be vm.Backend, s *speaker, cfg train.Config, data train.Data, h plan.Hint, k *keeper) (*loop, error) {
	t, err := train.New(be, s.params, cfg, data)
	if err != nil {
		return nil, err
	}
	l := &loop{env: env, t: t, every: 5 * time.Minute, keeper: k, lora: cfg.LoRA}
	if d, err := time.ParseDuration(h.Checkpoint); err == nil && d > 0 {
		l.every = d
	}
	l.summary = Trained{Status: "done", LeftOut: t.Left(), At: -1, Params: len(s.params.Flat)}
	if _, total := t.Steps(); total == 0 {
		return nil, nothing(t.Left(), cfg.MaxLength)
	}
	if env.Checkpoint == "" {
		return l, nil
	}
	steps, err := readRows[train.Metrics](filepath.Join(env.Checkpoint, "steps.jsonl"))
	if err != nil {
		return l, nil // no earlier attempt got as far as a checkpoint
	}
	if err := t.Load(env.Checkpoint); err != nil {
		env.Log.Warn("the checkpoint of an earlier attempt is unusable; starting over", "error", err)
		return l, nil
	}
	done, _ := t.Steps()
	if len(steps) < done {
		return nil, fmt.Errorf("checkpoint has %d logged steps of %d; delete %s to start over", len(steps), done, env.Checkpoint)
	}
	l.steps = steps[:done]
	env.Log.Info("resumed", "step", done)
	return l, k.resume(env.Checkpoint, done)
}

// nothing says why a training has no row.
func nothing(left, maxLen int) error {
	if left == 0 {
		return &FutileError{errors.New("nothing to train on: no pair was mined; loosen stages.mine (closeness_min, absurdity_max, fallback, fill) or draw more samples (sample.n)")}
	}
	return &FutileError{fmt.Errorf("nothing to train on: none of the %d rows fits max_len, %d tokens", left, maxLen)}
}

// run takes all steps.
func (l *loop) run(ctx context.Context) error {
	saved := time.Now()
	for !l.t.Done() {
		m, err := l.t.Step(ctx)
		var d *train.Diverged
		if errors.As(err, &d) {
			l.env.Log.Error("diverged: the last finite weights count", "step", d.Step, "weights_after_step", d.Step-1, "loss", d.Loss, "grad_norm", d.GradNorm, "ids", d.IDs)
			l.summary.Status, l.summary.At, l.summary.IDs = "diverged", d.Step, d.IDs
			break
		}
		if err != nil {
			if ctx.Err() != nil {
				err = errors.Join(ctx.Err(), l.save())
			}
			return err
		}
		l.steps = append(l.steps, m)
		done, total := l.t.Steps()
		l.env.Progress(int64(done), int64(total), "steps")
		l.env.Metric(done, metricMap(m))
		if err := l.keeper.measure(ctx, l.t, done, total); err != nil {
			return err
		}
		if time.Since(saved) > l.every {
			if err := l.save(); err != nil {
				return err
			}
			saved = time.Now()
		}
	}
	l.t.Finish()
	l.summary.Steps = len(l.steps)
	if n := len(l.steps); n > 0 {
		l.summary.Tokens = l.steps[n-1].NumTokens
	}
	return nil
}

// save writes a checkpoint: the log first, so that it is never behind the state.
func (l *loop) save() error {
	if l.env.Checkpoint == "" {
		return nil
	}
	if err := writeRows(l.env.Checkpoint, "steps.jsonl.new", l.steps); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(l.env.Checkpoint, "steps.jsonl.new"), filepath.Join(l.env.Checkpoint, "steps.jsonl")); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if err := l.keeper.save(l.env.Checkpoint); err != nil {
		return err
	}
	return l.t.Save(l.env.Checkpoint)
}

// finish writes the result: model/, steps.jsonl, train.json.
func (l *loop) finish(s *speaker, tokenizerDir string, rows int) error {
	l.summary.Rows = rows
	l.summary.Best, l.summary.Valid = l.keeper.pick(s.params)
	if l.lora != nil {
		if l.keeper == nil { // the keeper's choice is merged already
			l.lora.Merge(s.params)
		}
		if err := l.lora.Save(filepath.Join(l.env.Dir, "adapter"), "fp32"); err != nil {
			return err
		}
	}
	if err := s.save(l.env.Dir, tokenizerDir); err != nil {
		return err
	}
	if err := writeRows(l.env.Dir, "steps.jsonl", l.steps); err != nil {
		return err
	}
	w := Work{Rows: int64(rows), Steps: int64(l.summary.Steps), Tokens: l.summary.Tokens}
	w.FLOPs = 6 * float64(len(s.params.Flat)) * float64(w.Tokens)
	if err := writeJSON(l.env.Dir, "work.json", w); err != nil {
		return err
	}
	return writeJSON(l.env.Dir, "train.json", l.summary)
}

func metricMap(m train.Metrics) map[string]float64 {
	return map[string]float64{
		"loss": m.Loss, "grad_norm": m.GradNorm, "learning_rate": m.LearningRate, "epoch": m.Epoch, "num_tokens": float64(m.NumTokens),
		"rewards/chosen": m.RewardsChosen, "rewards/rejected": m.RewardsRejected, "rewards/margins": m.RewardsMargin,
		"rewards/accuracies": m.RewardsAccuracy, "logps/chosen": m.LogpsChosen, "logps/rejected": m.LogpsRejected,
		"weight/mean": m.WeightMean, "weight/ess": m.WeightESS,
	}
}
