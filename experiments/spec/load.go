package spec

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"hardneg/experiments"
)

// Load reads a spec by file, or by the name of one in experiments/, merges
// what it extends, applies settings K=V and resolves everything. The specs in
// the binary stand in where no such file exists. Mistakes come back as Errors,
// all of them.
func Load(name string, sets []string) (*Spec, error) {
	src, err := find(name)
	if err != nil {
		return nil, err
	}
	root, errs := chain(src, nil)
	if len(errs) > 0 {
		return nil, errs.sorted()
	}
	return resolve(root, sets)
}

// Parse resolves a spec given as text; extends is looked for beside file.
func Parse(file, src string, sets []string) (*Spec, error) {
	root, errs := chain(source{name: file, dir: filepath.Dir(file), text: src}, nil)
	if len(errs) > 0 {
		return nil, errs.sorted()
	}
	return resolve(root, sets)
}

// source is a spec's text and where it came from.
type source struct {
	name     string // for messages
	dir      string
	text     string
	embedded bool
}

func find(name string) (source, error) {
	tries := []string{name, name + ".yaml", filepath.Join("experiments", name+".yaml")}
	for _, p := range tries {
		b, err := os.ReadFile(p)
		if err == nil {
			return source{name: p, dir: filepath.Dir(p), text: string(b)}, nil
		}
		if info, serr := os.Stat(p); serr == nil && !info.IsDir() {
			return source{}, fmt.Errorf("read spec %s: %w", p, err)
		}
	}
	if s, ok := embedded(name); ok {
		return s, nil
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return source{}, fmt.Errorf("%s is a folder, and a spec is a file%s", name, specsIn(name))
	}
	var known []string
	files, _ := fs.Glob(experiments.Files, "*.yaml") // the pattern is constant
	for _, f := range files {
		known = append(known, strings.TrimSuffix(f, ".yaml"))
	}
	return source{}, fmt.Errorf("no spec %s: neither a file (%s) nor one of the built-in %s%s",
		name, strings.Join(tries, ", "), strings.Join(known, ", "), meant(name, known))
}

// specsIn names the YAML files of a folder, for a message.
func specsIn(dir string) string {
	found, _ := filepath.Glob(filepath.Join(dir, "*.yaml")) // of a folder's name with brackets: none
	if len(found) == 0 {
		return ""
	}
	if len(found) > 5 {
		found = append(found[:5], "…")
	}
	return ": " + strings.Join(found, ", ")
}

// embedded looks for a spec of the binary: smoke, smoke.yaml, experiments/smoke.yaml.
func embedded(name string) (source, bool) {
	p := strings.TrimPrefix(path.Clean(filepath.ToSlash(name)), "experiments/")
	if path.Ext(p) != ".yaml" {
		p += ".yaml"
	}
	b, err := experiments.Files.ReadFile(p)
	return source{name: "experiments/" + p, dir: "experiments", text: string(b), embedded: true}, err == nil
}

// chain parses a spec and everything that it extends, the child over its parent.
func chain(s source, seen []string) (*node, Errors) {
	n, errs := parse(s.name, s.text)
	if n == nil || n.kind != mapping {
		return n, errs
	}
	i := n.index("extends")
	if i < 0 || n.keys[i].value.kind == null {
		return n, errs
	}
	ext := n.keys[i].value
	n.remove("extends")
	if ext.kind != scalar {
		return n, append(errs, Mistake{ext.at, "extends names one file"})
	}
	parent, err := s.beside(ext.text)
	if err != nil {
		return n, append(errs, Mistake{ext.at, fmt.Sprintf("extends %s: %v", ext.text, err)})
	}
	seen = append(seen, s.name)
	if slices.Contains(seen, parent.name) {
		return n, append(errs, Mistake{ext.at, "extends goes in a circle: " + strings.Join(append(seen, parent.name), " → ")})
	}
	p, perrs := chain(parent, seen)
	if errs = append(errs, perrs...); len(errs) > 0 {
		return n, errs
	}
	return merge(p, n), nil
}

// beside finds the file that s extends.
func (s source) beside(name string) (source, error) {
	if !s.embedded {
		p := name
		if !filepath.IsAbs(p) {
			p = filepath.Join(s.dir, name)
		}
		b, err := os.ReadFile(p)
		if err == nil {
			return source{name: p, dir: filepath.Dir(p), text: string(b)}, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return source{}, err
		}
	}
	if e, ok := embedded(path.Base(filepath.ToSlash(name))); ok {
		return e, nil
	}
	return source{}, fmt.Errorf("no such file beside %s, and not built in", s.name)
}

// resolve turns a merged tree into a Spec.
func resolve(root *node, sets []string) (*Spec, error) {
	root = root.clone()
	var errs Errors
	for _, kv := range Whole(sets) {
		key, val, ok := strings.Cut(kv, "=")
		key = strings.TrimSpace(key)
		if !ok || key == "" {
			return nil, fmt.Errorf("--set %s: write KEY=VALUE, such as stages.train.beta=0.05", kv)
		}
		at := "--set " + kv
		if len(at) > 80 {
			at = at[:80] + "…"
		}
		n, perrs := parse(at, "v: "+val)
		if len(perrs) > 0 {
			errs = append(errs, Mistake{Origin{File: at}, perrs[0].Text})
			continue
		}
		place(n, at)
		if of := matrixArm(root, key); of != "" {
			errs = append(errs, Mistake{Origin{File: at}, of})
			continue
		}
		segments := strings.Split(key, ".")
		root.set(segments, n.at, n.get("v"), segments[0] == "arms")
	}
	prune(root)
	r := &reader{at: map[string]Origin{}, from: map[string]string{}, keys: map[reflect.Type][]field{}}
	r.errs = errs
	s := defaults()
	r.spec(root, s)
	if r.errs = r.errs.causes().sorted(); len(r.errs) > 0 {
		return nil, r.errs
	}
	s.origins, s.derived = r.at, r.from
	return s, nil
}

// matrixArm explains a key that means one of the arms of a matrix, which has no
// place of its own in the file; empty for other keys.
func matrixArm(root *node, key string) string {
	rest, ok := strings.CutPrefix(key, "arms.")
	arms := root.get("arms")
	if !ok || arms == nil {
		return ""
	}
	for _, e := range arms.keys {
		if strings.HasPrefix(rest, e.key) || !variable.MatchString(e.key) {
			continue
		}
		var parts []string
		for _, p := range variable.Split(e.key, -1) {
			parts = append(parts, regexp.QuoteMeta(p))
		}
		made := regexp.MustCompile("^(" + strings.Join(parts, ".+") + `)\.((` + strings.Join(append(stageNames(), "matrix"), "|") + `)(\..*)?)$`)
		if m := made.FindStringSubmatch(rest); m != nil {
			return fmt.Sprintf("arm %s is made by the matrix of arms.%s: set arms.%s.%s for all of them, or change arms.%s.matrix", m[1], e.key, e.key, m[2], e.key)
		}
	}
	return ""
}

// place gives a whole tree one origin without line and column.
func place(n *node, file string) {
	n.at = Origin{File: file}
	for i := range n.keys {
		n.keys[i].at = n.at
		place(n.keys[i].value, file)
	}
	for _, v := range n.items {
		place(v, file)
	}
}
