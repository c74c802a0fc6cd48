package vm

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"hardneg/models/graph"
)

// Spec says what to run: the nodes to keep, and the buffers of leaves and
// gradients that belong to the caller.
type Spec struct {
	Dtype graph.Dtype
	// Keep lists nodes whose values Buffer returns after a run.
	Keep []*G.Node
	// Bind gives leaves a buffer; the machine allocates the others.
	Bind map[*G.Node]Buffer
	// Grads gives gradient nodes a buffer, to which a run adds if Accumulate
	// is set.
	Grads map[*G.Node]Buffer
}

type step struct {
	kernel Kernel
	add    uint // always added to
	first  uint // first writers of gradients: added to if Accumulate
}

// Machine runs one compiled graph. It is a gorgonia VM.
type Machine struct {
	// Live holds the sizes of the batch; set it before RunAll.
	Live Live
	// Accumulate makes a run add to gradient buffers instead of storing.
	Accumulate bool
	// Margins is the loss for an Asynchronous backend: the run then does not
	// wait for the host in its middle, and Loss is unknown. nil: the graph's
	// own loss is called.
	Margins *graph.Margins

	table Buffer // of Margins
	flat  []float64
	be    Backend
	steps []step
	bufs  map[*G.Node]Buffer
	stats Stats
	loss  float64
	sums  []float64
	coef  []float64
}

// Compile plans memory and binds kernels.
func Compile(be Backend, s Spec) (*Machine, error) {
	p := newPlanner(s)
	narrow, _ := be.(Narrow)
	if narrow != nil && s.Dtype == graph.Float32 {
		p.narrow = narrow.Activations()
	}
	if err := p.plan(); err != nil {
		return nil, err
	}
	m := &Machine{be: be, bufs: map[*G.Node]Buffer{}}
	arena, err := be.Alloc(s.Dtype, p.total)
	if err != nil {
		return nil, fmt.Errorf("vm: arena of %d elements: %w", p.total, err)
	}
	for _, sl := range p.slots {
		if sl.dead || sl.bound != nil { // an unread optional output has no buffer
			continue
		}
		if !sl.leaf {
			sl.bound = arena.Slice(sl.off, sl.off+sl.room())
			if sl.dtype != s.Dtype {
				sl.bound = narrow.View(sl.bound, sl.dtype, sl.n)
			}
			continue
		}
		n := sl.aliases[0]
		if sl.bound = s.Bind[n]; sl.bound == nil {
			if sl.bound, err = be.Alloc(sl.dtype, sl.n); err != nil {
				return nil, fmt.Errorf("vm: input %s: %w", n.Name(), err)
			}
			if v := n.Value(); v != nil && v.Shape().IsScalar() {
				be.Write(sl.bound, scalar(v))
			}
		}
		if sl.bound.Len() != sl.n {
			return nil, fmt.Errorf("vm: input %s has shape %v, its buffer %d elements", n.Name(), n.Shape(), sl.bound.Len())
		}
		m.bufs[n] = sl.bound
	}
	for n := range p.kept {
		m.bufs[n] = p.slots[p.slotOf[n][0]].bound
	}
	if err := m.bind(p); err != nil {
		return nil, err
	}
	m.stats = p.stats
	m.stats.Steps = len(m.steps)
	return m, nil
}

func scalar(v G.Value) any {
	switch d := v.Data().(type) {
	case float32:
		return []float32{d}
	case float64:
		return []float64{d}
	}
	return []float64{0}
}

// bind makes the steps.
func (m *Machine) bind(p *planner) error {
	written := map[int]bool{}
	for _, n := range p.order {
		w := p.work[n]
		if w == nil || w.skip {
			continue
		}
		op, ok := n.Op().(*graph.Op)
		if !ok {
			op = graph.Add()
		}
		c := Call{Op: op, Live: &m.Live}
		var in []graph.Shape
		for _, k := range p.kids[n] {
			in = append(in, k.Shape())
			c.In = append(c.In, Arg{p.slots[p.slotOf[k][0]].bound, k.Shape()})
		}
		var st step
		for i, s := range op.Outs(in) {
			id := w.outs[i]
			c.Out = append(c.Out, Arg{p.slots[id].bound, s})
			if w.add && i == 0 {
				st.add |= 1
			} else if p.isGrad(id) && !written[id] {
				if op.Adds>>i&1 == 0 {
					return fmt.Errorf("vm: %s cannot accumulate a gradient", op)
				}
				st.first |= 1 << i
			}
			written[id] = true
		}
		var err error
		if st.kernel, err = m.kernel(c); err != nil {
			return fmt.Errorf("vm: %s: %w", op, err)
		}
		m.steps = append(m.steps, st)
	}
	return nil
}

func (p *planner) isGrad(s int) bool {
	for _, a := range p.slots[s].aliases {
		if _, ok := p.spec.Grads[a]; ok {
			return true
		}
	}
	return false
}

// kernel asks the backend, but for the loss, which is computed here: a pure
// function of a few numbers.
func (m *Machine) kernel(c Call) (Kernel, error) {
	switch c.Op.Kind {
	case graph.KindObjective:
		n := c.In[0].Buf.Len()
		m.sums, m.coef = make([]float64, n), make([]float64, n)
		if _, ok := m.be.(Asynchronous); ok {
			var err error
			if m.table, err = m.be.Alloc(graph.Float64, 3*n); err != nil {
				return nil, err
			}
		}
		eval := c.Op.Attr.(graph.LossAttr).Eval
		return func(uint) {
			if m.Margins != nil {
				return
			}
			k := m.Live.Seqs
			m.be.Read(m.sums, c.In[0].Buf)
			clear(m.coef)
			m.loss = (*eval)(m.sums[:k], m.coef[:k])
		}, nil
	case graph.KindObjectiveGrad:
		return func(uint) {
			if m.Margins == nil {
				m.be.Write(c.Out[0].Buf, m.coef)
				return
			}
			m.flat = m.Margins.Table(m.flat[:0])
			m.be.Write(m.table, m.flat)
			m.be.(Asynchronous).Margins(c.Out[0].Buf, c.In[0].Buf, m.table, m.Margins)
		}, nil
	}
	return m.be.Kernel(c)
}

// RunAll runs the graph on what its inputs hold.
func (m *Machine) RunAll() error {
	m.Queue()
	return m.be.Sync()
}

// Queue is RunAll without waiting for the device.
func (m *Machine) Queue() {
	for i := range m.steps {
		s := &m.steps[i]
		add := s.add
		if m.Accumulate {
			add |= s.first
		}
		s.kernel(add)
	}
}

// Loss is the value of the loss after a run.
func (m *Machine) Loss() float64 { return m.loss }

// Buffer is the memory of a leaf, a kept node or a gradient; nil for others.
func (m *Machine) Buffer(n *G.Node) Buffer { return m.bufs[n] }

// Stats tells what the planner achieved.
func (m *Machine) Stats() Stats { return m.stats }

// Reset is part of gorgonia's VM; a machine needs none between runs.
func (m *Machine) Reset() {}

// Close forgets the arena.
func (m *Machine) Close() error { m.steps, m.bufs = nil, nil; return nil }

var _ G.VM = (*Machine)(nil)
