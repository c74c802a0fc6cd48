package checkpoint

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Hub is a local cache in the layout of Hugging Face's own tools,
//
//	models--ORG--NAME/{blobs/HASH, refs/REVISION, snapshots/COMMIT/FILE}
//
// (datasets--… for data sets), and the server that fills it. Finding never
// touches the network; only Download does.
type Hub struct {
	Cache    string // folder that holds models--… and datasets--…
	Endpoint string // base URL of the server
	Token    Secret // sent as bearer token if not empty
	Offline  bool   // Download refuses
}

// Secret is a text that prints as stars, so that no message and no log holds it.
type Secret string

// Format writes stars whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) {
	if s != "" {
		fmt.Fprint(f, "***")
	}
}

// MarshalText keeps it out of JSON too.
func (s Secret) MarshalText() ([]byte, error) { return fmt.Append(nil, s), nil }

// DefaultHub follows the environment variables of Hugging Face's tools:
// HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME, HF_ENDPOINT, HF_TOKEN (or the file
// that their login wrote) and HF_HUB_OFFLINE.
func DefaultHub(getenv func(string) string) Hub {
	h := Hub{Cache: getenv("HF_HUB_CACHE"), Endpoint: strings.TrimRight(getenv("HF_ENDPOINT"), "/"), Token: Secret(strings.TrimSpace(getenv("HF_TOKEN")))}
	home := getenv("HF_HOME")
	if home == "" {
		cache := getenv("XDG_CACHE_HOME")
		if cache == "" {
			cache = filepath.Join(getenv("HOME"), ".cache")
		}
		home = filepath.Join(cache, "huggingface")
	}
	if h.Cache == "" {
		h.Cache = filepath.Join(home, "hub")
	}
	if h.Endpoint == "" {
		h.Endpoint = "https://huggingface.co"
	}
	if h.Token == "" && !truth(getenv("HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
		path := getenv("HF_TOKEN_PATH")
		if path == "" {
			path = filepath.Join(home, "token")
		}
		if b, err := os.ReadFile(path); err == nil {
			h.Token = Secret(strings.TrimSpace(string(b)))
		}
	}
	h.Offline = truth(getenv("HF_HUB_OFFLINE")) || truth(getenv("TRANSFORMERS_OFFLINE"))
	return h
}

// truth reads a switch as Hugging Face's tools do.
func truth(s string) bool {
	switch strings.ToUpper(s) {
	case "1", "ON", "YES", "TRUE":
		return true
	}
	return false
}

// Repo names what the Hub holds: a model, or a data set.
type Repo struct {
	ID        string // organisation/name
	Revision  string // branch, tag or commit; empty: main
	Data      bool   // a data set
	Tokenizer bool   // of a model only the tokenizer
}

var hubID = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$`)

// IsHubID reports whether name has the form of a Hub id: organisation/name.
func IsHubID(name string) bool { return hubID.MatchString(name) }

// plural is the repository's kind in paths: models or datasets.
func (r Repo) plural() string {
	if r.Data {
		return "datasets"
	}
	return "models"
}

func (r Repo) String() string {
	kind := "model "
	switch {
	case r.Data:
		kind = "data set "
	case r.Tokenizer:
		kind = "tokenizer "
	}
	if r.Revision != "" {
		return kind + r.ID + ", revision " + r.Revision
	}
	return kind + r.ID
}

// check refuses what is no id, and gives an empty revision its name.
func (r Repo) check() (Repo, error) {
	if !IsHubID(r.ID) {
		return r, &Error{ErrMissing, r.ID, "", "is no Hub id", "write organisation/name"}
	}
	if r.Revision == "" {
		r.Revision = "main"
	}
	if !safePath(r.Revision) {
		return r, &Error{ErrMissing, r.ID, "", fmt.Sprintf("%q is no revision", r.Revision), "write a branch, a tag or a commit"}
	}
	return r, nil
}

// folder is where a repository lies in the cache.
func (h Hub) folder(r Repo) string {
	return filepath.Join(h.Cache, r.plural()+"--"+strings.ReplaceAll(r.ID, "/", "--"))
}

// Find gives the snapshot folder of a repository in the cache. A model must be
// whole: config.json and every file of its weights. What a data set must hold
// only its reader knows.
func (h Hub) Find(r Repo) (string, error) {
	r, err := r.check()
	if err != nil {
		return "", err
	}
	root := h.folder(r)
	commit := r.Revision
	if b, err := os.ReadFile(filepath.Join(root, "refs", filepath.FromSlash(r.Revision))); err == nil {
		commit = strings.TrimSpace(string(b))
	}
	dir := filepath.Join(root, "snapshots", commit)
	if !safeName(commit) || !exists(dir) {
		return "", &Error{ErrMissing, root, "", r.String() + " is not in the local Hub cache",
			"`hardneg download` brings it where there is a network, or give a path"}
	}
	if r.Tokenizer && !exists(filepath.Join(dir, "tokenizer.json")) && !exists(filepath.Join(dir, "merges.txt")) || !r.Data && !r.Tokenizer && !whole(dir) {
		return "", &Error{ErrMissing, dir, "", r.String() + " is in the local Hub cache only in part", "`hardneg download` brings the rest where there is a network"}
	}
	return dir, nil
}

// whole reports whether a model folder has its configuration and all weights
// that it promises.
func whole(dir string) bool {
	if !exists(filepath.Join(dir, "config.json")) {
		return false
	}
	if exists(filepath.Join(dir, "model.safetensors")) {
		return true
	}
	b, err := readSmall(filepath.Join(dir, "model.safetensors.index.json"))
	if err != nil {
		return false
	}
	var x struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if json.Unmarshal(b, &x) != nil || len(x.WeightMap) == 0 {
		return false
	}
	for _, f := range x.WeightMap {
		if !exists(filepath.Join(dir, filepath.Base(f))) {
			return false
		}
	}
	return true
}

// safeName reports whether a name from outside may become one path element.
func safeName(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.ContainsAny(s, "/\\\x00")
}

// safePath reports whether a file's name from outside stays below its folder.
func safePath(s string) bool {
	for part := range strings.SplitSeq(s, "/") {
		if !safeName(part) {
			return false
		}
	}
	return true
}
