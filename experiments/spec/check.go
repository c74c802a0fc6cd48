package spec

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
)

// checker asks what types cannot say: whether the parts of a spec fit together.
type checker struct {
	*reader
	s      *Spec
	root   *node
	points []point
}

func (c *checker) check() {
	c.model()
	c.data()
	c.stages(&c.s.Stages, c.at, "")
	for i := range c.points {
		c.stages(&c.points[i].Stages, c.points[i].at, c.points[i].Name)
	}
	if len(c.errs) == 0 { // arms that cannot be read are alike for that reason
		c.twins()
	}
	c.seeds()
	c.analysis()
	c.claimed()
	c.gate()
	if c.s.Hardware.Device == "cpu" && c.s.Hardware.GPUs > 0 {
		c.errorf(c.where("hardware.gpus"), "spec.hardware.gpus is %d on device cpu", c.s.Hardware.GPUs)
	}
}

// where is the place of a path, or of the nearest section around it.
func (c *checker) where(path string) Origin { return nearest(c.at, path, c.root.at) }

func nearest(at map[string]Origin, path string, root Origin) Origin {
	for path != "" {
		if o, ok := at[path]; ok {
			return o
		}
		i := strings.LastIndexAny(path, ".[")
		if i < 0 {
			break
		}
		path = path[:i]
	}
	return root
}

func (c *checker) model() {
	m := c.s.Model
	switch {
	case m.Init == "random" && m.Shape == nil:
		c.errorf(c.where("model.init"), "spec.model.init: random needs model.shape")
	case m.Init == "random" && m.Base != "":
		c.errorf(c.where("model.base"), "spec.model.base: fresh weights (init: random) have no base")
	case m.Init == "random" && m.Tokenizer == "":
		c.errorf(c.where("model.init"), "spec.model.init: random needs model.tokenizer")
	case m.Init == "base" && m.Shape != nil:
		c.errorf(c.where("model.shape"), "spec.model.shape: only for init: random; a base brings its own shape")
	case m.Init == "base" && m.Base == "" && len(c.s.Arms) > 0:
		c.errorf(c.where("model"), "spec.model needs the key \"base\": a folder in Hugging Face layout, or a Hub id")
	}
	if s := m.Shape; s != nil && s.Heads > 0 && s.KVHeads > 0 {
		if s.Hidden%s.Heads != 0 || s.Hidden/s.Heads%2 != 0 {
			c.errorf(c.where("model.shape"), "spec.model.shape: hidden %d over %d heads is not an even whole number", s.Hidden, s.Heads)
		}
		if s.Heads%s.KVHeads != 0 {
			c.errorf(c.where("model.shape.kv_heads"), "spec.model.shape: %d heads are not a multiple of %d kv_heads", s.Heads, s.KVHeads)
		}
	}
}

// readers of problems; synth/<name> besides.
func sources() []string { return []string{"metamath", "gsm8k", "math", "svamp", "jsonl"} }

func (c *checker) data() {
	p := c.s.Data.Partition
	if sum := p.Pool + p.Probe + p.Valid; sum >= 1 {
		c.errorf(c.where("data.partition"), "spec.data.partition: the shares sum to %s, nothing is left for train", short(sum))
	}
	for _, r := range c.s.Data.Roles() {
		path := "data." + r.Name
		rows := r.Name == "samples" || r.Name == "pairs"
		src := r.Source.Source
		synth := strings.HasPrefix(src, "synth/") && len(src) > len("synth/")
		switch {
		case rows && src != "":
			c.errorf(c.where(path+".source"), "spec.%s holds rows of hardneg's own; source has no meaning there", path)
		case rows && r.Path == "":
			c.errorf(c.where(path), "spec.%s needs the key \"path\"", path)
		case rows:
		case src == "":
			c.errorf(c.where(path), "spec.%s needs the key \"source\"", path)
		case !synth && !slices.Contains(sources(), src):
			c.errorf(c.where(path+".source"), "spec.%s.source is %q: one of %s, or synth/arith, synth/arith-hard%s", path, src,
				strings.Join(sources(), ", "), meant(src, append(sources(), "synth/arith", "synth/arith-hard")))
		case synth && r.Path != "":
			c.errorf(c.where(path+".path"), "spec.%s.path: %s is generated, it has no file", path, src)
		case src == "jsonl" && r.Path == "":
			c.errorf(c.where(path), "spec.%s: source jsonl needs the key \"path\"", path)
		}
		if r.Fields != nil && src != "jsonl" {
			c.errorf(c.where(path+".fields"), "spec.%s.fields: only for source jsonl", path)
		}
	}
}

// stages checks the settings of the stages as they stand (arm "") or of an arm.
func (c *checker) stages(st *Stages, at map[string]Origin, arm string) {
	where := func(path string) Origin { return nearest(at, "stages."+path, c.where("stages")) }
	has := func(path string) bool { _, ok := at["stages."+path]; return ok }
	beside := func(key, user string, used bool) {
		if has(key) && !used {
			c.errorf(where(key), "spec.stages.%s has a meaning only beside %s", key, user)
		}
	}
	beside("score.sigma", "score.profile: noisy", st.Score.Profile == "noisy")
	beside("score.drop", "score.profile: drop", st.Score.Profile == "drop")
	beside("weight.sigma", "weight.scores: noisy", st.Weight.Scores == "noisy")
	beside("weight.within", "weight.scores: shuffled", st.Weight.Scores == "shuffled")
	if st.Score.Profile == "noisy" && st.Score.Sigma <= 0 {
		c.errorf(where("score.profile"), "score.profile: noisy needs score.sigma above 0")
	}
	if st.Score.Profile == "drop" && st.Score.Drop == "" {
		c.errorf(where("score.profile"), "score.profile: drop needs score.drop, one of sem, struct, order, logic, sym, ans")
	}
	if st.Weight.Scores == "noisy" && st.Weight.Sigma <= 0 {
		c.errorf(where("weight.scores"), "weight.scores: noisy needs weight.sigma above 0")
	}
	if lo, hi := st.Weight.Clip[0], st.Weight.Clip[1]; !(lo <= 1 && 1 <= hi) {
		c.errorf(where("weight.clip"), "spec.stages.weight.clip is [%s, %s]: weights have mean 1, which must lie inside", short(lo), short(hi))
	}
	c.training(st, at, where)
	c.evaluation(st, where)
	if arm != "" {
		c.flow(st, arm, where)
	}
}

