package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// Checkpoint is an opened and validated set of tensors. It stays valid until
// Close; the files must not be changed meanwhile.
type Checkpoint struct {
	Dir string

	files   []*mapping
	tensors map[string]*Tensor
}

// Spec is what a caller expects of one tensor.
type Spec struct {
	Name     string
	Shape    []int
	Optional bool // may be absent
}

// Open maps the safetensors files of a model folder: model.safetensors, or
// the shards that model.safetensors.index.json lists.
func Open(dir string) (*Checkpoint, error) { return open(dir, "model.safetensors") }

func open(dir, name string) (*Checkpoint, error) {
	c := &Checkpoint{Dir: dir, tensors: map[string]*Tensor{}}
	single := filepath.Join(dir, name)
	index := single + ".index.json"
	var err error
	if exists(single) || !exists(index) {
		err = c.add(single)
		if errors.Is(err, ErrMissing) {
			err = whyMissing(dir, single)
		}
	} else {
		err = c.openShards(index)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func whyMissing(dir, single string) error {
	remedy := "give a folder in the Hugging Face layout, or a model id that has been downloaded"
	detail := "no such file, and no index of shards"
	if !exists(dir) {
		detail = "no such folder"
	} else if old, _ := filepath.Glob(filepath.Join(dir, "*.bin")); len(old) > 0 {
		remedy = "convert " + filepath.Base(old[0]) + " to safetensors (save_pretrained with transformers does)"
	}
	return &Error{ErrMissing, single, "", detail, remedy}
}

func (c *Checkpoint) add(path string) error {
	m, err := openFile(path)
	if err != nil {
		return err
	}
	c.files = append(c.files, m)
	for _, t := range m.tensors {
		if old := c.tensors[t.Name]; old != nil {
			return invalid(path, t.Name, "is in %s too", filepath.Base(old.File))
		}
		c.tensors[t.Name] = t
	}
	return nil
}

func (c *Checkpoint) openShards(index string) error {
	b, err := readSmall(index)
	if err != nil {
		return err
	}
	var x struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(b, &x); err != nil {
		return invalid(index, "", "not a JSON object: %v", err)
	}
	if len(x.WeightMap) == 0 {
		return invalid(index, "", "weight_map is empty")
	}
	var names []string
	for tensor, f := range x.WeightMap {
		if f == "" || f != filepath.Base(f) || strings.ContainsAny(f, `/\`) || f == ".." {
			return invalid(index, tensor, "shard %q is no plain file name", f)
		}
		names = append(names, f)
	}
	sort.Strings(names)
	for _, f := range slices.Compact(names) {
		if err := c.add(filepath.Join(c.Dir, f)); err != nil {
			return err
		}
	}
	for _, name := range sortedKeys(x.WeightMap) {
		t := c.tensors[name]
		if t == nil {
			return &Error{ErrMissing, filepath.Join(c.Dir, x.WeightMap[name]), name, "the index promises it, the shard lacks it", copyAgain}
		}
		if filepath.Base(t.File) != x.WeightMap[name] {
			return invalid(index, name, "is in %s, the index says %s", filepath.Base(t.File), x.WeightMap[name])
		}
	}
	for _, name := range c.Names() {
		if _, ok := x.WeightMap[name]; !ok {
			return invalid(index, name, "is in %s, but not in the index", filepath.Base(c.tensors[name].File))
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// Close unmaps the files. Bytes from Raw must not be used afterwards.
func (c *Checkpoint) Close() error {
	var errs []error
	for _, m := range c.files {
		errs = append(errs, m.unmap())
	}
	c.files = nil
	return errors.Join(errs...)
}

// Names lists all tensors, sorted.
func (c *Checkpoint) Names() []string { return sortedKeys(c.tensors) }

// Tensor finds a tensor by name, nil if there is none.
func (c *Checkpoint) Tensor(name string) *Tensor { return c.tensors[name] }

// Expect compares the checkpoint with what a network needs: a tensor that is
// missing, has another shape, cannot be decoded, or is not wanted at all is an
// error that names file and tensor. Saved rotary tables of old checkpoints are
// tolerated, as in transformers.
func (c *Checkpoint) Expect(want []Spec) error {
	known := make(map[string]bool, len(want))
	for _, w := range want {
		known[w.Name] = true
		t := c.tensors[w.Name]
		if t == nil {
			if w.Optional {
				continue
			}
			return &Error{ErrMissing, c.Dir, w.Name, fmt.Sprintf("is missing, %v expected", w.Shape),
				"check that config.json belongs to these weights (layers, tie_word_embeddings)"}
		}
		if !slices.Equal(t.Shape, w.Shape) {
			return &Error{ErrInvalid, t.File, w.Name, fmt.Sprintf("has shape %v, config.json asks for %v", t.Shape, w.Shape),
				"use the config.json that belongs to these weights"}
		}
		if !decodable(t.DType) {
			return t.undecodable()
		}
	}
	for _, name := range c.Names() {
		if !known[name] && !strings.HasSuffix(name, ".rotary_emb.inv_freq") {
			return &Error{ErrInvalid, c.tensors[name].File, name, "is not part of the network that config.json describes",
				"use the config.json that belongs to these weights"}
		}
	}
	return nil
}

// Raw gives the stored bytes of a tensor, little-endian, and their type. They
// lie in the mapping: read only, valid until Close.
func (c *Checkpoint) Raw(name string) (data []byte, dtype string, err error) {
	t := c.tensors[name]
	if t == nil {
		return nil, "", &Error{ErrMissing, c.Dir, name, "no such tensor", ""}
	}
	return t.data, t.DType, nil
}
