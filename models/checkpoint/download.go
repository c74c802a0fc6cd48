package checkpoint

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// remoteFile is one file of a model on the server.
type remoteFile struct {
	Name string `json:"rfilename"`
	Size int64  `json:"size"`
	Blob string `json:"blobId"` // git's hash of the content
	LFS  *struct {
		SHA256 string `json:"sha256"`
		Size   int64  `json:"size"`
	} `json:"lfs"`
}

// wanted reports whether we read or carry the file.
func (f remoteFile) wanted() bool {
	return f.Name == "config.json" || slices.Contains(companions, f.Name) ||
		path.Dir(f.Name) == "." && (strings.HasSuffix(f.Name, ".safetensors") || strings.HasSuffix(f.Name, ".safetensors.index.json"))
}

// check gives the hash that the content must have, its name, and its size.
func (f remoteFile) check() (h hash.Hash, want string, size int64) {
	if f.LFS != nil {
		return sha256.New(), f.LFS.SHA256, f.LFS.Size
	}
	h = sha1.New()
	fmt.Fprintf(h, "blob %d\x00", f.Size)
	return h, f.Blob, f.Size
}

// Download brings a model into the cache and returns its snapshot folder. A
// file that is there is not loaded again, one that broke off goes on where it
// stopped, and every file is compared with the server's hash before it gets
// its name. progress, if given, hears of bytes as they come.
func (h Hub) Download(ctx context.Context, id, revision string, progress func(file string, done, total int64)) (string, error) {
	if !IsHubID(id) {
		return "", &Error{ErrMissing, id, "", "is no model id", "write organisation/name"}
	}
	if revision == "" {
		revision = "main"
	}
	var info struct {
		SHA   string       `json:"sha"`
		Files []remoteFile `json:"siblings"`
	}
	if err := h.list(ctx, id, revision, &info); err != nil {
		return "", err
	}
	if !safeName(info.SHA) {
		return "", fmt.Errorf("hub %s: the server names no commit", id)
	}
	root := h.folder(id)
	snapshot := filepath.Join(root, "snapshots", info.SHA)
	for _, dir := range []string{snapshot, filepath.Join(root, "blobs")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
	}
	for _, f := range info.Files {
		if !f.wanted() {
			continue
		}
		blob, err := h.blob(ctx, id, info.SHA, f, progress)
		if err != nil {
			return "", fmt.Errorf("hub %s: %s: %w", id, f.Name, err)
		}
		link := filepath.Join(snapshot, f.Name)
		if _, err := os.Lstat(link); err == nil {
			continue
		}
		if err := os.Symlink(filepath.Join("..", "..", "blobs", blob), link); err != nil {
			return "", err
		}
	}
	ref := filepath.Join(root, "refs", filepath.FromSlash(revision))
	if err := os.MkdirAll(filepath.Dir(ref), 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(ref, []byte(info.SHA), 0o644); err != nil {
		return "", err
	}
	return h.Find(id, revision)
}

func (h Hub) list(ctx context.Context, id, revision string, to any) error {
	u := h.Endpoint + "/api/models/" + id + "/revision/" + url.PathEscape(revision) + "?blobs=true"
	resp, err := h.get(ctx, u, 0)
	if err != nil {
		return fmt.Errorf("hub %s: %w", id, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusUnauthorized {
		return &Error{ErrMissing, u, "", "the server has no such model or revision, or wants a token", "check the id; set HF_TOKEN for a gated model"}
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("hub %s: %s", id, resp.Status)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxSmall)).Decode(to); err != nil {
		return fmt.Errorf("hub %s: list of files: %w", id, err)
	}
	return nil
}

func (h Hub) get(ctx context.Context, u string, from int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, err
	}
	if from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	if h.Token != "" {
		req.Header.Set("Authorization", "Bearer "+h.Token)
	}
	return http.DefaultClient.Do(req)
}

// blob makes sure that a file's content is in blobs, and returns its name there.
func (h Hub) blob(ctx context.Context, id, commit string, f remoteFile, progress func(string, int64, int64)) (string, error) {
	sum, want, size := f.check()
	if _, err := hex.DecodeString(want); err != nil || want == "" {
		return "", errors.New("the server gives no hash")
	}
	final := filepath.Join(h.folder(id), "blobs", want)
	if info, err := os.Stat(final); err == nil && info.Size() == size {
		return want, nil
	}
	part, err := os.OpenFile(final+".incomplete", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return "", err
	}
	defer part.Close()
	have, err := io.Copy(sum, part)
	if err != nil {
		return "", err
	}
	if have > size { // cannot be ours: start over
		sum, _, _ = f.check()
		have = 0
		if err := errors.Join(part.Truncate(0), seekTo(part, 0)); err != nil {
			return "", err
		}
	}
	if have < size {
		u := h.Endpoint + "/" + id + "/resolve/" + commit + "/" + (&url.URL{Path: f.Name}).EscapedPath()
		if err := h.append(ctx, u, part, &sum, f, have, progress); err != nil {
			return "", err
		}
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		os.Remove(part.Name())
		return "", fmt.Errorf("its hash is %s, the server says %s: %w; download it again", got, want, ErrInvalid)
	}
	if err := part.Sync(); err != nil {
		return "", err
	}
	return want, os.Rename(part.Name(), final)
}

func seekTo(f *os.File, at int64) error {
	_, err := f.Seek(at, io.SeekStart)
	return err
}

// append loads the rest of a file. A server that ignores the range sends all.
func (h Hub) append(ctx context.Context, u string, part *os.File, sum *hash.Hash, f remoteFile, have int64, progress func(string, int64, int64)) error {
	resp, err := h.get(ctx, u, have)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusPartialContent:
	case http.StatusOK:
		have = 0
		*sum, _, _ = f.check()
		if err := errors.Join(part.Truncate(0), seekTo(part, 0)); err != nil {
			return err
		}
	default:
		return errors.New(resp.Status)
	}
	_, _, size := f.check()
	w := io.MultiWriter(part, *sum)
	for have < size {
		n, err := io.CopyN(w, resp.Body, min(1<<20, size-have))
		have += n
		if progress != nil {
			progress(f.Name, have, size)
		}
		if err != nil {
			return fmt.Errorf("broke off after %d of %d bytes: %w; the next attempt goes on there", have, size, err)
		}
	}
	return nil
}
