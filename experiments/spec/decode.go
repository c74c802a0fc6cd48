package spec

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reader walks a tree and a Go value side by side. It never stops at a
// mistake: it notes it, leaves the default and goes on.
type reader struct {
	errs Errors
	at   map[string]Origin // dotted path → where its value was written
	from map[string]string // dotted path → what a default follows from
	keys map[reflect.Type][]field
}

// fields lists the keys of a struct, looked up once.
func (r *reader) fields(t reflect.Type) []field {
	f, ok := r.keys[t]
	if !ok {
		f = fieldsOf(t)
		r.keys[t] = f
	}
	return f
}

func (r *reader) errorf(at Origin, format string, a ...any) {
	r.errs = append(r.errs, Mistake{at, fmt.Sprintf(format, a...)})
}

// rule is what a field's tag demands of its value, or of its elements.
type rule struct {
	required           bool
	enum               []string
	min, max           float64
	aboveMin, belowMax bool
	pattern            string
	hasMin, hasMax     bool
}

func ruleOf(tag string) rule {
	var ru rule
	for part := range strings.SplitSeq(tag, ",") {
		key, val, _ := strings.Cut(part, "=")
		num, _ := strconv.ParseFloat(val, 64) // only the numeric rules use it
		switch key {
		case "required":
			ru.required = true
		case "enum":
			ru.enum = append(ru.enum, val)
		case "minimum":
			ru.min, ru.hasMin = num, true
		case "exclusiveMinimum":
			ru.min, ru.hasMin, ru.aboveMin = num, true, true
		case "maximum":
			ru.max, ru.hasMax = num, true
		case "exclusiveMaximum":
			ru.max, ru.hasMax, ru.belowMax = num, true, true
		case "pattern":
			ru.pattern = val
		}
	}
	return ru
}

// field is one key of a struct.
type field struct {
	key   string
	index []int
	rule  rule
}

// fieldsOf lists the keys of a struct, those of embedded structs included.
func fieldsOf(t reflect.Type) []field {
	var out []field
	for _, f := range reflect.VisibleFields(t) {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || !f.IsExported() || key == "" || key == "-" {
			continue
		}
		out = append(out, field{key, f.Index, ruleOf(f.Tag.Get("jsonschema"))})
	}
	return out
}

// structure decodes a mapping into a struct; special handles keys of its own.
func (r *reader) structure(n *node, v reflect.Value, path string, special func(key string, n *node) bool) {
	if n.kind != mapping {
		r.errorf(n.at, "%s must be a map of keys, not %s", spoken(path), n.describe())
		return
	}
	fields := r.fields(v.Type())
	for _, e := range n.keys {
		p := join(path, e.key)
		if special != nil && special(e.key, e.value) {
			continue
		}
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == e.key })
		if i < 0 {
			known := make([]string, len(fields))
			for j, f := range fields {
				known[j] = f.key
			}
			r.errorf(e.at, "unknown key %q in %s%s", e.key, spoken(path), meant(e.key, known))
			continue
		}
		r.value(e.value, v.FieldByIndex(fields[i].index), p, fields[i].rule)
	}
	for _, f := range fields {
		if f.rule.required && n.index(f.key) < 0 {
			r.errorf(n.at, "%s needs the key %q", spoken(path), f.key)
		}
	}
}

// spoken is a path as messages name it.
func spoken(path string) string { return join("spec", path) }

func join(path, key string) string {
	if path == "" || key == "" {
		return path + key
	}
	return path + "." + key
}

func (n *node) describe() string {
	switch n.kind {
	case null:
		return "nothing"
	case list:
		return "a list"
	case mapping:
		return "a map"
	}
	return strconv.Quote(n.text)
}

