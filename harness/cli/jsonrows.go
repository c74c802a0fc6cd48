package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"hardneg/fixtures/jsonl"
	"hardneg/models/checkpoint"
	"hardneg/models/token"
)

// strict decodes one row: see jsonl.Decode.
func strict(b []byte, v any) error { return jsonl.Decode(b, v) }

// unfit gives a missing or unusable model or tokenizer its exit code.
func unfit(err error) error {
	if checkpoint.Unfit(err) || token.Unfit(err) {
		return fail(ExitEnvironment, err)
	}
	return err
}

// input opens a file of rows, "-" being standard input, gzip or not.
func (a *App) input(path string) (*bufio.Reader, func(), error) {
	var in io.Reader = a.Stdin
	done := func() {}
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, nil, fail(ExitEnvironment, err)
		}
		in, done = f, func() { f.Close() }
	}
	r, err := jsonl.NewReader(in)
	if err != nil {
		done()
		return nil, nil, fail(ExitEnvironment, fmt.Errorf("%s: %w", path, err))
	}
	return r, done, nil
}

// eachRow calls f for every line of a JSON-lines file, "-" being standard
// input. Blank lines are skipped; an error of f names file and line.
func (a *App) eachRow(path string, f func(line []byte) error) error {
	r, done, err := a.input(path)
	if err != nil {
		return err
	}
	defer done()
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if b := bytes.TrimSpace(line); len(b) > 0 {
			if err := f(b); err != nil {
				return fmt.Errorf("%s:%d: %w", path, n, err)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fail(ExitEnvironment, fmt.Errorf("%s: %w", path, err))
		}
	}
}

// badRow marks an error of a row's content, as opposed to one of the output.
func badRow(err error) error { return fail(ExitUsage, err) }

// mapRows turns each row of one file into a row of another.
func (a *App) mapRows(in, out string, row func([]byte) (any, error)) error {
	w, finish, err := a.output(out)
	if err != nil {
		return err
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return finish(a.eachRow(in, func(line []byte) error {
		v, err := row(line)
		if err != nil {
			return badRow(err)
		}
		return fail(ExitEnvironment, e.Encode(v))
	}))
}
