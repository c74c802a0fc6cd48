package cli

import (
	"context"
	"strings"

	"hardneg/experiments/plan"
	"hardneg/harness/stage"
)

// runStage runs a stage with the readers that stand above its room.
func (a *App) runStage(ctx context.Context, t plan.Task, env stage.Env) error {
	env.Labels = a.labels
	return stage.Run(ctx, t, env)
}

// labels reads a labelled set as `verifier validate` does.
func (a *App) labels(format, path string) ([]stage.Label, error) {
	f, err := formatNamed(format)
	if err != nil {
		return nil, err
	}
	rows, err := a.readLabelled(path, f)
	if err != nil {
		return nil, err
	}
	var out []stage.Label
	for _, r := range rows {
		l := stage.Label{Question: r.Question, Solution: r.Solution, Steps: r.Steps, Wrong: r.Wrong, First: r.First, Class: r.class, Cluster: r.origin()}
		if l.Solution == "" {
			l.Solution = strings.Join(l.Steps, "\n")
		}
		out = append(out, l)
	}
	return out, nil
}
