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
	return differences(old, new, Flatten(old.Params), Flatten(new.Params))
}

func differences(old, new KeyFields, o, n map[string]string) []Change {
	var out []Change
	add := func(field, o, n string) {
		if o != n {
			out = append(out, Change{field, o, n})
		}
	}
	add("stage version", fmt.Sprint(old.Version), fmt.Sprint(new.Version))
	add("device", old.Device, new.Device)
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

// History answers which earlier task a new one resembles, for plans of ten
// thousand tasks: it looks at those of the same ID, and only where there is none
// at others, at most candidates of them.
type History struct {
	same  map[string][]*past // stage and ID → tasks
	stage map[string][]*past
	seeds map[string][]*past // stage and the ID's last part, which names the seed
}

// candidates bounds how many tasks of other IDs are compared with a new one.
const candidates = 256

// past is an earlier task whose fields are decoded when they are asked for.
type past struct {
	Earlier
	raw  []byte
	flat map[string]string
}

func (p *past) open() bool {
	if p.raw != nil {
		raw := p.raw
		p.raw = nil
		if json.Unmarshal(raw, &p.Fields) != nil {
			p.Fields = KeyFields{}
		}
	}
	if p.flat == nil {
		p.flat = Flatten(p.Fields.Params)
	}
	return p.Fields.Params != nil
}

// Add takes an earlier task whose fields are still JSON.
func (h *History) Add(stage, id string, fields []byte) {
	if h.same == nil {
		h.same, h.stage, h.seeds = map[string][]*past{}, map[string][]*past{}, map[string][]*past{}
	}
	p := &past{Earlier: Earlier{ID: id}, raw: fields}
	h.same[stage+"\x00"+id] = append(h.same[stage+"\x00"+id], p)
	h.stage[stage] = append(h.stage[stage], p)
	h.seeds[stage+"\x00"+lastPart(id)] = append(h.seeds[stage+"\x00"+lastPart(id)], p)
}

func lastPart(id string) string { return id[strings.LastIndexByte(id, '-')+1:] }

// Nearest finds the earlier task from which a new one differs least, tasks of
// the same ID before all others; false if there is none of that stage.
func (h *History) Nearest(id string, fields KeyFields) (Earlier, []Change, bool) {
	near := h.same[fields.Stage+"\x00"+id]
	if len(near) == 0 {
		near = h.seeds[fields.Stage+"\x00"+lastPart(id)]
	}
	if len(near) == 0 {
		near = h.stage[fields.Stage]
	}
	flat := Flatten(fields.Params)
	var best *past
	least := 0
	for _, p := range near[:min(len(near), candidates)] {
		if !p.open() {
			continue
		}
		if n := distance(p, fields, flat); best == nil || n < least {
			best, least = p, n
		}
	}
	if best == nil {
		return Earlier{}, nil, false
	}
	return best.Earlier, differences(best.Fields, fields, best.flat, flat), true
}

// distance is the number of changes that Differences would list.
func distance(p *past, new KeyFields, flat map[string]string) (n int) {
	if p.Fields.Version != new.Version {
		n++
	}
	if p.Fields.Device != new.Device {
		n++
	}
	return n + unlike(p.flat, flat) + unlike(p.Fields.Files, new.Files) + unlike(p.Fields.Inputs, new.Inputs)
}

func unlike(a, b map[string]string) (n int) {
	for k, v := range a {
		if w, ok := b[k]; !ok || w != v {
			n++
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			n++
		}
	}
	return n
}
