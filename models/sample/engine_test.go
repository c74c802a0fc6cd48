package sample

import (
	"math"
	"testing"

	"hardneg/models/cpu"
	"hardneg/models/train"
)

// The log-probabilities of a sample are those that training computes for the
// same tokens on the same backend. In bfloat16 a last bit that attention rounds
// otherwise can move a product's operand by 2⁻⁸ of itself.
func TestLogProbsAreTheTrainers(t *testing.T) {
	for _, be := range []struct {
		name string
		be   *cpu.CPU
		bar  float64
	}{{"fp32", cpu.New(1), 1e-5}, {"bf16", cpu.NewBF16(1), 5e-2}} {
		for _, shape := range [][3]int{{4, 2, 32}, {5, 1, 12}, {3, 3, 64}} {
			net := shaped(shape[0], shape[1], shape[2], shape[0] == 4)
			m, err := train.NewModel(be.be, net)
			if err != nil {
				t.Fatal(err)
			}
			s, err := NewOn(be.be, net, Options{Batch: 6, Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			ps := prompts(5, 2, 90)
			worst, sum, n := 0.0, 0.0, 0.0
			for i, outs := range collect(t, s, ps, Params{Temperature: 0.9, TopP: 0.9, MaxNew: 80, LogProbs: true, Key: 4}) {
				for _, o := range outs {
					var b train.Batch
					b.Reset()
					b.AddCompletion(ps[i].Tokens, o.Tokens)
					if _, err := m.Forward(&b); err != nil {
						t.Fatal(err)
					}
					for j, want := range m.LogProbs(len(o.Tokens)) {
						d := math.Abs(float64(o.LogProbs[j]) - want)
						worst, sum, n = max(worst, d), sum+d, n+1
					}
				}
			}
			t.Logf("%s %v: largest difference %.1e, mean %.1e", be.name, shape, worst, sum/n)
			if !(worst < be.bar) {
				t.Errorf("%s %v: log-probabilities differ by %.1e", be.name, shape, worst)
			}
		}
	}
}
