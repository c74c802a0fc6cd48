package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v3"

	"hardneg/ablations/mine"
	"hardneg/ablations/pair"
	"hardneg/ablations/weigh"
	"hardneg/fixtures/seed"
)

func (a *App) mineCommand() *cli.Command {
	var in, out, use string
	var s mine.Settings
	var root int
	return &cli.Command{
		Name:      "mine",
		Usage:     "make preference pairs from scored samples",
		UsageText: "hardneg mine --in scores.jsonl --out pairs.jsonl [options]",
		Description: `Rows are those of hardneg score (mode gold) with prompt_id, correct, question and solution; rows of one prompt
stand together. A pair is {"prompt","chosen","rejected","weight":1,…} with the scores that led to it, input of hardneg weight.

Exit codes: 0 done, 2 a bad row or flag, 6 a file missing or unreadable.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "in", Usage: "JSON lines, - for standard input", Value: "-", Destination: &in},
			&cli.StringFlag{Name: "out", Usage: "JSON lines, - for standard output", Value: "-", Destination: &out},
			&cli.StringFlag{Name: "negatives", Usage: "hard, random, easy or all", Value: "hard", Destination: &s.Negatives},
			&cli.IntFlag{Name: "per-prompt", Usage: "most pairs a prompt", Value: 2, Destination: &s.PerPrompt},
			&cli.IntFlag{Name: "max-pairs", Usage: "most pairs in all, 0 for no limit", Destination: &s.MaxPairs},
			&cli.FloatFlag{Name: "closeness-min", Usage: "least closeness of a hard negative", Value: .5, Destination: &s.ClosenessMin},
			&cli.FloatFlag{Name: "absurdity-max", Usage: "most absurdity of a hard negative", Value: .4, Destination: &s.AbsurdityMax},
			&cli.StringFlag{Name: "chosen", Usage: "best, random or reference", Value: "best", Destination: &s.Chosen},
			&cli.StringFlag{Name: "fallback", Usage: "reference or skip, where no sample is right", Value: "reference", Destination: &s.Fallback},
			&cli.BoolFlag{Name: "fill", Usage: "take other wrong samples where too few are hard", Value: true, Destination: &s.Fill},
			&cli.BoolFlag{Name: "flawed-right", Usage: "also reject right answers by flawed ways", Destination: &s.FlawedRight},
			&cli.FloatFlag{Name: "gate-noise", Usage: "flip right and wrong with this probability", Destination: &s.GateNoise},
			&cli.StringFlag{Name: "use", Usage: "the wrongness that ranks: proc or none", Value: "proc", Destination: &use},
			&cli.IntFlag{Name: "seed", Usage: "root of the draws", Destination: &root},
		},
		Action: func(context.Context, *cli.Command) error {
			s.Use = use
			if use != "proc" && use != "none" || s.PerPrompt < 1 {
				return usagef("mine: want --use proc or none, and --per-prompt of at least 1")
			}
			var rows []pair.Scored
			prompts := map[string]bool{}
			err := a.eachRow(in, func(line []byte) error {
				var r pair.Scored
				if err := strict(line, &r); err != nil {
					return badRow(err)
				}
				if err := checkScored(r, rows, prompts); err != nil {
					return badRow(err)
				}
				rows = append(rows, r)
				return nil
			})
			if err != nil {
				return err
			}
			pairs, stats, err := mine.Apply(rows, s, seed.Derive(uint64(root), "mine"))
			if err != nil {
				return fail(ExitUsage, err)
			}
			if !a.Quiet {
				fmt.Fprintf(a.Stderr, "mine: %d prompts, %d samples (%d duplicates), %d pairs %v\n", stats.Prompts, stats.Candidates, stats.Duplicates, stats.Pairs, stats.ByNegative)
			}
			return writePairs(a, out, pairs)
		},
	}
}

// checkScored refuses a row that mining cannot place.
func checkScored(r pair.Scored, before []pair.Scored, prompts map[string]bool) error {
	switch {
	case r.ID == "" || r.PromptID == "":
		return errors.New("fields id and prompt_id are needed")
	case r.Solution == "":
		return errors.New("field solution is missing or empty")
	case len(before) > 0 && before[len(before)-1].PromptID != r.PromptID && prompts[r.PromptID]:
		return fmt.Errorf("prompt %s stands in two places; sort the rows by prompt_id", r.PromptID)
	}
	prompts[r.PromptID] = true
	return nil
}

func writePairs(a *App, out string, pairs []pair.Pair) error {
	w, finish, err := a.output(out)
	if err != nil {
		return err
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, p := range pairs {
		if err := e.Encode(p); err != nil {
			return finish(fail(ExitEnvironment, err))
		}
	}
	return finish(nil)
}

func (a *App) weightCommand() *cli.Command {
	var in, out, preset, explain string
	var lo, hi float64
	var root int
	s := weigh.Settings{}
	return &cli.Command{
		Name:      "weight",
		Usage:     "weight preference pairs",
		UsageText: "hardneg weight --in pairs.jsonl --out weighted.jsonl [options]",
		Description: `Rows are those of hardneg mine. Weights come from ranks and have mean 1; --explain prints every factor of one pair's weight.

Exit codes: 0 done, 2 a bad row or flag, 6 a file missing or unreadable.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "in", Usage: "JSON lines, - for standard input", Value: "-", Destination: &in},
			&cli.StringFlag{Name: "out", Usage: "JSON lines, - for standard output", Value: "-", Destination: &out},
			&cli.StringFlag{Name: "scores", Usage: "verifier, uniform, shuffled, random, noisy or inverted", Value: "verifier", Destination: &s.Scores},
			&cli.StringFlag{Name: "preset", Usage: "paper, hard, margin or uniform", Value: "paper", Destination: &preset},
			&cli.FloatFlag{Name: "clip-lo", Usage: "least weight", Value: .2, Destination: &lo},
			&cli.FloatFlag{Name: "clip-hi", Usage: "most weight", Value: 5, Destination: &hi},
			&cli.FloatFlag{Name: "sigma", Usage: "noise of noisy weights", Destination: &s.Sigma},
			&cli.StringFlag{Name: "within", Usage: "shuffled: all, or prompt", Value: "all", Destination: &s.Within},
			&cli.IntFlag{Name: "seed", Usage: "root of the draws", Destination: &root},
			&cli.StringFlag{Name: "explain", Usage: "print every factor of the weight of the pair with this `ID`", Destination: &explain},
		},
		Action: func(context.Context, *cli.Command) error {
			coef, ok := weigh.Presets()[preset]
			if !ok {
				return usagef("weight: --preset %q is unknown (paper, hard, margin, uniform)", preset)
			}
			s.Coef, s.Clip = coef, [2]float64{lo, hi}
			var pairs []pair.Pair
			err := a.eachRow(in, func(line []byte) error {
				var p pair.Pair
				if err := strict(line, &p); err != nil {
					return badRow(err)
				}
				if p.ID == "" {
					return badRow(errors.New("field id is missing"))
				}
				pairs = append(pairs, p)
				return nil
			})
			if err != nil {
				return err
			}
			stats, err := weigh.Apply(pairs, s, seed.Derive(uint64(root), "weight"))
			if err != nil {
				return fail(ExitUsage, err)
			}
			if explain != "" {
				return a.explainWeight(pairs, s, explain)
			}
			if !a.Quiet {
				fmt.Fprintf(a.Stderr, "weight: %d pairs, effective sample size %.1f\n", stats.Pairs, stats.ESS)
			}
			return writePairs(a, out, pairs)
		},
	}
}

// explainWeight prints what made one pair's weight.
func (a *App) explainWeight(pairs []pair.Pair, s weigh.Settings, id string) error {
	i := slices.IndexFunc(pairs, func(p pair.Pair) bool { return p.ID == id })
	if i < 0 {
		return usagef("weight: no pair has the id %s", id)
	}
	fs := weigh.Explain(pairs, s.Coef, i)
	if a.JSON {
		return json.NewEncoder(a.Stdout).Encode(map[string]any{"id": id, "weight": pairs[i].Weight, "scores": s.Scores, "factors": fs})
	}
	fmt.Fprintf(a.Stdout, "pair %s: weight %.4f (%s)\n", id, pairs[i].Weight, s.Scores)
	for _, f := range fs {
		fmt.Fprintf(a.Stdout, "  %-10s value %8.4f  rank z %+.3f  coefficient %+.2f  exponent %+.3f\n", f.Name, f.Value, f.Z, f.Coef, f.Z*f.Coef)
	}
	return nil
}
