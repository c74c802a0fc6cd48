package verifier

import (
	"fmt"

	"hardneg/fixtures/problem"
	"hardneg/fixtures/seed"
	"hardneg/fixtures/synth"
)

// A reference is a question with a right solution that ends in "#### answer".
type Reference struct{ Question, Solution string }

// kindWeight is how much an example of a planted error counts: about the
// share of such errors among wrong solutions of language models, where
// misreadings are common and damaged texts rare.
func kindWeight(kind string) float64 {
	switch kind {
	case "op", "drop", "distractor", "fewer", "each":
		return .8
	case "operand":
		return .9
	case "entity":
		return .5
	case "swap":
		return .4
	case "calc", "borrow":
		return .35
	case "skip", "stop":
		return .3
	case "order", "exchange", "contradict", "answer", "note-text":
		return .15
	case "repeat":
		return .1
	}
	return .04 // trunc, noanswer
}

// rightWeight balances a right solution against its flawed variants.
const rightWeight = 3

// Planted makes labelled solutions of right references: each restyled once as
// it is, and once with every kind of error that it admits, in the same style.
// References that admit no change of an operator are left out: the right side
// would hold solutions that have no flawed counterpart.
func Planted(refs []Reference, source string, root uint64) (out []Example) {
	for i, r := range refs {
		key := seed.Derive(root, "planted", r.Question)
		style := key.Sub(1)
		if _, ok := Perturb(r.Question, r.Solution, "op", key.Sub(2)); !ok {
			continue
		}
		steps, _ := Restyle(r.Question, r.Solution, -1, style)
		out = append(out, Example{Input: Input{Question: r.Question, Steps: steps}, DimsKnown: true, First: -1, Weight: rightWeight, Source: source})
		for k, kind := range Kinds() {
			f, ok := Perturb(r.Question, r.Solution, kind.Name, key.Sub(uint64(2+k)))
			if !ok || kind.Name == "contradict" && i%2 == 0 && !keepsNotes(style) {
				continue // beside a note that is cut out, half of them would be plain errors of calculation
			}
			steps, first := Restyle(r.Question, f.Solution, f.Step, style)
			e := Example{Input: Input{Question: r.Question, Steps: steps}, Wrong: true, DimsKnown: true, First: first, Weight: kindWeight(kind.Name), Source: source}
			e.Dims[kind.Dim] = true
			out = append(out, e)
		}
	}
	return out
}

// Synthetic makes labelled solutions of generated problems, of which the
// generator knows right and wrong: n problems of each source.
func Synthetic(n int, root uint64) (out []Example, err error) {
	for _, source := range []string{synth.Arith, synth.Hard} {
		ps, err := synth.Generate(source, "pool", n, root)
		if err != nil {
			return nil, err
		}
		for _, p := range ps {
			ex, err := syntheticOf(p, root)
			if err != nil {
				return nil, fmt.Errorf("problem %s: %w", p.ID, err)
			}
			out = append(out, ex...)
		}
	}
	return out, nil
}

// syntheticOf makes the right and the flawed solutions of one problem.
func syntheticOf(p problem.Problem, root uint64) (out []Example, err error) {
	key := seed.Derive(root, "synthetic", p.ID)
	style := key.Sub(1)
	add := func(solution string, first int, e Example) {
		var steps []string
		steps, e.First = Restyle(p.Question, solution, first, style)
		e.Input = Input{Question: p.Question, Steps: steps}
		e.DimsKnown, e.Source = true, p.Source
		out = append(out, e)
	}
	add(p.Solution, -1, Example{Weight: rightWeight})
	for k, kind := range synth.Kinds() {
		text, label, ok, err := synth.Flaw(p, kind.Name, key.Sub(uint64(2+k)))
		if err != nil {
			return nil, err
		}
		if !ok || (kind.Name == "contradict" || kind.Name == "note-text") && !keepsNotes(style) {
			continue
		}
		e := Example{Wrong: true, Weight: kindWeight(kind.Name)}
		for d := range e.Dims {
			e.Dims[d] = label.Dims[d]
		}
		add(text, label.FirstErrorStep, e)
	}
	return out, nil
}
