package spec

// Stages holds the settings of every stage. data and ref have none of their own.
type Stages struct {
	// SFT is the supervised stage; none: the base model is the start.
	SFT *SFT `json:"sft"`
	// Sample draws solutions.
	Sample Sample `json:"sample"`
	// Score profiles them.
	Score Score `json:"score"`
	// Mine makes pairs.
	Mine Mine `json:"mine"`
	// Weight weights them.
	Weight Weight `json:"weight"`
	// Train is the preference stage; none: the arm stops after sft.
	Train *Train `json:"train"`
	// Eval measures accuracy.
	Eval Eval `json:"eval"`
}

// Optim is what both training stages set.
type Optim struct {
	// Epochs over the data; fractions are allowed.
	Epochs float64 `json:"epochs" jsonschema:"exclusiveMinimum=0"`
	// MaxSteps stops earlier; 0 = no limit.
	MaxSteps int `json:"max_steps" jsonschema:"minimum=0"`
	// Batch is sequences (sft) or pairs (train) a step.
	Batch int `json:"batch" jsonschema:"minimum=1"`
	// MaxLen in tokens; longer rows are left out and counted.
	MaxLen int `json:"max_len" jsonschema:"minimum=1"`
	// LR is the peak learning rate.
	LR float64 `json:"lr" jsonschema:"required,exclusiveMinimum=0"`
	// Schedule of the learning rate after warm-up.
	Schedule string `json:"schedule" jsonschema:"enum=constant,enum=linear,enum=cosine"`
	// Warmup is a share of all steps below 1, or a number of steps.
	Warmup float64 `json:"warmup" jsonschema:"minimum=0"`
	// MinLR is the share of lr at which the schedule ends.
	MinLR float64 `json:"min_lr" jsonschema:"minimum=0,maximum=1"`
	// Betas are AdamW's decay rates of the moments.
	Betas [2]float64 `json:"betas" jsonschema:"minimum=0,exclusiveMaximum=1"`
	// Eps is AdamW's epsilon.
	Eps float64 `json:"eps" jsonschema:"exclusiveMinimum=0"`
	// WeightDecay is decoupled.
	WeightDecay float64 `json:"weight_decay" jsonschema:"minimum=0"`
	// Decay says which parameters decay.
	Decay string `json:"decay" jsonschema:"enum=matrices,enum=all"`
	// Clip is the largest global gradient norm; 0 = off.
	Clip float64 `json:"clip" jsonschema:"minimum=0"`
	// OptState is the storage of the moments.
	OptState string `json:"opt_state" jsonschema:"enum=fp32,enum=bf16,enum=int8"`
	// Packing puts sequences side by side without padding; attention never crosses them.
	Packing bool `json:"packing"`
	// LoRA trains adapters instead of all weights.
	LoRA *LoRA `json:"lora"`
	// Keep says which checkpoint counts.
	Keep string `json:"keep" jsonschema:"enum=last,enum=best-valid"`
}

// LoRA holds the settings of the adapters, as in PEFT, without dropout.
type LoRA struct {
	// Rank of the adapters.
	Rank int `json:"rank" jsonschema:"required,minimum=1"`
	// Alpha scales them by alpha/rank.
	Alpha float64 `json:"alpha" jsonschema:"required,exclusiveMinimum=0"`
	// Targets are names of projections.
	Targets []string `json:"targets" jsonschema:"required,enum=q_proj,enum=k_proj,enum=v_proj,enum=o_proj,enum=gate_proj,enum=up_proj,enum=down_proj"`
}

// Most is the largest rank that makes sense in a model of this shape, and the
// projection that bounds it: an adapter has no more than its matrix.
func (l *LoRA) Most(s Shape) (rank int, target string) {
	kv := s.Hidden / s.Heads * s.KVHeads
	for _, t := range l.Targets {
		most := s.Hidden
		switch t {
		case "k_proj", "v_proj":
			most = min(s.Hidden, kv)
		case "gate_proj", "up_proj", "down_proj":
			most = min(s.Hidden, s.FFN)
		}
		if target == "" || most < rank {
			rank, target = most, t
		}
	}
	return rank, target
}

