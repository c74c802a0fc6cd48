package spec

import (
	"slices"
	"strings"
)

type kind int

const (
	null kind = iota
	scalar
	list
	mapping
)

// node is a YAML value that knows its place.
type node struct {
	kind   kind
	at     Origin
	text   string // scalar: as written, quotes taken off
	quoted bool   // scalar: in quotes, hence text
	keys   []entry
	items  []*node
}

// entry is one key of a mapping.
type entry struct {
	key   string
	at    Origin
	value *node
}

// get returns the value of a key, nil if there is none.
func (n *node) get(key string) *node {
	if i := n.index(key); i >= 0 {
		return n.keys[i].value
	}
	return nil
}

func (n *node) index(key string) int {
	if n == nil || n.kind != mapping {
		return -1
	}
	return slices.IndexFunc(n.keys, func(e entry) bool { return e.key == key })
}

// put sets a key, in its old place if it is there already.
func (n *node) put(key string, at Origin, v *node) {
	if i := n.index(key); i >= 0 {
		n.keys[i] = entry{key, at, v}
		return
	}
	n.keys = append(n.keys, entry{key, at, v})
}

func (n *node) remove(key string) {
	n.keys = slices.DeleteFunc(n.keys, func(e entry) bool { return e.key == key })
}

// clone copies the tree.
func (n *node) clone() *node {
	c := *n
	c.keys = make([]entry, len(n.keys))
	for i, e := range n.keys {
		c.keys[i] = entry{e.key, e.at, e.value.clone()}
	}
	c.items = make([]*node, len(n.items))
	for i, v := range n.items {
		c.items[i] = v.clone()
	}
	return &c
}

// flow writes the value as one line of YAML.
func (n *node) flow() string {
	switch n.kind {
	case null:
		return "~"
	case scalar:
		if n.quoted {
			return quote(n.text)
		}
		return n.text
	case list:
		parts := make([]string, len(n.items))
		for i, v := range n.items {
			parts[i] = v.flow()
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	parts := make([]string, len(n.keys))
	for i, e := range n.keys {
		parts[i] = text(e.key) + ": " + e.value.flow()
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// merge puts a child over its parent: maps merge, anything else replaces, null
// removes. A null inside an arm that removes nothing of the parent stays: it
// resets a stage's setting when the patch is applied.
func merge(parent, child *node, path ...string) *node {
	if parent == nil || parent.kind != mapping || child.kind != mapping {
		return child
	}
	out := *parent
	out.keys = slices.Clone(parent.keys)
	for _, e := range child.keys {
		old := out.get(e.key)
		switch {
		case e.value.kind != null:
			out.put(e.key, e.at, merge(old, e.value, append(path, e.key)...))
		case old != nil:
			out.remove(e.key)
		default:
			out.put(e.key, e.at, e.value)
		}
	}
	return &out
}

// prune drops the nulls that have removed what there was, all but those in arms.
func prune(n *node, path ...string) {
	if n.kind != mapping {
		return
	}
	inArm := len(path) == 2 && path[0] == "arms"
	n.keys = slices.DeleteFunc(slices.Clone(n.keys), func(e entry) bool { return e.value.kind == null && !inArm })
	for _, e := range n.keys {
		prune(e.value, append(slices.Clip(path), e.key)...)
	}
}

// set puts a value at a dotted path below n, as --set writes it. Keys that hold
// dots themselves (arms, the settings inside an arm, metrics) are matched as
// the longest key that is there; below an arm the rest is one key.
func (n *node) set(segments []string, at Origin, v *node, inArm bool) {
	cur := n
	for depth := 0; ; depth++ {
		if inArm && depth == 2 && segments[0] != "matrix" {
			cur.put(strings.Join(segments, "."), at, v)
			return
		}
		take := 1
		for k := len(segments); k > 1; k-- {
			if cur.index(strings.Join(segments[:k], ".")) >= 0 {
				take = k
				break
			}
		}
		key := strings.Join(segments[:take], ".")
		segments = segments[take:]
		if len(segments) == 0 {
			cur.put(key, at, v)
			return
		}
		next := cur.get(key)
		if next == nil || next.kind != mapping {
			next = &node{kind: mapping, at: at}
			cur.put(key, at, next)
		}
		cur = next
	}
}
