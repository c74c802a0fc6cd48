package spec

import "time"

// systemText is the system turn of Qwen2.5's own chat template.
const systemText = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."

// defaults is a spec in which nothing is written.
func defaults() *Spec {
	return &Spec{
		Model: Model{Init: "base", Prompt: "plain", System: systemText},
		Data:  Data{Partition: Partition{Pool: 0.10, Probe: 0.02, Valid: 0.02}},
		Stages: Stages{
			Sample: Sample{From: "sft", Prompts: "pool", N: 8, Temperature: 0.8, TopP: 0.95, MaxNew: 512, Stop: []string{}},
			Score:  Score{Verifier: "builtin", Use: "proc", Profile: "verifier"},
			Mine: Mine{Negatives: "hard", PerPrompt: 2, ClosenessMin: 0.5, AbsurdityMax: 0.4,
				Chosen: "best", Fallback: "reference", Fill: true},
			Weight: Weight{Scores: "verifier", Preset: "paper", Clip: [2]float64{0.2, 5.0}},
			Eval: Eval{Benchmarks: []Benchmark{}, Split: "test", Decoding: "greedy", Samples: 1, Temperature: 0.8, TopP: 0.95,
				MaxNew: 1024, Extract: []string{"strict", "flexible"}, Primary: "flexible"},
		},
		Arms:  Arms{},
		Seeds: Seeds{Values: []int{}, Vary: []string{"sft", "sample", "train"}, Root: 20251219},
		Analysis: Analysis{Primary: "crossed", Scope: "both", Pool: Pool{Kind: "trained"}, Level: 0.95, Alpha: 0.05, Margin: 1.0,
			Baselines: []string{}, Strata: "size", Resamples: 2000, Seed: 20251219},
		Claims: Claims{},
		Gate:   Gate{Budget: 0.5, Metrics: Metrics{}, Notify: []string{}},
		Run: Run{Executor: "local", Retries: 1, OnFailure: "continue", Checkpoint: Duration(5 * time.Minute),
			Timeout: map[string]Duration{"default": Duration(24 * time.Hour)}},
		Outputs: Outputs{HTML: true, Tables: []string{"latex", "csv", "markdown"}, Figures: []string{"svg", "tikz"},
			Examples: 20, Keep: "final"},
		Hardware: Hardware{Device: "auto", Recompute: "auto", Deterministic: true},
	}
}

func defaultOptim() Optim {
	return Optim{Epochs: 1, Batch: 64, MaxLen: 1024, Schedule: "cosine", Betas: [2]float64{0.9, 0.999}, Eps: 1e-8,
		Decay: "matrices", Clip: 1.0, OptState: "fp32", Packing: true, Keep: "last"}
}

func defaultSFT() SFT { return SFT{Optim: defaultOptim(), LossOn: "completion"} }

func defaultTrain() Train {
	return Train{Optim: defaultOptim(), Loss: "sigmoid", Beta: 0.1, SimPOGamma: 0.5, WeightNorm: "run", Reference: "sft"}
}

func defaultShape() Shape { return Shape{RopeTheta: 1e6, Tie: true, InitStd: 0.02} }

// preset returns the coefficients of a named preset.
func preset(name string) Coef {
	switch name {
	case "hard":
		return Coef{Wrongness: -0.5, Absurdity: -1, Closeness: 1}
	case "margin":
		return Coef{Margin: 1, Absurdity: -1}
	case "uniform":
		return Coef{}
	}
	return Coef{Wrongness: 1, Absurdity: -1}
}

// defaultSplit is the part that a role reads when it says nothing.
func defaultSplit(role string) string {
	if role == "sft" {
		return "train"
	}
	return role
}

// HubID is where the published data of a source or benchmark lie on the Hub; empty for others.
func HubID(source string) string {
	switch source {
	case "metamath":
		return "meta-math/MetaMathQA"
	case "gsm8k":
		return "openai/gsm8k"
	case "math":
		return "EleutherAI/hendrycks_math"
	case "math500":
		return "HuggingFaceH4/MATH-500"
	case "svamp":
		return "ChilleD/SVAMP"
	}
	return ""
}
