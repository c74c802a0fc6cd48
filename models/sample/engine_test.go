package sample

import (
	"math"
	"testing"

	"hardneg/models/cpu"
	"hardneg/models/train"
)

// The log-probabilities of a sample are those that training computes for the
// same tokens.
func TestLogProbsAreTheTrainers(t *testing.T) {
	for _, shape := range [][3]int{{4, 2, 32}, {5, 1, 12}, {3, 3, 64}} {
		net := shaped(shape[0], shape[1], shape[2], shape[0] == 4)
		m, err := train.NewModel(cpu.New(1), net)
		if err != nil {
			t.Fatal(err)
		}
		ps := prompts(5, 2, 90)
		worst := 0.0
		for i, outs := range collect(t, New(net, Options{Batch: 6, Threads: 1}), ps, Params{Temperature: 0.9, TopP: 0.9, MaxNew: 80, LogProbs: true, Key: 4}) {
			for _, o := range outs {
				var b train.Batch
				b.Reset()
				b.AddCompletion(ps[i].Tokens, o.Tokens)
				if _, err := m.Forward(&b); err != nil {
					t.Fatal(err)
				}
				for j, want := range m.LogProbs(len(o.Tokens)) {
					worst = max(worst, math.Abs(float64(o.LogProbs[j])-want))
				}
			}
		}
		if !(worst < 1e-5) {
			t.Errorf("%v: log-probabilities differ by %.1e", shape, worst)
		}
	}
}
