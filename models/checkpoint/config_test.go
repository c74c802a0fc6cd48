package checkpoint

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const published = `{"architectures":["Qwen2ForCausalLM"],"bos_token_id":151643,"eos_token_id":151643,"hidden_act":"silu",
"hidden_size":1536,"intermediate_size":8960,"max_position_embeddings":131072,"max_window_layers":28,"model_type":"qwen2",
"num_attention_heads":12,"num_hidden_layers":28,"num_key_value_heads":2,"rms_norm_eps":1e-06,"rope_theta":1000000.0,
"sliding_window":131072,"tie_word_embeddings":true,"torch_dtype":"bfloat16","use_cache":true,"use_mrope":false,
"use_sliding_window":false,"vocab_size":151936,"of_our_own":{"x":[1,2]}}`

const five = `{"model_type":"qwen2","hidden_act":"silu","hidden_size":64,"intermediate_size":160,"num_attention_heads":4,
"num_hidden_layers":2,"num_key_value_heads":2,"vocab_size":320,"dtype":"bfloat16","eos_token_id":[3,4],"sliding_window":null,
"layer_types":["full_attention","full_attention"],"rope_parameters":{"rope_theta":500000.0,"rope_type":"default"}}`

func TestConfigForms(t *testing.T) {
	c, err := parseConfig([]byte(published))
	if err != nil {
		t.Fatal(err)
	}
	if c.Hidden != 1536 || c.HeadDim != 128 || c.Rope.Theta != 1e6 || c.DType != "bfloat16" || !c.Tied || c.MaxPositions != 131072 {
		t.Errorf("published: %+v", c)
	}
	d, err := parseConfig([]byte(five))
	if err != nil {
		t.Fatal(err)
	}
	if d.Rope.Theta != 5e5 || d.DType != "bfloat16" || d.Tied || !cmp.Equal(d.EOS, []int{3, 4}) || d.HeadDim != 16 {
		t.Errorf("transformers 5: %+v", d)
	}
	for _, c := range []*Config{c, d} {
		b, err := c.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseConfig(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c, again, cmpopts.IgnoreUnexported(Config{}, Rope{})); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(c.Keys(), again.Keys(), cmpopts.IgnoreSliceElements(func(s string) bool {
			return s == "max_position_embeddings" || s == "rms_norm_eps" || s == "tie_word_embeddings" // defaults made explicit
		})); diff != "" {
			t.Error(diff)
		}
	}
	own, err := testConfig().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if e, err := parseConfig(own); err != nil || e.Rope.Theta != 1e6 || e.DType != "float32" || !e.Tied {
		t.Errorf("from scratch: %+v, %v", e, err)
	}
}

func TestConfigFaults(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{`"model_type":"qwen2"`, `"model_type":"llama"`, "model_type"},
		{`"silu"`, `"gelu"`, "hidden_act"},
		{`"hidden_size":64`, `"hidden_size":66`, "hidden_size"},
		{`"hidden_size":64,`, ``, "hidden_size is missing"},
		{`"hidden_size":64`, `"hidden_size":"64"`, "wrong type"},
		{`"num_key_value_heads":2`, `"num_key_value_heads":3`, "multiple"},
		{`"vocab_size":320`, `"vocab_size":-1`, "vocab_size"},
		{`"vocab_size":320`, `"vocab_size":99999999999`, "vocab_size"},
		{`"rope_type":"default"`, `"rope_type":"longrope"`, "rope_type"},
		{`"rope_theta":500000.0`, `"rope_theta":0`, "rope_theta"},
		{`"full_attention","full_attention"`, `"full_attention","sliding_attention"`, "layer_types[1]"},
		{`"full_attention","full_attention"`, `"full_attention"`, "layer_types"},
		{`"dtype":"bfloat16"`, `"dtype":"int8"`, "dtype"},
		{`[3,4]`, `[3,400]`, "eos_token_id"},
		{`"sliding_window":null`, `"use_sliding_window":true`, "use_sliding_window"},
		{`{`, `[`, "JSON"},
	} {
		text := strings.Replace(five, c.old, c.new, 1)
		if text == five {
			t.Fatalf("%s not in the template", c.old)
		}
		if _, err := parseConfig([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s → %s: error %v", c.old, c.new, err)
		}
	}
	dir := t.TempDir()
	if _, err := ReadConfig(dir); !errors.Is(err, ErrMissing) {
		t.Errorf("no file: %v", err)
	}
	os.WriteFile(filepath.Join(dir, "config.json"), []byte(strings.Replace(five, "qwen2", "mamba", 1)), 0o644)
	if _, err := ReadConfig(dir); !errors.Is(err, ErrUnsupported) {
		t.Errorf("other model: %v", err)
	}
}

func TestEndTokens(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "config.json"), []byte(five), 0o644)
	if got, err := EndTokens(dir); err != nil || !cmp.Equal(got, []int{3, 4}) {
		t.Errorf("config: %v, %v", got, err)
	}
	path := filepath.Join(dir, "generation_config.json")
	os.WriteFile(path, []byte(`{"eos_token_id":7}`), 0o644)
	if got, err := EndTokens(dir); err != nil || !cmp.Equal(got, []int{7}) {
		t.Errorf("generation config: %v, %v", got, err)
	}
	os.WriteFile(path, []byte(`{"eos_token_id":[7,1000]}`), 0o644)
	if _, err := EndTokens(dir); !Unfit(err) {
		t.Errorf("id outside: %v", err)
	}
}

