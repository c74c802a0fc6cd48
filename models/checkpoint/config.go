package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
)

// Config is a Qwen2 configuration: the shape of the network, and all keys of
// config.json as they were read.
type Config struct {
	Hidden       int     // width of the residual stream
	Layers       int     // decoder layers
	Heads        int     // query heads
	KVHeads      int     // key and value heads; divides Heads
	HeadDim      int     // width of a head; Hidden/Heads unless the file says otherwise
	FFN          int     // width of the gated MLP
	Vocab        int     // rows of the embedding, padding rows included
	MaxPositions int     // longest sequence that the model was made for
	Eps          float64 // added to the mean square in RMSNorm
	Tied         bool    // the output matrix is the embedding
	DType        string  // declared type of the weights: float32, bfloat16 or float16
	BOS          int     // begin of sequence, -1 if none
	EOS          []int   // ends of sequence, maybe none
	Rope         Rope    // rotary position embedding

	raw map[string]json.RawMessage // every key of the file, known or not
}

// fileConfig is the part of config.json that we understand, in the published
// form (rope_theta, rope_scaling, torch_dtype) and in that of transformers 5
// (rope_parameters, dtype).
type fileConfig struct {
	ModelType    string          `json:"model_type"`
	HiddenAct    string          `json:"hidden_act"`
	Hidden       *int            `json:"hidden_size"`
	Layers       *int            `json:"num_hidden_layers"`
	Heads        *int            `json:"num_attention_heads"`
	KVHeads      *int            `json:"num_key_value_heads"`
	HeadDim      *int            `json:"head_dim"`
	FFN          *int            `json:"intermediate_size"`
	Vocab        *int            `json:"vocab_size"`
	MaxPositions *int            `json:"max_position_embeddings"`
	Eps          *float64        `json:"rms_norm_eps"`
	Tied         *bool           `json:"tie_word_embeddings"`
	TorchDType   string          `json:"torch_dtype"`
	DType        string          `json:"dtype"`
	BOS          *int            `json:"bos_token_id"`
	EOS          json.RawMessage `json:"eos_token_id"`
	Theta        *float64        `json:"rope_theta"`
	Scaling      json.RawMessage `json:"rope_scaling"`
	Rope         json.RawMessage `json:"rope_parameters"`
	Sliding      bool            `json:"use_sliding_window"`
	LayerTypes   []string        `json:"layer_types"`
}

// defaultPositions is transformers' max_position_embeddings where a file has none.
const defaultPositions = 32768

// ReadConfig reads and checks dir/config.json.
func ReadConfig(dir string) (*Config, error) {
	path := filepath.Join(dir, "config.json")
	b, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	c, err := parseConfig(b)
	if err != nil {
		kind, remedy := ErrInvalid, "compare it with the config.json published with the model"
		if errors.Is(err, ErrUnsupported) {
			kind, remedy = ErrUnsupported, otherModel
		}
		return nil, &Error{kind, path, "", err.Error(), remedy}
	}
	return c, nil
}

// maxSmall bounds the JSON files that are read whole, tokenizers included.
const maxSmall = 256 << 20

func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &Error{ErrMissing, path, "", "no such file", "give a folder in the Hugging Face layout"}
	case err != nil:
		return nil, &Error{ErrInvalid, path, "", err.Error(), "check the path and its permissions"}
	case info.IsDir():
		return nil, invalid(path, "", "is a folder")
	case info.Size() > maxSmall:
		return nil, invalid(path, "", "has %d bytes, more than any such file", info.Size())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, &Error{ErrInvalid, path, "", err.Error(), "check its permissions"}
	}
	return b, nil
}

