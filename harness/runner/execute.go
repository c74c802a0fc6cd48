package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"hardneg/harness/stage"
	"hardneg/harness/store"
)

// Execution is one attempt at a task in this process.
type Execution struct {
	Store    *store.Store
	Key      string
	Stage    stage.Func
	Threads  int
	GPU      string
	Executor string
	Run      string                     // that asks for it
	Commit   string                     // of this program, for the record
	Binary   string                     // its SHA-256
	Machine  func(device string) string // nil: not recorded
	Meter    Meter
}

// Execute takes the key's lock, runs the stage and commits its result; a result
// that is there already is taken for granted. How it ended goes to exit.json.
func Execute(ctx context.Context, x Execution) (Class, error) {
	lock, err := x.Store.Lock(ctx, x.Key)
	if errors.Is(err, store.ErrLocked) {
		return Busy, err
	}
	if err != nil {
		return classify(ctx, err), err
	}
	defer lock.Release()
	if _, err := x.Store.Lookup(x.Key); err == nil {
		return OK, nil
	}
	rec, err := ReadRecord(x.Store, x.Key)
	if err != nil {
		return Failure, fmt.Errorf("task %.12s: %w; it is started by `hardneg run`", x.Key, err)
	}
	entry, err := x.Store.Begin(lock)
	if err == nil {
		err = x.attempt(ctx, entry, &rec)
	}
	if err == nil {
		return OK, nil
	}
	class := classify(ctx, err)
	// Best effort: on a full disk there is no room for this either, and the
	// process's exit code says the same.
	if n := len(rec.Attempts); n > 0 {
		rec.Attempts[n-1].Class, rec.Attempts[n-1].Error = class, err.Error()
		_ = x.Store.WriteRecord(x.Key, rec.bytes())
	}
	_ = writeJSON(x.Store.Paths(x.Key).Exit, Exit{class, reason(class, err)})
	return class, err
}

// reason says how an attempt ended, for people: nobody asked for a context.
func reason(class Class, err error) string {
	if class == Halted && errors.Is(err, context.Canceled) {
		return "stopped by a signal"
	}
	return err.Error()
}

