package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hardneg/harness/runner"
	"hardneg/harness/track"

	"github.com/urfave/cli/v3"
)

func (a *App) runsCommand() *cli.Command {
	return &cli.Command{
		Name:        "runs",
		Usage:       "look at the past: ls, show, logs, diff, rm, tag",
		Description: "RUN is a run's name or `latest`.\nExit codes: 0 done, 2 no such run.",
		Commands:    []*cli.Command{a.runsLs(), a.runsShow(), a.runsLogs(), a.runsDiff(), a.runsRm(), a.runsTag()},
	}
}

func (a *App) runsLs() *cli.Command {
	return &cli.Command{
		Name:  "ls",
		Usage: "list the runs, the last used first",
		Action: func(ctx context.Context, _ *cli.Command) error {
			ix, _, err := a.openIndex(ctx, false, false)
			if err != nil {
				return err
			}
			defer ix.Close()
			runs, err := ix.Runs(ctx)
			if err != nil {
				return err
			}
			if a.JSON {
				return a.document(runs)
			}
			rows := [][]string{{"run", "done", "failed", "last used (UTC)", "commit", "tags"}}
			for _, r := range runs {
				rows = append(rows, []string{r.Run, fmt.Sprintf("%d/%d", r.Done, r.Tasks), fmt.Sprint(r.Failed), timeText(r.Used), fmt.Sprintf("%.10s", r.Commit), strings.Join(r.Tags, " ")})
			}
			return columns(a.Stdout, rows)
		},
	}
}

func (a *App) runsShow() *cli.Command {
	return &cli.Command{
		Name:      "show",
		Usage:     "one run: its tasks, times and digests",
		ArgsUsage: "[RUN]",
		Action: func(_ context.Context, c *cli.Command) error {
			st, folder, err := a.findRun(c.Args().First())
			if err != nil {
				return err
			}
			row, _, err := runner.Describe(st, folder)
			if err != nil {
				return infrastructure(err)
			}
			tasks, err := runner.Inspect(st, folder)
			if err != nil {
				return infrastructure(err)
			}
			if a.JSON {
				return a.document(map[string]any{"run": row, "folder": folder.Dir, "tasks": tasks})
			}
			fmt.Fprintf(a.Stdout, "%s  begun %s, last used %s, host %s, commit %s\nfolder %s\n", row.Run, timeText(row.Begun), timeText(row.Used), orUnknown(row.Host), orUnknown(row.Commit), folder.Dir)
			if len(row.Tags) > 0 {
				fmt.Fprintf(a.Stdout, "tags %s\n", strings.Join(row.Tags, " "))
			}
			rows := [][]string{{"task", "state", "attempts", "wall s", "cpu s", "peak MiB", "digest", "key"}}
			for _, t := range tasks {
				rows = append(rows, []string{t.Task.ID, string(t.State), fmt.Sprint(t.Attempts), fmt.Sprintf("%.2f", t.Attempt.WallS), fmt.Sprintf("%.2f", t.Attempt.CPUS),
					fmt.Sprintf("%.0f", t.Attempt.PeakMiB), fmt.Sprintf("%.12s", t.Digest), fmt.Sprintf("%.12s", t.Key)})
			}
			return columns(a.Stdout, rows)
		},
	}
}

func (a *App) runsLogs() *cli.Command {
	return &cli.Command{
		Name:      "logs",
		Usage:     "the log of a task, or of every task that failed",
		ArgsUsage: "RUN [TASK]...",
		Action: func(_ context.Context, c *cli.Command) error {
			st, folder, err := a.findRun(c.Args().First())
			if err != nil {
				return err
			}
			tasks, err := runner.Inspect(st, folder)
			if err != nil {
				return infrastructure(err)
			}
			wanted := c.Args().Tail()
			for _, id := range wanted {
				if !slices.ContainsFunc(tasks, func(t runner.TaskStatus) bool { return t.Task.ID == id }) {
					return usagef("run %s has no task %q; `hardneg runs show %s` lists them", folder.Run, id, folder.Run)
				}
			}
			type log struct {
				Task  string `json:"task"`
				State string `json:"state"`
				File  string `json:"file"`
				Log   string `json:"log"`
			}
			logs := []log{}
			for _, t := range tasks {
				if len(wanted) == 0 && t.State != runner.Failed || len(wanted) > 0 && !slices.Contains(wanted, t.Task.ID) {
					continue
				}
				b, err := os.ReadFile(t.Log)
				if err != nil && !os.IsNotExist(err) {
					return err
				}
				if a.JSON {
					logs = append(logs, log{t.Task.ID, string(t.State), t.Log, string(b)})
					continue
				}
				if len(wanted) != 1 {
					fmt.Fprintf(a.Stdout, "== %s (%s)\n", t.Task.ID, t.State)
				}
				if _, err := a.Stdout.Write(b); err != nil {
					return err
				}
			}
			if a.JSON {
				return a.document(logs)
			}
			return nil
		},
	}
}

