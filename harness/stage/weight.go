package stage

import (
	"context"

	"hardneg/ablations/pair"
	"hardneg/ablations/weigh"
	"hardneg/experiments/plan"
)

// runWeight gives every pair its weight: pairs → pairs.jsonl, weight.json.
func runWeight(_ context.Context, t plan.Task, env Env) error {
	p, err := decode[plan.WeightParams](t)
	if err != nil {
		return err
	}
	pairs, err := inputRows[pair.Pair](env, "pairs", "pairs.jsonl")
	if err != nil {
		return err
	}
	s := weigh.Settings{Scores: p.Scores, Clip: [2]float64{.2, 5}, Sigma: p.Sigma, Within: p.Within}
	if p.Clip != nil {
		s.Clip = *p.Clip
	}
	if p.Coef != nil {
		s.Coef = weigh.Coef{Wrongness: p.Coef.Wrongness, Absurdity: p.Coef.Absurdity, Closeness: p.Coef.Closeness, Margin: p.Coef.Margin}
	}
	stats, err := weigh.Apply(pairs, s, keyOf("weight", p.SeedKey))
	if err != nil {
		return err
	}
	env.Log.Info("weighted", "pairs", stats.Pairs, "ess", stats.ESS)
	if err := writeJSON(env.Dir, "work.json", Work{Rows: int64(len(pairs))}); err != nil {
		return err
	}
	if err := writeRows(env.Dir, "pairs.jsonl", pairs); err != nil {
		return err
	}
	return writeJSON(env.Dir, "weight.json", stats)
}
