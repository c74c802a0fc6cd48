package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Change is one field in which two keys differ.
type Change struct {
	Field string `json:"field"` // params.beta, input pairs, file model, device, version
	Old   string `json:"old"`
	New   string `json:"new"`
}

// String writes the change as `beta 0.1 → 0.2`, or `input pairs has other content`.
func (c Change) String() string {
	switch {
	case c.Field == "stage version":
		return "the stage's version " + c.Old + " → " + c.New
	case strings.HasPrefix(c.Field, "input ") || strings.HasPrefix(c.Field, "file "):
		switch {
		case c.Old == "":
			return c.Field + " is new"
		case c.New == "":
			return c.Field + " is gone"
		}
		return c.Field + " has other content"
	case c.Old == "":
		return c.Field + " " + c.New + " is new"
	case c.New == "":
		return c.Field + " " + c.Old + " is gone"
	}
	return c.Field + " " + c.Old + " → " + c.New
}

// Differences lists the fields in which two keys differ: version, device,
// parameters, files, inputs, each in the order of names. A cause comes before
// its consequences.
func Differences(old, new KeyFields) []Change {
	var out []Change
	add := func(field, o, n string) {
		if o != n {
			out = append(out, Change{field, o, n})
		}
	}
	add("stage version", fmt.Sprint(old.Version), fmt.Sprint(new.Version))
	add("device", old.Device, new.Device)
	o, n := Flatten(old.Params), Flatten(new.Params)
	for _, k := range union(o, n) {
		add(k, o[k], n[k])
	}
	for _, k := range union(old.Files, new.Files) {
		add("file "+k, old.Files[k], new.Files[k])
	}
	for _, k := range union(old.Inputs, new.Inputs) {
		add("input "+k, old.Inputs[k], new.Inputs[k])
	}
	return out
}

func union(a, b map[string]string) []string {
	keys := map[string]bool{}
	for k := range a {
		keys[k] = true
	}
	for k := range b {
		keys[k] = true
	}
	return slices.Sorted(maps.Keys(keys))
}

// Flatten turns parameters into dotted names and values as JSON text.
func Flatten(params json.RawMessage) map[string]string {
	out := map[string]string{}
	var walk func(path string, raw json.RawMessage)
	walk = func(path string, raw json.RawMessage) {
		if m := map[string]json.RawMessage{}; bytes.HasPrefix(raw, []byte("{")) && json.Unmarshal(raw, &m) == nil {
			for k, v := range m {
				if path != "" {
					k = path + "." + k
				}
				walk(k, v)
			}
			return
		}
		out[path] = string(raw)
	}
	var compact bytes.Buffer
	if json.Compact(&compact, params) != nil { // a record may be indented
		return map[string]string{"params": string(params)}
	}
	walk("", compact.Bytes())
	return out
}

// Earlier is a task that was carried out before.
type Earlier struct {
	ID     string
	Fields KeyFields
}

// Nearest finds the earlier task from which a new one differs least, tasks of
// the same ID before all others; false if there is none of that stage.
func Nearest(id string, fields KeyFields, earlier []Earlier) (Earlier, []Change, bool) {
	var best Earlier
	var changes []Change
	found := false
	for _, e := range earlier {
		if e.Fields.Stage != fields.Stage {
			continue
		}
		d := Differences(e.Fields, fields)
		same, sameBest := e.ID == id, best.ID == id
		if !found || same && !sameBest || same == sameBest && len(d) < len(changes) {
			best, changes, found = e, d, true
		}
	}
	return best, changes, found
}
