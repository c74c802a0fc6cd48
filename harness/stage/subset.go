package stage

import (
	"context"
	"fmt"

	"hardneg/ablations/pair"
	"hardneg/experiments/plan"
	"hardneg/models/verifier/answer"
)

// Subset is subset.json: for each benchmark the ids of the problems that the
// supervised model gets nearly right but inconsistently, frozen before any arm
// is evaluated.
type Subset map[string][]string

// runSubset chooses them: scores.<benchmark> → subset.json.
func runSubset(_ context.Context, t plan.Task, env Env) error {
	p, err := decode[plan.SubsetParams](t)
	if err != nil {
		return err
	}
	out := Subset{}
	for _, b := range p.Benchmarks {
		rows, err := inputRows[pair.Scored](env, "scores."+b, "scores.jsonl")
		if err != nil {
			return err
		}
		in, of := map[string]int{}, map[string]int{}
		var order []string
		for _, r := range rows {
			if of[r.PromptID] == 0 {
				order = append(order, r.PromptID)
			}
			of[r.PromptID]++
			if near(r) {
				in[r.PromptID]++
			}
		}
		out[b] = []string{}
		for _, id := range order {
			if n := in[id]; n >= 1 && float64(n) >= p.Share*float64(of[id]) {
				out[b] = append(out[b], id)
			}
		}
		env.Log.Info("subset", "benchmark", b, "problems", len(out[b]), "of", len(order))
	}
	return writeJSON(env.Dir, "subset.json", out)
}

// near says whether a sample is close in number and inconsistent in logic:
// wrong but near the gold answer with a visible flaw or a foreign intermediate
// result, or right in spite of one.
func near(r pair.Scored) bool {
	s := r.Profile
	if r.Correct {
		return max(s.Sym, s.Logic, s.Order) >= .5
	}
	if r.Answer == nil || answer.Equal(r.Gold, *r.Answer).Closeness < .6 {
		return false
	}
	return r.Divergence != nil && *r.Divergence < 1 || max(s.Sym, s.Logic, s.Order, s.Sem) >= .3
}

// right says whether an extracted answer equals the gold one.
func right(text string, ok bool, gold string) bool {
	return ok && answer.Equal(gold, text).Equal
}

// benchmarkInput is the input that holds a benchmark's problems.
func benchmarkInput(name string) string { return fmt.Sprintf("data.%s", name) }
