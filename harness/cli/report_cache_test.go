package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hardneg/reports/chart"
)

// What was used last stays: by number and by bytes, the newest always.
func TestPruneKeepsWhatWasUsedLast(t *testing.T) {
	fill := func() string {
		dir := t.TempDir()
		for i, name := range []string{"a", "b", "c", "d"} {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(strings.Repeat("x", 10)), 0o644); err != nil {
				t.Fatal(err)
			}
			at := time.Now().Add(time.Duration(i-10) * time.Hour)
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	left := func(dir string) (names []string) {
		es, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range es {
			names = append(names, e.Name())
		}
		return names
	}
	for _, c := range []struct {
		n     int
		bytes int64
		want  []string
	}{{4, 100, []string{"a", "b", "c", "d"}}, {2, 100, []string{"a", "d"}}, {4, 25, []string{"a", "d"}}, {4, 5, []string{"a"}}} {
		dir := fill()
		if err := used(filepath.Join(dir, "a")); err != nil {
			t.Fatal(err)
		}
		if err := prune(dir, c.n, c.bytes); err != nil {
			t.Fatal(err)
		}
		if got := left(dir); !slices.Equal(got, c.want) {
			t.Errorf("at most %d files and %d bytes: %v stay, want %v", c.n, c.bytes, got, c.want)
		}
	}
	if err := used(filepath.Join(t.TempDir(), "gone")); err != nil {
		t.Error(err)
	}
}

// A drawing that is read counts as used.
func TestDrawnTouchesWhatItReads(t *testing.T) {
	dir := t.TempDir()
	c := chart.Chart{ID: "x", Option: []byte("{}")}
	path := filepath.Join(dir, c.Digest()+".svg")
	if err := put(path, []byte("<svg></svg>")); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	if _, err := drawn(dir, []chart.Chart{c}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.ModTime().Sub(old) < time.Minute {
		t.Errorf("used at %v, %v", info.ModTime(), err)
	}
}
