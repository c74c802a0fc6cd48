package checkpoint

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeHub serves one repository as a model and as a data set; each request of
// weights sends at most cut bytes.
type fakeHub struct {
	mu       sync.Mutex
	files    map[string][]byte
	cut      int
	lie      bool   // names a wrong hash for the weights
	busy     int    // so many requests are answered with 503
	content  string // base URL of the server that has the weights
	names    []string
	requests int
	tokens   map[string]int // Authorization → requests
}

func (f *fakeHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	if f.tokens == nil {
		f.tokens = map[string]int{}
	}
	f.tokens[r.Header.Get("Authorization")]++
	if f.busy > 0 {
		f.busy--
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	if r.URL.Path == "/api/models/org/net/revision/main" || r.URL.Path == "/api/datasets/org/net/revision/main" {
		f.list(w)
		return
	}
	name, ok := strings.CutPrefix(strings.TrimPrefix(r.URL.Path, "/datasets"), "/org/net/resolve/c0ffee/")
	b, have := f.files[name]
	if !ok || !have {
		http.NotFound(w, r)
		return
	}
	if f.content != "" && strings.HasSuffix(name, ".safetensors") {
		http.Redirect(w, r, f.content+r.URL.Path, http.StatusFound)
		return
	}
	if f.cut > 0 && strings.HasSuffix(name, ".safetensors") {
		var from int
		fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
		if from > 0 {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(b)-1, len(b)))
			w.Header().Set("Content-Length", fmt.Sprint(len(b)-from))
			w.WriteHeader(http.StatusPartialContent)
		} else {
			w.Header().Set("Content-Length", fmt.Sprint(len(b)))
		}
		w.Write(b[from:min(len(b), from+f.cut)]) // then the connection breaks
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
}

func (f *fakeHub) list(w http.ResponseWriter) {
	type m = map[string]any
	var list []m
	for n, b := range f.files {
		e := m{"rfilename": n, "size": len(b), "blobId": fmt.Sprintf("%x", sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(b)), b...)))}
		if strings.HasSuffix(n, ".safetensors") {
			sum := fmt.Sprintf("%x", sha256.Sum256(b))
			if f.lie {
				sum = strings.Repeat("ab", 32)
			}
			e["lfs"] = m{"sha256": sum, "size": len(b)}
		}
		list = append(list, e)
	}
	for _, n := range f.names {
		list = append(list, m{"rfilename": n, "size": 1, "blobId": strings.Repeat("0", 40)})
	}
	json.NewEncoder(w).Encode(m{"sha": "c0ffee", "siblings": list})
}

// testHub serves a model of two small tensors.
func testHub(t *testing.T) (*fakeHub, Hub) {
	t.Helper()
	src := filepath.Join(t.TempDir(), "m")
	if err := Write(src, testConfig(), testTensors(), WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	f := &fakeHub{files: map[string][]byte{"README.md": []byte("x"), "tokenizer.json": []byte("{}"), "sub/model.safetensors": []byte("x")}}
	for _, n := range []string{"config.json", "model.safetensors"} {
		f.files[n], _ = os.ReadFile(filepath.Join(src, n))
	}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return f, Hub{Cache: t.TempDir(), Endpoint: server.URL}
}

var netRepo = Repo{ID: "org/net"}

func TestHub(t *testing.T) {
	f, h := testHub(t)
	ctx := context.Background()
	if _, err := h.Find(netRepo); !errors.Is(err, ErrMissing) {
		t.Errorf("empty cache: %v", err)
	}
	f.lie = true
	if _, err := h.Download(ctx, netRepo, ModelFile, nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("wrong hash: %v", err)
	}
	if _, err := h.Find(netRepo); err == nil {
		t.Error("a wrong download is found")
	}
	// A line that breaks after 60 bytes each time: one call tries five times, the
	// next one goes on where it stopped.
	f.lie, f.cut = false, 60
	var dir string
	var err error
	tries := 0
	for ; tries < 20; tries++ {
		if dir, err = h.Download(ctx, netRepo, ModelFile, nil); err == nil {
			break
		}
	}
	if err != nil || f.requests < 7 {
		t.Fatalf("%d calls, %d requests over a breaking line: %v", tries, f.requests, err)
	}
	if found, err := h.Find(Repo{ID: "org/net", Revision: "main"}); err != nil || found != dir {
		t.Errorf("found %s, %v", found, err)
	}
	if found, err := h.Find(Repo{ID: "org/net", Revision: "c0ffee"}); err != nil || found != dir {
		t.Errorf("by commit %s, %v", found, err)
	}
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Expect(specs(testTensors())); err != nil {
		t.Error(err)
	}
	if exists(filepath.Join(dir, "README.md")) || !exists(filepath.Join(dir, "tokenizer.json")) {
		t.Error("wrong choice of files")
	}
	before := f.requests
	if _, err := h.Download(ctx, netRepo, ModelFile, nil); err != nil || f.requests != before+1 {
		t.Errorf("again: %v, %d requests", err, f.requests-before)
	}
	for _, bad := range []string{"net", "a/b/c", "../x", "-a/b", ""} {
		if _, err := h.Find(Repo{ID: bad}); !errors.Is(err, ErrMissing) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := h.Find(Repo{ID: "org/net", Revision: "../../blobs"}); !errors.Is(err, ErrMissing) {
		t.Errorf("path as revision: %v", err)
	}
	// Weights that are gone make it incomplete, and come again.
	os.Remove(filepath.Join(dir, "model.safetensors"))
	if _, err := h.Find(netRepo); !errors.Is(err, ErrMissing) {
		t.Errorf("without weights: %v", err)
	}
	if _, err := h.Download(ctx, netRepo, ModelFile, nil); err != nil {
		t.Errorf("without weights: %v", err)
	}
}

// TestHubData: the same id as a data set lies beside the model.
func TestHubData(t *testing.T) {
	f, h := testHub(t)
	f.files["main/train.jsonl"] = []byte("{}\n")
	f.busy = 2 // a busy server is asked again
	set := Repo{ID: "org/net", Data: true}
	dir, err := h.Download(context.Background(), set, func(n string) bool { return strings.HasSuffix(n, ".jsonl") }, nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "main", "train.jsonl")); err != nil || string(b) != "{}\n" {
		t.Errorf("%q %v", b, err)
	}
	if found, err := h.Find(set); err != nil || found != dir {
		t.Errorf("found %s, %v", found, err)
	}
	if _, err := h.Find(netRepo); err == nil {
		t.Error("the data set passes for a model")
	}
	if _, err := h.Download(context.Background(), Repo{ID: "org/other"}, ModelFile, nil); !errors.Is(err, ErrMissing) {
		t.Errorf("no such repository: %v", err)
	}
	if _, err := h.Download(context.Background(), set, func(string) bool { return false }, nil); !errors.Is(err, ErrMissing) {
		t.Errorf("no file wanted: %v", err)
	}
	f.names = []string{"../../../evil.jsonl"}
	if _, err := h.Download(context.Background(), set, func(n string) bool { return strings.Contains(n, "evil") }, nil); err == nil || !strings.Contains(err.Error(), "outside") {
		t.Errorf("a file outside: %v", err)
	}
	h.Offline = true
	if _, err := h.Download(context.Background(), set, ModelFile, nil); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "HF_HUB_OFFLINE") {
		t.Errorf("offline: %v", err)
	}
}

