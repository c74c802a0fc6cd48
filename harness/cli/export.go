package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"hardneg/experiments/plan"
	"hardneg/harness/store"
	"hardneg/harness/track"
	"hardneg/models/checkpoint"
	"hardneg/models/qwen2"

	"github.com/urfave/cli/v3"
)

// exportFlags are the flags of export.
type exportFlags struct {
	to, out, dtype, server string
	force                  bool
}

// exporter is what an export reads: a run, or one arm of it, or one seed.
type exporter struct {
	run   *track.Folder
	store *store.Store
	plan  plan.Plan
	keys  map[string]string // task ID → key
	name  string            // as the user wrote it
	arm   string            // "": all
	seed  *int              // nil: all
	dtype string
}

func (a *App) exportCommand() *cli.Command {
	var f exportFlags
	return &cli.Command{
		Name:      "export",
		Usage:     "write parts of a run in the forms that other programs read",
		ArgsUsage: "RUN[/ARM[/SEED]]",
		Description: "hf           the checkpoint of an arm and seed with its tokenizer (transformers, vLLM)\n" +
			"trl          preference rows: <arm>-s<seed>.jsonl with prompt, chosen, rejected, weight\n" +
			"lm-eval      sample files: <arm>-s<seed>/samples_<benchmark>_<date>.jsonl, as --log_samples writes them\n" +
			"tensorboard  event files of every training: <arm>-s<seed>/events.out.tfevents.*\n" +
			"mlflow       a running MLflow server: an experiment named like the spec, a run, below it one run an arm\n" +
			"             and seed with settings, curves and accuracies; exported again, only what changed is written.\n" +
			"             MLFLOW_TRACKING_TOKEN, or _USERNAME and _PASSWORD, count as they do there\n" +
			"zip          the run's folder with all results that it links to: <run>.zip\n" +
			"Exit codes: 0 done, 2 usage, 5 a stored result is damaged, 6 no such run or result.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "to", Usage: "hf, trl, lm-eval, tensorboard, mlflow or zip", Required: true, Destination: &f.to},
			&cli.StringFlag{Name: "out", Usage: "`DIR` that is made; it appears whole or not at all", Destination: &f.out},
			&cli.StringFlag{Name: "tracking-uri", Usage: "of mlflow: `ADDRESS` of the server", Sources: cli.EnvVars("MLFLOW_TRACKING_URI"), Destination: &f.server},
			&cli.StringFlag{Name: "dtype", Usage: "of hf: fp32 or bf16", Value: "fp32", Destination: &f.dtype},
			&cli.BoolFlag{Name: "force", Usage: "replace DIR where it exists", Destination: &f.force},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			switch {
			case c.Args().Len() != 1:
				return usagef("export: want one RUN[/ARM[/SEED]], have %d arguments", c.Args().Len())
			case f.to == "mlflow" && f.out != "":
				return usagef("export: mlflow is a server: --tracking-uri, not --out")
			case f.to == "mlflow":
				return infrastructure(a.exportMLflow(ctx, c.Args().First(), f.server))
			case f.out == "":
				return usagef("export: --out DIR is missing")
			}
			return infrastructure(a.export(c.Args().First(), f))
		},
	}
}

func (a *App) export(name string, f exportFlags) error {
	fill := map[string]func(*exporter, string) error{
		"hf": (*exporter).hf, "trl": (*exporter).trl, "lm-eval": (*exporter).lmEval, "tensorboard": (*exporter).tensorboard, "zip": (*exporter).zip,
	}[f.to]
	switch {
	case fill == nil:
		return usagef("export: --to %q is unknown; hf, trl, lm-eval, tensorboard, mlflow or zip", f.to)
	case f.dtype != "fp32" && f.dtype != "bf16":
		return usagef("export: --dtype %q is unknown; fp32 or bf16", f.dtype)
	case f.to == "zip" && strings.Contains(name, "/"):
		return usagef("export: a zip holds a whole run; name RUN only")
	}
	x, err := a.exporter(name, f.dtype)
	if err != nil {
		return err
	}
	if err := a.place(f.out, f.force, func(dir string) error { return fill(x, dir) }); err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.Stdout, f.out)
	return err
}

// exporter finds the run and checks that it has the arm and the seed.
func (a *App) exporter(name, dtype string) (*exporter, error) {
	parts := strings.Split(name, "/")
	if len(parts) > 3 || slices.Contains(parts, "") {
		return nil, usagef("export: %q is not RUN, RUN/ARM or RUN/ARM/SEED", name)
	}
	x := &exporter{name: name, dtype: dtype}
	if len(parts) == 3 {
		n, err := strconv.Atoi(parts[2])
		if err != nil {
			return nil, usagef("export: seed %q is no whole number", parts[2])
		}
		x.seed = &n
	}
	if len(parts) > 1 {
		x.arm = parts[1]
	}
	var err error
	if x.run, err = track.FindFolder(a.Workspace, parts[0]); err != nil {
		return nil, fail(ExitEnvironment, err)
	}
	if x.store, err = store.Open(a.Workspace); err != nil {
		return nil, fail(ExitEnvironment, err)
	}
	if err := x.run.Read("plan.json", &x.plan); err != nil {
		if c := infrastructure(err); c != err {
			return nil, c
		}
		return nil, fail(ExitEnvironment, err)
	}
	if x.keys, err = x.run.Links(); err != nil {
		return nil, err
	}
	var arms []string
	seeds := map[int]bool{}
	for _, t := range x.plan.Tasks {
		for _, arm := range t.Arms {
			if !slices.Contains(arms, arm) {
				arms = append(arms, arm)
			}
		}
		seeds[t.Seed] = seeds[t.Seed] || t.Varies
	}
	if x.arm != "" && !slices.Contains(arms, x.arm) {
		return nil, usagef("export: run %s has no arm %q; it has %s", x.run.Run, x.arm, strings.Join(arms, ", "))
	}
	if x.seed != nil && !seeds[*x.seed] && slices.ContainsFunc(x.plan.Tasks, func(t plan.Task) bool { return t.Varies }) {
		return nil, usagef("export: run %s has no seed %d", x.run.Run, *x.seed)
	}
	return x, nil
}

