package qwen2

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"hardneg/fixtures/seed"
	"hardneg/models/checkpoint"
)

func testParams(t *testing.T) *Params {
	t.Helper()
	p := NewParams(&checkpoint.Config{Hidden: 16, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 4, FFN: 24, Vocab: 40, MaxPositions: 64,
		Eps: 1e-6, DType: "float32", BOS: -1, Rope: checkpoint.Rope{Theta: 1e4, Type: "default"}})
	p.Init(seed.Derive(1, "load"), 0.1)
	return p
}

// A folder that is not what its config.json says is refused with the file, the
// tensor and the reason, before memory is taken for what it claims.
func TestLoadRefuses(t *testing.T) {
	const q = "model.layers.1.self_attn.q_proj.weight"
	config := func(old, to string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, "config.json")
			b, err := os.ReadFile(path)
			if err != nil || !strings.Contains(string(b), old) {
				t.Fatalf("config.json lacks %s: %v", old, err)
			}
			if err := os.WriteFile(path, []byte(strings.Replace(string(b), old, to, 1)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	tensors := func(change func([]checkpoint.Values) []checkpoint.Values) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			p := testParams(t)
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			if err := checkpoint.Write(dir, p.Config, change(p.Named()), checkpoint.WriteOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	find := func(v []checkpoint.Values, name string) int {
		return slices.IndexFunc(v, func(x checkpoint.Values) bool { return x.Name == name })
	}
	// bytes changes the file of the weights; at is where tensor q begins in it.
	bytes := func(change func(b []byte, at int) []byte) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, "model.safetensors")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			first := binary.LittleEndian.AppendUint32(nil, math.Float32bits(testParams(t).Layer(1).WQKV[0]))
			at := strings.Index(string(b), string(first))
			if at < 0 {
				t.Fatal("weights not found")
			}
			if err := os.WriteFile(path, change(b, at), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	weight := func(v float32) func(t *testing.T, dir string) {
		return bytes(func(b []byte, at int) []byte {
			binary.LittleEndian.PutUint32(b[at+4*5:], math.Float32bits(v))
			return b
		})
	}
	for _, x := range []struct {
		name   string
		damage func(t *testing.T, dir string)
		kind   error
		want   []string
	}{
		{"a huge vocabulary", config(`"vocab_size": 40`, `"vocab_size": 16777216`), checkpoint.ErrInvalid,
			[]string{"model.safetensors", "model.embed_tokens.weight", "[40 16]", "[16777216 16]"}},
		{"a huge width", config(`"hidden_size": 16`, `"head_dim": 4, "hidden_size": 1048576`), checkpoint.ErrInvalid,
			[]string{"model.safetensors", "model.embed_tokens.weight", "[40 16]"}},
		{"more layers", config(`"num_hidden_layers": 2`, `"num_hidden_layers": 4096`), checkpoint.ErrMissing, []string{"tensor model.layers.2."}},
		{"fewer layers", config(`"num_hidden_layers": 2`, `"num_hidden_layers": 1`), checkpoint.ErrInvalid,
			[]string{"model.safetensors", "tensor model.layers.1.", "not part of the network"}},
		{"another grouping", config(`"num_key_value_heads": 2`, `"num_key_value_heads": 4`), checkpoint.ErrInvalid,
			[]string{"model.safetensors", "tensor model.layers.0.self_attn.k_proj", "[8 16]", "[16 16]"}},
		{"unknown rope", config(`"rope_theta": 10000`, `"rope_theta": 10000, "rope_scaling": {"rope_type": "longrope", "factor": 4}`),
			checkpoint.ErrUnsupported, []string{"config.json", `rope_type "longrope"`}},
		{"a missing tensor", tensors(func(v []checkpoint.Values) []checkpoint.Values {
			i := find(v, q)
			return append(v[:i:i], v[i+1:]...)
		}), checkpoint.ErrMissing, []string{"tensor " + q, "missing"}},
		{"an extra tensor", tensors(func(v []checkpoint.Values) []checkpoint.Values {
			return append(v, checkpoint.Values{Name: "model.extra", Shape: []int{1}, Data: []float32{1}})
		}), checkpoint.ErrInvalid, []string{"model.safetensors", "tensor model.extra"}},
		{"a transposed tensor", tensors(func(v []checkpoint.Values) []checkpoint.Values {
			i := find(v, "model.layers.1.mlp.down_proj.weight")
			v[i].Shape = []int{24, 16}
			return v
		}), checkpoint.ErrInvalid, []string{"model.safetensors", "tensor model.layers.1.mlp.down_proj.weight", "[24 16]", "[16 24]"}},
		{"a NaN", weight(float32(math.NaN())), checkpoint.ErrNotFinite, []string{"model.safetensors", "tensor " + q, "element 5"}},
		{"an infinity", weight(float32(math.Inf(-1))), checkpoint.ErrNotFinite, []string{"model.safetensors", "tensor " + q, "element 5"}},
		{"a truncated file", bytes(func(b []byte, at int) []byte { return b[:at+40] }), checkpoint.ErrInvalid, []string{"model.safetensors", "tensor ", "truncated"}},
		{"a header that lies", bytes(func(b []byte, _ int) []byte {
			binary.LittleEndian.PutUint64(b, 1<<60)
			return b
		}), checkpoint.ErrInvalid, []string{"model.safetensors", "header claims"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "m")
			if err := testParams(t).Save(dir, checkpoint.WriteOptions{}); err != nil {
				t.Fatal(err)
			}
			if _, err := Load(dir); err != nil {
				t.Fatalf("before the damage: %v", err)
			}
			x.damage(t, dir)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Load(dir)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, x.kind) || !checkpoint.Unfit(err) {
				t.Fatalf("error %v, want %v", err, x.kind)
			}
			for _, w := range x.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q lacks %q", err, w)
				}
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
				t.Errorf("%d MiB were allocated", n>>20)
			}
		})
	}
}

func TestLoadLoRARefuses(t *testing.T) {
	p := testParams(t)
	l, err := NewLoRA(p, checkpoint.Adapter{Base: "b", Rank: 2, Alpha: 4, Targets: []string{"q_proj", "down_proj"}})
	if err != nil {
		t.Fatal(err)
	}
	l.Init(3)
	for _, x := range []struct {
		name, old, to string
		want          []string
	}{
		{"another rank", `"r": 2`, `"r": 65536`, []string{"adapter_model.safetensors", "lora_A.weight", "[65536 16]"}},
		{"another target", `"q_proj"`, `"v_proj"`, []string{"v_proj.lora_A.weight", "missing"}},
	} {
		dir := filepath.Join(t.TempDir(), "a")
		if err := l.Save(dir, "fp32"); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "adapter_config.json")
		b, _ := os.ReadFile(path)
		s := strings.Replace(string(b), x.old, x.to, 1)
		if s == string(b) {
			t.Fatalf("adapter_config.json lacks %s", x.old)
		}
		if err := os.WriteFile(path, []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := LoadLoRA(dir, p)
		if err == nil || !checkpoint.Unfit(err) {
			t.Fatalf("%s: %v", x.name, err)
		}
		for _, w := range x.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: error %q lacks %q", x.name, err, w)
			}
		}
	}
}
