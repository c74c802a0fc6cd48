package stage

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"hardneg/experiments/plan"
	"hardneg/experiments/spec"
	"hardneg/fixtures/problem"
	"hardneg/models/train"
	"hardneg/reports/result"
)

// Outcome says what became of a task, for whoever collects a run.
type Outcome struct {
	Dir    string // folder of its result; "" where there is none
	Digest string // content digest of the result
	Failed bool   // tried and failed, or blocked by one that failed
	Why    string
	// Blocked: it was not tried itself.
	Blocked bool
}

// Collect reads the results of a run's tasks into the evidence that reports
// are made from. What is missing stays missing; nothing is imputed.
func Collect(sp *spec.Spec, p plan.Plan, of func(task string) Outcome) (*result.Set, error) {
	c := &collector{spec: sp, plan: p, of: of, set: &result.Set{Schema: result.Schema, Name: sp.Name, About: sp.About, Run: p.Run, Seeds: sp.Seeds.Values}}
	for _, step := range []func() error{c.arms, c.benchmarks, c.cells, c.subset, c.training, c.mining, c.probes, c.labels, c.cost, c.unanswered, c.provenance, c.examples} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("collect %s: %w", p.Run, err)
		}
	}
	return c.set, nil
}

type collector struct {
	spec  *spec.Spec
	plan  plan.Plan
	of    func(task string) Outcome
	set   *result.Set
	probs map[string][]problem.Problem // benchmark → problems
	evals map[string][]EvalItem        // arm and seed → items

	answers []result.Disagreements // of the verifier with the answer check
}

// task finds the task of a stage that serves an arm on a seed.
func (c *collector) task(stage, arm string, seed int) (plan.Task, bool) {
	for _, t := range c.plan.Tasks {
		if t.Stage == stage && slices.Contains(t.Arms, arm) && (!t.Varies || t.Seed == seed) {
			return t, true
		}
	}
	return plan.Task{}, false
}

// input finds the task that gives another one its input of a name.
func (c *collector) input(t plan.Task, name string) (plan.Task, bool) {
	for _, in := range t.Inputs {
		if in.Name == name {
			for _, u := range c.plan.Tasks {
				if u.ID == in.Task {
					return u, true
				}
			}
		}
	}
	return plan.Task{}, false
}

// dir is the result folder of a task, if it has one.
func (c *collector) dir(t plan.Task, ok bool) (string, bool) {
	if !ok {
		return "", false
	}
	d := c.of(t.ID).Dir
	return d, d != ""
}

func (c *collector) arms() error {
	for _, a := range c.spec.Arms {
		r := result.Arm{Name: a.Name, Trained: a.Stages.Train != nil, Patch: map[string]any{}}
		var about []string
		for _, s := range a.Patch {
			r.Patch[s.Key] = value(s.Value)
			about = append(about, s.Key+": "+s.Value)
		}
		r.About = strings.Join(about, ", ")
		c.set.Arms = append(c.set.Arms, r)
	}
	return nil
}

// value reads a setting as written: a number, a bool, or text.
func value(s string) any {
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return f
	}
	if b, err := strconv.ParseBool(s); err == nil {
		return b
	}
	return s
}

func (c *collector) benchmarks() error {
	c.probs = map[string][]problem.Problem{}
	ev := c.spec.Stages.Eval
	samples := 1
	if ev.Decoding == "sample" {
		samples = ev.Samples
	}
	for _, b := range ev.Benchmarks {
		bench := result.Benchmark{Name: b.Name, Samples: samples, Split: ev.Split, Primary: ev.Primary}
		items := result.Items{Benchmark: b.Name}
		for _, t := range c.plan.Tasks {
			if t.ID != "data-eval-"+b.Name || c.of(t.ID).Dir == "" {
				continue
			}
			ps, err := readRows[problem.Problem](filepath.Join(c.of(t.ID).Dir, "problems.jsonl"))
			if err != nil {
				return err
			}
			rows := len(ps)
			ps, again, other := distinct(ps)
			if again > 0 {
				c.note("%s", repeats(b.Name, rows, again, other))
			}
			c.probs[b.Name] = ps
			bench.N, bench.Digest = len(ps), c.of(t.ID).Digest
			describe(&items, ps)
		}
		c.set.Benchmarks = append(c.set.Benchmarks, bench)
		c.set.Items = append(c.set.Items, items)
	}
	return nil
}

// describe adds ids, and clusters, levels and subjects where they say anything.
func describe(items *result.Items, ps []problem.Problem) {
	var clusters, subjects []string
	var levels []int
	seen := map[string]bool{}
	repeats, level, subject := false, false, false
	for _, p := range ps {
		items.IDs = append(items.IDs, p.ID)
		s := p.SourceDigest()
		repeats = repeats || seen[s]
		seen[s] = true
		clusters, levels, subjects = append(clusters, s), append(levels, p.Level), append(subjects, p.Subject)
		level, subject = level || p.Level != 0, subject || p.Subject != ""
	}
	if repeats {
		items.Clusters = clusters
	}
	if level {
		items.Levels = levels
	}
	if subject {
		items.Subjects = subjects
	}
}

