package stage

import (
	"context"
	"fmt"

	"hardneg/ablations/pair"
	"hardneg/experiments/plan"
	"hardneg/models/train"
)

// RefRow is a row of ref.jsonl: the reference model's log-probabilities of one pair.
type RefRow struct {
	ID       string  `json:"id"`
	Chosen   float64 `json:"chosen"`
	Rejected float64 `json:"rejected"`
}

// pairRows turns mined pairs into ids.
func (s *speaker) pairRows(pairs []pair.Pair) train.Pairs {
	var rows train.Pairs
	for _, p := range pairs {
		rows = append(rows, train.PairRow{
			ID: p.ID, Prompt: s.format.Encode(s.tok, p.Prompt), Chosen: s.completion(p.Chosen), Rejected: s.completion(p.Rejected), Weight: p.Weight,
		})
	}
	return rows
}

// runRef computes the reference log-probabilities once for all arms that share the pairs: → ref.jsonl.
func runRef(ctx context.Context, t plan.Task, env Env) error {
	p, err := decode[plan.RefParams](t)
	if err != nil {
		return err
	}
	s, err := env.openModel(p.Compute)
	if err != nil {
		return err
	}
	pairs, err := inputRows[pair.Pair](env, "pairs", "pairs.jsonl")
	if err != nil {
		return err
	}
	be, err := env.backend(t, p.Compute)
	if err != nil {
		return err
	}
	rows := s.pairRows(pairs)
	const part = 256 // pairs between two looks at the clock
	var out []RefRow
	for at := 0; at < len(rows); at += part {
		some := rows[at:min(at+part, len(rows))]
		if err := train.RefLogProbs(ctx, be, s.params, some); err != nil {
			return err
		}
		for _, r := range some {
			out = append(out, RefRow{r.ID, r.RefChosen, r.RefRejected})
		}
		env.Progress(int64(len(out)), int64(len(rows)), "pairs")
	}
	w := Work{Rows: int64(len(out))}
	for _, r := range rows {
		w.Tokens += int64(2*len(r.Prompt) + len(r.Chosen) + len(r.Rejected))
	}
	w.FLOPs = 2 * float64(len(s.params.Flat)) * float64(w.Tokens)
	if err := writeJSON(env.Dir, "work.json", w); err != nil {
		return err
	}
	return writeRows(env.Dir, "ref.jsonl", out)
}

// runTrain trains on preferences: model, pairs, ref → model/, steps.jsonl, train.json.
func runTrain(ctx context.Context, t plan.Task, env Env) error {
	p, err := decode[plan.TrainParams](t)
	if err != nil {
		return err
	}
	s, err := env.openModel(p.Compute)
	if err != nil {
		return err
	}
	pairs, err := inputRows[pair.Pair](env, "pairs", "pairs.jsonl")
	if err != nil {
		return err
	}
	rows := s.pairRows(pairs)
	usable := 0
	for _, r := range rows {
		if len(r.Prompt)+max(len(r.Chosen), len(r.Rejected)) <= p.MaxLen {
			usable++
		}
	}
	h := hint(t)
	cfg := trainConfig(p.Optim, h, usable)
	cfg.Key = keyOf("train", &p.SeedKey)
	cfg.Loss = train.Loss{Kind: p.Loss, Beta: p.Beta, LabelSmoothing: p.LabelSmoothing, Gamma: p.SimPOGamma, RPOAlpha: p.RPOAlpha, WeightNorm: p.WeightNorm}
	if cfg.Loss.NeedsReference() {
		if err := env.addReference(rows); err != nil {
			return err
		}
	}
	be, err := env.backend(t, p.Compute)
	if err != nil {
		return err
	}
	if cfg.LoRA, err = adapters(s, p.Optim, cfg.Key); err != nil {
		return err
	}
	k, err := env.newKeeper(be, s, cfg.LoRA, p.Keep, p.MaxNew, usable, p.Batch)
	if err != nil {
		return err
	}
	l, err := newLoop(env, be, s, cfg, rows, h, k)
	if err != nil {
		return err
	}
	if err := l.run(ctx); err != nil {
		return err
	}
	_, tokDir := env.modelDir()
	return l.finish(s, tokDir, len(rows))
}

// addReference reads the cached reference log-probabilities; pairs may be a
// reordering or a part of those that they were computed for.
func (e Env) addReference(rows train.Pairs) error {
	refs, err := inputRows[RefRow](e, "ref", "ref.jsonl")
	if err != nil {
		return err
	}
	by := make(map[string]RefRow, len(refs))
	for _, r := range refs {
		by[r.ID] = r
	}
	for i := range rows {
		r, ok := by[rows[i].ID]
		if !ok {
			return fmt.Errorf("pair %s has no reference log-probabilities", rows[i].ID)
		}
		rows[i].RefChosen, rows[i].RefRejected = r.Chosen, r.Rejected
	}
	return nil
}
