package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hardneg/experiments/plan"
	"hardneg/experiments/spec"
	"hardneg/harness/stage"
	"hardneg/reports/trend"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be a hardneg whose stages are fake: they sleep,
// hash their inputs, checkpoint each step and fail where a plan says so.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"hardneg": fakeHardneg,
		"hardneg-real": func() {
			os.Exit(Main(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr))
		},
		"hardneg-e2e": e2eHardneg,
		"flip":        flip, "pause": pause, "nights": nights,
	})
}

func fakeHardneg() {
	a := &App{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	a.hooks = hooks{
		stages: fakeStage, prepare: fakePrepare, device: func(string) (string, error) { return "cpu", nil }, slurmPoll: 200 * time.Millisecond,
		exe: func() (string, error) { return exec.LookPath("hardneg") },
	}
	os.Exit(a.main(context.Background(), os.Args))
}

// flip changes byte N (from the end when negative) of files.
func flip() {
	n, _ := strconv.Atoi(os.Args[1])
	for _, path := range os.Args[2:] {
		b, err := os.ReadFile(path)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		at := n
		if at < 0 {
			at += len(b)
		}
		b[at] ^= 1
		os.Chmod(path, 0o644)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// pause waits until a file matching the pattern exists (10 s at most).
func pause() {
	for range 1000 {
		if m, _ := filepath.Glob(os.Args[1]); len(m) > 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Fprintln(os.Stderr, "no", os.Args[1])
	os.Exit(1)
}

// nights puts N nights before the last one of a history: like it but for a
// metric, which had VALUE: nights FILE N METRIC VALUE.
func nights() {
	check := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	b, err := os.ReadFile(os.Args[1])
	check(err)
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	var last trend.Entry
	check(json.Unmarshal([]byte(lines[len(lines)-1]), &last))
	n, err := strconv.Atoi(os.Args[2])
	check(err)
	value, err := strconv.ParseFloat(os.Args[4], 64)
	check(err)
	date, err := time.Parse(time.DateOnly, last.Date)
	check(err)
	var out bytes.Buffer
	for i := n; i >= 0; i-- {
		e := last
		if i > 0 {
			e.Date, e.Run, e.Values = date.AddDate(0, 0, -i).Format(time.DateOnly), fmt.Sprintf("%s-%d", last.Run, i), map[string]*float64{}
			for name, v := range last.Values {
				if v == nil {
					continue
				}
				x := *v
				if name == os.Args[3] {
					x = value
				}
				x *= 1 + 0.001*float64(i%5)
				e.Values[name] = &x
			}
		}
		check(json.NewEncoder(&out).Encode(e))
	}
	check(os.WriteFile(os.Args[1], out.Bytes(), 0o666))
}

// fakePrepare reads a plan in lines: `run NAME`, `jobs N`, `retries N`,
// `timeout D`, `task ID STAGE PARAMS INPUT…`, `device TASK CLASS`, `file TASK NAME PATH`.
func fakePrepare(path string, sets []string) (*prepared, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, usagef("%w", err)
	}
	p := &prepared{Spec: &spec.Spec{}}
	p.Spec.Run.Timeout = map[string]spec.Duration{}
	text := string(b)
	for _, s := range sets {
		k, v, _ := strings.Cut(s, "=")
		text = strings.ReplaceAll(text, k, v)
	}
	p.Resolved, _ = json.Marshal(strings.Split(text, "\n"))
	for n, line := range strings.Split(text, "\n") {
		f := strings.Fields(line)
		switch {
		case len(f) == 0:
		case f[0] == "run":
			p.Plan.Run = f[1]
		case f[0] == "broken":
			return nil, errors.New("the plan and its tasks disagree")
		case f[0] == "panic":
			panic("index out of range")
		case f[0] == "jobs":
			j, _ := strconv.Atoi(f[1])
			p.Spec.Run.Jobs = spec.AutoInt(j)
		case f[0] == "retries":
			p.Spec.Run.Retries, _ = strconv.Atoi(f[1])
		case f[0] == "timeout":
			d, _ := time.ParseDuration(f[1])
			p.Spec.Run.Timeout["default"] = spec.Duration(d)
		case f[0] == "task":
			t := plan.Task{ID: f[1], Stage: f[2], Params: json.RawMessage(f[3]), Device: "cpu", Arms: []string{"full"}}
			if i := strings.LastIndex(t.ID, "-s"); i > 0 {
				t.Seed, _ = strconv.Atoi(t.ID[i+2:])
				t.Varies = true
			}
			for _, in := range f[4:] {
				t.Inputs = append(t.Inputs, plan.Input{Name: in, Task: in})
			}
			p.Plan.Tasks = append(p.Plan.Tasks, t)
		case f[0] == "device":
			for i := range p.Plan.Tasks {
				if t := &p.Plan.Tasks[i]; t.ID == f[1] {
					t.Device = f[2]
				}
			}
		case f[0] == "file":
			for i := range p.Plan.Tasks {
				if t := &p.Plan.Tasks[i]; t.ID == f[1] {
					t.Files = append(t.Files, plan.File{Name: f[2], Path: f[3]})
				}
			}
		default:
			return nil, usagef("%s:%d: %q is not understood", path, n+1, f[0])
		}
	}
	return p, nil
}

// fakeParams steer a fake stage.
type fakeParams struct {
	Steps int
	MS    int    // a step takes this long
	Bytes int    // size of the result
	Fail  string // always, once, env, panic, kill, random
}

func fakeStage(ctx context.Context, t plan.Task, env stage.Env) error {
	var p fakeParams
	if err := json.Unmarshal(t.Params, &p); err != nil {
		return err
	}
	if path := os.Getenv("FAKE_COUNT"); path != "" {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
		if err != nil {
			return err
		}
		fmt.Fprintln(f, t.ID)
		f.Close()
	}
	if strings.HasPrefix(t.Device, "cuda") {
		defer onCard(t.ID)()
	}
	state, err := inputState(t, env)
	if err != nil {
		return err
	}
	save := filepath.Join(env.Checkpoint, "state")
	first := 0
	if b, err := os.ReadFile(save); err == nil {
		if _, err := fmt.Sscanf(string(b), "%d %x", &first, &state); err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
	}
	if err := fakeFailure(p.Fail, env); err != nil {
		return err
	}
	for i := first; i < p.Steps; i++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(p.MS) * time.Millisecond):
		}
		sum := sha256.Sum256(fmt.Appendf(nil, "%x %d", state, i))
		state = sum[:]
		env.Metric(i, map[string]float64{"loss": 1 / float64(i+1)})
		env.Progress(int64(i+1), int64(p.Steps), "step")
		if err := os.WriteFile(save+".tmp", fmt.Appendf(nil, "%d %x", i+1, state), 0o666); err != nil {
			return err
		}
		if err := os.Rename(save+".tmp", save); err != nil {
			return err
		}
	}
	out := make([]byte, 0, p.Bytes+32)
	for i := 0; len(out) < p.Bytes; i++ {
		sum := sha256.Sum256(binary.AppendUvarint(slices.Clone(state), uint64(i)))
		out = append(out, sum[:]...)
	}
	if p.Fail == "random" {
		out = append(out, time.Now().String()...)
	}
	if err := os.MkdirAll(filepath.Join(env.Dir, "sub"), 0o777); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(env.Dir, "state.txt"), []byte(hex.EncodeToString(state)), 0o666),
		os.WriteFile(filepath.Join(env.Dir, "sub", "data.bin"), out, 0o666))
}

