package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"hardneg/experiments/plan"
	"hardneg/harness/stage"
	"hardneg/harness/store"
	"hardneg/harness/track"
)

// inProcess runs tasks as goroutines, one after the other so that the n-th file
// operation is the same one every time.
type inProcess struct {
	store *store.Store
	mu    sync.Mutex
	stop  bool
}

func (p *inProcess) Start(jobs []Job, ended func(Job, Class, error)) {
	for _, j := range jobs {
		go func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			c, err := Execute(context.Background(), Execution{Store: p.store, Key: j.Key, Stage: chain, Threads: 1})
			ended(j, c, err)
		}()
	}
}
func (p *inProcess) Signal(syscall.Signal) { p.stop = true }
func (p *inProcess) Kill()                 { p.stop = true }

// chain writes the hash of its parameters and inputs, in two files.
func chain(_ context.Context, t plan.Task, env stage.Env) error {
	h := sha256.New()
	h.Write(t.Params)
	for _, in := range t.Inputs {
		b, err := os.ReadFile(filepath.Join(env.Inputs[in.Name], "sum"))
		if err != nil {
			return err
		}
		h.Write(b)
	}
	env.Metric(1, map[string]float64{"x": 1})
	return errors.Join(os.WriteFile(filepath.Join(env.Dir, "sum"), []byte(hex.EncodeToString(h.Sum(nil))), 0o666),
		os.WriteFile(filepath.Join(env.Dir, "same"), []byte("the same everywhere"), 0o666))
}

func chainPlan(n int) plan.Plan {
	p := plan.Plan{Run: "chain-00000000"}
	for i := range n {
		t := plan.Task{ID: fmt.Sprintf("t%d", i), Stage: "train", Device: "cpu", Params: json.RawMessage(fmt.Sprintf(`{"i":%d}`, i))}
		if i > 0 {
			t.Inputs = []plan.Input{{Name: "data", Task: "t0"}}
		}
		p.Tasks = append(p.Tasks, t)
	}
	return p
}

// ramDir is a temporary folder in memory where the machine has that: these
// tests sync thousands of files.
func ramDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "hardneg-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func runChain(t testing.TB, root string, fault func(op, path string) error, p plan.Plan) (Summary, error) {
	st, err := store.OpenInjected(root, fault)
	if err != nil {
		return Summary{}, err
	}
	folder, err := track.OpenFolder(root, p.Run)
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.PutJSON("plan.json", p); err != nil {
		t.Fatal(err)
	}
	return Run(context.Background(), Options{Store: st, Plan: p, Folder: folder, Executor: &inProcess{store: st}, Slots: 1, Threads: 1})
}

func digestsOf(s Summary) string {
	var b strings.Builder
	for _, t := range s.Tasks {
		fmt.Fprintln(&b, t.Task.ID, t.State, t.Result.Digest)
	}
	return b.String()
}

// TestCrashAtEveryOperation lets the n-th change to the disk fail, tear, or be
// the last one of a dying machine, for n = 1, 2, … until a run passes. However
// it ended, the same run afterwards gives the results of the unbroken one.
func TestCrashAtEveryOperation(t *testing.T) {
	p := chainPlan(3)
	unbroken, err := runChain(t, ramDir(t), nil, p)
	if err != nil {
		t.Fatal(err)
	}
	want := digestsOf(unbroken)
	points := 0
	for _, kind := range []string{"error", "torn", "death", "full"} {
		for n := 1; ; n++ {
			root := ramDir(t)
			count := 0
			fault := func(string, string) error {
				count++
				switch {
				case kind == "death" && count >= n:
					return errors.New("the machine is dead")
				case count != n:
					return nil
				case kind == "torn":
					return store.Torn
				case kind == "full":
					return syscall.ENOSPC
				}
				return errors.New("injected")
			}
			sum, err := runChain(t, root, fault, p)
			if count < n {
				if err != nil || digestsOf(sum) != want {
					t.Fatalf("no fault met, yet: %v", err)
				}
				os.RemoveAll(root)
				break
			}
			points++
			again, err := runChain(t, root, nil, p)
			if err != nil {
				t.Fatalf("%s at operation %d: the next run: %v", kind, n, err)
			}
			if got := digestsOf(again); got != want {
				t.Fatalf("%s at operation %d: the next run gives\n%swant\n%s", kind, n, got, want)
			}
			verifyAll(t, root, again)
			os.RemoveAll(root)
		}
	}
	if points < 200 {
		t.Errorf("only %d points", points)
	}
	t.Logf("%d points", points)
}

func verifyAll(t *testing.T, root string, s Summary) {
	st, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	digests := map[string]string{}
	for _, o := range s.Tasks {
		res, err := st.Verify(o.Key)
		if err == nil {
			err = Consistent(st, res, digests)
		}
		if err != nil {
			t.Fatal(err)
		}
		digests[o.Key] = res.Digest
	}
}

// TestEveryCorruption flips one random bit of one random byte below cache/, a
// hundred times: a verification of all keys finds each, and the next run
// repairs what it needs.
func TestEveryCorruption(t *testing.T) {
	root := ramDir(t)
	p := chainPlan(4)
	unbroken, err := runChain(t, root, nil, p)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(7, 7))
	for i := range 100 {
		var files []string
		filepath.WalkDir(filepath.Join(root, "cache"), func(path string, d os.DirEntry, err error) error {
			if err != nil {
				t.Fatal(err)
			}
			if info, err := d.Info(); err == nil && !d.IsDir() && info.Size() > 0 && !strings.Contains(path, "quarantine") {
				files = append(files, path)
			}
			return nil
		})
		path := files[r.IntN(len(files))]
		old, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := append([]byte(nil), old...)
		bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
		os.Chmod(path, 0o644)
		if err := os.WriteFile(path, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		st, err := store.Open(root)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, o := range unbroken.Tasks {
			_, err := st.Verify(o.Key)
			found = found || err != nil
		}
		if !found {
			t.Fatalf("flip %d in %s was not found", i, path)
		}
		again, err := runChain(t, root, nil, p)
		if err != nil || digestsOf(again) != digestsOf(unbroken) {
			t.Fatalf("flip %d in %s: the next run: %v\n%s", i, path, err, digestsOf(again))
		}
		if _, err := os.Stat(path); err == nil { // a log, or a stamp, is not repaired by a run
			os.WriteFile(path, old, 0o644)
		}
		os.RemoveAll(filepath.Join(root, "cache", "quarantine"))
		for _, o := range again.Tasks { // a result made again has another record than the saved one
			if _, err := st.Verify(o.Key); err != nil {
				os.RemoveAll(st.Dir(o.Key))
			}
		}
		if unbroken, err = runChain(t, root, nil, p); err != nil {
			t.Fatal(err)
		}
	}
}
