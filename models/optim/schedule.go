package optim

import (
	"fmt"
	"math"
)

// Schedule gives the learning rate of each step: a linear warm-up to LR, then
// constant, or linear or cosine down to MinLR.
type Schedule struct {
	Name      string // constant, linear, cosine
	LR, MinLR float64
	Warmup    int // steps; the i-th of them, from 0, uses LR·(i+1)/Warmup
	Total     int // steps
}

// maxLR keeps a step's weights finite, so that those before a loss that is not
// finite always are.
const maxLR = 1e30

// Check refuses unknown names and senseless numbers.
func (s Schedule) Check() error {
	switch s.Name {
	case "constant", "linear", "cosine":
	default:
		return fmt.Errorf("schedule %q: want constant, linear or cosine", s.Name)
	}
	if s.LR > maxLR {
		return fmt.Errorf("schedule: lr is %g, want at most %g: the weights would leave float32 in one step", s.LR, maxLR)
	}
	if !(s.LR > 0) || s.MinLR < 0 || s.MinLR > s.LR || s.Warmup < 0 {
		return fmt.Errorf("schedule: want lr > 0, 0 ≤ min_lr ≤ lr, warm-up ≥ 0, got %g, %g, %d", s.LR, s.MinLR, s.Warmup)
	}
	return nil
}

// At is the learning rate of step i, from 0.
func (s Schedule) At(i int) float64 {
	if i < s.Warmup {
		return s.LR * float64(i+1) / float64(s.Warmup)
	}
	if s.Total <= s.Warmup || s.Name == "constant" {
		return s.LR
	}
	left := 1 - float64(i-s.Warmup)/float64(s.Total-s.Warmup)
	left = min(max(left, 0), 1)
	if s.Name == "cosine" {
		left = 0.5 * (1 - math.Cos(math.Pi*left))
	}
	return s.MinLR + (s.LR-s.MinLR)*left
}