// SFT is the supervised stage.
type SFT struct {
	Optim
	// LossOn says which tokens count in the loss.
	LossOn string `json:"loss_on" jsonschema:"enum=completion,enum=all"`
}

// Train is the preference stage.
type Train struct {
	Optim
	// Loss of a pair; nll is supervised on the chosen side alone.
	Loss string `json:"loss" jsonschema:"enum=sigmoid,enum=ipo,enum=hinge,enum=robust,enum=simpo,enum=npo,enum=nll"`
	// Beta is the strength of the preference.
	Beta float64 `json:"beta" jsonschema:"exclusiveMinimum=0"`
	// SimPOGamma is the target margin of simpo.
	SimPOGamma float64 `json:"simpo_gamma" jsonschema:"minimum=0"`
	// LabelSmoothing is the assumed rate of flipped labels: conservative (sigmoid) or unbiased (robust).
	LabelSmoothing float64 `json:"label_smoothing" jsonschema:"minimum=0,exclusiveMaximum=0.5"`
	// RPOAlpha adds this much mean negative log-likelihood of the chosen tokens.
	RPOAlpha float64 `json:"rpo_alpha" jsonschema:"minimum=0"`
	// WeightNorm divides by the pairs of the batch (run) or by the batch's sum of weights (batch).
	WeightNorm string `json:"weight_norm" jsonschema:"enum=run,enum=batch"`
	// Reference is the frozen reference model.
	Reference string `json:"reference" jsonschema:"enum=sft,enum=base"`
}

// Sample draws solutions.
type Sample struct {
	// From says which model answers.
	From string `json:"from" jsonschema:"enum=sft,enum=base"`
	// Prompts is the data role whose questions are answered.
	Prompts string `json:"prompts" jsonschema:"enum=sft,enum=pool,enum=probe,enum=valid"`
	// N solutions a question.
	N int `json:"n" jsonschema:"minimum=1"`
	// Temperature; 0 is greedy.
	Temperature float64 `json:"temperature" jsonschema:"minimum=0"`
	// TopK keeps the k likeliest tokens; 0 = all.
	TopK int `json:"top_k" jsonschema:"minimum=0"`
	// TopP keeps the smallest set of tokens with this probability.
	TopP float64 `json:"top_p" jsonschema:"exclusiveMinimum=0,maximum=1"`
	// MinP drops tokens below this share of the likeliest one's probability.
	MinP float64 `json:"min_p" jsonschema:"minimum=0,maximum=1"`
	// MaxNew is the longest solution in tokens.
	MaxNew int `json:"max_new" jsonschema:"minimum=1"`
	// Stop are texts that end a solution.
	Stop []string `json:"stop"`
}

// Score profiles sampled solutions.
type Score struct {
	// Verifier is builtin, rules, or a file.
	Verifier string `json:"verifier"`
	// Use says which wrongness mining and weights read.
	Use string `json:"use" jsonschema:"enum=proc,enum=none"`
	// Profile replaces the verifier's profile, for ablations.
	Profile string `json:"profile" jsonschema:"enum=verifier,enum=shuffled,enum=random,enum=noisy,enum=drop"`
	// Sigma is the noise of a noisy profile.
	Sigma float64 `json:"sigma" jsonschema:"minimum=0"`
	// Drop is the dimension that a drop profile leaves out.
	Drop string `json:"drop" jsonschema:"enum=sem,enum=struct,enum=order,enum=logic,enum=sym,enum=ans"`
}

