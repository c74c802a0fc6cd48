package sample

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"hardneg/models/qwen2"
)

// Greedy tokens equal those of transformers wherever the best two logits are
// further apart than rounding.
func TestGoldenGreedy(t *testing.T) {
	dir := os.Getenv("HARDNEG_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	cases, _ := filepath.Glob(filepath.Join(dir, "data", "golden", "case*"))
	if len(cases) == 0 {
		t.Skip("no golden cases: set HARDNEG_SHARED to the folder that holds data/golden")
	}
	for _, c := range cases {
		b, err := os.ReadFile(filepath.Join(c, "golden.json"))
		if err != nil {
			t.Fatal(err)
		}
		var g struct {
			Greedy []struct {
				Prompt, Tokens []int32
				Gap            float64 `json:"smallest_gap"`
			}
		}
		if err := json.Unmarshal(b, &g); err != nil {
			t.Fatal(err)
		}
		params, err := qwen2.Load(filepath.Join(c, "policy"))
		if err != nil {
			t.Fatal(err)
		}
		var ps []Prompt
		for i, x := range g.Greedy {
			ps = append(ps, Prompt{ID: fmt.Sprint(i), Tokens: x.Prompt, N: 1})
		}
		compared := 0
		_, err = New(params, Options{Threads: 1}).Run(context.Background(), ps, Params{MaxNew: 32}, func(i int, outs []Output) error {
			if x := g.Greedy[i]; x.Gap > 1e-3 {
				compared++
				if !slices.Equal(outs[0].Tokens, x.Tokens) {
					t.Errorf("%s prompt %d: %v, want %v", c, i, outs[0].Tokens, x.Tokens)
				}
			}
			return nil
		})
		if err != nil || compared == 0 {
			t.Errorf("%s: %d compared, %v", c, compared, err)
		}
	}
}
