package qwen2

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"hardneg/fixtures/seed"
	"hardneg/models/checkpoint"
	"hardneg/models/graph"
)

// LoRA is a set of low-rank adapters of a model: the weight of each target
// layer gets Alpha/Rank·B·A added. All adapters are one flat allocation.
type LoRA struct {
	Config checkpoint.Adapter
	Flat   []float32
	// Tensors lists the adapters' matrices under their PEFT names.
	Tensors []Tensor
	// Fused lists the blocks that the graph uses: layers.N.wqkv.A, which
	// stacks the down-projections of the targets among q, k and v, and .B.
	Fused []Tensor

	blocks map[string]*adapter
}

// adapter is what is added to one fused projection.
type adapter struct {
	attr     graph.LowRankAttr
	down, up Tensor
}

// target is a layer that can be adapted: rows of a fused projection.
type target struct{ name, block, hf string }

var targets = []target{{"q_proj", "wqkv", "self_attn"}, {"k_proj", "wqkv", "self_attn"}, {"v_proj", "wqkv", "self_attn"},
	{"o_proj", "wo", "self_attn"}, {"gate_proj", "gate_up", "mlp"}, {"up_proj", "gate_up", "mlp"}, {"down_proj", "down", "mlp"}}

// NewLoRA makes the adapters of a model, all zero.
func NewLoRA(p *Params, a checkpoint.Adapter) (*LoRA, error) {
	l, size, err := layoutLoRA(p, a)
	if err != nil {
		return nil, err
	}
	l.Flat = make([]float32, size)
	return l, nil
}

// layoutLoRA is NewLoRA without memory, which has the size returned.
func layoutLoRA(p *Params, a checkpoint.Adapter) (*LoRA, int, error) {
	if err := a.Check(); err != nil {
		return nil, 0, fmt.Errorf("qwen2: adapter: %w", err)
	}
	l := &LoRA{Config: a, blocks: map[string]*adapter{}}
	byName := map[string]Tensor{}
	for _, t := range p.Tensors {
		byName[t.Name] = t
	}
	off := 0
	for n := range p.Config.Layers {
		for _, block := range []string{"wqkv", "wo", "gate_up", "down"} {
			off = l.layout(n, block, p, byName, off)
		}
	}
	return l, off, nil
}

// layout places the adapters of one fused projection at off and returns what
// follows.
func (l *LoRA) layout(layer int, block string, p *Params, byName map[string]Tensor, off int) int {
	name := fmt.Sprintf("layers.%d.%s", layer, block)
	fused := p.Fused[p.fused[name]]
	in, r := fused.Shape[1], l.Config.Rank
	var blocks []graph.Block
	var downs, ups []Tensor
	rows := 0
	for _, t := range targets {
		if t.block != block || !slices.Contains(l.Config.Targets, t.name) {
			continue
		}
		module := fmt.Sprintf("model.layers.%d.%s.%s", layer, t.hf, t.name)
		w := byName[module+".weight"]
		lo, out := (w.Off-fused.Off)/in, w.Shape[0]
		blocks = append(blocks, graph.Block{Lo: lo, Hi: lo + out, At: rows, Index: len(blocks)})
		rows += out
		downs = append(downs, Tensor{Name: checkpoint.AdapterPrefix + module + ".lora_A.weight", Shape: []int{r, in}})
		ups = append(ups, Tensor{Name: checkpoint.AdapterPrefix + module + ".lora_B.weight", Shape: []int{out, r}})
	}
	if len(blocks) == 0 {
		return off
	}
	a := &adapter{attr: graph.LowRankAttr{Rank: r, Scale: l.Config.Alpha / float64(r), Blocks: &blocks},
		down: Tensor{name + ".A", []int{r * len(blocks), in}, off}}
	a.up = Tensor{name + ".B", []int{rows, r}, off + a.down.Len()}
	l.blocks[name] = a
	l.Fused = append(l.Fused, a.down, a.up)
	for _, ts := range [][]Tensor{downs, ups} {
		for _, t := range ts {
			t.Off = off
			off += t.Len()
			l.Tensors = append(l.Tensors, t)
		}
	}
	return off
}

// block is the adapter of a fused projection, nil if there is none.
func (l *LoRA) block(name string) *adapter {
	if l == nil {
		return nil
	}
	return l.blocks[name]
}

// trains reports whether a leaf is trained: all without adapters, with them
// only theirs.
func (l *LoRA) trains(leaf string) bool {
	return l == nil || strings.HasSuffix(leaf, ".A") || strings.HasSuffix(leaf, ".B")
}

// Init draws the down-projections uniformly from ±1/√in, as PEFT does, and sets
// the up-projections to zero: the adapted model starts as the base.
func (l *LoRA) Init(key seed.Key) {
	for _, t := range l.Tensors {
		d := l.Flat[t.Off : t.Off+t.Len()]
		if strings.HasSuffix(t.Name, ".lora_B.weight") {
			clear(d)
			continue
		}
		k, bound := seed.Derive(uint64(key), "lora", t.Name), 1/math.Sqrt(float64(t.Shape[1]))
		for i := range d {
			d[i] = float32((2*k.Float(uint64(i)) - 1) * bound)
		}
	}
}

// Merge adds the adapters to the weights of p.
func (l *LoRA) Merge(p *Params) {
	for name, a := range l.blocks {
		w, in, r := p.Block(name), a.down.Shape[1], a.attr.Rank
		for _, q := range *a.attr.Blocks {
			for o := q.Lo; o < q.Hi; o++ {
				row := w[o*in : o*in+in]
				for j := range r {
					b := l.Flat[a.up.Off+(q.At+o-q.Lo)*r+j] * float32(a.attr.Scale)
					for i, v := range l.Flat[a.down.Off+(q.Index*r+j)*in:][:in] {
						row[i] += b * v
					}
				}
			}
		}
	}
}

// Named lists the matrices under their PEFT names.
func (l *LoRA) Named() []checkpoint.Values {
	var r []checkpoint.Values
	for _, t := range l.Tensors {
		r = append(r, checkpoint.Values{Name: t.Name, Shape: t.Shape, Data: l.Flat[t.Off : t.Off+t.Len()]})
	}
	return r
}

// Save writes an adapter folder that PEFT loads.
func (l *LoRA) Save(dir, dtype string) error {
	return checkpoint.WriteAdapter(dir, l.Config, l.Named(), dtype)
}

// LoadLoRA reads an adapter folder for a model.
func LoadLoRA(dir string, p *Params) (*LoRA, error) {
	a, ck, err := checkpoint.ReadAdapter(dir)
	if err != nil {
		return nil, err
	}
	defer ck.Close()
	l, size, err := layoutLoRA(p, *a)
	if err != nil {
		return nil, err
	}
	var want []checkpoint.Spec
	for _, t := range l.Tensors {
		want = append(want, checkpoint.Spec{Name: t.Name, Shape: t.Shape})
	}
	if err := ck.Expect(want); err != nil {
		return nil, err
	}
	l.Flat = make([]float32, size)
	for _, v := range l.Named() {
		if err := ck.Decode(v.Name, v.Data); err != nil {
			return nil, err
		}
	}
	return l, nil
}
