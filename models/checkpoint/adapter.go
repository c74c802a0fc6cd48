package checkpoint

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// Adapter is a LoRA configuration in PEFT's terms: the weight of each target
// gets Alpha/Rank · B·A added.
type Adapter struct {
	Base    string   // base_model_name_or_path
	Rank    int      // r
	Alpha   float64  // lora_alpha
	Targets []string // names of linear layers: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj
}

// AdapterPrefix goes before the name of a target's module in an adapter file:
// prefix + "model.layers.0.self_attn.q_proj" + ".lora_A.weight".
const AdapterPrefix = "base_model.model."

// linear are the layers of a decoder block that can be targets.
var linear = []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}

// Check refuses an adapter that names no layer or has no rank.
func (a *Adapter) Check() error {
	if a.Rank < 1 || a.Rank > 1<<16 {
		return fmt.Errorf("r is %d, want at least 1", a.Rank)
	}
	if !positive(a.Alpha) {
		return fmt.Errorf("lora_alpha is %g, want a positive number", a.Alpha)
	}
	if len(a.Targets) == 0 {
		return fmt.Errorf("target_modules is empty")
	}
	for _, t := range a.Targets {
		if !slices.Contains(linear, t) {
			return fmt.Errorf("target_modules: %q is %w: want some of %s", t, ErrUnsupported, strings.Join(linear, ", "))
		}
	}
	return nil
}

// ReadAdapter reads an adapter folder: its configuration, and its tensors,
// which the caller compares with Expect and closes.
func ReadAdapter(dir string) (*Adapter, *Checkpoint, error) {
	path := filepath.Join(dir, "adapter_config.json")
	b, err := readSmall(path)
	if err != nil {
		return nil, nil, err
	}
	a, err := parseAdapter(b)
	if err != nil {
		return nil, nil, &Error{ErrUnsupported, path, "", err.Error(), "only plain LoRA adapters of Qwen2 are read"}
	}
	c, err := open(dir, "adapter_model.safetensors")
	if err != nil {
		return nil, nil, err
	}
	return a, c, nil
}

func parseAdapter(b []byte) (*Adapter, error) {
	var f struct {
		Type     string          `json:"peft_type"`
		Base     string          `json:"base_model_name_or_path"`
		Rank     int             `json:"r"`
		Alpha    float64         `json:"lora_alpha"`
		Targets  json.RawMessage `json:"target_modules"`
		Bias     string          `json:"bias"`
		DoRA     bool            `json:"use_dora"`
		RSLoRA   bool            `json:"use_rslora"`
		FanInOut bool            `json:"fan_in_fan_out"`
		Ranks    map[string]any  `json:"rank_pattern"`
		Alphas   map[string]any  `json:"alpha_pattern"`
		Save     []string        `json:"modules_to_save"`
	}
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("not an adapter configuration: %w", err)
	}
	for _, x := range []struct {
		bad  bool
		what string
	}{
		{f.Type != "LORA", "peft_type " + f.Type}, {f.Bias != "" && f.Bias != "none", "bias " + f.Bias},
		{f.DoRA, "use_dora"}, {f.RSLoRA, "use_rslora"}, {f.FanInOut, "fan_in_fan_out"},
		{len(f.Ranks) > 0, "rank_pattern"}, {len(f.Alphas) > 0, "alpha_pattern"}, {len(f.Save) > 0, "modules_to_save"},
	} {
		if x.bad {
			return nil, fmt.Errorf("%s is %w", x.what, ErrUnsupported)
		}
	}
	a := &Adapter{Base: f.Base, Rank: f.Rank, Alpha: f.Alpha}
	var all string
	if json.Unmarshal(f.Targets, &all) == nil && all == "all-linear" {
		a.Targets = slices.Clone(linear)
	} else if err := json.Unmarshal(f.Targets, &a.Targets); err != nil {
		return nil, fmt.Errorf("target_modules: %w: want a list of layer names or all-linear", ErrUnsupported)
	}
	return a, a.Check()
}

// WriteAdapter stores an adapter folder that PEFT loads. dir must not exist,
// or be empty. dtype is fp32 or bf16.
func WriteAdapter(dir string, a Adapter, tensors []Values, dtype string) error {
	store, err := storage(dtype)
	if err != nil {
		return err
	}
	if err := a.Check(); err != nil {
		return fmt.Errorf("adapter: %w", err)
	}
	if err := checkValues(tensors); err != nil {
		return err
	}
	targets := slices.Clone(a.Targets)
	sort.Strings(targets)
	config, err := json.MarshalIndent(map[string]any{
		"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": a.Base, "r": a.Rank,
		"lora_alpha": a.Alpha, "lora_dropout": 0.0, "target_modules": targets, "bias": "none",
		"fan_in_fan_out": false, "inference_mode": true, "init_lora_weights": true, "modules_to_save": nil,
		"use_dora": false, "use_rslora": false, "rank_pattern": map[string]any{}, "alpha_pattern": map[string]any{},
	}, "", "  ")
	if err != nil {
		return err
	}
	ts := slices.Clone(tensors)
	sort.Slice(ts, func(i, j int) bool { return ts[i].Name < ts[j].Name })
	return atomically(dir, func(tmp string) error {
		if err := writeFile(filepath.Join(tmp, "adapter_config.json"), append(config, '\n')); err != nil {
			return err
		}
		return writeSafetensors(filepath.Join(tmp, "adapter_model.safetensors"), ts, store)
	})
}
