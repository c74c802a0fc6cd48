package runner

import (
	"fmt"
	"slices"
	"strings"

	"hardneg/experiments/plan"
)

// Selection narrows a plan; its zero value keeps everything.
type Selection struct {
	Arms  []string
	Seeds []int
	Until string // last stage
}

// String says what was asked for; empty: everything.
func (s Selection) String() string {
	var parts []string
	if len(s.Arms) > 0 {
		parts = append(parts, "arms "+strings.Join(s.Arms, ", "))
	}
	if len(s.Seeds) > 0 {
		parts = append(parts, "seeds "+strings.Trim(fmt.Sprint(s.Seeds), "[]"))
	}
	if s.Until != "" {
		parts = append(parts, "until "+s.Until)
	}
	return strings.Join(parts, "; ")
}

// Apply keeps the tasks that serve one of the arms and seeds, up to a stage,
// and whatever those need. Unknown names are an error that lists the known ones.
func (s Selection) Apply(p plan.Plan) (plan.Plan, error) {
	if err := s.check(p); err != nil {
		return p, err
	}
	last := slices.Index(plan.Stages, s.Until)
	keep := make(map[string]bool, len(p.Tasks))
	out := plan.Plan{Run: p.Run}
	for i := len(p.Tasks) - 1; i >= 0; i-- { // users come after their inputs
		t := p.Tasks[i]
		if s.wants(t, last) {
			keep[t.ID] = true
		}
		if keep[t.ID] {
			for _, in := range t.Inputs {
				keep[in.Task] = true
			}
		}
	}
	for _, t := range p.Tasks {
		if keep[t.ID] {
			out.Tasks = append(out.Tasks, t)
		}
	}
	return out, nil
}

func (s Selection) wants(t plan.Task, last int) bool {
	if last >= 0 && slices.Index(plan.Stages, t.Stage) > last {
		return false
	}
	if len(s.Seeds) > 0 && t.Varies && !slices.Contains(s.Seeds, t.Seed) {
		return false
	}
	return len(s.Arms) == 0 || len(t.Arms) == 0 || slices.ContainsFunc(t.Arms, func(a string) bool { return slices.Contains(s.Arms, a) })
}

func (s Selection) check(p plan.Plan) error {
	var arms []string
	var seeds []int
	for _, t := range p.Tasks {
		for _, a := range t.Arms {
			if !slices.Contains(arms, a) {
				arms = append(arms, a)
			}
		}
		if t.Varies && !slices.Contains(seeds, t.Seed) {
			seeds = append(seeds, t.Seed)
		}
	}
	for _, a := range s.Arms {
		if !slices.Contains(arms, a) {
			return fmt.Errorf("--arms: no arm %q; the spec has %s", a, strings.Join(arms, ", "))
		}
	}
	for _, n := range s.Seeds {
		if !slices.Contains(seeds, n) {
			return fmt.Errorf("--seeds: no seed %d; the spec has %v", n, seeds)
		}
	}
	if s.Until != "" && !slices.Contains(plan.Stages, s.Until) {
		return fmt.Errorf("--until: no stage %q; the stages are %s", s.Until, strings.Join(plan.Stages, ", "))
	}
	return nil
}
