package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"hardneg/experiments/plan"
	"hardneg/fixtures/problem"
	"hardneg/models/checkpoint"

	"github.com/urfave/cli/v3"
)

func (a *App) downloadCommand() *cli.Command {
	var file plan.File
	var data bool
	var sets []string
	return &cli.Command{
		Name:      "download",
		Usage:     "bring models and data sets from the Hugging Face Hub into the local cache",
		ArgsUsage: "SPEC|ORGANISATION/NAME...",
		Description: "Of a SPEC: everything that it names and this machine has not, as `hardneg run` would; of an id: that\n" +
			"model, or with --data that data set. What broke off goes on where it stopped; every file is compared\n" +
			"with the hash that the server gives. The cache is that of Hugging Face's own tools, shared with them.\n" +
			"HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_TOKEN and HF_HUB_OFFLINE count as they do there.\n" +
			"Folders go to stdout.\n" +
			"Exit codes: 0 done, 2 usage, 6 not to be had, 75 stopped, 130 interrupted (both resumable).",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "revision", Usage: "branch, tag or commit of the ids", Destination: &file.Revision},
			&cli.BoolFlag{Name: "data", Usage: "the ids are data sets", Destination: &data},
			&cli.StringSliceFlag{Name: "set", Usage: "override a value of the specs, `KEY=VALUE`", Destination: &sets},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			if !c.Args().Present() {
				return usagef("download: which SPEC or ORGANISATION/NAME?")
			}
			var files []plan.File
			for _, name := range c.Args().Slice() {
				if checkpoint.IsHubID(name) && !isSpec(name) {
					f := file
					f.Path, f.Name = name, "model"
					if data {
						f.Name = "data"
					}
					files = append(files, f)
					continue
				}
				more, err := a.filesOf(name, sets)
				if err != nil {
					return err
				}
				files = append(files, more...)
			}
			if err := a.fetch(ctx, files); err != nil {
				return infrastructure(err)
			}
			return a.places(files)
		},
	}
}

// isSpec says whether a name means a spec rather than a Hub id.
func isSpec(name string) bool {
	st, err := os.Stat(name)
	return err == nil && st.Mode().IsRegular() || strings.HasSuffix(name, ".yaml") || strings.HasPrefix(name, "experiments/")
}

// filesOf are the files that a spec's tasks read, each once.
func (a *App) filesOf(name string, sets []string) ([]plan.File, error) {
	p, err := a.preparePlan(name, &planFlags{sets: sets})
	if err != nil {
		return nil, err
	}
	return filesIn(p.Plan), nil
}

func filesIn(p plan.Plan) (all []plan.File) {
	for _, t := range p.Tasks {
		for _, f := range t.Files {
			if !slices.Contains(all, f) {
				all = append(all, f)
			}
		}
	}
	return all
}

// places prints where files lie.
func (a *App) places(files []plan.File) error {
	type row struct {
		Name string `json:"name"`
		ID   string `json:"id"`
		Path string `json:"path"`
	}
	var rows []row
	for _, f := range files {
		if _, _, ok := hubName(f); !ok {
			continue
		}
		place, err := a.resolveFile(f)
		if err != nil {
			return fail(ExitEnvironment, fmt.Errorf("%s %s: %w", f.Name, f.Path, err))
		}
		if r := (row{f.Name, f.Path, place.Path}); !slices.Contains(rows, r) {
			rows = append(rows, r)
		}
	}
	if a.JSON {
		return a.document(rows)
	}
	seen := map[string]bool{}
	for _, r := range rows {
		if seen[r.Path] { // a model and its tokenizer
			continue
		}
		seen[r.Path] = true
		if _, err := fmt.Fprintln(a.Stdout, r.Path); err != nil {
			return err
		}
	}
	return nil
}

// fetch brings the files that have a Hub id and are not here. Signals stop it;
// the next attempt goes on where it stopped.
func (a *App) fetch(ctx context.Context, files []plan.File) error {
	hub := checkpoint.DefaultHub(os.Getenv)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1)
	defer signal.Stop(signals)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	why := make(chan os.Signal, 1)
	go func() {
		select {
		case s := <-signals:
			why <- s
			cancel()
		case <-ctx.Done():
		}
	}()
	for _, f := range files {
		repo, _, ok := hubName(f)
		if !ok {
			continue
		}
		if _, err := a.resolveFile(f); err == nil {
			continue
		} else if embedded(f) {
			return fail(ExitEnvironment, err)
		}
		_, err := hub.Download(ctx, repo, wantedOf(f), a.downloading(f.Path))
		select {
		case s := <-why:
			code := ExitStopped
			if s == syscall.SIGINT {
				code = ExitInterrupted
			}
			return fail(code, fmt.Errorf("stopped (%s) while downloading %s; the same command goes on", s, repo))
		default:
		}
		if err != nil {
			return fail(ExitEnvironment, fmt.Errorf("%s %s is no path here, and as a Hub id: %w", f.Name, f.Path, err))
		}
	}
	return nil
}

// wantedOf chooses the files of a repository that are read.
func wantedOf(f plan.File) func(string) bool {
	repo, inside, _ := hubName(f)
	return func(name string) bool {
		switch {
		case repo.Tokenizer:
			return checkpoint.ModelFile(name) && !strings.Contains(name, ".safetensors")
		case !repo.Data:
			return checkpoint.ModelFile(name)
		case name == inside:
			return true
		case inside != "":
			var below bool
			if name, below = strings.CutPrefix(name, inside+"/"); !below {
				return false
			}
		}
		return problem.Published(f.Source, name)
	}
}

// downloading reports each file of a download when it is whole, and every ten
// seconds how far it is.
func (a *App) downloading(id string) func(file string, done, total int64) {
	last := time.Now()
	return func(file string, done, total int64) {
		if a.Quiet || done < total && time.Since(last) < 10*time.Second {
			return
		}
		last = time.Now()
		fmt.Fprintf(a.Stderr, "download %s: %s, %s of %s\n", id, file, bytesText(done), bytesText(total))
	}
}

// obtain is resolveFile that may download.
func (a *App) obtain(f plan.File) (string, error) {
	place, err := a.resolveFile(f)
	if err == nil {
		return place.Path, nil
	}
	if _, _, ok := hubName(f); !ok {
		return "", err
	}
	if err := a.fetch(context.Background(), []plan.File{f}); err != nil {
		return "", err
	}
	place, err = a.resolveFile(f)
	return place.Path, err
}
