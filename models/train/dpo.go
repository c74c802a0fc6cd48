package train

import (
	"context"
	"fmt"

	"hardneg/models/qwen2"
	"hardneg/models/vm"
)

// PairRow is a prompt with a preferred and a rejected completion. RefChosen and
// RefRejected are the reference model's log-probabilities of the completions
// (RefLogProbs computes them); a loss that needs none ignores them.
type PairRow struct {
	ID                       string
	Prompt, Chosen, Rejected []int32
	Weight                   float64
	RefChosen, RefRejected   float64
}

// Pairs is Data: the loss is Config.Loss, weighted.
type Pairs []PairRow

func (d Pairs) len() int            { return len(d) }
func (d Pairs) id(i int) string     { return d[i].ID }
func (d Pairs) add(b *Batch, i int) { b.AddPair(d[i].Prompt, d[i].Chosen, d[i].Rejected) }

func (d Pairs) tokens(i int) int {
	return 2*len(d[i].Prompt) + len(d[i].Chosen) + len(d[i].Rejected)
}

func (d Pairs) cost(i int) int {
	return len(d[i].Prompt) + len(d[i].Chosen) + len(d[i].Rejected) - 2
}

func (d Pairs) check(i, vocab, maxLength int) error {
	r := d[i]
	switch {
	case len(r.Prompt) == 0 || len(r.Chosen) == 0 || len(r.Rejected) == 0:
		return fmt.Errorf("pair %s: prompt, chosen and rejected need at least one token each, got %d, %d, %d",
			r.ID, len(r.Prompt), len(r.Chosen), len(r.Rejected))
	case !(r.Weight >= 0) || !finite(r.Weight):
		return fmt.Errorf("pair %s: weight is %g, want a finite number ≥ 0", r.ID, r.Weight)
	case !finite(r.RefChosen) || !finite(r.RefRejected):
		return fmt.Errorf("pair %s: reference log-probabilities %g and %g are not finite", r.ID, r.RefChosen, r.RefRejected)
	case len(r.Prompt)+max(len(r.Chosen), len(r.Rejected)) > maxLength:
		return errSkip
	}
	return checkIDs(r.ID, vocab, r.Prompt, r.Chosen, r.Rejected)
}

// pairObjective evaluates Config.Loss on a batch.
type pairObjective struct {
	loss    Loss
	data    Pairs
	rows    []int
	weights []float64
	divisor float64
	m       Metrics // sums
}

func (d Pairs) begin(c *Config, rows []int) objective {
	o := &pairObjective{loss: c.Loss, data: d, rows: rows}
	for _, r := range rows {
		o.weights = append(o.weights, d[r].Weight)
	}
	o.divisor = c.Loss.divisor(o.weights)
	return o
}

func (o *pairObjective) eval(at, n int, sums, coef []float64) float64 {
	var total float64
	for i := range n {
		r, w := o.data[o.rows[at+i]], o.weights[at+i]
		p := Pair{Chosen: sums[2*i], Rejected: sums[2*i+1], RefChosen: r.RefChosen, RefRejected: r.RefRejected,
			ChosenLen: len(r.Chosen), RejectedLen: len(r.Rejected)}
		v, dc, dr := o.loss.Eval(p)
		if o.divisor == 0 { // all weights are 0
			w = 0
		} else {
			w /= o.divisor
		}
		total += w * v
		coef[2*i], coef[2*i+1] = w*dc, w*dr
		o.count(p)
	}
	return total
}

func (o *pairObjective) count(p Pair) {
	c, r := o.loss.Beta*(p.Chosen-p.RefChosen), o.loss.Beta*(p.Rejected-p.RefRejected)
	o.m.RewardsChosen += c
	o.m.RewardsRejected += r
	o.m.LogpsChosen += p.Chosen
	o.m.LogpsRejected += p.Rejected
	if c > r {
		o.m.RewardsAccuracy++
	}
}

func (o *pairObjective) report(m *Metrics) {
	n := float64(len(o.rows))
	m.RewardsChosen, m.RewardsRejected = o.m.RewardsChosen/n, o.m.RewardsRejected/n
	m.RewardsMargin = m.RewardsChosen - m.RewardsRejected
	m.RewardsAccuracy = o.m.RewardsAccuracy / n
	m.LogpsChosen, m.LogpsRejected = o.m.LogpsChosen/n, o.m.LogpsRejected/n
	var s, q float64
	for _, w := range o.weights {
		s += w
		q += w * w
	}
	m.WeightMean = s / n
	if q > 0 {
		m.WeightESS = s * s / q
	}
}

// Reference scores completions with a model that does not change.
type Reference struct {
	m    *Model
	most int
	b    Batch
}

// NewReference puts a reference model on a backend.
func NewReference(be vm.Backend, p *qwen2.Params) (*Reference, error) {
	m, err := NewModel(be, p)
	if err != nil {
		return nil, err
	}
	m.most, _ = auto(be, p, true)
	return &Reference{m: m, most: m.most}, nil
}

// RefLogProbs computes the log-probabilities of all completions under p and
// stores them in RefChosen and RefRejected of each pair.
func RefLogProbs(ctx context.Context, be vm.Backend, p *qwen2.Params, pairs Pairs) error {
	r, err := NewReference(be, p)
	if err != nil {
		return err
	}
	return r.LogProbs(ctx, pairs)
}

// LogProbs is RefLogProbs for a model that is already there.
func (r *Reference) LogProbs(ctx context.Context, pairs Pairs) error {
	rows := make([]int, len(pairs))
	for i := range rows {
		rows[i] = i
	}
	return r.LogProbsOf(ctx, pairs, rows)
}

// LogProbsOf is LogProbs for some of the pairs.
func (r *Reference) LogProbsOf(ctx context.Context, pairs Pairs, rows []int) error {
	for at := 0; at < len(rows); {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.b.Reset()
		n := 0
		for at+n < len(rows) && (n == 0 || len(r.b.Tokens)+pairs.cost(rows[at+n]) <= r.most) {
			if err := pairs.checkShape(rows[at+n], r.m.Params); err != nil {
				return err
			}
			pairs.add(&r.b, rows[at+n])
			n++
		}
		sums, err := r.m.Forward(&r.b)
		if outOfMemory(err) && r.most/2 >= leastTokens {
			r.most = min(r.most, len(r.b.Tokens)) / 2
			r.m.most = r.most
			r.m.forget()
			continue
		}
		if err != nil {
			return fmt.Errorf("train: reference: %w", err)
		}
		for i := range n {
			p := &pairs[rows[at+i]]
			p.RefChosen, p.RefRejected = sums[2*i], sums[2*i+1]
		}
		at += n
	}
	return nil
}

// checkShape is check without the parts that RefLogProbs computes.
func (d Pairs) checkShape(i int, p *qwen2.Params) error {
	r := d[i]
	if len(r.Prompt) == 0 || len(r.Chosen) == 0 || len(r.Rejected) == 0 {
		return fmt.Errorf("train: pair %s: prompt, chosen and rejected need at least one token each", r.ID)
	}
	if err := checkIDs(r.ID, p.Config.Vocab, r.Prompt, r.Chosen, r.Rejected); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	return nil
}
