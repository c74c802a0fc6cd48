package runner

import (
	"context"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"hardneg/harness/store"
	"hardneg/harness/track"
)

// timed runs tasks at once, one by one, and counts the time that is theirs.
type timed struct {
	inProcess
	own time.Duration
}

func (x *timed) Start(jobs []Job, ended func(Job, Class, error)) {
	for _, j := range jobs {
		begun := time.Now()
		c, err := Execute(context.Background(), Execution{Store: x.store, Key: j.Key, Stage: chain, Threads: 1})
		x.own += time.Since(begun)
		go ended(j, c, err)
	}
}
func (x *timed) Signal(syscall.Signal) {}
func (x *timed) Kill()                 {}

// TestOverhead measures what the harness itself takes per task, the work and
// the commit in the task's own process apart: under 5 ms. HARDNEG_TASKS=10000
// makes it long, HARDNEG_TASKS_DIR puts it on a disk.
func TestOverhead(t *testing.T) {
	n := 400
	if v, err := strconv.Atoi(os.Getenv("HARDNEG_TASKS")); err == nil {
		n = v
	}
	root := ramDir(t)
	if dir := os.Getenv("HARDNEG_TASKS_DIR"); dir != "" {
		root = dir
	}
	p := chainPlan(n)
	for _, pass := range []string{"made", "cached"} {
		st, err := store.Open(root)
		if err != nil {
			t.Fatal(err)
		}
		folder, err := track.OpenFolder(root, p.Run)
		if err != nil {
			t.Fatal(err)
		}
		x := &timed{inProcess: inProcess{store: st}}
		begun := time.Now()
		sum, err := Run(context.Background(), Options{Store: st, Plan: p, Folder: folder, Executor: x, Slots: 4, Threads: 1})
		if err != nil || sum.Count(Done) != n {
			t.Fatalf("%d of %d done, %v", sum.Count(Done), n, err)
		}
		each := (time.Since(begun) - x.own) / time.Duration(n)
		t.Logf("%d tasks %s: %s of the harness each, %s of their own", n, pass, each, x.own/time.Duration(n))
		if each > 5*time.Millisecond {
			t.Errorf("%s a task, want under 5 ms", each)
		}
	}
}

// TestInspect asks for the state of a large run.
func TestInspectLarge(t *testing.T) {
	root := ramDir(t)
	p := chainPlan(500)
	if _, err := runChain(t, root, nil, p); err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := track.FindFolder(root, p.Run)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	tasks, err := Inspect(st, folder)
	if err != nil || len(tasks) != 500 || tasks[499].State != Done {
		t.Fatal(len(tasks), err)
	}
	t.Logf("500 tasks in %s", time.Since(begun))
}
