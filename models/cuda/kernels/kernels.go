// Package kernels holds the CUDA kernels, one file for each op, as source text
// that the program carries. models/cuda/rtc compiles them on the machine that
// runs them; models/cuda/emu on any machine, for tests.
//
// Arithmetic is fp32 with fp32 sums. No kernel uses float atomics, so two runs
// give the same bits. README.md has each kernel's version and what is measured.
package kernels

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed *.cuh *.cu
var files embed.FS

// Source is all kernels as one program; compiler messages name the file.
func Source() (string, error) {
	var b strings.Builder
	for _, f := range []string{"common.cuh", "tensor.cuh", "embed.cu", "norm.cu", "swiglu.cu", "add.cu", "rope.cu", "matmul.cu", "attention.cu", "flash.cu", "head.cu", "optim.cu", "decode.cu", "draw.cu"} {
		src, err := files.ReadFile(f)
		if err != nil {
			return "", fmt.Errorf("kernels: %w", err)
		}
		fmt.Fprintf(&b, "#line 1 \"%s\"\n%s\n", f, src)
	}
	return b.String(), nil
}

// Options are NVRTC's options for Source.
func Options() []string { return nil }
