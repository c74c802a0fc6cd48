// Package graph holds the coarse gorgonia ops that a transformer and its
// losses are built from: their shapes, their several outputs and their
// symbolic derivatives. It holds no arithmetic: a backend (models/cpu,
// models/cuda) computes an Op from its Kind and Attr, and models/vm runs a
// graph on a backend.
//
// # Words
//
// An Op is one node: Kind says what it computes, Attr its constants. A gorgonia
// node has one output, so an Op with several makes one packed node, and
// Field(n, i) is a view of output i of it. Field 0 carries the gradient.
// Tokens of several sequences lie packed in one row dimension, without
// padding; Segs says where they begin (see Rope). A pick is one scored
// token: the row whose hidden state predicts it, and its id.
//
// # Why
//
// gorgonia differentiates the graph (G.Grad); there is no second, hand-written
// backward pass. With about 20 coarse ops instead of gorgonia's fine ones a
// training step of the tiny model took 71–102 ms instead of 693 ms in the
// prototype, with 1.8 MB instead of 291 MB of garbage.
//
// Shapes are capacities: at run time fewer rows may be live (vm.Live), so one
// graph serves batches of any size up to its capacity.
package graph

import (
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"io"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// ErrNeedsVM is returned when gorgonia's own machines try to run a graph: the
// ops have no arithmetic of their own.
var ErrNeedsVM = errors.New("graph: coarse ops run on models/vm only")

// Kind names what an Op computes.
type Kind string

// Op is a coarse op. It is a gorgonia Op and SDOp.
type Op struct {
	Kind Kind
	// Attr holds the op's constants, printable in full: together with Kind it
	// is what gorgonia's hash-consing compares.
	Attr any
	// Outs gives the shapes of the outputs from those of the inputs.
	Outs func(in []tensor.Shape) []tensor.Shape
	// Adds: bit i is set if a backend can add output i to what its buffer
	// holds instead of storing it.
	Adds uint
	// Optional: bit i is set if a backend does without output i where nobody
	// reads it; its buffer is nil then.
	Optional uint
	// InPlace is 1+i if output 0 may overwrite input i, 0 for never.
	InPlace int
	// Cheap is the lowest recompute level at which the backward pass computes
	// this op again instead of keeping its output; 0 for never.
	Cheap int

	arity int
	sig   func() hm.Type
	wrt   []bool
	diff  func(in G.Nodes, out, grad *G.Node) (G.Nodes, error)
	name  string
}

type shapes = []tensor.Shape

// signature builds an op's type from letters: M matrix, V vector, S scalar of
// floats, I vector of int32; the last is the result.
func signature(kinds string) func() hm.Type {
	return func() hm.Type { // a fresh one each time: gorgonia recycles them
		a := hm.TypeVariable('a')
		var ts []hm.Type
		for _, k := range kinds {
			switch k {
			case 'M':
				ts = append(ts, G.TensorType{Dims: 2, Of: a})
			case 'V':
				ts = append(ts, G.TensorType{Dims: 1, Of: a})
			case 'I':
				ts = append(ts, G.TensorType{Dims: 1, Of: tensor.Int32})
			default:
				ts = append(ts, a)
			}
		}
		return hm.NewFnType(ts...)
	}
}

// apply adds a node for o. Shapes and types are the builder's responsibility,
// so a mismatch is a broken invariant.
func (o *Op) apply(sig string, in ...*G.Node) *G.Node {
	o.arity, o.sig = len(sig)-1, signature(sig)
	if o.name == "" {
		o.name = string(o.Kind)
		if o.Attr != nil {
			o.name += fmt.Sprintf("%+v", o.Attr)
		}
	}
	return G.Must(G.ApplyOp(o, in...))
}

// like returns the shape function of an op whose only output has the shape of
// input i.
func like(i int) func(shapes) shapes {
	return func(in shapes) shapes { return shapes{in[i].Clone()} }
}

// Arity is the number of inputs.
func (o *Op) Arity() int { return o.arity }

// Type is the op's Hindley–Milner type.
func (o *Op) Type() hm.Type { return o.sig() }

// ReturnsPtr is part of gorgonia's Op.
func (o *Op) ReturnsPtr() bool { return false }

// CallsExtern is part of gorgonia's Op.
func (o *Op) CallsExtern() bool { return false }

// OverwritesInput is part of gorgonia's Op; models/vm plans in-place use itself.
func (o *Op) OverwritesInput() int { return -1 }

// WriteHash writes what makes the op unlike others.
func (o *Op) WriteHash(h hash.Hash) { io.WriteString(h, o.name) }

// Hashcode is part of gorgonia's Op.
func (o *Op) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

func (o *Op) String() string { return o.name }

// Do refuses: see ErrNeedsVM.
func (o *Op) Do(...G.Value) (G.Value, error) {
	return nil, fmt.Errorf("%s: %w", o.name, ErrNeedsVM)
}

// InferShape is the shape of the node: of the only output, or of the packed
// vector of several.
func (o *Op) InferShape(ds ...G.DimSizer) (tensor.Shape, error) {
	in := make(shapes, len(ds))
	for i, d := range ds {
		s, ok := d.(tensor.Shape)
		if !ok {
			return nil, fmt.Errorf("%s: input %d has no shape", o.name, i)
		}
		in[i] = s
	}
	outs := o.Outs(in)
	if len(outs) == 1 {
		return outs[0], nil
	}
	n := 0
	for _, s := range outs {
		n += Size(s)
	}
	return tensor.Shape{n}, nil
}

// Size is the number of elements of a shape.
func Size(s tensor.Shape) int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

// DiffWRT tells for which inputs the op has a derivative.
func (o *Op) DiffWRT(n int) []bool {
	if o.wrt == nil {
		return make([]bool, n) // never empty: Grad fails on an empty answer
	}
	return o.wrt
}

// SymDiff adds the nodes of the inputs' gradients.
func (o *Op) SymDiff(in G.Nodes, out, grad *G.Node) (G.Nodes, error) {
	if o.diff == nil {
		return nil, fmt.Errorf("%s: not differentiable", o.name)
	}
	return o.diff(in, out, grad)
}

// Children lists the inputs of n in order.
func Children(n *G.Node) []*G.Node {
	it := n.Graph().From(n.ID())
	r := make([]*G.Node, 0, it.Len())
	for it.Next() {
		r = append(r, it.Node().(*G.Node))
	}
	return r
}

// recompute applies a cheap op again on the same inputs under another name, so
// that hash-consing does not merge it with the forward node, whose buffer is
// then free until the backward pass.
func recompute(n *G.Node, level int) *G.Node {
	o, ok := n.Op().(*Op)
	if !ok || o.Cheap == 0 || o.Cheap > level {
		return n
	}
	c := *o
	c.name, c.Cheap, c.wrt, c.diff = o.name+"'", 0, nil, nil
	in := Children(n)
	for i := range in {
		in[i] = recompute(in[i], level)
	}
	return G.Must(G.ApplyOp(&c, in...))
}

var _ G.SDOp = (*Op)(nil)
