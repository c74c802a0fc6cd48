package stage

import (
	"context"

	"hardneg/experiments/plan"
	"hardneg/fixtures/problem"
	"hardneg/models/train"
)

// runSFT fine-tunes on solutions: data → model/, steps.jsonl, train.json.
func runSFT(ctx context.Context, t plan.Task, env Env) error {
	p, err := decode[plan.SFTParams](t)
	if err != nil {
		return err
	}
	ps, err := inputRows[problem.Problem](env, "data", "problems.jsonl")
	if err != nil {
		return err
	}
	var s *speaker
	if p.Shape != nil {
		if s, err = env.openTokenizer(p.Compute); err == nil {
			s.params, err = fresh(p, s)
		}
	} else {
		s, err = env.openModel(p.Compute)
	}
	if err != nil {
		return err
	}
	var rows train.Rows
	usable := 0
	for _, q := range ps {
		ids, loss := s.rowTokens(q, p.LossOn == "all")
		rows = append(rows, train.Row{ID: q.ID, Tokens: ids, Loss: loss})
		if len(ids) <= p.MaxLen {
			usable++
		}
	}
	be, err := env.backend(t, p.Compute)
	if err != nil {
		return err
	}
	h := hint(t)
	cfg := trainConfig(p.Optim, h, usable)
	cfg.Key = keyOf("sft", &p.SeedKey)
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
