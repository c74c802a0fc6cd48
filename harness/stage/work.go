package stage

import (
	"fmt"
	"path/filepath"
	"slices"

	"hardneg/experiments/plan"
	"hardneg/fixtures/problem"
	"hardneg/models/verifier"
	"hardneg/reports/result"

	"crypto/sha256"
	"encoding/hex"
)

// Work is work.json: what a task did, in counts that any machine repeats.
type Work struct {
	Rows   int64   `json:"rows"`
	Steps  int64   `json:"steps"`
	Tokens int64   `json:"tokens"`
	FLOPs  float64 `json:"flops"` // 6 or 2 times parameters times tokens: training, forward only; attention left out
	// TooLong prompts filled all Positions of the model and got no solution; both 0 where there is none.
	TooLong   int64 `json:"prompts_too_long,omitempty"`
	Positions int   `json:"positions,omitempty"`
}

// tooLong counts a prompt by the first of its rows.
func (w *Work) tooLong(finish string, k int, s *speaker) {
	if finish == FinishTooLong && k == 0 {
		w.TooLong++
		w.Positions = s.params.Config.MaxPositions
	}
}

// unanswered notes how many prompts no model could answer: once for all arms and
// seeds that share them.
func (c *collector) unanswered() error {
	said := map[string]bool{}
	for _, t := range c.plan.Tasks {
		dir := c.of(t.ID).Dir
		if dir == "" || t.Stage != "sample" && t.Stage != "eval" {
			continue
		}
		w, err := readJSON[Work](filepath.Join(dir, "work.json"))
		if err != nil {
			return err
		}
		data := slices.IndexFunc(t.Inputs, func(in plan.Input) bool { return in.Name == "data" })
		what, end := "the evaluation", "it has no answer to them, which counts as wrong"
		if t.Stage == "sample" {
			what, end = "sampling", "they have no solutions and make no pairs"
			if data >= 0 {
				what += " (" + t.Inputs[data].Task + ")"
			}
		}
		if w.TooLong > 0 && !said[what] {
			said[what] = true
			c.note("%d prompts of %s are longer than the model's %d positions: %s", w.TooLong, what, w.Positions, end)
		}
	}
	return nil
}

// note keeps a sentence that a report must print.
func (c *collector) note(format string, a ...any) {
	c.set.Prov.Notes = append(c.set.Prov.Notes, fmt.Sprintf(format, a...))
}

// cost sums the counted work by stage.
func (c *collector) cost() error {
	by := map[string]*result.Cost{}
	for _, t := range c.plan.Tasks {
		dir := c.of(t.ID).Dir
		if dir == "" {
			continue
		}
		k := by[t.Stage]
		if k == nil {
			k = &result.Cost{Stage: t.Stage}
			by[t.Stage] = k
		}
		k.Tasks++
		path := filepath.Join(dir, "work.json")
		if !exists(path) {
			continue
		}
		w, err := readJSON[Work](path)
		if err != nil {
			return err
		}
		k.Rows, k.Steps, k.Tokens, k.FLOPs = k.Rows+w.Rows, k.Steps+w.Steps, k.Tokens+w.Tokens, k.FLOPs+w.FLOPs
	}
	for _, s := range plan.Stages {
		if k := by[s]; k != nil {
			c.set.Cost = append(c.set.Cost, *k)
		}
	}
	return nil
}

// provenance says what the numbers were made from, as far as the results tell;
// the caller adds commit, hashes of the spec and digests of the user's files.
func (c *collector) provenance() error {
	p := &c.set.Prov
	p.DType = c.spec.Model.Dtype
	for _, t := range c.plan.Tasks {
		o := c.of(t.ID)
		p.TasksTotal++
		if p.DeviceClass == "" || t.Device != "cpu" {
			p.DeviceClass = t.Device
		}
		switch {
		case o.Dir != "":
			p.TasksDone++
		case o.Blocked:
			p.TasksBlocked++
		case o.Failed:
			p.TasksFailed++
		}
		if t.Stage == "data" && o.Dir != "" {
			rows := 0
			if w, err := readJSON[Work](filepath.Join(o.Dir, "work.json")); err == nil {
				rows = int(w.Rows)
			}
			p.Data = append(p.Data, result.Digest{Name: t.ID, Digest: o.Digest, Rows: rows})
		}
	}
	name := c.spec.Stages.Score.Verifier
	p.Verifier = result.Digest{Name: name}
	if v, err := verifier.Load(name); err == nil && v.Model() != nil {
		for _, b := range c.set.Benchmarks {
			for _, q := range c.probs[b.Name] {
				if v.Model().Saw(q.Question) {
					p.VerifierOverlap++
				}
			}
		}
		if b, err := v.Model().Encode(); err == nil {
			h := sha256.Sum256(b)
			p.Verifier.Digest = hex.EncodeToString(h[:])
		}
	}
	return c.overlap()
}

// overlap counts test questions that training data hold too.
func (c *collector) overlap() error {
	var train []problem.Problem
	for _, id := range []string{"data-sft", "data-pool"} {
		i := slices.IndexFunc(c.plan.Tasks, func(t plan.Task) bool { return t.ID == id })
		if i < 0 || c.of(id).Dir == "" {
			continue
		}
		ps, err := readRows[problem.Problem](filepath.Join(c.of(id).Dir, "problems.jsonl"))
		if err != nil {
			return err
		}
		train = append(train, ps...)
	}
	for _, b := range c.set.Benchmarks {
		c.set.Prov.Overlap += len(problem.Overlap(train, c.probs[b.Name]))
	}
	return nil
}
