package cli

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hardneg/fixtures"
)

// hubServer serves a model and a data set as the Hub does, to whoever has its
// token; the first request of weights stops half way while hold is set.
type hubServer struct {
	*httptest.Server
	mu       sync.Mutex
	requests int
	ranges   []string
	hold     chan struct{}
	held     chan struct{}
}

const hubToken = "hf_sesame"

const hubRows = `{"question":"Ann has 3 pens and buys 4 more. How many pens has she?","solution":"3 + 4 = 7\n#### 7"}
{"question":"Bob has 9 pens and loses 4. How many pens has he?","solution":"9 - 4 = 5\n#### 5"}
{"question":"Cyd has 2 pens and buys 2 more. How many pens has she?","solution":"2 + 2 = 4\n#### 4"}
`

func startHub(t *testing.T) *hubServer {
	t.Helper()
	s := &hubServer{held: make(chan struct{})}
	repos := map[string]map[string][]byte{"models/org/tiny": {}, "datasets/org/sums": {
		"README.md": []byte("# sums"), "data/train-00000-of-00001.jsonl": []byte(hubRows), "data/test-00000-of-00001.jsonl": []byte(hubRows),
	}}
	err := fs.WalkDir(fixtures.Tiny(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		repos["models/org/tiny"][path], err = fs.ReadFile(fixtures.Tiny(), path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, repos) }))
	t.Cleanup(s.Close)
	t.Setenv("HF_ENDPOINT", s.URL)
	t.Setenv("HF_HOME", t.TempDir())
	t.Setenv("HF_HUB_CACHE", filepath.Join(os.Getenv("HF_HOME"), "hub"))
	t.Setenv("HF_HUB_OFFLINE", "")
	t.Setenv("HF_TOKEN", hubToken)
	return s
}

func (s *hubServer) answer(w http.ResponseWriter, r *http.Request, repos map[string]map[string][]byte) {
	s.mu.Lock()
	s.requests++
	s.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer "+hubToken {
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	for id, files := range repos {
		if r.URL.Path == "/api/"+id+"/revision/main" {
			listRepo(w, files)
			return
		}
		name, ok := strings.CutPrefix(r.URL.Path, "/"+strings.TrimPrefix(id, "models/")+"/resolve/"+strings.Repeat("c0ffee42", 5)+"/")
		b, have := files[name]
		if !ok || !have {
			continue
		}
		s.mu.Lock()
		hold := s.hold
		if strings.HasSuffix(name, ".safetensors") {
			s.ranges = append(s.ranges, r.Header.Get("Range"))
			s.hold = nil
		}
		s.mu.Unlock()
		if hold != nil && strings.HasSuffix(name, ".safetensors") {
			w.Header().Set("Content-Length", fmt.Sprint(len(b)))
			w.Write(b[:len(b)/2])
			w.(http.Flusher).Flush()
			close(s.held)
			<-r.Context().Done()
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
		return
	}
	http.NotFound(w, r)
}

func listRepo(w http.ResponseWriter, files map[string][]byte) {
	type m = map[string]any
	var list []m
	for n, b := range files {
		e := m{"rfilename": n, "size": len(b), "blobId": fmt.Sprintf("%x", sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(b)), b...)))}
		if strings.HasSuffix(n, ".safetensors") {
			e["lfs"] = m{"sha256": fmt.Sprintf("%x", sha256.Sum256(b)), "size": len(b)}
		}
		list = append(list, e)
	}
	json.NewEncoder(w).Encode(m{"sha": strings.Repeat("c0ffee42", 5), "siblings": list})
}

const hubSpec = `spec: 1
name: hub
model: {base: org/tiny, dtype: fp32, prompt: plain}
hardware: {device: cpu, threads: 1}
data:
  sft: {source: jsonl, path: org/sums, split: test}
stages:
  sft:  {lr: 1.0e-3, batch: 2, max_len: 256}
  eval: {benchmarks: [{name: sums, path: "hf://datasets/org/sums/data/test-00000-of-00001.jsonl"}], max_new: 32}
arms: {sft: {train: none}}
seeds: {values: [1]}
analysis: {resamples: 20}
`

