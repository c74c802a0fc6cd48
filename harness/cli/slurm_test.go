package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startSlurm starts a one-node Slurm of the test's own.
func startSlurm(t *testing.T) {
	t.Helper()
	for _, need := range []string{"slurmctld", "slurmd", "sbatch", "squeue"} {
		if _, err := exec.LookPath(need); err != nil {
			t.Skipf("needs Slurm (%s is not installed); on Debian: apt-get install --no-install-recommends slurmctld slurmd slurm-client", need)
		}
	}
	dir := t.TempDir()
	script, err := filepath.Abs("../runner/testdata/slurm.sh")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { exec.Command(script, "stop", dir).Run() })
	// A file, not a pipe: the daemons would keep a pipe open.
	log := filepath.Join(dir, "start.log")
	f, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := exec.Command(script, "start", dir)
	c.Stdout, c.Stderr = f, f
	if err := c.Run(); err != nil {
		b, _ := os.ReadFile(log)
		t.Skipf("Slurm does not start here: %v\n%s", err, b)
	}
	t.Setenv("SLURM_CONF", filepath.Join(dir, "slurm.conf"))
}

// TestSlurm runs a plan through a real Slurm: a job is killed midway, the head
// process dies and is started again, and the artifacts are those of a local run.
func TestSlurm(t *testing.T) {
	startSlurm(t)
	plan := strings.NewReplacer(`"MS":10`, `"MS":60`, `"MS":11`, `"MS":60`, `"MS":12`, `"MS":60`).Replace(crashPlan)
	dir, command := harnessIn(t, plan)
	if out, err := command("run", "plan").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := artifacts(t, dir)

	dir, command = harnessIn(t, plan)
	tasks := filepath.Join(dir, "ws", "runs", "crash-00000001", "tasks")
	head := command("run", "--executor", "slurm", "plan")
	if err := head.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, filepath.Join(tasks, "sft-s1", "checkpoint", "state"))
	head.Process.Kill() // the head dies; its jobs go on
	head.Wait()
	again := command("run", "--executor", "slurm", "plan")
	ended := make(chan error, 1)
	var out []byte
	go func() {
		var err error
		out, err = again.CombinedOutput()
		ended <- err
	}()
	waitFor(t, filepath.Join(tasks, "a-s2", "checkpoint", "state"))
	killTask(t, filepath.Join(tasks, "a-s2")) // a job dies without a word
	select {
	case err := <-ended:
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	case <-time.After(2 * time.Minute):
		again.Process.Kill()
		queue, _ := exec.Command("squeue").CombinedOutput()
		t.Fatalf("no end in sight\n%s", queue)
	}
	if got := artifacts(t, dir); got != want {
		t.Errorf("through Slurm:\n%swant\n%s", got, want)
	}
	count, err := os.ReadFile(filepath.Join(dir, "count"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(count), "a-s2\n"); n != 2 {
		t.Errorf("a-s2 was started %d times, want 2: it was killed once\n%s", n, out)
	}
	if n := strings.Count(string(count), "sft-s1\n"); n != 1 {
		t.Errorf("sft-s1 was started %d times, want 1: its job outlived the head", n)
	}
}

// TestSlurmStop stops a run with SIGTERM: jobs checkpoint, the exit code is 75,
// and the next run goes on inside the task. A job that gets USR1 by itself, as
// before its time limit, is submitted again without counting as failed.
func TestSlurmStop(t *testing.T) {
	startSlurm(t)
	dir, command := harnessIn(t, "run stop-00000001\ntask a-s1 train {\"Steps\":160,\"MS\":50}\ntask b-s1 eval {} a-s1\n")
	entry := filepath.Join(dir, "ws", "runs", "stop-00000001", "tasks", "a-s1")
	head := command("run", "--executor", "slurm", "plan")
	if err := head.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, filepath.Join(entry, "checkpoint", "state"))
	head.Process.Signal(syscall.SIGTERM)
	var ee *exec.ExitError
	if err := head.Wait(); !errors.As(err, &ee) || ee.ExitCode() != ExitStopped {
		t.Fatalf("%v, want exit code %d", err, ExitStopped)
	}
	ended := make(chan error, 1)
	go func() {
		out, err := command("run", "--executor", "slurm", "plan").CombinedOutput()
		if err != nil {
			t.Logf("%s", out)
		}
		ended <- err
	}()
	waitFor(t, filepath.Join(entry, "log.txt"))
	time.Sleep(300 * time.Millisecond)
	var running []string // the stopped one may be there for a moment
	for i := 0; len(running) != 1 && i < 100; i++ {
		time.Sleep(100 * time.Millisecond)
		out, err := exec.Command("squeue", "--me", "-h", "-t", "R", "-o", "%A").Output()
		if err != nil {
			t.Fatal(err)
		}
		running = strings.Fields(string(out))
	}
	if len(running) != 1 {
		t.Fatalf("running jobs: %q, want one", running)
	}
	time.Sleep(300 * time.Millisecond) // the process has its handler
	if out, err := exec.Command("scancel", "--batch", "--signal=USR1", running[0]).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(entry, "log.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(log), "resumed=true"); n != 2 {
		t.Errorf("resumed %d times, want 2\n%s", n, log)
	}
}

