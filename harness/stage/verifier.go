package stage

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"hardneg/ablations/pair"
	"hardneg/experiments/plan"
	"hardneg/fixtures/problem"
	"hardneg/fixtures/synth"
	"hardneg/models/verifier"
	"hardneg/reports/finding"
	"hardneg/reports/result"
)

// readDisagreements is how many disagreements of each way a set keeps to be
// read; a report shows as many of them as its spec asks for.
const readDisagreements = 50

// runVerifier validates the verifier against labels that do not come from it:
// → verifier.json (a result.Labelled), disagreements.json (a result.Disagreements).
func runVerifier(ctx context.Context, t plan.Task, env Env) error {
	p, err := decode[plan.VerifierParams](t)
	if err != nil {
		return err
	}
	v, err := env.openVerifier(p.Verifier)
	if err != nil {
		return err
	}
	var set labelled
	if p.Format == "oracle" {
		set, err = oracleLabels(env)
	} else {
		set, err = publishedLabels(p.Format, env)
	}
	if err != nil {
		return err
	}
	out := result.Labelled{Name: set.name, Format: p.Format, Scores: map[string][]result.Num{}, Threshold: result.NaN()}
	if len(set.rows) > 0 { // a set is of one register
		out.Threshold = result.Num(v.Tau(verifier.RegisterOf(set.rows[0].Question)))
	}
	for _, mode := range set.modes {
		rows, err := scoreAll(ctx, v, mode, set.rows, set.steps, env)
		if err != nil {
			return err
		}
		set.collect(&out, mode, rows)
		if mode == verifier.None { // the mode whose probability is calibrated, blind to every answer
			if err := writeJSON(env.Dir, "disagreements.json", set.disagreements(out.Threshold, p.Format, rows)); err != nil {
				return err
			}
		}
	}
	wrong := make([]byte, len(set.labels))
	for i, l := range set.labels {
		wrong[i] = '0'
		if l.wrong {
			wrong[i] = '1'
		}
		out.Problems = append(out.Problems, set.rows[i].PromptID)
		out.FirstError = append(out.FirstError, l.first)
		out.Class = append(out.Class, l.class)
	}
	out.Wrong = string(wrong)
	return writeJSON(env.Dir, "verifier.json", out)
}

// label is what somebody other than the verifier says of a solution.
type label struct {
	wrong bool
	first int // step of the first error, counted from 0; -1 = none
	class string
}

type labelled struct {
	name   string
	rows   []pair.Candidate
	steps  [][]string // as the set gives them; nil: the rows' texts are cut here
	labels []label
	modes  []verifier.Mode
}

// disagreements are the solutions on which verifier and label differ.
func (s labelled) disagreements(threshold result.Num, format string, rows []pair.Scored) result.Disagreements {
	var all []result.Disagreement
	for i, r := range rows {
		if s.steps != nil && s.steps[i] != nil {
			r.Solution = strings.Join(s.steps[i], "\n") // what findings' places count in
		}
		all = append(all, disagreement(r, s.labels[i]))
	}
	return finding.Disagree(s.name, format, threshold, all, readDisagreements)
}

// disagreement puts a scored solution beside its label.
func disagreement(r pair.Scored, l label) result.Disagreement {
	return result.Disagreement{ID: r.ID, Problem: r.PromptID, Wrong: l.wrong, PWrong: result.Num(r.PWrong), Wrongness: result.Num(r.WrongnessProc), Absurdity: result.Num(r.Absurdity),
		Dims: dims(r.Profile), FirstError: l.first, Predicted: r.FirstErrorStep, Class: l.class, Question: bound(r.Question), Solution: bound(r.Solution), Findings: marks(r.Findings)}
}

// collect adds the columns of one mode. The five process dimensions are the
// same in every mode, so they come from mode none.
func (s labelled) collect(out *result.Labelled, mode verifier.Mode, rows []pair.Scored) {
	col := func(name string, of func(pair.Scored) float64) {
		var c []result.Num
		for _, r := range rows {
			c = append(c, result.Num(of(r)))
		}
		out.Scores[name] = c
	}
	switch mode {
	case verifier.Consensus:
		col("w_cons", func(r pair.Scored) float64 { return r.Wrongness })
	case verifier.Gold:
		col("w_gold", func(r pair.Scored) float64 { return r.Wrongness })
	case verifier.None:
		col("w_proc", func(r pair.Scored) float64 { return r.WrongnessProc })
		col("w_none", func(r pair.Scored) float64 { return r.WrongnessNone })
		col("absurdity", func(r pair.Scored) float64 { return r.Absurdity })
		for d, name := range pair.Dims {
			col(name, func(r pair.Scored) float64 { return r.Profile.At(d) })
		}
		for _, r := range rows {
			out.PWrong = append(out.PWrong, result.Num(r.PWrong))
			out.Predicted = append(out.Predicted, r.FirstErrorStep)
		}
	}
}

// oracleLabels labels samples of generated problems against their quantity graphs.
func oracleLabels(env Env) (labelled, error) {
	s := labelled{name: "oracle", modes: []verifier.Mode{verifier.None, verifier.Consensus, verifier.Gold}}
	samples, err := inputRows[pair.Candidate](env, "samples", "samples.jsonl")
	if err != nil {
		return s, err
	}
	ps, err := inputRows[problem.Problem](env, "data", "problems.jsonl")
	if err != nil {
		return s, err
	}
	by := make(map[string]problem.Problem, len(ps))
	for _, p := range ps {
		by[p.ID] = p
	}
	for _, c := range samples {
		p, ok := by[c.PromptID]
		if !ok || len(p.Graph) == 0 {
			return s, fmt.Errorf("sample %s: its problem has no quantity graph; the oracle labels generated problems only", c.ID)
		}
		l, err := synth.Judge(p, c.Solution)
		if err != nil {
			return s, fmt.Errorf("sample %s: %w", c.ID, err)
		}
		s.rows = append(s.rows, c)
		s.labels = append(s.labels, label{!l.Correct, l.FirstErrorStep, l.Dim})
	}
	return s, nil
}

// Label is one solution that somebody labelled, as the caller's reader gives it.
type Label struct {
	Question, Solution string
	Steps              []string // nil: Solution
	Wrong              bool
	First              int    // first wrong step, counted from 0; -1 = none known
	Class              string // error class of the set, "" = none
	Cluster            string // question by which rows are one unit
}

// publishedLabels reads a set that people labelled.
func publishedLabels(format string, env Env) (labelled, error) {
	path := env.Files["labelled"]
	s := labelled{name: filepath.Base(path), modes: []verifier.Mode{verifier.None}}
	ls, err := env.Labels(format, path)
	if err != nil {
		return s, &EnvironmentError{fmt.Errorf("analysis.verifier: %w", err)}
	}
	for i, l := range ls {
		id := problem.Digest(l.Cluster)
		s.rows = append(s.rows, pair.Candidate{ID: fmt.Sprintf("%s-%d", id, i), PromptID: id, Question: l.Question, Solution: l.Solution})
		s.steps = append(s.steps, l.Steps)
		s.labels = append(s.labels, label{l.Wrong, l.First, l.Class})
	}
	return s, nil
}
