package spec

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	check "github.com/santhosh-tekuri/jsonschema/v6"

	"hardneg/experiments"
)

// The schema is for editors: it knows keys, types, allowed words and what each
// key means. It asks for no key, because a spec inherits, and allows null
// everywhere, because null removes. What it cannot say, `hardneg check` does.

type object = map[string]any

// special are the schemas of types that have a form of their own in YAML.
func special(t reflect.Type) *jsonschema.Schema {
	word := func(pattern string) *jsonschema.Schema { return &jsonschema.Schema{Type: "string", Pattern: pattern} }
	switch t {
	case reflect.TypeFor[AutoInt]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Const: "auto"}, {Type: "integer", Minimum: "1"}}}
	case reflect.TypeFor[Duration]():
		return word(`^([0-9.]+(ns|us|ms|s|m|h))+$`)
	case reflect.TypeFor[Threshold]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{word(`^[0-9.]+(pt|%)$`), {Const: 0}}}
	case reflect.TypeFor[Pool]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Enum: []any{"trained", "none"}},
			{Type: "array", Items: &jsonschema.Schema{Type: "string"}}}}
	case reflect.TypeFor[Benchmark]():
		var names []any
		for _, n := range benchmarkNames() {
			names = append(names, n)
		}
		props := jsonschema.NewProperties()
		props.Set("name", &jsonschema.Schema{Type: "string"})
		props.Set("path", &jsonschema.Schema{Type: "string"})
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Enum: names},
			{Type: "object", Properties: props, AdditionalProperties: jsonschema.FalseSchema, Required: []string{"name"}}}}
	}
	return nil
}

// generate makes schema.json from the Go types.
func generate(t *testing.T) []byte {
	t.Helper()
	r := &jsonschema.Reflector{RequiredFromJSONSchemaTags: true, Mapper: special}
	if err := r.AddGoComments("hardneg/experiments/spec", "./"); err != nil {
		t.Fatal(err)
	}
	// Reflected beside Spec: in YAML claims and metrics are maps, not lists.
	defs := object{}
	for _, v := range []any{&Spec{}, &Claim{}, &Metric{}} {
		b, err := json.Marshal(r.Reflect(v))
		if err != nil {
			t.Fatal(err)
		}
		var s object
		if err := json.Unmarshal(b, &s); err != nil {
			t.Fatal(err)
		}
		for k, d := range s["$defs"].(object) {
			defs[k] = d
		}
	}
	props := func(def string) object { return defs[def].(object)["properties"].(object) }
	for _, k := range []string{"id", "left", "op", "right"} {
		delete(props("Claim"), k)
	}
	props("Claim")["test"].(object)["pattern"] = contrast.String()
	props("Claim")["family"] = object{"enum": []any{"confirmatory", "exploratory"}, "description": props("Claim")["family"].(object)["description"]}
	delete(props("Metric"), "name")
	mapOf := func(of, about string) object {
		some := object{"anyOf": []any{object{"$ref": "#/$defs/" + of}, object{"type": "null"}}}
		return object{"type": "object", "additionalProperties": some, "description": about}
	}
	props("Spec")["claims"] = mapOf("Claim", "Claims are the sentences that the report decides on.")
	props("Gate")["metrics"] = mapOf("Metric", "Metrics are what is compared.")
	props("Spec")["arms"] = mapOf("Arm", "Arms are the variants that are compared, each a patch on the stages; {} = the stages as they stand.")
	defs["Arm"] = armSchema(props)
	for _, d := range []string{"Arms", "Setting", "Claims", "Metrics"} {
		delete(defs, d)
	}
	orNone := regexp.MustCompile(`^(SFT|Train|LoRA|Shape|Source|Correlations|Validation|Subset|Slurm|Fields)$`)
	for _, d := range defs {
		relax(d.(object), orNone)
	}
	root := object{"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "hardneg experiment",
		"$comment": "Code generated from the types of experiments/spec by its tests (UPDATE=1). DO NOT EDIT.",
		"$ref":     "#/$defs/Spec", "$defs": defs}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(root); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// armSchema knows every dotted key of a patch, for completion; a value may also be a $variable.
func armSchema(props func(string) object) object {
	variable := object{"type": "string", "pattern": `^\$`}
	keys := object{"matrix": object{"type": "object", "description": "One arm per combination; $name stands for the value.",
		"additionalProperties": object{"type": "array", "minItems": 1}}}
	for stage, def := range map[string]string{"sft": "SFT", "sample": "Sample", "score": "Score", "mine": "Mine", "weight": "Weight", "train": "Train", "eval": "Eval"} {
		keys[stage] = object{"anyOf": []any{object{"const": "none"}, object{"$ref": "#/$defs/" + def}}, "description": props("Stages")[stage].(object)["description"]}
		for key := range props(def) {
			keys[stage+"."+key] = object{"anyOf": []any{object{"$ref": "#/$defs/" + def + "/properties/" + key}, variable}}
		}
	}
	return object{"type": "object", "properties": keys, "additionalProperties": false,
		"patternProperties": object{`^(sft|train)\.lora\.|^weight\.coef\.`: true}}
}

// relax takes off required keys and allows null, and none where a section may be absent.
func relax(def object, orNone *regexp.Regexp) {
	delete(def, "required")
	props, _ := def["properties"].(object)
	for key, v := range props {
		s := v.(object)
		any := []any{s, object{"type": "null"}}
		if ref, _ := s["$ref"].(string); orNone.MatchString(strings.TrimPrefix(ref, "#/$defs/")) {
			any = append(any, object{"const": "none"})
		}
		out := object{"anyOf": any}
		if d, ok := s["description"]; ok {
			out["description"] = d
			s = clone(s)
			delete(s, "description")
			any[0] = s
		}
		props[key] = out
	}
	if extra, ok := def["additionalProperties"].(object); ok {
		def["additionalProperties"] = object{"anyOf": []any{extra, object{"type": "null"}}}
	}
}

func clone(o object) object {
	out := object{}
	for k, v := range o {
		out[k] = v
	}
	return out
}

func TestSchemaIsCurrent(t *testing.T) {
	got := generate(t)
	file := filepath.Join("..", "schema.json")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("schema.json is not what the types say (UPDATE=1 rewrites it):\n%s", d)
	}
}

