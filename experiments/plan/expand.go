package plan

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hardneg/experiments/spec"
)

// Expand turns a spec into the tasks of its run, inputs first. It is a pure
// function. A spec that leaves the device open is planned for the CPU; see
// spec.Spec.OnDevice.
func Expand(s *spec.Spec) (Plan, error) {
	if s.Hardware.Device == "auto" || s.Model.Dtype == "" {
		s = s.OnDevice(s.Class())
	}
	if len(s.Arms) == 0 {
		return Plan{}, fmt.Errorf("spec %s has no arm to run: it can be checked and extended (add `arms:`)", s.Name)
	}
	if len(s.Seeds.Values) == 0 {
		return Plan{}, errors.New("seeds.fresh has no seeds before a night is named")
	}
	b := &builder{s: s, index: map[string]*draft{}, json: canonicalizer{}}
	for _, seed := range s.Seeds.Values {
		for i := range s.Arms {
			b.arm(i, seed)
		}
		b.probe(seed)
	}
	b.validation()
	b.subset()
	return Plan{Run: s.RunName(), Tasks: b.tasks()}, nil
}

// draft is a task before it has an ID.
type draft struct {
	Task
	base   string // ID without arm and seed
	number int
	arms   []int // indices, ascending; empty: for the run itself
	inputs []feed
	id     string
}

// feed is an input, while tasks have no IDs.
type feed struct {
	name string
	from *draft
}

type builder struct {
	s      *spec.Spec
	drafts []*draft
	index  map[string]*draft // what a task does → the task
	json   canonicalizer
}

// none stands for the run itself where an arm's index is asked for.
const none = -1

// add returns the task that does this, making it if no arm needed it before.
func (b *builder) add(d draft, params any, arm int) *draft {
	d.Params = b.json.write(params)
	slices.SortFunc(d.inputs, func(x, y feed) int { return strings.Compare(x.name, y.name) })
	slices.SortFunc(d.Files, func(x, y File) int { return strings.Compare(x.Name, y.Name) })
	sig := append([]byte(d.Stage+" "+d.Device+" "), d.Params...)
	for _, f := range d.inputs {
		sig = append(append(sig, ' '), f.name...)
		sig = strconv.AppendInt(append(sig, '='), int64(f.from.number), 10)
	}
	for _, f := range d.Files {
		sig = strconv.AppendQuote(append(append(sig, ' '), f.Name...), f.Path)
		sig = strconv.AppendQuote(sig, f.Revision)
	}
	t := b.index[string(sig)]
	if t == nil {
		d.number = len(b.drafts)
		t = &d
		b.drafts = append(b.drafts, t)
		b.index[string(sig)] = t
	}
	if arm != none && !slices.Contains(t.arms, arm) {
		t.arms = append(t.arms, arm)
	}
	return t
}

// tasks names the drafts and puts them in order: by stage, then as they came.
func (b *builder) tasks() []Task {
	serving := map[string]map[int]bool{} // base → every arm that has such a task
	for _, d := range b.drafts {
		if serving[d.base] == nil {
			serving[d.base] = map[int]bool{}
		}
		for _, a := range d.arms {
			serving[d.base][a] = true
		}
	}
	used := map[string]int{}
	for _, d := range b.drafts {
		d.id = d.base
		if len(d.arms) > 0 && len(d.arms) < len(serving[d.base]) {
			d.id += "-" + b.s.Arms[slices.Min(d.arms)].Name
		}
		if d.Varies {
			d.id += "-s" + strconv.Itoa(d.Seed)
		}
		if used[d.id]++; used[d.id] > 1 {
			d.id += fmt.Sprintf(".%d", used[d.id])
		}
	}
	rank := map[string]int{}
	for i, st := range Stages {
		rank[st] = i
	}
	sorted := slices.Clone(b.drafts)
	slices.SortStableFunc(sorted, func(x, y *draft) int { return rank[x.Stage] - rank[y.Stage] })
	out := make([]Task, len(sorted))
	for i, d := range sorted {
		t := d.Task
		t.ID = d.id
		slices.Sort(d.arms)
		for _, a := range d.arms {
			t.Arms = append(t.Arms, b.s.Arms[a].Name)
		}
		t.Inputs = make([]Input, len(d.inputs))
		for j, f := range d.inputs {
			t.Inputs[j] = Input{f.name, f.from.id}
		}
		if t.Files == nil {
			t.Files = []File{}
		}
		out[i] = t
	}
	return out
}
