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
	// State is how moments are kept: fp32 (or empty), bf16, or int8, which
	// stands for 8-bit floats with a scale for every 256. Both are rounded at
	// random, by bits that depend on the step and the element only.
	State string
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
	parts  []Part // both moments, then scales
	step   int
	// ahead: the device clips, and leaves everything as it is where the norm is
	// not finite, so that a step is queued before the norm is known.
	ahead  bool
	queued float64 // the rate of the queued step, NaN for none
}

type group struct {
	kernel vm.Kernel
	attr   *graph.AdamW
	decay  float64
}

// Part is a buffer of the optimizer's state, to be saved and restored.
type Part struct {
	Buf   vm.Buffer
	Dtype graph.Dtype
}

// New makes an optimizer with zero moments.
func New(be vm.Backend, params, grads vm.Buffer, groups []Group, c Config) (*AdamW, error) {
	a := &AdamW{cfg: c, be: be, queued: math.NaN()}
	_, a.ahead = be.(vm.Asynchronous)
	dtype := graph.Float32
	switch c.State {
	case "", "fp32":
	case "bf16":
		dtype = graph.Uint16
	case "int8":
		dtype = graph.Uint8
	default:
		return nil, fmt.Errorf("optim: state %q: want fp32, bf16 or int8", c.State)
	}
	m, err := a.alloc(dtype, params.Len())
	if err != nil {
		return nil, err
	}
	v, err := a.alloc(dtype, params.Len())
	if err != nil {
		return nil, err
	}
	if a.square, err = be.Alloc(graph.Float64, 1); err != nil {
		return nil, fmt.Errorf("optim: %w", err)
	}
	a.norm, err = be.Kernel(vm.Call{Op: &graph.Op{Kind: graph.KindSumSquares}, In: []vm.Arg{arg(grads)}, Out: []vm.Arg{arg(a.square)}})
	if err != nil {
		return nil, fmt.Errorf("optim: %w", err)
	}
	for _, g := range groups {
		if g.Lo == g.Hi {
			continue
		}
		in := []vm.Arg{arg(params.Slice(g.Lo, g.Hi)), arg(grads.Slice(g.Lo, g.Hi)), arg(m.Slice(g.Lo, g.Hi)), arg(v.Slice(g.Lo, g.Hi))}
		if dtype == graph.Uint8 {
			for range 2 {
				s, err := a.alloc(graph.Float32, (g.Hi-g.Lo+graph.MomentBlock-1)/graph.MomentBlock)
				if err != nil {
					return nil, err
				}
				in = append(in, arg(s))
			}
		}
		attr := &graph.AdamW{Beta1: c.Beta1, Beta2: c.Beta2, Eps: c.Eps, Offset: g.Lo, Scale: 1}
		if a.ahead {
			attr.Clip, in = c.Clip, append(in, arg(a.square))
		}
		k, err := be.Kernel(vm.Call{Op: &graph.Op{Kind: graph.KindAdamW, Attr: attr}, In: in})
		if err != nil {
			return nil, fmt.Errorf("optim: %w", err)
		}
		a.groups = append(a.groups, group{k, attr, g.Decay})
	}
	return a, nil
}

func arg(b vm.Buffer) vm.Arg { return vm.Arg{Buf: b, Shape: graph.Shape{b.Len()}} }

// alloc makes a part of the state.
func (a *AdamW) alloc(dt graph.Dtype, n int) (vm.Buffer, error) {
	b, err := a.be.Alloc(dt, n)
	if err != nil {
		return nil, fmt.Errorf("optim: moments: %w", err)
	}
	a.parts = append(a.parts, Part{b, dt})
	return b, nil
}

// Queue starts the norm of the gradients and, on a device that clips by itself,
// the step with the given learning rate behind it: the host can look at the
// results of the gradients meanwhile. Norm and Step follow.
func (a *AdamW) Queue(lr float64) {
	a.norm(0)
	if a.ahead {
		a.queued = lr
		a.update(lr, 1)
	}
}

// Norm is the global norm of the gradients, once Queue has started it.
func (a *AdamW) Norm() (float64, error) {
	if err := a.be.Sync(); err != nil {
		return 0, err
	}
	var s [1]float64
	a.be.Read(s[:], a.square)
	return math.Sqrt(s[0]), nil
}

// Step updates the parameters with the given learning rate; norm is the
// gradients' global norm, for clipping. It does not wait for the device: the
// host can prepare the next batch meanwhile, and the next Sync has its errors.
func (a *AdamW) Step(lr, norm float64) {
	if lr != a.queued {
		scale := 1.0
		if c := a.cfg.Clip; c > 0 {
			scale = min(1, c/(norm+1e-6))
		}
		a.update(lr, scale)
	}
	a.step, a.queued = a.step+1, math.NaN()
}

// update runs the step after the last.
func (a *AdamW) update(lr, scale float64) {
	t := a.step + 1
	for _, g := range a.groups {
		g.attr.LR, g.attr.Decay, g.attr.Scale, g.attr.Step = lr, g.decay, scale, t
		g.attr.Bias1 = 1 - math.Pow(a.cfg.Beta1, float64(t))
		g.attr.Bias2 = 1 - math.Pow(a.cfg.Beta2, float64(t))
		g.kernel(0)
	}
}

// Parts are the buffers of the state, for saving.
func (a *AdamW) Parts() []Part { return a.parts }

// Steps is the number of steps taken; SetSteps restores it.
func (a *AdamW) Steps() int { return a.step }

// SetSteps restores the number of steps taken, with the moments.
func (a *AdamW) SetSteps(n int) { a.step = n }
