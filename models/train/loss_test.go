package train

import (
	"math"
	"testing"
)

// Values worked out by hand from the published formulas.
func TestLossValues(t *testing.T) {
	p := Pair{Chosen: -10, Rejected: -14, RefChosen: -11, RefRejected: -12, ChosenLen: 5, RejectedLen: 7} // d = 3
	sig := func(x float64) float64 { return -math.Log(1 / (1 + math.Exp(-x))) }
	for _, c := range []struct {
		name string
		l    Loss
		want float64
	}{
		{"sigmoid", Loss{Kind: "sigmoid", Beta: 0.1}, sig(0.3)},
		{"smoothed", Loss{Kind: "sigmoid", Beta: 0.1, LabelSmoothing: 0.2}, 0.8*sig(0.3) + 0.2*sig(-0.3)},
		{"robust", Loss{Kind: "robust", Beta: 0.1, LabelSmoothing: 0.2}, (0.8*sig(0.3) - 0.2*sig(-0.3)) / 0.6},
		{"hinge", Loss{Kind: "hinge", Beta: 0.1}, 0.7},
		{"hinge, met", Loss{Kind: "hinge", Beta: 1}, 0},
		{"ipo", Loss{Kind: "ipo", Beta: 0.1}, math.Pow(1.0/5+2.0/7-5, 2)},
		{"simpo", Loss{Kind: "simpo", Beta: 2, Gamma: 0.5}, sig(2*(-10.0/5+14.0/7) - 0.5)},
		{"npo", Loss{Kind: "npo", Beta: 0.1}, 2 / 0.1 * math.Log(1+math.Pow(math.Exp(-2), 0.1))},
		{"nll", Loss{Kind: "nll"}, 2},
		{"sft term", Loss{Kind: "hinge", Beta: 0.1, RPOAlpha: 0.5}, 0.7 + 0.5*2},
	} {
		if got, _, _ := c.l.Eval(p); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %g, want %g", c.name, got, c.want)
		}
	}
}

func TestLossDerivatives(t *testing.T) {
	for _, kind := range []string{"sigmoid", "ipo", "hinge", "robust", "simpo", "npo", "nll"} {
		l := Loss{Kind: kind, Beta: 0.3, LabelSmoothing: 0.1, Gamma: 0.4, RPOAlpha: 0.2, WeightNorm: "run"}
		if err := l.Check(); err != nil {
			t.Fatal(err)
		}
		for _, p := range []Pair{{-10, -14, -11, -12, 5, 7}, {-20, -9, -15, -13, 3, 4}} {
			_, dc, dr := l.Eval(p)
			const h = 1e-6
			diff := func(f func(*Pair) *float64) float64 {
				up, down := p, p
				*f(&up) += h
				*f(&down) -= h
				a, _, _ := l.Eval(up)
				b, _, _ := l.Eval(down)
				return (a - b) / (2 * h)
			}
			if fd := diff(func(p *Pair) *float64 { return &p.Chosen }); math.Abs(fd-dc) > 1e-7 {
				t.Errorf("%s: derivative by chosen %g, difference quotient %g", kind, dc, fd)
			}
			if fd := diff(func(p *Pair) *float64 { return &p.Rejected }); math.Abs(fd-dr) > 1e-7 {
				t.Errorf("%s: derivative by rejected %g, difference quotient %g", kind, dr, fd)
			}
		}
	}
}

func TestLossCheck(t *testing.T) {
	for _, l := range []Loss{{Kind: "kto", Beta: 1, WeightNorm: "run"}, {Kind: "sigmoid", WeightNorm: "run"},
		{Kind: "sigmoid", Beta: 1, WeightNorm: "mean"}, {Kind: "robust", Beta: 1, LabelSmoothing: 0.5, WeightNorm: "run"}} {
		if l.Check() == nil {
			t.Errorf("%+v was accepted", l)
		}
	}
}
