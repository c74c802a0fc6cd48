package train

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"hardneg/fixtures/peertest"
	"hardneg/fixtures/seed"
	"hardneg/models/checkpoint"
	"hardneg/models/cpu"
	"hardneg/models/qwen2"
)

// logits are those after every token of ids.
func logits(t *testing.T, p *qwen2.Params, l *qwen2.LoRA, ids []int32) (z [][]float64) {
	t.Helper()
	m, err := NewModel(cpu.New(1), p)
	if err == nil && l != nil {
		err = m.Adapt(l)
	}
	var b Batch
	b.Reset()
	b.AddCompletion(ids, []int32{0})
	if err == nil {
		_, err = m.Forward(&b)
	}
	if err != nil {
		t.Fatal(err)
	}
	d, h, head := p.Config.Hidden, m.Hidden(len(ids)), p.Head()
	for i := range ids {
		row := make([]float64, p.Config.Vocab)
		for v := range row {
			for j := range d {
				row[v] += float64(h[i*d+j]) * float64(head[v*d+j])
			}
		}
		z = append(z, row)
	}
	return z
}

// far is the largest difference, relative to the largest logit.
func far(got, want [][]float64) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	var d, top float64
	for i := range want {
		if len(got[i]) != len(want[i]) {
			return math.Inf(1)
		}
		for j, w := range want[i] {
			d, top = max(d, math.Abs(got[i][j]-w)), max(top, math.Abs(w))
		}
	}
	return d / top
}

// What we write loads in transformers and PEFT without a word and gives the
// same logits, and what they write loads here.
func TestTransformersAndPEFT(t *testing.T) {
	python := peertest.Python(t, "torch", "transformers", "peft")
	shape := func(change func(*checkpoint.Config)) *checkpoint.Config {
		c := &checkpoint.Config{Hidden: 48, Layers: 3, Heads: 4, KVHeads: 2, HeadDim: 12, FFN: 80, Vocab: 301, MaxPositions: 256,
			Eps: 1e-6, Tied: true, DType: "float32", BOS: -1, EOS: []int{3}, Rope: checkpoint.Rope{Theta: 1e6, Type: "default"}}
		change(c)
		return c
	}
	for _, x := range []struct {
		name   string
		config *checkpoint.Config
		o      checkpoint.WriteOptions
	}{
		{"tied, one file, fp32", shape(func(*checkpoint.Config) {}), checkpoint.WriteOptions{DType: "fp32"}},
		{"untied, shards, bf16, wide heads, yarn", shape(func(c *checkpoint.Config) {
			c.Tied, c.HeadDim, c.Heads, c.KVHeads = false, 16, 6, 3
			c.Rope = checkpoint.Rope{Theta: 1e4, Type: "yarn", Factor: 4, Original: 64, BetaFast: 32, BetaSlow: 1}
		}), checkpoint.WriteOptions{DType: "bf16", Shard: 40000}},
	} {
		t.Run(x.name, func(t *testing.T) {
			dir := t.TempDir()
			p := qwen2.NewParams(x.config)
			k := seed.Derive(3, "peer")
			p.Init(k, 0.2)
			for i := p.Matrices; i < len(p.Flat); i++ { // norms and biases that matter
				p.Flat[i] += float32(0.3 * k.Normal(uint64(i)))
			}
			if err := p.Save(filepath.Join(dir, "model"), x.o); err != nil {
				t.Fatal(err)
			}
			p, err := qwen2.Load(filepath.Join(dir, "model")) // rounded as stored
			if err != nil {
				t.Fatal(err)
			}
			l, err := qwen2.NewLoRA(p, checkpoint.Adapter{Base: "base", Rank: 4, Alpha: 12,
				Targets: []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}})
			if err != nil {
				t.Fatal(err)
			}
			for i := range l.Flat {
				l.Flat[i] = float32(0.1 * k.Sub(1).Normal(uint64(i)))
			}
			if err := l.Save(filepath.Join(dir, "adapter"), "fp32"); err != nil {
				t.Fatal(err)
			}
			var ids []int32
			for i := range 90 {
				ids = append(ids, int32(k.Sub(2).Index(uint64(i), x.config.Vocab)))
			}
			b, _ := json.Marshal(ids)
			if err := os.WriteFile(filepath.Join(dir, "ids.json"), b, 0o644); err != nil {
				t.Fatal(err)
			}

			c := exec.Command(python, filepath.Join("testdata", "peers", "load.py"), dir)
			c.Env = append(os.Environ(), "HF_HUB_OFFLINE=1", "CUDA_VISIBLE_DEVICES=", "PYTHONSAFEPATH=1")
			var stdout, stderr bytes.Buffer
			c.Stdout, c.Stderr = &stdout, &stderr
			if err := c.Run(); err != nil {
				t.Fatalf("%v\n%s", err, stderr.String())
			}
			var out struct {
				Unfit                  []string
				Plain, Adapted, Theirs [][]float64
				Adapters               int
			}
			if err := json.Unmarshal(stdout.Bytes(), &out); err != nil {
				t.Fatalf("%v\n%s", err, stdout.String())
			}
			if len(out.Unfit) > 0 {
				t.Errorf("transformers complains of %v", out.Unfit)
			}
			if want := 2 * 7 * x.config.Layers; out.Adapters != want {
				t.Errorf("PEFT has %d adapter matrices, want %d", out.Adapters, want)
			}
			const bar = 5e-6
			plain, adapted := logits(t, p, nil, ids), logits(t, p, l, ids)
			if d := far(plain, out.Plain); !(d < bar) {
				t.Errorf("model: logits differ by %.1e", d)
			}
			if d := far(adapted, out.Adapted); !(d < bar) {
				t.Errorf("adapter: logits differ by %.1e", d)
			}
			if far(plain, adapted) < 0.01 {
				t.Error("the adapter changes too little to be seen")
			}

			back, err := qwen2.Load(filepath.Join(dir, "back"))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(back.Flat, p.Flat) || back.Config.Rope.Type != x.config.Rope.Type {
				t.Error("what transformers wrote is another model")
			}
			theirs, err := qwen2.LoadLoRA(filepath.Join(dir, "back-adapter"), p)
			if err != nil {
				t.Fatal(err)
			}
			if d := far(logits(t, p, theirs, ids), out.Theirs); !(d < bar) {
				t.Errorf("PEFT's adapter: logits differ by %.1e", d)
			}
			t.Logf("relative differences of logits: model %.1e, adapter %.1e, PEFT's adapter %.1e", far(plain, out.Plain), far(adapted, out.Adapted), far(logits(t, p, theirs, ids), out.Theirs))
		})
	}
}
