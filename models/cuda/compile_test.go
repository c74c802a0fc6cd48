//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"hardneg/models/cuda/kernels"
	"hardneg/models/cuda/rtc"
)

// TestMachineCode compiles the kernels with NVIDIA's own NVRTC, which needs no
// GPU, and holds them to a budget: no spills and at most 128 registers a thread,
// or what the kernel's blocks leave each thread.
func TestMachineCode(t *testing.T) {
	c := realNVRTC(t)
	src, err := kernels.Source()
	if err != nil {
		t.Fatal(err)
	}
	for _, arch := range []string{"sm_80", "sm_90a", "sm_100"} {
		t.Run(arch, func(t *testing.T) {
			cubin, err := c.Compile("kernels", src, arch, kernels.Options()...)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.HasPrefix(cubin, []byte("\x7fELF")) {
				t.Fatalf("no ELF file: %q…", cubin[:min(len(cubin), 16)])
			}
			budget(t, cubin)
		})
	}
}

// realNVRTC finds NVIDIA's library, or skips. Under the emulator its stand-in's
// place is taken out of the environment first.
func realNVRTC(t *testing.T) *rtc.Compiler {
	t.Helper()
	if os.Getenv(EnvReal) == "" {
		t.Setenv(rtc.EnvLibrary, os.Getenv("HARDNEG_TEST_NVRTC"))
	}
	c, err := rtc.Open("")
	if err != nil {
		t.Skipf("needs NVRTC (set HARDNEG_TEST_NVRTC to libnvrtc.so of the wheel nvidia-cuda-nvrtc): %v", err)
	}
	return c
}

// budget reads registers and stack of each kernel with cuobjdump, where it is.
func budget(t *testing.T, cubin []byte) {
	t.Helper()
	tool, err := exec.LookPath("cuobjdump")
	if err != nil {
		t.Log("no cuobjdump: registers and spills unchecked")
		return
	}
	path := t.TempDir() + "/kernels.cubin"
	if err := os.WriteFile(path, cubin, 0o666); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tool, "--dump-resource-usage", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	found := regexp.MustCompile(`Function (\w+):\s+REG:(\d+) STACK:(\d+)`).FindAllStringSubmatch(string(out), -1)
	if len(found) < strings.Count(source(t), "HN_KERNEL(")-1 {
		t.Fatalf("resources of %d kernels only:\n%s", len(found), out)
	}
	for _, f := range found {
		regs, _ := strconv.Atoi(f[2]) // the pattern is digits
		stack, _ := strconv.Atoi(f[3])
		limit := 128
		switch {
		case strings.HasPrefix(f[1], "flash_"): // two blocks of 128 threads a multiprocessor
			limit = 255
		case strings.HasPrefix(f[1], "decode_attend8"): // three
			limit = 168
		}
		t.Logf("%s: %d registers", f[1], regs)
		if regs > limit || stack > 0 {
			t.Errorf("%s: %d registers, %d bytes of stack", f[1], regs, stack)
		}
	}
}

func source(t *testing.T) string {
	t.Helper()
	src, err := kernels.Source()
	if err != nil {
		t.Fatal(err)
	}
	return src
}
