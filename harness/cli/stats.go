package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v3"

	"hardneg/fixtures/jsonl"
	"hardneg/reports/stats"
)

// statsCommand answers the cases of the statistics contract.
func (a *App) statsCommand() *cli.Command {
	return &cli.Command{
		Name:  "stats",
		Usage: "answer statistical questions given as JSON cases",
		Description: `Reads {"schema":"hardneg.stats/1","cases":[{"id","fn","in":{…}}]} and writes
{"schema":…,"answers":[{"id","out":{…}} or {"id","error":"bad_input" or "unknown_fn"}]}.
An undefined number is null. "-" is standard input or output.

Exit codes: 0 done, 2 the document cannot be read as cases, 6 a file cannot be opened or written.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "in", Usage: "cases `FILE`", Value: "-"},
			&cli.StringFlag{Name: "out", Usage: "answers `FILE`", Value: "-"},
		},
		Action: func(_ context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return usagef("stats takes no argument %q; use --in and --out", c.Args().First())
			}
			return a.stats(c.String("in"), c.String("out"))
		},
	}
}

func (a *App) stats(in, out string) error {
	raw, err := a.readInput(in)
	if err != nil {
		return err
	}
	var cases stats.Cases
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&cases); err != nil {
		return usagef("%s:%d: %w", in, lineOf(raw, err, d.InputOffset()), jsonl.Explain(err, &cases))
	}
	answers, err := stats.AnswerAll(cases)
	if err != nil {
		return usagef("%s: %w", in, err)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(answers); err != nil {
		return fmt.Errorf("write answers: %w", err)
	}
	return a.writeOutput(out, b.Bytes())
}

// readInput reads a file, or standard input for "-".
func (a *App) readInput(path string) ([]byte, error) {
	if path == "-" {
		raw, err := io.ReadAll(a.Stdin)
		return raw, fail(ExitEnvironment, err)
	}
	raw, err := os.ReadFile(path)
	return raw, fail(ExitEnvironment, err)
}

// writeOutput writes a file, or standard output for "-".
func (a *App) writeOutput(path string, b []byte) error {
	w, finish, err := a.output(path)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return finish(fail(ExitEnvironment, err))
}

// lineOf is the line of a decoding error: where the error says, else at the
// offset that the decoder had reached.
func lineOf(raw []byte, err error, reached int64) int {
	at := reached
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		at = syntax.Offset
	case errors.As(err, &kind):
		at = kind.Offset
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		at = int64(len(raw))
	}
	return 1 + bytes.Count(raw[:min(int(at), len(raw))], []byte("\n"))
}