// each calls f for every task of a stage that the selection has, once for each
// arm that it serves, under the name <arm>-s<seed>.
func (x *exporter) each(stage string, f func(t plan.Task, name string) error) error {
	n := 0
	for _, t := range x.plan.Tasks {
		if t.Stage != stage || x.seed != nil && t.Varies && t.Seed != *x.seed {
			continue
		}
		for _, arm := range t.Arms {
			if x.arm != "" && arm != x.arm {
				continue
			}
			name := arm
			if t.Varies {
				name = fmt.Sprintf("%s-s%d", arm, t.Seed)
			}
			n++
			if err := f(t, name); err != nil {
				return err
			}
		}
	}
	if n == 0 {
		return usagef("export: %s has no task of stage %s", x.name, stage)
	}
	return nil
}

// result is the folder of a task's files, their hashes looked at.
func (x *exporter) result(task string) (string, error) {
	key := x.keys[task]
	if key == "" {
		return "", fail(ExitEnvironment, fmt.Errorf("run %s: task %s has not been run; `hardneg run` with its spec resumes", x.run.Run, task))
	}
	r, err := x.store.Lookup(key)
	if errors.Is(err, store.ErrMissing) {
		return "", fail(ExitEnvironment, fmt.Errorf("run %s: task %s: %w", x.run.Run, task, err))
	}
	return r.Dir, err
}

// hf writes the one checkpoint that the selection means: the model that the
// arm's evaluation read.
func (x *exporter) hf(dir string) error {
	var tasks []string
	err := x.each("eval", func(t plan.Task, name string) error {
		for _, in := range t.Inputs {
			if in.Name == "model" && !slices.Contains(tasks, in.Task) {
				tasks = append(tasks, in.Task)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	switch len(tasks) {
	case 0:
		return usagef("export: %s trains nothing: its model is the spec's own model.base", x.name)
	case 1:
	default:
		return usagef("export: %s has %d checkpoints (%s, …); name RUN/ARM/SEED", x.name, len(tasks), strings.Join(tasks[:2], ", "))
	}
	from, err := x.result(tasks[0])
	if err != nil {
		return err
	}
	if r, err := x.store.Lookup(x.keys[tasks[0]]); err == nil && r.Partial() {
		return fail(ExitEnvironment, fmt.Errorf("run %s: gc deleted the weights of %s; `hardneg run SPEC --force %s` makes them again", x.run.Run, tasks[0], strings.SplitN(tasks[0], "-", 2)[0]))
	}
	from = filepath.Join(from, "model")
	params, err := qwen2.Load(from)
	if err != nil {
		return fail(ExitEnvironment, fmt.Errorf("checkpoint of task %s: %w", tasks[0], err))
	}
	return params.Save(dir, checkpoint.WriteOptions{DType: x.dtype, Shard: 5e9, From: from})
}

// place lets fill write a folder beside out and renames it when it is whole.
func (a *App) place(out string, force bool, fill func(dir string) error) (err error) {
	out = filepath.Clean(out)
	old, err := os.ReadDir(out)
	there := err == nil && len(old) > 0
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return usagef("--out: %w; name a folder", err)
	case there && !force:
		return usagef("--out: %s exists and is not empty; --force replaces it", out)
	case there && (holds(out, ".") || holds(out, a.Workspace)):
		return usagef("--out: %s holds the current folder or the workspace; name another", out)
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return fail(ExitEnvironment, err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(out), filepath.Base(out)+".tmp-")
	if err != nil {
		return fail(ExitEnvironment, err)
	}
	defer os.RemoveAll(tmp)
	fresh := filepath.Join(tmp, "new")
	if err := os.Mkdir(fresh, 0o755); err != nil {
		return fail(ExitEnvironment, err)
	}
	if err := fill(fresh); err != nil {
		return err
	}
	if err := syncTree(fresh); err != nil {
		return fail(ExitEnvironment, err)
	}
	aside := filepath.Join(tmp, "old")
	if err := os.Rename(out, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(ExitEnvironment, err)
	}
	if err := os.Rename(fresh, out); err != nil {
		return fail(ExitEnvironment, errors.Join(err, os.Rename(aside, out)))
	}
	return nil
}

// holds says whether a folder is another one or lies above it.
func holds(dir, other string) bool {
	x, err1 := filepath.Abs(dir)
	y, err2 := filepath.Abs(other)
	if err1 != nil || err2 != nil {
		return true
	}
	rel, err := filepath.Rel(x, y)
	return err != nil || filepath.IsLocal(rel)
}

// syncTree forces the files below dir to the disk.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}
