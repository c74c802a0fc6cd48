// Package models opens a device by name. Its subpackages are the engine: see
// models/graph for the ops, models/qwen2 for the network, models/vm for the
// executor, models/cpu and models/cuda for the devices, models/train and
// models/sample for what a user does with them.
package models

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"hardneg/models/cpu"
	"hardneg/models/cuda"
	"hardneg/models/vm"
)

// Options says how to open a device.
type Options struct {
	Threads int    // of the CPU; 0: all
	Dtype   string // of matrix products: fp32 (or empty), or bf16 with fp32 sums and weights
}

// ErrNoCUDA is wrapped by the error of Open where a program or machine cannot
// use a GPU; the message says what is missing and where it was looked for.
var ErrNoCUDA = cuda.ErrNoCUDA

// Open makes the backend of a device: "cpu", or "" for it, "cuda:0", …, or
// "cuda" for the first.
func Open(device string, o Options) (vm.Backend, error) {
	if o.Dtype != "" && o.Dtype != "fp32" && o.Dtype != "bf16" {
		return nil, fmt.Errorf("models: dtype %q: want fp32 or bf16", o.Dtype)
	}
	switch device {
	case "", "cpu":
		if o.Threads < 0 || o.Threads > 4*runtime.NumCPU() {
			return nil, fmt.Errorf("models: %d threads on %d processors; use 1 to %d, or 0 for all", o.Threads, runtime.NumCPU(), 4*runtime.NumCPU())
		}
		if o.Dtype == "bf16" {
			return cpu.NewBF16(o.Threads), nil
		}
		return cpu.New(o.Threads), nil
	}
	kind, index, _ := strings.Cut(device, ":")
	i, err := strconv.Atoi(index)
	if kind == "cuda" && (err == nil || device == "cuda") {
		be, err := cuda.Open(i, o.Dtype == "bf16")
		if err != nil {
			return nil, fmt.Errorf("models: device %s: %w", device, err)
		}
		return be, nil
	}
	return nil, fmt.Errorf("models: unknown device %q: want cpu or cuda:0", device)
}
