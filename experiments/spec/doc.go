// Package spec reads the language in which an experiment is written: one YAML
// file (and the file it extends), checked strictly, resolved completely.
//
// Words: a stage is a fixed step of the pipeline (sft, sample, score, mine,
// weight, train, eval); an arm is a named patch on the stages' settings; a
// seed repeats every arm; a claim is a sentence about two arms. An experiment
// is stages × arms × seeds, so the referee's ablations are lines, not code.
//
// A file enters through Load. On the way: yaml.go turns text into a tree whose
// every node knows its file, line and column (the only use of the YAML
// library); merge.go puts a child over its parent and applies --set; decode.go
// walks tree and Go struct side by side; arms.go expands matrices and patches;
// check.go asks what a type cannot say. All mistakes are reported at once, each
// with its place and a suggestion. A Spec leaves: every default filled in,
// every arm complete, Origin telling where each value was written.
//
// # Why
//
// Merging happens on the tree, before decoding, so that a value keeps its place
// through inheritance and an arm's patch is decoded with the same checks as
// the stages that it patches. There is no expression language: `$name` of an
// arm's matrix is all, because what a spec computes cannot be read off it.
package spec

import "fmt"

// Origin is the place where a value was written.
type Origin struct {
	File      string
	Line, Col int // 0 for --set
}

// String writes file:line:col, or --set.
func (o Origin) String() string {
	if o.Line == 0 {
		return o.File
	}
	return fmt.Sprintf("%s:%d:%d", o.File, o.Line, o.Col)
}

// Origin tells where the value at a dotted path (stages.train.beta,
// arms.full.weight.scores) was written; false: it is a default.
func (s *Spec) Origin(path string) (Origin, bool) {
	o, ok := s.origins[path]
	return o, ok
}
