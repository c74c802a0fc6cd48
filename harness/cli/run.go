package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"hardneg/experiments/plan"
	"hardneg/harness/runner"
	"hardneg/harness/store"
	"hardneg/harness/track"

	"github.com/urfave/cli/v3"
)

// runFlags are the flags of run.
type runFlags struct {
	sets, arms, force, gpus []string
	seeds                   []int
	until, executor         string
	jobs                    int
	failFast, noReport      bool
}

func (a *App) runCommand() *cli.Command {
	var f runFlags
	return &cli.Command{
		Name:      "run",
		Usage:     "plan, execute and report an experiment; the same command again resumes it",
		ArgsUsage: "SPEC",
		Description: "Results that are in the workspace are taken as they are. The path of the report goes to stdout.\n" +
			"Exit codes: 0 done, 2 spec, usage or a bad row of the data, 4 some trials failed (report written), 5 integrity,\n" +
			"6 environment unfit, 75 stopped, 130 interrupted (both resumable).",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "set", Usage: "override a value, `KEY=VALUE`, as if it were in the file", Destination: &f.sets},
			&cli.StringSliceFlag{Name: "arms", Usage: "only these arms and what they need", Destination: &f.arms},
			&cli.IntSliceFlag{Name: "seeds", Usage: "only these seeds", Destination: &f.seeds},
			&cli.StringFlag{Name: "until", Usage: "stop after this `STAGE`", Destination: &f.until},
			&cli.StringSliceFlag{Name: "force", Usage: "make the results of this `STAGE` again and compare (exit 5 if they differ)", Destination: &f.force},
			&cli.BoolFlag{Name: "fail-fast", Usage: "start nothing more once a task has failed", Destination: &f.failFast},
			&cli.StringFlag{Name: "executor", Usage: "local or slurm (default: the spec's)", Destination: &f.executor},
			&cli.IntFlag{Name: "jobs", Usage: "tasks at once (default: the spec's; auto: cores / threads)", Destination: &f.jobs},
			&cli.StringSliceFlag{Name: "gpus", Usage: "GPUs to use, by number (default: all)", Destination: &f.gpus},
			&cli.BoolFlag{Name: "no-report", Usage: "leave the report out", Destination: &f.noReport},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Args().Len() != 1 {
				return usagef("run: want one SPEC, have %d arguments", c.Args().Len())
			}
			p, err := a.prepare(c.Args().First(), f.sets)
			if err != nil {
				return err
			}
			p.Command = f.command(c.Args().First())
			return infrastructure(a.runSpec(ctx, p, f))
		},
	}
}

// prepare makes a spec ready to run.
func (a *App) prepare(path string, sets []string) (*prepared, error) {
	if a.hooks.prepare != nil {
		return a.hooks.prepare(path, sets)
	}
	return a.prepareSpec(path, sets)
}

// runSpec carries out a prepared spec from the workspace to the report.
func (a *App) runSpec(ctx context.Context, p *prepared, f runFlags) error {
	asked := runner.Selection{Arms: f.arms, Seeds: f.seeds, Until: f.until}
	chosen, err := asked.Apply(p.Plan)
	if err != nil {
		return fail(ExitUsage, err)
	}
	if err := enough(p, f, machineMemory(), gpuNames()); err != nil {
		return err
	}
	if err := a.fetch(ctx, filesIn(chosen)); err != nil {
		return err
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1)
	defer signal.Stop(signals)
	st, err := store.Open(a.Workspace)
	if err != nil {
		return fail(ExitEnvironment, err)
	}
	folder, err := a.runFolder(p)
	if err != nil {
		return err
	}
	o := runner.Options{Store: st, Plan: chosen, Folder: folder, Resolve: a.resolveFile, Signals: signals, Asked: asked.String()}
	if err := a.limits(&o, p, f); err != nil {
		return err
	}
	if o.Executor, err = a.executor(o, p, f); err != nil {
		return err
	}
	for _, n := range a.partNotes(chosen) {
		fmt.Fprintf(a.Stderr, "hardneg: note: %s\n", n)
	}
	release, err := folder.Attend()
	if err != nil {
		return fail(ExitEnvironment, err)
	}
	defer release()
	show := a.progress(chosen)
	o.Observe = show.update
	sum, err := runner.Run(ctx, o)
	show.close()
	if err != nil {
		return err
	}
	run := finished{*p, a.Workspace, folder, st, sum}
	if err := a.keep(run); err != nil {
		return err
	}
	if err := a.indexOne(ctx, run); err != nil { // the folder is the truth, the index can wait
		fmt.Fprintf(a.Stderr, "hardneg: index: %v\n", err)
	}
	return a.conclude(ctx, run, f)
}

