package track

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func open(t testing.TB, workspace string) *Index {
	t.Helper()
	ix, err := OpenIndex(context.Background(), workspace, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ix.Close() })
	return ix
}

var when = time.Date(2026, 11, 22, 10, 0, 0, 5e6, time.UTC)

func TestPutAndQuery(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	ix := open(t, dir)
	suite(t, ctx, ix)
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	// Opened again, everything is there; a newer program's index is left alone.
	again := open(t, dir)
	if runs, err := again.Runs(ctx); err != nil || len(runs) != 1 {
		t.Fatalf("%v %v", runs, err)
	}
	if _, err := again.db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenIndex(ctx, dir, ""); err == nil || !strings.Contains(err.Error(), "newer hardneg") {
		t.Errorf("a newer index: %v", err)
	}
}

// suite is what every database must do.
func suite(t *testing.T, ctx context.Context, ix *Index) {
	t.Helper()
	run := RunRow{Run: "smoke-1", Name: "smoke", Begun: when, Used: when.Add(time.Minute), Tasks: 2, Done: 1, Failed: 1, Host: "h", Commit: "c", Tags: []string{"a", "b"}, Events: 77}
	tasks := []TaskRow{
		{Run: "smoke-1", Task: "sft-s1", Key: "k1", Stage: "sft", Arms: "dpo,full", Seed: 1, Varies: true, State: "done", Digest: "d", Attempts: 1, Begun: when, Ended: when.Add(time.Second), WallS: 1, CPUS: 2, PeakMiB: 3, Threads: 4, Host: "h"},
		{Run: "smoke-1", Task: "eval-s1", Stage: "eval", State: "failed", Error: "it's broken"},
	}
	for range 2 { // the second time replaces the first
		if err := ix.Put(ctx, run, tasks); err != nil {
			t.Fatal(err)
		}
		if err := ix.PutMetrics(ctx, "k1", []MetricRow{{1, "loss", 0.5}, {2, "loss", math.NaN()}, {2, "lr", 1e-3}}); err != nil {
			t.Fatal(err)
		}
	}
	runs, err := ix.Runs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]RunRow{run}, runs); d != "" {
		t.Errorf("-put +got\n%s", d)
	}
	got, err := ix.Query(ctx, "SELECT stage, arms, name, step, value FROM task_metrics ORDER BY name, step")
	if err != nil {
		t.Fatal(err)
	}
	want := "[[sft dpo,full loss 1 0.5] [sft dpo,full loss 2 <nil>] [sft dpo,full lr 2 0.001]]"
	if s := fmt.Sprint(got.Rows); s != want {
		t.Errorf("got %s, want %s", s, want)
	}
	for _, evil := range []string{"DELETE FROM runs", "DROP TABLE runs", "UPDATE runs SET done = 7", "CREATE TABLE x (y TEXT)"} {
		if _, err := ix.Query(ctx, evil); err == nil {
			t.Errorf("%s was allowed", evil)
		}
	}
	if keys, err := ix.Measured(ctx); err != nil || !keys["k1"] || len(keys) != 1 {
		t.Errorf("measured %v, %v", keys, err)
	}
	if err := ix.Put(ctx, RunRow{Run: "gone"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := ix.Remove(ctx, "gone"); err != nil {
		t.Fatal(err)
	}
}

// TestEightWriters has eight processes write at once: no row is lost.
func TestEightWriters(t *testing.T) {
	const keys, steps = 25, 40
	ctx := context.Background()
	if dir := os.Getenv("TRACK_WRITER_DIR"); dir != "" {
		ix := open(t, dir)
		me := os.Getenv("TRACK_WRITER")
		for k := range keys {
			var rows []MetricRow
			for s := range steps {
				rows = append(rows, MetricRow{s, "loss", float64(k * s)})
			}
			if err := ix.PutMetrics(ctx, me+"-"+strconv.Itoa(k), rows); err != nil {
				t.Fatal(err)
			}
			if err := ix.Put(ctx, RunRow{Run: me, Begun: when, Used: when, Tasks: k}, []TaskRow{{Task: "t"}}); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	dir := t.TempDir()
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			c := exec.Command(os.Args[0], "-test.run=^TestEightWriters$")
			c.Env = append(os.Environ(), "TRACK_WRITER_DIR="+dir, fmt.Sprintf("TRACK_WRITER=w%d", w))
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("writer %d: %v\n%s", w, err, out)
			}
		})
	}
	wg.Wait()
	ix := open(t, dir)
	got, err := ix.Query(ctx, "SELECT count(*), count(DISTINCT key), (SELECT count(*) FROM runs), (SELECT min(tasks) FROM runs) FROM metrics")
	if err != nil {
		t.Fatal(err)
	}
	if s, want := fmt.Sprint(got.Rows), fmt.Sprintf("[[%d %d 8 %d]]", 8*keys*steps, 8*keys, keys-1); s != want {
		t.Errorf("got %s, want %s", s, want)
	}
}

func TestFolder(t *testing.T) {
	ws := t.TempDir()
	if _, err := FindFolder(ws, "latest"); err == nil {
		t.Error("an empty workspace has a latest run")
	}
	f, err := OpenFolder(ws, "smoke-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.SetLatest(); err != nil {
		t.Fatal(err)
	}
	if g, err := FindFolder(ws, "latest"); err != nil || g.Run != "smoke-1" {
		t.Errorf("latest is %v, %v", g, err)
	}
	for _, bad := range []string{"nobody", "../runs/smoke-1", "."} {
		if _, err := FindFolder(ws, bad); err == nil {
			t.Errorf("run %q was found", bad)
		}
	}
	if err := f.Append(Event{Time: when, Event: "run"}, Event{Time: when, Event: "done", Task: "x"}); err != nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(f.Path("events.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, `{"event":"tor`)
	w.Close()
	if ev, err := f.Events(); err != nil || len(ev) != 2 || ev[1].Task != "x" {
		t.Errorf("events %v, %v", ev, err)
	}
	if err := f.Put("plan.json", []byte("{}\n")); err != nil {
		t.Fatal(err)
	}
	if err := f.Seal(); err != nil {
		t.Fatal(err)
	}
	if bad, err := f.Check(); err != nil || len(bad) > 0 {
		t.Errorf("check %v, %v", bad, err)
	}
	if err := os.WriteFile(f.Path("plan.json"), []byte("{ }\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if bad, err := f.Check(); err != nil || !cmp.Equal(bad, []string{"plan.json"}) {
		t.Errorf("check %v, %v", bad, err)
	}
	if err := f.Remove(); err != nil {
		t.Fatal(err)
	}
	if names, err := Runs(ws); err != nil || len(names) != 0 {
		t.Errorf("runs %v, %v", names, err)
	}
	if _, err := FindFolder(ws, "latest"); err == nil {
		t.Error("latest names a run that is gone")
	}
}
