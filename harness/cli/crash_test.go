package cli

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const crashPlan = `run crash-00000001
jobs 3
retries 1
task data data {"Bytes":1000}
task sft-s1 sft {"Steps":10,"MS":10} data
task sft-s2 sft {"Steps":8,"MS":10} data
task a-s1 train {"Steps":10,"MS":10,"Bytes":100000} sft-s1
task b-s1 train {"Steps":10,"MS":11} sft-s1
task a-s2 train {"Steps":10,"MS":12} sft-s2
task eval-s1 eval {"Steps":2,"MS":5} a-s1 b-s1
task eval-s2 eval {"Steps":2,"MS":5} a-s2
`

// harnessIn is the fake hardneg in a folder of its own.
func harnessIn(t *testing.T, plan string) (dir string, command func(args ...string) *exec.Cmd) {
	t.Helper()
	dir = t.TempDir()
	bin := filepath.Join(dir, "bin")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The test binary picks its command by the name it was started with.
	if err := errors.Join(os.Mkdir(bin, 0o777), os.Symlink(exe, filepath.Join(bin, "hardneg")), os.WriteFile(filepath.Join(dir, "plan"), []byte(plan), 0o666)); err != nil {
		t.Fatal(err)
	}
	return dir, func(args ...string) *exec.Cmd {
		c := exec.Command(filepath.Join(bin, "hardneg"), args...)
		c.Dir = dir
		c.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "FAKE_COUNT="+filepath.Join(dir, "count"), "HARDNEG_WORKSPACE="+filepath.Join(dir, "ws"), "HARDNEG_DB=")
		return c
	}
}

// artifacts are the digests of every task of the run, from DONE.
func artifacts(t *testing.T, dir string) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "ws", "runs", "crash-00000001", "tasks", "*"))
	if err != nil || len(all) != 8 {
		t.Fatalf("%d tasks, %v", len(all), err)
	}
	var b strings.Builder
	for _, p := range all {
		done, err := os.ReadFile(filepath.Join(p, "DONE"))
		if err != nil {
			t.Fatal(err)
		}
		to, _ := os.Readlink(p)
		fmt.Fprintln(&b, filepath.Base(p), filepath.Base(to), strings.Fields(string(done))[3])
	}
	return b.String()
}

// TestKill kills runs with kill -9 at random moments, the head alone or with
// all its tasks, until one ends by itself: the artifacts are those of the
// unbroken run. HARDNEG_CRASHES=200 makes it long.
func TestKill(t *testing.T) {
	kills := 4
	if n, err := strconv.Atoi(os.Getenv("HARDNEG_CRASHES")); err == nil {
		kills = n
	}
	dir, command := harnessIn(t, crashPlan)
	begun := time.Now()
	if out, err := command("run", "plan").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	whole := time.Since(begun)
	want := artifacts(t, dir)
	r := rand.New(rand.NewPCG(3, 3))
	for done, rounds := 0, 0; done < kills; rounds++ {
		dir, command := harnessIn(t, crashPlan)
		for {
			c := command("run", "plan")
			var out bytes.Buffer
			c.Stderr = &out
			c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- c.Wait() }()
			if done < kills {
				select {
				case <-time.After(time.Duration(r.Int64N(int64(whole)))):
					if r.IntN(2) == 0 { // the tasks too: find them before their parent is gone
						killChildren(c.Process.Pid)
					}
					c.Process.Kill()
					<-ended
					done++
					continue
				case err := <-ended:
					ended <- err
				}
			}
			if err := <-ended; err != nil {
				t.Fatalf("%v\n%s", err, out.String())
			}
			break
		}
		if got := artifacts(t, dir); got != want {
			t.Fatalf("after kills:\n%swant\n%s", got, want)
		}
		if out, err := command("verify").CombinedOutput(); err != nil {
			t.Fatalf("verify: %v\n%s", err, out)
		}
	}
}

// killChildren kills the processes whose parent is pid.
func killChildren(pid int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, s := range stats {
		b, err := os.ReadFile(s)
		if err != nil {
			continue
		}
		f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if len(f) > 1 && f[1] == strconv.Itoa(pid) {
			if child, err := strconv.Atoi(filepath.Base(filepath.Dir(s))); err == nil {
				syscall.Kill(child, syscall.SIGKILL)
			}
		}
	}
}

