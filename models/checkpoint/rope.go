package checkpoint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
)

// Rope describes rotary position embedding: the base of its frequencies and a
// published way to stretch them.
type Rope struct {
	Theta    float64 // base, 1e6 for Qwen2.5
	Type     string  // default, linear, llama3 or yarn
	Factor   float64 // how much longer than the original context, for all but default
	Original int     // original_max_position_embeddings, for llama3 and yarn

	LowFreq, HighFreq  float64 // llama3
	BetaFast, BetaSlow float64 // yarn, 32 and 1 unless given
	Attention          float64 // yarn's attention_factor, 0 = from Factor and the two below
	MScale, MScaleAll  float64 // yarn's mscale and mscale_all_dim, 0 = not given
	Ragged             bool    // yarn without truncation: its bounds stay between dimensions

	given bool // the file had a scaling block of its own
}

type fileRope struct {
	Theta     *float64 `json:"rope_theta"`
	Type      string   `json:"rope_type"`
	OldType   string   `json:"type"`
	Factor    *float64 `json:"factor"`
	Original  *int     `json:"original_max_position_embeddings"`
	Low       *float64 `json:"low_freq_factor"`
	High      *float64 `json:"high_freq_factor"`
	BetaFast  *float64 `json:"beta_fast"`
	BetaSlow  *float64 `json:"beta_slow"`
	Attention *float64 `json:"attention_factor"`
	MScale    *float64 `json:"mscale"`
	MScaleAll *float64 `json:"mscale_all_dim"`
	Truncate  *bool    `json:"truncate"`
	Partial   *float64 `json:"partial_rotary_factor"`
}

func parseRope(f fileConfig) (Rope, error) {
	r := Rope{Theta: 10000, Type: "default", BetaFast: 32, BetaSlow: 1, LowFreq: 1, HighFreq: 4, Factor: 1, Original: defaultPositions}
	setIf(&r.Theta, f.Theta)
	setIf(&r.Original, f.MaxPositions)
	for _, part := range []struct {
		key string
		raw json.RawMessage
	}{{"rope_scaling", f.Scaling}, {"rope_parameters", f.Rope}} {
		if len(part.raw) == 0 || bytes.Equal(part.raw, []byte("null")) {
			continue
		}
		var x fileRope
		if err := json.Unmarshal(part.raw, &x); err != nil {
			return r, fmt.Errorf("%s: %w", part.key, err)
		}
		if x.Type == "" {
			x.Type = x.OldType
		}
		if x.Type != "" {
			r.Type = x.Type
		}
		r.given = true
		setIf(&r.Theta, x.Theta)
		setIf(&r.Factor, x.Factor)
		setIf(&r.Original, x.Original)
		setIf(&r.LowFreq, x.Low)
		setIf(&r.HighFreq, x.High)
		setIf(&r.BetaFast, x.BetaFast)
		setIf(&r.BetaSlow, x.BetaSlow)
		setIf(&r.Attention, x.Attention)
		setIf(&r.MScale, x.MScale)
		setIf(&r.MScaleAll, x.MScaleAll)
		if x.Truncate != nil {
			r.Ragged = !*x.Truncate
		}
		if x.Partial != nil && *x.Partial != 1 {
			return r, fmt.Errorf("%s: partial_rotary_factor %g is %w: want 1", part.key, *x.Partial, ErrUnsupported)
		}
	}
	return r, nil
}

func (r *Rope) check() error {
	if !positive(r.Theta) {
		return fmt.Errorf("rope_theta is %g, want a positive number", r.Theta)
	}
	switch r.Type {
	case "", "default":
		return nil
	case "linear":
	case "llama3":
		if r.HighFreq <= r.LowFreq || r.LowFreq <= 0 {
			return fmt.Errorf("rope: low_freq_factor %g must be below high_freq_factor %g", r.LowFreq, r.HighFreq)
		}
	case "yarn":
		if r.BetaFast <= r.BetaSlow || r.BetaSlow <= 0 {
			return fmt.Errorf("rope: beta_slow %g must be below beta_fast %g", r.BetaSlow, r.BetaFast)
		}
	default:
		return fmt.Errorf("rope_type %q is %w: default, linear, llama3 or yarn", r.Type, ErrUnsupported)
	}
	if !positive(r.Factor) || r.Factor < 1 {
		return fmt.Errorf("rope factor is %g, want at least 1", r.Factor)
	}
	if r.Type != "linear" && r.Original < 1 {
		return fmt.Errorf("rope: original_max_position_embeddings is %d", r.Original)
	}
	return nil
}

