package stage

import (
	"context"
	"errors"
	"slices"

	"hardneg/models/sample"
	"hardneg/models/vm"
)

// generate answers asks in order, on the backend's device. A question too long
// for the model gets no solution: an empty reply that ended by length.
func (s *speaker) generate(ctx context.Context, be vm.Backend, threads int, asks []ask, d drawing, emit func(i int, outs []reply) error) error {
	var prompts []sample.Prompt
	for _, a := range asks {
		p := sample.Prompt{ID: a.tag + a.id, Tokens: slices.Concat(a.shots, s.format.Encode(s.tok, a.question)), N: a.n}
		if len(p.Tokens) >= s.params.Config.MaxPositions {
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
				replies[k].finish = sample.ReasonLength
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
