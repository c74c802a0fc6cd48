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
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeHub serves one model; each request of weights sends at most cut bytes.
type fakeHub struct {
	files    map[string][]byte
	cut      int
	lie      bool // names a wrong hash for the weights
	requests int
}

func (f *fakeHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.requests++
	if r.URL.Path == "/api/models/org/net/revision/main" {
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
		json.NewEncoder(w).Encode(m{"sha": "c0ffee", "siblings": list})
		return
	}
	name, ok := strings.CutPrefix(r.URL.Path, "/org/net/resolve/c0ffee/")
	b, have := f.files[name]
	if !ok || !have {
		http.NotFound(w, r)
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

func TestHub(t *testing.T) {
	src := filepath.Join(t.TempDir(), "m")
	if err := Write(src, testConfig(), testTensors(), WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	f := &fakeHub{files: map[string][]byte{"README.md": []byte("x"), "tokenizer.json": []byte("{}"), "sub/model.safetensors": []byte("x")}}
	for _, n := range []string{"config.json", "model.safetensors"} {
		f.files[n], _ = os.ReadFile(filepath.Join(src, n))
	}
	server := httptest.NewServer(f)
	defer server.Close()
	h := Hub{Cache: t.TempDir(), Endpoint: server.URL}
	if _, err := h.Find("org/net", ""); !errors.Is(err, ErrMissing) {
		t.Errorf("empty cache: %v", err)
	}
	f.lie = true
	if _, err := h.Download(context.Background(), "org/net", "", nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("wrong hash: %v", err)
	}
	if _, err := h.Find("org/net", ""); err == nil {
		t.Error("a wrong download is found")
	}
	f.lie, f.cut = false, 60
	var dir string
	var err error
	tries := 0
	for ; tries < 20; tries++ {
		if dir, err = h.Download(context.Background(), "org/net", "", nil); err == nil {
			break
		}
	}
	if err != nil || tries < 2 {
		t.Fatalf("%d attempts over a breaking line: %v", tries, err)
	}
	if found, err := h.Find("org/net", "main"); err != nil || found != dir {
		t.Errorf("found %s, %v", found, err)
	}
	if found, err := h.Find("org/net", "c0ffee"); err != nil || found != dir {
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
	if _, err := h.Download(context.Background(), "org/net", "", nil); err != nil || f.requests != before+1 {
		t.Errorf("again: %v, %d requests", err, f.requests-before)
	}
	for _, bad := range []string{"net", "a/b/c", "../x", "-a/b", ""} {
		if _, err := h.Find(bad, ""); !errors.Is(err, ErrMissing) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := h.Find("org/net", "../../blobs"); !errors.Is(err, ErrMissing) {
		t.Errorf("path as revision: %v", err)
	}
}

func TestDefaultHub(t *testing.T) {
	env := map[string]string{"HOME": "/h"}
	get := func(k string) string { return env[k] }
	if h := DefaultHub(get); h.Cache != "/h/.cache/huggingface/hub" || h.Endpoint != "https://huggingface.co" {
		t.Errorf("%+v", h)
	}
	env["HF_HOME"] = "/hf"
	if h := DefaultHub(get); h.Cache != "/hf/hub" {
		t.Errorf("%+v", h)
	}
	env["HF_HUB_CACHE"], env["HF_ENDPOINT"] = "/c", "http://x"
	if h := DefaultHub(get); h.Cache != "/c" || h.Endpoint != "http://x" {
		t.Errorf("%+v", h)
	}
}
