package cpu

import (
	"fmt"
	"math"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"hardneg/fixtures/seed"
	"hardneg/models/checkpoint"
	"hardneg/models/graph"
	"hardneg/models/qwen2"
	"hardneg/models/vm"
)

// stock is the network built from gorgonia's own fine-grained ops and run by
// its own tape machine: nothing is shared with our ops, kernels or executor but
// the differentiation algorithm.
type stock struct {
	t         *testing.T
	c         *checkpoint.Config
	p         *qwen2.Params
	g         *G.ExprGraph
	params    map[string]*G.Node // by Hugging Face name
	batch, l  int
	cos, sin  []float32 // (l, dim)
	order     []string
	rot, mask *G.Node
}

func (s *stock) must(n *G.Node, err error) *G.Node {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// param makes a leaf; matrices are transposed, for gorgonia multiplies x·w.
func (s *stock) param(name string) *G.Node {
	for _, v := range s.p.Named() {
		if v.Name != name {
			continue
		}
		r, c := 1, v.Shape[0]
		d := v.Data
		if len(v.Shape) == 2 {
			r, c = v.Shape[1], v.Shape[0]
			d = transposed(v.Data, v.Shape[0], v.Shape[1])
			if name == "model.embed_tokens.weight" {
				r, c, d = c, r, v.Data
			}
		}
		n := s.leaf(name, d, r, c)
		s.params[name] = n
		s.order = append(s.order, name)
		return n
	}
	s.t.Fatalf("no tensor %s", name)
	return nil
}

func (s *stock) leaf(name string, d []float32, shape ...int) *G.Node {
	d = append([]float32(nil), d...)
	return G.NewTensor(s.g, G.Float32, len(shape), G.WithName(name), G.WithValue(tensor.New(tensor.WithShape(shape...), tensor.WithBacking(d))))
}

func transposed(d []float32, rows, cols int) []float32 {
	r := make([]float32, len(d))
	for i := range rows {
		for j := range cols {
			r[j*rows+i] = d[i*cols+j]
		}
	}
	return r
}

func (s *stock) norm(x *G.Node, name string) *G.Node {
	ms := s.must(G.Mean(s.must(G.Square(x)), 1))
	r := s.must(G.Sqrt(s.must(G.Add(ms, G.NewConstant(float32(s.c.Eps))))))
	r = s.must(G.Reshape(r, tensor.Shape{s.batch * s.l, 1}))
	y := s.must(G.BroadcastHadamardDiv(x, r, nil, []byte{1}))
	return s.must(G.BroadcastHadamardProd(y, s.param(name), nil, []byte{0}))
}

// projection is x·w + b with heads split off: (batch·l·heads, dim), rotated if
// asked for.
func (s *stock) projection(x *G.Node, name string, heads int, rotate bool) *G.Node {
	t, d := s.batch*s.l, s.c.HeadDim
	y := s.must(G.Mul(x, s.param(name+".weight")))
	y = s.must(G.BroadcastAdd(y, s.param(name+".bias"), nil, []byte{0}))
	y = s.must(G.Reshape(y, tensor.Shape{t * heads, d}))
	if !rotate {
		return y
	}
	table := func(what string, src []float32) *G.Node {
		var r []float32
		for range s.batch {
			for p := range s.l {
				for range heads {
					r = append(r, src[p*d:p*d+d]...)
				}
			}
		}
		return s.leaf(name+what, r, t*heads, d)
	}
	turned := s.must(G.Mul(y, s.rot))
	return s.must(G.Add(s.must(G.HadamardProd(y, table(".cos", s.cos))), s.must(G.HadamardProd(turned, table(".sin", s.sin)))))
}

func (s *stock) attention(x *G.Node, prefix string) *G.Node {
	b, l, kv, d := s.batch, s.l, s.c.KVHeads, s.c.HeadDim
	grp := s.c.Heads / kv
	q := s.projection(x, prefix+"q_proj", s.c.Heads, true)
	q = s.must(G.Transpose(s.must(G.Reshape(q, tensor.Shape{b, l, kv, grp, d})), 0, 2, 3, 1, 4))
	q = s.must(G.Reshape(q, tensor.Shape{b * kv, grp * l, d}))
	side := func(name string, rotate bool) *G.Node {
		y := s.must(G.Reshape(s.projection(x, prefix+name, kv, rotate), tensor.Shape{b, l, kv, d}))
		return s.must(G.Reshape(s.must(G.Transpose(y, 0, 2, 1, 3)), tensor.Shape{b * kv, l, d}))
	}
	k, v := side("k_proj", true), side("v_proj", false)
	z := s.must(G.BatchedMatMul(q, s.must(G.Transpose(k, 0, 2, 1))))
	z = s.must(G.Add(s.must(G.HadamardProd(z, G.NewConstant(float32(1/math.Sqrt(float64(d)))))), s.mask))
	o := s.must(G.BatchedMatMul(s.must(G.SoftMax(z, 2)), v))
	o = s.must(G.Transpose(s.must(G.Reshape(o, tensor.Shape{b, kv, grp, l, d})), 0, 3, 1, 2, 4))
	return s.must(G.Reshape(o, tensor.Shape{b * l, s.c.Heads * d}))
}

func (s *stock) tables() {
	d, half := s.c.HeadDim, s.c.HeadDim/2
	inv, _ := s.c.Rotary()
	s.cos, s.sin = make([]float32, s.l*d), make([]float32, s.l*d)
	rot := make([]float32, d*d)
	for i := range half {
		rot[(i+half)*d+i], rot[i*d+i+half] = -1, 1
		for p := range s.l {
			sin, cos := math.Sincos(float64(float32(p) * inv[i]))
			s.cos[p*d+i], s.cos[p*d+i+half] = float32(cos), float32(cos)
			s.sin[p*d+i], s.sin[p*d+i+half] = float32(sin), float32(sin)
		}
	}
	s.rot = s.leaf("rot", rot, d, d)
	grp := s.c.Heads / s.c.KVHeads
	var mask []float32
	for range s.batch * s.c.KVHeads * grp {
		for i := range s.l {
			for j := range s.l {
				if j > i {
					mask = append(mask, -1e9)
				} else {
					mask = append(mask, 0)
				}
			}
		}
	}
	s.mask = s.leaf("mask", mask, s.batch*s.c.KVHeads, grp*s.l, s.l)
}

// run returns the loss, the mean negative log-likelihood of ids, and the
// gradients by Hugging Face name.
func (s *stock) run(tokens, ids []int32) (float64, map[string][]float32) {
	s.tables()
	t := s.batch * s.l
	tok, onehot := make([]int, t), make([]float32, t*s.c.Vocab)
	for i := range tok {
		tok[i] = int(tokens[i])
		onehot[i*s.c.Vocab+int(ids[i])] = -1 / float32(t)
	}
	tn := G.NewVector(s.g, G.Int, G.WithName("tok"), G.WithValue(tensor.New(tensor.WithShape(t), tensor.WithBacking(tok))))
	e := s.param("model.embed_tokens.weight")
	x := s.must(G.ByIndices(e, tn, 0))
	for l := range s.c.Layers {
		p := fmt.Sprintf("model.layers.%d.", l)
		a := s.attention(s.norm(x, p+"input_layernorm.weight"), p+"self_attn.")
		x = s.must(G.Add(x, s.must(G.Mul(a, s.param(p+"self_attn.o_proj.weight")))))
		h := s.norm(x, p+"post_attention_layernorm.weight")
		g, u := s.must(G.Mul(h, s.param(p+"mlp.gate_proj.weight"))), s.must(G.Mul(h, s.param(p+"mlp.up_proj.weight")))
		f := s.must(G.HadamardProd(s.must(G.HadamardProd(g, s.must(G.Sigmoid(g)))), u))
		x = s.must(G.Add(x, s.must(G.Mul(f, s.param(p+"mlp.down_proj.weight")))))
	}
	z := s.must(G.Mul(s.norm(x, "model.norm.weight"), s.must(G.Transpose(e, 1, 0))))
	lp := s.must(G.LogSoftMax(z, 1))
	loss := s.must(G.Sum(s.must(G.HadamardProd(lp, s.leaf("onehot", onehot, t, s.c.Vocab)))))
	var leaves G.Nodes
	for _, n := range s.order {
		leaves = append(leaves, s.params[n])
	}
	grads, err := G.Grad(loss, leaves...)
	if err != nil {
		s.t.Fatal(err)
	}
	m := G.NewTapeMachine(s.g)
	defer m.Close()
	if err := m.RunAll(); err != nil {
		s.t.Fatal(err)
	}
	out := map[string][]float32{}
	for i, n := range s.order {
		d := append([]float32(nil), grads[i].Value().Data().([]float32)...)
		if sh := leaves[i].Shape(); sh[0] > 1 && n != "model.embed_tokens.weight" {
			d = transposed(d, sh[0], sh[1])
		}
		out[n] = d
	}
	return float64(loss.Value().Data().(float32)), out
}

// TestStock compares loss and gradients with a network of gorgonia's own ops
// under gorgonia's own machine.
func TestStock(t *testing.T) {
	c := &checkpoint.Config{Hidden: 16, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 4, FFN: 24, Vocab: 31,
		MaxPositions: 64, Eps: 1e-6, Tied: true, Rope: checkpoint.Rope{Theta: 1e4, Type: "default"}}
	p := qwen2.NewParams(c)
	p.Init(seed.Derive(1, "stock"), 0.3)
	k := seed.Derive(2, "noise")
	for i := range p.Flat {
		p.Flat[i] += float32(0.1 * k.Normal(uint64(i)))
	}
	const batch, l = 2, 8
	tokens, ids, rows := make([]int32, batch*l), make([]int32, batch*l), make([]int32, batch*l)
	for i := range tokens {
		tokens[i], ids[i], rows[i] = int32(k.Index(uint64(1000+i), c.Vocab)), int32(k.Index(uint64(2000+i), c.Vocab)), int32(i)
	}
	s := &stock{t: t, c: c, p: p, g: G.NewGraph(), params: map[string]*G.Node{}, batch: batch, l: l}
	wantLoss, want := s.run(tokens, ids)

	loss := graph.Loss(func(lp, coef []float64) float64 {
		for i := range coef {
			coef[i] = -1.0 / (batch * l)
		}
		return -(lp[0] + lp[1]) / (batch * l)
	})
	net, err := qwen2.Build(c, qwen2.Capacity{Tokens: batch * l, Segs: batch, Picks: batch * l, Seqs: batch}, qwen2.Options{Loss: &loss})
	if err != nil {
		t.Fatal(err)
	}
	grads := make([]float32, len(p.Flat))
	spec := vm.Spec{Keep: []*graph.Node{net.Loss}, Bind: map[*graph.Node]vm.Buffer{}, Grads: map[*graph.Node]vm.Buffer{}}
	for _, f := range p.Fused {
		spec.Bind[net.Params[f.Name]] = slice[float32](p.Flat[f.Off : f.Off+f.Len()])
		spec.Grads[net.Grads[f.Name]] = slice[float32](grads[f.Off : f.Off+f.Len()])
	}
	be := New(1)
	m, err := vm.Compile(be, spec)
	if err != nil {
		t.Fatal(err)
	}
	segs := []int32{0, l, 2 * l}
	for n, v := range map[*graph.Node][]int32{net.Tokens: tokens, net.Segs: segs, net.Parent: {-1, -1}, net.Rows: rows, net.IDs: ids, net.Bounds: segs} {
		be.Write(m.Buffer(n), v)
	}
	m.Live = vm.Live{Tokens: batch * l, Segs: batch, Picks: batch * l, Seqs: batch}
	if err := m.RunAll(); err != nil {
		t.Fatal(err)
	}
	if math.Abs(m.Loss()-wantLoss) > 1e-5*wantLoss {
		t.Errorf("loss %g, gorgonia's %g", m.Loss(), wantLoss)
	}
	if len(want) != len(p.Tensors) {
		t.Fatalf("%d tensors compared, want %d", len(want), len(p.Tensors))
	}
	for _, v := range p.NamedIn(grads) {
		top := 0.0
		for _, x := range want[v.Name] {
			top = max(top, math.Abs(float64(x)))
		}
		for i, x := range want[v.Name] {
			if math.Abs(float64(v.Data[i]-x)) > 2e-5*top {
				t.Errorf("%s[%d]: gradient %g, gorgonia's %g (largest %g)", v.Name, i, v.Data[i], x, top)
				break
			}
		}
	}
}
