// Package trend is the nightly series of a spec: its history, the decision on
// each metric, and the page that shows both.
//
// A night is one line of history.jsonl: the values of the metrics on one date,
// with what says whether it may be compared. Two nights are comparable when
// their specs are equal but for seeds, run and outputs, and their hardware
// class is the same. An acceptance is another kind of line: it says that a
// metric's level moved for a reason, so that its series begins anew with a run.
//
// Nights enter through Read and Append, which never changes a line; decisions
// leave through Decide, by the rule of reports/stats, and through Write as one
// self-contained page.
package trend

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Kinds of lines.
const (
	KindNight  = "night"
	KindAccept = "accept"
)

// Entry is a line of history.jsonl.
type Entry struct {
	Schema int       `json:"schema"` // 1
	Kind   string    `json:"kind"`
	Date   string    `json:"date"` // of the night: 2026-11-22
	Run    string    `json:"run"`
	At     time.Time `json:"at"` // when the line was written

	Spec     string              `json:"spec,omitempty"`     // digest of what makes nights comparable
	Hardware string              `json:"hardware,omitempty"` // class
	Commit   string              `json:"commit,omitempty"`
	Version  string              `json:"version,omitempty"`     // of hardneg
	Stages   map[string]int      `json:"stages,omitempty"`      // versions of the stages
	Environ  map[string]string   `json:"environment,omitempty"` // Go, system, driver
	Values   map[string]*float64 `json:"values,omitempty"`      // accuracies are fractions; null: watched, no result
	Sentinel string              `json:"sentinel,omitempty"`
	Tasks    int                 `json:"tasks,omitempty"`
	Cached   int                 `json:"cached,omitempty"` // of the tasks: made by an earlier run
	Failed   int                 `json:"failed,omitempty"`
	WallS    float64             `json:"wall_s,omitempty"`
	Again    bool                `json:"measured_again,omitempty"` // an alarm on speed, time or memory made us look twice
	Refuted  []string            `json:"refuted,omitempty"`        // claims

	Metric  string `json:"metric,omitempty"` // of an acceptance
	Because string `json:"because,omitempty"`
}

// file is the history inside its folder.
const file = "history.jsonl"

// Read reads a folder's history; none yet is an empty one. A torn last line,
// left by a crash, does not count.
func Read(dir string) ([]Entry, error) {
	path := filepath.Join(dir, file)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []Entry
	n := 0
	for line := range bytes.Lines(b) {
		n++
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var e Entry
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&e); err != nil {
			if !bytes.HasSuffix(line, []byte("\n")) {
				break
			}
			return nil, fmt.Errorf("%s:%d: %w; restore the line from a copy, the file is only ever appended to", path, n, err)
		}
		if e.Schema != 1 || e.Kind != KindNight && e.Kind != KindAccept {
			return nil, fmt.Errorf("%s:%d: schema %d, kind %q: written by another version", path, n, e.Schema, e.Kind)
		}
		out = append(out, e)
	}
	return out, nil
}

// Append adds one line and forces it to the disk.
func Append(dir string, e Entry) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	e.Schema = 1
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	err = dropTorn(f)
	if err == nil {
		_, err = f.Write(append(line, '\n'))
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// dropTorn cuts off what follows the last newline: the torn line of a crash.
// Nothing else is ever taken away.
func dropTorn(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	b := make([]byte, 1)
	for at := info.Size(); ; at-- {
		if at == 0 {
			return f.Truncate(0)
		}
		if _, err := f.ReadAt(b, at-1); err != nil {
			return err
		}
		if b[0] == '\n' && at == info.Size() {
			return nil
		}
		if b[0] == '\n' {
			return f.Truncate(at)
		}
	}
}

// Nights are the nights in order of date; of several lines of one date and spec
// the last counts.
func Nights(h []Entry) []Entry {
	var out []Entry
	for _, e := range h {
		if e.Kind != KindNight {
			continue
		}
		i := slices.IndexFunc(out, func(o Entry) bool { return o.Date == e.Date && alike(o, e) })
		if i >= 0 {
			out[i] = e
		} else {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b Entry) int {
		return bytes.Compare([]byte(a.Date), []byte(b.Date))
	})
	return out
}

// alike says whether two nights measure the same thing.
func alike(a, b Entry) bool { return a.Spec == b.Spec && a.Hardware == b.Hardware }
