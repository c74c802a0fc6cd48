package stage

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"hardneg/ablations/pair"
	"hardneg/experiments/plan"
	"hardneg/fixtures/problem"
	"hardneg/fixtures/synth"
)

// whole is how many problems a generated split has where no limit is set.
const whole = 1000

// runData reads or generates one role's problems: → problems.jsonl (role
// samples: samples.jsonl; role pairs: pairs.jsonl).
func runData(_ context.Context, t plan.Task, env Env) error {
	p, err := decode[plan.DataParams](t)
	if err != nil {
		return err
	}
	switch p.Role {
	case "samples":
		rows, err := userRows(env, candidateRows())
		if err != nil {
			return err
		}
		return writeRows(env.Dir, "samples.jsonl", rows)
	case "pairs":
		seen := map[string]bool{}
		rows, err := userRows(env, func(line []byte, n int) (pair.Pair, error) { return PairRow(line, n, seen) })
		if err != nil {
			return err
		}
		return writeRows(env.Dir, "pairs.jsonl", rows)
	}
	ps, err := problems(p, env)
	if err != nil {
		return err
	}
	if len(ps) == 0 {
		return &EnvironmentError{fmt.Errorf("data.%s: source %s, split %s has no problem; check path, split and partition (split: test takes the whole file)", p.Role, p.Source, p.Split)}
	}
	env.Log.Info("read", "role", p.Role, "problems", len(ps))
	if err := writeJSON(env.Dir, "work.json", Work{Rows: int64(len(ps))}); err != nil {
		return err
	}
	return writeRows(env.Dir, "problems.jsonl", ps)
}

func problems(p plan.DataParams, env Env) ([]problem.Problem, error) {
	if strings.HasPrefix(p.Source, "synth/") {
		n, root := p.Limit, uint64(0)
		if n == 0 {
			n = whole
		}
		if p.SeedKey != nil {
			root = uint64(p.SeedKey.Root)
		}
		return synth.Generate(p.Source, p.Split, n, root)
	}
	var f problem.Fields
	if p.Fields != nil {
		f = problem.Fields{Question: p.Fields.Question, Solution: p.Fields.Solution, Answer: p.Fields.Answer}
	}
	if p.Role == "sft" && p.Source == "jsonl" && f.Solution == "" {
		f.Solution = "solution" // must be there: a row without one would train on an empty text
	}
	ps, err := problem.Read(p.Source, env.Files["data"], p.Stored(), p.Format, f)
	var bad *problem.RowError
	if errors.As(err, &bad) {
		return nil, &RowError{fmt.Errorf("data.%s: %w", p.Role, err)}
	}
	if err != nil {
		return nil, &EnvironmentError{fmt.Errorf("data.%s: %w", p.Role, err)}
	}
	if p.Partition != nil {
		if err := problem.Partition(ps, problem.Shares{Pool: p.Partition.Pool, Probe: p.Partition.Probe, Valid: p.Partition.Valid}); err != nil {
			return nil, err
		}
		var part []problem.Problem
		for _, q := range ps {
			if q.Split == p.Split {
				part = append(part, q)
			}
		}
		ps = part
	}
	return problem.Limit(ps, p.Limit), nil
}
