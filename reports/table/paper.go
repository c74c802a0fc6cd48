package table

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"hardneg/reports/finding"
	"hardneg/reports/result"
)

// Overview is the main table of a paper: a row an arm, and for every benchmark
// its accuracy and the change against each baseline.
func Overview(s *result.Set) Table {
	t := Table{ID: "main", Caption: "Accuracy and its change in points", Head: []string{"arm", "seeds"}, Empty: "no arm was measured."}
	bases, benches, level := baselines(s), whole(s), finding.Alpha(s)
	t.Names = slices.Clone(t.Head)
	for _, b := range benches {
		t.Head = append(t.Head, b+" (%)", "± sd")
		t.Names = append(t.Names, b+" (%)", "± sd of "+b)
		for _, base := range bases {
			t.Head = append(t.Head, "Δ "+base)
			t.Names = append(t.Names, "Δ "+base+" on "+b)
		}
	}
	for _, a := range s.Arms {
		c := row(a.Name, "")
		for _, b := range benches {
			f, ok := accuracy(s, a.Name, b)
			if !ok {
				c = append(c, row(slices.Repeat([]string{""}, 2+len(bases))...)...)
				continue
			}
			c[1].Text = seeds(f)
			x := row(finding.Percent(f.Estimate), finding.Percent(f.SD))
			x[0].Best = a.Name == best(s, b)
			for _, base := range bases {
				cell := Cell{}
				if d, ok := delta(s, a.Name, base, b); ok {
					cell = Cell{Text: finding.Points(d.Estimate), Dagger: d.PAdj.OK() && float64(d.PAdj) < level}
				}
				x = append(x, cell)
			}
			c = append(c, x...)
		}
		t.Rows = append(t.Rows, c)
	}
	return t
}

// whole names the benchmarks that are no subset of another.
func whole(s *result.Set) []string {
	return slices.DeleteFunc(Benchmarks(s), func(b string) bool { return strings.HasSuffix(b, finding.SubsetSuffix) })
}

func accuracy(s *result.Set, arm, bench string) (result.Finding, bool) {
	for _, f := range s.Findings {
		if f.Kind == result.KindAccuracy && f.Arm == arm && f.Benchmark == bench {
			return f, true
		}
	}
	return result.Finding{}, false
}

// resolved is what the tables read of a spec.
type resolved struct {
	Model  json.RawMessage `json:"model"`
	Data   json.RawMessage `json:"data"`
	Stages json.RawMessage `json:"stages"`
	Seeds  json.RawMessage `json:"seeds"`
	Arms   []specArm       `json:"arms"`
}

type specArm struct {
	Name  string `json:"name"`
	Patch []struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	} `json:"patch"`
	Stages map[string]map[string]json.RawMessage `json:"stages"`
}

// of is a setting of the arm, as the spec writes it; "" where the arm has no
// such stage.
func (a specArm) of(stage, key string) string { return value(a.Stages[stage][key]) }

// Ablation is the table of the arms: what each one is on the three axes, and
// its accuracy.
func Ablation(s *result.Set) Table {
	t := Table{ID: "ablation", Caption: "The arms: who scores, what is mined, how pairs are weighted, and the accuracy (%)", Empty: "the spec names no arms.",
		Head: []string{"arm", "profile", "negatives", "weights", "loss", "other"}}
	benches := whole(s)
	t.Head = append(t.Head, benches...)
	var spec resolved
	if json.Unmarshal(s.Spec, &spec) != nil {
		return t
	}
	for _, a := range spec.Arms {
		c := row(a.Name, a.of("score", "profile"), a.of("mine", "negatives"), a.of("weight", "scores"), a.of("train", "loss"), "")
		if len(a.Stages["train"]) == 0 { // not trained further: there are no pairs
			for j := 1; j < 5; j++ {
				c[j].Text = undefined
			}
		}
		var other []string
		for _, p := range a.Patch {
			switch p.Key {
			case "score.profile", "mine.negatives", "weight.scores", "train.loss", "train":
			default:
				other = append(other, p.Key+" "+p.Value)
			}
		}
		c[5].Text = strings.Join(other, ", ")
		for _, b := range benches {
			f, ok := accuracy(s, a.Name, b)
			cell := Cell{Text: undefined}
			if ok {
				cell = Cell{Text: finding.Percent(f.Estimate), Best: a.Name == best(s, b)}
			}
			c = append(c, cell)
		}
		t.Rows = append(t.Rows, c)
	}
	return t
}

// Hyperparameters lists every setting of the run as it was used, with the arms
// that change it.
func Hyperparameters(s *result.Set) Table {
	t := Table{ID: "hyperparameters", Caption: "Settings of the run", Head: []string{"stage", "setting", "value", "arms that differ"}, Empty: "the spec is not known.", Grouped: true}
	var spec resolved
	if json.Unmarshal(s.Spec, &spec) != nil {
		return t
	}
	differ := map[string][]string{}
	for _, a := range spec.Arms {
		for _, p := range a.Patch {
			differ[p.Key] = append(differ[p.Key], fmt.Sprintf("%s: %s", a.Name, p.Value))
		}
	}
	add := func(stage string, raw json.RawMessage) {
		for _, x := range members(raw) {
			v := value(x.raw)
			if v == "" && differ[stage+"."+x.key] == nil {
				continue
			}
			c := row(stage, x.key, v, strings.Join(differ[stage+"."+x.key], "; "))
			c[2].Wide, c[3].Wide = true, true
			t.Rows = append(t.Rows, c)
		}
	}
	add("model", spec.Model)
	for _, x := range members(spec.Data) {
		if string(x.raw) != "null" {
			add("data."+x.key, x.raw)
		}
	}
	for _, x := range members(spec.Stages) {
		if string(x.raw) != "null" {
			add(x.key, x.raw)
		}
	}
	add("seeds", spec.Seeds)
	return t
}

type member struct {
	key string
	raw json.RawMessage
}

// members are the fields of an object in their order; nothing for anything else.
func members(raw json.RawMessage) []member {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	var out []member
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return nil
		}
		m := member{key: fmt.Sprint(k)}
		if d.Decode(&m.raw) != nil {
			return nil
		}
		out = append(out, m)
	}
	return out
}

// value writes a setting: texts and numbers as they are, lists and maps in one
// line, nothing for what is unset.
func value(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	switch raw[0] {
	case '"':
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return string(raw)
		}
		return s
	case '[':
		var xs []json.RawMessage
		if json.Unmarshal(raw, &xs) != nil {
			return string(raw)
		}
		var parts []string
		for _, x := range xs {
			parts = append(parts, value(x))
		}
		return strings.Join(parts, ", ")
	case '{':
		var parts []string
		for _, m := range members(raw) {
			if v := value(m.raw); v != "" {
				parts = append(parts, m.key+" "+v)
			}
		}
		return strings.Join(parts, ", ")
	}
	return string(raw)
}
