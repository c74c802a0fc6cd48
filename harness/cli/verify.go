package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hardneg/experiments/plan"
	"hardneg/fixtures/seed"
	"hardneg/harness/runner"
	"hardneg/harness/store"
	"hardneg/harness/track"

	"github.com/urfave/cli/v3"
)

func (a *App) verifyCommand() *cli.Command {
	var sample int
	return &cli.Command{
		Name:      "verify",
		Usage:     "check every stored hash of a run; with --sample, make tasks again and compare bytes",
		ArgsUsage: "[RUN]",
		Description: "Hashes every file of every result, its log and metrics, its record and commit marker, and checks that keys and\n" +
			"inputs fit together and that no result is gone (weights that `gc --keep-best` deleted are not missed). No result is changed: `hardneg run` sets damaged ones aside and makes them again.\n" +
			"What was found is kept in verified.json of the run's folder; the next report says it on its first line.\n" +
			"Exit codes: 0 all is as committed, 2 no such run, 5 something differs, 7 the run has no result yet.",
		Flags: []cli.Flag{&cli.IntFlag{Name: "sample", Usage: "make `N` tasks again, drawn by the run's name", Destination: &sample}},
		Action: func(ctx context.Context, c *cli.Command) error {
			st, folder, err := a.findRun(c.Args().First())
			if err != nil {
				return err
			}
			tasks, err := runner.Inspect(st, folder)
			if err != nil {
				return infrastructure(err)
			}
			return a.verify(ctx, st, folder, tasks, sample)
		},
	}
}

// integrityFinding is one thing that verify found.
type integrityFinding struct {
	Task  string `json:"task,omitempty"`
	Key   string `json:"key,omitempty"`
	Error string `json:"error"`
}

func (a *App) verify(ctx context.Context, st *store.Store, folder *track.Folder, tasks []runner.TaskStatus, sample int) error {
	run := folder.Run
	found := []integrityFinding{}
	bad, err := folder.Check()
	if err != nil {
		return infrastructure(err)
	}
	for _, name := range bad {
		found = append(found, integrityFinding{Error: "run folder: " + name + ": not what the run wrote"})
	}
	var good []runner.TaskStatus
	digests, partial := map[string]string{}, map[string]bool{}
	checked := 0
	had, err := committed(folder)
	if err != nil {
		return infrastructure(err)
	}
	for _, t := range tasks {
		if key := had[t.Task.ID]; key != "" && t.Key != key {
			found = append(found, integrityFinding{t.Task.ID, key, "run folder: tasks/" + t.Task.ID + ": does not lead to the result that the run made"})
		}
		if t.Key == "" || !st.Committed(t.Key) {
			if had[t.Task.ID] == t.Key && t.Key != "" && !st.Busy(t.Key) {
				found = append(found, integrityFinding{t.Task.ID, t.Key, fmt.Sprintf("result %.12s is gone", t.Key)})
			}
			continue
		}
		checked++
		res, err := st.Verify(t.Key)
		if err == nil {
			err = runner.Consistent(st, res, digests)
		}
		if err != nil {
			found = append(found, integrityFinding{t.Task.ID, t.Key, err.Error()})
			continue
		}
		digests[t.Key], partial[t.Task.ID] = res.Digest, res.Partial()
		if !slices.ContainsFunc(t.Task.Inputs, func(in plan.Input) bool { return partial[in.Task] }) { // what gc deleted cannot be read again
			good = append(good, t)
		}
	}
	if checked == 0 && len(found) == 0 {
		return fail(ExitNothing, fmt.Errorf("run %s has no result to verify yet", run))
	}
	again := pick(run, good, sample)
	damaged, repeated := slices.Clone(found), []repetition{}
	for _, t := range again {
		err := a.again(ctx, st, t)
		if err != nil {
			if !errors.Is(err, runner.ErrNotDeterministic) {
				return fmt.Errorf("make %s again: %w", t.Task.ID, err)
			}
			found = append(found, integrityFinding{t.Task.ID, t.Key, err.Error()})
		}
		repeated = append(repeated, repetition{t.Task.ID, t.Key, t.Digest, err == nil})
	}
	if err := noteVerified(folder, verified{At: time.Now().UTC(), Checked: checked, Findings: damaged, Repeated: repeated}); err != nil {
		fmt.Fprintf(a.Stderr, "hardneg: the run's folder keeps no note of this: %v\n", err)
	}
	if a.JSON {
		if err := a.document(map[string]any{"run": run, "checked": checked, "repeated": len(again), "findings": found}); err != nil {
			return err
		}
	} else {
		for _, f := range found {
			fmt.Fprintln(a.Stdout, strings.TrimPrefix(f.Task+": "+f.Error, ": "))
		}
		fmt.Fprintf(a.Stdout, "%d results checked, %d made again, %d differ\n", checked, len(again), len(found))
	}
	if len(found) > 0 {
		return fail(ExitIntegrity, fmt.Errorf("%d things of run %s are not what was committed; the same `hardneg run` sets damaged ones aside and makes what is damaged or gone again", len(found), run))
	}
	return nil
}

// committed are the keys of the results that the run had, by task: those of its
// last session that came to an end, and what happened after it.
func committed(folder *track.Folder) (map[string]string, error) {
	var last timings
	if err := folder.Read("timings.json", &last); err != nil && !errors.Is(err, fs.ErrNotExist) {
		last = timings{} // damaged: the seal says so
	}
	events, err := folder.Events()
	if err != nil {
		return nil, err
	}
	had := map[string]string{}
	for _, e := range events {
		switch e.Event {
		case "end":
			if last.Keys != nil {
				had = maps.Clone(last.Keys)
			}
		case "done":
			had[e.Task] = e.Key
		case "start", "aside":
			delete(had, e.Task)
		}
	}
	return had, nil
}

// pick draws n tasks without replacement, always the same ones for a run.
func pick(run string, tasks []runner.TaskStatus, n int) []runner.TaskStatus {
	perm := seed.Derive(0, "verify", run).Perm(len(tasks))
	out := []runner.TaskStatus{}
	for _, i := range perm[:min(max(n, 0), len(tasks))] {
		out = append(out, tasks[i])
	}
	slices.SortFunc(out, func(x, y runner.TaskStatus) int { return cmp.Compare(x.Task.ID, y.Task.ID) })
	return out
}

// again makes a task's result once more, in a folder of its own and a process
// of its own, and compares the bytes.
func (a *App) again(ctx context.Context, st *store.Store, t runner.TaskStatus) error {
	dir, err := os.MkdirTemp(filepath.Join(st.Root(), "cache"), "again-")
	if err != nil {
		return fail(ExitEnvironment, err)
	}
	defer os.RemoveAll(dir)
	exe, err := a.hooks.exe()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, exe, "--workspace", st.Root(), "task", "--threads", fmt.Sprint(t.Attempt.Threads), "--again", dir, t.Key)
	var out, log strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(log.String()))
	}
	if got := strings.TrimSpace(out.String()); got != t.Digest {
		return fmt.Errorf("digest %.12s was %.12s: %w", got, t.Digest, runner.ErrNotDeterministic)
	}
	return nil
}