// The expected frequencies were computed by the formulas of the papers, in
// float64, at the ends of the range, where they have closed forms.
func TestRotary(t *testing.T) {
	c := testConfig()
	c.HeadDim, c.Rope.Original, c.Rope.Factor = 64, 4096, 4
	base, scale := c.Rotary()
	if base[0] != 1 || scale != 1 || math.Abs(float64(base[16])-1e-3) > 1e-9 {
		t.Errorf("default: %g, %g", base[0], base[16])
	}
	for _, kind := range []string{"linear", "llama3", "yarn"} {
		c.Rope.Type, c.Rope.LowFreq, c.Rope.HighFreq, c.Rope.BetaFast, c.Rope.BetaSlow = kind, 1, 4, 32, 1
		inv, scale := c.Rotary()
		first, last := inv[0]/base[0], inv[31]/base[31]
		if want := map[string]float32{"linear": 0.25, "llama3": 1, "yarn": 1}[kind]; first != want {
			t.Errorf("%s: fastest scaled by %g, want %g", kind, first, want)
		}
		if math.Abs(float64(last)-0.25) > 1e-6 {
			t.Errorf("%s: slowest scaled by %g, want 1/4", kind, last)
		}
		for i := 1; i < len(inv); i++ {
			if inv[i] >= inv[i-1] {
				t.Errorf("%s: frequency %d does not fall", kind, i)
			}
		}
		if want := map[string]float64{"linear": 1, "llama3": 1, "yarn": 0.1*math.Log(4) + 1}[kind]; scale != want {
			t.Errorf("%s: scale %g, want %g", kind, scale, want)
		}
	}
}

// Yarn's options, as transformers 5.23 computes them (base 10000, heads of 16,
// factor 8 over 256 positions).
func TestYarnOptions(t *testing.T) {
	for _, x := range []struct {
		name, keys string
		inv        [4]float64 // the first; the others do not differ
		scale      float64
	}{
		{"mscale", `"mscale":0.8,"mscale_all_dim":0.5`, [4]float64{1, 0.24705293774604797, 0.05625000223517418, 0.010870330035686493}, 1.0565079928608092},
		{"not truncated", `"truncate":false`, [4]float64{1, 0.2435964047908783, 0.04796507582068443, 0.005976136773824692}, 1.2079441541679836},
		{"betas", `"beta_fast":16,"beta_slow":2`, [4]float64{1, 0.2239946573972702, 0.0416666641831398, 0.0039528473280370235}, 1.2079441541679836},
	} {
		for _, form := range []string{`"rope_theta":10000,"rope_scaling":{"type":"yarn","factor":8,"original_max_position_embeddings":256,%s}`,
			`"rope_parameters":{"rope_theta":10000,"rope_type":"yarn","factor":8,"original_max_position_embeddings":256,%s}`} {
			b := fmt.Sprintf(`{"model_type":"qwen2","hidden_size":64,"num_hidden_layers":1,"num_attention_heads":4,"intermediate_size":8,"vocab_size":9,`+form+`}`, x.keys)
			c, err := parseConfig([]byte(b))
			if err != nil {
				t.Fatalf("%s: %v", x.name, err)
			}
			inv, scale := c.Rotary()
			for i, want := range x.inv {
				if math.Abs(float64(inv[i])-want) > 1e-7*want {
					t.Errorf("%s: frequency %d is %g, want %g", x.name, i, inv[i], want)
				}
			}
			if math.Abs(scale-x.scale) > 1e-12 {
				t.Errorf("%s: scale %g, want %g", x.name, scale, x.scale)
			}
		}
	}
	_, err := parseConfig([]byte(`{"model_type":"qwen2","hidden_size":64,"num_hidden_layers":1,"num_attention_heads":4,"intermediate_size":8,"vocab_size":9,
		"rope_parameters":{"rope_type":"linear","factor":2,"partial_rotary_factor":0.5}}`))
	if !errors.Is(err, ErrUnsupported) {
		t.Errorf("partial rotation: %v", err)
	}
}

// shared finds the folder of shared data, or skips.
func shared(t *testing.T) string {
	dir := os.Getenv("HARDNEG_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "golden")); err != nil {
		t.Skip("no golden checkpoints: set HARDNEG_SHARED to the folder that holds data/golden")
	}
	return dir
}

func TestGoldenFolders(t *testing.T) {
	for _, name := range []string{"case0", "case1"} {
		dir := filepath.Join(shared(t), "data", "golden", name, "policy")
		cfg, err := ReadConfig(dir)
		if err != nil {
			t.Fatal(err)
		}
		c, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		e := c.Tensor("model.embed_tokens.weight")
		if e == nil || !cmp.Equal(e.Shape, []int{cfg.Vocab, cfg.Hidden}) {
			t.Fatalf("%s: embedding %+v", name, e)
		}
		for _, n := range c.Names() {
			if err := c.Decode(n, make([]float32, c.Tensor(n).Elements())); err != nil {
				t.Error(err)
			}
		}
		c.Close()
	}
}
