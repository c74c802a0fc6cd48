package plan

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hardneg/experiments/spec"
)

func TestDifferences(t *testing.T) {
	key := func(params string, inputs map[string]string) KeyFields {
		return KeyFields{Stage: "train", Version: 1, Params: json.RawMessage(params), Device: "cpu", Inputs: inputs}
	}
	a := key(`{"beta":0.1,"lr":1e-4,"seed_key":{"root":1,"seed":2}}`, map[string]string{"pairs": "x", "ref": "y"})
	for _, c := range []struct {
		name string
		b    KeyFields
		want []string
	}{
		{"nothing", a, nil},
		{"only spaces", key("{ \"beta\": 0.1,\n \"lr\": 1e-4, \"seed_key\": {\"root\": 1,\n\"seed\": 2}}", a.Inputs), nil},
		{"a setting", key(`{"beta":0.2,"lr":1e-4,"seed_key":{"root":1,"seed":2}}`, a.Inputs), []string{"beta 0.1 → 0.2"}},
		{"a nested one", key(`{"beta":0.1,"lr":1e-4,"seed_key":{"root":1,"seed":3}}`, a.Inputs), []string{"seed_key.seed 2 → 3"}},
		{"come and gone", key(`{"beta":0.1,"keep":"last","seed_key":{"root":1,"seed":2}}`, a.Inputs), []string{`keep "last" is new`, "lr 1e-4 is gone"}},
		{"an input", key(string(a.Params), map[string]string{"pairs": "z", "ref": "y"}), []string{"input pairs has other content"}},
		{"no input", key(string(a.Params), map[string]string{"pairs": "x"}), []string{"input ref is gone"}},
	} {
		var got []string
		for _, d := range Differences(a, c.b) {
			got = append(got, d.String())
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
	b := a
	b.Version, b.Device = 2, "cuda:h100"
	if d := Differences(a, b); len(d) != 2 || d[0].String() != "the stage's version 1 → 2" || d[1].String() != "device cpu → cuda:h100" {
		t.Errorf("version and device: %v", d)
	}
}

// TestNearest: a task of the same name explains before one that differs less.
func TestNearest(t *testing.T) {
	key := func(stage, params string) KeyFields { return KeyFields{Stage: stage, Params: json.RawMessage(params)} }
	var earlier History
	for _, e := range []Earlier{
		{"eval-a", key("eval", `{}`)},
		{"train-b", key("train", `{"x":1,"y":2}`)},
		{"train-a", key("train", `{"x":5,"y":5}`)},
		{"train-a", key("train", `{"x":1,"y":5}`)},
	} {
		b, err := json.Marshal(e.Fields)
		if err != nil {
			t.Fatal(err)
		}
		earlier.Add(e.Fields.Stage, e.ID, b)
	}
	near, changes, ok := earlier.Nearest("train-a", key("train", `{"x":1,"y":3}`))
	if !ok || near.ID != "train-a" || len(changes) != 1 || changes[0].String() != "y 5 → 3" {
		t.Errorf("%v %v %v", near, changes, ok)
	}
	if near, _, ok := earlier.Nearest("train-c", key("train", `{"x":1,"y":3}`)); !ok || near.ID != "train-b" {
		t.Errorf("another arm: %v", near)
	}
	if _, _, ok := earlier.Nearest("mine-a", key("mine", `{}`)); ok {
		t.Error("found a mine task where there is none")
	}
}

func TestParameters(t *testing.T) {
	for _, c := range []struct {
		name  string
		shape spec.Shape
		want  float64
	}{
		{"tiny", *load(t, "tiny-base").Model.Shape, 354_528},
		{"Qwen/Qwen2.5-0.5B", known(t, "Qwen/Qwen2.5-0.5B"), 494_032_768},
		{"Qwen/Qwen2.5-1.5B", known(t, "Qwen/Qwen2.5-1.5B"), 1_543_714_304},
		{"Qwen/Qwen2.5-7B", known(t, "Qwen/Qwen2.5-7B-Instruct"), 7_615_616_512},
	} {
		if got, _ := Parameters(c.shape); got != c.want {
			t.Errorf("%s has %.0f parameters, want %.0f", c.name, got, c.want)
		}
	}
	if _, ok := KnownShape("somebody/else"); ok {
		t.Error("the shape of an unknown model is known")
	}
}

func known(t *testing.T, hub string) spec.Shape {
	t.Helper()
	s, ok := KnownShape(hub)
	if !ok {
		t.Fatalf("%s is not known", hub)
	}
	return s
}

// TestEstimate checks counts that follow from the spec alone.
func TestEstimate(t *testing.T) {
	s := load(t, "smoke")
	p := expand(t, s)
	costs := p.Estimate(*load(t, "tiny-base").Model.Shape)
	for i, task := range p.Tasks {
		c := costs[i]
		switch task.ID {
		case "sft-s1":
			if c.Tokens != 1000*100 || c.FLOPs < 3*2*354_528*c.Tokens || c.FLOPs > 5*2*354_528*c.Tokens {
				t.Errorf("sft: %+v", c)
			}
		case "sample-s1":
			if c.Rows != 384*8 || c.Tokens != 384*36+384*8*64 {
				t.Errorf("sample: %+v", c)
			}
		case "train-full-s1":
			pairs := 384 * float64(s.Arm("full").Stages.Mine.PerPrompt)
			if c.Rows != pairs || c.Tokens != 2*2*pairs*100 { // epochs, sides, pairs, tokens
				t.Errorf("train: %+v", c)
			}
		case "eval-full-s1":
			if c.Rows != 1000 {
				t.Errorf("eval: %+v", c)
			}
		}
		if math.IsNaN(c.FLOPs) || c.FLOPs < 0 {
			t.Errorf("%s: %+v", task.ID, c)
		}
	}
	for i, c := range p.Estimate(spec.Shape{}) {
		if c.FLOPs != 0 || c.Memory != 0 {
			t.Errorf("%s: FLOPs of an unknown shape: %+v", p.Tasks[i].ID, c)
		}
	}
}

func TestGraph(t *testing.T) {
	p := expand(t, load(t, "smoke"))
	dot, mermaid := p.Dot(), p.Mermaid()
	for _, want := range []string{`"train-full" [label="train-full ×3"];`, `"weight-full" -> "train-full";`, `"data-sft" -> "sft";`} {
		if !strings.Contains(dot, want) {
			t.Errorf("dot lacks %s", want)
		}
	}
	if strings.Count(mermaid, "-->") != strings.Count(dot, "->") || !strings.HasPrefix(mermaid, "flowchart LR\n") {
		t.Errorf("mermaid and dot differ in edges:\n%s", mermaid)
	}
}

// TestOrderOfTheFile: comments and the order of keys and arms are in no key.
func TestOrderOfTheFile(t *testing.T) {
	set := func(src string) map[string]bool {
		s, err := spec.Parse("t.yaml", src, nil)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]bool{}
		for _, k := range keys(t, expand(t, s)) {
			out[k] = true
		}
		return out
	}
	a := set("extends: smoke.yaml\nname: a\nstages: {train: {beta: 0.2, lr: 1.0e-3}}\narms: {x: {train.beta: 0.3, mine.per_prompt: 1}, y: {train.beta: 0.4}}\n")
	b := set("# a comment\nname: b\narms:\n  y: {train.beta: 0.40}\n  x: {mine.per_prompt: 1, train.beta: 3.0e-1}   # another\nextends: smoke.yaml\nstages: {train: {lr: 0.001, beta: 0.2}}\n")
	if d := cmp.Diff(a, b); d != "" {
		t.Errorf("keys (-a +b):\n%s", d)
	}
}
