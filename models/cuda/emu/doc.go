// Package emu lets the CUDA backend run on machines without a GPU, for tests:
// stand-ins for the libraries of CUDA, and an emulator that runs the very
// kernels of models/cuda/kernels, compiled by the host's C++ compiler.
//
// # How
//
// Build writes three shared libraries. libcuda is a driver whose device memory is
// host memory and whose streams are synchronous; its modules are host libraries.
// libnvrtc "compiles" a kernel source by calling the host compiler, with
// hostcuda.h put before it, and its cubin is the path of the result. libcublasLt
// multiplies by definition, and refuses operands less aligned than planned. A launch
// runs every CUDA thread of a block as a fiber: barriers and shuffles switch
// fibers, in an order drawn anew each time if HARDNEG_EMU_SCHEDULE is "random",
// and some warps then fall behind others, so that a missing barrier shows. A block whose threads wait at different
// barriers is a deadlock, and fails the launch.
//
// # Limits
//
// Blocks run one after another and streams are synchronous: races between
// blocks, streams and host stay hidden, as do registers, occupancy and time.
package emu

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed src
var sources embed.FS

// ErrNoCompiler says that the machine cannot build the stand-ins.
var ErrNoCompiler = errors.New("emu: no C++ compiler (g++ or clang++)")

// Libraries are the paths of the stand-ins.
type Libraries struct{ Driver, NVRTC, CublasLt string }

// Build compiles the stand-ins into dir.
func Build(dir string) (Libraries, error) {
	cxx := compiler()
	if cxx == "" {
		return Libraries{}, ErrNoCompiler
	}
	for _, name := range []string{"driver.cpp", "nvrtc.cpp", "cublaslt.cpp", "hostcuda.cpp", "hostcuda.h"} {
		b, err := sources.ReadFile("src/" + name)
		if err != nil {
			return Libraries{}, err
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			return Libraries{}, err
		}
	}
	l := Libraries{filepath.Join(dir, "libcuda.so.1"), filepath.Join(dir, "libnvrtc.so"), filepath.Join(dir, "libcublasLt.so")}
	for _, c := range [][]string{
		{"-o", l.Driver, filepath.Join(dir, "driver.cpp"), "-ldl"},
		{"-o", l.CublasLt, filepath.Join(dir, "cublaslt.cpp"), "-ldl"},
		{"-o", l.NVRTC, "-DEMU_DIR=\"" + dir + "\"", "-DEMU_CXX=\"" + cxx + "\"", filepath.Join(dir, "nvrtc.cpp")},
	} {
		out, err := exec.Command(cxx, append([]string{"-std=c++17", "-O1", "-fPIC", "-shared", "-w"}, c...)...).CombinedOutput()
		if err != nil {
			return l, fmt.Errorf("emu: %s: %w\n%s", filepath.Base(c[1]), err, out)
		}
	}
	return l, nil
}

func compiler() string {
	for _, c := range []string{"g++", "clang++", "c++"} {
		if p, err := exec.LookPath(c); err == nil {
			return p
		}
	}
	return ""
}
