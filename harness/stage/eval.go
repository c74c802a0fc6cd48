package stage

import (
	"context"
	"fmt"

	"hardneg/ablations/pair"
	"hardneg/experiments/plan"
	"hardneg/fixtures/problem"
	"hardneg/models/verifier/answer"
)

// Reading is what one way of extraction made of a response.
type Reading struct {
	Answer string `json:"answer"`
	Found  bool   `json:"found"`
	Right  bool   `json:"right"`
}

// EvalItem is a row of items.jsonl: one response to one benchmark problem.
type EvalItem struct {
	Benchmark string  `json:"benchmark"`
	ID        string  `json:"id"`
	K         int     `json:"k"`
	Response  string  `json:"response"`
	Strict    Reading `json:"strict"`
	Flexible  Reading `json:"flexible"`
	Finish    string  `json:"finish"`
	Tokens    int     `json:"tokens"`
}

// read extracts and compares, strictly and flexibly.
func read(response, gold string) (strict, flexible Reading) {
	one := func(hard bool) Reading {
		text, _, ok := answer.Extract(response, hard)
		return Reading{text, ok, right(text, ok, gold)}
	}
	return one(true), one(false)
}

// runEval answers every benchmark: model, data.<benchmark> → items.jsonl.
func runEval(ctx context.Context, t plan.Task, env Env) error {
	p, err := decode[plan.EvalParams](t)
	if err != nil {
		return err
	}
	s, err := env.openModel(p.Compute)
	if err != nil {
		return err
	}
	shots, err := env.shots(p, s)
	if err != nil {
		return err
	}
	var asks []ask
	gold := map[string]string{}
	for _, b := range p.Benchmarks {
		ps, err := inputRows[problem.Problem](env, benchmarkInput(b), "problems.jsonl")
		if err != nil {
			return err
		}
		if len(ps) == 0 {
			return &EnvironmentError{fmt.Errorf("benchmark %s has no problem", b)}
		}
		kept, again, other := distinct(ps)
		if again > 0 {
			env.Log.Warn(repeats(b, len(ps), again, other))
		}
		n := 1
		if p.Decoding == "sample" {
			n = p.Samples
		}
		for _, q := range kept {
			asks = append(asks, ask{id: q.ID, tag: b, shots: shots, question: q.Question, n: n})
			gold[b+"\x00"+q.ID] = q.Answer
		}
	}
	d := drawing{maxNew: p.MaxNew, key: keyOf("eval", p.SeedKey)}
	if p.Decoding == "sample" {
		d.temperature, d.topP = p.Temperature, p.TopP
	}
	var w Work
	rows, err := answers(ctx, env, t, p.Compute, s, asks, d, func(a ask, outs []reply) []EvalItem {
		var items []EvalItem
		for k, o := range outs {
			it := EvalItem{Benchmark: a.tag, ID: a.id, K: k, Response: o.text, Finish: o.finish, Tokens: o.tokens}
			it.Strict, it.Flexible = read(o.text, gold[a.tag+"\x00"+a.id])
			items = append(items, it)
		}
		return items
	})
	if err != nil {
		return err
	}
	for _, r := range rows {
		w.Tokens += int64(r.Tokens)
		w.tooLong(r.Finish, r.K, s)
	}
	w.Rows, w.FLOPs = int64(len(rows)), 2*float64(len(s.params.Flat))*float64(w.Tokens)
	if err := writeRows(env.Dir, "items.jsonl", rows); err != nil {
		return err
	}
	return writeJSON(env.Dir, "work.json", w)
}

// distinct drops questions that stand in a benchmark already: an item is a
// question. other counts those whose answer is not that of the first.
func distinct(ps []problem.Problem) (kept []problem.Problem, again, other int) {
	first := map[string]string{}
	for _, q := range ps {
		gold, seen := first[q.ID]
		switch {
		case !seen:
			first[q.ID] = q.Answer
			kept = append(kept, q)
			continue
		case gold != q.Answer:
			other++
		}
		again++
	}
	return kept, again, other
}

// repeats says what distinct dropped.
func repeats(benchmark string, rows, again, other int) string {
	s := fmt.Sprintf("benchmark %s has %d rows but %d questions: a question that is there again counts once", benchmark, rows, rows-again)
	if other > 0 {
		s += fmt.Sprintf(", and where its answers differ (%d rows) the first is the right one", other)
	}
	return s
}

// shots are the solved examples before each question: the first few problems
// of the training set that have a solution, each in the prompt format.
func (e Env) shots(p plan.EvalParams, s *speaker) ([]int32, error) {
	if p.FewShot == 0 {
		return nil, nil
	}
	if p.Prompt == "chatml" {
		return nil, fmt.Errorf("eval.few_shot is for the prompt formats plain and metamath; with chatml set it to 0")
	}
	ps, err := inputRows[problem.Problem](e, "shots", "problems.jsonl")
	if err != nil {
		return nil, err
	}
	var ids []int32
	n := 0
	for _, q := range ps {
		if q.Solution == "" || n == p.FewShot {
			continue
		}
		n++
		ids = append(ids, s.format.Encode(s.tok, q.Question)...)
		ids = append(ids, s.tok.EncodePlain(q.Solution+"\n\n")...)
	}
	if n < p.FewShot {
		return nil, &EnvironmentError{fmt.Errorf("eval.few_shot is %d, but data.sft has %d solved problems", p.FewShot, n)}
	}
	return ids, nil
}

// runSample draws solutions: model, data → samples.jsonl.
func runSample(ctx context.Context, t plan.Task, env Env) error {
	p, err := decode[plan.SampleParams](t)
	if err != nil {
		return err
	}
	s, err := env.openModel(p.Compute)
	if err != nil {
		return err
	}
	ps, err := inputRows[problem.Problem](env, "data", "problems.jsonl")
	if err != nil {
		return err
	}
	var asks []ask
	by := map[string]problem.Problem{}
	for _, q := range ps {
		asks = append(asks, ask{id: q.ID, question: q.Question, n: p.N})
		by[q.ID] = q
	}
	d := drawing{temperature: p.Temperature, topK: p.TopK, topP: p.TopP, minP: p.MinP, maxNew: p.MaxNew, stop: p.Stop, key: keyOf("sample", p.SeedKey)}
	rows, err := answers(ctx, env, t, p.Compute, s, asks, d, func(a ask, outs []reply) []pair.Candidate {
		var cs []pair.Candidate
		q := by[a.id]
		for k, o := range outs {
			cs = append(cs, pair.Candidate{ID: fmt.Sprintf("%s-%d", a.id, k), PromptID: a.id, K: k, Question: q.Question, Solution: o.text,
				Gold: q.Answer, Reference: q.Solution, Tokens: o.tokens, LogProb: o.logProb, Finish: o.finish})
		}
		return cs
	})
	if err != nil {
		return err
	}
	w := Work{Rows: int64(len(rows))}
	for _, r := range rows {
		w.Tokens += int64(r.Tokens)
		w.tooLong(r.Finish, r.K, s)
	}
	w.FLOPs = 2 * float64(len(s.params.Flat)) * float64(w.Tokens)
	if err := writeRows(env.Dir, "samples.jsonl", rows); err != nil {
		return err
	}
	return writeJSON(env.Dir, "work.json", w)
}
