// Package qwen2 is the network: its parameters, and the gorgonia graph that
// leads from token ids to the log-probability of each sequence and its
// gradients.
//
// Qwen2 and Qwen2.5 of any published shape: grouped-query attention with
// biases on q, k and v, rotary positions, RMSNorm, SwiGLU, tied or untied
// output matrix.
//
// # Words
//
// Params is one flat allocation and one table. Tensors names every tensor as
// Hugging Face does; Fused names the blocks that the graph uses, which are
// plain subslices because q, k and v rows, and gate and up rows, lie side by
// side: wqkv is (heads+2·kv_heads)·head_dim rows of hidden elements, gate_up
// is 2·ffn rows. All matrices come first, all vectors (biases and norm gains)
// after them, so that weight decay on matrices only is a prefix.
//
// Data enters by Load (a checkpoint) or Init (random), and leaves by Values.
package qwen2

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"hardneg/fixtures/seed"
	"hardneg/models/checkpoint"
	"hardneg/models/graph"
)

// Tensor is a named part of Params.
type Tensor struct {
	Name  string
	Shape []int
	Off   int // first element in Flat
}

// Len is the number of elements.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Params holds all weights of a model.
type Params struct {
	Config *checkpoint.Config
	Flat   []float32
	// Tensors lists the Hugging Face names, in the order of transformers.
	Tensors []Tensor
	// Fused lists the blocks that the graph uses: embed, layers.N.{norm1,
	// wqkv, bqkv, wo, norm2, gate_up, down}, norm, and head when untied.
	Fused []Tensor
	// Matrices is the number of elements in matrices: Flat[:Matrices].
	Matrices int

	fused map[string]int
}

// Layer is a view of one decoder layer's weights, row-major.
type Layer struct {
	Norm1, WQKV, BQKV, WO []float32
	Norm2, GateUp, Down   []float32
}

// NewParams makes a model with all weights zero.
func NewParams(c *checkpoint.Config) *Params {
	p := layout(c)
	p.Flat = make([]float32, p.size())
	return p
}

// size is the number of all weights.
func (p *Params) size() int {
	last := p.Tensors[len(p.Tensors)-1]
	return last.Off + last.Len()
}

// layout is a model without memory for its weights: a file is compared with it
// before anything is allocated by what the file claims.
func layout(c *checkpoint.Config) *Params {
	p := &Params{Config: c, fused: map[string]int{}}
	off := 0
	block := func(name string, parts ...Tensor) {
		f := Tensor{Name: name, Shape: append([]int{0}, parts[0].Shape[1:]...), Off: off}
		for _, t := range parts {
			t.Off = off
			off += t.Len()
			f.Shape[0] += t.Shape[0]
			p.Tensors = append(p.Tensors, t)
		}
		p.fused[name] = len(p.Fused)
		p.Fused = append(p.Fused, f)
	}
	t := func(name string, shape ...int) Tensor { return Tensor{Name: name, Shape: shape} }
	h, q, kv := c.Hidden, c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	block("embed", t("model.embed_tokens.weight", c.Vocab, h))
	for l := range c.Layers {
		hf, own := fmt.Sprintf("model.layers.%d.", l), fmt.Sprintf("layers.%d.", l)
		a := hf + "self_attn."
		block(own+"wqkv", t(a+"q_proj.weight", q, h), t(a+"k_proj.weight", kv, h), t(a+"v_proj.weight", kv, h))
		block(own+"wo", t(a+"o_proj.weight", h, q))
		block(own+"gate_up", t(hf+"mlp.gate_proj.weight", c.FFN, h), t(hf+"mlp.up_proj.weight", c.FFN, h))
		block(own+"down", t(hf+"mlp.down_proj.weight", h, c.FFN))
	}
	if !c.Tied {
		block("head", t("lm_head.weight", c.Vocab, h))
	}
	p.Matrices = off
	for l := range c.Layers {
		hf, own := fmt.Sprintf("model.layers.%d.", l), fmt.Sprintf("layers.%d.", l)
		a := hf + "self_attn."
		block(own+"bqkv", t(a+"q_proj.bias", q), t(a+"k_proj.bias", kv), t(a+"v_proj.bias", kv))
		block(own+"norm1", t(hf+"input_layernorm.weight", h))
		block(own+"norm2", t(hf+"post_attention_layernorm.weight", h))
	}
	block("norm", t("model.norm.weight", h))
	return p
}