// attempt runs the stage inside a begun entry and commits.
func (x Execution) attempt(ctx context.Context, e *store.Entry, rec *Record) error {
	host, _ := os.Hostname()
	begun := time.Now()
	rec.Attempts = append(rec.Attempts, Attempt{Start: begun.UTC(), Host: host, Threads: x.Threads, GPU: x.GPU, Resumed: !emptyDir(e.Checkpoint), Executor: x.Executor, Run: x.Run, Commit: x.Commit, Binary: x.Binary})
	at := &rec.Attempts[len(rec.Attempts)-1]
	if x.Machine != nil {
		at.Machine = x.Machine(rec.Task.Device)
	}
	if err := x.Store.WriteRecord(x.Key, rec.bytes()); err != nil {
		return err
	}
	inputs, err := x.inputs(*rec)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(e.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer log.Close()
	// A crash of the runtime itself leaves its trace in the log too.
	_ = debug.SetCrashOutput(log, debug.CrashOptions{})
	defer debug.SetCrashOutput(nil, debug.CrashOptions{})
	metrics, err := os.OpenFile(e.Metrics, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer metrics.Close()
	logger := slog.New(slog.NewTextHandler(log, nil))
	rows := &metricWriter{w: metrics, attempt: len(rec.Attempts)}
	energy := x.Meter.Start(onGPU(rec.Task), cmp.Or(x.GPU, os.Getenv("CUDA_VISIBLE_DEVICES")))
	logger.Info("attempt", "n", len(rec.Attempts), "task", rec.Task.ID, "threads", x.Threads, "resumed", at.Resumed)
	err = runStage(ctx, x.Stage, *rec, stage.Env{
		Dir: e.Dir, Checkpoint: e.Checkpoint, Inputs: inputs, Files: rec.Files, Threads: threadsOr1(x.Threads),
		Log: logger, Progress: progressWriter(e.Progress, begun), Metric: rows.write,
	})
	if err == nil {
		err = rows.err
	}
	at.End = time.Now().UTC()
	at.WallS = seconds(time.Since(begun))
	at.CPUS, at.PeakMiB = usage()
	at.Energy = energy()
	switch {
	case err != nil && ctx.Err() != nil:
		logger.Info("stopped; the next attempt goes on from the checkpoint")
		return err
	case err != nil:
		logger.Error("failed", "err", err)
		return err
	}
	at.Class = OK
	_, err = e.Commit(func(files []store.File, digest string) []byte {
		rec.Outputs, rec.Digest = files, digest
		return rec.bytes()
	})
	return err
}

// runStage turns a panic into an error, with its trace in the log.
func runStage(ctx context.Context, f stage.Func, rec Record, env stage.Env) (err error) {
	defer func() {
		if p := recover(); p != nil {
			env.Log.Error("panic", "value", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("stage %s panicked: %v", rec.Task.Stage, p)
		}
	}()
	return f(ctx, rec.Task, env)
}

// inputs finds the folders of the inputs' results and checks that they still
// have the content that the key was made of.
func (x Execution) inputs(rec Record) (map[string]string, error) {
	dirs := make(map[string]string, len(rec.Inputs))
	for name, key := range rec.Inputs {
		res, err := x.Store.Lookup(key)
		if err != nil {
			return nil, fmt.Errorf("input %s: %w", name, err)
		}
		if res.Digest != rec.Fields.Inputs[name] {
			return nil, fmt.Errorf("input %s: %w", name, &store.CorruptError{Key: key, Path: "DONE", Reason: "its digest is not the one that this task was planned for"})
		}
		if res.Partial() {
			return nil, fmt.Errorf("input %s: gc deleted files of it meanwhile; the same command makes them again", name)
		}
		dirs[name] = res.Dir
	}
	return dirs, nil
}

// classify says what an error means for the run.
func classify(ctx context.Context, err error) Class {
	var env *stage.EnvironmentError
	var futile *stage.FutileError
	var row *stage.RowError
	var corrupt *store.CorruptError
	switch {
	case ctx.Err() != nil:
		return Halted
	case errors.As(err, &futile):
		return Futile
	case errors.As(err, &row):
		return BadRow
	case errors.As(err, &env), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOMEM):
		return Environment
	case errors.As(err, &corrupt):
		return Integrity
	}
	return Failure
}

// metricWriter appends rows to metrics.jsonl, each in one write.
type metricWriter struct {
	mu      sync.Mutex
	w       io.Writer
	attempt int
	err     error
}

// MetricRow is a line of metrics.jsonl. Values are numbers, or "NaN", "+Inf",
// "-Inf". A resumed attempt may repeat steps; the later row counts.
type MetricRow struct {
	Step    int            `json:"step"`
	Attempt int            `json:"attempt"`
	Time    time.Time      `json:"time"`
	Values  map[string]any `json:"values"`
}

func (m *metricWriter) write(step int, values map[string]float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row := MetricRow{step, m.attempt, time.Now().UTC(), make(map[string]any, len(values))}
	for k, v := range values {
		row.Values[k] = v
		switch {
		case math.IsNaN(v):
			row.Values[k] = "NaN"
		case math.IsInf(v, 1):
			row.Values[k] = "+Inf"
		case math.IsInf(v, -1):
			row.Values[k] = "-Inf"
		}
	}
	b, err := json.Marshal(row)
	if err == nil {
		_, err = m.w.Write(append(b, '\n'))
	}
	if err != nil && m.err == nil {
		m.err = fmt.Errorf("metrics: %w", err)
	}
}

// progressWriter keeps progress.json at most a quarter of a second behind.
func progressWriter(path string, begun time.Time) func(done, total int64, unit string) {
	var mu sync.Mutex
	last := begun
	return func(done, total int64, unit string) {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); now.Sub(last) >= 250*time.Millisecond {
			last = now
			_ = writeJSON(path, Progress{done, total, unit, begun.UTC(), now.UTC()})
		}
	}
}

func emptyDir(path string) bool {
	list, err := os.ReadDir(filepath.Clean(path))
	return err != nil || len(list) == 0
}

func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*1e3) / 1e3 }

// usage is this process's CPU seconds and peak resident memory in MiB.
func usage() (cpu, peak float64) {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0, 0
	}
	cpu = seconds(time.Duration(u.Utime.Nano() + u.Stime.Nano()))
	return cpu, math.Round(float64(u.Maxrss)/1024*10) / 10 // Linux counts KiB
}
