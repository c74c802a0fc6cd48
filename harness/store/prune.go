package store

import (
	"fmt"
	"os"
	"path/filepath"
)

// prunedFile marks a store in which results have lost files: only then need a
// run ask, before it starts, whether what is gone is read again.
const prunedFile = "PRUNED"

// Pruned says whether any result of the store ever lost files.
func (s *Store) Pruned() bool {
	_, err := os.Lstat(filepath.Join(s.root, "cache", prunedFile))
	return err == nil
}

// Prune deletes those files of a committed result that match and keeps the rest:
// the result stays what it was, its digest included, and DONE says which files
// are gone. Whoever reads them has the task carried out again. DONE is written
// first, so that a crash leaves a file too many and never one too few. It
// returns the bytes of the files deleted; their objects are orphans then.
func (s *Store) Prune(l *Lock, match func(path string) bool) (freed int64, err error) {
	dir := s.Dir(l.key)
	b, err := os.ReadFile(filepath.Join(dir, doneFile))
	if err != nil {
		return 0, err
	}
	d, err := parseDone(b)
	if err != nil {
		return 0, &CorruptError{l.key, doneFile, err.Error()}
	}
	changed := false
	for i, f := range d.files {
		if !f.Gone && match(f.Path) {
			d.files[i].Gone, changed = true, true
		}
	}
	if changed {
		if err := s.disk.replace(filepath.Join(s.root, "cache", prunedFile), nil, true); err != nil {
			return 0, err
		}
		if err := s.disk.replace(filepath.Join(dir, doneFile), d.bytes(), true); err != nil {
			return 0, err
		}
	}
	for _, f := range d.files {
		path := filepath.Join(dir, outDir, filepath.FromSlash(f.Path))
		if !f.Gone {
			continue
		}
		if _, err := os.Lstat(path); err != nil {
			continue
		}
		if err := s.disk.removeAll(path); err != nil {
			return freed, err
		}
		freed += f.Size
	}
	return freed, nil
}

// Prunable is the garbage that Prune would make of a key's result, with the
// reason; false where it has no such file, or is being worked on.
func (s *Store) Prunable(key, why string, match func(path string) bool) (Garbage, bool) {
	b, err := os.ReadFile(filepath.Join(s.Dir(key), doneFile))
	if err != nil || s.Busy(key) {
		return Garbage{}, false
	}
	d, err := parseDone(b)
	if err != nil {
		return Garbage{}, false
	}
	g := s.garbage(s.Dir(key), why, key)
	g.Bytes, g.match = 0, match
	for _, f := range d.files {
		if !match(f.Path) {
			continue
		}
		info, err := os.Lstat(filepath.Join(s.Dir(key), outDir, filepath.FromSlash(f.Path)))
		if err == nil && links(info) <= 2 {
			g.Bytes += info.Size()
		}
	}
	g.Path += fmt.Sprintf("/%s", outDir)
	return g, g.Bytes > 0
}
