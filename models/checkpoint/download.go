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
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Words of a download's life: a connection may take connectTime to answer and
// stallTime between two pieces; what broke off is tried again attempts times.
const (
	connectTime = 30 * time.Second
	stallTime   = 60 * time.Second
	attempts    = 5
)

// remoteFile is one file of a repository on the server.
type remoteFile struct {
	Name string `json:"rfilename"`
	Size int64  `json:"size"`
	Blob string `json:"blobId"` // git's hash of the content
	LFS  *struct {
		SHA256 string `json:"sha256"`
		Size   int64  `json:"size"`
	} `json:"lfs"`
}

// ModelFile reports whether we read, or carry, a file of a model.
func ModelFile(name string) bool {
	return name == "config.json" || slices.Contains(companions, name) ||
		path.Dir(name) == "." && (strings.HasSuffix(name, ".safetensors") || strings.HasSuffix(name, ".safetensors.index.json"))
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

// Download brings the files of a repository that want chooses into the cache
// and returns the snapshot folder. A file that is there is not loaded again,
// one that broke off goes on where it stopped, and every file is compared with
// the server's hash before it gets its name. Two processes may bring the same
// file: one waits for the other. progress, if given, hears of bytes as they come.
func (h Hub) Download(ctx context.Context, r Repo, want func(name string) bool, progress func(file string, done, total int64)) (string, error) {
	r, err := r.check()
	if err != nil {
		return "", err
	}
	if h.Offline {
		return "", &Error{ErrMissing, h.folder(r), "", r.String() + " is not in the local Hub cache, and HF_HUB_OFFLINE is set", "unset it, or copy the cache here"}
	}
	var info struct {
		SHA   string       `json:"sha"`
		Files []remoteFile `json:"siblings"`
	}
	if err := h.list(ctx, r, &info); err != nil {
		return "", err
	}
	if !safeName(info.SHA) {
		return "", fmt.Errorf("hub %s: the server names no commit", r.ID)
	}
	root := h.folder(r)
	n := 0
	for _, f := range info.Files {
		if !want(f.Name) {
			continue
		}
		n++
		if err := h.file(ctx, r, info.SHA, f, progress); err != nil {
			return "", fmt.Errorf("hub %s: %s: %w", r.ID, f.Name, err)
		}
	}
	if n == 0 {
		return "", &Error{ErrMissing, r.ID, "", "the repository has no file that we read", "name another, or one of its folders"}
	}
	if err := putRef(filepath.Join(root, "refs", filepath.FromSlash(r.Revision)), info.SHA); err != nil {
		return "", err
	}
	return h.Find(r)
}

// putRef writes what a branch means, whole at every moment: others read it.
func putRef(path, commit string) error {
	if b, err := os.ReadFile(path); err == nil && string(b) == commit {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".ref-")
	if err != nil {
		return err
	}
	_, err = f.WriteString(commit)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// file brings one file and gives it its name in the snapshot.
func (h Hub) file(ctx context.Context, r Repo, commit string, f remoteFile, progress func(string, int64, int64)) error {
	if !safePath(f.Name) {
		return errors.New("the server names a file outside the repository")
	}
	for _, dir := range []string{filepath.Join(h.folder(r), "blobs"), h.locks(r)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	blob, err := h.blob(ctx, r, commit, f, progress)
	if err != nil {
		return err
	}
	link := filepath.Join(h.folder(r), "snapshots", commit, filepath.FromSlash(f.Name))
	if _, err := os.Lstat(link); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return err
	}
	up := strings.Repeat("../", 2+strings.Count(f.Name, "/"))
	err = os.Symlink(filepath.FromSlash(up+"blobs/"+blob), link)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	return err
}

// locks is where Hugging Face's tools keep a repository's locks, so that they
// and we wait for one another.
func (h Hub) locks(r Repo) string {
	return filepath.Join(h.Cache, ".locks", filepath.Base(h.folder(r)))
}

func (h Hub) list(ctx context.Context, r Repo, to any) error {
	u := h.Endpoint + "/api/" + r.plural() + "/" + r.ID + "/revision/" + url.PathEscape(r.Revision) + "?blobs=true"
	return again(ctx, func() error {
		resp, err := h.get(ctx, u, 0)
		if err != nil {
			return fmt.Errorf("hub %s: %w", r.ID, err)
		}
		defer resp.Body.Close()
		switch resp.StatusCode {
		case http.StatusOK:
		case http.StatusNotFound, http.StatusUnauthorized, http.StatusForbidden:
			return &Error{ErrMissing, redacted(u), "", fmt.Sprintf("the server has no such %s, or wants a token that may read it (%s)", r, resp.Status), "check the id; set HF_TOKEN for a gated repository"}
		default:
			return &statusError{fmt.Sprintf("hub %s: %s", r.ID, resp.Status), resp.StatusCode}
		}
		if err := json.NewDecoder(io.LimitReader(resp.Body, maxSmall)).Decode(to); err != nil {
			return fmt.Errorf("hub %s: list of files: %w", r.ID, err)
		}
		return nil
	})
}

// statusError is an answer that is neither content nor "not found".
type statusError struct {
	text string
	code int
}

func (e *statusError) Error() string { return e.text }

// again tries f until it works, fails for good or has been tried often enough,
// with pauses that double.
func again(ctx context.Context, f func() error) error {
	for try := 1; ; try++ {
		err := f()
		var no *statusError
		var line net.Error
		switch {
		case err == nil, try == attempts, ctx.Err() != nil:
			return err
		case errors.As(err, &no) && (no.code == http.StatusTooManyRequests || no.code >= 500):
		case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.As(err, &line) && line.Timeout(), errors.Is(err, syscall.ECONNRESET), errors.Is(err, errStalled):
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause << try):
		}
	}
}

// pause is half of the first pause between two attempts.
const pause = 100 * time.Millisecond

var errStalled = fmt.Errorf("nothing came for %s", stallTime)

// redacted is an address without the password that it may hold.
func redacted(u string) string {
	if p, err := url.Parse(u); err == nil {
		return p.Redacted()
	}
	return "the server"
}

// client is made for each request's Hub: redirects to another host (content
// servers) must not see the token, nor may it go over an unencrypted line that
// the first request did not use.
func client() *http.Client {
	return &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: connectTime}).DialContext,
			TLSHandshakeTimeout: connectTime, ResponseHeaderTimeout: connectTime, ForceAttemptHTTP2: true, DisableKeepAlives: true},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			first := via[0].URL
			switch {
			case len(via) >= 10:
				return errors.New("too many redirects")
			case first.Scheme == "https" && req.URL.Scheme != "https":
				return errors.New("the server redirects to an unencrypted address")
			case req.URL.Host != first.Host:
				req.Header.Del("Authorization")
			}
			return nil
		},
	}
}

