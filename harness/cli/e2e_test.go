package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hardneg/experiments/plan"
	"hardneg/harness/stage"

	"github.com/rogpeppe/go-internal/testscript"
)

// e2eHardneg is the real program, real stages on the real tiny model, but for
// tasks that HARDNEG_TEST_FAIL names: those die as a killed process does.
func e2eHardneg() {
	a := &App{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, hooks: defaultHooks()}
	a.hooks.finish = a.finishRun
	a.hooks.exe = func() (string, error) { return exec.LookPath("hardneg-e2e") }
	a.hooks.slurmPoll = 200 * time.Millisecond
	a.hooks.stages = func(ctx context.Context, t plan.Task, env stage.Env) error {
		for _, id := range strings.Fields(os.Getenv("HARDNEG_TEST_FAIL")) {
			if id == t.ID {
				return errors.New("read data: input/output error")
			}
		}
		return a.runStage(ctx, t, env)
	}
	os.Exit(a.main(context.Background(), os.Args))
}

func TestRunScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/run", UpdateScripts: os.Getenv("UPDATE") == "1", Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "latin1": latin1}})
}

// latin1 writes a row whose text is not UTF-8, which a script cannot hold.
func latin1(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte("{\"prompt\":\"caf\xe9?\"}\n"), 0o644))
}

const microSpec = `spec: 1
name: micro
model: {base: fixtures/tiny, dtype: fp32, prompt: plain}
hardware: {device: cpu, threads: 1}
data:
  sft:   {source: synth/arith, limit: 48}
  pool:  {source: synth/arith, limit: 12}
  probe: {source: synth/arith, limit: 6}
stages:
  sft:    {lr: 1.0e-3, batch: 16, max_len: 256}
  sample: {n: 4, temperature: 1.0, max_new: 96}
  score:  {verifier: rules}
  mine:   {per_prompt: 1}
  train:  {lr: 1.0e-4, batch: 8, max_len: 256}
  eval:   {benchmarks: [arith, arith-hard], limit: 12, max_new: 96}
arms:
  sft:      {train: none}
  dpo:      {mine.negatives: random, weight.scores: uniform}
  full:     {}
  shuffled: {weight.scores: shuffled}
seeds: {values: [1, 2]}
analysis:
  resamples: 50
  correlations: {x: [wrongness, absurdity], over: probe}
  verifier: {labelled: [{format: oracle}]}
claims:
  c1: {text: Weighted DPO beats SFT, test: full > sft}
run: {checkpoint: 1s, jobs: 2}
`

// hardnegProcess starts the real program as a process of its own group.
func hardnegProcess(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "bin", "hardneg-e2e")
	if _, err := os.Stat(bin); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(bin), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(exe, bin); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command(bin, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "PATH="+filepath.Dir(bin)+":"+os.Getenv("PATH"))
	return c
}

// TestKilledRunResumesToTheSameBytes kills the whole program, its task
// processes with it, at random times, and starts it again until it ends.
func TestKilledRunResumesToTheSameBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the whole pipeline several times; run without -short")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "micro.yaml"), []byte(microSpec), 0o644); err != nil {
		t.Fatal(err)
	}
	whole := hardnegProcess(t, dir, "--workspace", "whole", "run", "micro.yaml")
	start := time.Now()
	if out, err := whole.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	took := time.Since(start)
	kills := 0
	rng := rand.New(rand.NewPCG(1, 2))
	for try := 0; ; try++ {
		c := hardnegProcess(t, dir, "--workspace", "broken", "run", "micro.yaml")
		var out bytes.Buffer
		c.Stdout, c.Stderr = &out, &out
		ownGroup(c)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- c.Wait() }()
		var err error
		wait := took
		if try < 6 {
			wait = time.Duration(rng.Float64() * float64(took) / 3)
		} else {
			wait *= 20
		}
		select {
		case err = <-done:
		case <-time.After(wait):
			killGroup(c)
			<-done
			kills++
			continue
		}
		if err != nil {
			t.Fatalf("after %d kills: %v\n%s", kills, err, out.String())
		}
		break
	}
	if kills == 0 {
		t.Fatal("no kill hit the run")
	}
	for _, ws := range []string{"whole", "broken"} {
		c := hardnegProcess(t, dir, "--workspace", ws, "report", "latest", "--stable", "--out", ws+"-stable")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	a, b := files(t, filepath.Join(dir, "whole-stable")), files(t, filepath.Join(dir, "broken-stable"))
	if len(a) < 10 {
		t.Errorf("only %d files in the report", len(a))
	}
	for name, x := range a {
		if b[name] != x {
			t.Errorf("%s differs after %d kills", name, kills)
		}
	}
	t.Logf("unbroken run %v, %d kills, %d files equal", took.Round(time.Millisecond), kills, len(a))
}

func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		out[rel] = fmt.Sprintf("%d bytes %x", len(b), b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
