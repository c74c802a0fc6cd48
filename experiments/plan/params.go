package plan

import "hardneg/experiments/spec"

// The parameters of each stage: what Task.Params holds, so that a stage
// decodes exactly one of these. A setting that a stage does not read for the
// values at hand is absent (sigma without noise, a seed where nothing is
// drawn), so it cannot split a task.
//
//	stage     params          inputs                                   files                        result
//	data      DataParams      –                                        data (unless synth)          problems.jsonl; role samples: samples.jsonl; role pairs: pairs.jsonl
//	sft       SFTParams       data, valid (best-valid)                 model, tokenizer             model/ (with its tokenizer), metrics
//	sample    SampleParams    model, data                              (model, tokenizer)           samples.jsonl
//	score     ScoreParams     samples, data (unless data.samples)      verifier (a file)            scores.jsonl
//	mine      MineParams      scores                                   –                            pairs.jsonl
//	weight    WeightParams    pairs                                    –                            pairs.jsonl
//	ref       RefParams       model, pairs (of mine)                   (model, tokenizer)           ref.jsonl
//	train     TrainParams     model, pairs (of weight), ref, valid     (model, tokenizer)           model/ (with its tokenizer), metrics
//	eval      EvalParams      model, data.<benchmark>, shots (few_shot) (model, tokenizer)          items.jsonl
//	verifier  VerifierParams  oracle only: samples, data               labelled, verifier (files)   verifier.json
//	subset    SubsetParams    scores.<benchmark>, data.<benchmark>     –                            subset.json
//
// Input model is the result of an sft or train task. Where there is none (no
// sft stage, `from: base`, `reference: base`), the files model and tokenizer
// stand in its place; with an input model the tokenizer lies in its model/.
// With model.init random there is no file model; SFTParams.Shape says what to
// make.
//
// Composed tasks use the same stages: sample-probe and score-probe feed the
// correlations (analysis.correlations) and the oracle validation;
// sample-subset-<benchmark>, score-subset-<benchmark> and subset give the
// near-correct subset, from an SFT model of its own seed.

// SeedKey is what a stage's streams are derived from: seed.Derive(Root,
// stage, Seed) with more labels, or without Seed where the stage does not vary
// between seeds.
type SeedKey struct {
	Root int  `json:"root"`
	Seed *int `json:"seed,omitempty"`
}

// DataParams read one role's problems.
type DataParams struct {
	Role      string          `json:"role"` // sft, pool, probe, valid, samples, pairs, eval
	Source    string          `json:"source,omitempty"`
	Format    string          `json:"format,omitempty"` // "": by the file's ending
	Split     string          `json:"split,omitempty"`
	Limit     int             `json:"limit"`
	Fields    *spec.Fields    `json:"fields,omitempty"`
	Partition *spec.Partition `json:"partition,omitempty"` // absent for the test split
	SeedKey   *SeedKey        `json:"seed_key,omitempty"`  // synth only: root
}

// Stored is the part of a published set that holds the split: train for every
// part that is cut from it.
func (p DataParams) Stored() string {
	if p.Partition != nil {
		return "train"
	}
	return p.Split
}

// Compute is what every stage that runs the network reads.
type Compute struct {
	Dtype         string `json:"dtype"`
	Deterministic bool   `json:"deterministic"`
	Prompt        string `json:"prompt"`
	System        string `json:"system,omitempty"` // chatml only
}

// SFTParams train the supervised model. Where Keep is best-valid, greedy
// answers of at most MaxNew tokens on input valid choose the checkpoint.
type SFTParams struct {
	Compute
	spec.SFT
	Shape   *spec.Shape `json:"shape,omitempty"` // fresh weights instead of file model
	MaxNew  int         `json:"max_new,omitempty"`
	SeedKey SeedKey     `json:"seed_key"`
}