// enough holds hardware.min_mem_gb against the memory of the device that the
// tasks get: of the smallest GPU in use (gpus as nvidia-smi lists them), or of
// this machine. What nobody knows is no reason to refuse, and a cluster's nodes
// are not this machine: what they have is asked of Slurm (run.slurm.extra).
func enough(p *prepared, f runFlags, machine float64, gpus []string) error {
	if p.Spec == nil || executorOf(p, f) == "slurm" {
		return nil
	}
	hw := p.Spec.Hardware
	have, of := machine, "this machine"
	if hw.Device == "cuda" {
		have = 0
		for i, line := range gpus {
			if len(f.gpus) > 0 && !slices.Contains(f.gpus, fmt.Sprint(i)) {
				continue
			}
			if m := gpuMemory(line); m > 0 && (have == 0 || m < have) {
				have, of = m, "GPU "+fmt.Sprint(i)
			}
		}
	}
	if have > 0 && hw.MinMemGB*1e9 > have {
		return fail(ExitEnvironment, fmt.Errorf("hardware.min_mem_gb is %g, and %s has %.1f GB; lower it, or take another machine", hw.MinMemGB, of, have/1e9))
	}
	return nil
}

// runFolder makes the run's folder, with what is known before it starts.
func (a *App) runFolder(p *prepared) (*track.Folder, error) {
	folder, err := track.OpenFolder(a.Workspace, p.Plan.Run)
	if err != nil {
		return nil, fail(ExitEnvironment, err)
	}
	if err := folder.Unseal(); err != nil {
		return nil, fail(ExitEnvironment, err)
	}
	if err := keepSpec(folder, p); err != nil {
		return nil, err
	}
	if err := folder.PutJSON("plan.json", p.Plan); err != nil {
		return nil, err
	}
	if p.Spec != nil {
		if err := preregister(folder, p.Spec); err != nil {
			return nil, err
		}
	}
	return folder, folder.SetLatest()
}

// limits turns spec and flags into what may run at once.
func (a *App) limits(o *runner.Options, p *prepared, f runFlags) error {
	run, hw := p.Spec.Run, p.Spec.Hardware
	jobs := int(run.Jobs)
	if f.jobs > 0 {
		jobs = f.jobs
	}
	o.Threads = int(hw.Threads)
	o.Slots = runtime.NumCPU()
	switch {
	case jobs > 0 && o.Threads == 0:
		o.Threads = max(1, o.Slots/jobs)
		o.Slots = jobs * o.Threads
	case jobs > 0:
		o.Slots = jobs * o.Threads
	}
	if executorOf(p, f) == "slurm" { // the cluster has the slots
		o.Threads = max(1, int(hw.Threads))
		o.Slots = maxSlurmTasks * o.Threads
	} else if o.GPUs = f.gpus; len(o.GPUs) == 0 && hw.Device == "cuda" {
		for i := range gpuNames() {
			o.GPUs = append(o.GPUs, fmt.Sprint(i))
		}
	}
	o.Retries = run.Retries
	o.FailFast = f.failFast || run.OnFailure == "stop"
	o.Force = map[string]bool{}
	for _, s := range f.force {
		if !slices.ContainsFunc(o.Plan.Tasks, func(t plan.Task) bool { return t.Stage == s }) {
			return usagef("--force: the plan has no stage %q", s)
		}
		o.Force[s] = true
	}
	o.Timeout = func(stage string) time.Duration {
		if d, ok := run.Timeout[stage]; ok {
			return time.Duration(d)
		}
		return time.Duration(run.Timeout["default"])
	}
	return nil
}

// maxSlurmTasks is how many tasks may wait in the cluster's queue at once.
const maxSlurmTasks = 10000

// executorOf is the executor's name: the flag's, or the spec's.
func executorOf(p *prepared, f runFlags) string {
	if f.executor != "" {
		return f.executor
	}
	return p.Spec.Run.Executor
}

// executor makes what starts the tasks' processes.
func (a *App) executor(o runner.Options, p *prepared, f runFlags) (runner.Executor, error) {
	exe, err := a.hooks.exe()
	if err != nil {
		return nil, err
	}
	kind := executorOf(p, f)
	args, own := []string{"--workspace", o.Store.Root()}, []string{"--binary", binaryHash(), "--run", o.Plan.Run}
	switch kind {
	case "", "local":
		return &runner.Local{Store: o.Store, Exe: exe, Args: args, Task: own}, nil
	case "slurm":
		if _, err := exec.LookPath("sbatch"); err != nil {
			return nil, fail(ExitEnvironment, fmt.Errorf("executor slurm: %w; run on a node of the cluster that can submit, or with --executor local", err))
		}
		x := &runner.Slurm{Store: o.Store, Exe: exe, Args: args, Task: own, Dir: o.Folder.Path("slurm"), Name: "hardneg-" + o.Plan.Run, GPUs: p.Spec.Hardware.GPUs, Poll: a.hooks.slurmPoll, Linger: 10 * a.hooks.slurmPoll}
		if c := p.Spec.Run.Slurm; c != nil {
			x.Partition, x.Account, x.Time, x.Throttle, x.Extra = c.Partition, c.Account, c.Time, c.Throttle, c.Extra
		}
		return x, nil
	}
	return nil, usagef("executor %q is unknown; local or slurm", kind)
}