func parseConfig(b []byte) (*Config, error) {
	var f fileConfig
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("wrong type: %w", err)
	}
	if err := f.supported(); err != nil {
		return nil, err
	}
	c := &Config{Tied: f.Tied != nil && *f.Tied, BOS: -1, Eps: 1e-6, MaxPositions: defaultPositions, raw: raw}
	for _, x := range []struct {
		key      string
		from, to *int
	}{
		{"hidden_size", f.Hidden, &c.Hidden}, {"num_hidden_layers", f.Layers, &c.Layers},
		{"num_attention_heads", f.Heads, &c.Heads}, {"intermediate_size", f.FFN, &c.FFN},
		{"vocab_size", f.Vocab, &c.Vocab},
	} {
		if x.from == nil {
			return nil, fmt.Errorf("key %s is missing", x.key)
		}
		*x.to = *x.from
	}
	c.KVHeads = c.Heads
	setIf(&c.KVHeads, f.KVHeads)
	setIf(&c.MaxPositions, f.MaxPositions)
	setIf(&c.Eps, f.Eps)
	setIf(&c.BOS, f.BOS)
	if f.HeadDim != nil {
		c.HeadDim = *f.HeadDim
	} else if c.Heads > 0 {
		c.HeadDim = c.Hidden / c.Heads
	}
	c.DType = f.DType
	if c.DType == "" {
		c.DType = f.TorchDType
	}
	if c.DType == "" {
		c.DType = "float32"
	}
	var err error
	if c.EOS, err = tokenIDs(f.EOS); err != nil {
		return nil, fmt.Errorf("eos_token_id: %w", err)
	}
	if c.Rope, err = parseRope(f); err != nil {
		return nil, err
	}
	return c, c.Check()
}

func setIf[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// supported refuses what would change the arithmetic.
func (f *fileConfig) supported() error {
	if f.ModelType != "qwen2" {
		return fmt.Errorf("model_type %q is %w: only qwen2", f.ModelType, ErrUnsupported)
	}
	if f.HiddenAct != "" && f.HiddenAct != "silu" {
		return fmt.Errorf("hidden_act %q is %w: only silu", f.HiddenAct, ErrUnsupported)
	}
	if f.Sliding {
		return fmt.Errorf("use_sliding_window is %w: every layer attends to all earlier tokens", ErrUnsupported)
	}
	for i, t := range f.LayerTypes {
		if t != "full_attention" {
			return fmt.Errorf("layer_types[%d] %q is %w: only full_attention", i, t, ErrUnsupported)
		}
	}
	if f.Layers != nil && f.LayerTypes != nil && len(f.LayerTypes) != *f.Layers {
		return fmt.Errorf("layer_types has %d entries for %d layers", len(f.LayerTypes), *f.Layers)
	}
	return nil
}

// tokenIDs reads an id, a list of ids, or null.
func tokenIDs(raw json.RawMessage) ([]int, error) {
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return nil, nil
	}
	var one int
	if json.Unmarshal(raw, &one) == nil {
		return []int{one}, nil
	}
	var many []int
	err := json.Unmarshal(raw, &many)
	return many, err
}

// Check verifies that the numbers describe a network: all positive and below
// bounds that keep every size product inside an int64, heads divisible.
func (c *Config) Check() error {
	for _, x := range []struct {
		key string
		v   int
		max int
	}{
		{"hidden_size", c.Hidden, 1 << 20}, {"num_hidden_layers", c.Layers, 1 << 12},
		{"num_attention_heads", c.Heads, 1 << 12}, {"num_key_value_heads", c.KVHeads, 1 << 12},
		{"head_dim", c.HeadDim, 1 << 12}, {"intermediate_size", c.FFN, 1 << 22},
		{"vocab_size", c.Vocab, 1 << 24}, {"max_position_embeddings", c.MaxPositions, 1 << 30},
	} {
		if x.v < 1 || x.v > x.max {
			return fmt.Errorf("%s is %d, want 1 to %d", x.key, x.v, x.max)
		}
	}
	if c.Heads%c.KVHeads != 0 {
		return fmt.Errorf("num_attention_heads %d is no multiple of num_key_value_heads %d", c.Heads, c.KVHeads)
	}
	if c.HeadDim%2 != 0 {
		return fmt.Errorf("head_dim %d is odd: rotary embedding needs pairs", c.HeadDim)
	}
	if _, own := c.raw["head_dim"]; c.raw != nil && !own && c.HeadDim*c.Heads != c.Hidden {
		return fmt.Errorf("hidden_size %d is no multiple of num_attention_heads %d", c.Hidden, c.Heads)
	}
	if !(c.Eps > 0 && c.Eps < 1) {
		return fmt.Errorf("rms_norm_eps is %g, want a small positive number", c.Eps)
	}
	if !slices.Contains([]string{"float32", "bfloat16", "float16"}, c.DType) {
		return fmt.Errorf("dtype %q is %w: float32, bfloat16 or float16", c.DType, ErrUnsupported)
	}
	for _, id := range c.EOS {
		if id < 0 || id >= c.Vocab {
			return fmt.Errorf("eos_token_id %d is outside the vocabulary of %d", id, c.Vocab)
		}
	}
	return c.Rope.check()
}

