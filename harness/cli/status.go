package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"hardneg/harness/runner"
	"hardneg/harness/store"
	"hardneg/harness/track"

	"github.com/urfave/cli/v3"
)

func (a *App) statusCommand() *cli.Command {
	var watch bool
	return &cli.Command{
		Name:      "status",
		Usage:     "where the tasks of a run stand",
		ArgsUsage: "[RUN]",
		Description: "Reads the workspace only, so it works beside a run and after a crash. RUN is a name or `latest` (default).\n" +
			"Exit codes: 0 done, 2 no such run.",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "watch", Usage: "show it again every second until nothing works on it", Destination: &watch}},
		Action: func(ctx context.Context, c *cli.Command) error {
			st, folder, err := a.findRun(c.Args().First())
			if err != nil {
				return err
			}
			for {
				attended := folder.Attended() // before the look: what ends meanwhile is seen
				tasks, err := runner.Inspect(st, folder)
				if err != nil {
					return infrastructure(err)
				}
				if err := a.showStatus(folder, tasks, attended, watch); err != nil || !watch || settled(tasks, attended) {
					return err
				}
				select {
				case <-ctx.Done():
					return nil
				case <-time.After(time.Second):
				}
			}
		},
	}
}

// findRun opens the workspace at one of its runs.
func (a *App) findRun(name string) (*store.Store, *track.Folder, error) {
	if _, err := os.Stat(a.Workspace); err != nil {
		return nil, nil, usagef("workspace %s: %w; `hardneg run SPEC` makes it", a.Workspace, err)
	}
	folder, err := track.FindFolder(a.Workspace, name)
	if err != nil {
		return nil, nil, fail(ExitUsage, err)
	}
	st, err := store.Open(a.Workspace)
	return st, folder, fail(ExitEnvironment, err)
}

// settled says that nothing will change without another `hardneg run`.
func settled(tasks []runner.TaskStatus, attended bool) bool {
	return !attended && !slices.ContainsFunc(tasks, func(t runner.TaskStatus) bool { return t.State == runner.Running })
}

func (a *App) showStatus(f *track.Folder, tasks []runner.TaskStatus, attended, again bool) error {
	asked := lastAsked(f)
	if a.JSON {
		return a.document(map[string]any{"run": f.Run, "counts": counts(tasks), "attended": attended, "asked": asked, "tasks": tasks})
	}
	if again && a.terminal() {
		fmt.Fprint(a.Stdout, "\x1b[H\x1b[2J") // home, clear
	}
	if err := writeStatus(a.Stdout, f.Run, tasks); err != nil {
		return err
	}
	if n := counts(tasks); !attended && n[runner.Waiting]+n[runner.Running] > 0 {
		what := "nothing executes this run now"
		if asked != "" {
			what += ", and the last `hardneg run` asked for a part of it (" + asked + ")"
		}
		_, err := fmt.Fprintln(a.Stdout, what+"; `hardneg run` with its spec goes on")
		return err
	}
	return nil
}

// lastAsked is the part of the run that its last session was asked for.
func lastAsked(f *track.Folder) (asked string) {
	events, err := f.Events()
	if err != nil {
		return ""
	}
	for _, e := range events {
		if e.Event == "run" {
			asked = e.Detail
		}
	}
	return asked
}

// plural counts things: 1 attempt, 2 attempts.
func plural(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// counts is the number of tasks in each state.
func counts(tasks []runner.TaskStatus) map[runner.State]int {
	n := map[runner.State]int{}
	for _, t := range tasks {
		n[t.State]++
	}
	return n
}

// writeStatus prints the totals, what runs, and what failed with the end of its log.
func writeStatus(w io.Writer, run string, tasks []runner.TaskStatus) error {
	n := counts(tasks)
	fmt.Fprintf(w, "%s: %d of %d tasks done", run, n[runner.Done], len(tasks))
	for _, s := range []runner.State{runner.Running, runner.Waiting, runner.Failed, runner.Blocked, runner.Stopped} {
		if n[s] > 0 {
			fmt.Fprintf(w, ", %d %s", n[s], s)
		}
	}
	fmt.Fprintln(w, leftText(tasks))
	rows := [][]string{}
	for _, t := range tasks {
		if t.State == runner.Running {
			text := "started " + timeText(t.Attempt.Start)
			if t.Progress != nil {
				text = progressText(*t.Progress)
			}
			rows = append(rows, []string{"  " + t.Task.ID, text})
		}
	}
	if err := columns(w, rows); err != nil {
		return err
	}
	for _, t := range tasks {
		if t.State != runner.Failed && t.State != runner.Stopped {
			continue
		}
		fmt.Fprintf(w, "\n%s %s after %s: %s\n", t.Task.ID, t.State, plural(t.Attempts, "attempt"), oneLine(t.Error, 200))
		for _, line := range lastLines(t.Log, 5) {
			fmt.Fprintf(w, "    %s\n", line)
		}
		fmt.Fprintf(w, "  log: %s\n", t.Log)
	}
	return nil
}

// leftText estimates what is left from the mean time of the done tasks of each
// stage, on as many processes as run now.
func leftText(tasks []runner.TaskStatus) string {
	type sum struct {
		s float64
		n int
	}
	done := map[string]sum{}
	running := 0
	for _, t := range tasks {
		if d := done[t.Task.Stage]; t.State == runner.Done {
			done[t.Task.Stage] = sum{d.s + t.Attempt.WallS, d.n + 1}
		}
		if t.State == runner.Running {
			running++
		}
	}
	left, unknown := 0.0, map[string]bool{}
	for _, t := range tasks {
		if t.State != runner.Running && t.State != runner.Waiting {
			continue
		}
		if d := done[t.Task.Stage]; d.n > 0 {
			left += d.s / float64(d.n)
		} else {
			unknown[t.Task.Stage] = true
		}
	}
	if running == 0 || left == 0 {
		return ""
	}
	text := ", about " + brief(time.Duration(left/float64(running)*float64(time.Second))) + " left"
	if len(unknown) > 0 {
		names := []string{}
		for s := range unknown {
			names = append(names, s)
		}
		slices.Sort(names)
		text += " without " + strings.Join(names, ", ")
	}
	return text
}
