package spec

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"

	"hardneg/fixtures/seed"
)

// Hash is the digest of the resolved spec without run and outputs: 64 hex digits.
func (s *Spec) Hash() string {
	b, err := json.Marshal(s)
	if err != nil {
		panic("spec: a resolved spec does not marshal")
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(b, &m); err != nil {
		panic("spec: a resolved spec does not unmarshal")
	}
	delete(m, "run")
	delete(m, "outputs")
	b, err = json.Marshal(m) // keys sorted; sections in the order of their structs
	if err != nil {
		panic("spec: a resolved spec does not marshal")
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// RunName is <name>-<8 hex digits of Hash>.
func (s *Spec) RunName() string { return s.Name + "-" + s.Hash()[:8] }

// OnDevice settles what hardware.device: auto leaves open, for a device class:
// cpu, or cuda:<name of the GPU>. The spec itself is not changed.
func (s *Spec) OnDevice(class string) *Spec {
	c := *s
	c.class = class
	if c.Hardware.Device == "auto" {
		c.derived = maps.Clone(s.derived)
		if c.derived == nil {
			c.derived = map[string]string{}
		}
		c.derived["hardware.device"] = "auto, on this machine"
		c.Hardware.Device = "cpu"
		if class != "cpu" {
			c.Hardware.Device = "cuda"
		}
	}
	if _, ok := s.Origin("hardware.gpus"); !ok && c.Hardware.Device == "cuda" {
		c.Hardware.GPUs = 1
	}
	c.Model.Dtype = dtype(c.Model.Dtype, c.Hardware.Device)
	return &c
}

// Class is the device class of the tasks that compute.
func (s *Spec) Class() string {
	if s.class != "" {
		return s.class
	}
	if s.Hardware.Device == "cuda" {
		return "cuda"
	}
	return "cpu"
}

// OnNight gives a spec with seeds.fresh the seeds of one night: that many
// derived from the date (2026-11-22), then the sentinel. A spec with values of
// its own is returned as it is.
func (s *Spec) OnNight(date string) *Spec {
	c := *s
	if s.Seeds.Fresh == 0 {
		return &c
	}
	key := seed.Derive(uint64(s.Seeds.Root), "night", date)
	used := map[int]bool{s.Seeds.Sentinel: true}
	c.Seeds.Values = nil
	for i := uint64(0); len(c.Seeds.Values) < s.Seeds.Fresh; i++ {
		if v := 1_000_000 + key.Index(i, 999_000_000); !used[v] {
			used[v] = true
			c.Seeds.Values = append(c.Seeds.Values, v)
		}
	}
	if _, ok := s.Origin("seeds.sentinel"); ok {
		c.Seeds.Values = append(c.Seeds.Values, s.Seeds.Sentinel)
	}
	return &c
}
