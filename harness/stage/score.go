package stage

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"hardneg/ablations/pair"
	"hardneg/ablations/score"
	"hardneg/experiments/plan"
	"hardneg/models/verifier"
)

// runScore profiles samples and applies the arm's replacement: samples → scores.jsonl.
func runScore(ctx context.Context, t plan.Task, env Env) error {
	p, err := decode[plan.ScoreParams](t)
	if err != nil {
		return err
	}
	v, err := env.openVerifier(p.Verifier)
	if err != nil {
		return err
	}
	mode, err := verifier.ParseMode(p.AnswerMode)
	if err != nil {
		return err
	}
	samples, err := inputRows[pair.Candidate](env, "samples", "samples.jsonl")
	if err != nil {
		return err
	}
	rows, err := scoreAll(ctx, v, mode, samples, nil, env)
	if err != nil {
		return err
	}
	revise := func(old, changed pair.Profile, none float64) (float64, float64) {
		return v.Revise(toVerifier(old), toVerifier(changed), none)
	}
	if err := score.Apply(rows, score.Settings{Profile: p.Profile, Sigma: p.Sigma, Drop: p.Drop}, keyOf("score", p.SeedKey), revise); err != nil {
		return err
	}
	if err := writeJSON(env.Dir, "work.json", Work{Rows: int64(len(rows))}); err != nil {
		return err
	}
	c := scoreColumns{WProc: make([]float64, len(rows)), Correct: make([]bool, len(rows))}
	for i, r := range rows {
		c.WProc[i], c.Correct[i] = r.WrongnessProc, r.Correct
	}
	if err := writeJSON(env.Dir, "columns.json", c); err != nil {
		return err
	}
	return writeRows(env.Dir, "scores.jsonl", rows)
}

// scoreColumns is columns.json: what a report compares between score results,
// so that it need not read the rows.
type scoreColumns struct {
	WProc   []float64 `json:"w_proc"`
	Correct []bool    `json:"correct"`
}

// openVerifier loads the verifier that the spec names.
func (e Env) openVerifier(name string) (*verifier.Verifier, error) {
	if name == "file" {
		name = e.Files["verifier"]
	}
	v, err := verifier.Load(name)
	if err != nil {
		return nil, &EnvironmentError{fmt.Errorf("score.verifier: %w", err)}
	}
	return v, nil
}

// scoreAll scores every sample; rows keep their order whatever the threads do.
// Where a sample's steps are given, they replace its text.
func scoreAll(ctx context.Context, v *verifier.Verifier, mode verifier.Mode, samples []pair.Candidate, steps [][]string, env Env) ([]pair.Scored, error) {
	peers := map[string][]int{}
	if mode == verifier.Consensus {
		for i, s := range samples {
			peers[s.PromptID] = append(peers[s.PromptID], i)
		}
	}
	rows := make([]pair.Scored, len(samples))
	var next, done atomic.Int64
	var wg sync.WaitGroup
	for range max(1, env.Threads) {
		wg.Go(func() {
			for {
				i := int(next.Add(1) - 1)
				if i >= len(samples) || ctx.Err() != nil {
					return
				}
				s := samples[i]
				in := verifier.Input{ID: s.ID, Question: s.Question, Solution: s.Solution}
				in.Gold, in.Reference = s.Gold, s.Reference
				if steps != nil {
					in.Steps = steps[i]
				}
				for _, j := range peers[s.PromptID] {
					if j != i {
						in.Peers = append(in.Peers, samples[j].Solution)
					}
				}
				rows[i] = scored(s, v.Score(in, mode))
				done.Add(1)
			}
		})
	}
	wg.Wait()
	env.Progress(done.Load(), int64(len(samples)), "solutions")
	return rows, ctx.Err()
}

// scored joins a candidate and its score. The gate, answer equal to gold, is
// read here in every mode: it is the label that mining and validation need,
// and no score of a mode that may not see it does.
func scored(c pair.Candidate, s verifier.Score) pair.Scored {
	r := pair.Scored{
		Candidate: c, Profile: fromVerifier(s.Profile), Wrongness: s.Wrongness, WrongnessProc: s.WrongnessProc, WrongnessNone: s.WrongnessNone,
		PWrong: s.PWrong, Absurdity: s.Absurdity, FirstErrorStep: s.FirstErrorStep, StepScores: slices.Clone(s.StepScores), Mode: string(s.Mode),
	}
	if s.HasAnswer {
		r.Answer = &s.Answer
	}
	if s.Mode == verifier.Gold {
		r.Correct, r.Closeness, r.HardScore, r.Relation = s.Correct, &s.Closeness, &s.HardScore, s.Relation
		r.Divergence = &s.Divergence
	} else if c.Gold != "" {
		r.Correct = right(s.Answer, s.HasAnswer, c.Gold)
	}
	for _, f := range s.Findings {
		r.Findings = append(r.Findings, pair.Finding{Code: string(f.Code), Dim: pair.Dims[f.Dim], Severity: f.Severity, Step: f.Step, Start: f.Start, End: f.End, Note: f.Note})
	}
	return r
}

func fromVerifier(p verifier.Profile) (q pair.Profile) {
	for d := range pair.Dims {
		q.Set(d, p[d])
	}
	return q
}

func toVerifier(p pair.Profile) (q verifier.Profile) {
	for d := range pair.Dims {
		q[d] = p.At(d)
	}
	return q
}
