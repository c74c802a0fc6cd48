package cli

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hardneg/experiments/plan"
	"hardneg/harness/store"
	"hardneg/harness/track"
)

// served makes a workspace with one run whose task names hold markup.
func served(t *testing.T) (*App, *store.Store) {
	t.Helper()
	ws := t.TempDir()
	st, err := store.Open(ws)
	if err != nil {
		t.Fatal(err)
	}
	f, err := track.OpenFolder(ws, "demo-12345678")
	if err != nil {
		t.Fatal(err)
	}
	p := plan.Plan{Run: f.Run, Tasks: []plan.Task{{ID: "data-x", Stage: "data", Params: json.RawMessage(`{"about":"</pre><script>alert(1)</script>"}`), Device: "cpu"}}}
	if err := f.PutJSON("plan.json", p); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(ws, "reports", f.Run)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "index.html"), []byte("<p>the report</p>"), 0o644); err != nil {
		t.Fatal(err)
	}
	return &App{Workspace: ws}, st
}

func get(h http.Handler, method, host, path, cookie string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = host
	if cookie != "" {
		r.AddCookie(&http.Cookie{Name: "hardneg", Value: cookie})
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestServeShowsRunsTasksAndReports(t *testing.T) {
	a, st := served(t)
	h := guard(a.site(st), "", true)
	for path, want := range map[string]string{
		"/":                               "demo-12345678",
		"/run/demo-12345678":              "data-x",
		"/run/demo-12345678/task/data-x":  "alert(1)",
		"/api/run/demo-12345678":          `"state":"waiting"`,
		"/report/demo-12345678/":          "the report",
		"/report/demo-12345678/?token=no": "the report",
	} {
		w := get(h, "GET", "127.0.0.1:8080", path, "")
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d, without %q", path, w.Code, want)
		}
		if strings.Contains(w.Body.String(), "<script>alert") {
			t.Errorf("%s: a parameter became markup", path)
		}
	}
	for _, path := range []string{"/run/nothing", "/run/..%2f..%2fetc", "/run/demo-12345678/task/nothing", "/report/../../etc/passwd", "/elsewhere"} {
		if w := get(h, "GET", "localhost", path, ""); w.Code == 200 {
			t.Errorf("%s: answered", path)
		}
	}
}

func TestServeRefusesWritesForeignNamesAndStrangers(t *testing.T) {
	a, st := served(t)
	local, guarded := guard(a.site(st), "", true), guard(a.site(st), "secret", false)
	for _, c := range []struct {
		h                          http.Handler
		method, host, path, cookie string
		want                       int
	}{
		{local, "POST", "localhost", "/", "", 405},
		{local, "DELETE", "localhost", "/run/demo-12345678", "", 405},
		{local, "GET", "evil.example:8080", "/", "", 421},
		{local, "GET", "[::1]:8080", "/", "", 200},
		{guarded, "GET", "node7", "/", "", 401},
		{guarded, "GET", "node7", "/?token=wrong", "", 401},
		{guarded, "GET", "node7", "/?token=secret", "", 200},
		{guarded, "GET", "node7", "/", "secret", 200},
		{guarded, "GET", "node7", "/", "wrong", 401},
	} {
		if w := get(c.h, c.method, c.host, c.path, c.cookie); w.Code != c.want {
			t.Errorf("%s %s%s: %d, want %d", c.method, c.host, c.path, w.Code, c.want)
		}
	}
}

func TestServeListensElsewhereOnlyWithAToken(t *testing.T) {
	for host, want := range map[string]bool{"127.0.0.1": true, "localhost": true, "::1": true, "0.0.0.0": false, "": false, "10.0.0.7": false, "node7": false} {
		if loopback(host) != want {
			t.Errorf("loopback(%q) is %v", host, !want)
		}
	}
	var err strings.Builder
	a := &App{Stdout: &err, Stderr: &err, Workspace: t.TempDir()}
	if code := a.main(t.Context(), []string{"hardneg", "serve", "--addr", "0.0.0.0:0"}); code != ExitUsage || !strings.Contains(err.String(), "--token") {
		t.Errorf("exit %d: %s", code, err.String())
	}
}