// TestHubToken: the server hears the token, the one that it redirects to does
// not, and no message holds it.
func TestHubToken(t *testing.T) {
	f, h := testHub(t)
	content := &fakeHub{files: f.files}
	other := httptest.NewServer(content)
	defer other.Close()
	f.content = other.URL
	h.Token = "hf_secret"
	if _, err := h.Download(context.Background(), netRepo, ModelFile, nil); err != nil {
		t.Fatal(err)
	}
	if f.tokens["Bearer hf_secret"] != f.requests {
		t.Errorf("the server heard %v in %d requests", f.tokens, f.requests)
	}
	if content.requests != 1 || content.tokens[""] != 1 {
		t.Errorf("the content server heard %v", content.tokens)
	}
	j, _ := json.Marshal(h)
	for _, text := range []string{fmt.Sprint(h), fmt.Sprintf("%+v", h), fmt.Sprintf("%#v %s %q %x", h.Token, h.Token, h.Token, h.Token), string(j)} {
		if strings.Contains(text, "secret") || strings.Contains(text, "6866") {
			t.Errorf("the token shows: %s", text)
		}
	}
	u, _ := url.Parse(h.Endpoint)
	u.User = url.UserPassword("me", "hunter2")
	h.Endpoint = u.String()
	for _, id := range []string{"org/none", "org/net"} {
		if id == "org/net" {
			h.Endpoint = strings.Replace(h.Endpoint, u.Host, "127.0.0.1:1", 1) // nobody listens there
		}
		_, err := h.Download(context.Background(), Repo{ID: id}, ModelFile, nil)
		if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v", err)
		}
	}
}

// TestHubTogether has eight downloads of one model at once: each byte comes once.
func TestHubTogether(t *testing.T) {
	f, h := testHub(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := h.Download(context.Background(), netRepo, ModelFile, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if want := 8 + 3; f.requests != want {
		t.Errorf("%d requests, want %d", f.requests, want)
	}
}

func TestDefaultHub(t *testing.T) {
	env := map[string]string{"HOME": "/h"}
	get := func(k string) string { return env[k] }
	if h := DefaultHub(get); h.Cache != "/h/.cache/huggingface/hub" || h.Endpoint != "https://huggingface.co" || h.Offline {
		t.Errorf("%+v", h)
	}
	env["HF_HOME"] = t.TempDir()
	if err := os.WriteFile(filepath.Join(env["HF_HOME"], "token"), []byte("hf_file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if h := DefaultHub(get); h.Cache != filepath.Join(env["HF_HOME"], "hub") || h.Token != "hf_file" {
		t.Errorf("%+v", h)
	}
	env["HF_HUB_CACHE"], env["HF_ENDPOINT"], env["HF_TOKEN"], env["HF_HUB_OFFLINE"] = "/c", "http://x/", "hf_env", "1"
	if h := DefaultHub(get); h.Cache != "/c" || h.Endpoint != "http://x" || h.Token != "hf_env" || !h.Offline {
		t.Errorf("%+v", h)
	}
}
