package cli

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hardneg/experiments/plan"
	"hardneg/harness/runner"
	"hardneg/harness/store"
	"hardneg/harness/track"
	"hardneg/models/checkpoint"
	"hardneg/models/qwen2"
	"hardneg/reports/result"
)

// exportRun puts a finished run of two arms and one seed into a workspace.
func exportRun(t *testing.T, model string) (workspace string) {
	t.Helper()
	workspace = t.TempDir()
	st, err := store.Open(workspace)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := track.OpenFolder(workspace, "made-1")
	if err != nil {
		t.Fatal(err)
	}
	none := json.RawMessage(`{}`)
	p := plan.Plan{Run: "made-1", Tasks: []plan.Task{
		{ID: "data-eval-sums", Stage: "data", Arms: []string{"sft", "full"}, Params: none},
		{ID: "sft-s1", Stage: "sft", Arms: []string{"sft", "full"}, Seed: 1, Varies: true, Params: none},
		{ID: "weight-full-s1", Stage: "weight", Arms: []string{"full"}, Seed: 1, Varies: true, Params: none},
		{ID: "train-full-s1", Stage: "train", Arms: []string{"full"}, Seed: 1, Varies: true, Params: none},
		{ID: "eval-full-s1", Stage: "eval", Arms: []string{"full"}, Seed: 1, Varies: true, Params: json.RawMessage(`{"prompt":"plain"}`),
			Inputs: []plan.Input{{Name: "data.sums", Task: "data-eval-sums"}, {Name: "model", Task: "train-full-s1"}}},
	}}
	steps := `{"step":1,"loss":0.5,"grad_norm":2}` + "\n" + `{"step":2,"loss":0.25,"grad_norm":1}` + "\n"
	contents := map[string]map[string]string{
		"data-eval-sums": {"problems.jsonl": `{"id":"a","source":"x","question":"1<2?","answer":"1"}` + "\n" + `{"id":"b","source":"x","question":"2+2?","answer":"4"}` + "\n"},
		"sft-s1":         {"steps.jsonl": steps},
		"weight-full-s1": {"pairs.jsonl": `{"id":"1","prompt_id":"a","prompt":"1<2?","chosen":"#### 1","rejected":"#### 2","weight":1.5,"wrongness_chosen":0,"wrongness_rejected":1,"absurdity":0,"closeness":1,"hard_score":1}` + "\n"},
		"train-full-s1":  {"steps.jsonl": steps},
		"eval-full-s1": {"items.jsonl": `{"benchmark":"sums","id":"b","k":0,"response":"4","strict":{"answer":"","found":false,"right":false},"flexible":{"answer":"4","found":true,"right":true},"finish":"stop","tokens":1}` + "\n" +
			`{"benchmark":"sums","id":"a","k":0,"response":"#### 2","strict":{"answer":"2","found":true,"right":false},"flexible":{"answer":"2","found":true,"right":false},"finish":"stop","tokens":1}` + "\n"},
	}
	if err := folder.PutJSON("plan.json", p); err != nil {
		t.Fatal(err)
	}
	for i, task := range p.Tasks {
		key := strings.Repeat(string(rune('a'+i)), 64)
		lock, err := st.Lock(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		e, err := st.Begin(lock)
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range contents[task.ID] {
			if err := os.WriteFile(filepath.Join(e.Dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if task.Stage == "train" {
			if err := os.CopyFS(filepath.Join(e.Dir, "model"), os.DirFS(model)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := e.Commit(func(files []store.File, digest string) []byte {
			end := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			b, err := json.Marshal(runner.Record{Schema: 1, Key: key, Task: task, Outputs: files, Digest: digest,
				Attempts: []runner.Attempt{{Start: end.Add(-time.Second), End: end, WallS: 1, Class: runner.OK}}})
			if err != nil {
				t.Fatal(err)
			}
			return b
		}); err != nil {
			t.Fatal(err)
		}
		if err := lock.Release(); err != nil {
			t.Fatal(err)
		}
		if err := folder.Link(task.ID, st.Paths(key).Root); err != nil {
			t.Fatal(err)
		}
	}
	return workspace
}

func TestExport(t *testing.T) {
	model := tinyModel(t)
	w, dir := exportRun(t, model), t.TempDir()
	export := func(name, to, out string, more ...string) (int, string) {
		code, _, errs := invoke("", append([]string{"--workspace", w, "export", name, "--to", to, "--out", filepath.Join(dir, out)}, more...)...)
		return code, errs
	}
	read := func(path string) []byte {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, to := range []string{"trl", "lm-eval", "tensorboard", "hf"} {
		if code, errs := export("made-1/full/1", to, to, "--dtype", "bf16"); code != 0 {
			t.Fatalf("%s: exit %d: %s", to, code, errs)
		}
	}
	if code, errs := export("made-1", "zip", "zip"); code != 0 {
		t.Fatalf("zip: exit %d: %s", code, errs)
	}
	if got, want := string(read("trl/full-s1.jsonl")), `{"prompt":"1<2?","chosen":"#### 1","rejected":"#### 2","weight":1.5}`+"\n"; got != want {
		t.Errorf("trl: %s", got)
	}
	s, err := result.ReadLMEval(bytes.NewReader(read("lm-eval/full-s1/samples_sums_2026-01-02T03-04-05.000000.jsonl")), "", "")
	if err != nil || s.Filter != "flexible-extract" || !cmp.Equal(s.Score, []float64{1, 0}) {
		t.Errorf("lm-eval: %+v %v", s, err)
	}
	if s, err = result.ReadLMEval(bytes.NewReader(read("lm-eval/full-s1/samples_sums_2026-01-02T03-04-05.000000.jsonl")), "exact_match", "strict-match"); err != nil || !cmp.Equal(s.Score, []float64{0, 0}) {
		t.Errorf("lm-eval, strict: %+v %v", s, err)
	}
	want, err := qwen2.Load(model)
	if err != nil {
		t.Fatal(err)
	}
	got, err := qwen2.Load(filepath.Join(dir, "hf"))
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range want.Flat {
		if got.Flat[i] != checkpoint.FromBF16(checkpoint.ToBF16(v)) {
			t.Fatalf("weight %d is %g, was %g", i, got.Flat[i], v)
		}
	}
	read("hf/tokenizer.json")
	checkZip(t, filepath.Join(dir, "zip", "made-1.zip"))
	scalars := events(t, read("tensorboard/full-s1/events.out.tfevents.0000000000.hardneg"))
	if want := []string{"1 grad_norm 2", "1 loss 0.5", "2 grad_norm 1", "2 loss 0.25"}; !cmp.Equal(scalars, want) {
		t.Error(cmp.Diff(want, scalars))
	}
}

func checkZip(t *testing.T, path string) {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	names := map[string]bool{}
	for _, f := range z.File {
		names[f.Name] = true
	}
	for _, n := range []string{"made-1/plan.json", "made-1/tasks/weight-full-s1/out/pairs.jsonl", "made-1/tasks/train-full-s1/out/model/model.safetensors"} {
		if !names[n] {
			t.Errorf("the zip lacks %s", n)
		}
	}
}

func TestExportRefusals(t *testing.T) {
	w, dir := exportRun(t, tinyModel(t)), t.TempDir()
	full := filepath.Join(dir, "full")
	if err := os.MkdirAll(full, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(full, "mine"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		text string
	}{
		{[]string{"none", "--to", "hf"}, ExitEnvironment, "none"},
		{[]string{"made-1/best", "--to", "hf"}, ExitUsage, `no arm "best"; it has sft, full`},
		{[]string{"made-1/full/9", "--to", "hf"}, ExitUsage, "no seed 9"},
		{[]string{"made-1/full/x", "--to", "hf"}, ExitUsage, `seed "x"`},
		{[]string{"made-1/sft/1", "--to", "trl"}, ExitUsage, "no task of stage weight"},
		{[]string{"made-1", "--to", "hfs"}, ExitUsage, `"hfs" is unknown`},
		{[]string{"made-1", "--to", "trl", "--out", full}, ExitUsage, "--force"},
		{[]string{"made-1", "--to", "trl", "--out", w, "--force"}, ExitUsage, "holds the current folder or the workspace"},
	} {
		code, _, errs := invoke("", append([]string{"--workspace", w, "export", "--out", filepath.Join(dir, "new")}, c.args...)...)
		if code != c.code || !strings.Contains(errs, c.text) {
			t.Errorf("%v: exit %d: %s", c.args, code, errs)
		}
	}
	if code, _, errs := invoke("", "--workspace", w, "export", "made-1", "--to", "trl", "--out", full, "--force"); code != 0 {
		t.Errorf("--force: exit %d: %s", code, errs)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left over: %v %v", left, err)
	}
}

// events reads an event file back: the format's own checks, then the scalars.
func events(t *testing.T, b []byte) (out []string) {
	t.Helper()
	for n := 0; len(b) > 0; n++ {
		size := binary.LittleEndian.Uint64(b)
		message := b[12 : 12+size]
		if binary.LittleEndian.Uint32(b[8:]) != masked(b[:8]) || binary.LittleEndian.Uint32(b[12+size:]) != masked(message) {
			t.Fatalf("record %d: checksum", n)
		}
		b = b[16+size:]
		step := uint64(0)
		fields(message, func(field int, v uint64, body []byte) {
			switch {
			case field == 2:
				step = v
			case field == 3 && (n != 0 || string(body) != "brain.Event:2"):
				t.Errorf("record %d: version %q", n, body)
			case field == 5:
				fields(body, func(_ int, _ uint64, value []byte) { out = append(out, scalarText(step, value)) })
			}
		})
	}
	return out
}
