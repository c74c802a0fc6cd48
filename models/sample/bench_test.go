package sample

import (
	"context"
	"fmt"
	"testing"

	"hardneg/fixtures/seed"
	"hardneg/models/checkpoint"
	"hardneg/models/qwen2"
)

// BenchmarkSample is the work of the peers' generate benchmark: 64 prompts of
// 48 tokens, 96 new ones each, temperature 0.8.
func BenchmarkSample(b *testing.B) {
	for _, m := range []struct {
		name                               string
		hidden, layers, heads, kv, f, voca int
	}{{"tiny", 128, 4, 4, 2, 512, 512}, {"small", 512, 8, 8, 2, 2048, 8192}} {
		net := qwen2.NewParams(&checkpoint.Config{Hidden: m.hidden, Layers: m.layers, Heads: m.heads, KVHeads: m.kv,
			HeadDim: m.hidden / m.heads, FFN: m.f, Vocab: m.voca, MaxPositions: 2048, Eps: 1e-6, Tied: true,
			DType: "float32", BOS: -1, Rope: checkpoint.Rope{Theta: 1e6, Type: "default"}})
		net.Init(1, 0.02)
		k := seed.Derive(1, "prompts")
		var ps []Prompt
		for i := range 64 {
			p := Prompt{ID: fmt.Sprint(i), N: 1}
			for j := range 48 {
				p.Tokens = append(p.Tokens, int32(k.Index(uint64(48*i+j), m.voca)))
			}
			ps = append(ps, p)
		}
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/%d", m.name, threads), func(b *testing.B) {
				s := New(net, Options{Batch: 64, Threads: threads})
				var n int64
				for b.Loop() {
					st, err := s.Run(context.Background(), ps, Params{Temperature: 0.8, MaxNew: 96}, func(int, []Output) error { return nil })
					if err != nil {
						b.Fatal(err)
					}
					n += st.NewTokens
				}
				b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "tokens/s")
			})
		}
	}
}