// TestSlurmSpec runs a real spec, model and stages included, through a real
// Slurm; a training is killed midway. The report is that of a local run, byte
// for byte. HARDNEG_SLURM_SPEC=smoke takes the smoke spec, as CI does.
func TestSlurmSpec(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the whole pipeline twice; run without -short")
	}
	startSlurm(t)
	name, limit := os.Getenv("HARDNEG_SLURM_SPEC"), 20*time.Minute
	dir := t.TempDir()
	if name == "" {
		name, limit = "micro", 4*time.Minute
		if err := os.WriteFile(filepath.Join(dir, "micro.yaml"), []byte(strings.Replace(microSpec, "limit: 48", "limit: 800", 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		name = "micro.yaml"
	}
	begun := time.Now()
	local := hardnegProcess(t, dir, "--workspace", "local", "run", name)
	if out, err := local.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	alone := time.Since(begun)

	begun = time.Now()
	var out bytes.Buffer
	head := hardnegProcess(t, dir, "--workspace", "slurm", "run", "--executor", "slurm", name)
	head.Stdout, head.Stderr = &out, &out
	if err := head.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- head.Wait() }()
	victim := filepath.Join(dir, "slurm", "runs", "latest", "tasks", "sft-s1")
	deadline := time.Now().Add(limit)
	for !fileExists(filepath.Join(victim, "progress.json")) {
		if fileExists(filepath.Join(victim, "DONE")) || time.Now().After(deadline) {
			head.Process.Kill()
			t.Fatalf("no moment to kill sft-s1\n%s", out.String())
		}
		time.Sleep(20 * time.Millisecond)
	}
	killTask(t, victim)
	select {
	case err := <-ended:
		if err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
	case <-time.After(time.Until(deadline)):
		head.Process.Kill()
		queue, _ := exec.Command("squeue").CombinedOutput()
		t.Fatalf("no end in sight\n%s\n%s", queue, out.String())
	}
	t.Logf("%s: %v on this machine, %v through Slurm, its start apart", name, alone.Round(time.Second), time.Since(begun).Round(time.Second))
	var rec struct {
		Attempts []struct {
			Executor string
			Class    string
		}
	}
	b, err := os.ReadFile(filepath.Join(victim, "task.json"))
	if err == nil {
		err = json.Unmarshal(b, &rec)
	}
	if err != nil || len(rec.Attempts) != 2 || rec.Attempts[0].Class != "" || rec.Attempts[1].Class != "ok" || rec.Attempts[1].Executor != "slurm" {
		t.Errorf("attempts of the killed task: %+v, %v", rec.Attempts, err)
	}
	for _, ws := range []string{"local", "slurm"} {
		c := hardnegProcess(t, dir, "--workspace", ws, "report", "latest", "--stable", "--out", ws+"-stable")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	a, other := files(t, filepath.Join(dir, "local-stable")), files(t, filepath.Join(dir, "slurm-stable"))
	if len(a) < 10 || len(other) != len(a) {
		t.Errorf("%d and %d files in the reports", len(a), len(other))
	}
	for name, x := range a {
		if other[name] != x {
			t.Errorf("%s differs", name)
		}
	}
}

func waitFor(t *testing.T, path string) {
	t.Helper()
	for range 600 {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s does not appear", path)
}

// killTask kills the process that works on an entry, by its key.
func killTask(t *testing.T, link string) {
	t.Helper()
	to, err := os.Readlink(link)
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Base(to)
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range all {
		b, err := os.ReadFile(p)
		if err != nil || !strings.Contains(string(b), key) || !strings.Contains(string(b), "slurm") {
			continue
		}
		var pid int
		for _, c := range filepath.Base(filepath.Dir(p)) {
			pid = pid*10 + int(c-'0')
		}
		syscall.Kill(pid, syscall.SIGKILL)
		return
	}
	t.Fatalf("no process works on %s", key)
}
