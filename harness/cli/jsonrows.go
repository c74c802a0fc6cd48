package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"hardneg/models/checkpoint"
	"hardneg/models/token"
)

// strict decodes one JSON value and refuses unknown fields and trailing text.
func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("text after the JSON value")
	}
	return nil
}

// unfit gives a missing or unusable model or tokenizer its exit code.
func unfit(err error) error {
	if checkpoint.Unfit(err) || token.Unfit(err) {
		return fail(ExitEnvironment, err)
	}
	return err
}

// eachRow calls f for every line of a JSON-lines file, "-" being standard
// input. Blank lines are skipped; an error of f names file and line.
func (a *App) eachRow(path string, f func(line []byte) error) error {
	in := a.Stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return fail(ExitEnvironment, err)
		}
		defer file.Close()
		in = file
	}
	r := bufio.NewReaderSize(in, 1<<16)
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

// output opens a file for results, "-" being standard output; finish flushes
// and closes it.
func (a *App) output(path string) (w *bufio.Writer, finish func() error, err error) {
	if path == "-" {
		w = bufio.NewWriterSize(a.Stdout, 1<<16)
		return w, func() error { return fail(ExitEnvironment, w.Flush()) }, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, nil, fail(ExitEnvironment, err)
	}
	w = bufio.NewWriterSize(f, 1<<16)
	return w, func() error { return fail(ExitEnvironment, errors.Join(w.Flush(), f.Close())) }, nil
}

// mapRows turns each row of one file into a row of another.
func (a *App) mapRows(in, out string, row func([]byte) (any, error)) error {
	w, finish, err := a.output(out)
	if err != nil {
		return err
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	err = a.eachRow(in, func(line []byte) error {
		v, err := row(line)
		if err != nil {
			return badRow(err)
		}
		return fail(ExitEnvironment, e.Encode(v))
	})
	return errors.Join(err, finish())
}