// Mine makes pairs of a right and a wrong solution.
type Mine struct {
	// Negatives says how the rejected side is picked.
	Negatives string `json:"negatives" jsonschema:"enum=hard,enum=random,enum=easy,enum=all"`
	// PerPrompt is the most pairs a prompt.
	PerPrompt int `json:"per_prompt" jsonschema:"minimum=1"`
	// MaxPairs is the most pairs in all; 0 = no limit.
	MaxPairs int `json:"max_pairs" jsonschema:"minimum=0"`
	// ClosenessMin is the least closeness of a hard negative.
	ClosenessMin float64 `json:"closeness_min" jsonschema:"minimum=0,maximum=1"`
	// AbsurdityMax is the most absurdity of a hard negative.
	AbsurdityMax float64 `json:"absurdity_max" jsonschema:"minimum=0,maximum=1"`
	// Chosen says how the chosen side is picked.
	Chosen string `json:"chosen" jsonschema:"enum=best,enum=random,enum=reference"`
	// Fallback says what happens to a prompt without a right sample.
	Fallback string `json:"fallback" jsonschema:"enum=reference,enum=skip"`
	// Fill takes other wrong samples where too few are hard.
	Fill bool `json:"fill"`
	// FlawedRight adds right answers by flawed ways as rejected sides.
	FlawedRight bool `json:"flawed_right"`
	// GateNoise flips right and wrong with this probability.
	GateNoise float64 `json:"gate_noise" jsonschema:"minimum=0,maximum=1"`
}

// Weight weights pairs.
type Weight struct {
	// Scores replaces the verifier's weights, for ablations.
	Scores string `json:"scores" jsonschema:"enum=verifier,enum=uniform,enum=shuffled,enum=random,enum=noisy,enum=inverted"`
	// Preset names a set of coefficients.
	Preset string `json:"preset" jsonschema:"enum=paper,enum=hard,enum=margin,enum=uniform"`
	// Coef are the coefficients; those not written are the preset's.
	Coef Coef `json:"coef"`
	// Clip bounds the weights around their mean of 1.
	Clip [2]float64 `json:"clip" jsonschema:"minimum=0"`
	// Sigma is the noise of noisy weights.
	Sigma float64 `json:"sigma" jsonschema:"minimum=0"`
	// Within is the range over which shuffled weights are exchanged.
	Within string `json:"within" jsonschema:"enum=all,enum=prompt"`
}

// Coef are the coefficients of the weights' exponent.
type Coef struct {
	// Wrongness of the rejected side.
	Wrongness float64 `json:"wrongness"`
	// Absurdity of the rejected side.
	Absurdity float64 `json:"absurdity"`
	// Closeness of the rejected side.
	Closeness float64 `json:"closeness"`
	// Margin of wrongness between the sides.
	Margin float64 `json:"margin"`
}

// Eval measures accuracy.
type Eval struct {
	// Benchmarks are gsm8k, math, math500, svamp, arith, arith-hard, or {name, path}.
	Benchmarks []Benchmark `json:"benchmarks"`
	// Split of the benchmarks; valid is for choosing settings.
	Split string `json:"split" jsonschema:"enum=test,enum=valid"`
	// Limit takes the first N problems in hash order; 0 = all.
	Limit int `json:"limit" jsonschema:"minimum=0"`
	// Decoding is greedy, or sample.
	Decoding string `json:"decoding" jsonschema:"enum=greedy,enum=sample"`
	// Samples a problem; they give their mean and pass@k.
	Samples int `json:"samples" jsonschema:"minimum=1"`
	// Temperature of sampled decoding.
	Temperature float64 `json:"temperature" jsonschema:"exclusiveMinimum=0"`
	// TopP of sampled decoding.
	TopP float64 `json:"top_p" jsonschema:"exclusiveMinimum=0,maximum=1"`
	// MaxNew is the longest answer in tokens.
	MaxNew int `json:"max_new" jsonschema:"minimum=1"`
	// FewShot is the number of solved examples before the question.
	FewShot int `json:"few_shot" jsonschema:"minimum=0"`
	// Extract lists the ways in which the final answer is read.
	Extract []string `json:"extract" jsonschema:"enum=strict,enum=flexible"`
	// Primary is the one that counts.
	Primary string `json:"primary" jsonschema:"enum=strict,enum=flexible"`
}

// Benchmark is one test set. In YAML a bare name, or {name, path}.
type Benchmark struct {
	// Name of the benchmark.
	Name string `json:"name" jsonschema:"required,pattern=^[a-z0-9][a-z0-9_-]*$"`
	// Path of the file or folder, or a Hub id; the benchmark's own when absent.
	Path string `json:"path"`
}
