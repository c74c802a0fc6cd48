package cli

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestOutput: a file is replaced whole and only on success, through links,
// with the permissions that it had.
func TestOutput(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "rows"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(file, []byte("old\n"), 0o640), os.Symlink("rows", link)); err != nil {
		t.Fatal(err)
	}
	a := &App{}
	write := func(path string, with error) error {
		w, finish, err := a.output(path)
		if err != nil {
			return err
		}
		if _, err := w.WriteString("new\n"); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(file); err != nil || string(b) != "old\n" {
			t.Errorf("before the end: %q, %v", b, err)
		}
		return finish(with)
	}
	broken := errors.New("row 4")
	if err := write(link, broken); !errors.Is(err, broken) {
		t.Error(err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "old\n" {
		t.Errorf("after a failure: %q, %v", b, err)
	}
	if err := write(link, nil); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(file)
	if b, rerr := os.ReadFile(file); err != nil || rerr != nil || string(b) != "new\n" || info.Mode().Perm() != 0o640 {
		t.Errorf("after a success: %q, %v, %v, %v", b, info.Mode(), err, rerr)
	}
	if to, err := os.Readlink(link); err != nil || to != "rows" {
		t.Errorf("the link is %q, %v", to, err)
	}
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 2 {
		t.Errorf("left over: %v, %v", list, err)
	}
	if err := write(filepath.Join(dir, "no", "rows"), nil); err == nil {
		t.Error("no folder, no error")
	}
}