func (a *App) runsRm() *cli.Command {
	return &cli.Command{
		Name:      "rm",
		Usage:     "forget runs and delete their reports; their results stay until `hardneg gc --yes`",
		ArgsUsage: "RUN...",
		Action: func(_ context.Context, c *cli.Command) error {
			if !c.Args().Present() {
				return usagef("runs rm: which RUN?")
			}
			var removed []string
			for _, name := range c.Args().Slice() {
				st, folder, err := a.findRun(name)
				if err != nil {
					return err
				}
				tasks, err := runner.Inspect(st, folder)
				if err == nil && counts(tasks)[runner.Running] > 0 {
					return usagef("runs rm: %s is running; stop it first", folder.Run)
				}
				if err := os.RemoveAll(filepath.Join(a.Workspace, "reports", folder.Run)); err != nil {
					return fail(ExitEnvironment, err)
				}
				if err := folder.Remove(); err != nil {
					return fail(ExitEnvironment, err)
				}
				removed = append(removed, folder.Run)
				if !a.JSON {
					fmt.Fprintf(a.Stdout, "%s removed\n", folder.Run)
				}
			}
			if a.JSON {
				return a.document(map[string]any{"removed": removed})
			}
			return nil
		},
	}
}

func (a *App) runsTag() *cli.Command {
	return &cli.Command{
		Name:        "tag",
		Usage:       "give a run words to find it by; a leading - takes one away",
		ArgsUsage:   "RUN TAG...",
		Description: "After `--`, so that -TAG is not read as a flag: hardneg runs tag RUN -- -old new",
		Action: func(_ context.Context, c *cli.Command) error {
			_, folder, err := a.findRun(c.Args().First())
			if err != nil {
				return err
			}
			tags, err := folder.Tags()
			if err != nil {
				return err
			}
			for _, t := range c.Args().Tail() {
				word, away := strings.CutPrefix(t, "-")
				if word == "" || strings.ContainsAny(word, " \t\n") {
					return usagef("runs tag: %q is not a word", t)
				}
				tags = slices.DeleteFunc(tags, func(x string) bool { return x == word })
				if !away {
					tags = append(tags, word)
				}
			}
			if err := folder.SetTags(tags); err != nil {
				return fail(ExitEnvironment, err)
			}
			if a.JSON {
				return a.document(map[string]any{"run": folder.Run, "tags": tags})
			}
			_, err = fmt.Fprintf(a.Stdout, "%s: %s\n", folder.Run, strings.Join(tags, " "))
			return err
		},
	}
}

func (a *App) runsDiff() *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "what differs between two runs: settings, tasks and why their keys differ, results",
		ArgsUsage: "RUN RUN",
		Action: func(_ context.Context, c *cli.Command) error {
			if c.Args().Len() != 2 {
				return usagef("runs diff: want two runs")
			}
			st, x, err := a.findRun(c.Args().Get(0))
			if err != nil {
				return err
			}
			_, y, err := a.findRun(c.Args().Get(1))
			if err != nil {
				return err
			}
			d, err := runner.Compare(st, x, y)
			if err != nil {
				return infrastructure(err)
			}
			if a.JSON {
				return a.document(d)
			}
			return a.showDiff(x, y, d)
		},
	}
}

func (a *App) showDiff(x, y *track.Folder, d runner.Difference) error {
	rows := [][]string{{"setting", x.Run, y.Run}}
	for _, s := range d.Settings {
		rows = append(rows, []string{s.Path, s.A, s.B})
	}
	if err := columns(a.Stdout, rows); err != nil {
		return err
	}
	fmt.Fprintln(a.Stdout)
	rows = [][]string{{"task", "differs in"}}
	for _, t := range d.Tasks {
		rows = append(rows, []string{t.Task, t.Why})
	}
	if err := columns(a.Stdout, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.Stdout, "\n%d tasks are the same\n", d.Same)
	return err
}
