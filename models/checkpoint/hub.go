package checkpoint

import (
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
// and the server that fills it. Finding a model never touches the network;
// only Download does.
type Hub struct {
	Cache    string // folder that holds models--…
	Endpoint string // base URL of the server
	Token    string // sent as bearer token if not empty
}

// DefaultHub follows the environment variables of Hugging Face's tools:
// HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME, HF_ENDPOINT, HF_TOKEN.
func DefaultHub(getenv func(string) string) Hub {
	h := Hub{Cache: getenv("HF_HUB_CACHE"), Endpoint: getenv("HF_ENDPOINT"), Token: getenv("HF_TOKEN")}
	if h.Cache == "" {
		home := getenv("HF_HOME")
		if home == "" {
			cache := getenv("XDG_CACHE_HOME")
			if cache == "" {
				cache = filepath.Join(getenv("HOME"), ".cache")
			}
			home = filepath.Join(cache, "huggingface")
		}
		h.Cache = filepath.Join(home, "hub")
	}
	if h.Endpoint == "" {
		h.Endpoint = "https://huggingface.co"
	}
	return h
}

// IsHubID reports whether name has the form of a model id: organisation/name.
func IsHubID(name string) bool {
	return regexp.MustCompile(`^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$`).MatchString(name)
}

// folder is where a model lies in the cache.
func (h Hub) folder(id string) string {
	return filepath.Join(h.Cache, "models--"+strings.ReplaceAll(id, "/", "--"))
}

// Find gives the snapshot folder of a model in the cache. revision is a branch,
// a tag or a commit; empty means main.
func (h Hub) Find(id, revision string) (string, error) {
	if !IsHubID(id) {
		return "", &Error{ErrMissing, id, "", "is no model id", "write organisation/name"}
	}
	if revision == "" {
		revision = "main"
	}
	root := h.folder(id)
	commit := revision
	if b, err := os.ReadFile(filepath.Join(root, "refs", filepath.FromSlash(revision))); err == nil {
		commit = strings.TrimSpace(string(b))
	}
	dir := filepath.Join(root, "snapshots", commit)
	if !safeName(commit) || !exists(filepath.Join(dir, "config.json")) {
		return "", &Error{ErrMissing, root, "", fmt.Sprintf("model %s, revision %s is not in the local Hub cache", id, revision),
			"download it on a machine with network (`hf download " + id + "`) or give a folder"}
	}
	return dir, nil
}

// safeName reports whether a name from outside may become one path element.
func safeName(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.ContainsAny(s, "/\\\x00")
}
