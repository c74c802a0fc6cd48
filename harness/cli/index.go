package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"hardneg/harness/runner"
	"hardneg/harness/store"
	"hardneg/harness/track"

	"github.com/urfave/cli/v3"
)

func (a *App) indexCommand() *cli.Command {
	var rebuild bool
	return &cli.Command{
		Name:  "index",
		Usage: "bring the index up to the run folders",
		Description: "The index is tracking.db of the workspace, or the Postgres database that HARDNEG_DB names.\n" +
			"Exit codes: 0 done, 6 workspace or database out of reach.",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "rebuild", Usage: "make it anew (SQLite: the file is deleted first)", Destination: &rebuild}},
		Action: func(ctx context.Context, _ *cli.Command) error {
			if rebuild && os.Getenv("HARDNEG_DB") == "" {
				for _, end := range []string{"", "-wal", "-shm"} {
					if err := os.Remove(filepath.Join(a.Workspace, "tracking.db"+end)); err != nil && !os.IsNotExist(err) {
						return fail(ExitEnvironment, err)
					}
				}
			}
			ix, n, err := a.openIndex(ctx, rebuild, true)
			if err != nil {
				return err
			}
			defer ix.Close()
			if a.JSON {
				return a.document(map[string]int{"indexed": n})
			}
			_, err = fmt.Fprintf(a.Stdout, "%d runs indexed\n", n)
			return err
		},
	}
}

// openIndex opens the index and brings it up to the run folders; n is how many
// it had to read. all reads every one. Where the index cannot be written one in
// memory answers, unless it must be kept.
func (a *App) openIndex(ctx context.Context, all, mustKeep bool) (ix *track.Index, n int, err error) {
	if _, err := os.Stat(a.Workspace); err != nil {
		return nil, 0, usagef("workspace %s: %w; `hardneg run SPEC` makes it", a.Workspace, err)
	}
	st, err := store.Open(a.Workspace)
	if err != nil {
		return nil, 0, fail(ExitEnvironment, err)
	}
	if ix, err = track.OpenIndex(ctx, a.Workspace, os.Getenv("HARDNEG_DB")); err == nil {
		if n, err = a.sync(ctx, ix, st, all); err != nil {
			err = errors.Join(err, ix.Close())
		}
	}
	if track.Unwritable(err) && !mustKeep {
		fmt.Fprintf(a.Stderr, "hardneg: %v; answering from the run folders\n", err)
		if ix, err = track.MemoryIndex(ctx); err == nil {
			n, err = a.sync(ctx, ix, st, true)
		}
	}
	switch coded := infrastructure(err); {
	case err == nil:
		return ix, n, nil
	case coded != err:
		return nil, n, coded
	}
	return nil, n, fail(ExitEnvironment, err)
}

// indexOne writes a run that has just ended.
func (a *App) indexOne(ctx context.Context, run finished) error {
	ix, err := track.OpenIndex(ctx, a.Workspace, os.Getenv("HARDNEG_DB"))
	if err != nil {
		return err
	}
	defer ix.Close()
	measured, err := ix.Measured(ctx)
	if err != nil {
		return err
	}
	return indexRun(ctx, ix, run.Store, run.Folder, measured)
}

// sync indexes the runs whose events grew, and forgets those that are gone
// (in a shared database, other workspaces' runs look gone too: they stay).
func (a *App) sync(ctx context.Context, ix *track.Index, st *store.Store, all bool) (n int, err error) {
	rows, err := ix.Runs(ctx)
	if err != nil {
		return 0, err
	}
	names, err := track.Runs(a.Workspace)
	if err != nil {
		return 0, err
	}
	known := map[string]int64{}
	for _, r := range rows {
		known[r.Run] = r.Events
	}
	var measured map[string]bool
	for _, name := range names {
		folder, err := track.FindFolder(a.Workspace, name)
		if err != nil {
			return n, err
		}
		size, seen := known[name]
		delete(known, name)
		if seen && size == folder.EventBytes() && !all {
			continue
		}
		if measured == nil {
			if measured, err = ix.Measured(ctx); err != nil {
				return n, err
			}
		}
		if err := indexRun(ctx, ix, st, folder, measured); err != nil {
			return n, fmt.Errorf("index run %s: %w", name, err)
		}
		n++
	}
	if os.Getenv("HARDNEG_DB") == "" {
		for gone := range known {
			if err := ix.Remove(ctx, gone); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// indexRun writes one run, its tasks and the metrics of its results.
func indexRun(ctx context.Context, ix *track.Index, st *store.Store, folder *track.Folder, measured map[string]bool) error {
	if _, err := os.Stat(folder.Path("plan.json")); os.IsNotExist(err) {
		return nil // a run that ended before it had a plan
	}
	row, tasks, err := runner.Describe(st, folder)
	if err != nil {
		return err
	}
	for _, t := range tasks {
		if t.Key == "" || measured[t.Key] && t.State == string(runner.Done) {
			continue
		}
		rows, err := runner.MetricRows(st, t.Key)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			continue
		}
		if err := ix.PutMetrics(ctx, t.Key, rows); err != nil {
			return err
		}
		measured[t.Key] = t.State == string(runner.Done)
	}
	return ix.Put(ctx, row, tasks)
}
