package train

import (
	"context"
	"testing"

	"hardneg/fixtures/seed"
	"hardneg/models/checkpoint"
	"hardneg/models/cpu"
	"hardneg/models/qwen2"
)

// BenchmarkStep is a training step of the tiny benchmark shape on 2,048 tokens
// with one thread.
func BenchmarkStep(b *testing.B) {
	c := &checkpoint.Config{Hidden: 128, Layers: 4, Heads: 4, KVHeads: 2, HeadDim: 32, FFN: 512, Vocab: 512,
		MaxPositions: 2048, Eps: 1e-6, Tied: true, Rope: checkpoint.Rope{Theta: 1e6, Type: "default"}}
	p := qwen2.NewParams(c)
	p.Init(seed.Derive(0, "bench"), 0.02)
	var rows Rows
	for i := range 16 {
		r := Row{Tokens: make([]int32, 128), Loss: make([]bool, 128)}
		for j := range r.Tokens {
			r.Tokens[j], r.Loss[j] = int32(seed.Derive(0, i).Index(uint64(j), 512)), true
		}
		rows = append(rows, r)
	}
	cfg := Default()
	cfg.Epochs, cfg.MaxSteps = 0, 1<<30
	t, err := New(cpu.New(1), p, cfg, rows)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := t.Step(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(2048*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
}
