// Package train fits a model: supervised fine-tuning and preference
// optimization with a weight on every pair, on rows that are already tokens.
//
// # Words
//
// A Row is a sequence with a mask of scored tokens; a PairRow is a prompt with
// a chosen and a rejected completion. A batch is what one optimizer step sees;
// it is computed in micro-batches whose gradients add up. An epoch visits every
// row once, in an order that is a pure function of the key and the epoch.
// Everything below the sequence log-probabilities is one graph (models/qwen2);
// a loss is a pure function of these (loss.go).
//
// Data enters as Rows or Pairs and leaves as the weights in qwen2.Params, a
// Metrics per step, and a State file from which training goes on bit for bit.
//
// Only what is trained has gradients and moments: all weights, or the adapters
// of a qwen2.LoRA.
package train

import (
	"context"
	"errors"
	"fmt"
	"math"

	"hardneg/fixtures/seed"
	"hardneg/models/graph"
	"hardneg/models/optim"
	"hardneg/models/qwen2"
	"hardneg/models/vm"
)

// Config says how to train. Default gives the values of the contract.
type Config struct {
	Key      seed.Key // decides the order of rows
	Epochs   int
	MaxSteps int // stop after so many steps; 0: after Epochs
	Batch    int // rows or pairs of an optimizer step
	// MicroTokens bounds the tokens computed at once; 0 chooses by the model's
	// shape. It changes rounding only.
	MicroTokens int
	// MaxLength leaves out rows with more tokens; 0: the model's positions.
	MaxLength int
	Recompute int // qwen2.Options.Recompute; -1 chooses by the model's shape

	Schedule    string // constant, linear, cosine
	LR, MinLR   float64
	Warmup      int     // steps; 0: WarmupRatio of all steps
	WarmupRatio float64 // of all steps
	Optim       optim.Config
	WeightDecay float64
	DecayOn     string // matrices or all

	LoRA *qwen2.LoRA // train these adapters instead of the weights

	Loss Loss // of pairs; rows take the negative log-likelihood
}

// Default is the configuration that a spec's omissions mean.
func Default() Config {
	return Config{Epochs: 1, Batch: 16, Recompute: -1, Schedule: "linear", LR: 1e-4, WarmupRatio: 0.1,
		Optim: optim.Config{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, Clip: 1}, DecayOn: "matrices",
		Loss: Loss{Kind: "sigmoid", Beta: 0.1, WeightNorm: "run"}}
}

// Data is what to train on: Rows or Pairs.
type Data interface {
	len() int
	// check returns nil, errSkip for a row to leave out and count, or what is
	// wrong with row i.
	check(i, vocab, maxLength int) error
	// tokens is the number of tokens of row i, completions and prompts counted
	// for each sequence.
	tokens(i int) int
	id(i int) string
	// cost is the number of rows that add appends, at most.
	cost(i int) int
	// add appends row i to a batch.
	add(b *Batch, i int)
	// begin prepares the objective of a batch of rows.
	begin(c *Config, rows []int) objective
}

// objective is the loss of one batch over its micro-batches.
type objective interface {
	// eval is a graph.Loss for the next n rows, from row number at on.
	eval(at, n int, sums, coef []float64) float64
	// margins is the same loss in the form that a device differentiates.
	margins(at, n int) *graph.Margins
	// report fills the metrics after the last micro-batch.
	report(m *Metrics)
}

var errSkip = errors.New("row left out")

// Metrics is what a step logs, in TRL's terms.
type Metrics struct {
	Step            int     `json:"step"` // from 1
	Epoch           float64 `json:"epoch"`
	Loss            float64 `json:"loss"`
	GradNorm        float64 `json:"grad_norm"`
	LearningRate    float64 `json:"learning_rate"`
	NumTokens       int64   `json:"num_tokens"` // so far
	Entropy         float64 `json:"entropy"`    // mean over scored tokens
	RewardsChosen   float64 `json:"rewards/chosen"`
	RewardsRejected float64 `json:"rewards/rejected"`
	RewardsMargin   float64 `json:"rewards/margins"`
	RewardsAccuracy float64 `json:"rewards/accuracies"`
	LogpsChosen     float64 `json:"logps/chosen"`
	LogpsRejected   float64 `json:"logps/rejected"`
	WeightMean      float64 `json:"weight/mean"`
	WeightESS       float64 `json:"weight/ess"` // (Σw)²/Σw²
	// Lowered is the new bound on tokens of a micro-batch, in the step in which
	// the device ran out of memory.
	Lowered int `json:"micro_tokens_lowered_to,omitempty"`
}

