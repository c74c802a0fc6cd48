package plan

import (
	"errors"
	"fmt"
	"math/bits"
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
	b := &builder{s: s, index: map[string]*draft{}, memo: map[memo]*draft{}, json: canonicalizer{}}
	for _, a := range s.Arms {
		b.settings = append(b.settings, s.Effective(a.Stages))
	}
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
	arms   set // indices; empty: for the run itself
	inputs []feed
	id     string
}

// feed is an input, while tasks have no IDs.
type feed struct {
	name string
	from *draft
}

type builder struct {
	s        *spec.Spec
	settings []spec.Stages // effective, by arm
	drafts   []*draft
	index    map[string]*draft // what a task does → the task
	memo     map[memo]*draft   // the same for what is cheap to compare, to save time
	json     canonicalizer
}

// memo identifies a task by Go values.
type memo struct {
	base     string
	seed     int
	from, to *draft
	settings any
}

// once returns the task made for a memo, making it for the first arm. settings
// that hold pointers only miss where they could hit; add finds those equal.
func (b *builder) once(m memo, arm int, make func() *draft) *draft {
	t := b.memo[m]
	if t == nil {
		t = make()
		b.memo[m] = t
	}
	t.serve(arm)
	return t
}

func (d *draft) serve(arm int) {
	if arm != none {
		d.arms = d.arms.with(arm)
	}
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
	t.serve(arm)
	return t
}

// tasks names the drafts and puts them in order: by stage, then as they came.
func (b *builder) tasks() []Task {
	for _, d := range slices.Backward(b.drafts) { // users come after their inputs
		for _, f := range d.inputs {
			f.from.arms = f.from.arms.or(d.arms)
		}
	}
	serving := map[string]set{} // base → every arm that has such a task
	for _, d := range b.drafts {
		serving[d.base] = serving[d.base].or(d.arms)
	}
	total := map[string]int{}
	for base, arms := range serving {
		total[base] = len(arms.list())
	}
	used := map[string]int{}
	for _, d := range b.drafts {
		d.id = d.base
		if arms := d.arms.list(); len(arms) > 0 && len(arms) < total[d.base] {
			d.id += "-" + b.s.Arms[arms[0]].Name
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
		for _, a := range d.arms.list() {
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

// set is a set of small numbers, a bit each.
type set []uint64

func (s set) with(i int) set {
	for len(s) <= i/64 {
		s = append(s, 0)
	}
	s[i/64] |= 1 << (i % 64)
	return s
}

// or adds the members of o to s, which may change in place.
func (s set) or(o set) set {
	for len(s) < len(o) {
		s = append(s, 0)
	}
	for i, w := range o {
		s[i] |= w
	}
	return s
}

// list gives the members, ascending.
func (s set) list() (out []int) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			out = append(out, i*64+bits.TrailingZeros64(w))
		}
	}
	return out
}
