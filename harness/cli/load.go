package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"hardneg/experiments/plan"
	"hardneg/experiments/spec"
	"hardneg/fixtures"
	"hardneg/models/checkpoint"
)

// prepareSpec loads, resolves and expands a spec for this machine.
func (a *App) prepareSpec(path string, sets []string) (*prepared, error) {
	s, err := spec.Load(path, sets)
	if err != nil {
		return nil, fail(ExitUsage, err)
	}
	class, err := a.hooks.device(s.Hardware.Device)
	if err != nil {
		return nil, fail(ExitEnvironment, err)
	}
	s = s.OnDevice(class)
	p := &prepared{Spec: s}
	if p.Plan, err = plan.Expand(s); err != nil {
		return nil, fail(ExitUsage, fmt.Errorf("%s: %w", path, err))
	}
	// The resolved spec is kept in its JSON form, which is YAML too.
	if p.Resolved, err = json.MarshalIndent(s, "", "  "); err != nil {
		return nil, err
	}
	p.Resolved = append(p.Resolved, '\n')
	return p, nil
}

// resolveFile finds a file of the user; the embedded tiny model stands in where
// its folder does not exist, and the id of a model means its snapshot in the
// local Hub cache.
func (a *App) resolveFile(f plan.File) (string, error) {
	_, err := os.Stat(f.Path)
	if err == nil {
		return filepath.Abs(f.Path)
	}
	if filepath.ToSlash(filepath.Clean(f.Path)) == "fixtures/tiny" {
		dir, err := filepath.Abs(filepath.Join(a.Workspace, "cache", "embedded", "tiny"))
		if err != nil {
			return "", err
		}
		return dir, fixtures.Extract(dir)
	}
	if (f.Name == "model" || f.Name == "tokenizer") && checkpoint.IsHubID(f.Path) {
		return checkpoint.DefaultHub(os.Getenv).Find(f.Path, f.Revision)
	}
	return "", fmt.Errorf("%w; give the spec a path that exists", err)
}
