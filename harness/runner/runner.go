// Package runner carries out a plan: it computes each task's key when its
// inputs are known, takes results that are there, and has an Executor make the
// others, each in a process of its own.
//
// Words: the machine is the pure part that says what to do next; the driver
// (Run) does it and tells the machine what came of it. A hit is a task whose
// result was in the store; an attempt is one process. A task that another
// harness on the same workspace holds is watched until it is done or free.
//
// A plan.Plan enters; results stay in the store, links and events in the run's
// folder, and a Summary comes back. Execute is the other end: what the process
// of a task does.
package runner

import (
	"errors"
	"os"
	"syscall"
	"time"

	"hardneg/experiments/plan"
	"hardneg/harness/store"
	"hardneg/harness/track"
)

// Job is one attempt for an executor.
type Job struct {
	ID, Key, Stage string
	Attempt        int
	Threads        int
	GPU            string        // empty: no GPU, or the executor's choice
	OnGPU          bool          // needs one
	Timeout        time.Duration // 0: none
	task           int
}

// Executor makes processes that work on tasks: `hardneg task KEY` each.
type Executor interface {
	// Start begins the jobs; ended is called once for each, from any goroutine.
	Start(jobs []Job, ended func(Job, Class, error))
	// Signal asks all running jobs to checkpoint and leave.
	Signal(s syscall.Signal)
	// Kill ends them at once.
	Kill()
}

// Options is all that Run needs.
type Options struct {
	Store    *store.Store
	Plan     plan.Plan
	Folder   *track.Folder
	Executor Executor
	Slots    int      // CPU slots: cores, or jobs × threads
	Threads  int      // of a task; 0: free slots are shared among what is ready
	GPUs     []string // one GPU task each; empty: GPU tasks take CPU slots
	Retries  int
	Timeout  func(stage string) time.Duration
	FailFast bool
	Asked    string          // the part of the run that was asked for, in words; empty: all of it
	Force    map[string]bool // stages whose results are made again
	// Resolve finds a file of a task on this machine.
	Resolve func(plan.File) (Place, error)
	Signals <-chan os.Signal
	Observe func(Update) // called from the driver, in order
}

// Place is where something of the user lies: a path and, of a folder, which of
// its files count (none: all), as Digester.Digest takes them.
type Place struct {
	Path string
	Only []string
}

// Update tells an observer what happened.
type Update struct {
	Event    string // hit, start, progress, done, failed, stopped, blocked, watch, aside
	Index    int
	Task     plan.Task
	Key      string
	Attempt  int
	Progress Progress
	Wall     time.Duration // of done
	Detail   string
}

// Outcome is what became of one task.
type Outcome struct {
	Task   plan.Task
	State  State
	Cached bool // the result was there
	Key    string
	Result store.Result // of Done
	Class  Class        // of Failed
	Err    error
}

// Summary is what became of a run.
type Summary struct {
	Run    string
	Tasks  []Outcome
	Signal os.Signal // that stopped it
	Made   int       // results made in this session, by us
}

// Count is the number of tasks in a state.
func (s Summary) Count(st State) (n int) {
	for _, t := range s.Tasks {
		if t.State == st {
			n++
		}
	}
	return n
}

// ErrNotDeterministic says that a task made again has another result.
var ErrNotDeterministic = errors.New("the same task gave another result: it is not deterministic")
