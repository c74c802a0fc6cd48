package plan_test

import (
	"fmt"

	"hardneg/experiments/plan"
	"hardneg/experiments/spec"
)

// Two arms that differ only in β share everything before training.
func ExampleExpand() {
	s, err := spec.Parse("two.yaml", `
spec: 1
name: two
model: {base: my/model}
data: {sft: {source: gsm8k}, pool: {source: gsm8k}}
stages: {sft: {lr: 1.0e-5}, train: {lr: 5.0e-7}, eval: {benchmarks: [gsm8k]}}
arms: {weak: {train.beta: 0.05}, strong: {train.beta: 0.5}}
seeds: {values: [1]}
`, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := plan.Expand(s)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range p.Tasks {
		fmt.Println(t.ID, t.Arms)
	}
	// Output:
	// data-sft [weak strong]
	// data-pool [weak strong]
	// data-eval-gsm8k [weak strong]
	// sft-s1 [weak strong]
	// sample-s1 [weak strong]
	// score-s1 [weak strong]
	// mine-s1 [weak strong]
	// weight-s1 [weak strong]
	// ref-s1 [weak strong]
	// train-weak-s1 [weak]
	// train-strong-s1 [strong]
	// eval-weak-s1 [weak]
	// eval-strong-s1 [strong]
}
