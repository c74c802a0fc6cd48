package train

import (
	"errors"
	"runtime"

	"hardneg/models/qwen2"
	"hardneg/models/vm"
)

// On a CPU: activations of a micro-batch, in elements, that a cache holds; the
// most that memory is spent on; and how many tokens feed the products well.
const cached, budget, fed = 5 << 20, 27 << 20, 540

// auto chooses the recompute level and the bound on tokens of a micro-batch.
// Both follow from the model and the class of the device, so that they are the
// same on every machine with that device.
//
// On the CPU small models take as many tokens as keep activations in a cache of
// 20 MiB, larger ones up to 540 in 108 MiB, the largest 256; recomputing norms
// and SwiGLU costs wide layers under 1 % and saves a third of the memory. A device with memory of its own gets the least recomputation
// with which a batch that feeds it fits.
func auto(be vm.Backend, p *qwen2.Params, trainAll bool) (tokens, level int) {
	if d, ok := be.(vm.Sized); ok {
		return autoSized(d, p, trainAll)
	}
	c := p.Config
	if c.Hidden >= 256 {
		level = 1
	}
	row := c.Layers * kept(p, level)
	return min(max(cached/row, min(fed, budget/row), 256), 4096), level
}

// kept is how many elements a layer keeps of each token for the backward pass.
func kept(p *qwen2.Params, level int) int {
	c := p.Config
	row := 2*c.Hidden + 2*c.Heads*c.HeadDim + 2*c.KVHeads*c.HeadDim
	if level < 2 {
		row += 2 * c.FFN
	}
	if level < 1 {
		row += 2*c.Hidden + c.FFN
	}
	return row
}

// Bytes of a parameter: weights and their narrow copy, a reference beside them,
// and what training adds, gradients and moments.
const (
	weightBytes   = 2 * (4 + 2)
	trainingBytes = 4 + 8
)

// autoSized fills nine tenths of a device's memory.
func autoSized(d vm.Sized, p *qwen2.Params, trainAll bool) (tokens, level int) {
	const feeds, most = 8192, 16384
	c := p.Config
	free := d.Memory()/10*9 - 1<<30 - weightBytes*int64(len(p.Flat))
	if trainAll {
		free -= trainingBytes * int64(len(p.Flat))
	}
	free -= min(d.Memory()/16, 8*int64(4096*c.Vocab)) // logits of a chunk and their gradient
	for level = 0; ; level++ {
		// Beside what is kept: the gradients of one layer, and the ends.
		row := int64(d.ActivationBytes()) * int64(c.Layers*kept(p, level)+2*kept(p, 0)+6*c.Hidden)
		tokens = int(min(free/row, most))
		if tokens >= feeds || level == 2 {
			return max(tokens, 256), level
		}
	}
}

// leastTokens is the smallest bound on a micro-batch that is worth trying.
const leastTokens = 64

// shrink halves the bound on the tokens of a micro-batch after the device ran
// out of memory; false if there is nothing left to halve. The batch stays: only
// rounding differs.
func (t *Trainer) shrink() bool {
	n := min(t.cfg.MicroTokens, max(len(t.batch.Tokens), 2*leastTokens)) / 2
	if n < leastTokens {
		return false
	}
	t.cfg.MicroTokens, t.model.most = n, n
	t.model.forget()
	return true
}

// forget drops the graphs with their memory.
func (m *Model) forget() {
	m.fwd, m.bwd = nil, nil
	runtime.GC()
}

func outOfMemory(err error) bool { return errors.Is(err, vm.ErrMemory) }
