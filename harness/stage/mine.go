package stage

import (
	"context"
	"slices"

	"hardneg/ablations/mine"
	"hardneg/ablations/pair"
	"hardneg/experiments/plan"
)

// runMine makes preference pairs from scored samples: scores → pairs.jsonl, mine.json.
func runMine(_ context.Context, t plan.Task, env Env) error {
	p, err := decode[plan.MineParams](t)
	if err != nil {
		return err
	}
	rows, err := inputRows[pair.Scored](env, "scores", "scores.jsonl")
	if err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(r pair.Scored) bool { return r.Finish == FinishTooLong }) // no solution, not even a wrong one
	pairs, stats, err := mine.Apply(rows, mine.Settings{
		Negatives: p.Negatives, PerPrompt: p.PerPrompt, MaxPairs: p.MaxPairs,
		ClosenessMin: p.ClosenessMin, AbsurdityMax: p.AbsurdityMax,
		Chosen: p.Chosen, Fallback: p.Fallback, Fill: p.Fill,
		FlawedRight: p.FlawedRight, GateNoise: p.GateNoise, Use: p.Use,
	}, keyOf("mine", p.SeedKey))
	if err != nil {
		return err
	}
	env.Log.Info("mined", "prompts", stats.Prompts, "pairs", stats.Pairs, "by", stats.ByNegative)
	if err := writeJSON(env.Dir, "work.json", Work{Rows: int64(len(pairs))}); err != nil {
		return err
	}
	if err := writeRows(env.Dir, "pairs.jsonl", pairs); err != nil {
		return err
	}
	return writeJSON(env.Dir, "mine.json", stats)
}
