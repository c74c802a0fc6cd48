package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"hardneg/experiments/plan"
	"hardneg/experiments/spec"
	"hardneg/harness/runner"
	"hardneg/harness/stage"
	"hardneg/harness/store"
	"hardneg/harness/track"
)

// prepared is a spec made ready to run.
type prepared struct {
	Spec     *spec.Spec
	Resolved []byte // the spec, resolved, as YAML
	Plan     plan.Plan
	Command  []string // what was typed; nil: not known
}

// finished is a run whose tasks have ended, for whoever writes its report.
type finished struct {
	prepared
	Workspace string
	Folder    *track.Folder
	Store     *store.Store
	Summary   runner.Summary
}

// hooks are the parts of a run that a test replaces.
type hooks struct {
	stages    stage.Func
	prepare   func(path string, sets []string) (*prepared, error)
	exe       func() (string, error)                                                 // the program that executors start
	device    func(want string) (class string, err error)                            // device class for hardware.device
	finish    func(ctx context.Context, run finished) (reportPath string, err error) // nil: no report
	slurmPoll time.Duration                                                          // between looks at Slurm's queue; 0: its default
}

// defaultHooks are the real parts; prepare stays nil for the App's own.
func defaultHooks() hooks {
	return hooks{stages: stage.Run, exe: os.Executable, device: deviceClass}
}

// infrastructure gives an error of the harness itself its exit code.
func infrastructure(err error) error {
	var env *stage.EnvironmentError
	var futile *stage.FutileError
	var corrupt *store.CorruptError
	var damaged *track.DamagedError
	var row *stage.RowError
	var c *coded
	switch {
	case err == nil, errors.As(err, &c):
		return err
	case errors.As(err, &row), errors.As(err, &futile): // futile: a single stage's rows or flags leave it nothing to do
		return fail(ExitUsage, err)
	case errors.As(err, &corrupt), errors.As(err, &damaged):
		return fail(ExitIntegrity, err)
	case errors.As(err, &env), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EROFS),
		errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOTDIR):
		return fail(ExitEnvironment, err)
	}
	return err
}
