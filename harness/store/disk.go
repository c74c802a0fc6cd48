package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Torn is what a test's fault returns to leave half of the bytes written.
var Torn = errors.New("torn write")

// disk is every change that this package makes to a file system. A test puts a
// fault in the way of the n-th one; in production fault is nil.
type disk struct {
	fault func(op, path string) error
}

func (d disk) before(op, path string) error {
	if d.fault == nil {
		return nil
	}
	if err := d.fault(op, path); err != nil {
		return &fs.PathError{Op: op, Path: path, Err: err}
	}
	return nil
}

func (d disk) mkdirAll(path string) error {
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		return nil
	}
	if err := d.before("mkdir", path); err != nil {
		return err
	}
	return os.MkdirAll(path, 0o777)
}

func (d disk) rename(from, to string) error {
	if err := d.before("rename", to); err != nil {
		return err
	}
	return os.Rename(from, to)
}

func (d disk) link(from, to string) error {
	if err := d.before("link", to); err != nil {
		return err
	}
	return os.Link(from, to)
}

func (d disk) chmod(path string, mode fs.FileMode) error {
	if err := d.before("chmod", path); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// removeAll deletes a tree; read-only files in it are no obstacle.
func (d disk) removeAll(path string) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := d.before("remove", path); err != nil {
		return err
	}
	return os.RemoveAll(path)
}

// sync forces a file's bytes, or a folder's names, to the disk.
func (d disk) sync(path string) error {
	if err := d.before("fsync", path); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// syncAll is sync of many files at once: the file system's journal then writes
// them together, which on a disk is several times faster than one by one.
func (d disk) syncAll(paths []string) error {
	errs := make([]error, len(paths))
	var wg sync.WaitGroup
	for i, p := range paths {
		if err := d.before("fsync", p); err != nil {
			errs[i] = err
			break
		}
		wg.Go(func() { errs[i] = disk{}.sync(p) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// replace writes a whole file so that a reader sees the old bytes or the new
// ones, never a mixture; durable adds the two fsyncs that outlive a power cut.
func (d disk) replace(path string, b []byte, durable bool) (err error) {
	tmp := fmt.Sprintf("%s.%d.tmp", path, os.Getpid())
	if err := d.before("create", tmp); err != nil {
		return err
	}
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(tmp)
		}
	}()
	if err := d.before("write", tmp); err != nil {
		if errors.Is(err, Torn) {
			f.Write(b[:len(b)/2])
		}
		return err
	}
	if _, err := f.Write(b); err != nil {
		return err
	}
	if durable {
		if err := d.before("fsync", tmp); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := d.rename(tmp, path); err != nil {
		return err
	}
	if durable {
		return d.sync(filepath.Dir(path))
	}
	return nil
}
