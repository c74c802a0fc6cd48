package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Garbage is something that may be deleted.
type Garbage struct {
	Path  string // relative to the workspace
	Bytes int64  // that deleting it frees
	Why   string
	key   string                 // lock to take first; empty: none
	match func(path string) bool // not nil: only these files of the key's result
	files []string               // not nil: only these files below Path
}

// Garbage lists what no live key needs and was not touched since a moment:
// entries that are not live, what was set aside, leftovers of killed processes.
// live is asked after the entries were listed: a run links to a key before it
// makes the entry, so a new one cannot be taken for garbage.
func (s *Store) Garbage(live func() (map[string]bool, error), before time.Time) ([]Garbage, error) {
	keys, err := s.Keys()
	if err != nil {
		return nil, err
	}
	used, err := live()
	if err != nil {
		return nil, err
	}
	var all []Garbage
	add := func(path, why, key string) {
		if st, err := os.Lstat(path); err == nil && st.ModTime().Before(before) {
			all = append(all, s.garbage(path, why, key))
		}
	}
	for _, key := range keys {
		switch dir := s.Dir(key); {
		case s.Busy(key):
		case !used[key]:
			add(dir, "no run uses it", key)
		case s.Committed(key):
			for _, rest := range []string{tmpDir, checkpointDir} {
				add(filepath.Join(dir, rest), "left after the commit", key)
			}
		}
	}
	aside, err := os.ReadDir(filepath.Join(s.root, "cache", quarantineName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range aside {
		add(filepath.Join(s.root, "cache", quarantineName, e.Name()), "was set aside", "")
	}
	return all, nil
}

func (s *Store) garbage(path, why, key string) Garbage {
	rel, err := filepath.Rel(s.root, path)
	if err != nil {
		panic("store: a path outside the workspace")
	}
	return Garbage{Path: filepath.ToSlash(rel), Bytes: treeBytes(path), Why: why, key: key}
}

// Orphans lists objects that no result holds, and half-made links; deleting
// entries makes more of them.
func (s *Store) Orphans() (all []Garbage, err error) {
	err = filepath.WalkDir(filepath.Join(s.root, "cache", "objects"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case strings.HasSuffix(path, ".lnk"):
			all = append(all, s.garbage(path, "left by a killed process", ""))
		case links(info) == 1:
			all = append(all, s.garbage(path, "no result holds it", ""))
		}
		return nil
	})
	return all, err
}

// Kept lists what a folder of cache/ holds to save work and was not touched
// since a moment, as one piece: it may go at any time.
func (s *Store) Kept(folder, what string, before time.Time) ([]Garbage, error) {
	dir := filepath.Join(s.root, "cache", folder)
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	g := Garbage{Path: "cache/" + folder}
	for _, e := range list {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && info.ModTime().Before(before) {
			g.files, g.Bytes = append(g.files, e.Name()), g.Bytes+info.Size()
		}
	}
	if g.files == nil {
		return nil, nil
	}
	g.Why = fmt.Sprintf("%d %s", len(g.files), what)
	return []Garbage{g}, nil
}

// Delete removes one piece of garbage; an entry that became busy stays.
func (s *Store) Delete(g Garbage) error {
	path := filepath.Join(s.root, filepath.FromSlash(g.Path))
	if g.files != nil {
		for _, name := range g.files {
			if err := s.disk.removeAll(filepath.Join(path, name)); err != nil {
				return err
			}
		}
		return nil
	}
	if g.key == "" {
		return s.disk.removeAll(path)
	}
	l, err := s.Lock(context.Background(), g.key)
	if errors.Is(err, ErrLocked) {
		return nil
	}
	if err != nil {
		return err
	}
	defer l.Release()
	if g.match != nil {
		_, err := s.Prune(l, g.match)
		return err
	}
	if path == s.Dir(g.key) { // DONE first: a half-deleted entry is no result
		if err := s.disk.removeAll(filepath.Join(path, doneFile)); err != nil {
			return err
		}
	}
	return s.disk.removeAll(path)
}

// treeBytes counts files that have no other name outside: a hard link that
// stays elsewhere frees nothing.
func treeBytes(path string) (n int64) {
	_ = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil && (links(info) <= 2) { // its object's name and its own
			n += info.Size()
		}
		return nil
	})
	return n
}
