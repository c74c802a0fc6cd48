package stats_test

import (
	"encoding/json"
	"fmt"

	"hardneg/reports/stats"
)

// Two arms, three seeds, four problems: the difference of their accuracies
// with an interval for new seeds and new problems.
func ExampleCrossed_Run() {
	r, err := stats.Crossed{
		Arms: map[string]stats.Trials{
			"full": {{1, 1, 0, 1}, {1, 1, 1, 1}, {1, 0, 1, 1}},
			"dpo":  {{1, 0, 0, 1}, {1, 1, 0, 0}, {0, 0, 1, 1}},
		},
		Contrast: map[string]float64{"full": 1, "dpo": -1},
	}.Run()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.3f [%.3f, %.3f], df %.1f, p %.3f\n", r.Estimate, r.Lo, r.Hi, r.DF, r.P)
	// Output: 0.333 [-0.468, 1.135], df 2.0, p 0.216
}

// Answer speaks the contract of `hardneg stats`: what is undefined is null.
func ExampleAnswer() {
	b, err := json.Marshal(stats.Answer(stats.Case{ID: "a", Fn: "median_ci", In: []byte(`{"x":[3,1,2]}`)}))
	fmt.Println(string(b), err)
	// Output: {"id":"a","out":{"coverage":null,"hi":null,"lo":null,"median":2}} <nil>
}
