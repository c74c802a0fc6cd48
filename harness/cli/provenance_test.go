package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"hardneg/experiments/spec"
	"hardneg/fixtures"
	"hardneg/harness/runner"
	"hardneg/harness/store"
	"hardneg/reports/result"
)

// TestProvenance: a run keeps what its numbers were made from: the resolved
// spec, which loads again to the same run; program, machine and seeds; and the
// digests of model, data and verifier, which are those of the bytes.
func TestProvenance(t *testing.T) {
	dir, _ := peerRun(t)
	run := filepath.Join(dir, ".hardneg", "runs", "latest")
	read := func(to any, path ...string) {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(append([]string{run}, path...)...))
		if err == nil {
			err = json.Unmarshal(b, to)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	name, err := os.Readlink(run)
	if err != nil {
		t.Fatal(err)
	}
	a := &App{Workspace: filepath.Join(dir, ".hardneg"), hooks: defaultHooks()}
	again, err := a.prepareSpec(filepath.Join(dir, "micro.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(run, "spec.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	kept, err := spec.Kept(b)
	if err != nil {
		t.Fatal(err)
	}
	if again.Plan.Run != name || kept.Hash() != again.Spec.Hash() {
		t.Errorf("run %s is kept with a spec of hash %s, planned again %s", name, kept.Hash(), again.Plan.Run)
	}

	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err = os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	binary := hex.EncodeToString(sum[:])
	var env facts
	read(&env, "env.json")
	if env.Binary != binary || env.Host == "" || env.Kernel == "" || env.CPU == "" || env.Cores == 0 || env.MemoryMiB == 0 || env.Go == "" {
		t.Errorf("env.json: %+v", env)
	}
	var rec runner.Record
	read(&rec, "tasks", "train-full-s1", "task.json")
	if last := rec.Last(); last.Binary != binary || last.Machine == "" || last.Host == "" || last.Executor != "local" || last.Commit != env.Commit {
		t.Errorf("the attempt of a task: %+v", last)
	}

	var set result.Set
	read(&set, "results.json")
	p := set.Prov
	if len(set.Seeds) != 1 || set.Seeds[0] != 1 || p.SpecHash != again.Spec.Hash() || p.PreHash == "" || p.Commit != env.Commit || p.DeviceClass != "cpu" || p.DType != "fp32" || len(set.Spec) == 0 {
		t.Errorf("results.json: %+v, seeds %v", p, set.Seeds)
	}
	tiny := filepath.Join(t.TempDir(), "tiny")
	if err := fixtures.Extract(tiny); err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	model, err := st.NewDigester().Digest(tiny, "config.json", "*.safetensors")
	if err != nil || p.Model.Digest != model {
		t.Errorf("model %s, its bytes have %s, %v", p.Model.Digest, model, err)
	}
	digest := regexp.MustCompile(`^[0-9a-f]{64}$`)
	if len(p.Data) < 4 {
		t.Errorf("%d data sets", len(p.Data))
	}
	for _, d := range p.Data {
		got, err := st.DigestOf(filepath.Join(run, "tasks", d.Name, "out"))
		if err != nil || got != d.Digest || d.Rows == 0 {
			t.Errorf("%s: digest %s, its bytes have %s, %d rows, %v", d.Name, d.Digest, got, d.Rows, err)
		}
	}
	if p.Verifier.Name == "" || p.Verifier.Digest != "" && !digest.MatchString(p.Verifier.Digest) {
		t.Errorf("verifier %+v", p.Verifier)
	}
}
