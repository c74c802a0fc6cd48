package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"hardneg/fixtures/seed"
	"hardneg/models/verifier"
)

func (a *App) perturbCommand() *cli.Command {
	return &cli.Command{
		Name:  "perturb",
		Usage: "plant labelled errors in right solutions",
		Description: `Reads right solutions that end in "#### answer", as rows {"id"?,"question","solution","gold"?} or in GSM8K's format
{"question","answer"}, and writes rows {"id","row","kind","dim","step","question","solution","answer","gold"}: solutions with
one planted error, its kind, the dimension that it breaks and its first wrong step, counted from 0.
Kinds: calc op operand swap drop entity (executed again from there on), order skip, contradict, repeat trunc noanswer, answer.
Drawing depends on seed, row id and kind alone.

Exit codes: 0 done, 2 bad option or row, 6 a file is missing or unreadable.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "in", Usage: "JSON lines, - for standard input", Value: "-"},
			&cli.StringFlag{Name: "out", Usage: "JSON lines, - for standard output", Value: "-"},
			&cli.StringFlag{Name: "kinds", Usage: "kinds, separated by commas; empty for all"},
			&cli.IntFlag{Name: "per-row", Usage: "errors a row, of different kinds where possible; 0: every kind once", Value: 0},
			&cli.Uint64Flag{Name: "seed", Usage: "seed", Value: 20251219},
			&cli.BoolFlag{Name: "strip-notes", Usage: "cut calculator notes out of the result"},
			&cli.IntFlag{Name: "j", Usage: "workers, 0 for one per CPU", Value: 0},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			p := perturber{perRow: c.Int("per-row"), seed: c.Uint64("seed"), strip: c.Bool("strip-notes")}
			var err error
			if p.kinds, err = perturbKinds(c.String("kinds")); err != nil {
				return usagef("--kinds: %w", err)
			}
			return a.mapLines(ctx, c.String("in"), c.String("out"), c.Int("j"), p.row)
		},
	}
}

func perturbKinds(list string) (out []verifier.Kind, err error) {
	all := verifier.Kinds()
	if list == "" {
		return all, nil
	}
	for _, name := range strings.Split(list, ",") {
		i := slices.IndexFunc(all, func(k verifier.Kind) bool { return k.Name == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("no kind %q; see hardneg perturb --help", name)
		}
		out = append(out, all[i])
	}
	return out, nil
}

// perturber plants errors into rows.
type perturber struct {
	kinds  []verifier.Kind
	perRow int
	seed   uint64
	strip  bool
}

// perturbedRow is a row of the output.
type perturbedRow struct {
	ID       string `json:"id"`
	Row      string `json:"row"`
	Kind     string `json:"kind"`
	Dim      string `json:"dim"`
	Step     int    `json:"step"`
	Question string `json:"question"`
	Solution string `json:"solution"`
	Answer   string `json:"answer"`
	Gold     string `json:"gold"`
}

func (p *perturber) row(line, out []byte) ([]byte, error) {
	var r struct {
		ID       string `json:"id"`
		Question string `json:"question"`
		Solution string `json:"solution"`
		Answer   string `json:"answer"`
		Gold     string `json:"gold"`
	}
	if err := strict(line, &r); err != nil {
		return out, err
	}
	if r.Solution == "" {
		r.Solution, r.Answer = r.Answer, ""
	}
	if r.Question == "" || r.Solution == "" {
		return out, errors.New("a row needs question and solution (or answer, in GSM8K's format)")
	}
	if r.ID == "" {
		r.ID = fmt.Sprintf("%016x", verifier.QuestionKey(r.Question))
	}
	if _, gold, ok := strings.Cut(r.Solution, "####"); ok && r.Gold == "" {
		r.Gold = strings.TrimSpace(gold)
	}
	order := make([]int, len(p.kinds))
	for i := range order {
		order[i] = i
	}
	want := len(order)
	if p.perRow > 0 {
		order, want = seed.Derive(p.seed, "perturb", r.ID).Perm(len(order)), p.perRow
	}
	for n, round := 0, 0; n < want && round < 4; round++ {
		for _, k := range order {
			if n == want {
				break
			}
			kind := p.kinds[k]
			f, ok := verifier.Perturb(r.Question, r.Solution, kind.Name, seed.Derive(p.seed, r.ID, kind.Name, round))
			if !ok {
				continue
			}
			if p.strip {
				f.Solution = verifier.StripNotes(f.Solution)
			}
			n++
			b, err := json.Marshal(perturbedRow{fmt.Sprintf("%s-%s-%d", r.ID, kind.Name, round), r.ID, kind.Name, kind.Dim.String(), f.Step, r.Question, f.Solution, f.Answer, r.Gold})
			if err != nil {
				return out, err
			}
			out = append(append(out, b...), '\n')
		}
		if p.perRow <= 0 {
			break
		}
	}
	return out, nil
}
