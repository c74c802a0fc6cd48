package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func key(c string) string { return strings.Repeat(c, 64) }

// makeResult commits a result of the given files.
func makeResult(s *Store, key string, files map[string]string) (Result, error) {
	l, err := s.Lock(context.Background(), key)
	if err != nil {
		return Result{}, err
	}
	defer l.Release()
	e, err := s.Begin(l)
	if err != nil {
		return Result{}, err
	}
	for name, text := range files {
		path := filepath.Join(e.Dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o666)); err != nil {
			return Result{}, err
		}
	}
	for path, text := range map[string]string{e.Log: "log\n", e.Metrics: "{}\n", filepath.Join(e.Checkpoint, "x"): "half"} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			return Result{}, err
		}
	}
	return e.Commit(func([]File, string) []byte { return []byte("{}\n") })
}

var sample = map[string]string{"a.txt": "alpha", "sub/b.bin": "beta", "sub/deep/c": ""}

func TestCommitAndLookup(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lookup(key("a")); !errors.Is(err, ErrMissing) {
		t.Fatalf("empty store: %v", err)
	}
	res, err := makeResult(s, key("a"), sample)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Lookup(key("a"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(res, got); d != "" {
		t.Errorf("-committed +found\n%s", d)
	}
	// sha256sum a.txt sub/b.bin sub/deep/c | sha256sum: fixed for all time.
	if want := "7d60c9a17bfa03b0882de00d94dbc69ec3b8306d6dba33d5bfab131b11681fd2"; got.Digest != want {
		t.Errorf("digest %s, want %s", got.Digest, want)
	}
	if b, err := os.ReadFile(filepath.Join(got.Dir, "sub", "b.bin")); err != nil || string(b) != "beta" {
		t.Errorf("read back %q, %v", b, err)
	}
	for _, gone := range []string{tmpDir, checkpointDir} {
		if _, err := os.Stat(filepath.Join(s.Dir(key("a")), gone)); err == nil {
			t.Errorf("%s survived the commit", gone)
		}
	}
	// Another key with the same bytes shares them, and has the same digest.
	other, err := makeResult(s, key("b"), sample)
	if err != nil || other.Digest != res.Digest {
		t.Fatalf("%v %s", err, other.Digest)
	}
	x, _ := stampOf(filepath.Join(res.Dir, "a.txt"))
	y, _ := stampOf(filepath.Join(other.Dir, "a.txt"))
	if x.inode != y.inode {
		t.Error("equal files are stored twice")
	}
	if keys, err := s.Keys(); err != nil || len(keys) != 2 {
		t.Errorf("keys %v, %v", keys, err)
	}
}

func TestLock(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.Lock(context.Background(), key("a"))
	if err != nil {
		t.Fatal(err)
	}
	if !s.Busy(key("a")) || s.Busy(key("b")) {
		t.Error("Busy does not see the lock")
	}
	if _, err := s.Lock(context.Background(), key("a")); !errors.Is(err, ErrLocked) {
		t.Errorf("second lock: %v", err)
	}
	l.Release()
	if s.Busy(key("a")) {
		t.Error("still busy")
	}
}

// TestEveryByte flips one random byte of an entry, a hundred times: verify finds
// each one, and Lookup each one in what a run would use.
func TestEveryByte(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := makeResult(s, key("a"), sample); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * racy)
	if _, err := s.Lookup(key("a")); err != nil { // leaves stamps to be fooled by
		t.Fatal(err)
	}
	dir := s.Dir(key("a"))
	files := []string{"DONE", "task.json", "log.txt", "metrics.jsonl", "out/a.txt", "out/sub/b.bin", "STAMP"}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 100 {
		name := files[r.IntN(len(files))]
		path := filepath.Join(dir, name)
		if name == "STAMP" { // Lookup wrote it last
			if _, err := s.Lookup(key("a")); err != nil {
				t.Fatal(err)
			}
		}
		old, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := append([]byte(nil), old...)
		bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
		write(t, path, bad)
		var c *CorruptError
		if _, err := s.Verify(key("a")); !errors.As(err, &c) {
			t.Fatalf("flip %d in %s: verify says %v", i, name, err)
		}
		if _, err := s.Lookup(key("a")); !errors.As(err, &c) && name != "log.txt" && name != "metrics.jsonl" && name != "STAMP" {
			t.Fatalf("flip %d in %s: lookup says %v", i, name, err)
		}
		write(t, path, old)
		if _, err := s.Verify(key("a")); err != nil {
			t.Fatalf("restored: %v", err)
		}
	}
	write(t, filepath.Join(dir, "out", "extra"), nil)
	if _, err := s.Lookup(key("a")); err == nil {
		t.Error("an added file is not noticed")
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	os.Chmod(path, 0o644)
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestSetAside moves a damaged entry away and heals the shared object.
func TestSetAside(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	res, err := makeResult(s, key("a"), sample)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(res.Dir, "a.txt"), []byte("omega"))
	l, err := s.Lock(context.Background(), key("a"))
	if err != nil {
		t.Fatal(err)
	}
	place, err := s.SetAside(l, "test")
	l.Release()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(place, "out", "a.txt")); err != nil || string(b) != "omega" {
		t.Errorf("quarantine holds %q, %v", b, err)
	}
	again, err := makeResult(s, key("a"), sample)
	if err != nil || again.Digest != res.Digest {
		t.Fatalf("made again: %v", err)
	}
	if _, err := s.Verify(key("a")); err != nil {
		t.Error(err)
	}
	if sum, _, err := hashFile(s.object(again.Files[0].SHA256)); err != nil || sum != again.Files[0].SHA256 {
		t.Errorf("the object is still damaged: %v", err)
	}
}

// TestEveryFailure makes the n-th file operation fail, for n = 1, 2, … until
// the commit passes: cleanly, torn, and for want of room. After each failure
// the store is opened again, holds a whole result or none, and making it again
// gives the same digest.
func TestEveryFailure(t *testing.T) {
	want := ""
	for _, kind := range []error{errors.New("injected"), Torn, syscall.ENOSPC} {
		points := 0
		for n := 1; ; n++ {
			root := ramDir(t)
			count := 0
			s, err := open(root, disk{fault: func(string, string) error {
				if count++; count == n {
					return kind
				}
				return nil
			}})
			if err == nil {
				_, err = makeResult(s, key("a"), sample)
			}
			hitFault := count >= n
			if hitFault {
				points++
			}
			clean, err2 := Open(root)
			if err2 != nil {
				t.Fatal(err2)
			}
			res, lerr := clean.Verify(key("a"))
			if lerr != nil {
				if !errors.Is(lerr, ErrMissing) {
					t.Fatalf("%v at operation %d left damage: %v", kind, n, lerr)
				}
				if err == nil {
					t.Fatalf("%v at operation %d: reported done, holds nothing", kind, n)
				}
				if res, err = makeResult(clean, key("a"), sample); err != nil {
					t.Fatalf("%v at operation %d: cannot go on: %v", kind, n, err)
				}
				if _, err := clean.Verify(key("a")); err != nil {
					t.Fatal(err)
				}
			}
			if want == "" {
				want = res.Digest
			}
			if res.Digest != want {
				t.Fatalf("%v at operation %d: digest %s, want %s", kind, n, res.Digest, want)
			}
			if !hitFault {
				break
			}
		}
		if points < 25 {
			t.Errorf("%v: only %d points", kind, points)
		}
		t.Logf("%v: %d points", kind, points)
	}
}

// ramDir is a temporary folder in memory where the machine has that: the test
// syncs thousands of files.
func ramDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "hardneg-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestDigester(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "model.bin"), []byte("weights"))
	write(t, filepath.Join(dir, ".hidden"), []byte("x"))
	old := time.Now().Add(-time.Hour)
	os.Chtimes(filepath.Join(dir, "model.bin"), old, old)
	first := s.NewDigester()
	a, err := first.Digest(dir)
	if err != nil {
		t.Fatal(err)
	}
	first.Save()
	second := s.NewDigester()
	if len(second.known) != 1 {
		t.Fatalf("remembers %d files", len(second.known))
	}
	if b, err := second.Digest(dir); err != nil || a != b {
		t.Errorf("remembered %s, %v", b, err)
	}
	write(t, filepath.Join(dir, "model.bin"), []byte("Weights"))
	if b, err := s.NewDigester().Digest(dir); err != nil || a == b {
		t.Errorf("a change was not noticed: %v", err)
	}
	if _, err := first.Digest(filepath.Join(dir, "absent")); err == nil {
		t.Error("no error for a missing file")
	}
}

