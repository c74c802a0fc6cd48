package plan

import (
	"slices"

	"hardneg/experiments/spec"
)

// stages are the settings that analyses beside the arms use: those of the
// first arm that has an SFT stage, so that its SFT model is one that is trained
// anyway; the profile is the verifier's own.
func (b *builder) stages() spec.Stages {
	st := b.s.Arms[0].Stages
	for _, a := range b.s.Arms {
		if a.Stages.SFT != nil {
			st = a.Stages
			break
		}
	}
	st.Sample, st.Score, st.Eval = b.s.Stages.Sample, b.s.Stages.Score, b.s.Stages.Eval
	st.Score.Profile, st.Score.Sigma, st.Score.Drop = "verifier", 0, ""
	if b.s.Data.Samples != nil {
		st.SFT = nil
	}
	return st
}

// oracleRole is the role whose samples the oracle labels; "" if it is not asked for.
func (b *builder) oracleRole() string {
	v := b.s.Analysis.Verifier
	switch {
	case v == nil || !slices.ContainsFunc(v.Labelled, func(l spec.Labelled) bool { return l.Format == "oracle" }):
		return ""
	case b.s.Data.Probe != nil:
		return "probe"
	}
	return "pool"
}

// probe adds, for one seed, samples of a role and their scores without gold.
func (b *builder) probe(seed int) {
	st := b.stages()
	draw := func(role string) (samples, data *draft) {
		model := b.sft(st, seed, none)
		data = b.data(role, none)
		return b.sample("sample-"+role, st.Sample, model, data, seed, none), data
	}
	if c := b.s.Analysis.Correlations; c != nil {
		samples, data := draw(c.Over)
		mode := "consensus"
		if st.Sample.N == 1 {
			mode = "none"
		}
		b.score("score-"+c.Over, mode, st.Score, samples, data, seed, none)
	}
	if role := b.oracleRole(); role != "" {
		samples, data := draw(role)
		d := b.draft("verifier-oracle", "verifier", seed, []feed{{"samples", samples}, {"data", data}})
		name, files := verifier(st.Score.Verifier)
		d.Files = files
		b.add(d, VerifierParams{Verifier: name, Format: "oracle"}, none)
	}
}

// validation adds the verifier's figures on labelled files.
func (b *builder) validation() {
	if b.s.Analysis.Verifier == nil {
		return
	}
	for _, l := range b.s.Analysis.Verifier.Labelled {
		if l.Format == "oracle" {
			continue
		}
		d := b.draft("verifier-"+l.Format, "verifier", 0, nil)
		name, files := verifier(b.s.Stages.Score.Verifier)
		d.Files = append(files, File{Name: "labelled", Path: l.Path})
		b.add(d, VerifierParams{Verifier: name, Format: l.Format}, none)
	}
}

// subset adds the near-correct subset: samples of every benchmark by an SFT
// model of the subset's own seed, which no arm uses, so that no arm's luck can
// choose the problems on which it is judged.
func (b *builder) subset() {
	sub := b.s.Analysis.Subset
	if sub == nil {
		return
	}
	st := b.stages()
	st.Sample.N = sub.Samples
	model := b.sft(st, sub.Seed, none)
	p := SubsetParams{Share: sub.Share}
	var inputs []feed
	for _, m := range st.Eval.Benchmarks {
		data := b.benchmark(st.Eval, m, none)
		from := []feed{{"data", data}}
		if model != nil {
			from = append(from, feed{"model", model})
		}
		d := b.draft("sample-subset-"+m.Name, "sample", sub.Seed, from)
		d.Varies, d.Seed = true, sub.Seed
		if model == nil {
			b.start(&d, nil)
		}
		samples := b.add(d, b.sampling(st.Sample, d), none)
		scores := b.score("score-subset-"+m.Name, "gold", st.Score, samples, data, sub.Seed, none)
		inputs = append(inputs, feed{"data." + m.Name, data}, feed{"scores." + m.Name, scores})
		p.Benchmarks = append(p.Benchmarks, m.Name)
	}
	d := b.draft("subset", "subset", sub.Seed, inputs)
	d.Varies, d.Seed = false, 0 // there is one, whatever its seed
	b.add(d, p, none)
}
