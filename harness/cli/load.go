package cli

import (
	"encoding/json"
	"errors"

	"hardneg/experiments/spec"
)

// prepareSpec loads, resolves and expands a spec.
func prepareSpec(path string, sets []string) (*prepared, error) {
	s, err := spec.Load(path, sets)
	if err != nil {
		return nil, fail(ExitUsage, err)
	}
	p := &prepared{Spec: s}
	if p.Resolved, err = json.MarshalIndent(s, "", "  "); err != nil {
		return nil, err
	}
	return p, errors.New("specs cannot be expanded into tasks yet")
}
