package vmtest

import (
	"fmt"
	"math"

	"hardneg/fixtures/seed"
	"hardneg/models/checkpoint"
	"hardneg/models/graph"
	"hardneg/models/qwen2"
	"hardneg/models/vm"
)

// Network checks the gradient of the whole network on a float64 backend
// against central differences of its loss, on every parameter block, for tied
// and untied heads and every recompute level, and reports each result.
func Network(be vm.Backend, report func(name string, err error)) {
	for level, tied := range []bool{true, false, true} {
		report(fmt.Sprintf("tied=%v/recompute=%d", tied, level), network(be, tied, level))
	}
}

// net64 is a small network with its batch in float64.
type net64 struct {
	p       *qwen2.Params
	weights []float64
	grads   []float64
	m       *vm.Machine
}

func network(be vm.Backend, tied bool, level int) error {
	n, err := newNet64(be, tied, level)
	if err != nil {
		return err
	}
	if err := n.m.RunAll(); err != nil {
		return err
	}
	grads := append([]float64(nil), n.grads...)
	key := seed.Derive(3, "probe")
	var at uint64
	for _, f := range n.p.Fused {
		for range 12 {
			i := f.Off + key.Index(at, f.Len())
			at++
			fd, err := n.quotient(i)
			if err != nil {
				return err
			}
			if e := math.Abs(fd-grads[i]) / max(math.Abs(fd), math.Abs(grads[i]), 1e-4); !(e <= 1e-5) {
				return fmt.Errorf("%s[%d]: gradient %g, difference quotient %g (relative %g)", f.Name, i-f.Off, grads[i], fd, e)
			}
		}
	}
	for _, n.m.Accumulate = range []bool{false, true} {
		if err := n.m.RunAll(); err != nil {
			return err
		}
	}
	for i, g := range n.grads {
		if math.Abs(g-2*grads[i]) > 1e-12*(1+math.Abs(g)) {
			return fmt.Errorf("accumulated gradient %d is %g, want twice %g", i, g, grads[i])
		}
	}
	return nil
}

// quotient is the derivative of the loss by weight i: a five-point stencil,
// whose truncation error is of order h⁴.
func (n *net64) quotient(i int) (float64, error) {
	const h = 1e-4
	v := n.weights[i]
	defer func() { n.weights[i] = v }()
	var l [4]float64
	for k, d := range []float64{-2, -1, 1, 2} {
		n.weights[i] = v + d*h
		if err := n.m.RunAll(); err != nil {
			return 0, err
		}
		l[k] = n.m.Loss()
	}
	return (l[0] - 8*l[1] + 8*l[2] - l[3]) / (12 * h), nil
}

// logistic is a weighted DPO loss of two pairs.
func logistic(lp, coef []float64) (total float64) {
	for i, w := range []float64{0.4, 1.7} {
		m := 0.3 * (lp[2*i] - lp[2*i+1] + float64(i))
		total += w * math.Log1p(math.Exp(-m))
		coef[2*i] = -w * 0.3 / (1 + math.Exp(m))
		coef[2*i+1] = -coef[2*i]
	}
	return total
}

func newNet64(be vm.Backend, tied bool, level int) (*net64, error) {
	c := &checkpoint.Config{Hidden: 16, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 4, FFN: 24, Vocab: 31,
		MaxPositions: 64, Eps: 1e-6, Tied: tied, Rope: checkpoint.Rope{Theta: 1e4, Type: "default"}}
	n := &net64{p: qwen2.NewParams(c)}
	n.p.Init(seed.Derive(1, "net"), 0.3)
	n.weights, n.grads = make([]float64, len(n.p.Flat)), make([]float64, len(n.p.Flat))
	k := seed.Derive(2, "noise") // biases and gains unlike 0 and 1
	for i, v := range n.p.Flat {
		n.weights[i] = float64(v) + 0.1*k.Normal(uint64(i))
	}
	loss := graph.Loss(logistic)
	size := qwen2.Capacity{Tokens: 40, Segs: 8, Picks: 30, Seqs: 5}
	net, err := qwen2.Build(c, size, qwen2.Options{Dtype: graph.Float64, Recompute: level, Loss: &loss})
	if err != nil {
		return nil, err
	}
	s := vm.Spec{Dtype: graph.Float64, Keep: []*graph.Node{net.Loss, net.Sums}, Bind: map[*graph.Node]vm.Buffer{}, Grads: map[*graph.Node]vm.Buffer{}}
	w, err := be.Import(n.weights)
	if err != nil {
		return nil, err
	}
	g, err := be.Import(n.grads)
	if err != nil {
		return nil, err
	}
	for _, f := range n.p.Fused {
		s.Bind[net.Params[f.Name]] = w.Slice(f.Off, f.Off+f.Len())
		s.Grads[net.Grads[f.Name]] = g.Slice(f.Off, f.Off+f.Len())
	}
	if n.m, err = vm.Compile(be, s); err != nil {
		return nil, err
	}
	d := draw{9}
	segs := []int32{0, 5, 9, 12, 18, 20, 27}
	// Two pairs: a prompt (parent) with two completions each; picks are the
	// completions, the first of them predicted by the prompt's last row.
	rows := []int32{4, 5, 6, 7, 8, 4, 9, 10, 11, 17, 18, 19, 17, 20, 21, 22, 26}
	for node, v := range map[*graph.Node][]int32{net.Tokens: d.ids("t", 27, 31).i, net.Segs: segs, net.Parent: {-1, 0, 0, -1, 3, 3},
		net.Rows: rows, net.IDs: d.ids("i", len(rows), 31).i, net.Bounds: {0, 5, 9, 12, int32(len(rows))}} {
		be.Write(n.m.Buffer(node), v)
	}
	n.m.Live = vm.Live{Tokens: 27, Segs: 6, Picks: len(rows), Seqs: 4}
	return n, nil
}
