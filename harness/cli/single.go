package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sort"
	"syscall"
	"time"

	"github.com/urfave/cli/v3"

	"hardneg/experiments/plan"
	"hardneg/harness/stage"
	"hardneg/models/cpu/gemm"
	"hardneg/models/token"
)

// single runs stages by themselves on files of the user, with the code that a
// run uses. Partial work lies in OUT.partial until the result is there, so the
// same command again goes on where it stopped.
type single struct {
	app     *App
	out     string
	work    string // OUT.partial
	threads int
	device  string
	stream  bool // out is standard output, a pipe or a device: work is a temporary folder, the result is copied
}

// singleFlags are common to the commands of one stage.
func singleFlags(more ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "model", Usage: "`DIR` of a checkpoint in the Hugging Face layout, or the id of one in the local Hub cache", Required: true},
		&cli.StringFlag{Name: "tokenizer", Usage: "`DIR` of the tokenizer, if not the model's"},
		&cli.StringFlag{Name: "in", Usage: "JSON lines, - for standard input", Value: "-"},
		&cli.StringFlag{Name: "prompt", Usage: "prompt format: chatml, plain or metamath", Value: "chatml"},
		&cli.StringFlag{Name: "system", Usage: "system text of chatml"},
		&cli.StringFlag{Name: "dtype", Usage: "fp32 or bf16", Value: "fp32"},
		&cli.StringFlag{Name: "device", Usage: "cpu or cuda", Value: "cpu"},
		&cli.IntFlag{Name: "threads", Usage: "CPU threads, 0 for all"},
		&cli.IntFlag{Name: "seed", Usage: "root of the random streams"},
	}, more...)
}

func computeOf(c *cli.Command) (plan.Compute, error) {
	_, err := token.NewFormat(c.String("prompt"), c.String("system"))
	return plan.Compute{Dtype: c.String("dtype"), Deterministic: true, Prompt: c.String("prompt"), System: c.String("system")}, fail(ExitUsage, err)
}

// begin makes or reopens the folder of partial work. Work of other settings or
// inputs is thrown away: key holds everything that decides the result.
func (a *App) begin(c *cli.Command, out string, key ...any) (*single, error) {
	s := &single{app: a, out: out, work: out + ".partial", threads: c.Int("threads"), device: c.String("device")}
	if s.threads <= 0 {
		s.threads = gemm.DefaultThreads()
	}
	info, err := os.Stat(out)
	switch {
	case out == "":
		return nil, usagef("--out: name a file or folder: partial work is kept beside it")
	case out == "-", err == nil && !info.IsDir() && (!info.Mode().IsRegular() || streamLike(out)):
		s.stream = true
		s.work, err = os.MkdirTemp("", "hardneg-")
		return s, fail(ExitEnvironment, err)
	case err == nil:
		return nil, usagef("%s exists; remove it or name another --out", out)
	}
	b, err := json.Marshal(key)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	sum := sha256.Sum256(b)
	name := hex.EncodeToString(sum[:])
	file := filepath.Join(s.work, "key")
	if old, err := os.ReadFile(file); err == nil && string(old) == name {
		return s, nil
	} else if err == nil {
		fmt.Fprintf(a.Stderr, "hardneg: partial work in %s belongs to other settings or inputs: starting over\n", s.work)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fail(ExitEnvironment, err)
	} else if list, err := os.ReadDir(s.work); err == nil && len(list) > 0 {
		return nil, usagef("%s is in the way and not ours; remove it", s.work)
	}
	if err := os.RemoveAll(s.work); err != nil {
		return nil, fail(ExitEnvironment, err)
	}
	if err := os.MkdirAll(s.work, 0o755); err != nil {
		return nil, fail(ExitEnvironment, err)
	}
	return s, fail(ExitEnvironment, os.WriteFile(file, []byte(name), 0o644))
}

// stampOf identifies the files of a model folder without reading gigabytes.
func stampOf(dir string) (stamp []string, err error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, fail(ExitEnvironment, err)
	}
	for _, e := range list {
		info, err := os.Stat(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fail(ExitEnvironment, err)
		}
		stamp = append(stamp, fmt.Sprintf("%s %d %d", e.Name(), info.Size(), info.ModTime().UnixNano()))
	}
	sort.Strings(stamp)
	return stamp, nil
}

// input writes rows as an input folder of a stage.
func (s *single) input(name, file string, lines [][]byte) (string, error) {
	dir := filepath.Join(s.work, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fail(ExitEnvironment, err)
	}
	var b []byte
	for _, l := range lines {
		b = append(append(b, l...), '\n')
	}
	return dir, fail(ExitEnvironment, os.WriteFile(filepath.Join(dir, file), b, 0o644))
}