func (h Hub) get(ctx context.Context, u string, from int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "hardneg")
	if from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	if h.Token != "" {
		req.Header.Set("Authorization", "Bearer "+string(h.Token))
	}
	return client().Do(req)
}

// blob makes sure that a file's content is in blobs, and returns its name there.
func (h Hub) blob(ctx context.Context, r Repo, commit string, f remoteFile, progress func(string, int64, int64)) (string, error) {
	_, want, size := f.check()
	if _, err := hex.DecodeString(want); err != nil || want == "" {
		return "", errors.New("the server gives no hash")
	}
	final := filepath.Join(h.folder(r), "blobs", want)
	unlock, err := lockFile(ctx, filepath.Join(h.locks(r), want+".lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if info, err := os.Stat(final); err == nil && info.Size() == size {
		return want, nil
	}
	part, err := os.OpenFile(final+".incomplete", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return "", err
	}
	defer part.Close()
	u := h.Endpoint + "/" + map[bool]string{true: "datasets/"}[r.Data] + r.ID + "/resolve/" + commit + "/" + (&url.URL{Path: f.Name}).EscapedPath()
	var sum hash.Hash
	err = again(ctx, func() error {
		sum, err = h.fill(ctx, u, part, f, progress)
		return err
	})
	if err != nil {
		return "", err
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

// fill hashes what is there of a file and loads the rest.
func (h Hub) fill(ctx context.Context, u string, part *os.File, f remoteFile, progress func(string, int64, int64)) (hash.Hash, error) {
	sum, _, size := f.check()
	if err := seekTo(part, 0); err != nil {
		return nil, err
	}
	have, err := io.Copy(sum, part)
	if err != nil {
		return nil, err
	}
	if have > size { // cannot be ours: start over
		sum, _, _ = f.check()
		have = 0
		if err := errors.Join(part.Truncate(0), seekTo(part, 0)); err != nil {
			return nil, err
		}
	}
	if have < size {
		return sum, h.append(ctx, u, part, &sum, f, have, progress)
	}
	return sum, nil
}

func seekTo(f *os.File, at int64) error {
	_, err := f.Seek(at, io.SeekStart)
	return err
}

// append loads the rest of a file. A server that ignores the range sends all.
func (h Hub) append(ctx context.Context, u string, part *os.File, sum *hash.Hash, f remoteFile, have int64, progress func(string, int64, int64)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
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
		return &statusError{resp.Status, resp.StatusCode}
	}
	_, _, size := f.check()
	w := io.MultiWriter(part, *sum)
	stall := time.AfterFunc(stallTime, func() { cancel(errStalled) })
	defer stall.Stop()
	for have < size {
		n, err := io.CopyN(w, resp.Body, min(1<<20, size-have))
		stall.Reset(stallTime)
		have += n
		if progress != nil {
			progress(f.Name, have, size)
		}
		if err != nil {
			if errors.Is(context.Cause(ctx), errStalled) {
				err = errStalled
			}
			return fmt.Errorf("broke off after %d of %d bytes: %w; the next attempt goes on there", have, size, err)
		}
	}
	return nil
}
