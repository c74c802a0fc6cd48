// Package cli is the command line: one file per command, each turning flags
// into a call of another package and its answer into text or JSON.
//
// Results go to stdout, progress and logs to stderr. A command returns an
// error; Main turns it into the exit code that the documentation fixes.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"

	"github.com/urfave/cli/v3"
	"golang.org/x/term"
)

// Exit codes, as documented. Where several hold, the order of precedence is
// 1, 2, 5, 6, 3, 4, 7.
const (
	ExitOK          = 0
	ExitInternal    = 1
	ExitUsage       = 2
	ExitRegression  = 3
	ExitFailed      = 4
	ExitIntegrity   = 5
	ExitEnvironment = 6
	ExitNothing     = 7
	ExitStopped     = 75
	ExitInterrupted = 130
)

// App carries what commands share: where output goes and the global flags.
type App struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Workspace      string
	JSON, Quiet    bool
	Verbose        bool
	Color          string
	LogFormat      string

	hooks hooks
}

// coded is an error with an exit code.
type coded struct {
	code int
	err  error
}

func (e *coded) Error() string { return e.err.Error() }
func (e *coded) Unwrap() error { return e.err }

// fail gives err an exit code; the outermost code wins.
func fail(code int, err error) error {
	if err == nil {
		return nil
	}
	return &coded{code, err}
}

// usagef is a usage or input error (exit 2).
func usagef(format string, a ...any) error {
	return fail(ExitUsage, fmt.Errorf(format, a...))
}

// Main runs the command line and returns the exit code.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	app := &App{Stdin: stdin, Stdout: stdout, Stderr: stderr, hooks: defaultHooks()}
	app.hooks.finish = app.finishRun
	app.hooks.stages = app.runStage
	return app.main(ctx, args)
}

// main runs the command line. A panic is an internal error: left alone, Go would
// end with 2, which says that the user made a mistake.
func (a *App) main(ctx context.Context, args []string) (code int) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(a.Stderr, "hardneg: internal error, please report it: %v\n%s", p, debug.Stack())
			code = ExitInternal
		}
	}()
	out := &output{w: a.Stdout}
	a.Stdout = out
	root := a.root()
	code = a.exit(root.Run(ctx, helpFirst(root, args)))
	if out.err == nil || slices.Contains([]int{ExitUsage, ExitIntegrity, ExitStopped, ExitInterrupted}, code) {
		return code
	}
	if code == ExitOK {
		fmt.Fprintf(a.Stderr, "hardneg: standard output: %v\n", out.err)
	}
	return ExitEnvironment
}

// output is standard output, which remembers that it could not be written: not
// every printer tells.
type output struct {
	w   io.Writer
	err error
}

// Write passes on.
func (o *output) Write(b []byte) (int, error) {
	n, err := o.w.Write(b)
	if err != nil && o.err == nil {
		o.err = err
	}
	return n, err
}

// terminal says whether standard output is one.
func (a *App) terminal() bool {
	w := a.Stdout
	if o, ok := w.(*output); ok {
		w = o.w
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (a *App) exit(err error) int {
	if err == nil {
		return ExitOK
	}
	err = infrastructure(err)
	if s := err.Error(); s != "" {
		fmt.Fprintln(a.Stderr, "hardneg: "+s)
	}
	var c *coded
	if errors.As(err, &c) {
		return c.code
	}
	if _, ok := err.(cli.ExitCoder); ok { // of the library: a command or flag that is not there
		return ExitUsage
	}
	return ExitInternal
}

func (a *App) root() *cli.Command {
	usage := func(_ context.Context, _ *cli.Command, err error, _ bool) error {
		return fail(ExitUsage, err)
	}
	cmd := &cli.Command{
		Name:                  "hardneg",
		Usage:                 "make a preference-tuning claim believable",
		Reader:                a.Stdin,
		Writer:                a.Stdout,
		ErrWriter:             a.Stderr,
		EnableShellCompletion: true,
		HideHelpCommand:       true,
		ExitErrHandler:        func(context.Context, *cli.Command, error) {},
		OnUsageError:          usage,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "workspace", Usage: "folder for runs, cache and reports", Value: ".hardneg", Sources: cli.EnvVars("HARDNEG_WORKSPACE"), Destination: &a.Workspace},
			&cli.BoolFlag{Name: "version", Usage: "print the version and the commit"},
			&cli.BoolFlag{Name: "json", Usage: "machine-readable output on stdout", Destination: &a.JSON},
			&cli.BoolFlag{Name: "quiet", Usage: "no progress", Destination: &a.Quiet},
			&cli.BoolFlag{Name: "verbose", Usage: "log more", Destination: &a.Verbose},
			&cli.StringFlag{Name: "color", Usage: "auto, always or never", Value: "auto", Destination: &a.Color},
			&cli.StringFlag{Name: "log-format", Usage: "text or json", Value: "text", Destination: &a.LogFormat},
		},
		Commands: a.commands(),
		Before: func(ctx context.Context, c *cli.Command) (context.Context, error) {
			for _, f := range c.Root().Flags {
				if err := checkFlag(c.Root(), f); err != nil {
					return ctx, usagef("%w", err)
				}
			}
			return ctx, nil
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Bool("version") {
				return a.versionCommand().Action(ctx, c)
			}
			if c.Args().Present() {
				return usagef("unknown command %q; `hardneg --help` lists the commands", c.Args().First())
			}
			return cli.ShowRootCommandHelp(c)
		},
	}
	var walk func(*cli.Command)
	walk = func(c *cli.Command) {
		c.OnUsageError = usage
		for _, s := range c.Commands {
			walk(s)
		}
	}
	walk(cmd)
	for _, c := range cmd.Commands {
		checkUsage(c)
	}
	return cmd
}
