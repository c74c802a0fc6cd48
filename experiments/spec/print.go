package spec

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// WriteYAML writes the resolved spec as a spec: extends merged, arms expanded,
// defaults filled in. With origins, each value is followed by the place where
// it was written. Read again, it has the same Hash.
func (s *Spec) WriteYAML(w io.Writer, origins bool) error {
	p := &printer{spec: s, origins: origins}
	p.structure(reflect.ValueOf(s).Elem(), "", 0)
	_, err := io.WriteString(w, p.out.String())
	return err
}

type printer struct {
	spec    *Spec
	origins bool
	out     strings.Builder
}

// line writes key: value with the origin of path.
func (p *printer) line(depth int, key, value, path string) {
	s := strings.Repeat("  ", depth) + text(key) + ": " + value
	if !p.origins {
		p.out.WriteString(s + "\n")
		return
	}
	fmt.Fprintf(&p.out, "%-50s # %s\n", s, p.origin(path))
}

// origin says in one line where a value comes from.
func (p *printer) origin(path string) string {
	from := "default"
	if o, ok := p.spec.Origin(path); ok {
		if from = o.String(); path == "hardware.device" && p.spec.derived[path] != "" {
			from += "; " + p.spec.derived[path]
		}
	} else if d := p.spec.derived[path]; d != "" {
		from += ": " + d
	}
	if _, own := p.spec.Origin("stages.weight.coef"); path == "stages.weight.preset" && !own {
		from += "; sets coef " + inline(p.spec.Stages.Weight.Coef)
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' { // --set may hold anything
			return ' '
		}
		return r
	}, from)
}

func (p *printer) head(depth int, key string) {
	p.out.WriteString(strings.Repeat("  ", depth) + text(key) + ":\n")
}

// section writes a struct below its key, nothing if it has nothing to say.
func (p *printer) section(v reflect.Value, key, path string, depth int) {
	before := p.out.Len()
	p.head(depth, key)
	inside := p.out.Len()
	p.structure(v, path, depth+1)
	if p.out.Len() == inside {
		s := p.out.String()[:before]
		p.out.Reset()
		p.out.WriteString(s)
	}
}

func (p *printer) structure(v reflect.Value, path string, depth int) {
	for _, f := range fieldsOf(v.Type()) {
		field, at := v.FieldByIndex(f.index), join(path, f.key)
		if !p.silent(field, at) {
			p.value(field, f.key, at, depth)
		}
	}
}

// silent tells whether an unwritten value must be left out, because writing it
// would mean something else: no value at all, or a setting that is only allowed
// beside another, or one that follows another as long as it is not written.
func (p *printer) silent(v reflect.Value, path string) bool {
	if _, written := p.spec.Origin(path); written {
		return false
	}
	switch path {
	case "stages.score.sigma", "stages.weight.sigma", "stages.weight.within", "stages.train.simpo_gamma",
		"stages.weight.coef.wrongness", "stages.weight.coef.absurdity", "stages.weight.coef.closeness", "stages.weight.coef.margin",
		"seeds.fresh", "seeds.sentinel", "hardware.gpus":
		return true
	case "seeds.values":
		return v.Len() == 0
	}
	return v.Kind() == reflect.String && v.Len() == 0
}

func (p *printer) value(v reflect.Value, key, path string, depth int) {
	switch x := v.Interface().(type) {
	case Arms:
		p.arms(x, depth)
		return
	case Claims:
		p.claims(x, depth)
		return
	case Metrics:
		p.metrics(x, depth)
		return
	case Pool:
		word := text(x.Kind)
		if x.Kind == "arms" {
			word = inline(x.Arms)
		}
		p.line(depth, key, word, path)
		return
	case map[string]Duration:
		p.head(depth, key)
		for _, k := range slices.Sorted(maps.Keys(x)) {
			p.line(depth+1, k, x[k].String(), join(path, k))
		}
		return
	case AutoInt, Duration, Threshold:
		p.line(depth, key, inline(x), path)
		return
	}
	switch {
	case v.Kind() == reflect.Pointer && v.IsNil():
		p.line(depth, key, "none", path)
	case v.Kind() == reflect.Pointer:
		p.section(v.Elem(), key, path, depth)
	case v.Kind() == reflect.Struct:
		p.section(v, key, path, depth)
	default:
		p.line(depth, key, inline(v.Interface()), path)
	}
}

func (p *printer) arms(arms Arms, depth int) {
	if len(arms) == 0 {
		return
	}
	p.head(depth, "arms")
	for _, a := range arms {
		if len(a.Patch) == 0 {
			p.line(depth+1, a.Name, "{}", "arms."+a.Name)
			continue
		}
		p.head(depth+1, a.Name)
		for _, s := range a.Patch {
			p.line(depth+2, s.Key, s.Value, "arms."+a.Name+"."+s.Key)
		}
	}
}

func (p *printer) claims(claims Claims, depth int) {
	if len(claims) == 0 {
		return
	}
	p.head(depth, "claims")
	for _, c := range claims {
		p.head(depth+1, c.ID)
		at := "claims." + c.ID + "."
		p.line(depth+2, "text", text(c.Text), at+"text")
		p.line(depth+2, "test", text(c.Test), at+"test")
		p.line(depth+2, "benchmarks", inline(c.Benchmarks), at+"benchmarks")
		p.line(depth+2, "family", c.Family, at+"family")
		p.line(depth+2, "margin", short(c.Margin), at+"margin")
	}
}

func (p *printer) metrics(metrics Metrics, depth int) {
	if len(metrics) == 0 {
		return
	}
	p.head(depth, "metrics")
	for _, m := range metrics {
		p.line(depth+1, m.Name, "{better: "+m.Better+", min: "+m.Min.String()+"}", "gate.metrics."+m.Name)
	}
}

// inline writes a value as one line of YAML: its JSON with fewer quotes.
func inline(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("spec: a value does not marshal")
	}
	n, errs := parse("value", "v: "+string(b))
	if len(errs) > 0 {
		panic("spec: JSON is not YAML: " + errs.Error())
	}
	return n.get("v").plain().flow()
}

// plain takes off quotes that a word does not need, and values that say nothing.
func (n *node) plain() *node {
	if n.kind == scalar && n.quoted && text(n.text) == n.text {
		n.quoted = false
	}
	for i := range n.keys {
		n.keys[i].value.plain()
	}
	n.keys = slices.DeleteFunc(n.keys, func(e entry) bool { return e.value.kind == scalar && e.value.quoted && e.value.text == "" })
	for i := range n.items {
		n.items[i] = n.items[i].plain()
	}
	if len(n.keys) == 1 && n.keys[0].key == "name" {
		return n.keys[0].value
	}
	return n
}