func (c *checker) training(st *Stages, at map[string]Origin, where func(string) Origin) {
	optim := func(o Optim, stage string) {
		if o.Warmup >= 1 && o.Warmup != math.Trunc(o.Warmup) {
			c.errorf(where(stage+".warmup"), "spec.stages.%s.warmup is %s: a share below 1, or a whole number of steps", stage, short(o.Warmup))
		}
		if o.Keep == "best-valid" && c.s.Data.Valid == nil {
			c.errorf(where(stage+".keep"), "spec.stages.%s.keep: best-valid needs data.valid", stage)
		}
		if o.LoRA != nil && len(o.LoRA.Targets) == 0 {
			c.errorf(where(stage+".lora"), "spec.stages.%s.lora.targets is empty", stage)
		}
	}
	if st.SFT != nil {
		optim(st.SFT.Optim, "sft")
	}
	if t := st.Train; t != nil {
		optim(t.Optim, "train")
		if t.LabelSmoothing > 0 && t.Loss != "sigmoid" && t.Loss != "robust" {
			c.errorf(where("train.label_smoothing"), "spec.stages.train.label_smoothing has a meaning only beside loss: sigmoid or robust")
		}
		if _, ok := at["stages.train.simpo_gamma"]; ok && t.Loss != "simpo" {
			c.errorf(where("train.simpo_gamma"), "spec.stages.train.simpo_gamma has a meaning only beside loss: simpo")
		}
	}
}

// benchmarkNames lists the benchmarks that need no path.
func benchmarkNames() []string {
	return []string{"gsm8k", "math", "math500", "svamp", "arith", "arith-hard"}
}

func (c *checker) evaluation(st *Stages, where func(string) Origin) {
	e := st.Eval
	if len(e.Benchmarks) == 0 && len(c.s.Arms) > 0 {
		c.errorf(where("eval"), "spec.stages.eval needs the key \"benchmarks\" with at least one")
	}
	seen := map[string]bool{}
	for _, b := range e.Benchmarks {
		switch {
		case b.Name == "combined":
			c.errorf(where("eval.benchmarks"), "benchmark name combined is taken: it means all of them together")
		case b.Path == "" && !slices.Contains(benchmarkNames(), b.Name):
			c.errorf(where("eval.benchmarks"), "unknown benchmark %q: one of %s, or {name, path}%s", b.Name,
				strings.Join(benchmarkNames(), ", "), meant(b.Name, benchmarkNames()))
		case seen[b.Name]:
			c.errorf(where("eval.benchmarks"), "benchmark %q is listed twice", b.Name)
		}
		seen[b.Name] = true
	}
	if e.Decoding == "greedy" && e.Samples > 1 {
		c.errorf(where("eval.samples"), "spec.stages.eval.samples is %d: greedy decoding gives the same answer every time; set decoding: sample", e.Samples)
	}
	if len(e.Extract) == 0 {
		c.errorf(where("eval.extract"), "spec.stages.eval.extract is empty: strict, flexible or both")
	} else if !slices.Contains(e.Extract, e.Primary) {
		c.errorf(where("eval.primary"), "spec.stages.eval.primary is %s, which extract does not list", e.Primary)
	}
}

// flow checks that an arm's stages have the data that they read.
func (c *checker) flow(st *Stages, arm string, where func(string) Origin) {
	d := &c.s.Data
	e := c.s.Effective(*st)
	if e.SFT != nil && d.SFT == nil {
		c.errorf(where("sft"), "arm %s has an sft stage, which needs data.sft", arm)
	}
	if c.s.Model.Init == "random" && e.SFT == nil {
		c.errorf(where("sft"), "arm %s has no sft stage: fresh weights (model.init: random) need one", arm)
	}
	if c.s.Model.Init == "random" && e.Train != nil && (e.Sample.From == "base" || e.Train.Reference == "base") {
		c.errorf(where("train"), "arm %s reads the base model, which model.init: random does not have", arm)
	}
	if e.Eval.FewShot > 0 && d.SFT == nil {
		c.errorf(where("eval.few_shot"), "spec.stages.eval.few_shot is %d: the examples come from data.sft, which is not there", e.Eval.FewShot)
	}
	if e.Train != nil && d.Pairs == nil && d.Samples == nil && d.Role(e.Sample.Prompts) == nil {
		c.errorf(where("train"), "arm %s trains on preferences: it needs data.%s, data.samples or data.pairs", arm, e.Sample.Prompts)
	}
}

// twins finds arms that would do the same work twice.
func (c *checker) twins() {
	seen := map[string]string{}
	for _, p := range c.points {
		b, err := json.Marshal(c.s.Effective(p.Stages))
		if err != nil {
			panic("spec: stages do not marshal")
		}
		if first, ok := seen[string(b)]; ok {
			c.errorf(p.place, "arms %q and %q have the same settings: one of them is wasted", first, p.Name)
			continue
		}
		seen[string(b)] = p.Name
	}
}
