package plan

import (
	"encoding/json"
	"strings"

	"hardneg/experiments/spec"
)

// Cost is an estimate of the work of a task, from the sizes of its data and
// the model's shape. Row counts of published sets are exact; the lengths of
// solutions are typical ones, so tokens are good to a factor of about 1.5.
type Cost struct {
	Rows   float64 `json:"rows"`   // rows of the result
	Tokens float64 `json:"tokens"` // that go through the network
	FLOPs  float64 `json:"flops"`
	Disk   float64 `json:"disk_bytes"`   // of the result
	Memory float64 `json:"memory_bytes"` // of weights and, in training, gradients, optimizer and activations

	prompts          float64 // questions behind the rows
	prompt, solution float64 // tokens of a row
}

// Parameters counts a model's weights; embedding tells how many of them are
// the embedding's, which only the output layer multiplies with.
func Parameters(s spec.Shape) (all, embedding float64) {
	h, kv := float64(s.Hidden), float64(s.Hidden/s.Heads*s.KVHeads)
	layer := 2*h*h + 2*h*kv + h + 2*kv + 3*h*float64(s.FFN) + 2*h
	embedding = float64(s.Vocab) * h
	all = float64(s.Layers)*layer + h + embedding
	if !s.Tie {
		all += embedding
	}
	return all, embedding
}

// forward is the work of one token at a mean context of half the length.
func forward(s spec.Shape, length float64) float64 {
	all, embedding := Parameters(s)
	if !s.Tie {
		all -= embedding
	}
	return 2*all + 2*float64(s.Layers)*length*float64(s.Hidden)
}

// KnownShape is the shape of a checkpoint that people name by its Hub id, for
// plans made where the checkpoint is not.
func KnownShape(hub string) (spec.Shape, bool) {
	shape := func(hidden, layers, heads, kv, ffn, vocab int, tie bool) (spec.Shape, bool) {
		return spec.Shape{Hidden: hidden, Layers: layers, Heads: heads, KVHeads: kv, FFN: ffn, Vocab: vocab, MaxPositions: 32768, RopeTheta: 1e6, Tie: tie}, true
	}
	size, ok := strings.CutPrefix(hub, "Qwen/Qwen2.5-")
	if !ok {
		return spec.Shape{}, false
	}
	switch strings.TrimSuffix(strings.TrimPrefix(size, "Math-"), "-Instruct") {
	case "0.5B":
		return shape(896, 24, 14, 2, 4864, 151936, true)
	case "1.5B":
		return shape(1536, 28, 12, 2, 8960, 151936, true)
	case "3B":
		return shape(2048, 36, 16, 2, 11008, 151936, true)
	case "7B":
		return shape(3584, 28, 28, 4, 18944, 152064, false)
	}
	return spec.Shape{}, false
}

// Estimate gives every task's cost, in the plan's order. A zero shape leaves
// FLOPs, disk and memory at zero.
func (p Plan) Estimate(shape spec.Shape) []Cost {
	known := map[string]Cost{}
	out := make([]Cost, len(p.Tasks))
	for i, t := range p.Tasks {
		out[i] = estimate(t, known, shape)
		known[t.ID] = out[i]
	}
	return out
}

func estimate(t Task, known map[string]Cost, shape spec.Shape) Cost {
	in := func(name string) Cost {
		for _, i := range t.Inputs {
			if i.Name == name {
				return known[i.Task]
			}
		}
		return Cost{}
	}
	switch t.Stage {
	case "data":
		c := dataCost(read[DataParams](t))
		if strings.HasPrefix(t.ID, "data-eval-math500") {
			c.Rows = min(c.Rows, 500)
		}
		return c
	case "sft":
		p := read[SFTParams](t)
		if p.Shape != nil {
			shape = *p.Shape
		}
		d := in("data")
		return training(p.Optim, p.Compute, d.Rows, d.prompt+d.solution, 1, d, shape)
	case "sample":
		p, d := read[SampleParams](t), in("data")
		return sampling(d, float64(p.N), float64(p.MaxNew), p.Compute, shape)
	case "score":
		c := in("samples")
		c.Tokens, c.FLOPs, c.Memory, c.Disk = 0, 0, 0, 1500*c.Rows
		return c
	case "mine":
		p, c := read[MineParams](t), in("scores")
		c.Rows = min(c.Rows, c.prompts*float64(p.PerPrompt)) // at most: a prompt whose samples are all right gives none
		if p.MaxPairs > 0 {
			c.Rows = min(c.Rows, float64(p.MaxPairs))
		}
		c.Disk = 1500 * c.Rows
		return c
	case "weight":
		return in("pairs")
	case "ref":
		c, p := in("pairs"), read[RefParams](t)
		c.Tokens = 2 * c.Rows * min(c.prompt+c.solution, float64(p.MaxLen))
		c.Memory = weightBytes(p.Compute, shape)
		c.FLOPs, c.Disk = work(shape, c.Tokens, c.prompt+c.solution), 40*c.Rows
		return c
	case "train":
		p, d := read[TrainParams](t), in("pairs")
		return training(p.Optim, p.Compute, d.Rows, 2*(d.prompt+d.solution), 2, d, shape)
	case "eval":
		p, sum := read[EvalParams](t), Cost{}
		for _, b := range p.Benchmarks {
			c := sampling(in("data."+b), float64(p.Samples), float64(p.MaxNew), p.Compute, shape)
			sum.Rows, sum.Tokens, sum.FLOPs, sum.Disk, sum.Memory = sum.Rows+c.Rows, sum.Tokens+c.Tokens, sum.FLOPs+c.FLOPs, sum.Disk+c.Disk, c.Memory
		}
		return sum
	}
	return Cost{Rows: 1, Disk: 10_000}
}