// value decodes any value.
func (r *reader) value(n *node, v reflect.Value, path string, ru rule) {
	r.at[path] = n.at
	switch p := v.Addr().Interface().(type) {
	case *AutoInt:
		if n.kind == scalar && n.text == "auto" {
			*p = 0
			return
		}
		if i, ok := r.whole(n, path+" (or auto)"); ok && i < 1 {
			r.errorf(n.at, "%s is %d: auto, or at least 1", spoken(path), i)
		} else if ok {
			*p = AutoInt(i)
		}
		return
	case *Duration:
		if s, ok := r.word(n, path); ok {
			d, err := time.ParseDuration(s)
			if err != nil || d <= 0 {
				r.errorf(n.at, "%s is %q: write a duration such as 30m or 12h", spoken(path), s)
				return
			}
			*p = Duration(d)
		}
		return
	case *Threshold:
		if s, ok := r.word(n, path); ok {
			t, err := parseThreshold(s)
			if err != nil {
				r.errorf(n.at, "%s: %v", spoken(path), err)
				return
			}
			*p = t
		}
		return
	case *Pool:
		r.pool(n, p, path)
		return
	case *Metrics:
		r.metrics(n, p, path)
		return
	case *Benchmark:
		if n.kind == scalar {
			p.Name = n.text
			r.rules(n, p.Name, path, ruleOf("pattern=^[a-z0-9][a-z0-9_-]*$"))
			return
		}
	}
	r.generic(n, v, path, ru)
}

// generic decodes by the kind of the Go value.
func (r *reader) generic(n *node, v reflect.Value, path string, ru rule) {
	switch v.Kind() {
	case reflect.String:
		if s, ok := r.word(n, path); ok && r.rules(n, s, path, ru) {
			v.SetString(s)
		}
	case reflect.Int:
		if i, ok := r.whole(n, path); ok && r.bounds(n, float64(i), path, ru) && r.rules(n, n.text, path, ru) {
			v.SetInt(int64(i))
		}
	case reflect.Float64:
		if f, ok := r.number(n, path); ok && r.bounds(n, f, path, ru) {
			v.SetFloat(f)
		}
	case reflect.Bool:
		if n.kind != scalar || n.quoted || n.text != "true" && n.text != "false" {
			r.errorf(n.at, "%s must be true or false, not %s", spoken(path), n.describe())
			return
		}
		v.SetBool(n.text == "true")
	case reflect.Pointer:
		if n.kind == scalar && n.text == "none" {
			v.SetZero()
			return
		}
		p := reflect.New(v.Type().Elem())
		if d, ok := fresh(v.Type()); ok {
			p.Elem().Set(reflect.ValueOf(d))
		}
		if n.kind != mapping {
			r.errorf(n.at, "%s must be a map of keys or none, not %s", spoken(path), n.describe())
			return
		}
		r.structure(n, p.Elem(), path, nil)
		v.Set(p)
	case reflect.Struct:
		r.structure(n, v, path, nil)
	case reflect.Slice, reflect.Array:
		r.elements(n, v, path, ru)
	case reflect.Map: // run.timeout
		r.timeouts(n, v, path)
	default:
		panic("spec: no way to decode " + v.Type().String())
	}
}

// fresh gives the defaults of a section that may be absent.
func fresh(t reflect.Type) (any, bool) {
	switch t {
	case reflect.TypeFor[*SFT]():
		return defaultSFT(), true
	case reflect.TypeFor[*Train]():
		return defaultTrain(), true
	case reflect.TypeFor[*Shape]():
		return defaultShape(), true
	case reflect.TypeFor[*LoRA]():
		return LoRA{Targets: []string{}}, true
	}
	return nil, false
}

func (r *reader) elements(n *node, v reflect.Value, path string, ru rule) {
	if n.kind != list {
		r.errorf(n.at, "%s must be a list, not %s", spoken(path), n.describe())
		return
	}
	if v.Kind() == reflect.Array && len(n.items) != v.Len() {
		r.errorf(n.at, "%s needs %d numbers, not %d", spoken(path), v.Len(), len(n.items))
		return
	}
	if v.Kind() == reflect.Slice {
		v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	}
	seen := map[string]bool{}
	ru.required = false
	for i, item := range n.items {
		if item.kind == null {
			r.errorf(item.at, "%s[%d] is empty", spoken(path), i)
			continue
		}
		r.value(item, v.Index(i), path+"["+strconv.Itoa(i)+"]", ru)
		if key := item.flow(); v.Kind() == reflect.Slice {
			if seen[key] {
				r.errorf(item.at, "%s lists %s twice", spoken(path), key)
			}
			seen[key] = true
		}
	}
}

