package spec

import (
	"regexp"
	"slices"
	"strings"
)

func (c *checker) seeds() {
	s := c.s.Seeds
	night := s.Fresh // seeds of one night, as a run keeps them
	if c.written("seeds.sentinel") {
		night++
	}
	if s.Fresh > 0 && c.written("seeds.values") && len(s.Values) != night {
		c.errorf(c.where("seeds.fresh"), "spec.seeds has both fresh and values: remove one (values: ~)")
	}
	if c.written("seeds.sentinel") && s.Fresh == 0 {
		c.errorf(c.where("seeds.sentinel"), "spec.seeds.sentinel has a meaning only beside fresh")
	}
	if s.Fresh == 0 && len(s.Values) == 0 {
		c.errorf(c.where("seeds.values"), "spec.seeds.values is empty")
	}
	for _, v := range s.Values {
		if v < 0 {
			c.errorf(c.where("seeds.values"), "spec.seeds.values: %d is negative", v)
		}
	}
	if sub := c.s.Analysis.Subset; sub != nil && slices.Contains(s.Values, sub.Seed) {
		c.errorf(c.where("analysis.subset.seed"), "spec.analysis.subset.seed %d is also one of seeds.values: the subset must come from samples that no arm uses", sub.Seed)
	}
}

func (c *checker) armNames() []string {
	out := make([]string, len(c.s.Arms))
	for i, a := range c.s.Arms {
		out[i] = a.Name
	}
	return out
}

// known complains of a name that is not an arm.
func (c *checker) known(path, name string) {
	if c.s.Arm(name) == nil {
		c.errorf(c.where(path), "spec.%s: there is no arm %q%s", path, name, meant(name, c.armNames()))
	}
}

func (c *checker) analysis() {
	a := c.s.Analysis
	if len(c.s.Arms) > 0 {
		for _, b := range a.Baselines {
			c.known("analysis.baselines", b)
		}
		for _, b := range a.Pool.Arms {
			c.known("analysis.pool", b)
		}
	}
	if co := a.Correlations; co != nil && co.Over != "" && c.s.Data.Role(co.Over) == nil {
		c.errorf(c.where("analysis.correlations.over"), "spec.analysis.correlations.over: there is no data.%s", co.Over)
	}
	if a.Verifier != nil {
		for _, l := range a.Verifier.Labelled {
			switch {
			case l.Format == "oracle" && l.Path != "":
				c.errorf(c.where("analysis.verifier.labelled"), "format oracle labels the run's own samples: it has no path")
			case l.Format == "oracle" && c.s.Data.Probe == nil && c.s.Data.Pool == nil:
				c.errorf(c.where("analysis.verifier.labelled"), "format oracle needs data.probe or data.pool")
			case l.Format == "oracle" && !strings.HasPrefix(c.oracleSource(), "synth/"):
				c.errorf(c.where("analysis.verifier.labelled"), "format oracle needs generated problems (source synth/…), which know their own quantities; these are %q", c.oracleSource())
			case l.Format != "oracle" && l.Format != "" && l.Path == "":
				c.errorf(c.where("analysis.verifier.labelled"), "format %s needs the key \"path\"", l.Format)
			}
		}
	}
}

// oracleSource is the source of the problems whose samples the oracle labels.
func (c *checker) oracleSource() string {
	if p := c.s.Data.Probe; p != nil {
		return p.Source
	}
	return c.s.Data.Pool.Source
}

func (c *checker) claimed() {
	for _, cl := range c.s.Claims {
		path := "claims." + cl.ID
		c.known(path+".test", cl.Left)
		c.known(path+".test", cl.Right)
		if cl.Left == cl.Right {
			c.errorf(c.where(path+".test"), "spec.%s.test compares %q with itself", path, cl.Left)
		}
		c.benchmarks(path+".benchmarks", cl)
		if cl.Op == "~" && cl.Margin == 0 {
			c.errorf(c.where(path), "spec.%s claims equivalence, which needs a margin above 0", path)
		}
	}
}

// benchmarks checks that both arms of a claim are measured on what it names.
func (c *checker) benchmarks(path string, cl Claim) {
	if len(c.s.Stages.Eval.Benchmarks) == 0 {
		return // said once, of stages.eval
	}
	for _, b := range cl.Benchmarks {
		for _, name := range []string{cl.Left, cl.Right} {
			arm := c.s.Arm(name)
			if arm == nil || b == "combined" {
				continue
			}
			var known []string
			for _, e := range arm.Stages.Eval.Benchmarks {
				known = append(known, e.Name)
			}
			if !slices.Contains(known, b) {
				c.errorf(c.where(path), "spec.%s: arm %s is not evaluated on %q%s", path, name, b, meant(b, append(known, "combined")))
				break
			}
		}
	}
}

var metricName = regexp.MustCompile(`^(?:([^/]+)/(?:eval\.(.+)|train\.loss_final)|train\.tokens_per_s|train\.peak_mem_gb|sample\.tokens_per_s|task\.wall_s)$`)

func (c *checker) gate() {
	for _, m := range c.s.Gate.Metrics {
		path := "gate.metrics." + m.Name
		parts := metricName.FindStringSubmatch(m.Name)
		if parts == nil {
			c.errorf(c.where(path), "unknown metric %q: <arm>/eval.<benchmark>, <arm>/train.loss_final, train.tokens_per_s, "+
				"train.peak_mem_gb, sample.tokens_per_s or task.wall_s%s", m.Name,
				meant(m.Name, []string{"train.tokens_per_s", "train.peak_mem_gb", "sample.tokens_per_s", "task.wall_s"}))
			continue
		}
		if parts[1] == "" {
			continue
		}
		arm := c.s.Arm(parts[1])
		if arm == nil {
			c.known(path, parts[1])
			continue
		}
		if b := parts[2]; b != "" && !slices.ContainsFunc(arm.Stages.Eval.Benchmarks, func(e Benchmark) bool { return e.Name == b }) {
			c.errorf(c.where(path), "spec.%s: arm %s is not evaluated on %q", path, arm.Name, b)
		}
		if parts[2] == "" && arm.Stages.Train == nil {
			c.errorf(c.where(path), "spec.%s: arm %s has no train stage", path, arm.Name)
		}
	}
}
