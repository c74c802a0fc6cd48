package spec

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// stageNames lists the stages that have settings, in the order of the data flow.
func stageNames() []string {
	return []string{"sft", "sample", "score", "mine", "weight", "train", "eval"}
}

// point is an arm while it is read: where its settings were written.
type point struct {
	Arm
	at    map[string]Origin // path below stages → place
	place Origin
}

// arms expands every arm of the file: matrices, then patches.
func (r *reader) arms(n, stages *node) []point {
	if n.kind != mapping {
		r.errorf(n.at, "spec.arms must be a map of names to patches, not %s", n.describe())
		return nil
	}
	var out []point
	for _, e := range n.keys {
		if e.value.kind != mapping {
			r.errorf(e.value.at, "spec.arms.%s must be a map of dotted stage keys ({} = the stages as they stand), not %s", e.key, e.value.describe())
			continue
		}
		patch := e.value.clone()
		matrix := patch.get("matrix")
		patch.remove("matrix")
		for _, vars := range r.combinations(matrix, e) {
			out = append(out, r.arm(e, patch, vars, stages))
		}
	}
	names := map[string]bool{}
	for _, p := range out {
		if names[p.Name] {
			r.errorf(p.place, "two arms are named %q: put the matrix variable into the name ($var)", p.Name)
		}
		names[p.Name] = true
	}
	return out
}

// binding is one variable's value, as written in the matrix.
type binding struct {
	name  string
	value *node
}

var variable = regexp.MustCompile(`\$[A-Za-z_][A-Za-z0-9_]*`)

// combinations lists the assignments of an arm's matrix, the first variable slowest.
func (r *reader) combinations(matrix *node, arm entry) [][]binding {
	out := [][]binding{nil}
	if matrix == nil {
		return out
	}
	if matrix.kind != mapping {
		r.errorf(matrix.at, "spec.arms.%s.matrix must be a map of variables to lists, not %s", arm.key, matrix.describe())
		return nil
	}
	for _, e := range matrix.keys {
		if e.value.kind != list || len(e.value.items) == 0 {
			r.errorf(e.value.at, "spec.arms.%s.matrix.%s must be a list of values", arm.key, e.key)
			continue
		}
		if !variable.MatchString("$" + e.key) {
			r.errorf(e.at, "matrix variable %q: letters, digits and underscores", e.key)
		}
		var next [][]binding
		for _, prefix := range out {
			for _, v := range e.value.items {
				if v.kind != scalar {
					r.errorf(v.at, "a matrix value must be a word or a number, not %s", v.describe())
					continue
				}
				next = append(next, append(slices.Clip(prefix), binding{e.key, v}))
			}
		}
		if out = next; len(out) > 10_000 {
			r.errorf(matrix.at, "spec.arms.%s.matrix has more than 10000 combinations", arm.key)
			return nil
		}
	}
	return out
}

// arm puts the variables in, patches the stages and decodes the result.
func (r *reader) arm(e entry, patch *node, vars []binding, stages *node) point {
	p := point{Arm: Arm{Patch: []Setting{}}, at: map[string]Origin{}, place: e.at}
	for _, b := range vars {
		if p.Vars == nil {
			p.Vars = map[string]string{}
		}
		p.Vars[b.name] = b.value.text
	}
	p.Name = r.put(e.key, e.at, vars)
	r.at["arms."+p.Name] = e.at
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`).MatchString(p.Name) {
		r.errorf(e.at, "arm name %q: letters, digits, hyphens and dots", p.Name)
	}
	merged := stages.clone()
	for _, s := range patch.keys {
		v := r.substitute(s.value, vars)
		key := r.put(s.key, s.at, vars)
		p.Patch = append(p.Patch, Setting{key, v.flow()})
		r.at["arms."+p.Name+"."+key] = v.at
		r.patch(merged, key, s.at, v)
	}
	prune(merged)
	sub := &reader{at: p.at, keys: r.keys}
	p.Stages = defaults().Stages
	sub.structure(merged, reflect.ValueOf(&p.Stages).Elem(), "stages", nil)
	finishStages(&p.Stages, p.at)
	r.errs = append(r.errs, sub.errs...)
	return p
}

// put replaces $name in a word.
func (r *reader) put(s string, at Origin, vars []binding) string {
	return variable.ReplaceAllStringFunc(s, func(v string) string {
		for _, b := range vars {
			if "$"+b.name == v {
				return b.value.text
			}
		}
		known := make([]string, len(vars))
		for i, b := range vars {
			known[i] = "$" + b.name
		}
		r.errorf(at, "%s is not a variable of this arm's matrix%s", v, meant(v, known))
		return v
	})
}

func (r *reader) substitute(n *node, vars []binding) *node {
	c := n.clone()
	if c.kind == scalar {
		c.text = r.put(c.text, c.at, vars)
	}
	for i := range c.keys {
		c.keys[i].value = r.substitute(c.keys[i].value, vars)
	}
	for i := range c.items {
		c.items[i] = r.substitute(c.items[i], vars)
	}
	return c
}

// patch sets one dotted key of a copy of the stages.
func (r *reader) patch(stages *node, key string, at Origin, v *node) {
	segments := strings.Split(key, ".")
	if !slices.Contains(stageNames(), segments[0]) {
		r.errorf(at, "unknown stage %q in the patch key %q%s", segments[0], key, meant(segments[0], stageNames()))
		return
	}
	cur := stages
	for _, s := range segments[:len(segments)-1] {
		next := cur.get(s)
		if next == nil || next.kind != mapping {
			next = &node{kind: mapping, at: at}
			cur.put(s, at, next)
		}
		cur = next
	}
	last := segments[len(segments)-1]
	switch {
	case v.kind == null:
		cur.remove(last)
	case v.kind == mapping:
		cur.put(last, at, merge(cur.get(last), v))
	default:
		cur.put(last, at, v)
	}
}

// finishStages fills in what depends on other settings.
func finishStages(st *Stages, at map[string]Origin) {
	p, c := preset(st.Weight.Preset), &st.Weight.Coef
	for _, f := range []struct {
		key  string
		to   *float64
		from float64
	}{
		{"wrongness", &c.Wrongness, p.Wrongness}, {"absurdity", &c.Absurdity, p.Absurdity},
		{"closeness", &c.Closeness, p.Closeness}, {"margin", &c.Margin, p.Margin},
	} {
		if _, written := at["stages.weight.coef."+f.key]; !written {
			*f.to = f.from
		}
	}
	if st.Weight.Scores == "shuffled" && st.Weight.Within == "" {
		st.Weight.Within = "all"
	}
}