func (r *reader) timeouts(n *node, v reflect.Value, path string) {
	if n.kind != mapping {
		r.errorf(n.at, "%s must be a map of stages to durations, not %s", spoken(path), n.describe())
		return
	}
	known := append([]string{"default", "data", "ref", "verifier", "subset"}, stageNames()...)
	for _, e := range n.keys {
		if !slices.Contains(known, e.key) {
			r.errorf(e.at, "unknown key %q in %s%s", e.key, spoken(path), meant(e.key, known))
			continue
		}
		d := reflect.New(v.Type().Elem()).Elem()
		r.value(e.value, d, join(path, e.key), rule{})
		v.SetMapIndex(reflect.ValueOf(e.key), d)
	}
}

func (r *reader) pool(n *node, p *Pool, path string) {
	if n.kind == list {
		p.Kind = "arms"
		r.elements(n, reflect.ValueOf(&p.Arms).Elem(), path, rule{})
		return
	}
	if s, ok := r.word(n, path); ok && r.rules(n, s, path, rule{enum: []string{"trained", "none"}}) {
		p.Kind = s
	}
}

func (r *reader) metrics(n *node, out *Metrics, path string) {
	if n.kind != mapping {
		r.errorf(n.at, "%s must be a map of metrics, not %s", spoken(path), n.describe())
		return
	}
	for _, e := range n.keys {
		p := join(path, e.key)
		r.at[p] = e.at
		in := struct {
			Better string    `json:"better" jsonschema:"required,enum=higher,enum=lower"`
			Min    Threshold `json:"min"`
		}{}
		r.structure(e.value, reflect.ValueOf(&in).Elem(), p, nil)
		*out = append(*out, Metric{e.key, in.Better, in.Min})
	}
}

func (r *reader) word(n *node, path string) (string, bool) {
	if n.kind != scalar {
		r.errorf(n.at, "%s must be a word, not %s", spoken(path), n.describe())
		return "", false
	}
	return n.text, true
}

func (r *reader) whole(n *node, path string) (int, bool) {
	if n.kind == scalar && !n.quoted {
		if i, err := strconv.ParseInt(strings.TrimPrefix(n.text, "+"), 10, 53); err == nil {
			return int(i), true
		}
	}
	r.errorf(n.at, "%s must be a whole number, not %s", spoken(path), n.describe())
	return 0, false
}

var decimal = regexp.MustCompile(`^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$`)

func (r *reader) number(n *node, path string) (float64, bool) {
	if n.kind == scalar && !n.quoted && decimal.MatchString(n.text) {
		if f, err := strconv.ParseFloat(n.text, 64); err == nil && !math.IsInf(f, 0) {
			return f, true
		}
	}
	r.errorf(n.at, "%s must be a number, not %s", spoken(path), n.describe())
	return 0, false
}

func (r *reader) bounds(n *node, f float64, path string, ru rule) bool {
	low := ru.hasMin && (f < ru.min || ru.aboveMin && f == ru.min)
	high := ru.hasMax && (f > ru.max || ru.belowMax && f == ru.max)
	if !low && !high {
		return true
	}
	var want []string
	if ru.hasMin {
		want = append(want, map[bool]string{false: "at least ", true: "above "}[ru.aboveMin]+short(ru.min))
	}
	if ru.hasMax {
		want = append(want, map[bool]string{false: "at most ", true: "below "}[ru.belowMax]+short(ru.max))
	}
	r.errorf(n.at, "%s is %s: it must be %s", spoken(path), n.text, strings.Join(want, " and "))
	return false
}

func short(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

func (r *reader) rules(n *node, s, path string, ru rule) bool {
	if len(ru.enum) > 0 && !slices.Contains(ru.enum, s) {
		r.errorf(n.at, "%s is %q: one of %s%s", spoken(path), s, strings.Join(ru.enum, ", "), meant(s, ru.enum))
		return false
	}
	if ru.pattern != "" && !regexp.MustCompile(ru.pattern).MatchString(s) {
		r.errorf(n.at, "%s is %q: small letters, digits and hyphens", spoken(path), s)
		return false
	}
	return true
}
