package qwen2

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"hardneg/models/checkpoint"
	"hardneg/models/graph"
)

// Capacity is the largest batch that a graph can run (see vm.Live).
type Capacity struct{ Tokens, Segs, Picks, Seqs int }

// Holds reports whether c covers d.
func (c Capacity) Holds(d Capacity) bool {
	return c.Tokens >= d.Tokens && c.Segs >= d.Segs && c.Picks >= d.Picks && c.Seqs >= d.Seqs
}

// Options says how to build a graph.
type Options struct {
	Dtype graph.Dtype // Float32, or Float64 for finite differences
	// Recompute is how much the backward pass computes again to save memory:
	// 0 nothing, 1 norms and SwiGLU, 2 the gate and up projections as well.
	Recompute int
	// LoRA adds adapters; only they are differentiated then.
	LoRA *LoRA
	// Loss is the objective (see graph.Objective); nil for a graph without.
	Loss *graph.Loss
}

// Net is the graph of one model.
type Net struct {
	Graph *G.ExprGraph
	// Tokens (T) are the input ids; Segs (S+1) and Parent (S) place them in
	// segments (see graph.Rope).
	Tokens, Segs, Parent *G.Node
	// Rows and IDs (N) are the picks: the row that predicts, the id predicted.
	// Bounds (Q+1) says which picks belong to which sequence.
	Rows, IDs, Bounds *G.Node
	// Params are the leaves of the fused blocks and adapters; Grads are the
	// gradients of those that are trained.
	Params, Grads map[string]*G.Node
	// Hidden (T,hidden) is the normed last hidden state, LogP (N) the picks'
	// log-probabilities, Sums (Q) those of sequences, Loss the objective.
	// Entropy (N) is that of the distribution each pick is drawn from.
	Hidden, LogP, Entropy, Sums, Loss *G.Node
}

// Build makes the graph of a model and, if a loss is given, of its gradients.
func Build(c *checkpoint.Config, k Capacity, o Options) (*Net, error) {
	g := G.NewGraph()
	n := &Net{Graph: g, Params: map[string]*G.Node{}}
	ints := func(name string, size int) *G.Node {
		return G.NewVector(g, tensor.Int32, G.WithName(name), G.WithShape(size))
	}
	n.Tokens, n.Segs, n.Parent = ints("tokens", k.Tokens), ints("segs", k.Segs+1), ints("parent", k.Segs)
	n.Rows, n.IDs, n.Bounds = ints("rows", k.Picks), ints("ids", k.Picks), ints("bounds", k.Seqs+1)
	var leaves G.Nodes
	var names []string
	leaf := func(name string, shape ...int) *G.Node {
		var p *G.Node
		if len(shape) == 2 {
			p = G.NewMatrix(g, o.Dtype.Tensor(), G.WithName(name), G.WithShape(shape...))
		} else {
			p = G.NewVector(g, o.Dtype.Tensor(), G.WithName(name), G.WithShape(shape...))
		}
		n.Params[name] = p
		if o.LoRA.trains(name) {
			leaves, names = append(leaves, p), append(names, name)
		}
		return p
	}
	n.forward(c, o, leaf)
	if o.Loss == nil {
		return n, nil
	}
	n.Loss = graph.Objective(o.Loss, n.Sums)
	grads, err := G.Grad(n.Loss, leaves...)
	if err != nil {
		return nil, fmt.Errorf("qwen2: differentiate: %w", err)
	}
	n.Grads = map[string]*G.Node{}
	for i, d := range grads {
		n.Grads[names[i]] = d
	}
	return n, nil
}

func (n *Net) forward(c *checkpoint.Config, o Options, leaf func(string, ...int) *G.Node) {
	heads, norm, lv := Heads(c), graph.Norm{Eps: c.Eps}, o.Recompute
	project := func(name string, x *G.Node, out, in int, residual *G.Node) *G.Node {
		var rest []*G.Node
		if residual != nil {
			rest = append(rest, residual)
		}
		y := graph.Linear(lv, x, leaf(name, out, in), rest...)
		if a := o.LoRA.block(name); a != nil {
			y = graph.LowRank(a.attr, lv, y, x, leaf(name+".A", a.down.Shape...), leaf(name+".B", a.up.Shape...))
		}
		return y
	}
	embed := leaf("embed", c.Vocab, c.Hidden)
	x := graph.Embedding(n.Tokens, embed)
	for l := range c.Layers {
		own := func(s string) string { return fmt.Sprintf("layers.%d.%s", l, s) }
		h := graph.RMSNorm(norm, x, leaf(own("norm1"), c.Hidden))
		qkv := project(own("wqkv"), h, heads.Width(), c.Hidden, nil)
		qkv = graph.Rope(heads, qkv, leaf(own("bqkv"), heads.Width()), n.Segs, n.Parent)
		x = project(own("wo"), graph.Attention(heads, qkv, n.Segs, n.Parent), c.Hidden, c.Heads*c.HeadDim, x)
		h = graph.RMSNorm(norm, x, leaf(own("norm2"), c.Hidden))
		gu := project(own("gate_up"), h, 2*c.FFN, c.Hidden, nil)
		x = project(own("down"), graph.SwiGLU(lv, gu), c.Hidden, c.FFN, x)
	}
	n.Hidden = graph.RMSNorm(norm, x, leaf("norm", c.Hidden))
	head := embed
	if !c.Tied {
		head = leaf("head", c.Vocab, c.Hidden)
	}
	n.LogP, n.Entropy = graph.LogProb(n.Hidden, head, n.Rows, n.IDs)
	n.Sums = graph.SeqSum(n.LogP, n.Bounds)
}