// cells reads every evaluation.
func (c *collector) cells() error {
	c.evals = map[string][]EvalItem{}
	for _, a := range c.spec.Arms {
		for _, seed := range c.set.Seeds {
			t, ok := c.task("eval", a.Name, seed)
			o := Outcome{}
			if ok {
				o = c.of(t.ID)
			}
			var items []EvalItem
			if o.Dir != "" {
				var err error
				if items, err = readRows[EvalItem](filepath.Join(o.Dir, "items.jsonl")); err != nil {
					return err
				}
				c.evals[cellKey(a.Name, seed)] = items
			}
			diverged, note := c.diverged(t)
			for i, b := range c.set.Benchmarks {
				cell := result.Cell{Arm: a.Name, Seed: seed, Benchmark: b.Name, N: b.N, Status: result.Done, Note: note}
				switch {
				case o.Dir == "" && o.Failed:
					cell.Status, cell.Note = result.Failed, o.Why
				case o.Dir == "":
					cell.Status = result.NotRun
				case diverged:
					cell.Status = result.Diverged
				}
				if o.Dir == "" {
					cell.Accuracy, cell.Strict, cell.Flexible, cell.PassAtK = result.NaN(), result.NaN(), result.NaN(), result.NaN()
				} else if err := c.count(&cell, i, items); err != nil {
					return err
				}
				c.set.Cells = append(c.set.Cells, cell)
			}
		}
	}
	return nil
}

func cellKey(arm string, seed int) string { return arm + "\x00" + strconv.Itoa(seed) }

// diverged says whether the model that a task evaluates had diverged.
func (c *collector) diverged(eval plan.Task) (bool, string) {
	m, ok := c.input(eval, "model")
	dir, ok := c.dir(m, ok)
	if !ok {
		return false, ""
	}
	s, err := readJSON[Trained](filepath.Join(dir, "train.json"))
	if err != nil || s.Status != "diverged" {
		return false, ""
	}
	return true, fmt.Sprintf("diverged at step %d (rows %s); the weights after step %d, the last finite ones, count", s.At, strings.Join(s.IDs, ", "), s.At-1)
}

// count fills a cell and adds its marks.
func (c *collector) count(cell *result.Cell, bench int, items []EvalItem) error {
	b := &c.set.Benchmarks[bench]
	right := map[string]int{}
	parsed := map[string]bool{}
	rightStrict := map[string]int{}
	var strict, flexible, n int
	for _, it := range items {
		if it.Benchmark != b.Name {
			continue
		}
		n++
		if it.Strict.Right {
			strict++
			rightStrict[it.ID]++
		}
		if it.Flexible.Right {
			flexible++
		}
		r := it.Flexible
		if b.Primary == "strict" {
			r = it.Strict
		}
		if r.Right {
			right[it.ID]++
		}
		if r.Found {
			parsed[it.ID] = true
		} else {
			cell.Unparsable++
		}
		if it.Finish == "length" {
			cell.Truncated++
		}
	}
	ids := c.set.Items[bench].IDs
	if n != len(ids)*b.Samples {
		return fmt.Errorf("%s, seed %d: %d answers to %d problems of %s with %d samples each", cell.Arm, cell.Seed, n, len(ids), b.Name, b.Samples)
	}
	marks, strictMarks := make([]byte, len(ids)), make([]byte, len(ids))
	pass := 0
	for i, id := range ids {
		cell.Correct += right[id]
		marks[i], strictMarks[i] = digit(right[id], parsed[id]), digit(rightStrict[id], true)
		if right[id] > 0 {
			pass++
		}
	}
	cell.Accuracy = result.Num(float64(cell.Correct) / float64(n))
	cell.Strict, cell.Flexible = result.Num(float64(strict)/float64(n)), result.Num(float64(flexible)/float64(n))
	cell.PassAtK = result.NaN()
	if b.Samples > 1 {
		cell.PassAtK = result.Num(float64(pass) / float64(len(ids)))
	}
	o := result.Outcome{Arm: cell.Arm, Seed: cell.Seed, Marks: string(marks)}
	if b.Primary != "strict" && strings.ReplaceAll(o.Marks, "-", "0") != string(strictMarks) {
		o.Strict = string(strictMarks)
	}
	c.set.Items[bench].Outcomes = append(c.set.Items[bench].Outcomes, o)
	return nil
}

// digit is the mark of an item: how many of its samples are right, '-' where none could be read.
func digit(right int, parsed bool) byte {
	if right == 0 && !parsed {
		return '-'
	}
	return strconv.FormatInt(int64(right), 36)[0]
}

// subset marks the frozen near-correct problems.
func (c *collector) subset() error {
	rule := c.spec.Analysis.Subset
	if rule == nil {
		return nil
	}
	for _, t := range c.plan.Tasks {
		dir := c.of(t.ID).Dir
		if t.Stage != "subset" || dir == "" {
			continue
		}
		s, err := readJSON[Subset](filepath.Join(dir, "subset.json"))
		if err != nil {
			return err
		}
		c.set.Subset = &result.SubsetRule{Samples: rule.Samples, Seed: rule.Seed, Share: rule.Share, Digest: c.of(t.ID).Digest}
		for i := range c.set.Items {
			it := &c.set.Items[i]
			for k, id := range it.IDs {
				if slices.Contains(s[it.Benchmark], id) {
					it.Subset = append(it.Subset, k)
				}
			}
		}
	}
	return nil
}

// steps reads a training's log and summary.
func steps(dir string) (Trained, []train.Metrics, error) {
	s, err := readJSON[Trained](filepath.Join(dir, "train.json"))
	if err != nil {
		return s, nil, err
	}
	m, err := readRows[train.Metrics](filepath.Join(dir, "steps.jsonl"))
	return s, m, err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
