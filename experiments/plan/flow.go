package plan

import (
	"slices"
	"strings"

	"hardneg/experiments/spec"
)

// arm adds one arm's tasks for one seed, in the order of the data flow.
func (b *builder) arm(i, seed int) {
	st := b.settings[i]
	model := b.sft(st, seed, i)
	if st.Train != nil {
		mined, weighted := b.pairs(st, model, seed, i)
		model = b.train(st, model, mined, weighted, seed, i)
	}
	b.eval(st, model, seed, i)
}

// varies tells whether a stage differs between seeds: it is listed, or one of its inputs does.
func (b *builder) varies(stage string, inputs []feed) bool {
	return slices.Contains(b.s.Seeds.Vary, stage) || slices.ContainsFunc(inputs, func(f feed) bool { return f.from.Varies })
}

// draft starts a task of a stage on its inputs.
func (b *builder) draft(base, stage string, seed int, inputs []feed) draft {
	d := draft{base: base, inputs: inputs}
	d.Stage, d.Device = stage, "cpu"
	if d.Varies = b.varies(stage, inputs); d.Varies {
		d.Seed = seed
	}
	switch stage {
	case "sft", "sample", "ref", "train", "eval":
		h := b.s.Hardware
		d.Device = b.s.Class()
		d.Hint = b.json.write(Hint{int(h.MicroBatch), h.Recompute, int(h.Threads), h.GPUs, h.MinMemGB, b.s.Run.Checkpoint.String()})
	}
	return d
}

// key is the seed key of a task that draws.
func (b *builder) key(d draft) SeedKey {
	k := SeedKey{Root: b.s.Seeds.Root}
	if d.Varies {
		k.Seed = &d.Seed
	}
	return k
}

// keyIf is the seed key where something is drawn, nothing where not.
func (b *builder) keyIf(draws bool, d draft) *SeedKey {
	if !draws {
		return nil
	}
	k := b.key(d)
	return &k
}

func (b *builder) compute() Compute {
	m := b.s.Model
	c := Compute{Dtype: m.Dtype, Deterministic: b.s.Hardware.Deterministic, Prompt: m.Prompt}
	if m.Prompt == "chatml" {
		c.System = m.System
	}
	return c
}

// start hands a model to a task: the result of a stage, or the user's files.
func (b *builder) start(d *draft, model *draft) {
	if model != nil {
		d.inputs = append(d.inputs, feed{"model", model})
		return
	}
	d.Files = append(d.Files, File{Name: "model", Path: b.s.Model.Base, Revision: b.s.Model.Revision}, b.tokenizer())
}

func (b *builder) tokenizer() File {
	f := File{Name: "tokenizer", Path: b.s.Model.Tokenizer}
	if f.Path == b.s.Model.Base {
		f.Revision = b.s.Model.Revision
	}
	return f
}

// data adds the task that reads a role.
func (b *builder) data(role string, arm int) *draft {
	return b.once(memo{base: "data-" + role}, arm, func() *draft {
		return b.read(role, "data-"+role, *b.s.Data.Role(role), arm)
	})
}

// benchmark adds the task that reads a benchmark.
func (b *builder) benchmark(e spec.Eval, m spec.Benchmark, arm int) *draft {
	key := memo{base: "data-eval", settings: struct {
		spec.Benchmark
		split string
		limit int
	}{m, e.Split, e.Limit}}
	return b.once(key, arm, func() *draft { return b.readBenchmark(e, m, arm) })
}

func (b *builder) readBenchmark(e spec.Eval, m spec.Benchmark, arm int) *draft {
	src := spec.Source{Source: m.Name, Path: m.Path, Split: e.Split, Limit: e.Limit}
	switch m.Name {
	case "arith", "arith-hard":
		src.Source = "synth/" + m.Name
		if m.Path != "" {
			src.Source = "jsonl"
		}
	case "gsm8k", "math", "svamp":
	case "math500":
		src.Source = "math" // 500 of its test problems, in a file of their own
	default:
		src.Source = "jsonl"
	}
	if src.Path == "" {
		src.Path = spec.HubID(m.Name)
	}
	return b.read("eval", "data-eval-"+m.Name, src, arm)
}

func (b *builder) read(role, base string, src spec.Source, arm int) *draft {
	d := draft{base: base}
	d.Stage, d.Device = "data", "cpu"
	p := DataParams{Role: role, Source: src.Source, Format: src.Format, Split: src.Split, Limit: src.Limit, Fields: src.Fields}
	if p.Split != "" && p.Split != "test" {
		p.Partition = &b.s.Data.Partition
	}
	if strings.HasPrefix(src.Source, "synth/") {
		p.Partition = nil // splits of generated problems are disjoint by construction
		p.SeedKey = &SeedKey{Root: b.s.Seeds.Root}
	}
	if src.Path != "" {
		d.Files = []File{{Name: "data", Path: src.Path, Source: src.Source, Split: p.Stored()}}
	}
	return b.add(d, p, arm)
}

