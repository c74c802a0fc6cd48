package stage

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"hardneg/experiments/plan"
	"hardneg/fixtures/seed"
)

// decode reads a task's parameters; a field that the stage does not know is a
// broken plan, not a user's mistake.
func decode[T any](t plan.Task) (T, error) {
	var p T
	d := json.NewDecoder(bytes.NewReader(t.Params))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return p, fmt.Errorf("task %s: parameters: %w", t.ID, err)
	}
	return p, nil
}

// hint reads the settings that change no result.
func hint(t plan.Task) plan.Hint {
	var h plan.Hint
	if len(t.Hint) > 0 {
		_ = json.Unmarshal(t.Hint, &h) // a hint that does not parse is no hint
	}
	return h
}

// keyOf is the stream of a stage: root, stage, and the seed where it varies.
func keyOf(stage string, k *plan.SeedKey) seed.Key {
	if k == nil {
		return 0
	}
	if k.Seed == nil {
		return seed.Derive(uint64(k.Root), stage)
	}
	return seed.Derive(uint64(k.Root), stage, *k.Seed)
}

// readRows reads a JSON-lines file of ours.
func readRows[T any](path string) ([]T, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unfit(err)
	}
	defer f.Close()
	var rows []T
	r := bufio.NewReaderSize(f, 1<<20)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var v T
			if e := json.Unmarshal(line, &v); e != nil {
				return nil, fmt.Errorf("%s:%d: %w", filepath.Base(path), n, e)
			}
			rows = append(rows, v)
		}
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
	}
}

// writeRows writes a JSON-lines file into the result.
func writeRows[T any](dir, name string, rows []T) error {
	return writeFile(dir, name, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		for i := range rows {
			if err := enc.Encode(rows[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeJSON writes one indented document.
func writeJSON(dir, name string, v any) error {
	return writeFile(dir, name, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", " ")
		return enc.Encode(v)
	})
}

func readJSON[T any](path string) (T, error) {
	var v T
	b, err := os.ReadFile(path)
	if err != nil {
		return v, unfit(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return v, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return v, nil
}

// writeFile makes a file of the result; the store makes it durable.
func writeFile(dir, name string, fill func(io.Writer) error) error {
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make folder of %s: %w", name, err)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	w := bufio.NewWriterSize(f, 1<<18)
	err = errors.Join(fill(w), w.Flush(), f.Close())
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// unfit marks an error about what the user has as environment, where it is one.
func unfit(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return &EnvironmentError{err}
	}
	return err
}

// input is a file inside an input's result.
func (e Env) input(name, file string) (string, error) {
	dir, ok := e.Inputs[name]
	if !ok {
		return "", fmt.Errorf("input %s is missing from the task", name)
	}
	return filepath.Join(dir, file), nil
}

// inputRows reads a JSON-lines file of an input's result.
func inputRows[T any](e Env, name, file string) ([]T, error) {
	path, err := e.input(name, file)
	if err != nil {
		return nil, err
	}
	rows, err := readRows[T](path)
	if err != nil {
		return nil, fmt.Errorf("input %s: %w", name, err)
	}
	return rows, nil
}