// TestEveryKeyIsDocumented: the schema is the reference of the language.
func TestEveryKeyIsDocumented(t *testing.T) {
	var s struct {
		Defs map[string]struct {
			Properties map[string]struct{ Description string }
		} `json:"$defs"`
	}
	if err := json.Unmarshal(generate(t), &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Defs) < 20 {
		t.Fatalf("only %d sections", len(s.Defs))
	}
	for def, d := range s.Defs {
		for key, p := range d.Properties {
			if def != "Arm" && len(p.Description) < 10 {
				t.Errorf("%s.%s has no description: write a comment on its Go field", def, key)
			}
		}
	}
}

// plainValue turns a tree into what a JSON decoder would give.
func plainValue(n *node) any {
	switch n.kind {
	case null:
		return nil
	case list:
		out := []any{}
		for _, v := range n.items {
			out = append(out, plainValue(v))
		}
		return out
	case mapping:
		out := object{}
		for _, e := range n.keys {
			out[e.key] = plainValue(e.value)
		}
		return out
	}
	if !n.quoted {
		if f, err := strconv.ParseFloat(n.text, 64); err == nil {
			return f
		}
		if n.text == "true" || n.text == "false" {
			return n.text == "true"
		}
	}
	return n.text
}

func TestSchemaAgreesWithTheReader(t *testing.T) {
	c := check.NewCompiler()
	doc, err := check.UnmarshalJSON(bytes.NewReader(generate(t)))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	validate := func(src string) error {
		n, errs := parse("x.yaml", src)
		if len(errs) > 0 {
			return errs
		}
		return schema.Validate(plainValue(n))
	}
	for _, name := range names() {
		b, err := experiments.Files.ReadFile(name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(string(b)); err != nil {
			t.Errorf("%s.yaml: %v", name, err)
		}
		var printed strings.Builder
		if err := mustLoad(t, name).WriteYAML(&printed, false); err != nil {
			t.Fatal(err)
		}
		if err := validate(printed.String()); err != nil {
			t.Errorf("%s resolved: %v", name, err)
		}
	}
	for _, bad := range []string{
		"spec: 2", "stages: {train: {btea: 1}}", "stages: {train: {loss: dpo}}", "arms: {a: {train.btea: 1}}",
		"stages: {sft: {batch: 1.5}}", "seeds: {vary: [score]}", "claims: {c: {test: a b}}", "run: {jobs: many}",
		"gate: {metrics: {task.wall_s: {better: more}}}", "analysis: {pool: some}", "stages: {train: nothing}",
	} {
		if validate(bad) == nil {
			t.Errorf("the schema accepts %q", bad)
		}
	}
}
