package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
)

// Entry is an entry being worked on, by the holder of its lock.
type Entry struct {
	store      *Store
	Key        string
	Root       string // the entry's folder
	Dir        string // where the result's files go; empty at the start
	Checkpoint string // survives a killed attempt
	Log        string // text, appended
	Metrics    string // JSON lines, appended
	Exit       string // how the attempt ended, where it did not commit
	Progress   string // how far the attempt is
}

// Paths names the files of a key's entry.
func (s *Store) Paths(key string) Entry {
	dir := s.Dir(key)
	at := func(name string) string { return filepath.Join(dir, name) }
	return Entry{s, key, dir, at(tmpDir), at(checkpointDir), at(logFile), at(metricsFile), at(exitFile), at(progressFile)}
}

// Begin prepares the entry for an attempt: whatever an earlier one left half
// done is removed, its checkpoint, log and metrics stay.
func (s *Store) Begin(l *Lock) (*Entry, error) {
	e := s.Paths(l.key)
	out := filepath.Join(e.Root, outDir)
	for _, old := range []string{filepath.Join(e.Root, doneFile), filepath.Join(e.Root, stampFile), e.Exit, e.Progress, out, e.Dir} {
		if err := s.disk.removeAll(old); err != nil {
			return nil, err
		}
	}
	for _, dir := range []string{e.Dir, e.Checkpoint} {
		if err := s.disk.mkdirAll(dir); err != nil {
			return nil, err
		}
	}
	if err := cutTornLine(e.Metrics); err != nil {
		return nil, err
	}
	return &e, nil
}

// cutTornLine removes what follows the last newline: a row that a killed
// attempt did not finish.
func cutTornLine(path string) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if n := bytes.LastIndexByte(b, '\n') + 1; n < len(b) {
		return os.Truncate(path, int64(n))
	}
	return nil
}

// Commit makes the files in e.Dir the key's result: hashed, linked as objects,
// forced to the disk, renamed into place, and DONE written last. record gives
// the final task.json. Nothing of the entry may change afterwards.
func (e *Entry) Commit(record func(files []File, digest string) []byte) (Result, error) {
	s := e.store
	files, made, err := e.seal()
	if err != nil {
		return Result{}, err
	}
	d := done{digest: digest(files), files: files}
	out := filepath.Join(e.Root, outDir)
	if err := s.disk.replace(filepath.Join(e.Root, recordFile), record(files, d.digest), false); err != nil {
		return Result{}, err
	}
	for _, name := range []string{logFile, metricsFile, recordFile} {
		path := filepath.Join(e.Root, name)
		sum, size, err := hashFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Result{}, err
		}
		d.beside = append(d.beside, File{Path: name, SHA256: sum, Size: size})
		made = append(made, path)
	}
	if err := s.disk.syncAll(made); err != nil {
		return Result{}, err
	}
	if err := s.disk.rename(e.Dir, out); err != nil {
		return Result{}, err
	}
	if err := s.disk.sync(e.Root); err != nil {
		return Result{}, err
	}
	if err := s.disk.replace(filepath.Join(e.Root, doneFile), d.bytes(), true); err != nil {
		return Result{}, err
	}
	// The result stands; what follows only tidies up.
	known := stamps{}
	for _, f := range d.all() {
		if st, err := stampOf(filepath.Join(e.Root, filepath.FromSlash(f.Path))); err == nil {
			known[f.Path] = st
		}
	}
	s.writeStamps(e.Root, known)
	for _, rest := range []string{e.Checkpoint, e.Progress, e.Exit} {
		if err := s.disk.removeAll(rest); err != nil {
			break
		}
	}
	return Result{e.Key, d.digest, out, files}, nil
}

// seal hashes and links every file of the result; made are the paths to sync.
func (e *Entry) seal() (files []File, made []string, err error) {
	err = filepath.WalkDir(e.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		made = append(made, path)
		if d.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(e.Dir, path)
		if err != nil {
			return err
		}
		if !d.Type().IsRegular() || strings.Contains(rel, "\n") {
			return fmt.Errorf("result %s: %q is not a plain file", short(e.Key), rel)
		}
		sum, size, err := hashFile(path)
		if err != nil {
			return err
		}
		files = append(files, File{Path: filepath.ToSlash(rel), SHA256: sum, Size: size})
		if err := e.store.disk.chmod(path, 0o444); err != nil {
			return err
		}
		return e.store.share(path, sum)
	})
	sort.Slice(files, func(i, j int) bool { return files[i].Path < files[j].Path })
	return files, made, err
}

// share makes path and the object of its hash one file. A file system without
// hard links keeps two results' equal files apart, which only costs room; so does
// an object's name that a power cut takes, which is why nothing here is synced.
func (s *Store) share(path, sum string) error {
	obj := s.object(sum)
	if err := s.disk.mkdirAll(filepath.Dir(obj)); err != nil {
		return err
	}
	err := s.disk.link(path, obj)
	switch {
	case err == nil, noHardLinks(err):
		return nil
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	from, to := obj, path // the object is there: use it…
	if got, _, err := hashFile(obj); err != nil || got != sum {
		from, to = path, obj // …unless it was damaged: then it becomes ours
	}
	tmp := fmt.Sprintf("%s.%d.lnk", obj, os.Getpid())
	os.Remove(tmp)
	switch err := s.disk.link(from, tmp); {
	case err == nil:
	case noHardLinks(err):
		return nil
	case from == obj && errors.Is(err, fs.ErrNotExist): // gc took it away just now
		return s.disk.link(path, obj)
	default:
		return err
	}
	defer os.Remove(tmp) // rename of two names of one file does nothing at all
	return s.disk.rename(tmp, to)
}

func noHardLinks(err error) bool {
	for _, e := range []error{syscall.EPERM, syscall.ENOTSUP, syscall.EMLINK, syscall.EXDEV, syscall.ENOSYS} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// SetAside moves a damaged entry to cache/quarantine, where nothing looks for
// results; it returns the new place, or "" where another process was faster.
func (s *Store) SetAside(l *Lock, reason string) (string, error) {
	dir := s.Dir(l.key)
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	home := filepath.Join(s.root, "cache", quarantineName)
	if err := s.disk.mkdirAll(home); err != nil {
		return "", err
	}
	for n := 1; ; n++ {
		to := filepath.Join(home, fmt.Sprintf("%s.%d", l.key, n))
		if _, err := os.Lstat(to); err == nil {
			continue
		}
		if err := s.disk.rename(dir, to); err != nil {
			return "", err
		}
		return to, s.disk.replace(filepath.Join(to, "WHY"), []byte(reason+"\n"), false)
	}
}
