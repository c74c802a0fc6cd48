package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v3"

	"hardneg/fixtures/problem"
	"hardneg/models/verifier"
)

func (a *App) verifierCommand() *cli.Command {
	return &cli.Command{
		Name:     "verifier",
		Usage:    "fit and validate the verifier",
		Commands: []*cli.Command{a.verifierFitCommand(), a.verifierValidateCommand()},
	}
}

func (a *App) verifierFitCommand() *cli.Command {
	return &cli.Command{
		Name:  "fit",
		Usage: "fit a verifier file on error profiles",
		Description: `Sources, which can be mixed and are recorded in the file with their digests:
  --synth N            N generated problems of each source, right and flawed (0: none)
  --references FILE    right solutions in GSM8K's format, with planted errors (repeatable)
  --in FORMAT:FILE     labelled solutions (repeatable); formats as in verifier validate
Questions of --exclude files (GSM8K, MATH or any row with "question" or "problem") are never fitted.

The builtin verifier is made by
  hardneg verifier fit --name builtin --out models/verifier/builtin.json --references gsm8k/train.jsonl.gz
    --in processbench:processbench_olympiadbench.jsonl.gz --in processbench:processbench_omnimath.jsonl.gz
    --in prmbench:prmbench.jsonl.gz --in mrben:mrben_math.jsonl.gz --exclude gsm8k/test.jsonl.gz --exclude math/test.jsonl.gz
Without labelled files its synthetic part alone is rebuilt.

Exit codes: 0 done, 2 bad option or row, 6 a file is missing or unreadable.`,
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "in", Usage: "labelled solutions, FORMAT:FILE (FILE alone is native)"},
			&cli.StringFlag{Name: "out", Usage: "verifier file", Required: true},
			&cli.StringFlag{Name: "name", Usage: "name recorded in the file; default: the file's name"},
			&cli.IntFlag{Name: "synth", Usage: "generated problems of each source", Value: 300},
			&cli.StringSliceFlag{Name: "references", Usage: "right solutions in GSM8K's format"},
			&cli.IntFlag{Name: "references-limit", Usage: "how many of them, in hash order; 0 for all", Value: 1500},
			&cli.StringSliceFlag{Name: "exclude", Usage: "files whose questions are never fitted"},
			&cli.Uint64Flag{Name: "seed", Usage: "seed of generated problems and planted errors", Value: 20251219},
			&cli.FloatFlag{Name: "ridge", Usage: "ridge penalty of the heads", Value: .01},
		},
		Action: func(_ context.Context, c *cli.Command) error {
			ex, err := a.fitExamples(c)
			if err != nil {
				return err
			}
			name := c.String("name")
			if name == "" {
				name = strings.TrimSuffix(filepath.Base(c.String("out")), ".json")
			}
			if !a.Quiet {
				fmt.Fprintf(a.Stderr, "fitting on %d labelled solutions\n", len(ex))
			}
			m, err := verifier.Fit(ex, verifier.FitOptions{Name: name, About: "made by hardneg verifier fit", Ridge: c.Float("ridge")})
			if err != nil {
				return fail(ExitUsage, err)
			}
			b, err := m.Encode()
			if err != nil {
				return err
			}
			if err := a.writeOutput(c.String("out"), b); err != nil {
				return err
			}
			if !a.Quiet {
				for _, s := range m.Sources {
					fmt.Fprintf(a.Stderr, "  %-40s %6d rows, %6d wrong, digest %.12s\n", s.Name, s.Rows, s.Wrong, s.Digest)
				}
				fmt.Fprintf(a.Stderr, "  %d bytes, tau %.3f plain, %.3f formal\n", len(b), m.Plain.Tau, m.Formal.Tau)
			}
			return nil
		},
	}
}

// generatedWeight is the weight of generated problems beside real references.
const generatedWeight = .5

// fitExamples gathers the sources of a fit.
func (a *App) fitExamples(c *cli.Command) ([]verifier.Example, error) {
	banned, err := a.questionsOf(c.StringSlice("exclude"))
	if err != nil {
		return nil, err
	}
	root := c.Uint64("seed")
	ex, err := verifier.Synthetic(c.Int("synth"), root)
	if err != nil {
		return nil, err
	}
	if len(c.StringSlice("references")) > 0 {
		for i := range ex {
			ex[i].Weight *= generatedWeight
		}
	}
	for _, path := range c.StringSlice("references") {
		ps, err := problem.Read("gsm8k", path, "", "", problem.Fields{})
		if bad := (*problem.RowError)(nil); errors.As(err, &bad) {
			return nil, badRow(err)
		}
		if err != nil {
			return nil, fail(ExitEnvironment, err)
		}
		var refs []verifier.Reference
		for _, p := range problem.Limit(ps, c.Int("references-limit")) {
			if !banned[p.ID] {
				refs = append(refs, verifier.Reference{Question: p.Question, Solution: p.Solution})
			}
		}
		ex = append(ex, verifier.Planted(refs, "planted:"+filepath.Base(path), root)...)
	}
	for _, arg := range c.StringSlice("in") {
		format, path := "native", arg
		if f, p, ok := strings.Cut(arg, ":"); ok {
			format, path = f, p
		}
		f, err := formatNamed(format)
		if err != nil {
			return nil, usagef("--in %s: %w", arg, err)
		}
		rows, err := a.readLabelled(path, f)
		if err != nil {
			return nil, err
		}
		for _, l := range rows {
			if !banned[problem.Digest(l.origin())] {
				l.Source = format + ":" + filepath.Base(path)
				ex = append(ex, l.Example)
			}
		}
	}
	return ex, nil
}

// questionsOf collects the digests of the questions of files.
func (a *App) questionsOf(paths []string) (map[string]bool, error) {
	out := map[string]bool{}
	for _, path := range paths {
		_, err := a.readLabelled(path, labelFormat{read: func(line []byte, _ func(labelled)) error {
			var r struct{ Question, Problem string }
			if err := loose(line, &r); err != nil {
				return err
			}
			out[problem.Digest(r.Question+r.Problem)] = true
			return nil
		}})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