// sft adds the supervised stage; nil where the base model is the start.
func (b *builder) sft(st spec.Stages, seed, arm int) *draft {
	if st.SFT == nil {
		return nil
	}
	return b.once(memo{"sft", seed, nil, nil, struct {
		spec.SFT
		maxNew int
	}{*st.SFT, st.Eval.MaxNew}}, arm, func() *draft { return b.makeSFT(st, seed, arm) })
}

func (b *builder) makeSFT(st spec.Stages, seed, arm int) *draft {
	inputs := []feed{{"data", b.data("sft", arm)}}
	if st.SFT.Keep == "best-valid" {
		inputs = append(inputs, feed{"valid", b.data("valid", arm)})
	}
	d := b.draft("sft", "sft", seed, inputs)
	p := SFTParams{Compute: b.compute(), SFT: *st.SFT, SeedKey: b.key(d)}
	if p.Keep == "best-valid" {
		p.MaxNew = st.Eval.MaxNew
	}
	if b.s.Model.Init == "random" {
		p.Shape = b.s.Model.Shape
		d.Files = []File{b.tokenizer()}
	} else {
		b.start(&d, nil)
	}
	return b.add(d, p, arm)
}

// sample adds a drawing of solutions for a set of problems.
func (b *builder) sample(base string, s spec.Sample, model, data *draft, seed, arm int) *draft {
	key := memo{base, seed, model, data, struct {
		from, stop       string
		n, topK, maxNew  int
		temp, topP, minP float64
	}{s.From, strings.Join(s.Stop, "\x00"), s.N, s.TopK, s.MaxNew, s.Temperature, s.TopP, s.MinP}}
	return b.once(key, arm, func() *draft { return b.makeSample(base, s, model, data, seed, arm) })
}

func (b *builder) makeSample(base string, s spec.Sample, model, data *draft, seed, arm int) *draft {
	inputs := []feed{{"data", data}}
	if s.From == "sft" && model != nil {
		inputs = append(inputs, feed{"model", model})
	} else {
		model = nil
	}
	d := b.draft(base, "sample", seed, inputs)
	if s.Temperature == 0 && !slices.ContainsFunc(inputs, func(f feed) bool { return f.from.Varies }) {
		d.Varies, d.Seed = false, 0 // greedy: nothing is drawn
	}
	if model == nil {
		b.start(&d, nil)
	}
	return b.add(d, b.sampling(s, d), arm)
}

func (b *builder) sampling(s spec.Sample, d draft) SampleParams {
	return SampleParams{Compute: b.compute(), N: s.N, Temperature: s.Temperature, TopK: s.TopK, TopP: s.TopP, MinP: s.MinP,
		MaxNew: s.MaxNew, Stop: s.Stop, SeedKey: b.keyIf(s.Temperature > 0, d)}
}

// score adds the profiles of samples.
func (b *builder) score(base, mode string, s spec.Score, samples, data *draft, seed, arm int) *draft {
	inputs := []feed{{"samples", samples}}
	if data != nil {
		inputs = append(inputs, feed{"data", data})
	}
	d := b.draft(base, "score", seed, inputs)
	name, files := verifier(s.Verifier)
	d.Files = files
	p := ScoreParams{Verifier: name, AnswerMode: mode, Profile: s.Profile, Sigma: s.Sigma, Drop: s.Drop}
	draws := s.Profile == "shuffled" || s.Profile == "random" || s.Profile == "noisy"
	p.SeedKey = b.keyIf(draws, d)
	return b.add(d, p, arm)
}

// verifier splits the setting into a name and, for a verifier of the user's, its file.
func verifier(setting string) (string, []File) {
	if setting == "builtin" || setting == "rules" {
		return setting, nil
	}
	return "file", []File{{Name: "verifier", Path: setting}}
}

// pairs adds what leads to an arm's pairs: mined ones, whose reference
// log-probabilities all weightings share, and weighted ones.
func (b *builder) pairs(st spec.Stages, model *draft, seed, arm int) (mined, weighted *draft) {
	if b.s.Data.Pairs != nil {
		p := b.data("pairs", arm)
		return p, p
	}
	var samples, data *draft
	if b.s.Data.Samples != nil {
		samples = b.data("samples", arm)
	} else {
		data = b.data(st.Sample.Prompts, arm)
		samples = b.sample("sample", st.Sample, model, data, seed, arm)
	}
	scores := b.once(memo{"score", seed, samples, data, st.Score}, arm, func() *draft {
		return b.score("score", "gold", st.Score, samples, data, seed, arm)
	})
	mined = b.once(memo{"mine", seed, scores, nil, struct {
		spec.Mine
		use string
	}{st.Mine, st.Score.Use}}, arm, func() *draft { return b.mine(st, scores, seed, arm) })
	weighted = b.once(memo{"weight", seed, mined, nil, st.Weight}, arm, func() *draft { return b.weight(st.Weight, mined, seed, arm) })
	return mined, weighted
}

