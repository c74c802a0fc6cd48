// Package optim turns gradients into steps: AdamW, learning-rate schedules and
// clipping by global norm, as kernels of a backend, so that parameters and
// moments never leave its memory.
//
// A parameter vector is flat; a Group is a range of it with its own weight
// decay. The arithmetic is torch.optim.AdamW's: decay is decoupled and scaled
// by the learning rate, moments are corrected for bias, ε is added outside the
// root.
package optim

import (
	"fmt"
	"math"

	"hardneg/models/graph"
	"hardneg/models/vm"
)

// Config holds AdamW's constants.
type Config struct {
	Beta1, Beta2, Eps float64
	// Clip bounds the global norm of the gradient; 0 for no bound.
	Clip float64
}

// Group is a range of the parameters.
type Group struct {
	Lo, Hi int
	Decay  float64
}

// AdamW is the optimizer of one parameter vector.
type AdamW struct {
	cfg    Config
	be     vm.Backend
	groups []group
	norm   vm.Kernel
	square vm.Buffer
	m, v   vm.Buffer
	step   int
}

type group struct {
	kernel vm.Kernel
	attr   *graph.AdamW
	decay  float64
}

// New makes an optimizer with zero moments.
func New(be vm.Backend, params, grads vm.Buffer, groups []Group, c Config) (*AdamW, error) {
	a := &AdamW{cfg: c, be: be}
	var err error
	for _, b := range []*vm.Buffer{&a.m, &a.v} {
		if *b, err = be.Alloc(graph.Float32, params.Len()); err != nil {
			return nil, fmt.Errorf("optim: moments: %w", err)
		}
	}
	if a.square, err = be.Alloc(graph.Float64, 1); err != nil {
		return nil, fmt.Errorf("optim: %w", err)
	}
	arg := func(b vm.Buffer) vm.Arg { return vm.Arg{Buf: b, Shape: graph.Shape{b.Len()}} }
	a.norm, err = be.Kernel(vm.Call{Op: &graph.Op{Kind: graph.KindSumSquares}, In: []vm.Arg{arg(grads)}, Out: []vm.Arg{arg(a.square)}})
	if err != nil {
		return nil, fmt.Errorf("optim: %w", err)
	}
	for _, g := range groups {
		if g.Lo == g.Hi {
			continue
		}
		attr := &graph.AdamW{Beta1: c.Beta1, Beta2: c.Beta2, Eps: c.Eps}
		in := []vm.Arg{arg(params.Slice(g.Lo, g.Hi)), arg(grads.Slice(g.Lo, g.Hi)), arg(a.m.Slice(g.Lo, g.Hi)), arg(a.v.Slice(g.Lo, g.Hi))}
		k, err := be.Kernel(vm.Call{Op: &graph.Op{Kind: graph.KindAdamW, Attr: attr}, In: in})
		if err != nil {
			return nil, fmt.Errorf("optim: %w", err)
		}
		a.groups = append(a.groups, group{k, attr, g.Decay})
	}
	return a, nil
}

// Norm is the global norm of the gradients.
func (a *AdamW) Norm() (float64, error) {
	a.norm(0)
	if err := a.be.Sync(); err != nil {
		return 0, err
	}
	var s [1]float64
	a.be.Read(s[:], a.square)
	return math.Sqrt(s[0]), nil
}

// Step updates the parameters with the given learning rate; norm is the
// gradients' global norm, for clipping.
func (a *AdamW) Step(lr, norm float64) error {
	a.step++
	scale := 1.0
	if c := a.cfg.Clip; c > 0 {
		scale = min(1, c/(norm+1e-6))
	}
	for _, g := range a.groups {
		g.attr.LR, g.attr.Decay, g.attr.Scale = lr, g.decay, scale
		g.attr.Bias1 = 1 - math.Pow(a.cfg.Beta1, float64(a.step))
		g.attr.Bias2 = 1 - math.Pow(a.cfg.Beta2, float64(a.step))
		g.kernel(0)
	}
	return a.be.Sync()
}

// Moments are the buffers of the first and second moments, for saving.
func (a *AdamW) Moments() (m, v vm.Buffer) { return a.m, a.v }

// Steps is the number of steps taken; SetSteps restores it.
func (a *AdamW) Steps() int { return a.step }

// SetSteps restores the number of steps taken, with the moments.
func (a *AdamW) SetSteps(n int) { a.step = n }