// SampleParams draw solutions.
type SampleParams struct {
	Compute
	N           int      `json:"n"`
	Temperature float64  `json:"temperature"`
	TopK        int      `json:"top_k"`
	TopP        float64  `json:"top_p"`
	MinP        float64  `json:"min_p"`
	MaxNew      int      `json:"max_new"`
	Stop        []string `json:"stop"`
	SeedKey     *SeedKey `json:"seed_key,omitempty"` // absent at temperature 0
}

// ScoreParams profile samples. Which wrongness counts is mining's choice (Use).
type ScoreParams struct {
	Verifier   string   `json:"verifier"`    // builtin, rules, or file: then file verifier
	AnswerMode string   `json:"answer_mode"` // gold for the pool, consensus for the probe (none where a problem has one sample)
	Profile    string   `json:"profile"`
	Sigma      float64  `json:"sigma,omitempty"`
	Drop       string   `json:"drop,omitempty"`
	SeedKey    *SeedKey `json:"seed_key,omitempty"` // shuffled, random, noisy
}

// MineParams make pairs.
type MineParams struct {
	spec.Mine
	Use     string   `json:"use"`                // proc or none: which W chooses and weights
	SeedKey *SeedKey `json:"seed_key,omitempty"` // where something is drawn: random negatives or chosen, max_pairs, gate_noise
}

// WeightParams weight pairs. Uniform reads nothing else.
type WeightParams struct {
	Scores  string      `json:"scores"`
	Coef    *spec.Coef  `json:"coef,omitempty"` // preset and single coefficients put together
	Clip    *[2]float64 `json:"clip,omitempty"`
	Sigma   float64     `json:"sigma,omitempty"`
	Within  string      `json:"within,omitempty"`
	SeedKey *SeedKey    `json:"seed_key,omitempty"` // shuffled, random, noisy
}

// RefParams compute the reference model's log-probabilities of mined pairs.
type RefParams struct {
	Compute
	MaxLen  int  `json:"max_len"`
	Packing bool `json:"packing"`
}

// TrainParams train on preferences. Beta and its like are absent where the
// loss does not read them.
type TrainParams struct {
	Compute
	spec.Optim
	Loss           string  `json:"loss"`
	Beta           float64 `json:"beta,omitempty"`
	SimPOGamma     float64 `json:"simpo_gamma,omitempty"`
	LabelSmoothing float64 `json:"label_smoothing,omitempty"`
	RPOAlpha       float64 `json:"rpo_alpha,omitempty"`
	WeightNorm     string  `json:"weight_norm"`
	MaxNew         int     `json:"max_new,omitempty"` // best-valid: as in SFTParams
	SeedKey        SeedKey `json:"seed_key"`
}

// EvalParams measure accuracy on every benchmark.
type EvalParams struct {
	Compute
	Benchmarks  []string `json:"benchmarks"` // in the spec's order; input data.<name>
	Decoding    string   `json:"decoding"`
	Samples     int      `json:"samples"`
	Temperature float64  `json:"temperature,omitempty"`
	TopP        float64  `json:"top_p,omitempty"`
	MaxNew      int      `json:"max_new"`
	FewShot     int      `json:"few_shot"` // solved examples before the question: the first of input shots (data-sft)
	Extract     []string `json:"extract"`
	Primary     string   `json:"primary"`
	SeedKey     *SeedKey `json:"seed_key,omitempty"` // decoding: sample
}

// VerifierParams validate the verifier against labels.
type VerifierParams struct {
	Verifier string `json:"verifier"` // as in ScoreParams
	Format   string `json:"format"`
}

// SubsetParams choose the near-correct but inconsistent problems.
type SubsetParams struct {
	Benchmarks []string `json:"benchmarks"`
	Share      float64  `json:"share"`
}

// Hint is what Task.Hint holds: settings that change no artifact.
type Hint struct {
	MicroBatch int     `json:"micro_batch"` // 0 = auto
	Recompute  string  `json:"recompute"`
	Threads    int     `json:"threads"` // 0 = auto
	GPUs       int     `json:"gpus"`
	MinMemGB   float64 `json:"min_mem_gb"`
	Checkpoint string  `json:"checkpoint"` // time between checkpoints, e.g. 5m
}