// run runs one stage and returns the folder of its result.
func (s *single) run(ctx context.Context, name string, params any, inputs, files map[string]string) (string, error) {
	raw, err := json.Marshal(params)
	if err != nil {
		return "", fmt.Errorf("%s: parameters: %w", name, err)
	}
	dir, check := filepath.Join(s.work, name), filepath.Join(s.work, name+".checkpoint")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755), os.MkdirAll(check, 0o755)); err != nil {
		return "", fail(ExitEnvironment, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1)
	stopped := make(chan os.Signal, 1)
	go func() {
		select {
		case sig := <-signals:
			signal.Stop(signals) // a second one kills
			stopped <- sig
			cancel()
		case <-ctx.Done():
			signal.Stop(signals)
		}
	}()
	last := time.Now()
	env := stage.Env{Dir: dir, Checkpoint: check, Inputs: inputs, Files: files, Threads: s.threads,
		Log: slog.New(s.app.logHandler()), Metric: func(int, map[string]float64) {},
		Progress: func(done, total int64, unit string) {
			if !s.app.Quiet && (time.Since(last) > 5*time.Second || done == total) {
				last = time.Now()
				fmt.Fprintf(s.app.Stderr, "%s: %d of %d %s\n", name, done, total, unit)
			}
		}}
	err = s.app.hooks.stages(ctx, plan.Task{ID: name, Stage: name, Params: raw, Device: s.device}, env)
	select {
	case sig := <-stopped:
		code := ExitStopped
		if sig == os.Interrupt {
			code = ExitInterrupted
		}
		if s.stream {
			return "", errors.Join(fail(code, fmt.Errorf("stopped by %v; with a file as --out the same command would go on from here", sig)), os.RemoveAll(s.work))
		}
		return "", fail(code, fmt.Errorf("stopped by %v; the same command goes on from here", sig))
	default:
	}
	if err != nil && s.stream {
		err = errors.Join(err, os.RemoveAll(s.work))
	}
	return dir, infrastructure(err)
}

// logHandler writes to standard error in the format of --log-format.
func (a *App) logHandler() slog.Handler {
	if a.LogFormat == "json" {
		return slog.NewJSONHandler(a.Stderr, nil)
	}
	return slog.NewTextHandler(a.Stderr, nil)
}

// finish moves the result to its place and removes the partial work.
func (s *single) finish(result string) error {
	if s.stream {
		return errors.Join(s.copyOut(result), fail(ExitEnvironment, os.RemoveAll(s.work)))
	}
	if err := os.Rename(result, s.out); err != nil {
		return fail(ExitEnvironment, err)
	}
	return fail(ExitEnvironment, os.RemoveAll(s.work))
}

// copyOut writes a file of the result to the pipe or device.
func (s *single) copyOut(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fail(ExitEnvironment, err)
	}
	defer f.Close()
	w, finish, err := s.app.output(s.out)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return finish(fail(ExitEnvironment, err))
}

// lines reads the rows of --in after check has seen each of them.
func (a *App) lines(path string, check func(line []byte) ([]byte, error)) ([][]byte, error) {
	var rows [][]byte
	err := a.eachRow(path, func(line []byte) error {
		row, err := check(line)
		rows = append(rows, row)
		return badRow(err)
	})
	if err == nil && len(rows) == 0 {
		err = usagef("%s has no row", path)
	}
	return rows, err
}

// modelFiles are the files of a stage that opens the model of the flags.
func (a *App) modelFiles(c *cli.Command) (map[string]string, []string, error) {
	dir, err := a.localModel("model", c.String("model"))
	if err != nil {
		return nil, nil, err
	}
	stamp, err := stampOf(dir)
	if err != nil {
		return nil, nil, err
	}
	files := map[string]string{"model": dir}
	if t := c.String("tokenizer"); t != "" {
		if files["tokenizer"], err = a.localModel("tokenizer", t); err != nil {
			return nil, nil, err
		}
	}
	return files, stamp, nil
}

// localModel is the folder of a model or, where only that is wanted, of its
// tokenizer: see obtain.
func (a *App) localModel(kind, name string) (string, error) {
	dir, err := a.obtain(plan.File{Name: kind, Path: name})
	if err != nil {
		err = fmt.Errorf("%s %s: %w", kind, name, err)
		if c := (*coded)(nil); !errors.As(err, &c) {
			err = fail(ExitEnvironment, err)
		}
	}
	return dir, err
}