func (b *builder) mine(st spec.Stages, scores *draft, seed, arm int) *draft {
	d := b.draft("mine", "mine", seed, []feed{{"scores", scores}})
	m := st.Mine
	draws := m.Negatives == "random" || m.Chosen == "random" || m.MaxPairs > 0 || m.GateNoise > 0
	return b.add(d, MineParams{Mine: m, Use: st.Score.Use, SeedKey: b.keyIf(draws, d)}, arm)
}

func (b *builder) weight(w spec.Weight, mined *draft, seed, arm int) *draft {
	d := b.draft("weight", "weight", seed, []feed{{"pairs", mined}})
	p := WeightParams{Scores: w.Scores, Sigma: w.Sigma, Within: w.Within}
	if w.Scores != "uniform" {
		p.Coef, p.Clip = &w.Coef, &w.Clip
	}
	draws := w.Scores == "shuffled" || w.Scores == "random" || w.Scores == "noisy"
	p.SeedKey = b.keyIf(draws, d)
	return b.add(d, p, arm)
}

// train adds the preference stage and, where its loss compares, the reference.
func (b *builder) train(st spec.Stages, model, mined, weighted *draft, seed, arm int) *draft {
	t := st.Train
	inputs := []feed{{"pairs", weighted}}
	if t.Reference != "" {
		inputs = append(inputs, feed{"ref", b.ref(t, model, mined, seed, arm)})
	}
	if t.Keep == "best-valid" {
		inputs = append(inputs, feed{"valid", b.data("valid", arm)})
	}
	if model != nil {
		inputs = append(inputs, feed{"model", model})
	}
	d := b.draft("train", "train", seed, inputs)
	if model == nil {
		b.start(&d, nil)
	}
	p := TrainParams{Compute: b.compute(), Optim: t.Optim, Loss: t.Loss, Beta: t.Beta, SimPOGamma: t.SimPOGamma,
		LabelSmoothing: t.LabelSmoothing, RPOAlpha: t.RPOAlpha, WeightNorm: t.WeightNorm, SeedKey: b.key(d)}
	if t.Keep == "best-valid" {
		p.MaxNew = st.Eval.MaxNew
	}
	return b.add(d, p, arm)
}

func (b *builder) ref(t *spec.Train, model, mined *draft, seed, arm int) *draft {
	key := memo{"ref", seed, model, mined, struct {
		reference string
		maxLen    int
		packing   bool
	}{t.Reference, t.MaxLen, t.Packing}}
	return b.once(key, arm, func() *draft { return b.makeRef(t, model, mined, seed, arm) })
}

func (b *builder) makeRef(t *spec.Train, model, mined *draft, seed, arm int) *draft {
	inputs := []feed{{"pairs", mined}}
	if t.Reference == "base" {
		model = nil
	}
	if model != nil {
		inputs = append(inputs, feed{"model", model})
	}
	d := b.draft("ref", "ref", seed, inputs)
	if model == nil {
		b.start(&d, nil)
	}
	return b.add(d, RefParams{Compute: b.compute(), MaxLen: t.MaxLen, Packing: t.Packing}, arm)
}

func (b *builder) eval(st spec.Stages, model *draft, seed, arm int) {
	var inputs []feed
	e := st.Eval
	p := EvalParams{Compute: b.compute(), Decoding: e.Decoding, Samples: e.Samples, Temperature: e.Temperature, TopP: e.TopP,
		MaxNew: e.MaxNew, FewShot: e.FewShot, Extract: e.Extract, Primary: e.Primary}
	for _, m := range e.Benchmarks {
		inputs = append(inputs, feed{"data." + m.Name, b.benchmark(e, m, arm)})
		p.Benchmarks = append(p.Benchmarks, m.Name)
	}
	if e.FewShot > 0 {
		inputs = append(inputs, feed{"shots", b.data("sft", arm)})
	}
	if model != nil {
		inputs = append(inputs, feed{"model", model})
	}
	d := b.draft("eval", "eval", seed, inputs)
	if model == nil {
		b.start(&d, nil)
	}
	p.SeedKey = b.keyIf(e.Decoding == "sample", d)
	b.add(d, p, arm)
}
