package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hardneg/experiments/plan"
	"hardneg/harness/runner"
	"hardneg/harness/stage"
)

// exportMLflow writes the run into an MLflow server: an experiment named like
// the spec, a parent run named like the run, and below it one run for each arm
// and seed, with the settings of its stages, its training curves and what was
// measured. Exported again, only what changed is written again.
func (a *App) exportMLflow(ctx context.Context, name, address string) error {
	server, err := newMLflow(address)
	if err != nil {
		return err
	}
	x, err := a.exporter(name, "fp32")
	if err != nil {
		return err
	}
	parent, trials, err := x.records(a.Workspace)
	if err != nil {
		return err
	}
	experiment, err := server.experiment(ctx, parent.name[:strings.LastIndexByte(parent.name, '-')])
	if err != nil {
		return err
	}
	there, err := server.runs(ctx, experiment, x.run.Run)
	if err != nil {
		return err
	}
	id, err := server.put(ctx, experiment, there, parent)
	if err != nil {
		return err
	}
	for _, t := range trials {
		t.tags = append(t.tags, mlflowPair{"mlflow.parentRunId", id})
		sum := sha256.Sum256([]byte(t.digest + id)) // a parent made anew has children made anew
		t.digest = hex.EncodeToString(sum[:])
		if _, err := server.put(ctx, experiment, there, t); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	fmt.Fprintf(a.Stderr, "%d runs, %d of them there already, %d requests\n", 1+len(trials), server.kept, server.requests)
	if a.JSON {
		return a.document(map[string]any{"experiment_id": experiment, "run_id": id, "runs": 1 + len(trials), "kept": server.kept})
	}
	_, err = fmt.Fprintf(a.Stdout, "%s/#/experiments/%s/runs/%s\n", server.base, experiment, id)
	return err
}

// records are the parent and the trials of the selection as MLflow shall show them.
func (x *exporter) records(workspace string) (parent mlflowRecord, trials []mlflowRecord, err error) {
	states, err := runner.Inspect(x.store, x.run)
	if err != nil {
		return parent, nil, err
	}
	at := make(map[string]runner.TaskStatus, len(states))
	for _, s := range states {
		at[s.Task.ID] = s
	}
	row, _, err := runner.Describe(x.store, x.run)
	if err != nil {
		return parent, nil, err
	}
	common := []mlflowPair{{"hardneg.run", x.run.Run}, {"mlflow.source.name", "hardneg"}, {"mlflow.source.type", "LOCAL"}}
	if row.Commit != "" {
		common = append(common, mlflowPair{"mlflow.source.git.commit", row.Commit})
	}
	parent = mlflowRecord{id: x.run.Run, name: x.run.Run, begun: row.Begun, end: row.Used, status: "FINISHED", files: map[string]string{}}
	parent.tags = append(slices.Clone(common), mlflowPair{"hardneg.id", parent.id}, mlflowPair{"hardneg.tasks", fmt.Sprintf("%d of %d done, %d failed", row.Done, row.Tasks, row.Failed)})
	h := sha256.New()
	for name, path := range map[string]string{
		"spec.yaml": x.run.Path("spec.yaml"), "plan.json": x.run.Path("plan.json"), "env.json": x.run.Path("env.json"), "results.json": x.run.Path("results.json"),
		"report/index.html": filepath.Join(workspace, "reports", x.run.Run, "index.html"),
	} {
		if _, err := os.Stat(path); err == nil {
			parent.files[name] = path
		}
	}
	for _, name := range slices.Sorted(maps.Keys(parent.files)) {
		b, err := os.ReadFile(parent.files[name])
		if err != nil {
			return parent, nil, fail(ExitEnvironment, err)
		}
		fmt.Fprintf(h, "%s %x\n", name, sha256.Sum256(b))
	}
	fmt.Fprintln(h, parent.tags)
	parent.digest = hex.EncodeToString(h.Sum(nil))
	err = x.each("eval", func(t plan.Task, name string) error {
		arm := name
		if t.Varies {
			arm = strings.TrimSuffix(name, fmt.Sprintf("-s%d", t.Seed))
		}
		r, err := x.trial(arm, name, t, at)
		r.tags = append(slices.Clone(common), mlflowPair{"hardneg.id", r.id}, mlflowPair{"hardneg.arm", arm}, mlflowPair{"hardneg.seed", fmt.Sprint(t.Seed)})
		trials = append(trials, r)
		return err
	})
	return parent, trials, err
}

// trial is one arm and seed: all tasks that its evaluation rests on.
func (x *exporter) trial(arm, name string, eval plan.Task, at map[string]runner.TaskStatus) (mlflowRecord, error) {
	r := mlflowRecord{id: x.run.Run + "/" + name, name: name, status: "FINISHED", params: []mlflowPair{{"arm", arm}, {"seed", fmt.Sprint(eval.Seed)}}}
	h := sha256.New()
	needed := map[string]bool{eval.ID: true}
	for i := len(x.plan.Tasks) - 1; i >= 0; i-- { // users come after their inputs
		if t := x.plan.Tasks[i]; needed[t.ID] {
			for _, in := range t.Inputs {
				needed[in.Task] = true
			}
		}
	}
	for _, t := range x.plan.Tasks {
		if !needed[t.ID] {
			continue
		}
		s := at[t.ID]
		fmt.Fprintln(h, t.ID, s.Key, s.State, s.Digest)
		if b := s.Attempt.Start; !b.IsZero() && (r.begun.IsZero() || b.Before(r.begun)) {
			r.begun = b
		}
		if s.Attempt.End.After(r.end) {
			r.end = s.Attempt.End
		}
		switch s.State {
		case runner.Failed, runner.Blocked:
			r.status = "FAILED"
		case runner.Stopped, runner.Waiting:
			r.status = worse(r.status, "KILLED")
		case runner.Running:
			r.status = worse(r.status, "RUNNING")
		}
		if err := x.describe(&r, t, s); err != nil {
			return r, err
		}
	}
	r.digest = hex.EncodeToString(h.Sum(nil))
	return r, nil
}

// worse lets a failure stand.
func worse(old, new string) string {
	if old == "FAILED" {
		return old
	}
	return new
}

// describe adds a task's settings and, where it is done, what it measured.
func (x *exporter) describe(r *mlflowRecord, t plan.Task, s runner.TaskStatus) error {
	prefix := t.Stage
	if t.Stage == "data" {
		prefix = t.ID
	}
	flat := plan.Flatten(t.Params)
	for _, k := range slices.Sorted(maps.Keys(flat)) {
		if v := strings.Trim(flat[k], `"`); v != "" {
			r.params = append(r.params, mlflowPair{prefix + "." + k, v[:min(len(v), mlflowParam)]})
		}
	}
	if s.State != runner.Done {
		return nil
	}
	if s.Attempt.WallS > 0 {
		r.metrics = append(r.metrics, mlflowMetric{t.Stage + "/wall_s", s.Attempt.WallS, millis(s.Attempt.End), 0})
	}
	switch t.Stage {
	case "sft", "train":
		return x.curves(r, t, s)
	case "eval":
		return x.measured(r, t, s)
	}
	return nil
}

// curves are a training's logged values, at the time when they were logged.
func (x *exporter) curves(r *mlflowRecord, t plan.Task, s runner.TaskStatus) error {
	from, err := x.result(t.ID)
	if err != nil {
		return err
	}
	logged, err := runner.Metrics(x.store, s.Key)
	if err != nil {
		return err
	}
	when := map[int64]time.Time{}
	for _, row := range logged {
		when[int64(row.Step)] = row.Time
	}
	last := s.Attempt.Start
	err = decodeRows(filepath.Join(from, "steps.jsonl"), func(row map[string]json.Number) error {
		step, err := row["step"].Int64()
		if err != nil {
			return fail(ExitIntegrity, err)
		}
		if at, ok := when[step]; ok {
			last = at
		}
		for _, name := range slices.Sorted(maps.Keys(row)) {
			if name != "step" {
				r.metrics = append(r.metrics, mlflowMetric{t.Stage + "/" + name, row[name], millis(last), step})
			}
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// measured are the accuracies of an evaluation, by both extractions.
func (x *exporter) measured(r *mlflowRecord, t plan.Task, s runner.TaskStatus) error {
	from, err := x.result(t.ID)
	if err != nil {
		return err
	}
	type count struct{ n, strict, flexible int }
	counts := map[string]*count{}
	err = decodeRows(filepath.Join(from, "items.jsonl"), func(i stage.EvalItem) error {
		c := counts[i.Benchmark]
		if c == nil {
			c = &count{}
			counts[i.Benchmark] = c
		}
		c.n++
		if i.Strict.Right {
			c.strict++
		}
		if i.Flexible.Right {
			c.flexible++
		}
		return nil
	})
	if err != nil {
		return err
	}
	var p plan.EvalParams
	if err := json.Unmarshal(t.Params, &p); err != nil {
		return err
	}
	for _, bench := range slices.Sorted(maps.Keys(counts)) {
		c := counts[bench]
		n, end := float64(c.n), millis(s.Attempt.End)
		primary := float64(c.flexible) / n
		if p.Primary == "strict" {
			primary = float64(c.strict) / n
		}
		r.metrics = append(r.metrics, mlflowMetric{"eval/" + bench + "/accuracy", primary, end, 0},
			mlflowMetric{"eval/" + bench + "/accuracy_strict", float64(c.strict) / n, end, 0}, mlflowMetric{"eval/" + bench + "/accuracy_flexible", float64(c.flexible) / n, end, 0},
			mlflowMetric{"eval/" + bench + "/n", c.n, end, 0})
	}
	return nil
}
