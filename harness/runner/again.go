package runner

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"hardneg/harness/stage"
	"hardneg/harness/store"
)

// Again runs a committed task's stage once more inside dir, without touching
// its entry, and returns the digest of what it made.
func (x Execution) Again(ctx context.Context, dir string) (string, error) {
	rec, err := ReadRecord(x.Store, x.Key)
	if err != nil {
		return "", err
	}
	inputs, err := x.inputs(rec)
	if err != nil {
		return "", err
	}
	out, checkpoint := filepath.Join(dir, "out"), filepath.Join(dir, "checkpoint")
	for _, d := range []string{out, checkpoint} {
		if err := os.MkdirAll(d, 0o777); err != nil {
			return "", err
		}
	}
	err = runStage(ctx, x.Stage, rec, stage.Env{
		Dir: out, Checkpoint: checkpoint, Inputs: inputs, Files: rec.Files, Threads: threadsOr1(x.Threads),
		Log: slog.New(slog.DiscardHandler), Progress: func(int64, int64, string) {}, Metric: func(int, map[string]float64) {},
	})
	if err != nil {
		return "", err
	}
	return x.Store.DigestOf(out)
}

// Consistent checks what no hash of a file shows: that the record belongs to
// the key, and that the inputs which it names have the digests that it was
// planned for. digests are those of results checked before, by key.
func Consistent(s *store.Store, res store.Result, digests map[string]string) error {
	rec, err := ReadRecord(s, res.Key)
	if err != nil {
		return err
	}
	if rec.Fields.Key() != res.Key {
		return &store.CorruptError{Key: res.Key, Path: "task.json", Reason: "its fields do not give the key"}
	}
	if rec.Digest != res.Digest {
		return &store.CorruptError{Key: res.Key, Path: "task.json", Reason: "its digest is not that of DONE"}
	}
	for name, key := range rec.Inputs {
		if d, ok := digests[key]; ok && d != rec.Fields.Inputs[name] {
			return &store.CorruptError{Key: res.Key, Path: "task.json", Reason: fmt.Sprintf("input %s has another digest now", name)}
		}
	}
	return nil
}
