package verifier

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// shared finds the folder of trial data, or skips.
func shared(t testing.TB) string {
	dir := os.Getenv("HARDNEG_SHARED")
	if dir == "" {
		dir = "../../../shared"
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "gsm8k")); err != nil {
		t.Skip("needs the trial data (data/gsm8k, data/human): set HARDNEG_SHARED to their folder and run again")
	}
	return filepath.Join(dir, "data")
}

// rows reads gzipped JSON lines.
func rows[T any](t testing.TB, path string) []T {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var out []T
	s := bufio.NewScanner(z)
	s.Buffer(nil, 1<<24)
	for s.Scan() {
		var r T
		if err := json.Unmarshal(s.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

type gsmRow struct{ Question, Answer string }

func gsmTrain(t testing.TB) []gsmRow {
	return rows[gsmRow](t, filepath.Join(shared(t), "gsm8k", "train.jsonl.gz"))
}