// TestVerifyFindsEveryFlip flips one random bit of one random byte of a finished
// run, a hundred times, in results, logs, records, markers, objects and the
// run's own files: `hardneg verify` ends with 5 each time, and with 0 in between.
func TestVerifyFindsEveryFlip(t *testing.T) {
	dir, command := harnessIn(t, crashPlan)
	if out, err := command("run", "plan").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ws := filepath.Join(dir, "ws")
	var all []string
	for _, below := range []string{"cache/tasks", "cache/objects", "runs/crash-00000001"} {
		err := filepath.WalkDir(filepath.Join(ws, below), func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || d.Name() == "events.jsonl" { // grows on, so it is not sealed
				return err
			}
			if info, err := d.Info(); err != nil || info.Size() == 0 {
				return err
			}
			all = append(all, path)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(5, 5))
	kinds := map[string]bool{}
	for i := range 100 {
		path := all[r.IntN(len(all))]
		kinds[filepath.Base(path)] = true
		old, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := slices.Clone(old)
		bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
		if err := errors.Join(os.Chmod(path, 0o644), os.WriteFile(path, bad, 0o644)); err != nil {
			t.Fatal(err)
		}
		if out, err := command("verify").CombinedOutput(); exitOf(err) != ExitIntegrity {
			t.Errorf("flip %d in %s: exit code %d\n%s", i, path, exitOf(err), out)
		}
		if err := os.WriteFile(path, old, 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := command("verify").CombinedOutput(); err != nil {
			t.Fatalf("flip %d restored: %v\n%s", i, err, out)
		}
	}
	if len(kinds) < 10 {
		t.Errorf("only %d kinds of files were hit", len(kinds))
	}
}

// TestTwoHarnesses starts two runs of the same plan, and one of another that
// shares most of it, on one workspace at once: every task is done once.
func TestTwoHarnesses(t *testing.T) {
	dir, command := harnessIn(t, crashPlan)
	other := strings.ReplaceAll(crashPlan, "crash-00000001", "other-00000001") + "task more-s1 eval {\"Steps\":2} a-s1\n"
	if err := os.WriteFile(filepath.Join(dir, "other"), []byte(other), 0o666); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, plan := range []string{"plan", "plan", "other"} {
		wg.Go(func() {
			if out, err := command("run", plan).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	wg.Wait()
	b, err := os.ReadFile(filepath.Join(dir, "count"))
	if err != nil {
		t.Fatal(err)
	}
	started := strings.Fields(string(b))
	slices.Sort(started)
	if want := []string{"a-s1", "a-s2", "b-s1", "data", "eval-s1", "eval-s2", "more-s1", "sft-s1", "sft-s2"}; !slices.Equal(started, want) {
		t.Errorf("tasks started: %v, want each once: %v", started, want)
	}
	artifacts(t, dir)
}

// TestFullDisk runs on a file system that is full, then on one that is not.
func TestFullDisk(t *testing.T) {
	dir, command := harnessIn(t, strings.ReplaceAll(crashPlan, `"Bytes":100000`, `"Bytes":400000`))
	ws := filepath.Join(dir, "ws")
	if err := os.Mkdir(ws, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", ws, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("needs the right to mount a tmpfs: run as root: %v", err)
	}
	defer syscall.Unmount(ws, 0)
	if err := os.WriteFile(filepath.Join(ws, "filler"), make([]byte, 500<<10), 0o666); err != nil {
		t.Fatal(err)
	}
	out, err := command("run", "plan").CombinedOutput()
	var ee *exec.ExitError
	if !errors.As(err, &ee) || ee.ExitCode() != ExitEnvironment || !strings.Contains(string(out), "no space left on device") {
		t.Fatalf("%v, want exit code %d and the reason\n%s", err, ExitEnvironment, out)
	}
	if err := os.Remove(filepath.Join(ws, "filler")); err != nil {
		t.Fatal(err)
	}
	if out, err := command("run", "plan").CombinedOutput(); err != nil {
		t.Fatalf("with room again: %v\n%s", err, out)
	}
	artifacts(t, dir)
}
