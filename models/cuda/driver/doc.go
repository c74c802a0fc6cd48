// Package driver binds the CUDA driver at run time. With build tag gpu it lets
// gorgonia.org/cu link without a CUDA toolkit and start on machines without a
// GPU; without the tag it only says that it is absent.
//
// # How
//
// cu links 159 functions (cuInit among them) of libcuda. This package defines them as jumps through
// a table (tramp.S, names.h) that Open fills from libcuda.so.1. -lcuda means a
// linker script in link/, cuda.h a reduced header in include/; CGO_CFLAGS and
// CGO_LDFLAGS must point there, as run.sh does. cu's own start-up call, which
// would end a process without a GPU, is answered here and made later, in Open.
//
// # Words
//
// A Device is one GPU with its retained primary context. The context belongs to
// an operating-system thread: Do runs a function on a thread that has it. ext.go
// holds what cu lacks.
//
// # Why
//
// A stub libcuda would still want libcuda.so.1 at start; a binding in pure Go
// was faster a call (73 to 217 ns against 180 to 260), but a training step has
// about 1,100 launches and does not notice.
package driver

import "errors"

// ErrNoCUDA is wrapped by every error that says that a program or machine
// cannot use a GPU.
var ErrNoCUDA = errors.New("no CUDA")

// Info describes a device.
type Info struct {
	Index     int    `json:"index"`
	Name      string `json:"name"`
	MemoryMiB int64  `json:"memory_mib"`
	Major     int    `json:"major"` // compute capability
	Minor     int    `json:"minor"`
	SMs       int    `json:"sms"` // multiprocessors
}

// Overview is what `hardneg env` tells about a machine's GPUs.
type Overview struct {
	Driver  string   `json:"driver"`            // version, "" if there is none
	Devices []Info   `json:"devices"`           // empty if there is no driver
	Unbound []string `json:"unbound,omitempty"` // functions that the driver lacks
}
