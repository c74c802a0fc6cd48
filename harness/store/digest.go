package store

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
)

// Digester hashes what the user has: checkpoint folders, data files. It
// remembers in cache/STAMP what it hashed, so that an untouched 3 GB checkpoint
// is read once.
type Digester struct {
	store *Store
	known stamps
	fresh stamps
}

// NewDigester reads what earlier runs remembered.
func (s *Store) NewDigester() *Digester {
	return &Digester{s, readStamps(filepath.Join(s.root, "cache")), stamps{}}
}

// Digest is the SHA-256 of a file, or of a folder the digest over the sorted
// paths and hashes of its files; hidden files and links to folders do not count.
// Of a folder only the files count whose name fits one of the patterns, or whose
// path inside it is given, where any are given.
func (d *Digester) Digest(place string, only ...string) (string, error) {
	abs, err := filepath.Abs(place)
	if err != nil {
		return "", err
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return "", err
	}
	st, err := os.Stat(abs)
	if err != nil {
		return "", err
	}
	if !st.IsDir() {
		return d.file(abs)
	}
	var files []File
	err = filepath.WalkDir(abs, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if p != abs && e.Name()[0] == '.' {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(abs, p)
		if err != nil || e.IsDir() || !counts(only, filepath.ToSlash(rel)) {
			return err
		}
		if st, err := os.Stat(p); err != nil || st.IsDir() {
			return err
		}
		sum, err := d.file(p)
		files = append(files, File{Path: filepath.ToSlash(rel), SHA256: sum})
		return err
	})
	if err != nil {
		return "", err
	}
	if len(files) == 0 {
		return "", fmt.Errorf("folder %s has none of the files that count: %w", place, fs.ErrNotExist)
	}
	sort.Slice(files, func(i, j int) bool { return files[i].Path < files[j].Path })
	return digest(files), nil
}

// counts says whether a file of a folder is among those named.
func counts(only []string, rel string) bool {
	return len(only) == 0 || slices.ContainsFunc(only, func(pattern string) bool {
		fits, err := path.Match(pattern, path.Base(rel))
		return pattern == rel || err == nil && fits
	})
}

// DigestOf is the digest that the files below dir would have as a result.
func (s *Store) DigestOf(dir string) (string, error) {
	var files []File
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		sum, _, err := hashFile(path)
		files = append(files, File{Path: filepath.ToSlash(rel), SHA256: sum})
		return err
	})
	sort.Slice(files, func(i, j int) bool { return files[i].Path < files[j].Path })
	return digest(files), err
}

func (d *Digester) file(path string) (string, error) {
	st, err := stampOf(path)
	if err != nil {
		return "", err
	}
	if was, ok := d.known[path]; ok && was.sum != "" && d.known.trust(path, st) {
		d.fresh[path] = was
		return was.sum, nil
	}
	st.sum, _, err = hashFile(path)
	if err != nil {
		return "", err
	}
	d.fresh[path] = st
	return st.sum, nil
}

// Save remembers what was hashed, for the next run.
func (d *Digester) Save() {
	all := stamps{}
	maps.Copy(all, d.known)
	maps.Copy(all, d.fresh)
	if !maps.Equal(all, d.known) {
		d.store.writeStamps(filepath.Join(d.store.root, "cache"), all)
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
