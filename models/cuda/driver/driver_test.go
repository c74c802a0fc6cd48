//go:build gpu && linux && (amd64 || arm64)

package driver

import (
	"errors"
	"strings"
	"testing"
)

// TestNoDriver runs in a program that links cu: that it starts at all on a
// machine without a driver is half of the test.
func TestNoDriver(t *testing.T) {
	t.Setenv(EnvLibrary, "/nowhere/libcuda.so.1")
	_, err := Survey()
	if !errors.Is(err, ErrNoCUDA) || !strings.Contains(err.Error(), "/nowhere/libcuda.so.1") || !strings.Contains(err.Error(), EnvLibrary) {
		t.Fatalf("got %v, want the path that was tried and how to name another", err)
	}
	if _, err := Open(0); !errors.Is(err, ErrNoCUDA) {
		t.Fatalf("Open: %v", err)
	}
}

func TestPinnedWithoutDriver(t *testing.T) {
	if _, err := PinnedBytes(8); err == nil {
		t.Fatal("no driver, yet pinned memory")
	}
}
