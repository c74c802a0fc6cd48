package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"hardneg/experiments/plan"
	"hardneg/experiments/spec"
	"hardneg/fixtures"
	"hardneg/fixtures/problem"
	"hardneg/harness/runner"
	"hardneg/models/checkpoint"
)

// loadSpec loads a spec and holds it against the shape of its model, where that
// is known here.
func (a *App) loadSpec(name string, sets []string) (*spec.Spec, error) {
	s, err := spec.Load(name, sets)
	if err != nil {
		return nil, err
	}
	if mistakes := a.ranks(s); len(mistakes) > 0 {
		return nil, mistakes
	}
	return s, nil
}

// ranks finds adapters with a larger rank than the matrices that they adapt.
func (a *App) ranks(s *spec.Spec) (wrong spec.Errors) {
	check := func(l *spec.LoRA, path string) {
		if l == nil {
			return
		}
		shape, known := a.shape(s)
		if !known || shape.Heads == 0 {
			return
		}
		if most, target := l.Most(shape); l.Rank > most {
			at, ok := s.Origin("stages." + path)
			if !ok {
				at = spec.Origin{File: s.Name}
			}
			m := spec.Mistake{At: at, Text: fmt.Sprintf("stages.%s is %d: %s of this model has rank %d at most", path, l.Rank, target, most)}
			if !slices.Contains(wrong, m) {
				wrong = append(wrong, m)
			}
		}
	}
	for _, arm := range s.Arms {
		if arm.Stages.SFT != nil {
			check(arm.Stages.SFT.LoRA, "sft.lora.rank")
		}
		if arm.Stages.Train != nil {
			check(arm.Stages.Train.LoRA, "train.lora.rank")
		}
	}
	return wrong
}

// prepareSpec loads, resolves and expands a spec for this machine.
func (a *App) prepareSpec(path string, sets []string) (*prepared, error) {
	s, err := a.loadSpec(path, sets)
	if err != nil {
		return nil, fail(ExitUsage, err)
	}
	class, err := a.hooks.device(s.Hardware.Device)
	if err != nil {
		return nil, fail(ExitEnvironment, err)
	}
	if s.Seeds.Fresh > 0 && len(s.Seeds.Values) == 0 {
		return nil, usagef("%s has seeds.fresh, seeds of a night: `hardneg gate %s` runs it, or give --set seeds.values=[1,2,3] --set seeds.fresh=~ --set seeds.sentinel=~", path, path)
	}
	s = s.OnDevice(class)
	p := &prepared{Spec: s}
	if p.Plan, err = plan.Expand(s); err != nil {
		return nil, fail(ExitUsage, fmt.Errorf("%s: %w", path, err))
	}
	p.Resolved = s.Keep()
	return p, nil
}

// resolveFile finds a file of the user; the embedded tiny model stands in where
// its folder does not exist, and a Hub id means what the local Hub cache has of
// it. It never touches the network: see fetch.
func (a *App) resolveFile(f plan.File) (runner.Place, error) {
	place := runner.Place{Path: f.Path, Only: f.Only()}
	_, err := os.Stat(f.Path)
	if err == nil {
		if place.Path, err = filepath.Abs(f.Path); err != nil {
			return place, err
		}
		return dataPlace(f, place)
	}
	if embedded(f) {
		if place.Path, err = filepath.Abs(filepath.Join(a.Workspace, "cache", "embedded", "tiny")); err != nil {
			return place, err
		}
		if err := fixtures.Extract(place.Path); err != nil {
			return place, fmt.Errorf("%s is built in and unpacked into the workspace: %w; name another with --workspace", f.Path, err)
		}
		return place, nil
	}
	repo, inside, ok := hubName(f)
	if !ok {
		return place, fmt.Errorf("%w; give the spec a path that exists", err)
	}
	dir, err := checkpoint.DefaultHub(os.Getenv).Find(repo)
	if err != nil {
		return place, err
	}
	place.Path = filepath.Join(dir, filepath.FromSlash(inside))
	return dataPlace(f, place)
}

// embedded says whether the program itself brings what a path names.
func embedded(f plan.File) bool {
	return filepath.ToSlash(filepath.Clean(f.Path)) == "fixtures/tiny"
}

// dataPlace narrows the folder of a data set to the files that are read of it.
func dataPlace(f plan.File, place runner.Place) (runner.Place, error) {
	if f.Name != "data" || f.Source == "" {
		return place, nil
	}
	files, err := problem.Files(f.Source, place.Path, f.Split)
	if err != nil {
		return place, err
	}
	if len(files) == 1 {
		place.Path = files[0]
		return place, nil
	}
	for _, name := range files {
		rel, err := filepath.Rel(place.Path, name)
		if err != nil {
			return place, err
		}
		place.Only = append(place.Only, filepath.ToSlash(rel))
	}
	return place, nil
}

// insideData is the address of a file or folder inside a data set, in the form
// that pandas and the datasets library read: hf://datasets/ORG/NAME[@REVISION]/PATH.
var insideData = regexp.MustCompile(`^(?:hf://datasets/)?([^/@]+/[^/@]+)(?:@([^/]+))?(?:/(.+))?$`)

// hubName reads a Hub id out of the path of a model, a tokenizer or data.
func hubName(f plan.File) (repo checkpoint.Repo, inside string, ok bool) {
	switch f.Name {
	case "model", "tokenizer":
		return checkpoint.Repo{ID: f.Path, Revision: f.Revision, Tokenizer: f.Name == "tokenizer"}, "", checkpoint.IsHubID(f.Path)
	case "data":
		m := insideData.FindStringSubmatch(f.Path)
		if m == nil || !strings.HasPrefix(f.Path, "hf://") && (m[3] != "" || problem.FormatOf(m[1]) != "") {
			return repo, "", false // data/train.jsonl is a file that is not there
		}
		return checkpoint.Repo{ID: m[1], Revision: m[2], Data: true}, m[3], checkpoint.IsHubID(m[1])
	}
	return repo, "", false
}
