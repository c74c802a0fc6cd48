package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hardneg/fixtures/peertest"
)

// ask runs one of testdata/peers and decodes the last line that it prints.
func ask(t *testing.T, to any, python, script string, args ...string) {
	t.Helper()
	c := exec.Command(python, append([]string{filepath.Join("testdata", "peers", script)}, args...)...)
	c.Env = append(os.Environ(), "PYTHONSAFEPATH=1", "HF_HUB_OFFLINE=1", "HF_DATASETS_CACHE="+t.TempDir(), "SCRATCH="+t.TempDir(), "TOKENIZERS_PARALLELISM=false", "CUDA_VISIBLE_DEVICES=")
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", script, err, out.String(), errs.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), to); err != nil {
		t.Fatalf("%s: %v\n%s%s", script, err, out.String(), errs.String())
	}
}

// peerRun is a real run, small: one supervised arm and two preference arms.
func peerRun(t *testing.T) (dir string, command func(args ...string) (stdout string)) {
	t.Helper()
	dir = t.TempDir()
	text := strings.NewReplacer("limit: 48", "limit: 32", "  shuffled: {weight.scores: shuffled}\n", "",
		"values: [1, 2]", "values: [1]", "  correlations: {x: [wrongness, absurdity], over: probe}\n", "", "  verifier: {labelled: [{format: oracle}]}\n", "").Replace(microSpec)
	if err := os.WriteFile(filepath.Join(dir, "micro.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	command = func(args ...string) string {
		t.Helper()
		c := hardnegProcess(t, dir, args...)
		var out, errs bytes.Buffer
		c.Stdout, c.Stderr = &out, &errs
		if err := c.Run(); err != nil {
			t.Fatalf("%v: %v\n%s%s", args, err, out.String(), errs.String())
		}
		return out.String()
	}
	command("run", "micro.yaml")
	return dir, command
}

// jsonRows reads the rows of a file.
func jsonRows(t *testing.T, path string) (rows []map[string]any) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		row := map[string]any{}
		if err := json.Unmarshal(in.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		t.Fatalf("%s has no rows", path)
	}
	return rows
}

// steps are a task's curves by tag, as its result has them.
func steps(t *testing.T, dir, task string) map[string][][2]float64 {
	t.Helper()
	out := map[string][][2]float64{}
	for _, row := range jsonRows(t, filepath.Join(dir, ".hardneg", "runs", "latest", "tasks", task, "out", "steps.jsonl")) {
		for name, v := range row {
			if name != "step" {
				out[name] = append(out[name], [2]float64{row["step"].(float64), v.(float64)})
			}
		}
	}
	return out
}

// TestTensorBoardReads: every value of every curve arrives, in float32.
func TestTensorBoardReads(t *testing.T) {
	python := peertest.Python(t, "tensorboard")
	dir, command := peerRun(t)
	command("export", "latest", "--to", "tensorboard", "--out", "tb")
	for name, task := range map[string]string{"full-s1": "train-full-s1", "sft-s1": "sft-s1"} {
		var got map[string][][2]float64
		ask(t, &got, python, "tensorboard.py", filepath.Join(dir, "tb", name))
		want := steps(t, dir, task)
		for tag, curve := range want {
			for i := range curve {
				curve[i][1] = float64(float32(curve[i][1]))
			}
			if d := cmp.Diff(curve, got[tag]); d != "" {
				t.Errorf("%s %s (-ours +TensorBoard's):\n%s", name, tag, d)
			}
		}
		if len(got) != len(want) || len(want) < 3 {
			t.Errorf("%s: %d tags, want %d", name, len(got), len(want))
		}
	}
}

// TestTRLReads: the preference file is a data set to the datasets library, and
// to TRL one with an explicit prompt that its formatting leaves as it is.
func TestTRLReads(t *testing.T) {
	python := peertest.Python(t, "datasets", "trl")
	dir, command := peerRun(t)
	command("export", "latest/full/1", "--to", "trl", "--out", "trl")
	path := filepath.Join(dir, "trl", "full-s1.jsonl")
	var got struct {
		Columns        map[string]string
		Conversational bool
		Rows           []map[string]any
		Unpaired       []any
	}
	ask(t, &got, python, "preferences.py", path)
	if want := map[string]string{"prompt": "string", "chosen": "string", "rejected": "string", "weight": "float64"}; !cmp.Equal(got.Columns, want) || got.Conversational {
		t.Errorf("columns %v, conversational %t", got.Columns, got.Conversational)
	}
	want := jsonRows(t, path)
	if d := cmp.Diff(want, got.Rows); d != "" {
		t.Errorf("-ours +TRL's\n%s", d)
	}
	if d := cmp.Diff([]any{float64(2 * len(want)), []any{"completion", "label", "prompt"}}, got.Unpaired); d != "" {
		t.Errorf("unpaired: %s", d)
	}
}