// Block is the memory of a fused block, "layers.0.wqkv" for instance.
func (p *Params) Block(name string) []float32 { return p.in(p.Fused[p.fused[name]], p.Flat) }

func (p *Params) in(t Tensor, flat []float32) []float32 {
	return flat[t.Off : t.Off+t.Len() : t.Off+t.Len()]
}

// Layer views layer l.
func (p *Params) Layer(l int) Layer {
	b := func(s string) []float32 { return p.Block(fmt.Sprintf("layers.%d.%s", l, s)) }
	return Layer{b("norm1"), b("wqkv"), b("bqkv"), b("wo"), b("norm2"), b("gate_up"), b("down")}
}

// Embed is the embedding matrix (vocab×hidden).
func (p *Params) Embed() []float32 { return p.Block("embed") }

// Norm is the gain of the last norm.
func (p *Params) Norm() []float32 { return p.Block("norm") }

// Head is the output matrix (vocab×hidden): the embedding when tied.
func (p *Params) Head() []float32 {
	if p.Config.Tied {
		return p.Embed()
	}
	return p.Block("head")
}

// Heads describes the attention of c.
func Heads(c *checkpoint.Config) graph.Heads {
	inv, scale := c.Rotary()
	return graph.Heads{Q: c.Heads, KV: c.KVHeads, Dim: c.HeadDim, Rotary: &graph.Rotary{Inv: inv, Scale: scale}}
}

// Clone copies the weights.
func (p *Params) Clone() *Params {
	c := *p
	c.Flat = append([]float32(nil), p.Flat...)
	return &c
}

// Init draws matrices from a normal distribution with the given standard
// deviation; biases are 0 and norm gains 1. Every tensor has a stream of its
// own, named after it.
func (p *Params) Init(key seed.Key, std float64) {
	for _, t := range p.Tensors {
		d := p.in(t, p.Flat)
		k := seed.Derive(uint64(key), "init", t.Name)
		switch {
		case len(t.Shape) == 2:
			normal(d, k, std)
		case !isBias(t.Name):
			for i := range d {
				d[i] = 1
			}
		default:
			clear(d)
		}
	}
}

// normal fills d with draws of k, on all processors: a draw is a function of
// its number.
func normal(d []float32, k seed.Key, std float64) {
	const chunk = 1 << 16
	var wg sync.WaitGroup
	var next atomic.Int64
	for range min(runtime.GOMAXPROCS(0), (len(d)+chunk-1)/chunk) {
		wg.Go(func() {
			for lo := int(next.Add(chunk)) - chunk; lo < len(d); lo = int(next.Add(chunk)) - chunk {
				for i := lo; i < min(lo+chunk, len(d)); i++ {
					d[i] = float32(std * k.Normal(uint64(i)))
				}
			}
		})
	}
	wg.Wait()
}

func isBias(name string) bool { return len(name) > 5 && name[len(name)-5:] == ".bias" }

// Named lists every tensor with its Hugging Face name; the data share memory
// with the weights.
func (p *Params) Named() []checkpoint.Values { return p.NamedIn(p.Flat) }

// NamedIn is Named for another vector of the same layout: gradients, moments.
func (p *Params) NamedIn(flat []float32) []checkpoint.Values {
	var r []checkpoint.Values
	for _, t := range p.Tensors {
		r = append(r, checkpoint.Values{Name: t.Name, Shape: t.Shape, Data: p.in(t, flat)})
	}
	return r
}

// Load reads a model folder.
func Load(dir string) (*Params, error) {
	c, err := checkpoint.ReadConfig(dir)
	if err != nil {
		return nil, err
	}
	ck, err := checkpoint.Open(dir)
	if err != nil {
		return nil, err
	}
	defer ck.Close()
	p := layout(c.Clone())
	var want []checkpoint.Spec
	for _, t := range p.Tensors {
		want = append(want, checkpoint.Spec{Name: t.Name, Shape: t.Shape})
	}
	if c.Tied { // saved by some tools although it is the embedding
		want = append(want, checkpoint.Spec{Name: "lm_head.weight", Shape: []int{c.Vocab, c.Hidden}, Optional: true})
	}
	if err := ck.Expect(want); err != nil {
		return nil, err
	}
	p.Flat = make([]float32, p.size())
	for _, v := range p.Named() {
		if err := ck.Decode(v.Name, v.Data); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Save writes a model folder; dir must not exist or be empty.
func (p *Params) Save(dir string, o checkpoint.WriteOptions) error {
	return checkpoint.Write(dir, p.Config, p.Named(), o)
}
