//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hardneg/models/graph"
	"hardneg/models/sample"
	"hardneg/models/vm"
	"hardneg/models/vm/vmtest"
)

// envSanitize names what TestEmulatorSanitized runs in a process of its own:
// "clean", or "planted" with an access out of bounds.
const envSanitize = "HARDNEG_TEST_SANITIZE"

// TestEmulatorSanitized runs every op with kernels under the address sanitizer,
// whose runtime must be in the process before all else, and demands that it
// finds nothing but what is planted.
func TestEmulatorSanitized(t *testing.T) {
	if kind := os.Getenv(envSanitize); kind != "" {
		sanitized(t, kind)
		return
	}
	runtime, err := exec.Command("g++", "-print-file-name=libasan.so").Output()
	path := strings.TrimSpace(string(runtime))
	if err != nil || !filepath.IsAbs(path) {
		t.Skip("needs g++ with the runtime of its address sanitizer (Debian: g++ brings libasan)")
	}
	for _, kind := range []string{"clean", "planted"} {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestEmulatorSanitized$", "-test.v")
		cmd.Env = append(os.Environ(), envSanitize+"="+kind, "LD_PRELOAD="+path, "ASAN_OPTIONS=detect_leaks=0,handle_segv=0,use_sigaltstack=0,detect_stack_use_after_return=0")
		out, err := cmd.CombinedOutput()
		found := strings.Contains(string(out), "ERROR: AddressSanitizer")
		switch {
		case kind == "clean" && (err != nil || found):
			t.Fatalf("%v\n%s", err, tail(out, 4000))
		case kind == "planted" && !found:
			t.Fatalf("a write after the end of a row went unnoticed: %v\n%s", err, tail(out, 2000))
		}
	}
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

func sanitized(t *testing.T, kind string) {
	options := []string{"-fsanitize=address"}
	if kind == "planted" {
		options = append(options, "-DHN_PLANT_OUT_OF_BOUNDS")
	}
	exactFlash(t, options)
	for _, bf16 := range []bool{false, true} {
		vmtest.Suite{Dtype: graph.Float32, Tolerance: 1.5e-2, Inexact: true, Open: func(int) (vm.Backend, error) { return openWith(0, bf16, options...) }}.Each(vmtest.Cases(), report(t))
		be, err := openWith(0, bf16, options...)
		if err != nil {
			t.Fatal(err)
		}
		ps := asked(2, 2, 20, 90)
		ps[1].Tokens = append(ps[1].Tokens, make([]int32, 300)...) // two splits
		s := sampler(t, be, speaking(6, 1, 16, 90, false), sample.Options{Batch: 3, Chunk: 100})
		collect(t, s, ps, sample.Params{Temperature: 1.3, TopK: 30, TopP: 0.9, MinP: 0.02, MaxNew: 3, Key: 4})
	}
}
