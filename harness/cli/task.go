package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"hardneg/harness/runner"
	"hardneg/harness/store"

	"github.com/urfave/cli/v3"
)

// taskCommand is what an executor starts: one task, one process. It is hidden
// because nothing but a run prepares the task's record.
func (a *App) taskCommand() *cli.Command {
	var x runner.Execution
	var attached bool
	var again string
	return &cli.Command{
		Name:      "task",
		Usage:     "work on one planned task (started by `hardneg run`)",
		ArgsUsage: "KEY",
		Hidden:    true,
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "threads", Usage: "CPU threads", Value: 1, Destination: &x.Threads},
			&cli.StringFlag{Name: "gpu", Usage: "GPU of the task, for the record", Destination: &x.GPU},
			&cli.StringFlag{Name: "executor", Usage: "who started it, for the record", Value: "local", Destination: &x.Executor},
			&cli.StringFlag{Name: "run", Usage: "name of the run that asks for it, for the record", Destination: &x.Run},
			&cli.StringFlag{Name: "binary", Usage: "SHA-256 of this program, for the record", Destination: &x.Binary},
			&cli.BoolFlag{Name: "attached", Usage: "stop when standard input ends", Destination: &attached},
			&cli.StringFlag{Name: "again", Usage: "make the result once more inside `DIR` and print its digest", Destination: &again},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			x.Key = c.Args().First()
			if len(x.Key) != 64 {
				return usagef("task: want one key of 64 hex digits, have %q", x.Key)
			}
			var err error
			if x.Store, err = store.Open(a.Workspace); err != nil {
				return fail(runner.ExitCode(runner.Environment, nil), err)
			}
			x.Stage, x.Machine = a.hooks.stages, describeMachine
			x.Meter = runner.Meter{Powercap: cmp.Or(os.Getenv("HARDNEG_POWERCAP"), "/sys/class/powercap"), Stat: "/proc/stat", SMI: "nvidia-smi"}
			if revision, modified := commit(); modified {
				x.Commit = revision + "+"
			} else {
				x.Commit = revision
			}
			if again != "" {
				digest, err := x.Again(ctx, again)
				fmt.Fprintln(a.Stdout, digest)
				return infrastructure(err)
			}
			return a.runTask(ctx, x, attached)
		},
	}
}

// runTask executes with the signals that ask for a checkpoint.
func (a *App) runTask(ctx context.Context, x runner.Execution, attached bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1)
	defer signal.Stop(signals)
	if attached {
		go func() {
			_, _ = io.Copy(io.Discard, a.Stdin)
			signals <- syscall.SIGTERM // whoever started us is gone
		}()
	}
	why := make(chan os.Signal, 1)
	go func() {
		select {
		case s := <-signals:
			why <- s
			cancel()
		case <-ctx.Done():
		}
	}()
	class, err := runner.Execute(ctx, x)
	if err == nil {
		return nil
	}
	var sig os.Signal
	select {
	case sig = <-why:
	default:
	}
	return fail(runner.ExitCode(class, sig), err)
}