// read decodes parameters that Expand wrote; those of another program read as zero.
func read[T any](t Task) T {
	var p T
	if json.Unmarshal(t.Params, &p) != nil {
		var zero T
		return zero
	}
	return p
}

// work is the FLOPs of a forward pass over tokens.
func work(s spec.Shape, tokens, length float64) float64 {
	if s.Hidden == 0 {
		return 0
	}
	return tokens * forward(s, length)
}

func weightBytes(c Compute, s spec.Shape) float64 {
	if s.Hidden == 0 {
		return 0
	}
	all, _ := Parameters(s)
	if c.Dtype == "bf16" {
		return 2 * all
	}
	return 4 * all
}

// activations is what a training keeps between forward and backward pass: one
// micro-batch, which holds at least one row of so many sequences of the greatest
// length, and otherwise what the engine takes by itself on a CPU (models/train,
// memory.go; a GPU that has more memory left uses it). The whole estimate is
// within a third of what was measured at two shapes.
func activations(s spec.Shape, c Compute, maxLen, sequences float64) float64 {
	row := float64(s.Layers) * (4*float64(s.Hidden) + 2*float64(s.Hidden/s.Heads*s.KVHeads) + 2*float64(s.FFN))
	tokens := max(min(max((5<<20)/row, min(540, (27<<20)/row), 256), 4096), sequences*maxLen)
	if c.Dtype == "bf16" {
		return 2 * tokens * row
	}
	return 4 * tokens * row
}

// training is the cost of an optimizer's passes over rows of perRow tokens in so
// many sequences each.
func training(o spec.Optim, c Compute, rows, perRow, sequences float64, row Cost, s spec.Shape) Cost {
	seen := rows * o.Epochs
	if o.MaxSteps > 0 {
		seen = min(seen, float64(o.MaxSteps*o.Batch))
	}
	out := Cost{Rows: rows, Tokens: seen * perRow, prompt: row.prompt, solution: row.solution}
	out.FLOPs = 3 * work(s, out.Tokens, row.prompt+row.solution) // backward is two forwards
	out.Disk = weightBytes(c, s)
	if s.Hidden > 0 {
		all, _ := Parameters(s)
		moments := map[string]float64{"fp32": 8, "bf16": 4, "int8": 2}[o.OptState]
		trained := all
		if o.LoRA != nil {
			trained = 0 // adapters are small beside the weights
		}
		out.Memory = weightBytes(c, s) + trained*(4+moments)
		if c.Dtype == "bf16" {
			out.Memory += 4 * trained // fp32 master weights
		}
		out.Memory += activations(s, c, float64(o.MaxLen), sequences)
	}
	return out
}

// sampling is the cost of n answers to each row.
func sampling(d Cost, n, maxNew float64, c Compute, s spec.Shape) Cost {
	out := Cost{Rows: d.Rows * n, prompts: d.Rows, prompt: d.prompt, solution: min(d.solution, maxNew)}
	out.Tokens = d.Rows*d.prompt + out.Rows*out.solution // a prompt is read once for all its answers
	out.FLOPs = work(s, out.Tokens, d.prompt+out.solution)
	out.Disk = 900 * out.Rows
	out.Memory = weightBytes(c, s)
	return out
}

// dataCost knows the sizes of the published sets, and typical lengths in
// tokens of Qwen2.5.
func dataCost(p DataParams) Cost {
	var train, test float64
	c := Cost{prompt: 100, solution: 200}
	switch p.Source {
	case "metamath":
		train, c.prompt, c.solution = 395_000, 90, 190
	case "gsm8k":
		train, test, c.prompt, c.solution = 7473, 1319, 60, 130
	case "math":
		train, test, c.prompt, c.solution = 7500, 5000, 90, 250
	case "svamp":
		train, test, c.prompt, c.solution = 700, 300, 45, 60
	case "synth/arith":
		train, test, c.prompt, c.solution = 1000, 500, 36, 64
	case "synth/arith-hard":
		train, test, c.prompt, c.solution = 1000, 500, 50, 90
	case "synth/pretrain":
		train, c.prompt, c.solution = 10_000, 60, 60
	}
	c.Rows = train
	if q := p.Partition; q != nil {
		c.Rows = train * map[string]float64{"train": 1 - q.Pool - q.Probe - q.Valid, "pool": q.Pool, "probe": q.Probe, "valid": q.Valid}[p.Split]
	}
	if p.Split == "test" {
		c.Rows = test
	}
	if limit := float64(p.Limit); limit > 0 && (limit < c.Rows || c.Rows == 0 || strings.HasPrefix(p.Source, "synth/")) {
		c.Rows = limit
	}
	c.Disk = 900 * c.Rows
	return c
}
