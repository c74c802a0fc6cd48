package graph

import (
	"fmt"
	"hash"
	"hash/fnv"
	"io"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// FieldOp is output Index of a packed node. models/vm gives it the buffer of
// that output, so it costs nothing.
type FieldOp struct {
	Index int
	shape tensor.Shape
}

// Field is the node of output i of packed node n. Only field 0 passes a
// gradient on.
func Field(n *G.Node, i int) *G.Node {
	var in shapes
	for _, c := range Children(n) {
		in = append(in, c.Shape())
	}
	outs := n.Op().(*Op).Outs(in)
	if len(outs) == 1 {
		return n
	}
	return G.Must(G.ApplyOp(&FieldOp{Index: i, shape: outs[i]}, n))
}

// Arity is 1: the packed node.
func (o *FieldOp) Arity() int { return 1 }

// Type maps the packed vector to the field's own rank.
func (o *FieldOp) Type() hm.Type {
	a := hm.TypeVariable('a')
	if len(o.shape) == 0 {
		return hm.NewFnType(G.TensorType{Dims: 1, Of: a}, a)
	}
	return hm.NewFnType(G.TensorType{Dims: 1, Of: a}, G.TensorType{Dims: len(o.shape), Of: a})
}

// InferShape is the field's shape.
func (o *FieldOp) InferShape(...G.DimSizer) (tensor.Shape, error) { return o.shape.Clone(), nil }

// Do refuses: see ErrNeedsVM.
func (o *FieldOp) Do(...G.Value) (G.Value, error) {
	return nil, fmt.Errorf("%s: %w", o, ErrNeedsVM)
}

// ReturnsPtr is part of gorgonia's Op.
func (o *FieldOp) ReturnsPtr() bool { return false }

// CallsExtern is part of gorgonia's Op.
func (o *FieldOp) CallsExtern() bool { return false }

// OverwritesInput is part of gorgonia's Op.
func (o *FieldOp) OverwritesInput() int { return -1 }

// WriteHash writes what makes the op unlike others.
func (o *FieldOp) WriteHash(h hash.Hash) { io.WriteString(h, o.String()) }

// Hashcode is part of gorgonia's Op.
func (o *FieldOp) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

func (o *FieldOp) String() string { return fmt.Sprintf("field{%d %v}", o.Index, o.shape) }

// DiffWRT: only field 0 carries a gradient.
func (o *FieldOp) DiffWRT(int) []bool { return []bool{o.Index == 0} }

// SymDiff hands the gradient of field 0 to the packed node unchanged.
func (o *FieldOp) SymDiff(_ G.Nodes, _, grad *G.Node) (G.Nodes, error) {
	return G.Nodes{grad}, nil
}

var _ G.SDOp = (*FieldOp)(nil)
