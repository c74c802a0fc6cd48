package cli

import (
	"errors"
	"fmt"
	"strings"

	"hardneg/harness/stage"
	"hardneg/models"
	"hardneg/models/cuda"
	"hardneg/models/cuda/driver"
	"hardneg/models/graph"
	"hardneg/models/vm"
	"hardneg/models/vm/vmtest"
)

// deviceClass settles hardware.device: "cpu", or "cuda:<name of the GPU>". A
// GPU counts only if it opens and computes every op rightly; auto takes the CPU
// otherwise. Asking for cuda says why, `hardneg env` says what is missing.
func deviceClass(want string) (string, error) {
	if want == "cpu" {
		return "cpu", nil
	}
	name, err := usableGPU()
	switch {
	case err == nil:
		return "cuda:" + name, nil
	case want == "cuda":
		return "", &stage.EnvironmentError{Err: fmt.Errorf("hardware.device is cuda: %w (or set it to cpu)", err)}
	}
	return "cpu", nil
}

// usableGPU is the name of the first GPU, once it has passed the conformance
// suite: a driver or compiler that rounds wrongly must not make results.
func usableGPU() (string, error) {
	o, err := driver.Survey()
	if err != nil {
		return "", err
	}
	if len(o.Devices) == 0 {
		return "", fmt.Errorf("%w: the driver shows no device", models.ErrNoCUDA)
	}
	be, err := models.Open("cuda:0", models.Options{})
	if err != nil {
		return "", err
	}
	var failed []error
	vmtest.Suite{Dtype: graph.Float32, Tolerance: 1e-5, Open: func(int) (vm.Backend, error) { return lent{be}, nil }}.Each(vmtest.Cases(), func(name string, err error) {
		if err != nil {
			failed = append(failed, fmt.Errorf("%s computes %s wrongly: %w", o.Devices[0].Name, name, err))
		}
	})
	if err := errors.Join(append(failed, be.Close())...); err != nil {
		return "", err
	}
	return strings.Join(strings.Fields(o.Devices[0].Name), "-"), nil
}

// lent is a backend that its borrower cannot close.
type lent struct{ vm.Backend }

// Close does nothing.
func (lent) Close() error { return nil }

// lentNarrow is lent for a backend with narrower activations.
type lentNarrow struct{ vm.Narrow }

// Close does nothing.
func (lentNarrow) Close() error { return nil }

// lend keeps what the conformance suite asks of a backend.
func lend(be vm.Backend) vm.Backend {
	if n, ok := be.(vm.Narrow); ok {
		return lentNarrow{n}
	}
	return lent{be}
}

// gpuFact is what `hardneg env` tells about CUDA.
type gpuFact struct {
	Driver    string         `json:"driver,omitempty"`
	Devices   []driver.Info  `json:"devices"`
	Unbound   int            `json:"unbound_symbols"`
	Libraries []cuda.Library `json:"libraries"`
	Why       string         `json:"why_not,omitempty"`
}

func gpuFacts() gpuFact {
	o, err := driver.Survey()
	f := gpuFact{Driver: o.Driver, Devices: o.Devices, Unbound: len(o.Unbound), Libraries: cuda.Libraries()}
	if err != nil {
		f.Why = err.Error()
	}
	return f
}

// rows are the lines of the table.
func (f gpuFact) rows() [][]string {
	if f.Why != "" {
		return append([][]string{{"CUDA", f.Why}}, f.libraries()...)
	}
	r := [][]string{{"CUDA", fmt.Sprintf("driver for CUDA %s, %d devices, %d unbound symbols", f.Driver, len(f.Devices), f.Unbound)}}
	for _, d := range f.Devices {
		r = append(r, []string{fmt.Sprintf("cuda:%d", d.Index), fmt.Sprintf("%s, %d MiB, compute capability %d.%d, %d multiprocessors", d.Name, d.MemoryMiB, d.Major, d.Minor, d.SMs)})
	}
	return append(r, f.libraries()...)
}

func (f gpuFact) libraries() (r [][]string) {
	for _, l := range f.Libraries {
		r = append(r, []string{l.Name, l.Found})
	}
	return r
}
