package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"hardneg/experiments/plan"
	"hardneg/experiments/spec"
)

// TestMemoryEstimate compares the plan's estimate of a training with what the
// bench of the same work really holds, in a process of its own.
func TestMemoryEstimate(t *testing.T) {
	dir := t.TempDir()
	c := hardnegProcess(t, dir, "bench", "train", "--model", "small", "--loss", "sft", "--steps", "2", "--warmup", "1", "--json")
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var got struct {
		Peak float64 `json:"peak_rss_mib"`
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	params, err := json.Marshal(plan.SFTParams{SFT: spec.SFT{Optim: spec.Optim{MaxLen: 128, Batch: 16, Epochs: 1, OptState: "fp32"}}, Compute: plan.Compute{Dtype: "fp32"}})
	if err != nil {
		t.Fatal(err)
	}
	p := plan.Plan{Tasks: []plan.Task{{ID: "sft", Stage: "sft", Params: params}}}
	need := p.Estimate(spec.Shape{Hidden: 512, Layers: 8, Heads: 8, KVHeads: 2, FFN: 2048, Vocab: 8192, Tie: true})[0].Memory / (1 << 20)
	t.Logf("estimated %.0f MiB, resident %.0f MiB", need, got.Peak)
	if need > 1.1*got.Peak || got.Peak > 1.4*need { // the program itself and its garbage take some 100 MiB
		t.Errorf("estimated %.0f MiB, resident %.0f MiB", need, got.Peak)
	}
}

func TestGPUMemory(t *testing.T) {
	if got := gpuMemory("NVIDIA H100 80GB HBM3, 550.54, 81559 MiB"); got != 81559<<20 {
		t.Errorf("%g", got)
	}
	if got := gpuMemory("[Unknown Error]"); got != 0 {
		t.Errorf("%g", got)
	}
}

// TestPlanJSON: what the text says is in the document too.
func TestPlanJSON(t *testing.T) {
	code, out, errs := invoke("", "--workspace", t.TempDir(), "--json", "plan", "smoke")
	if code != 0 {
		t.Fatal(errs)
	}
	var got planned
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Total.Tokens == 0 || got.Total.FLOPs == 0 || got.Total.Disk == 0 || got.Total.Memory == 0 || got.Seconds == 0 || !strings.Contains(strings.Join(got.Notes, "\n"), "assumed") {
		t.Errorf("%+v %g s\n%v", got.Total, got.Seconds, got.Notes)
	}
}
