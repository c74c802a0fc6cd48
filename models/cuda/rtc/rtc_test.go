package rtc

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	k := key("13.2", "sm_90", "source", nil)
	for _, other := range []string{key("13.3", "sm_90", "source", nil), key("13.2", "sm_80", "source", nil), key("13.2", "sm_90", "other", nil), key("13.2", "sm_90", "source", []string{"-DX"})} {
		if other == k {
			t.Fatal("two compilations share a key")
		}
	}
	if _, ok := fromCache(dir, k); ok {
		t.Fatal("found before it was stored")
	}
	toCache(dir, k, []byte("machine code"))
	if b, ok := fromCache(dir, k); !ok || string(b) != "machine code" {
		t.Fatalf("got %q, %v", b, ok)
	}
	path := filepath.Join(dir, k+".cubin")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b[:len(b)-3], 0o666); err != nil {
		t.Fatal(err)
	}
	if _, ok := fromCache(dir, k); ok {
		t.Fatal("a torn file was taken")
	}
}

func TestCandidates(t *testing.T) {
	venv := t.TempDir()
	lib := filepath.Join(venv, "lib/python3.11/site-packages/nvidia/cu13/lib")
	if err := os.MkdirAll(lib, 0o777); err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(lib, "libnvrtc.so.13")
	if err := os.WriteFile(want, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv("VIRTUAL_ENV", venv)
	t.Setenv(EnvLibrary, "")
	if got := Candidates(EnvLibrary, "nvrtc", "cuda_nvrtc"); got[0] != "libnvrtc.so.13" || !slices.Contains(got, want) {
		t.Fatalf("got %v", got)
	}
	t.Setenv(EnvLibrary, "/mine.so")
	if got := Candidates(EnvLibrary, "nvrtc", "cuda_nvrtc"); !slices.Equal(got, []string{"/mine.so"}) {
		t.Fatalf("got %v", got)
	}
}
