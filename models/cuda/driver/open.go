//go:build gpu && linux && (amd64 || arm64)

package driver

/*
#include <stdlib.h>
#include "lazy.h"
*/
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"gorgonia.org/cu"
)

// EnvLibrary names the environment variable that gives the driver library.
const EnvLibrary = "HARDNEG_LIBCUDA"

// candidates are the places of the driver library, first to last.
func candidates() []string {
	if p := os.Getenv(EnvLibrary); p != "" {
		return []string{p}
	}
	return []string{"libcuda.so.1", "libcuda.so", "/usr/local/nvidia/lib64/libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1"}
}

// load binds the driver; the first success lasts for the process.
func load() error {
	var tried []string
	for _, p := range candidates() {
		c := C.CString(p)
		why := C.hn_open(c)
		C.free(unsafe.Pointer(c))
		if why != nil {
			tried = append(tried, C.GoString(why))
			continue
		}
		if rc := C.hn_init(); rc != 0 {
			return fmt.Errorf("%w: the driver %s answers cuInit with error %d (%s)", ErrNoCUDA, p, int(rc), initHint(int(rc)))
		}
		return nil
	}
	return fmt.Errorf("%w: no NVIDIA driver: %s (set %s to its path)", ErrNoCUDA, strings.Join(tried, "; "), EnvLibrary)
}

func initHint(rc int) string {
	switch rc {
	case 100:
		return "it sees no device; check nvidia-smi and CUDA_VISIBLE_DEVICES"
	case 803:
		return "kernel module and library are of different versions; restart after the update"
	case 3:
		return "the library has no cuInit; is it a stub?"
	}
	return "see CUresult in the CUDA driver documentation"
}

// Survey lists driver and devices.
func Survey() (Overview, error) {
	if err := load(); err != nil {
		return Overview{}, err
	}
	v := cu.Version()
	o := Overview{Driver: fmt.Sprintf("%d.%d", v/1000, v%1000/10)}
	for i := 0; ; i++ {
		n := C.hn_unbound(C.int(i))
		if n == nil {
			break
		}
		o.Unbound = append(o.Unbound, C.GoString(n))
	}
	n, err := cu.NumDevices()
	if err != nil {
		return o, fmt.Errorf("cuda: count devices: %w", err)
	}
	for i := range n {
		info, err := describe(i)
		if err != nil {
			return o, err
		}
		o.Devices = append(o.Devices, info)
	}
	return o, nil
}

func describe(i int) (Info, error) {
	d, err := cu.GetDevice(i)
	if err != nil {
		return Info{}, fmt.Errorf("cuda: device %d: %w", i, err)
	}
	info := Info{Index: i}
	if info.Name, err = d.Name(); err != nil {
		return info, fmt.Errorf("cuda: name of device %d: %w", i, err)
	}
	b, err := d.TotalMem()
	if err != nil {
		return info, fmt.Errorf("cuda: memory of device %d: %w", i, err)
	}
	info.MemoryMiB = b >> 20
	if info.SMs, err = d.Attribute(cu.MultiprocessorCount); err != nil {
		return info, fmt.Errorf("cuda: device %d: %w", i, err)
	}
	if info.Major, info.Minor, err = d.ComputeCapability(); err != nil {
		return info, fmt.Errorf("cuda: device %d: %w", i, err)
	}
	return info, nil
}

// Device is a GPU with its primary context.
type Device struct {
	Info Info
	dev  cu.Device
	ctx  cu.CUContext
}

// Open binds the driver and retains the primary context of device i.
func Open(i int) (*Device, error) {
	o, err := Survey()
	if err != nil {
		return nil, err
	}
	if i < 0 || i >= len(o.Devices) {
		return nil, fmt.Errorf("%w: no device %d: the driver shows %d", ErrNoCUDA, i, len(o.Devices))
	}
	d := &Device{Info: o.Devices[i]}
	if d.dev, err = cu.GetDevice(i); err != nil {
		return nil, fmt.Errorf("cuda: device %d: %w", i, err)
	}
	if d.ctx, err = d.dev.RetainPrimaryCtx(); err != nil {
		return nil, fmt.Errorf("%w: primary context of device %d: %w", ErrNoCUDA, i, err)
	}
	return d, nil
}

// Do runs f on a thread that has the device's context.
func (d *Device) Do(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cu.SetCurrentContext(d.ctx); err != nil {
		return fmt.Errorf("cuda: set context: %w", err)
	}
	return f()
}

// Close releases the primary context.
func (d *Device) Close() error { return d.dev.ReleasePrimaryCtx() }
