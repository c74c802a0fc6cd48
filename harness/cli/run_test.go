package cli

import (
	"strings"
	"testing"

	"hardneg/experiments/spec"
)

// TestEnoughMemory: the smallest GPU in use decides; a cluster's are not ours.
func TestEnoughMemory(t *testing.T) {
	cards := []string{"NVIDIA H100 80GB HBM3, 550.54, 81559 MiB", "NVIDIA A10G, 550.54, 23028 MiB"}
	for name, c := range map[string]struct {
		device, executor string
		gigabytes        float64
		gpus, cards      []string
		want             string // "" = enough
	}{
		"none asked":      {device: "cpu"},
		"cpu":             {device: "cpu", gigabytes: 9, want: "this machine has 8.0 GB"},
		"cpu enough":      {device: "cpu", gigabytes: 8},
		"smallest card":   {device: "cuda", gigabytes: 70, cards: cards, want: "GPU 1 has 24.1 GB"},
		"chosen card":     {device: "cuda", gigabytes: 70, cards: cards, gpus: []string{"0"}},
		"too much anyway": {device: "cuda", gigabytes: 90, cards: cards, gpus: []string{"0"}, want: "GPU 0 has 85.5 GB"},
		"nobody knows":    {device: "cuda", gigabytes: 70},
		"cluster":         {device: "cuda", executor: "slurm", gigabytes: 70, cards: cards},
	} {
		s := &spec.Spec{}
		s.Hardware.Device, s.Hardware.MinMemGB, s.Run.Executor = c.device, c.gigabytes, c.executor
		err := enough(&prepared{Spec: s}, runFlags{gpus: c.gpus}, 8e9, c.cards)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
