package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/urfave/cli/v3"

	"hardneg/models/verifier"
)

// benchVerifierCommand is `hardneg bench verifier`: solutions a CPU second,
// once for the rules alone and once for the whole command, rows of JSON in and
// out included.
func (a *App) benchVerifierCommand() *cli.Command {
	return &cli.Command{
		Name:  "verifier",
		Usage: "scoring of generated solutions, rules alone and with JSON in and out",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "rows", Usage: "solutions that are scored", Value: 40000},
			&cli.StringFlag{Name: "verifier", Usage: "builtin, rules, or a verifier file", Value: "builtin"},
			&cli.BoolFlag{Name: "json", Usage: "one line of JSON"},
		},
		Action: a.benchVerifier,
	}
}

// verifierBench is the answer of `hardneg bench verifier --json`.
type verifierBench struct {
	Rows         int     `json:"rows"`
	BytesARow    float64 `json:"bytes_a_row"` // question and solution
	RowsPerS     float64 `json:"rows_per_s"`
	RowsPerCPUS  float64 `json:"rows_per_cpu_s"`  // JSON included
	RulesPerCPUS float64 `json:"rules_per_cpu_s"` // the rule part alone
	PeakRSSMiB   float64 `json:"peak_rss_mib"`
}

func (a *App) benchVerifier(_ context.Context, c *cli.Command) error {
	v, err := loadVerifier(c.String("verifier"))
	if err != nil {
		return err
	}
	lines, inputs, size, err := benchSolutions()
	if err != nil {
		return err
	}
	n := c.Int("rows")
	if n < 1 {
		return usagef("--rows %d: at least one", n)
	}
	rules := verifier.New(nil)
	pass := func(n int, f func(i int) error) (wall, cpu float64, err error) {
		start, used := time.Now(), cpuSeconds()
		for i := range n {
			if err := f(i % len(lines)); err != nil {
				return 0, 0, err
			}
		}
		return time.Since(start).Seconds(), cpuSeconds() - used, nil
	}
	row := make([]byte, 0, 4096)
	whole := func(i int) (err error) { row, err = scoreRow(v, verifier.None, lines[i], row[:0]); return err }
	alone := func(i int) error { rules.Score(inputs[i], verifier.None); return nil }
	for _, f := range []func(int) error{whole, alone} { // warm
		if _, _, err := pass(min(n, len(lines)), f); err != nil {
			return err
		}
	}
	wall, cpu, err := pass(n, whole)
	if err != nil {
		return err
	}
	_, ruleCPU, err := pass(n, alone)
	if err != nil {
		return err
	}
	r := verifierBench{Rows: n, BytesARow: size, RowsPerS: float64(n) / wall, RowsPerCPUS: float64(n) / cpu, RulesPerCPUS: float64(n) / ruleCPU, PeakRSSMiB: peakRSS()}
	if c.Bool("json") || a.JSON {
		b, err := json.Marshal(r)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.Stdout, "%s\n", b)
		return err
	}
	_, err = fmt.Fprintf(a.Stdout, "%.0f solutions a CPU second with JSON, %.0f by the rules alone (%.0f bytes each), %.0f MiB\n", r.RowsPerCPUS, r.RulesPerCPUS, r.BytesARow, r.PeakRSSMiB)
	return err
}

// benchSolutions are the rows of the benchmark: generated solutions of both
// sources, as `hardneg score` reads them.
func benchSolutions() (lines [][]byte, inputs []verifier.Input, size float64, err error) {
	ex, err := verifier.Synthetic(200, 3)
	if err != nil {
		return nil, nil, 0, err
	}
	for i, e := range ex {
		b, err := json.Marshal(struct {
			ID       string   `json:"id"`
			Question string   `json:"question"`
			Steps    []string `json:"steps"`
		}{fmt.Sprint(i), e.Question, e.Steps})
		if err != nil {
			return nil, nil, 0, err
		}
		lines, inputs = append(lines, b), append(inputs, e.Input)
		size += float64(len(e.Question))
		for _, s := range e.Steps {
			size += float64(len(s))
		}
	}
	return lines, inputs, size / float64(len(lines)), nil
}