// timings is timings.json: the attempt that made each result, and those before
// it where there were any.
type timings struct {
	Schema  int                         `json:"schema"` // 1
	Tasks   map[string]runner.Attempt   `json:"tasks"`
	Earlier map[string][]runner.Attempt `json:"earlier_attempts,omitempty"`
	Keys    map[string]string           `json:"keys,omitempty"` // of the results that were there when the session ended
}

// keep writes what is known after the tasks: the machine and the times. Where
// nothing was made they stay those of the session that made the results.
func (a *App) keep(run finished) error {
	if _, err := os.Stat(run.Folder.Path("env.json")); run.Summary.Made > 0 || err != nil {
		if err := run.Folder.PutJSON("env.json", machineFacts()); err != nil {
			return err
		}
	}
	times, earlier, keys := map[string]runner.Attempt{}, map[string][]runner.Attempt{}, map[string]string{}
	for _, t := range run.Summary.Tasks {
		if t.State != runner.Done {
			continue
		}
		rec, err := runner.ReadRecord(run.Store, t.Key)
		if err != nil {
			return err
		}
		times[t.Task.ID], keys[t.Task.ID] = rec.Last(), t.Key
		if list := rec.Earlier(run.Plan.Run); len(list) > 0 {
			earlier[t.Task.ID] = list
		}
	}
	return run.Folder.PutJSON("timings.json", timings{1, times, earlier, keys})
}

// conclude writes the report and says how the run ended.
func (a *App) conclude(ctx context.Context, run finished, f runFlags) error {
	sum := run.Summary
	a.failures(run)
	switch {
	case sum.Signal == syscall.SIGINT:
		return fail(ExitInterrupted, fmt.Errorf("interrupted with %d of %d tasks done; the same command resumes", sum.Count(runner.Done), len(sum.Tasks)))
	case sum.Signal != nil:
		return fail(ExitStopped, fmt.Errorf("stopped (%s) with %d of %d tasks done; the same command resumes", sum.Signal, sum.Count(runner.Done), len(sum.Tasks)))
	}
	for _, c := range []struct {
		class runner.Class
		code  int
	}{{runner.BadRow, ExitUsage}, {runner.Integrity, ExitIntegrity}, {runner.Environment, ExitEnvironment}} {
		for _, t := range sum.Tasks {
			if t.State == runner.Failed && t.Class == c.class {
				return fail(c.code, fmt.Errorf("task %s: %w", t.Task.ID, t.Err))
			}
		}
	}
	report := ""
	if a.hooks.finish != nil && !f.noReport {
		var err error
		if report, err = a.hooks.finish(ctx, run); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	if err := run.Folder.Seal(); err != nil {
		return err
	}
	if err := a.answer(run, report); err != nil {
		return err
	}
	if run.Spec.Outputs.Keep == "none" && sum.Count(runner.Done) == len(sum.Tasks) {
		if err := a.dropWeights(run); err != nil {
			return fmt.Errorf("outputs.keep: none: %w", err)
		}
	}
	if n := sum.Count(runner.Failed); n > 0 {
		advice := "the same command tries them again"
		if !slices.ContainsFunc(sum.Tasks, func(t runner.Outcome) bool { return t.State == runner.Failed && t.Class != runner.Futile }) {
			advice = "trying again gives the same: their settings have to change"
		}
		return fail(ExitFailed, fmt.Errorf("%d of %d tasks done, %d failed, %d blocked by them; %s", sum.Count(runner.Done), len(sum.Tasks), n, sum.Count(runner.Blocked), advice))
	}
	return nil
}

// answer prints the result of a run to stdout.
func (a *App) answer(run finished, report string) error {
	if a.JSON {
		sum := run.Summary
		return json.NewEncoder(a.Stdout).Encode(map[string]any{"event": "end", "run": sum.Run, "report": report, "folder": run.Folder.Dir,
			"done": sum.Count(runner.Done), "failed": sum.Count(runner.Failed), "blocked": sum.Count(runner.Blocked), "made": sum.Made})
	}
	if report == "" {
		report = run.Folder.Dir
	}
	if here, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(here, report); err == nil && filepath.IsLocal(rel) {
			report = rel
		}
	}
	_, err := fmt.Fprintln(a.Stdout, report)
	return err
}

// failures shows each failed task with the end of its log.
func (a *App) failures(run finished) {
	for _, t := range run.Summary.Tasks {
		if t.State != runner.Failed {
			continue
		}
		fmt.Fprintf(a.Stderr, "\ntask %s failed (%s): %v\n", t.Task.ID, t.Class, t.Err)
		log := run.Store.Paths(t.Key).Log
		for _, line := range lastLines(log, 10) {
			fmt.Fprintf(a.Stderr, "    %s\n", line)
		}
		fmt.Fprintf(a.Stderr, "  log: %s\n", log)
	}
}