// onCard notes in FAKE_CARDS when a task begins and ends on the card that it was
// given; a second one on the same card at once is noted as a clash.
func onCard(id string) (end func()) {
	dir, card := os.Getenv("FAKE_CARDS"), os.Getenv("CUDA_VISIBLE_DEVICES")
	mine := filepath.Join(dir, "card-"+card)
	if err := os.Mkdir(mine, 0o777); err != nil {
		_ = os.WriteFile(filepath.Join(dir, "clash-"+id), []byte(card), 0o666)
	}
	_ = os.WriteFile(filepath.Join(dir, "task-"+id), []byte(card), 0o666)
	return func() { os.Remove(mine) }
}

// inputState hashes what the task reads.
func inputState(t plan.Task, env stage.Env) ([]byte, error) {
	h := sha256.New()
	h.Write(t.Params)
	for _, in := range t.Inputs {
		err := filepath.WalkDir(env.Inputs[in.Name], func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			h.Write(b)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for _, f := range t.Files {
		b, err := os.ReadFile(env.Files[f.Name])
		if err != nil {
			return nil, &stage.EnvironmentError{Err: err}
		}
		h.Write(b)
	}
	return h.Sum(nil), nil
}

func fakeFailure(kind string, env stage.Env) error {
	switch kind {
	case "always":
		env.Log.Info("about to fail")
		return errors.New("this trial always fails")
	case "once":
		mark := filepath.Join(env.Checkpoint, "tried")
		if _, err := os.Stat(mark); err != nil {
			return errors.Join(os.WriteFile(mark, nil, 0o666), errors.New("this trial fails once"))
		}
	case "env":
		return &stage.EnvironmentError{Err: errors.New("model.safetensors: truncated; download it again")}
	case "panic":
		panic("index out of range")
	case "kill":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "deaf":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
		time.Sleep(time.Minute)
	}
	return nil
}

func TestHarnessScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/harness", UpdateScripts: os.Getenv("UPDATE") == "1", Cmds: map[string]func(*testscript.TestScript, bool, []string){
		"exits": exits, "signaled": signaled,
	}})
}

// exits runs a command and wants the given exit code: exits CODE COMMAND….
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var ee *exec.ExitError
	if errors.As(err, &ee) {
		got = ee.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// signaled starts a command, signals it once a file is there, and wants an exit
// code and a text on stderr: signaled NUMBER FILE CODE TEXT COMMAND….
func signaled(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	want, err := strconv.Atoi(args[2])
	ts.Check(err)
	c := exec.Command(args[4], args[5:]...)
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path := filepath.Join(dir, args[4]); c.Err != nil && fileExists(path) {
			c = exec.Command(path, args[5:]...)
		}
	}
	var errs bytes.Buffer
	c.Dir, c.Stderr = ts.Getenv("WORK"), &errs
	c.Env = append(os.Environ(), "PATH="+ts.Getenv("PATH"))
	ts.Check(c.Start())
	for range 2000 {
		if fileExists(ts.MkAbs(args[1])) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Check(c.Process.Signal(syscall.Signal(n)))
	if got := exitOf(c.Wait()); got != want || !strings.Contains(errs.String(), args[3]) {
		ts.Fatalf("exit code %d, want %d with %q\n%s", got, want, args[3], errs.String())
	}
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