// TestTRLTrains: DPOTrainer takes the checkpoint and the pairs and trains; its
// loss begins at log 2, where policy and reference are the same.
func TestTRLTrains(t *testing.T) {
	python := peertest.Python(t, "trl", "torch", "accelerate")
	dir, command := peerRun(t)
	command("export", "latest/full/1", "--to", "trl", "--out", "trl")
	command("export", "latest/full/1", "--to", "hf", "--out", "hf")
	var loss []float64
	ask(t, &loss, python, "dpo.py", filepath.Join(dir, "hf"), filepath.Join(dir, "trl", "full-s1.jsonl"), t.TempDir())
	if len(loss) != 2 || math.Abs(loss[0]-math.Ln2) > 1e-3 || loss[1] == loss[0] || math.IsNaN(loss[1]) {
		t.Errorf("losses %v", loss)
	}
}

// TestLMEvalReads: the sample files have the names, keys and hashes of the
// evaluation harness; written by it, the same lines come out.
func TestLMEvalReads(t *testing.T) {
	python := peertest.Python(t, "lm_eval", "datasets")
	dir, command := peerRun(t)
	command("export", "latest/full/1", "--to", "lm-eval", "--out", "lm")
	files, err := filepath.Glob(filepath.Join(dir, "lm", "full-s1", "samples_arith_*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	var got struct {
		Listed, Name, Hashes, Same bool
		Task                       string
		Missing                    []string
		Rows                       int
		ExactMatch                 float64 `json:"exact_match"`
	}
	ask(t, &got, python, "lmeval.py", files[0], t.TempDir())
	if !got.Listed || !got.Name || !got.Hashes || !got.Same || got.Task != "arith" || len(got.Missing) > 0 {
		t.Errorf("%+v", got)
	}
	right := 0.0
	rows := jsonRows(t, files[0])
	for _, r := range rows {
		right += r["exact_match"].(float64)
	}
	if got.Rows != len(rows) || got.ExactMatch != right {
		t.Errorf("%d rows, %g right; ours %d, %g", got.Rows, got.ExactMatch, len(rows), right)
	}
}

// TestHubCacheRead: Hugging Face's own tools find what we downloaded.
func TestHubCacheRead(t *testing.T) {
	python := peertest.Python(t, "huggingface_hub", "transformers")
	startHub(t)
	code, out, errs := invoke("", "download", "org/tiny")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var got struct {
		Where  string
		Hidden int
		IDs    []int
	}
	ask(t, &got, python, "hub.py", "org/tiny")
	if got.Where != strings.TrimSpace(out) || got.Hidden == 0 || len(got.IDs) == 0 {
		t.Errorf("%+v, ours %s", got, out)
	}
}

// startMLflow starts a server of the test's own on a database of its own.
func startMLflow(t *testing.T, python string) (uri string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	dir := t.TempDir()
	c := exec.Command(python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port, "--workers", "1")
	c.Dir = dir
	c.Env = append(os.Environ(), "MLFLOW_DISABLE_TELEMETRY=true", "DO_NOT_TRACK=true", "MLFLOW_TRACKING_URI=", "GIT_PYTHON_REFRESH=quiet")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var log bytes.Buffer
	c.Stdout, c.Stderr = &log, &log
	c.WaitDelay = 5 * time.Second
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-c.Process.Pid, syscall.SIGKILL) // its workers too
		c.Wait()
	})
	uri = "http://127.0.0.1:" + port
	for range 600 {
		if resp, err := http.Get(uri + "/health"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return uri
			}
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Fatalf("the server does not answer\n%s", log.String())
	return ""
}

// mlflowSeen is what MLflow's client reads of a run.
type mlflowSeen struct {
	Status, ID, Parent, Commit string
	Params, Metrics            map[string]string
	Loss                       [][2]any
	Timed                      bool
	Artifacts                  []string
	Results                    string
}

