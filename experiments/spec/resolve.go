package spec

import (
	"path/filepath"
	"reflect"
	"regexp"
	"slices"

	"hardneg/fixtures/problem"
)

// spec decodes the whole tree, fills in what is left open and checks it.
func (r *reader) spec(root *node, s *Spec) {
	var arms, claims *node
	stages := root.get("stages")
	if stages == nil || stages.kind != mapping {
		stages = &node{kind: mapping, at: root.at}
	}
	r.structure(root, reflect.ValueOf(s).Elem(), "", func(key string, n *node) bool {
		switch key {
		case "arms":
			arms = n
		case "claims":
			claims = n
		case "extends":
			r.errorf(n.at, "extends cannot be set from outside the file")
		default:
			return false
		}
		return true
	})
	finishStages(&s.Stages, r.at)
	var points []point
	if arms != nil {
		points = r.arms(arms, stages)
	}
	for _, p := range points {
		s.Arms = append(s.Arms, p.Arm)
	}
	r.finish(s)
	if claims != nil {
		r.claims(claims, s)
	}
	c := &checker{reader: r, s: s, root: root, points: points}
	c.check()
}

// alone says whether a role reads a jsonl file of the user's that no other role
// reads: there is nothing to share it with, so it is not cut.
func (d *Data) alone(role NamedSource) bool {
	if role.Source.Source != "jsonl" || problem.FormatOf(role.Path) == "" {
		return false
	}
	for _, other := range d.Roles() {
		if other.Name != role.Name && filepath.Clean(other.Path) == filepath.Clean(role.Path) {
			return false
		}
	}
	return true
}

// finish fills in defaults that depend on other keys.
func (r *reader) finish(s *Spec) {
	if s.Model.Tokenizer == "" {
		s.Model.Tokenizer = s.Model.Base
		r.from["model.tokenizer"] = "as model.base"
	}
	for _, role := range s.Data.Roles() {
		if role.Split == "" && role.Name != "samples" && role.Name != "pairs" && !s.Data.alone(role) {
			role.Split = defaultSplit(role.Name)
			r.from["data."+role.Name+".split"] = "of this role"
		}
		if role.Path == "" {
			role.Path = HubID(role.Source.Source)
			r.from["data."+role.Name+".path"] = "of this source"
		}
	}
	if !r.written("seeds.values") && s.Seeds.Fresh == 0 {
		s.Seeds.Values = []int{1, 2, 3, 4, 5}
	}
	if !r.written("analysis.baselines") {
		r.from["analysis.baselines"] = "of these arms"
		for _, b := range []string{"sft", "dpo"} {
			if s.Arm(b) != nil {
				s.Analysis.Baselines = append(s.Analysis.Baselines, b)
			}
		}
	}
	if !r.written("hardware.gpus") && s.Hardware.Device == "cuda" {
		s.Hardware.GPUs = 1
		r.from["hardware.gpus"] = "of cuda"
	}
	if _, ok := s.Run.Timeout["default"]; !ok {
		s.Run.Timeout["default"] = defaults().Run.Timeout["default"]
	}
	s.Seeds.Vary = ordered(s.Seeds.Vary, []string{"sft", "sample", "train"})
	r.from["model.dtype"] = "by device"
	if s.Hardware.Device == "cpu" || s.Hardware.Device == "cuda" {
		s.Model.Dtype = dtype(s.Model.Dtype, s.Hardware.Device)
	}
}

func (r *reader) written(path string) bool {
	_, ok := r.at[path]
	return ok
}

// ordered puts words into the order of all.
func ordered(words, all []string) []string {
	out := []string{}
	for _, w := range all {
		if slices.Contains(words, w) {
			out = append(out, w)
		}
	}
	return out
}

func dtype(written, device string) string {
	switch {
	case written != "":
		return written
	case device == "cuda":
		return "bf16"
	}
	return "fp32"
}

// NamedSource is a role's data with the role's name.
type NamedSource struct {
	Name string
	*Source
}

// Roles lists the roles that a spec fills, in a fixed order.
func (d *Data) Roles() []NamedSource {
	var out []NamedSource
	for _, r := range []NamedSource{{"sft", d.SFT}, {"pool", d.Pool}, {"probe", d.Probe}, {"valid", d.Valid},
		{"samples", d.Samples}, {"pairs", d.Pairs}} {
		if r.Source != nil {
			out = append(out, r)
		}
	}
	return out
}

// Role returns a role's data, nil if the spec does not fill it.
func (d *Data) Role(name string) *Source {
	for _, r := range d.Roles() {
		if r.Name == name {
			return r.Source
		}
	}
	return nil
}

// Arm returns an arm by name, nil if there is none.
func (s *Spec) Arm(name string) *Arm {
	for i := range s.Arms {
		if s.Arms[i].Name == name {
			return &s.Arms[i]
		}
	}
	return nil
}

var contrast = regexp.MustCompile(`^\s*(\S+)\s*([>~])\s*(\S+)\s*$`)

// claims reads the claims in file order.
func (r *reader) claims(n *node, s *Spec) {
	if n.kind != mapping {
		r.errorf(n.at, "spec.claims must be a map of ids to claims, not %s", n.describe())
		return
	}
	for _, e := range n.keys {
		path := "claims." + e.key
		in := struct {
			Text       string   `json:"text"`
			Test       string   `json:"test" jsonschema:"required"`
			Benchmarks []string `json:"benchmarks"`
			Family     string   `json:"family" jsonschema:"enum=confirmatory,enum=exploratory"`
			Margin     float64  `json:"margin" jsonschema:"minimum=0"`
		}{Family: "confirmatory", Margin: s.Analysis.Margin}
		r.structure(e.value, reflect.ValueOf(&in).Elem(), path, nil)
		r.from[path+".margin"], r.from[path+".benchmarks"] = "as analysis.margin", "all that is evaluated"
		c := Claim{ID: e.key, Text: in.Text, Test: in.Test, Benchmarks: in.Benchmarks, Family: in.Family, Margin: in.Margin}
		test := e.value.get("test")
		if test == nil {
			continue
		}
		m := contrast.FindStringSubmatch(in.Test)
		if m == nil {
			r.errorf(test.at, "spec.%s.test is %q: write A > B, or A ~ B (equivalent), with two arms", path, in.Test)
			continue
		}
		c.Left, c.Op, c.Right = m[1], m[2], m[3]
		c.Test = c.Left + " " + c.Op + " " + c.Right
		if !r.written(path + ".benchmarks") {
			for _, b := range s.Stages.Eval.Benchmarks {
				c.Benchmarks = append(c.Benchmarks, b.Name)
			}
			c.Benchmarks = append(c.Benchmarks, "combined")
		}
		s.Claims = append(s.Claims, c)
	}
}
