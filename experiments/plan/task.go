// Package plan expands a resolved spec into tasks: a pure function from
// spec.Spec to Plan, without any effect and without any knowledge of kernels.
//
// A Task is one stage for one seed on behalf of one or more arms. Arms whose
// settings up to a stage are equal share that stage's task, so SFT, samples,
// scores and reference log-probabilities are made once per seed. A task has a
// static ID (what `hardneg plan` prints, e.g. "train-full-s1"); its action key,
// the address of its result in the cache, also depends on the *content* of its
// inputs and is therefore known only when they are (Key).
package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Stages lists the stage kinds in the order of the data flow.
var Stages = []string{"data", "sft", "sample", "score", "mine", "weight", "ref", "train", "eval", "verifier", "subset"}

// Task is one unit of work: one process, one result folder.
type Task struct {
	ID     string          `json:"id"`
	Stage  string          `json:"stage"`
	Arms   []string        `json:"arms,omitempty"` // arms that it serves, in the spec's order; empty: the run itself
	Seed   int             `json:"seed"`           // of seeds.values; meaningful when Varies
	Varies bool            `json:"varies"`         // false: one task for all seeds
	Params json.RawMessage `json:"params"`         // canonical JSON of everything that the stage reads from the spec and that can change its result
	Inputs []Input         `json:"inputs"`         // results of other tasks, sorted by name
	Files  []File          `json:"files"`          // files and folders of the user, sorted by name
	Device string          `json:"device"`         // device class: cpu or cuda:<name>
	Hint   json.RawMessage `json:"hint,omitempty"` // settings that change no artifact (micro_batch, threads, checkpoint interval): in no key
}

// Input names the result of another task.
type Input struct {
	Name string `json:"name"` // role inside the stage: data, model, samples, scores, pairs, ref, …
	Task string `json:"task"` // Task.ID
}

// File names something that the user has: a checkpoint folder, a data file.
// Embedded files (fixtures/tiny, the specs) stand in where Path does not exist.
type File struct {
	Name     string `json:"name"`               // model, tokenizer, data, labelled, verifier
	Path     string `json:"path"`               // file, folder or Hub id
	Revision string `json:"revision,omitempty"` // of a Hub id
	Source   string `json:"source,omitempty"`   // of data: the reader, which knows how its published set lies in a folder
	Split    string `json:"split,omitempty"`    // of data: the part that is read of a folder
}

// Only names the files of a folder that decide the result, by patterns: of a
// model's folder not the page that describes it, of a tokenizer's not the
// weights that may lie there too. Empty: all of them.
func (f File) Only() []string {
	switch f.Name {
	case "model":
		return []string{"config.json", "*.safetensors", "*.safetensors.index.json"}
	case "tokenizer":
		return []string{"tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "added_tokens.json", "special_tokens_map.json", "chat_template.jinja", "generation_config.json"}
	}
	return nil
}

// Plan is every task of a run, in an order in which inputs come first.
type Plan struct {
	Run   string `json:"run"` // <name>-<8 hex of the resolved spec's hash>
	Tasks []Task `json:"tasks"`
}

// Versions holds each stage's version, raised by hand when its result changes
// for the same inputs: the only way in which code enters a key.
var Versions = map[string]int{
	"data": 2, "sft": 2, "sample": 3, "score": 2, "mine": 1, "weight": 1,
	"ref": 2, "train": 2, "eval": 3, "verifier": 2, "subset": 1,
}

// KeyFields is what is hashed into an action key; `plan --why` compares two of them.
type KeyFields struct {
	Stage   string            `json:"stage"`
	Version int               `json:"version"`
	Params  json.RawMessage   `json:"params"`
	Device  string            `json:"device"`
	Inputs  map[string]string `json:"inputs"` // name → content digest of that input's result
	Files   map[string]string `json:"files"`  // name → content digest
}

// Fields builds the key's fields from the digests of inputs (by task ID) and files (by name).
func (t Task) Fields(inputs, files map[string]string) (KeyFields, error) {
	k := KeyFields{t.Stage, Versions[t.Stage], t.Params, t.Device, map[string]string{}, map[string]string{}}
	for _, in := range t.Inputs {
		d, ok := inputs[in.Task]
		if !ok {
			return k, fmt.Errorf("task %s: input %s (%s) has no digest", t.ID, in.Name, in.Task)
		}
		k.Inputs[in.Name] = d
	}
	for _, f := range t.Files {
		d, ok := files[f.Name]
		if !ok {
			return k, fmt.Errorf("task %s: file %s (%s) has no digest", t.ID, f.Name, f.Path)
		}
		k.Files[f.Name] = d
	}
	return k, nil
}

// Key is the action key: 64 hex digits of the fields' canonical JSON.
func (k KeyFields) Key() string {
	b, err := json.Marshal(k) // maps are sorted, Params is canonical already
	if err != nil {
		panic("plan: key fields do not marshal")
	}
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
