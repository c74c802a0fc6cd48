package graph

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Node is a node of a gorgonia graph.
type Node = G.Node

// Shape is the shape of a node.
type Shape = tensor.Shape

// Dtype is the element type of a node or buffer; only the first three occur in
// graphs.
type Dtype int

// Element types.
const (
	Float32 Dtype = iota
	Float64
	Int32
	Uint16 // bfloat16 bits of optimizer moments
	Uint8  // codes of optimizer moments
)

// DtypeOf is the element type of a node.
func DtypeOf(n *Node) Dtype {
	switch n.Dtype() {
	case tensor.Float64:
		return Float64
	case tensor.Int32:
		return Int32
	}
	return Float32
}

// Tensor is gorgonia's name for d.
func (d Dtype) Tensor() tensor.Dtype {
	switch d {
	case Float64:
		return tensor.Float64
	case Int32:
		return tensor.Int32
	}
	return tensor.Float32
}

func (d Dtype) String() string {
	return [...]string{"float32", "float64", "int32", "uint16", "uint8"}[d]
}
