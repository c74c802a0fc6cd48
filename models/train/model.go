package train

import (
	"fmt"
	"runtime"

	"hardneg/models/graph"
	"hardneg/models/qwen2"
	"hardneg/models/vm"
)

// Model is a network on a backend: it scores batches and computes gradients.
// Graphs are built for the largest batch seen and built anew, a millisecond
// for a small model, when a larger one comes.
type Model struct {
	Params *qwen2.Params
	// Recompute is qwen2.Options.Recompute; set it before the first batch.
	Recompute int

	be       vm.Backend
	weights  vm.Buffer
	lora     *qwen2.LoRA // nil: all weights are trained
	adapters vm.Buffer
	grads    vm.Buffer // of what is trained; nil until the first Backward
	loss     graph.Loss
	most     int // tokens of a batch, unless a single row has more; 0: unknown
	fwd, bwd *program
	sums     []float64
	coef     []float64 // unused derivatives, see result
	picks    []float64
}

// program is a compiled graph with its capacity.
type program struct {
	size qwen2.Capacity
	net  *qwen2.Net
	m    *vm.Machine
}

// NewModel puts p on a backend. On the CPU it shares p's memory.
func NewModel(be vm.Backend, p *qwen2.Params) (*Model, error) {
	w, err := be.Import(p.Flat)
	if err != nil {
		return nil, fmt.Errorf("train: weights: %w", err)
	}
	return &Model{Params: p, be: be, weights: w}, nil
}

// Adapt puts adapters on the model; only they are trained then.
func (m *Model) Adapt(l *qwen2.LoRA) (err error) {
	if m.adapters, err = m.be.Import(l.Flat); err != nil {
		return fmt.Errorf("train: adapters: %w", err)
	}
	m.lora, m.fwd, m.bwd, m.grads = l, nil, nil, nil
	return nil
}

// trained is what gradients are of: the weights, or the adapters.
func (m *Model) trained() (vm.Buffer, []qwen2.Tensor) {
	if m.lora != nil {
		return m.adapters, m.lora.Fused
	}
	return m.weights, m.Params.Fused
}

// Forward scores a batch and returns the log-probability of each sequence,
// valid until the next call.
func (m *Model) Forward(b *Batch) ([]float64, error) {
	if err := m.prepare(&m.fwd, b.Size(), false); err != nil {
		return nil, err
	}
	m.queue(m.fwd, b)
	return m.collect(m.fwd)
}

// Backward scores a batch, evaluates the loss and computes the gradients of
// all parameters, added to those of the last call if accumulate is set.
func (m *Model) Backward(b *Batch, loss graph.Loss, accumulate bool) (float64, []float64, error) {
	if err := m.backward(b, loss, nil, accumulate); err != nil {
		return 0, nil, err
	}
	return m.result()
}

// backward queues Backward. With margins, for an asynchronous device, nothing
// waits for the host.
func (m *Model) backward(b *Batch, loss graph.Loss, margins *graph.Margins, accumulate bool) error {
	if err := m.prepare(&m.bwd, b.Size(), true); err != nil {
		return err
	}
	m.loss, m.bwd.m.Accumulate, m.bwd.m.Margins = loss, accumulate, margins
	m.queue(m.bwd, b)
	return nil
}

// result waits for backward and returns the loss and the sequences' sums.
func (m *Model) result() (float64, []float64, error) {
	sums, err := m.collect(m.bwd)
	if err != nil {
		return 0, nil, err
	}
	if m.bwd.m.Margins == nil {
		return m.bwd.m.Loss(), sums, nil
	}
	if cap(m.coef) < len(sums) {
		m.coef = make([]float64, len(sums))
	}
	return m.loss(sums, m.coef[:len(sums)]), sums, nil
}

func (m *Model) asynchronous() bool {
	_, ok := m.be.(vm.Asynchronous)
	return ok
}

// LogProbs are the log-probabilities of the last Forward's picks.
func (m *Model) LogProbs(n int) []float64 {
	r := make([]float64, n)
	m.be.Read(r, m.fwd.m.Buffer(m.fwd.net.LogP))
	return r
}

// entropy is the sum of the last Backward's picks' entropies.
func (m *Model) entropy(n int) float64 {
	if cap(m.picks) < n {
		m.picks = make([]float64, n)
	}
	m.be.Read(m.picks[:n], m.bwd.m.Buffer(m.bwd.net.Entropy))
	var s float64
	for _, e := range m.picks[:n] {
		s += e
	}
	return s
}

// Hidden are the normed hidden states of the last Forward's rows.
func (m *Model) Hidden(rows int) []float32 {
	r := make([]float32, rows*m.Params.Config.Hidden)
	m.be.Read(r, m.fwd.m.Buffer(m.fwd.net.Hidden))
	return r
}

