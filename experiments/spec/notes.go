package spec

import (
	"fmt"
	"slices"
	"strings"
)

// Notes says what a valid spec implies and its author may not have meant.
func (s *Spec) Notes() []string {
	var out []string
	note := func(format string, a ...any) { out = append(out, fmt.Sprintf(format, a...)) }
	if s.Data.Samples != nil {
		note("data.samples replaces stages.sft and stages.sample: every arm starts from model.base")
	}
	if s.Data.Pairs != nil {
		note("data.pairs replaces stages.sample to stages.weight: arms cannot differ in scoring, mining or weights")
	}
	var lacks []string
	for _, v := range []string{"sft", "sample", "train"} {
		if !slices.Contains(s.Seeds.Vary, v) {
			lacks = append(lacks, v)
		}
	}
	if n := len(s.Seeds.Values); n > 1 && len(lacks) > 0 {
		note("the spread over %d seeds does not contain that of %s (seeds.vary)", n, strings.Join(lacks, " and "))
	}
	if len(s.Seeds.Vary) == 0 && len(s.Seeds.Values) > 1 {
		note("nothing varies between the %d seeds: their results will be copies of one", len(s.Seeds.Values))
	}
	if s.Analysis.Subset != nil && s.Stages.SFT != nil && s.Data.Samples == nil && slices.Contains(s.Seeds.Vary, "sft") {
		note("analysis.subset trains one more SFT model, of seed %d, which no arm uses", s.Analysis.Subset.Seed)
	}
	for _, st := range s.armStages() {
		if st.Eval.Split == "test" && st.Eval.Limit > 0 {
			note("stages.eval.limit: only the first %d problems of each benchmark are measured", st.Eval.Limit)
			break
		}
	}
	return out
}

func (s *Spec) armStages() []Stages {
	out := make([]Stages, len(s.Arms))
	for i, a := range s.Arms {
		out[i] = a.Stages
	}
	return out
}
