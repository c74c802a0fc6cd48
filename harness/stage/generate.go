package stage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hardneg/models/sample"
	"hardneg/models/vm"
)

// FinishTooLong is why a question got no solution: its prompt fills all of the
// model's positions, so that no token can follow.
const FinishTooLong = "prompt_too_long"

// prompt is all that the model reads before it answers.
func (s *speaker) prompt(a ask) []int32 {
	return slices.Concat(a.shots, s.format.Encode(s.tok, a.question))
}

func (s *speaker) tooLong(prompt []int32) bool { return len(prompt) >= s.params.Config.MaxPositions }

// fit counts the questions whose prompts are too long for the model. Where a
// tag has no other, what would be measured or drawn says nothing: an error.
func (s *speaker) fit(asks []ask) (int, error) {
	long, of := map[string]int{}, map[string]int{}
	n := 0
	for _, a := range asks {
		of[a.tag]++
		if s.tooLong(s.prompt(a)) {
			long[a.tag]++
			n++
		}
	}
	for _, a := range asks {
		if long[a.tag] == of[a.tag] {
			what := strings.TrimSuffix("prompts of "+a.tag, " of ")
			shorter := "shorten the questions or take a model with more positions"
			if len(a.shots) > 0 {
				shorter = fmt.Sprintf("the solved examples alone are %d tokens: lower eval.few_shot", len(a.shots))
			}
			return n, &FutileError{fmt.Errorf("all %d %s are longer than the model's %d positions; %s", of[a.tag], what, s.params.Config.MaxPositions, shorter)}
		}
	}
	return n, nil
}

// generate answers asks in order, on the backend's device. A question too long
// for the model gets no solution, and the reply says so.
func (s *speaker) generate(ctx context.Context, be vm.Backend, threads int, asks []ask, d drawing, emit func(i int, outs []reply) error) error {
	var prompts []sample.Prompt
	for _, a := range asks {
		p := sample.Prompt{ID: a.tag + a.id, Tokens: s.prompt(a), N: a.n}
		if s.tooLong(p.Tokens) {
			p.Tokens, p.N = p.Tokens[:1], 0
		}
		prompts = append(prompts, p)
	}
	sampler, err := sample.NewOn(be, s.params, sample.Options{Threads: threads, Tokenizer: s.tok})
	if err != nil {
		return &EnvironmentError{err}
	}
	_, err = sampler.Run(ctx, prompts, sample.Params{
		Temperature: d.temperature, TopK: d.topK, TopP: d.topP, MinP: d.minP, MaxNew: d.maxNew,
		StopTokens: []int32{s.end}, Stop: d.stop, Key: d.key, LogProbs: true,
	}, func(i int, outs []sample.Output) error {
		replies := make([]reply, asks[i].n)
		for k := range replies {
			if k >= len(outs) {
				replies[k].finish = FinishTooLong
				continue
			}
			o := outs[k]
			replies[k] = reply{text: o.Text, tokens: len(o.Tokens), finish: o.Reason}
			for _, l := range o.LogProbs {
				replies[k].logProb += float64(l)
			}
		}
		return emit(i, replies)
	})
	return errors.Join(err, sampler.Close())
}
