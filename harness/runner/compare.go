package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"

	"hardneg/experiments/plan"
	"hardneg/experiments/spec"
	"hardneg/harness/store"
	"hardneg/harness/track"
)

// Difference is what differs between two runs.
type Difference struct {
	Settings []Setting  `json:"settings"`
	Tasks    []TaskDiff `json:"tasks"`
	Same     int        `json:"same"` // tasks with equal keys, or equal results
}

// Setting is a value of the resolved specs; absent ones are empty.
type Setting struct {
	Path string `json:"path"`
	A    string `json:"a"`
	B    string `json:"b"`
}

// TaskDiff is a task that only one run has, or that has another key.
type TaskDiff struct {
	Task string `json:"task"`
	Why  string `json:"why"`
}

// settings reads a run's resolved spec as plain values.
func settings(f *track.Folder, to *any) error {
	b, err := os.ReadFile(f.Path("spec.yaml"))
	if err != nil {
		return err
	}
	if s, err := spec.Kept(b); err == nil {
		if b, err = json.Marshal(s); err != nil {
			return err
		}
	}
	if err := json.Unmarshal(b, to); err != nil {
		return &track.DamagedError{Path: f.Path("spec.yaml"), Err: err}
	}
	return nil
}

// Compare compares two runs of a workspace.
func Compare(s *store.Store, a, b *track.Folder) (Difference, error) {
	d := Difference{Settings: []Setting{}, Tasks: []TaskDiff{}}
	var x, y any
	for f, v := range map[*track.Folder]*any{a: &x, b: &y} {
		if err := settings(f, v); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return d, err
		}
	}
	fx, fy := map[string]string{}, map[string]string{}
	flatten("", x, fx)
	flatten("", y, fy)
	for _, p := range union(fx, fy) {
		if fx[p] != fy[p] {
			d.Settings = append(d.Settings, Setting{p, fx[p], fy[p]})
		}
	}
	tx, err := byID(s, a)
	if err != nil {
		return d, err
	}
	ty, err := byID(s, b)
	if err != nil {
		return d, err
	}
	for _, id := range union(tx, ty) {
		one, inA := tx[id]
		two, inB := ty[id]
		switch {
		case !inB:
			d.Tasks = append(d.Tasks, TaskDiff{id, "only in " + a.Run})
		case !inA:
			d.Tasks = append(d.Tasks, TaskDiff{id, "only in " + b.Run})
		case one.Key != "" && one.Key == two.Key:
			d.Same++
		default:
			if why := because(s, one.Key, two.Key); why != "" {
				d.Tasks = append(d.Tasks, TaskDiff{id, why})
			} else {
				d.Same++
			}
		}
	}
	return d, nil
}

func byID(s *store.Store, f *track.Folder) (map[string]TaskStatus, error) {
	list, err := Inspect(s, f)
	m := make(map[string]TaskStatus, len(list))
	for _, t := range list {
		m[t.Task.ID] = t
	}
	return m, err
}

// because reads two records and says where their keys part.
func because(s *store.Store, a, b string) string {
	const unknown = "not known yet: an input is not done"
	if a == "" || b == "" {
		return unknown
	}
	ra, errA := ReadRecord(s, a)
	rb, errB := ReadRecord(s, b)
	if errA != nil || errB != nil {
		return unknown
	}
	return FirstDifference(ra.Fields, rb.Fields)
}

// FirstDifference names the first field in which two keys differ, with both
// values: the reason why a task runs again. Empty: the keys are equal.
func FirstDifference(a, b plan.KeyFields) string {
	if a.Stage != b.Stage {
		return fmt.Sprintf("stage: %s, was %s", b.Stage, a.Stage)
	}
	if a.Version != b.Version {
		return fmt.Sprintf("version of the stage: %d, was %d", b.Version, a.Version)
	}
	pa, pb := map[string]string{}, map[string]string{}
	var va, vb any
	if json.Unmarshal(a.Params, &va) == nil && json.Unmarshal(b.Params, &vb) == nil {
		flatten("", va, pa)
		flatten("", vb, pb)
	}
	for _, p := range union(pa, pb) {
		if pa[p] != pb[p] {
			return fmt.Sprintf("%s: %s, was %s", p, orAbsent(pb[p]), orAbsent(pa[p]))
		}
	}
	if a.Device != b.Device {
		return fmt.Sprintf("device: %s, was %s", b.Device, a.Device)
	}
	for _, n := range union(a.Files, b.Files) {
		if a.Files[n] != b.Files[n] {
			return "content of file " + n
		}
	}
	for _, n := range union(a.Inputs, b.Inputs) {
		if a.Inputs[n] != b.Inputs[n] {
			return "result of input " + n
		}
	}
	return ""
}

func orAbsent(s string) string {
	if s == "" {
		return "absent"
	}
	return s
}

// flatten turns a JSON value into dotted paths.
func flatten(path string, v any, out map[string]string) {
	join := func(k string) string {
		if path == "" {
			return k
		}
		return path + "." + k
	}
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			flatten(join(k), e, out)
		}
	case []any:
		for i, e := range x {
			flatten(join(strconv.Itoa(i)), e, out)
		}
	case nil:
	default:
		b, err := json.Marshal(x)
		if err == nil {
			out[path] = string(b)
		}
	}
}

func union[V any](a, b map[string]V) []string {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]V{}
	}
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}