// TestHubFromASpec runs a spec whose model and data are on the Hub: a plan
// looks at nothing but the cache, a download that was interrupted goes on, the
// run brings the rest, and afterwards neither network nor server is needed.
// The token is in no output and in no file.
func TestHubFromASpec(t *testing.T) {
	hub := startHub(t)
	hub.hold = make(chan struct{})
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hub.yaml"), []byte(hubSpec), 0o644); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	command := func(want int, args ...string) string {
		t.Helper()
		c := hardnegProcess(t, dir, args...)
		var out, errs bytes.Buffer
		c.Stdout, c.Stderr = &out, &errs
		err := c.Run()
		said.Write(append(out.Bytes(), errs.Bytes()...))
		if got := exitOf(err); got != want {
			t.Fatalf("%v: exit code %d, want %d\n%s%s", args, got, want, out.String(), errs.String())
		}
		return out.String() + errs.String()
	}
	if out := command(0, "plan", "hub.yaml"); !strings.Contains(out, "missing: ") || hub.requests != 0 {
		t.Errorf("plan made %d requests\n%s", hub.requests, out)
	}
	t.Setenv("HF_HUB_OFFLINE", "1")
	if out := command(ExitEnvironment, "run", "hub.yaml"); !strings.Contains(out, "HF_HUB_OFFLINE is set") || hub.requests != 0 {
		t.Errorf("offline: %d requests\n%s", hub.requests, out)
	}
	t.Setenv("HF_HUB_OFFLINE", "")

	// Interrupted half way.
	c := hardnegProcess(t, dir, "download", "org/tiny")
	c.Stderr = &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-hub.held:
	case <-time.After(30 * time.Second):
		t.Fatal("no request of the weights")
	}
	time.Sleep(100 * time.Millisecond) // the first half is on its way
	c.Process.Signal(syscall.SIGINT)
	if got := exitOf(c.Wait()); got != ExitInterrupted {
		t.Fatalf("interrupted: exit code %d\n%s", got, said.String())
	}

	command(0, "--workspace", "w", "run", "hub.yaml")
	hub.mu.Lock()
	if len(hub.ranges) != 2 || hub.ranges[0] != "" || !strings.HasPrefix(hub.ranges[1], "bytes=") {
		t.Errorf("weights were asked for by the ranges %q, want all, then a rest", hub.ranges)
	}
	before := hub.requests
	hub.mu.Unlock()
	cache := filepath.Join(os.Getenv("HF_HOME"), "hub")
	if found := command(0, "download", "org/tiny"); !strings.Contains(found, filepath.Join(cache, "models--org--tiny", "snapshots")) || hub.requests != before {
		t.Errorf("%d more requests for what is here\n%s", hub.requests-before, found)
	}
	if names, _ := filepath.Glob(filepath.Join(cache, "datasets--org--sums", "snapshots", "*", "*")); len(names) != 1 {
		t.Errorf("of the data set came %v, want data/ alone", names)
	}
	hub.Close()
	if out := command(0, "--workspace", "w", "run", "hub.yaml"); !strings.Contains(out, " 0 made") {
		t.Errorf("without the server: %s", out)
	}
	command(ExitEnvironment, "download", "org/other") // nobody answers
	command(ExitUsage, "download")

	for _, root := range []string{dir, cache} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || strings.Contains(path, "/bin/") {
				return err
			}
			b, err := os.ReadFile(path)
			said.Write(b)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if bytes.Contains(said.Bytes(), []byte(hubToken)) {
		t.Error("the token was printed or written")
	}
}

// TestHubWrongToken: what the server refuses is exit 6, with what to do.
func TestHubWrongToken(t *testing.T) {
	startHub(t)
	t.Setenv("HF_TOKEN", "hf_wrong")
	code, _, errs := invoke("", "download", "org/tiny")
	if code != ExitEnvironment || !strings.Contains(errs, "set HF_TOKEN") || strings.Contains(errs, "hf_wrong") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// exitOf is a process's exit code.
func exitOf(err error) int {
	var ee *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &ee):
		return ee.ExitCode()
	}
	return -1
}
