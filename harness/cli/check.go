package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"hardneg/experiments"
	"hardneg/experiments/plan"
	"hardneg/experiments/spec"

	"github.com/urfave/cli/v3"
)

// checked is the answer of check about one spec.
type checked struct {
	Spec     string          `json:"spec"`
	OK       bool            `json:"ok"`
	Run      string          `json:"run,omitempty"`
	Arms     int             `json:"arms"`
	Seeds    int             `json:"seeds"`
	Tasks    int             `json:"tasks"`
	Errors   []checkedError  `json:"errors,omitempty"`
	Notes    []string        `json:"notes,omitempty"`
	Resolved json.RawMessage `json:"resolved,omitempty"`
}

type checkedError struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Text   string `json:"text"`
}

func (a *App) checkCommand() *cli.Command {
	var sets []string
	var resolved, schema bool
	return &cli.Command{
		Name:      "check",
		Usage:     "validate specs; print a resolved one, or the schema for editors",
		ArgsUsage: "SPEC...",
		Description: "Every mistake is reported at once, with file, line, column and a suggestion.\n" +
			"SPEC is a file, or the name of a built-in spec (smoke, paper, …).\n" +
			"Exit codes: 0 all are valid, 2 a mistake or usage.",
		DisableSliceFlagSeparator: true, // a value may hold commas: --set seeds.values=[1,2]
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "set", Usage: "override a value, `KEY=VALUE`, as if it were in the file", Destination: &sets},
			&cli.BoolFlag{Name: "resolved", Usage: "print the spec with everything merged and filled in, and where each value was written", Destination: &resolved},
			&cli.BoolFlag{Name: "schema", Usage: "print the JSON schema of specs", Destination: &schema},
		},
		Action: func(_ context.Context, c *cli.Command) error {
			if schema {
				b, err := experiments.Files.ReadFile("schema.json")
				if err != nil {
					return err
				}
				_, err = a.Stdout.Write(b)
				return err
			}
			if !c.Args().Present() {
				return usagef("check: want at least one SPEC (or --schema)")
			}
			var wrong error
			for _, name := range c.Args().Slice() {
				if err := a.checkSpec(name, sets, resolved); err != nil {
					wrong = err
				}
			}
			return wrong
		},
	}
}

// checkSpec says whether one spec is valid.
func (a *App) checkSpec(name string, sets []string, resolved bool) error {
	s, err := a.loadSpec(name, sets)
	var mistakes spec.Errors
	switch {
	case errors.As(err, &mistakes):
		return a.mistaken(name, mistakes)
	case err != nil:
		return fail(ExitUsage, err)
	}
	out := checked{Spec: name, OK: true, Run: s.RunName(), Arms: len(s.Arms), Seeds: len(s.Seeds.Values), Notes: s.Notes()}
	if len(s.Arms) > 0 {
		if s.Seeds.Fresh > 0 {
			s = s.OnNight("2000-01-01") // any night has as many seeds
			out.Seeds = len(s.Seeds.Values)
		}
		p, err := plan.Expand(s)
		if err != nil {
			return fail(ExitUsage, fmt.Errorf("%s: %w", name, err))
		}
		out.Tasks = len(p.Tasks)
		out.Notes = append(out.Notes, a.partNotes(p)...)
	}
	switch {
	case a.JSON:
		if resolved {
			if out.Resolved, err = json.Marshal(s); err != nil {
				return err
			}
		}
		return json.NewEncoder(a.Stdout).Encode(out)
	case resolved:
		return s.WriteYAML(a.Stdout, true)
	case out.Arms == 0:
		fmt.Fprintf(a.Stdout, "%s: ok; it has no arms, so it can be extended but not run\n", name)
	default:
		fmt.Fprintf(a.Stdout, "%s: ok; %d arms × %d seeds, %d tasks, run %s\n", name, out.Arms, out.Seeds, out.Tasks, out.Run)
	}
	for _, n := range out.Notes {
		fmt.Fprintf(a.Stdout, "  note: %s\n", n)
	}
	return nil
}

// mistaken reports the mistakes of a spec, one a line.
func (a *App) mistaken(name string, mistakes spec.Errors) error {
	if a.JSON {
		out := checked{Spec: name}
		for _, m := range mistakes {
			out.Errors = append(out.Errors, checkedError{m.At.File, m.At.Line, m.At.Col, m.Text})
		}
		if err := json.NewEncoder(a.Stdout).Encode(out); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(a.Stderr, mistakes)
	}
	if len(mistakes) == 1 {
		return usagef("%s: one mistake", name)
	}
	return usagef("%s: %d mistakes", name, len(mistakes))
}
