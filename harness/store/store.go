// Package store keeps the results of tasks by content, so that a task is done
// once and a crash at any moment loses nothing but the work of the moment.
//
// Words: a key is the 64 hex digits that name one task with everything that
// can change its result; the caller makes it. An entry is the folder of a key:
// the record, log and metrics of the task, its checkpoint while it is unfinished
// and, once it is committed, its result. A result is a set of files; its digest
// is the hash over their sorted paths and hashes, the same on every machine.
// An object is a file by the hash of its bytes, read-only, hard-linked into
// every result that holds it.
//
// Data enter through Begin and Entry.Commit (under the key's Lock) and leave
// through Lookup as a folder to read. FORMAT.md has the layout, byte by byte.
//
// # Why
//
// The commit marker DONE is written last, after every file it names is on the
// disk, and it hashes itself: an entry is either whole or not there. Lookup
// believes size, modification time and inode of a file that it hashed before
// (as git's index does) and hashes again when one differs, so a run of 160
// cached tasks costs milliseconds and still notices a changed file; Verify
// believes nothing. A database would have made this shorter and a copy with
// rsync wrong.
package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrMissing says that the key has no committed result.
var ErrMissing = errors.New("no such result")

// ErrLocked says that another process works on the key.
var ErrLocked = errors.New("locked by another process")

// CorruptError says that a committed entry is not what was committed.
type CorruptError struct {
	Key    string
	Path   string // the damaged file, relative to the entry
	Reason string
}

func (e *CorruptError) Error() string {
	if (File{Path: e.Path}).loose() {
		return fmt.Sprintf("result %s: %s: %s; the files of the result are good, `hardneg run --force STAGE` makes both again", short(e.Key), e.Path, e.Reason)
	}
	return fmt.Sprintf("result %s: %s: %s; `hardneg run` sets it aside and makes it again", short(e.Key), e.Path, e.Reason)
}

// Store is the cache/ and locks/ part of a workspace.
type Store struct {
	root string
	disk disk
}

// Open makes the folders where they are missing.
func Open(root string) (*Store, error) { return open(root, disk{}) }

// OpenInjected is Open for crash tests: fault is asked before every change to
// the disk and what it returns happens instead; Torn leaves half of a write.
func OpenInjected(root string, fault func(op, path string) error) (*Store, error) {
	return open(root, disk{fault})
}

func open(root string, d disk) (*Store, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	s := &Store{abs, d}
	for _, dir := range []string{"cache/tasks", "cache/objects", "locks"} {
		if err := d.mkdirAll(filepath.Join(abs, dir)); err != nil {
			return nil, fmt.Errorf("workspace %s: %w", root, err)
		}
	}
	return s, nil
}

// Root is the workspace's folder.
func (s *Store) Root() string { return s.root }

// Dir is the entry of a key, whether it is there or not.
func (s *Store) Dir(key string) string {
	return filepath.Join(s.root, "cache", "tasks", key[:2], key)
}

func (s *Store) object(sum string) string {
	return filepath.Join(s.root, "cache", "objects", sum[:2], sum)
}

// File is one file of a result.
type File struct {
	Path   string `json:"path"` // slash-separated, relative to the result
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	Gone   bool   `json:"gone,omitempty"` // deleted by Prune
}

// Result is a committed result.
type Result struct {
	Key    string
	Digest string
	Dir    string // folder that holds the files
	Files  []File // sorted by path
}

// Partial says that Prune has deleted files of the result.
func (r Result) Partial() bool {
	return slices.ContainsFunc(r.Files, func(f File) bool { return f.Gone })
}

// Lookup finds the committed result of key. The error is ErrMissing where there
// is none and a *CorruptError where there is one that was damaged.
func (s *Store) Lookup(key string) (Result, error) { return s.check(key, true) }

// Verify is Lookup that believes nothing and hashes every byte of the entry,
// log and metrics included.
func (s *Store) Verify(key string) (Result, error) { return s.check(key, false) }

func (s *Store) check(key string, quick bool) (Result, error) {
	dir := s.Dir(key)
	b, err := os.ReadFile(filepath.Join(dir, doneFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Result{}, fmt.Errorf("%s: %w", short(key), ErrMissing)
	}
	if err != nil {
		return Result{}, err
	}
	done, err := parseDone(b)
	if err != nil {
		return Result{}, &CorruptError{key, doneFile, err.Error()}
	}
	res := Result{key, done.digest, filepath.Join(dir, outDir), done.files}
	if extra, err := unexpected(res); err != nil || extra != "" {
		return Result{}, &CorruptError{key, outDir + "/" + extra, "a file that was not committed"}
	}
	var known stamps
	if quick {
		known = readStamps(dir)
	}
	if !quick && !stampsWhole(dir) {
		return Result{}, &CorruptError{key, stampFile, "its own hash does not fit; it can be deleted"}
	}
	fresh, hashed := stamps{}, false
	for _, f := range done.all() {
		if f.Gone || quick && f.loose() {
			continue
		}
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		st, err := stampOf(path)
		if err != nil {
			return Result{}, &CorruptError{key, f.Path, "missing or unreadable"}
		}
		if st.size != f.Size {
			return Result{}, &CorruptError{key, f.Path, fmt.Sprintf("%d bytes instead of %d", st.size, f.Size)}
		}
		if !known.trust(f.Path, st) {
			hashed = true
			sum, _, err := hashFile(path)
			if err != nil {
				return Result{}, &CorruptError{key, f.Path, err.Error()}
			}
			if sum != f.SHA256 {
				return Result{}, &CorruptError{key, f.Path, "its SHA-256 is not the committed one"}
			}
		}
		fresh[f.Path] = st
	}
	if quick && hashed {
		s.writeStamps(dir, fresh)
	}
	return res, nil
}

// unexpected finds a file in the result's folder that the result does not name.
func unexpected(r Result) (string, error) {
	want := make(map[string]bool, len(r.Files))
	for _, f := range r.Files {
		want[f.Path] = true
	}
	extra := ""
	err := filepath.WalkDir(r.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(r.Dir, path)
		if err == nil && !want[filepath.ToSlash(rel)] {
			extra = filepath.ToSlash(rel)
		}
		return err
	})
	return extra, err
}

// Committed says whether the key has a result, without looking at its files.
func (s *Store) Committed(key string) bool {
	_, err := os.Lstat(filepath.Join(s.Dir(key), doneFile))
	return err == nil
}

// Record is the bytes of the entry's task.json; ErrMissing where there is none.
func (s *Store) Record(key string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(s.Dir(key), recordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrMissing
	}
	return b, err
}

// WriteRecord replaces task.json of an entry that is not committed. It is not
// forced to the disk: whoever starts the task writes it again.
func (s *Store) WriteRecord(key string, b []byte) error {
	dir := s.Dir(key)
	if err := s.disk.mkdirAll(dir); err != nil {
		return err
	}
	return s.disk.replace(filepath.Join(dir, recordFile), b, false)
}

// Keys lists every entry, committed or not, sorted.
func (s *Store) Keys() ([]string, error) {
	shards, err := os.ReadDir(filepath.Join(s.root, "cache", "tasks"))
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, sh := range shards {
		entries, err := os.ReadDir(filepath.Join(s.root, "cache", "tasks", sh.Name()))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if len(e.Name()) == 64 && strings.HasPrefix(e.Name(), sh.Name()) {
				keys = append(keys, e.Name())
			}
		}
	}
	return keys, nil
}

// short is a key as people read it.
func short(key string) string {
	if len(key) > 12 {
		return key[:12]
	}
	return key
}
