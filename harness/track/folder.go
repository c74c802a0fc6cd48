package track

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Folder is runs/<run> of a workspace: what a run was and what became of it.
type Folder struct {
	Run string
	Dir string
}

// Event is a line of events.jsonl.
type Event struct {
	Time   time.Time `json:"time"`
	Event  string    `json:"event"` // run, hit, start, done, failed, stopped, blocked, aside, end
	Task   string    `json:"task,omitempty"`
	Key    string    `json:"key,omitempty"`
	N      int       `json:"n,omitempty"` // attempt
	Detail string    `json:"detail,omitempty"`
}

func runsDir(workspace string) string { return filepath.Join(workspace, "runs") }

// OpenFolder makes the run's folder where it is missing.
func OpenFolder(workspace, run string) (*Folder, error) {
	workspace, err := filepath.Abs(workspace)
	if err != nil {
		return nil, err
	}
	f := &Folder{run, filepath.Join(runsDir(workspace), run)}
	if err := os.MkdirAll(filepath.Join(f.Dir, "tasks"), 0o777); err != nil {
		return nil, fmt.Errorf("run folder: %w", err)
	}
	return f, nil
}

// FindFolder is the folder of a run that exists; "latest" names the last used.
func FindFolder(workspace, run string) (*Folder, error) {
	workspace, err := filepath.Abs(workspace)
	if err != nil {
		return nil, err
	}
	if run == "" || run == latest {
		to, err := os.Readlink(filepath.Join(runsDir(workspace), latest))
		if _, gone := os.Stat(filepath.Join(runsDir(workspace), to)); err != nil || gone != nil {
			to, err = newest(workspace) // the last used one was removed
		}
		if err != nil {
			return nil, fmt.Errorf("workspace %s has no run yet; `hardneg run SPEC` makes one", workspace)
		}
		run = filepath.Base(to)
	}
	dir := filepath.Join(runsDir(workspace), run)
	if st, err := os.Stat(dir); err != nil || !st.IsDir() || strings.ContainsAny(run, `/\`) || strings.HasPrefix(run, ".") {
		return nil, fmt.Errorf("run %q: %w in %s; `hardneg runs ls` lists them", run, fs.ErrNotExist, runsDir(workspace))
	}
	return &Folder{run, dir}, nil
}

const latest = "latest"

// newest is the run whose events are the latest.
func newest(workspace string) (run string, err error) {
	names, err := Runs(workspace)
	if err != nil {
		return "", err
	}
	var used time.Time
	for _, name := range names {
		st, err := os.Stat(filepath.Join(runsDir(workspace), name, "events.jsonl"))
		if err == nil && (run == "" || st.ModTime().After(used)) {
			run, used = name, st.ModTime()
		}
	}
	if run == "" {
		return "", fs.ErrNotExist
	}
	return run, nil
}

// Attend says that this process executes the run, until release or its end.
// Several may.
func (f *Folder) Attend() (release func(), err error) {
	lock := flock.New(f.Path("events.jsonl"))
	if err := lock.RLock(); err != nil {
		return nil, fmt.Errorf("run %s: %w", f.Run, err)
	}
	return func() { lock.Close() }, nil
}

// Attended says whether a process executes the run now.
func (f *Folder) Attended() bool {
	lock := flock.New(f.Path("events.jsonl"))
	defer lock.Close()
	free, err := lock.TryLock()
	return err == nil && !free
}

// Runs lists the runs of a workspace, sorted by name.
func Runs(workspace string) ([]string, error) {
	list, err := os.ReadDir(runsDir(workspace))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range list {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// Path is the path of a file of the run.
func (f *Folder) Path(name string) string { return filepath.Join(f.Dir, name) }

// Put writes a file whole; equal bytes leave the file as it is.
func (f *Folder) Put(name string, b []byte) error {
	path := f.Path(name)
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, b) {
		return nil
	}
	tmp := path + "." + strconv.Itoa(os.Getpid()) + ".tmp"
	if err := os.WriteFile(tmp, b, 0o666); err != nil {
		os.Remove(tmp)
		return fmt.Errorf("run %s: %w", f.Run, err)
	}
	return os.Rename(tmp, path)
}

// PutJSON is Put of an indented document.
func (f *Folder) PutJSON(name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("run %s: %s: %w", f.Run, name, err)
	}
	return f.Put(name, append(b, '\n'))
}

// DamagedError says that a file of a run is not what the run wrote.
type DamagedError struct {
	Path string
	Err  error
}

// Error names the file.
func (e *DamagedError) Error() string { return fmt.Sprintf("%s is damaged: %v", e.Path, e.Err) }

// Unwrap is what is wrong with it.
func (e *DamagedError) Unwrap() error { return e.Err }

// Read decodes a JSON file of the run; one that does not decode is a *DamagedError.
func (f *Folder) Read(name string, v any) error {
	b, err := os.ReadFile(f.Path(name))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return &DamagedError{f.Path(name), err}
	}
	return nil
}

// Append adds events in one write, so that two harnesses do not mix lines.
func (f *Folder) Append(events ...Event) error {
	var b bytes.Buffer
	for _, e := range events {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		b.Write(append(line, '\n'))
	}
	w, err := os.OpenFile(f.Path("events.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return errors.Join(err, w.Close())
}

// Events reads events.jsonl; a torn last line does not count.
func (f *Folder) Events() ([]Event, error) {
	b, err := os.ReadFile(f.Path("events.jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Event
	for line := range bytes.Lines(b) {
		var e Event
		if json.Unmarshal(line, &e) == nil {
			all = append(all, e)
		}
	}
	return all, nil
}

// EventBytes is the size of events.jsonl: it only grows, so it tells versions apart.
func (f *Folder) EventBytes() int64 {
	st, err := os.Stat(f.Path("events.jsonl"))
	if err != nil {
		return 0
	}
	return st.Size()
}

// Remove deletes the run's folder; the results that it links to stay.
func (f *Folder) Remove() error {
	link := filepath.Join(filepath.Dir(f.Dir), latest)
	to, err := os.Readlink(link)
	if err == nil && to == f.Run {
		if err := os.Remove(link); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(f.Dir); err != nil || to != f.Run {
		return err
	}
	next, err := newest(filepath.Dir(filepath.Dir(f.Dir)))
	if err != nil {
		return nil // none is left
	}
	return (&Folder{next, filepath.Join(filepath.Dir(f.Dir), next)}).SetLatest()
}

// VerifiedFile holds what checking the run found; it is no part of the run.
const VerifiedFile = "verified.json"

// sealFile lists the hashes of a run's files, as sha256sum prints them.
const sealFile = "SHA256SUMS"

// Seal writes the hashes of the run's own files, for Check: all but the ones
// that go on growing (events), that people change (tags) or that Check's caller
// writes afterwards (verified).
func (f *Folder) Seal() error {
	sums, err := f.sums()
	if err != nil {
		return err
	}
	return f.Put(sealFile, sums)
}

// Unseal takes the hashes away while the run's files may change.
func (f *Folder) Unseal() error {
	if err := os.Remove(f.Path(sealFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// SealedBefore says whether the run has a seal and it is older than a moment.
func (f *Folder) SealedBefore(at time.Time) bool {
	st, err := os.Stat(f.Path(sealFile))
	return err == nil && st.ModTime().Before(at)
}

// Check names the files that are not what was sealed. A run that never ended
// has no seal and nothing to find.
func (f *Folder) Check() ([]string, error) {
	b, err := os.ReadFile(f.Path(sealFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	now, err := f.sums()
	if err != nil || bytes.Equal(b, now) {
		return nil, err
	}
	was := map[string]bool{}
	for line := range bytes.Lines(b) {
		was[string(line)] = true
	}
	var bad []string
	differs := func(line string) {
		if _, name, _ := strings.Cut(strings.TrimSpace(line), "  "); !slices.Contains(bad, name) {
			bad = append(bad, name)
		}
	}
	for line := range bytes.Lines(now) {
		if !was[string(line)] {
			differs(string(line))
		}
		delete(was, string(line))
	}
	for _, line := range slices.Sorted(maps.Keys(was)) { // changed, or gone
		differs(line)
	}
	if len(bad) == 0 {
		bad = []string{sealFile}
	}
	return bad, nil
}

func (f *Folder) sums() ([]byte, error) {
	list, err := os.ReadDir(f.Dir)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, e := range list {
		switch name := e.Name(); {
		case !e.Type().IsRegular(), name == sealFile, name == "events.jsonl", name == "tags.json", name == VerifiedFile, strings.HasSuffix(name, ".tmp"):
			continue
		default:
			content, err := os.ReadFile(f.Path(name))
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(content), name)
		}
	}
	return b.Bytes(), nil
}

// Link makes tasks/<id> point at the folder of the task's entry.
func (f *Folder) Link(id, entry string) error {
	dir := f.Path("tasks")
	to, err := filepath.Rel(dir, entry)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, id)
	if old, err := os.Readlink(path); err == nil && old == to {
		return nil
	}
	// A new link needs no other beside it, which a kill would leave there.
	if err := os.Symlink(to, path); !errors.Is(err, fs.ErrExist) {
		return err
	}
	tmp := path + "." + strconv.Itoa(os.Getpid()) + ".tmp"
	os.Remove(tmp)
	if err := os.Symlink(to, tmp); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// Links maps the task IDs of the run to the keys they point at.
func (f *Folder) Links() (map[string]string, error) {
	list, err := os.ReadDir(f.Path("tasks"))
	if err != nil {
		return nil, err
	}
	keys := make(map[string]string, len(list))
	for _, e := range list {
		if to, err := os.Readlink(filepath.Join(f.Path("tasks"), e.Name())); err == nil && !strings.HasSuffix(e.Name(), ".tmp") {
			keys[e.Name()] = filepath.Base(to)
		}
	}
	return keys, nil
}

// Tags are the words that people gave the run, sorted.
func (f *Folder) Tags() ([]string, error) {
	var tags []string
	if err := f.Read("tags.json", &tags); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return tags, nil
}

// SetTags replaces them.
func (f *Folder) SetTags(tags []string) error {
	tags = slices.Compact(slices.Sorted(slices.Values(tags)))
	return errors.Join(f.PutJSON("tags.json", tags), f.Append(Event{Time: time.Now().UTC(), Event: "tag", Detail: strings.Join(tags, " ")}))
}

// SetLatest makes the run the one that "latest" names.
func (f *Folder) SetLatest() error {
	path := filepath.Join(filepath.Dir(f.Dir), latest)
	if old, err := os.Readlink(path); err == nil && old == f.Run {
		return nil
	}
	tmp := filepath.Join(filepath.Dir(f.Dir), "."+latest+strconv.Itoa(os.Getpid()))
	os.Remove(tmp)
	if err := os.Symlink(f.Run, tmp); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