// marshal writes the base where the file had it. A scaling block that was read
// is carried as it stood, because nothing here changes it.
func (r *Rope) marshal(m map[string]any) {
	if _, ok := m["rope_parameters"]; ok {
		return
	}
	m["rope_theta"] = r.Theta
	if r.given || r.Type == "" || r.Type == "default" {
		return
	}
	s := map[string]any{"rope_type": r.Type, "factor": r.Factor}
	if r.Type != "linear" {
		s["original_max_position_embeddings"] = r.Original
	}
	switch r.Type {
	case "llama3":
		s["low_freq_factor"], s["high_freq_factor"] = r.LowFreq, r.HighFreq
	case "yarn":
		s["beta_fast"], s["beta_slow"] = r.BetaFast, r.BetaSlow
		if r.Attention != 0 {
			s["attention_factor"] = r.Attention
		}
		if r.MScale != 0 && r.MScaleAll != 0 {
			s["mscale"], s["mscale_all_dim"] = r.MScale, r.MScaleAll
		}
		if r.Ragged {
			s["truncate"] = false
		}
	}
	m["rope_scaling"] = s
}

// Rotary gives the inverse frequencies, one for each pair of a head's
// dimensions, and the factor on cosines and sines (1 except for yarn). They
// are rounded to float32 where transformers rounds them: the angle of position
// p is float32(p)·inv[i] in float32.
func (c *Config) Rotary() (inv []float32, scale float64) {
	half := c.HeadDim / 2
	inv = make([]float32, half)
	for i := range inv {
		inv[i] = 1 / base(c.Rope.Theta, i, c.HeadDim)
	}
	switch c.Rope.Type {
	case "linear":
		for i := range inv {
			inv[i] /= float32(c.Rope.Factor)
		}
	case "llama3":
		c.Rope.llama3(inv)
	case "yarn":
		return inv, c.Rope.yarn(inv, c.HeadDim)
	}
	return inv, 1
}

// base is theta^(2i/dim).
func base(theta float64, i, dim int) float32 {
	e := float32(2*i) / float32(dim)
	return float32(math.Pow(float64(float32(theta)), float64(e)))
}

// llama3 leaves short wavelengths, stretches long ones by the factor, and
// blends between.
func (r *Rope) llama3(inv []float32) {
	orig := float64(r.Original)
	for i, f := range inv {
		wave := 2 * math.Pi / float64(f)
		switch {
		case wave > orig/r.LowFreq:
			inv[i] = float32(float64(f) / r.Factor)
		case wave >= orig/r.HighFreq:
			s := (orig/wave - r.LowFreq) / (r.HighFreq - r.LowFreq)
			inv[i] = float32((1-s)*float64(f)/r.Factor + s*float64(f))
		}
	}
}

// yarn blends by dimension: those that turn more than beta_fast times over the
// original context stay, those below beta_slow turns are stretched.
func (r *Rope) yarn(inv []float32, dim int) float64 {
	at := func(turns float64) float64 { // dimension pair that makes so many turns
		return float64(dim) * math.Log(float64(r.Original)/(turns*2*math.Pi)) / (2 * math.Log(r.Theta))
	}
	low, high := at(r.BetaFast), at(r.BetaSlow)
	if !r.Ragged {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(low, 0), min(high, float64(dim-1))
	if low == high {
		high += 0.001
	}
	for i, f := range inv { // in float32, as transformers has it
		keep := 1 - min(max((float32(i)-float32(low))/float32(high-low), 0), 1)
		slow := 1 / (float32(r.Factor) * base(r.Theta, i, dim))
		inv[i] = float32(slow*(1-keep)) + float32(f*keep)
	}
	if r.Attention != 0 {
		return r.Attention
	}
	if r.MScale != 0 && r.MScaleAll != 0 {
		return r.mscale(r.MScale) / r.mscale(r.MScaleAll)
	}
	return r.mscale(1)
}

func (r *Rope) mscale(m float64) float64 {
	if r.Factor <= 1 {
		return 1
	}
	return 0.1*m*math.Log(r.Factor) + 1
}
