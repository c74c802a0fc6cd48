package plan

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hardneg/experiments/spec"
)

// flow lists what a task takes: inputs as name<task, files as name=path.
func flow(t Task) string {
	var out []string
	for _, in := range t.Inputs {
		out = append(out, in.Name+"<"+in.Task)
	}
	for _, f := range t.Files {
		out = append(out, f.Name+"="+f.Path)
	}
	return strings.Join(out, " ")
}

// TestFlow: what each stage is given where the spec leaves the usual path.
func TestFlow(t *testing.T) {
	const head = "spec: 1\nname: t\nmodel: {base: m}\nseeds: {values: [1]}\narms: {full: {}}\n"
	for _, c := range []struct {
		name, src string
		want      map[string]string // task → what it takes
		absent    []string          // stages that must not be there
	}{
		{
			"pairs of the user's, no SFT",
			head + "data: {pairs: {path: p.jsonl}}\nstages: {train: {lr: 1}, eval: {benchmarks: [gsm8k]}}",
			map[string]string{
				"data-pairs": "data=p.jsonl", "ref": "pairs<data-pairs model=m tokenizer=m",
				"train-s1": "pairs<data-pairs ref<ref model=m tokenizer=m",
				"eval-s1":  "data.gsm8k<data-eval-gsm8k model<train-s1",
			},
			[]string{"sft", "sample", "score", "mine", "weight"},
		},
		{
			"samples of the user's",
			head + "data: {samples: {path: s.jsonl}, sft: {source: gsm8k}}\nstages: {sft: {lr: 1}, train: {lr: 1}, eval: {benchmarks: [gsm8k]}}",
			map[string]string{
				"data-samples": "data=s.jsonl", "score": "samples<data-samples", "mine": "scores<score", "weight": "pairs<mine",
				"train-s1": "pairs<weight ref<ref model=m tokenizer=m",
			},
			[]string{"sft", "sample"},
		},
		{
			"base samples, base reference, best checkpoints, examples, a verifier file",
			strings.Replace(head, "model: {base: m}", "model: {base: m, revision: r, tokenizer: tk}", 1) +
				"data: {sft: {source: gsm8k}, pool: {source: math, path: x}, valid: {source: jsonl, path: v.jsonl}}\n" +
				"stages:\n  sft: {lr: 1, keep: best-valid}\n  sample: {from: base}\n  score: {verifier: v.json}\n" +
				"  train: {lr: 1, reference: base, keep: best-valid}\n  eval: {benchmarks: [{name: own, path: o.jsonl}], few_shot: 4}",
			map[string]string{
				"sft-s1":    "data<data-sft valid<data-valid model=m tokenizer=tk",
				"sample-s1": "data<data-pool model=m tokenizer=tk",
				"score-s1":  "data<data-pool samples<sample-s1 verifier=v.json",
				"ref-s1":    "pairs<mine-s1 model=m tokenizer=tk",
				"train-s1":  "model<sft-s1 pairs<weight-s1 ref<ref-s1 valid<data-valid",
				"eval-s1":   "data.own<data-eval-own model<train-s1 shots<data-sft", "data-eval-own": "data=o.jsonl",
			},
			nil,
		},
		{
			"a loss without a reference",
			head + "data: {sft: {source: gsm8k}, pool: {source: gsm8k}}\nstages: {sft: {lr: 1}, train: {lr: 1, loss: simpo}, eval: {benchmarks: [gsm8k]}}",
			map[string]string{"train-s1": "model<sft-s1 pairs<weight-s1"},
			[]string{"ref"},
		},
		{
			"fresh weights",
			"spec: 1\nname: t\nmodel: {init: random, tokenizer: tk, shape: {hidden: 8, layers: 1, heads: 2, kv_heads: 1, ffn: 8, vocab: 8, max_positions: 8}}\n" +
				"arms: {base: {}}\ndata: {sft: {source: synth/pretrain}}\nstages: {sft: {lr: 1}, eval: {benchmarks: [arith]}}\nseeds: {values: [1], vary: []}\n",
			map[string]string{"sft": "data<data-sft tokenizer=tk", "eval": "data.arith<data-eval-arith model<sft"},
			[]string{"train", "sample"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := spec.Parse("t.yaml", c.src, nil)
			if err != nil {
				t.Fatal(err)
			}
			tasks := map[string]Task{}
			for _, task := range expand(t, s).Tasks {
				tasks[task.ID] = task
				if slices.Contains(c.absent, task.Stage) {
					t.Errorf("there is a task %s", task.ID)
				}
			}
			for id, want := range c.want {
				if d := cmp.Diff(want, flow(tasks[id])); d != "" {
					t.Errorf("%s (-want +got):\n%s", id, d)
				}
			}
		})
	}
}

// TestParamsHoldWhatIsRead: parameters decode into the stage's own struct
// without a field left over, and settings that nothing reads are absent.
func TestParamsHoldWhatIsRead(t *testing.T) {
	for _, name := range []string{"smoke", "paper", "tiny-base"} {
		for _, task := range expand(t, load(t, name)).Tasks {
			into := map[string]any{"data": &DataParams{}, "sft": &SFTParams{}, "sample": &SampleParams{}, "score": &ScoreParams{},
				"mine": &MineParams{}, "weight": &WeightParams{}, "ref": &RefParams{}, "train": &TrainParams{}, "eval": &EvalParams{},
				"verifier": &VerifierParams{}, "subset": &SubsetParams{}}[task.Stage]
			dec := json.NewDecoder(strings.NewReader(string(task.Params)))
			dec.DisallowUnknownFields()
			if err := dec.Decode(into); err != nil {
				t.Errorf("%s: %v", task.ID, err)
			}
			if again := (canonicalizer{}).write(into); string(again) != string(task.Params) {
				t.Errorf("%s: %s reads and writes as %s", task.ID, task.Params, again)
			}
		}
	}
	for id, absent := range map[string][]string{
		"weight-dpo-s1": {"coef", "clip", "sigma", "seed_key"}, "weight-full-s1": {"sigma", "within", "seed_key"},
		"train-rft-s1": {"beta", "simpo_gamma"}, "eval-full-s1": {"temperature", "top_p", "seed_key"},
		"score-dpo-s1": {"sigma", "seed_key"}, "mine-mine-only-s1": {"seed_key"}, "data-eval-arith": {"partition"},
	} {
		for _, task := range expand(t, load(t, "smoke")).Tasks {
			if task.ID != id {
				continue
			}
			got := Flatten(task.Params)
			for _, key := range absent {
				for have := range got {
					if have == key || strings.HasPrefix(have, key+".") {
						t.Errorf("%s holds %s", id, have)
					}
				}
			}
		}
	}
}
