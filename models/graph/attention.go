package graph

import G "gorgonia.org/gorgonia"

// Kinds of the ops of attention.
const (
	KindRope     Kind = "rope"      // x(T,N), b(N), segs I(S+1), parent I(S) → q‖k‖v: x+b, q and k rotated (T,N)
	KindRopeInv  Kind = "rope-inv"  // dqkv(T,N), segs, parent → gradient before rotation (T,N)
	KindAttn     Kind = "attn"      // qkv(T,N), segs, parent → o(T,Hq·D), lse(T,Hq)
	KindAttnGrad Kind = "attn-grad" // qkv, segs, parent, o, lse, do → dqkv(T,N)
)

// Heads describes grouped-query attention with rotary positions. A row of q‖k‖v
// holds Q query heads, then KV key heads, then KV value heads, of Dim elements.
type Heads struct {
	Q, KV, Dim int
	Rotary     *Rotary
}

// Rotary holds the inverse frequencies of a rotary embedding, one for each pair
// of a head's dimensions, rounded to float32, and the factor on its cosines and
// sines. The angle of position p is float32(p)·Inv[i], taken in float32.
type Rotary struct {
	Inv   []float32
	Scale float64
}

// Width is the length of a q‖k‖v row.
func (h Heads) Width() int { return (h.Q + 2*h.KV) * h.Dim }

// Rope adds the bias to projected rows and rotates their queries and keys.
//
// Rows segs[s] to segs[s+1] are segment s. parent[s] is -1, or an earlier
// segment that s continues: its positions count on from the parent's last, and
// its queries see all of the parent's keys. A chosen and a rejected completion
// share their prompt in that way. A parent has no parent itself, and segments
// that share a parent follow it directly.
func Rope(c Heads, x, b, segs, parent *G.Node) *G.Node {
	o := &Op{Kind: KindRope, Attr: c, InPlace: 1, wrt: []bool{true, true, false, false}, Outs: like(0),
		diff: func(in G.Nodes, _, g *G.Node) (G.Nodes, error) {
			inv := &Op{Kind: KindRopeInv, Attr: c, InPlace: 1, Outs: like(0)}
			u := inv.apply("MIIM", g, in[2], in[3])
			return G.Nodes{u, ColSum(u), nil, nil}, nil
		}}
	return o.apply("MVIIM", x, b, segs, parent)
}

// Attention is causal softmax attention within each segment and its parent.
// The packed node holds the output and, for the backward pass, the logarithm
// of each softmax's denominator; the result is field 0.
func Attention(c Heads, qkv, segs, parent *G.Node) *G.Node {
	o := &Op{Kind: KindAttn, Attr: c, wrt: []bool{true, false, false},
		Outs: func(s shapes) shapes {
			return shapes{{s[0][0], c.Q * c.Dim}, {s[0][0], c.Q}}
		},
		diff: func(in G.Nodes, out, g *G.Node) (G.Nodes, error) {
			d := &Op{Kind: KindAttnGrad, Attr: c, Outs: like(0)}
			return G.Nodes{d.apply("MIIMMMM", in[0], in[1], in[2], Field(out, 0), Field(out, 1), g), nil, nil}, nil
		}}
	return Field(o.apply("MIIV", qkv, segs, parent), 0)
}
