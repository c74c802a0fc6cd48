//go:build gpu && linux && (amd64 || arm64)

package driver

/*
#include "lazy.h"
*/
import "C"

import (
	"fmt"
	"unsafe"

	"gorgonia.org/cu"
)

// PinnedBytes allocates page-locked host memory, from which copies need no
// bounce buffer; cu.MemFreeHost gives it back. Call it inside Do.
func PinnedBytes(n int) ([]byte, error) {
	var p unsafe.Pointer
	if rc := C.hn_host_alloc(&p, C.size_t(n)); rc != 0 {
		return nil, fmt.Errorf("cuda: %d bytes of pinned host memory: driver error %d", n, int(rc))
	}
	return unsafe.Slice((*byte)(p), n), nil
}

// LaunchEarly launches a kernel of blocks (gx, gy) that may start before the one
// before it on the stream has ended, because it waits for that one itself: for
// devices from compute capability 9.0 on. Arguments are 8 bytes each. Call it
// inside Do.
func LaunchEarly(f cu.Function, gx, gy, threads, shared int, s cu.Stream, args []uint64) error {
	h := *(*unsafe.Pointer)(unsafe.Pointer(&f))
	if rc := C.hn_launch_early(h, C.uint(gx), C.uint(gy), C.uint(threads), C.uint(shared), unsafe.Pointer(s.C()), (*C.ulonglong)(unsafe.Pointer(&args[0])), C.int(len(args))); rc != 0 {
		return fmt.Errorf("cuda: early launch: driver error %d", int(rc))
	}
	return nil
}

// maxDynamicShared is CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES.
const maxDynamicShared = 8

// AllowShared lets a kernel use more dynamic shared memory than the 48 KiB that
// every kernel may. Call it inside Do.
func AllowShared(f cu.Function, bytes int) error {
	// A cu.Function is one driver handle.
	h := *(*unsafe.Pointer)(unsafe.Pointer(&f))
	if rc := C.hn_func_attribute(h, maxDynamicShared, C.int(bytes)); rc != 0 {
		return fmt.Errorf("cuda: %d bytes of shared memory for a kernel: driver error %d", bytes, int(rc))
	}
	return nil
}
