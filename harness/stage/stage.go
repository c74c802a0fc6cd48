// Package stage holds the stages of a run: data, sft, sample, score, mine,
// weight, ref, train, eval and the analyses beside them. One file each; files
// in, files out. It is the only place where the network and the arms meet.
//
// A stage reads its Task's parameters and the folders of its inputs and writes
// files into Env.Dir. It never looks at a clock, a host or a path for anything
// that reaches those files: the same inputs give the same bytes. What is
// measured (times, rates) goes through Env.Metric, which the tracking keeps.
package stage

import (
	"context"
	"fmt"
	"log/slog"

	"hardneg/experiments/plan"
)

// Env is what a stage gets from whoever runs it.
type Env struct {
	Dir        string            // where the result's files go; empty at the start
	Checkpoint string            // survives a killed attempt: partial work to go on from
	Inputs     map[string]string // input name → folder of that result
	Files      map[string]string // file name → path
	Threads    int               // CPU threads, at least 1
	Log        *slog.Logger
	Labels     func(format, path string) ([]Label, error) // reads labelled solutions in a published format
	Progress   func(done, total int64, unit string)       // any number of calls; total 0 = unknown
	Metric     func(step int, values map[string]float64)  // a row of metrics.jsonl
}

// Func runs one stage.
type Func func(context.Context, plan.Task, Env) error

// EnvironmentError says that the machine or what the user has there is unfit:
// a model or data set missing or unreadable, no memory, no disk (exit code 6).
type EnvironmentError struct{ Err error }

func (e *EnvironmentError) Error() string { return e.Err.Error() }
func (e *EnvironmentError) Unwrap() error { return e.Err }

// FutileError says that a trial's own settings leave it nothing to do, such as
// a mining window that no sample falls into: it fails alone, and trying it again
// cannot help (exit code 4).
type FutileError struct{ Err error }

func (e *FutileError) Error() string { return e.Err.Error() }
func (e *FutileError) Unwrap() error { return e.Err }

// RowError says that a row of the user's data is bad (exit code 2).
type RowError struct{ Err error }

func (e *RowError) Error() string { return e.Err.Error() }
func (e *RowError) Unwrap() error { return e.Err }

// Run runs the task's stage.
func Run(ctx context.Context, t plan.Task, env Env) error {
	f, ok := table()[t.Stage]
	if !ok {
		return fmt.Errorf("stage %q is unknown", t.Stage)
	}
	return f(ctx, t, env)
}

func table() map[string]Func {
	return map[string]Func{
		"data": runData, "sft": runSFT, "sample": runSample, "score": runScore, "mine": runMine, "weight": runWeight,
		"ref": runRef, "train": runTrain, "eval": runEval, "verifier": runVerifier, "subset": runSubset,
	}
}
