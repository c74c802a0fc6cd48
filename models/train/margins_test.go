package train

import (
	"math"
	"testing"

	"hardneg/models/graph"
)

// derivative is what a device computes of graph.Margins.
func derivative(m *graph.Margins, sums []float64) []float64 {
	r := make([]float64, len(sums))
	for s := range r {
		r[s] = m.Seqs[s][1]
		if m.Slope == graph.SlopeNone {
			continue
		}
		c, p := s&^1, m.Pairs[s/2]
		x := m.Seqs[c][0]*sums[c] + m.Seqs[c+1][0]*sums[c+1] + p[0]
		f := 2 * x
		switch m.Slope {
		case graph.SlopeLogistic:
			f = m.B*sigmoid(x) - m.A*sigmoid(-x)
		case graph.SlopeHinge:
			if f = 0; x < 1 {
				f = -1
			}
		}
		r[s] += p[1] * f * m.Seqs[s][0]
	}
	return r
}

// TestMargins demands of every loss that its two forms have one derivative.
func TestMargins(t *testing.T) {
	pairs := Pairs{{Chosen: make([]int32, 3), Rejected: make([]int32, 7), Weight: 0.7, RefChosen: -3, RefRejected: -9},
		{Chosen: make([]int32, 5), Rejected: make([]int32, 2), Weight: 1.9, RefChosen: -8, RefRejected: -2}}
	sums := []float64{-2.5, -10, -11, -1.25}
	for _, kind := range []string{"sigmoid", "ipo", "hinge", "robust", "simpo", "npo", "nll"} {
		for _, alpha := range []float64{0, 0.3} {
			for _, norm := range []string{"run", "batch"} {
				l := Loss{Kind: kind, Beta: 0.4, LabelSmoothing: 0.1, Gamma: 0.5, RPOAlpha: alpha, WeightNorm: norm}
				o := pairs.begin(&Config{Loss: l}, []int{0, 1})
				want := make([]float64, len(sums))
				o.eval(0, 2, sums, want)
				for i, g := range derivative(o.margins(0, 2), sums) {
					if !(math.Abs(g-want[i]) <= 1e-12*max(1, math.Abs(want[i]))) {
						t.Errorf("%s, alpha %g, weights by %s: derivative %d is %g, want %g", kind, alpha, norm, i, g, want[i])
					}
				}
			}
		}
	}
	rows := Rows{{Tokens: make([]int32, 4), Loss: []bool{true, true, false, true}}, {Tokens: make([]int32, 3), Loss: []bool{false, true, true}}}
	o := rows.begin(nil, []int{0, 1})
	want := make([]float64, 2)
	o.eval(0, 2, sums[:2], want)
	for i, g := range derivative(o.margins(0, 2), sums[:2]) {
		if g != want[i] {
			t.Errorf("rows: derivative %d is %g, want %g", i, g, want[i])
		}
	}
}