// Diverged is the error of a step whose loss or gradient is not finite. The
// weights are those before the step.
type Diverged struct {
	Step     int // from 1
	IDs      []string
	Loss     float64
	GradNorm float64
}

func (d *Diverged) Error() string {
	return fmt.Sprintf("train: diverged at step %d: loss %g, gradient norm %g, rows %v", d.Step, d.Loss, d.GradNorm, d.IDs)
}

// Trainer runs one training.
type Trainer struct {
	cfg      Config
	data     Data
	model    *Model
	opt      *optim.AdamW
	sched    optim.Schedule
	rows     []int // of data, those that are used
	perEpoch int
	step     int
	total    int
	tokens   int64
	left     int // rows left out
	order    []int
	epoch    int // that order belongs to
	batch    Batch
}

// New prepares a training of p, whose weights change in place.
func New(be vm.Backend, p *qwen2.Params, cfg Config, data Data) (*Trainer, error) {
	t := &Trainer{cfg: cfg, data: data, epoch: -1}
	if cfg.Batch < 1 || cfg.Epochs < 0 || cfg.MaxSteps < 0 {
		return nil, fmt.Errorf("train: want batch ≥ 1, epochs ≥ 0, max_steps ≥ 0, got %d, %d, %d", cfg.Batch, cfg.Epochs, cfg.MaxSteps)
	}
	if cfg.DecayOn != "matrices" && cfg.DecayOn != "all" {
		return nil, fmt.Errorf("train: decay %q: want matrices or all", cfg.DecayOn)
	}
	if _, ok := data.(Pairs); ok {
		if err := cfg.Loss.Check(); err != nil {
			return nil, fmt.Errorf("train: %w", err)
		}
	}
	if t.cfg.MaxLength == 0 {
		t.cfg.MaxLength = p.Config.MaxPositions
	}
	tokens, level := auto(be, p, cfg.LoRA == nil)
	if t.cfg.MicroTokens == 0 {
		t.cfg.MicroTokens = tokens
	}
	if t.cfg.Recompute < 0 {
		t.cfg.Recompute = level
	}
	for i := range data.len() {
		switch err := data.check(i, p.Config.Vocab, t.cfg.MaxLength); {
		case errors.Is(err, errSkip):
			t.left++
		case err != nil:
			return nil, fmt.Errorf("train: %w", err)
		default:
			t.rows = append(t.rows, i)
		}
	}
	t.perEpoch = (len(t.rows) + cfg.Batch - 1) / cfg.Batch
	t.total = t.perEpoch * cfg.Epochs
	if cfg.MaxSteps > 0 && t.perEpoch > 0 { // 0 epochs: as many as it takes
		t.total = cfg.MaxSteps
		if cfg.Epochs > 0 {
			t.total = min(t.total, t.perEpoch*cfg.Epochs)
		}
	}
	warm := cfg.Warmup
	if warm == 0 {
		warm = int(math.Round(cfg.WarmupRatio * float64(t.total)))
	}
	t.sched = optim.Schedule{Name: cfg.Schedule, LR: cfg.LR, MinLR: cfg.MinLR, Warmup: warm, Total: t.total}
	if err := t.sched.Check(); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	return t, t.allocate(be, p)
}

func (t *Trainer) allocate(be vm.Backend, p *qwen2.Params) error {
	m, err := NewModel(be, p)
	if err != nil {
		return err
	}
	m.Recompute, m.most = t.cfg.Recompute, t.cfg.MicroTokens
	if t.cfg.LoRA != nil {
		if err := m.Adapt(t.cfg.LoRA); err != nil {
			return err
		}
	}
	if err := m.allocGrads(); err != nil {
		return err
	}
	t.model = m
	of, _ := m.trained()
	matrices := of.Len()
	if t.cfg.LoRA == nil {
		matrices = p.Matrices
	}
	vectors := 0.0
	if t.cfg.DecayOn == "all" {
		vectors = t.cfg.WeightDecay
	}
	groups := []optim.Group{{Lo: 0, Hi: matrices, Decay: t.cfg.WeightDecay}, {Lo: matrices, Hi: of.Len(), Decay: vectors}}
	t.opt, err = optim.New(be, of, m.grads, groups, t.cfg.Optim)
	return err
}

// Done reports whether all steps have been taken.
func (t *Trainer) Done() bool { return t.step >= t.total }