// Gradients copies the gradients of the last Backward, laid out as the flat
// vector of what is trained.
func (m *Model) Gradients() []float32 {
	r := make([]float32, m.grads.Len())
	m.be.Read(r, m.grads)
	return r
}

// Pull copies what is trained from the backend to Params or the adapters.
func (m *Model) Pull() {
	if m.lora != nil {
		m.be.Read(m.lora.Flat, m.adapters)
		return
	}
	m.be.Read(m.Params.Flat, m.weights)
}

func (m *Model) allocGrads() (err error) {
	if m.grads != nil {
		return nil
	}
	of, _ := m.trained()
	if m.grads, err = m.be.Alloc(graph.Float32, of.Len()); err != nil {
		return fmt.Errorf("train: gradients: %w", err)
	}
	return nil
}

// queue hands a batch to the device and starts a run.
func (m *Model) queue(p *program, b *Batch) {
	n, z := p.net, b.Size()
	p.m.Live = vm.Live{Tokens: z.Tokens, Segs: z.Segs, Picks: z.Picks, Seqs: z.Seqs}
	for _, in := range []struct {
		node *graph.Node
		data []int32
	}{{n.Tokens, b.Tokens}, {n.Segs, b.Segs}, {n.Parent, b.Parent}, {n.Rows, b.Rows}, {n.IDs, b.IDs}, {n.Bounds, b.Bounds}} {
		m.be.Write(p.m.Buffer(in.node), in.data)
	}
	p.m.Queue()
}

// collect waits for a run and returns the sequences' sums.
func (m *Model) collect(p *program) ([]float64, error) {
	if err := m.be.Sync(); err != nil {
		return nil, err
	}
	n := p.m.Live.Seqs
	if cap(m.sums) < n {
		m.sums = make([]float64, n)
	}
	m.sums = m.sums[:n]
	m.be.Read(m.sums, p.m.Buffer(p.net.Sums))
	return m.sums, nil
}

// grown is a capacity that holds z and leaves room, so that batches of similar
// size need no new graph. Only tokens cost memory.
func (m *Model) grown(z qwen2.Capacity) qwen2.Capacity {
	up := func(n, step int) int { return (n + n/8 + step) / step * step }
	k := qwen2.Capacity{Tokens: up(z.Tokens, 64), Segs: 2*z.Segs + 8, Seqs: 2*z.Seqs + 8}
	if most := (m.most + 63) / 64 * 64; m.most >= z.Tokens && (k.Tokens > most || z.Tokens > m.most/2) {
		k.Tokens = most
	}
	k.Picks = max(2*k.Tokens, up(z.Picks, 64))
	return k
}

func (m *Model) prepare(p **program, z qwen2.Capacity, grads bool) error {
	if *p != nil && (*p).size.Holds(z) {
		return nil
	}
	size := m.grown(z)
	o := qwen2.Options{Dtype: graph.Float32, Recompute: m.Recompute, LoRA: m.lora}
	if grads {
		o.Loss = &m.loss
	}
	if *p != nil { // collect the old arena before there is a new one
		old := (*p).size
		size = qwen2.Capacity{Tokens: max(size.Tokens, old.Tokens), Segs: max(size.Segs, old.Segs),
			Picks: max(size.Picks, old.Picks), Seqs: max(size.Seqs, old.Seqs)}
		*p = nil
		runtime.GC()
	}
	net, err := qwen2.Build(m.Params.Config, size, o)
	if err != nil {
		return err
	}
	s := vm.Spec{Dtype: o.Dtype, Bind: map[*graph.Node]vm.Buffer{}, Grads: map[*graph.Node]vm.Buffer{}}
	s.Keep = []*graph.Node{net.Sums, net.LogP}
	if grads {
		s.Keep = append(s.Keep, net.Loss, net.Entropy)
		if err := m.allocGrads(); err != nil {
			return err
		}
	} else {
		s.Keep = append(s.Keep, net.Hidden)
	}
	for _, f := range m.Params.Fused {
		s.Bind[net.Params[f.Name]] = m.weights.Slice(f.Off, f.Off+f.Len())
	}
	of, fused := m.trained()
	for _, f := range fused {
		lo, hi := f.Off, f.Off+f.Len()
		s.Bind[net.Params[f.Name]] = of.Slice(lo, hi)
		if grads {
			s.Grads[net.Grads[f.Name]] = m.grads.Slice(lo, hi)
		}
	}
	machine, err := vm.Compile(m.be, s)
	if err != nil {
		return err
	}
	*p = &program{size: size, net: net, m: machine}
	return nil
}