// TestMLflowReads exports a run to a real server and reads it back with
// MLflow's own client: a parent and a run for each arm and seed, settings,
// curves with steps and times, accuracies, artifacts. Exported again, nothing is
// written.
func TestMLflowReads(t *testing.T) {
	python := peertest.Python(t, "mlflow", "flask", "sqlalchemy")
	dir, command := peerRun(t)
	uri := startMLflow(t, python)
	if out := command("export", "latest", "--to", "mlflow", "--tracking-uri", uri); !strings.HasPrefix(out, uri+"/#/experiments/") {
		t.Errorf("said %q", out)
	}
	var runs map[string]mlflowSeen
	ask(t, &runs, python, "mlflow.py", uri, "micro")
	link, err := os.Readlink(filepath.Join(dir, ".hardneg", "runs", "latest"))
	if err != nil {
		t.Fatal(err)
	}
	parent, full, sft := runs[link], runs["full-s1"], runs["sft-s1"]
	if len(runs) != 4 || parent.Status != "FINISHED" || full.Parent != parent.ID || sft.Parent != parent.ID || full.Status != "FINISHED" {
		t.Fatalf("%d runs: %+v", len(runs), runs)
	}
	results, err := os.ReadFile(filepath.Join(dir, ".hardneg", "runs", "latest", "results.json"))
	if err != nil || parent.Results != string(results) || !slices.Contains(parent.Artifacts, "report") || !slices.Contains(parent.Artifacts, "spec.yaml") {
		t.Errorf("artifacts %v, results.json the same: %t, %v", parent.Artifacts, parent.Results == string(results), err)
	}
	for k, want := range map[string]string{"arm": "full", "seed": "1", "train.beta": "0.1", "mine.negatives": "hard", "train.loss": "sigmoid", "sft.lr": "0.001"} {
		if full.Params[k] != want {
			t.Errorf("parameter %s is %q, want %s", k, full.Params[k], want)
		}
	}
	if sft.Params["train.beta"] != "" || len(sft.Loss) != 0 {
		t.Errorf("sft has a preference stage: %v", sft.Params)
	}
	var loss [][2]any
	for _, p := range steps(t, dir, "train-full-s1")["loss"] {
		loss = append(loss, [2]any{p[0], p[1]})
	}
	for i := range full.Loss {
		full.Loss[i][1], _ = strconv.ParseFloat(full.Loss[i][1].(string), 64)
	}
	if d := cmp.Diff(loss, full.Loss); d != "" || !full.Timed {
		t.Errorf("loss (-ours +MLflow's), timed %t\n%s", full.Timed, d)
	}
	var set struct {
		Cells []struct {
			Arm, Benchmark string
			Accuracy       float64
		}
	}
	if err := json.Unmarshal(results, &set); err != nil {
		t.Fatal(err)
	}
	for _, c := range set.Cells {
		got, err := strconv.ParseFloat(runs[c.Arm+"-s1"].Metrics["eval/"+c.Benchmark+"/accuracy"], 64)
		if err != nil || math.Abs(got-c.Accuracy) > 1e-12 {
			t.Errorf("%s on %s: %g, results.json has %g, %v", c.Arm, c.Benchmark, got, c.Accuracy, err)
		}
	}

	kept := func(want int) {
		t.Helper()
		var said struct{ Runs, Kept int }
		if err := json.Unmarshal([]byte(command("--json", "export", "latest", "--to", "mlflow", "--tracking-uri", uri)), &said); err != nil || said.Kept != want || said.Runs != 4 {
			t.Errorf("%+v, want %d kept; %v", said, want, err)
		}
	}
	kept(4)
	command("runs", "tag", "latest", "seen") // an event: the run's end moves, what it is does not
	kept(4)
	command("run", "micro.yaml", "--force", "eval", "--no-report")
	kept(4) // made again, and the same
	ask(t, &runs, python, "mlflow.py", uri, "micro")
	if len(runs) != 4 {
		t.Errorf("%d runs after exporting again", len(runs))
	}
	for _, bad := range []string{"sqlite:///mlflow.db", "./mlruns", ""} {
		if code, _, errs := invoke("", "--workspace", filepath.Join(dir, ".hardneg"), "export", "latest", "--to", "mlflow", "--tracking-uri", bad); code != ExitUsage {
			t.Errorf("%q: exit %d: %s", bad, code, errs)
		}
	}
	if code, _, errs := invoke("", "--workspace", filepath.Join(dir, ".hardneg"), "export", "latest", "--to", "mlflow", "--tracking-uri", "http://me:hunter2@127.0.0.1:1"); code != ExitEnvironment || strings.Contains(errs, "hunter2") {
		t.Errorf("nobody there: exit %d: %s", code, errs)
	}
}

// TestMLflowNumbers: values that are no numbers survive the real server.
func TestMLflowNumbers(t *testing.T) {
	python := peertest.Python(t, "mlflow", "flask", "sqlalchemy")
	uri := startMLflow(t, python)
	m, err := newMLflow(uri)
	if err != nil {
		t.Fatal(err)
	}
	id, err := m.experiment(t.Context(), "odd")
	if err != nil {
		t.Fatal(err)
	}
	r := mlflowRecord{id: "x", name: "x", digest: "d", begun: when(1), end: when(2), status: "FAILED", tags: []mlflowPair{{"hardneg.id", "x"}}}
	for i, v := range []any{0.5, "NaN", "Infinity", "-Infinity"} {
		r.metrics = append(r.metrics, mlflowMetric{"train/loss", v, when(1).UnixMilli(), int64(i)})
	}
	for i := range 250 {
		r.params = append(r.params, mlflowPair{fmt.Sprintf("p.%d", i), "v"})
	}
	for i := range 2100 {
		r.metrics = append(r.metrics, mlflowMetric{"long", float64(i), when(1).UnixMilli(), int64(i)})
	}
	if _, err := m.put(t.Context(), id, nil, r); err != nil {
		t.Fatal(err)
	}
	var runs map[string]mlflowSeen
	ask(t, &runs, python, "mlflow.py", uri, "odd")
	got := runs["x"]
	if len(got.Params) != 250 || got.Status != "FAILED" || got.Metrics["long"] != "2099.0" {
		t.Errorf("%d parameters, %s, long ends with %s", len(got.Params), got.Status, got.Metrics["long"])
	}
	t.Logf("loss: %v", got.Loss)
	if len(got.Loss) != 4 || got.Loss[0][1] != "0.5" || got.Loss[1][1] != "nan" {
		t.Errorf("loss %v", got.Loss)
	}
}

func when(s int64) time.Time { return time.Unix(1_800_000_000+s, 0) }