// Steps is the number of steps taken and of all.
func (t *Trainer) Steps() (done, total int) { return t.step, t.total }

// Left is the number of rows left out: too long, or with nothing to score.
func (t *Trainer) Left() int { return t.left }

// Model is the model in training.
func (t *Trainer) Model() *Model { return t.model }

// rowsOf lists the rows of a step.
func (t *Trainer) rowsOf(step int) []int {
	if e := step / t.perEpoch; e != t.epoch {
		t.epoch, t.order = e, seed.Derive(uint64(t.cfg.Key), "order", e).Perm(len(t.rows))
	}
	lo := step % t.perEpoch * t.cfg.Batch
	r := make([]int, 0, t.cfg.Batch)
	for _, i := range t.order[lo:min(lo+t.cfg.Batch, len(t.order))] {
		r = append(r, t.rows[i])
	}
	return r
}

// Next lists the indices into the data of the next step's rows.
func (t *Trainer) Next() []int {
	if t.Done() {
		return nil
	}
	return t.rowsOf(t.step)
}

// Step takes one optimizer step. After an error of type *Diverged, or when ctx
// is done, the weights are those before the step.
func (t *Trainer) Step(ctx context.Context) (Metrics, error) {
	if err := ctx.Err(); err != nil {
		return Metrics{}, err
	}
	if t.Done() {
		return Metrics{}, errors.New("train: no steps are left")
	}
	rows := t.rowsOf(t.step)
	m, o, tokens, err := t.gradients(ctx, rows)
	for lowered := 0; outOfMemory(err) && t.shrink(); {
		lowered = t.cfg.MicroTokens
		m, o, tokens, err = t.gradients(ctx, rows)
		m.Lowered = lowered
	}
	if err != nil {
		return m, err
	}
	o.report(&m)
	if m.GradNorm, err = t.opt.Norm(); err != nil {
		return m, fmt.Errorf("train: step %d: %w", m.Step, err)
	}
	if !finite(m.Loss) || !finite(m.GradNorm) {
		d := &Diverged{Step: m.Step, Loss: m.Loss, GradNorm: m.GradNorm}
		for _, r := range rows {
			d.IDs = append(d.IDs, t.data.id(r))
		}
		return m, d
	}
	t.opt.Step(m.LearningRate, m.GradNorm)
	t.step++
	t.tokens += tokens
	m.NumTokens = t.tokens
	return m, nil
}

// gradients leaves the gradients of a batch in the model and counts its tokens.
// The optimizer's part is queued behind them before the host looks at anything.
func (t *Trainer) gradients(ctx context.Context, rows []int) (m Metrics, o objective, tokens int64, err error) {
	o = t.data.begin(&t.cfg, rows)
	m = Metrics{Step: t.step + 1, LearningRate: t.sched.At(t.step), Epoch: float64(t.step+1) / float64(t.perEpoch)}
	picks := 0
	for at := 0; at < len(rows); {
		n := t.fill(rows[at:])
		var margins *graph.Margins
		if t.model.asynchronous() {
			margins = o.margins(at, n)
		}
		err := t.model.backward(&t.batch, func(sums, coef []float64) float64 { return o.eval(at, n, sums, coef) }, margins, at > 0)
		if err == nil && at+n == len(rows) {
			t.opt.Queue(m.LearningRate)
		}
		var loss float64
		if err == nil {
			loss, _, err = t.model.result()
		}
		if err != nil {
			return m, o, 0, fmt.Errorf("train: step %d: %w", m.Step, err)
		}
		m.Loss += loss
		m.Entropy += t.model.entropy(len(t.batch.Rows))
		picks += len(t.batch.Rows)
		for _, r := range rows[at : at+n] {
			tokens += int64(t.data.tokens(r))
		}
		at += n
		if err := ctx.Err(); err != nil {
			return m, o, 0, err
		}
	}
	m.Entropy /= float64(picks)
	return m, o, tokens, nil
}

// fill packs as many rows as the bound on tokens allows, at least one.
func (t *Trainer) fill(rows []int) int {
	t.batch.Reset()
	for n, r := range rows {
		if n > 0 && len(t.batch.Tokens)+t.data.cost(r) > t.cfg.MicroTokens {
			return n
		}
		t.data.add(&t.batch, r)
	}
	return len(rows)
}

// Finish copies what was trained back to the Params, or adapters, given to New.
func (t *Trainer) Finish() { t.model.Pull() }

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