// TestPrune deletes some files of a result: it stays, with its digest; a crash
// at any moment leaves a file too many, never one too few.
func TestPrune(t *testing.T) {
	match := func(path string) bool { return strings.HasPrefix(path, "sub/") }
	for n := 1; ; n++ {
		root := ramDir(t)
		made, err := Open(root)
		if err != nil {
			t.Fatal(err)
		}
		res, err := makeResult(made, key("a"), sample)
		if err != nil {
			t.Fatal(err)
		}
		count := 0
		s := &Store{made.root, disk{fault: func(string, string) error {
			if count++; count == n {
				return Torn
			}
			return nil
		}}}
		prune := func(s *Store) (int64, error) {
			l, err := made.Lock(context.Background(), key("a"))
			if err != nil {
				t.Fatal(err)
			}
			defer l.Release()
			return s.Prune(l, match)
		}
		freed, err := prune(s)
		hit := count >= n
		for _, look := range []func(string) (Result, error){made.Lookup, made.Verify} {
			if got, err := look(key("a")); err != nil || got.Digest != res.Digest {
				t.Fatalf("fault at operation %d: %v", n, err)
			}
		}
		if hit {
			if _, err := prune(made); err != nil {
				t.Fatal(err)
			}
		} else if err != nil || freed != int64(len("beta")) {
			t.Fatalf("freed %d, %v", freed, err)
		}
		got, err := made.Verify(key("a"))
		if err != nil || !got.Partial() || !made.Pruned() {
			t.Fatalf("fault at operation %d: partial %t, pruned %t, %v", n, got.Partial(), made.Pruned(), err)
		}
		if left, _ := os.ReadDir(filepath.Join(got.Dir, "sub")); len(left) != 1 || left[0].Name() != "deep" {
			t.Errorf("left: %v", left)
		}
		if orphans, err := made.Orphans(); err != nil || len(orphans) != 2 {
			t.Errorf("orphans %v, %v", orphans, err)
		}
		if !hit {
			if n < 5 {
				t.Errorf("only %d operations", n)
			}
			break
		}
	}
}
