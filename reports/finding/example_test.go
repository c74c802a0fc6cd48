package finding_test

import (
	"fmt"

	"hardneg/reports/finding"
	"hardneg/reports/result"
)

// A claim about two arms on one benchmark with a single seed.
func ExampleFrom() {
	s := result.New("example")
	s.Arms = []result.Arm{{Name: "sft"}, {Name: "full", Trained: true}}
	s.Seeds = []int{1}
	s.Benchmarks = []result.Benchmark{{Name: "arith", N: 8, Samples: 1}}
	it := result.Items{Benchmark: "arith", IDs: []string{"a", "b", "c", "d", "e", "f", "g", "h"}}
	for arm, marks := range map[string]string{"sft": "10010-00", "full": "11110100"} {
		it.Outcomes = append(it.Outcomes, result.Outcome{Arm: arm, Seed: 1, Marks: marks})
		s.Cells = append(s.Cells, result.Cell{Arm: arm, Seed: 1, Benchmark: "arith", N: 8, Status: result.Done})
	}
	s.Items = []result.Items{it}
	r, err := finding.From(finding.Design{Scope: "both", Level: .95, Alpha: .05, Margin: .01, Strata: "size",
		Claims: []finding.Claim{{ID: "c1", Text: "Weighted DPO beats SFT", Test: "full > sft"}}}, s)
	if err != nil {
		fmt.Println(err)
		return
	}
	f := r.Claims[0].Findings[0]
	fmt.Println(finding.Delta(f), "p =", finding.P(f.P), f.Verdict)
	fmt.Println(f.Warn[0])
	// Output:
	// +37.5 [-5.8, +80.8] p = 0.080 inconclusive
	// one seed: a statement about this checkpoint, not about the method
}
