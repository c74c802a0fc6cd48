package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"hardneg/ablations/mine"
	"hardneg/ablations/pair"
	"hardneg/ablations/weigh"
	"hardneg/fixtures/problem"
	"hardneg/fixtures/seed"
	"hardneg/harness/stage"
)

func (a *App) mineCommand() *cli.Command {
	var in, out, use string
	var s mine.Settings
	var root int
	return &cli.Command{
		Name:      "mine",
		Usage:     "make preference pairs from scored samples",
		UsageText: "hardneg mine --in scores.jsonl --out pairs.jsonl [options]",
		Description: `Rows are those of hardneg score --answer-mode gold. Rows of one prompt stand together; where prompt_id is missing,
the question tells prompts apart. A pair is {"prompt","chosen","rejected","weight":1,…} with the scores that led to it, input of hardneg weight.

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
			if err := mineFlags(s); err != nil {
				return err
			}
			var m minable
			err := a.eachRow(in, func(line []byte) error { return badRow(m.add(line)) })
			if err == nil && len(m.rows) == 0 {
				err = usagef("%s has no row with a solution", in)
			}
			if err != nil {
				return err
			}
			pairs, stats, err := mine.Apply(m.rows, s, seed.Derive(uint64(root), "mine"))
			if err != nil {
				return fail(ExitUsage, err)
			}
			if !a.Quiet {
				m.tell(a.Stderr, stats)
			}
			return writePairs(a, out, pairs)
		},
	}
}

// mineFlags checks what the language of specs checks in a run.
func mineFlags(s mine.Settings) error {
	for _, f := range []struct {
		name, is string
		want     choice
	}{
		{"use", s.Use, oneOf("proc", "none")},
		{"chosen", s.Chosen, oneOf("best", "random", "reference")},
		{"fallback", s.Fallback, oneOf("reference", "skip")},
	} {
		if !f.want.ok(f.is) {
			return usagef("mine: --%s %q: want %s", f.name, f.is, f.want.want)
		}
	}
	for _, f := range []struct {
		name string
		is   float64
	}{{"closeness-min", s.ClosenessMin}, {"absurdity-max", s.AbsurdityMax}, {"gate-noise", s.GateNoise}} {
		if !(f.is >= 0 && f.is <= 1) {
			return usagef("mine: --%s %g: want a number from 0 to 1", f.name, f.is)
		}
	}
	if s.PerPrompt < 1 {
		return usagef("mine: --per-prompt %d: want at least 1", s.PerPrompt)
	}
	return nil
}

// minable gathers the rows that pairs are mined from.
type minable struct {
	rows    []pair.Scored
	ids     map[string]bool
	prompts map[string]bool
	tooLong int // left out: their prompt filled the model, so there is no solution
}

// add reads one row, or says why mining cannot place it.
func (m *minable) add(line []byte) error {
	var in struct {
		pair.Scored
		Question *string `json:"question"`
		Solution *string `json:"solution"`
		Correct  *bool   `json:"correct"`
	}
	if err := strict(line, &in); err != nil {
		return err
	}
	r := in.Scored
	switch {
	case r.ID == "":
		return errors.New("field id is missing or empty")
	case in.Question == nil || strings.TrimSpace(*in.Question) == "":
		return errors.New("field question is missing or empty; rows of hardneg score --answer-mode gold have it")
	case in.Solution == nil:
		return errors.New("field solution is missing; rows of hardneg score --answer-mode gold have it")
	case in.Correct == nil:
		return errors.New("field correct is missing: without it no sample is right or wrong; score with --answer-mode gold")
	}
	r.Question, r.Solution, r.Correct = *in.Question, *in.Solution, *in.Correct
	if r.PromptID == "" {
		r.PromptID = problem.Digest(r.Question)
	}
	if r.Finish == stage.FinishTooLong {
		m.tooLong++
		return nil
	}
	if m.ids[r.ID] {
		return fmt.Errorf("field id: %s is there twice; ids name the draws: give each sample its own", r.ID)
	}
	if n := len(m.rows); n > 0 && m.rows[n-1].PromptID != r.PromptID && m.prompts[r.PromptID] {
		return fmt.Errorf("prompt %s stands in two places; sort the rows by prompt_id", r.PromptID)
	}
	if m.ids == nil {
		m.ids, m.prompts = map[string]bool{}, map[string]bool{}
	}
	m.ids[r.ID], m.prompts[r.PromptID] = true, true
	m.rows = append(m.rows, r)
	return nil
}

// tell says what was mined, for people.
func (m *minable) tell(w io.Writer, s mine.Stats) {
	var how []string
	for _, kind := range slices.Sorted(maps.Keys(s.ByNegative)) {
		how = append(how, fmt.Sprintf("%d %s", s.ByNegative[kind], kind))
	}
	text := ""
	if len(how) > 0 {
		text = ": " + strings.Join(how, ", ")
	}
	fmt.Fprintf(w, "mine: %d prompts, %d samples (%d duplicates), %d pairs%s\n", s.Prompts, s.Candidates, s.Duplicates, s.Pairs, text)
	if m.tooLong > 0 {
		fmt.Fprintf(w, "mine: left out %d rows whose prompt was too long for the model\n", m.tooLong)
	}
	if s.Pairs == 0 {
		fmt.Fprintf(w, "mine: no pair: %d prompts have no wrong sample, %d no right one\n", s.NoWrong, s.NoRight)
	}
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
			if s.Within != "all" && s.Within != "prompt" {
				return usagef("weight: --within %q: want all or prompt", s.Within)
			}
			if s.Sigma < 0 {
				return usagef("weight: --sigma %g: want 0 or more", s.Sigma)
			}
			s.Coef, s.Clip = coef, [2]float64{lo, hi}
			var pairs []pair.Pair
			seen := map[string]bool{}
			needs := s.Scores != "uniform" && s.Scores != "random"
			err := a.eachRow(in, func(line []byte) error {
				p, err := stage.PairRow(line, len(pairs)+1, seen)
				if err == nil && needs {
					err = scoredPair(line)
				}
				pairs = append(pairs, p)
				return badRow(err)
			})
			if err == nil && len(pairs) == 0 {
				err = usagef("%s has no row", in)
			}
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

// scoredPair says which score of a pair is missing: weights would take it for 0.
func scoredPair(line []byte) error {
	var scores map[string]json.RawMessage
	if err := json.Unmarshal(line, &scores); err != nil {
		return err
	}
	for _, f := range []string{"wrongness_chosen", "wrongness_rejected", "absurdity", "closeness", "hard_score"} {
		if string(scores[f]) == "" || string(scores[f]) == "null" {
			return fmt.Errorf("field %s is missing: weights come from it; rows of hardneg mine have it, and --scores uniform or random need none", f)
		}
	}
	return nil
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