// Marshal renders config.json: the keys that were read, with the known ones
// replaced by the fields. A config made from scratch gets the published form.
func (c *Config) Marshal() ([]byte, error) {
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	m := map[string]any{}
	if c.raw == nil {
		m = map[string]any{
			"architectures": []string{"Qwen2ForCausalLM"}, "attention_dropout": 0.0, "hidden_act": "silu",
			"initializer_range": 0.02, "max_window_layers": c.Layers, "model_type": "qwen2",
			"sliding_window": c.MaxPositions, "use_cache": true, "use_sliding_window": false,
		}
	}
	for k, v := range c.raw {
		m[k] = v
	}
	for k, v := range map[string]any{
		"hidden_size": c.Hidden, "num_hidden_layers": c.Layers, "num_attention_heads": c.Heads,
		"num_key_value_heads": c.KVHeads, "intermediate_size": c.FFN, "vocab_size": c.Vocab,
		"max_position_embeddings": c.MaxPositions, "rms_norm_eps": c.Eps, "tie_word_embeddings": c.Tied,
	} {
		m[k] = v
	}
	if c.HeadDim*c.Heads != c.Hidden {
		m["head_dim"] = c.HeadDim
	}
	if _, ok := m["dtype"]; ok {
		m["dtype"] = c.DType
		delete(m, "torch_dtype")
	} else {
		m["torch_dtype"] = c.DType
	}
	c.markTokens(m)
	c.Rope.marshal(m)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(m); err != nil { // maps are written in key order
		return nil, fmt.Errorf("config: %w", err)
	}
	return b.Bytes(), nil
}

func (c *Config) markTokens(m map[string]any) {
	if c.BOS >= 0 {
		m["bos_token_id"] = c.BOS
	}
	switch len(c.EOS) {
	case 0:
	case 1:
		m["eos_token_id"] = c.EOS[0]
	default:
		m["eos_token_id"] = c.EOS
	}
}

// Clone copies c, so that fields can be changed without touching the original.
func (c *Config) Clone() *Config {
	d := *c
	d.EOS = slices.Clone(c.EOS)
	d.raw = make(map[string]json.RawMessage, len(c.raw))
	for k, v := range c.raw {
		d.raw[k] = v
	}
	if c.raw == nil {
		d.raw = nil
	}
	return &d
}

// Keys lists the keys of the file that was read, sorted.
func (c *Config) Keys() []string {
	var s []string
	for k := range c.raw {
		s = append(s, k)
	}
	sort.Strings(s)
	return s
}

// EndTokens are the ids that end a text: those of generation_config.json where
// the folder has one, else those of config.json.
func EndTokens(dir string) ([]int, error) {
	c, err := ReadConfig(dir)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "generation_config.json")
	b, err := readSmall(path)
	if errors.Is(err, ErrMissing) {
		return c.EOS, nil
	}
	if err != nil {
		return nil, err
	}
	var g struct {
		EOS json.RawMessage `json:"eos_token_id"`
	}
	if err := json.Unmarshal(b, &g); err != nil {
		return nil, invalid(path, "", "not a JSON object: %v", err)
	}
	ids, err := tokenIDs(g.EOS)
	if err != nil {
		return nil, invalid(path, "", "eos_token_id: %v", err)
	}
	for _, id := range ids {
		if id < 0 || id >= c.Vocab {
			return nil, invalid(path, "", "eos_token_id %d is outside the vocabulary of %d", id, c.Vocab)
		}
	}
	if ids == nil {
		return c.EOS, nil
	}
	return ids, nil
}

func positive(x float64) bool { return x > 0 && !math.IsInf(x, 1) }
