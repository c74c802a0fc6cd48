//go:build !unix

package checkpoint

import (
	"io"
	"os"
)

// mapFile reads size bytes of f where the system has no mmap.
func mapFile(f *os.File, size int64) (data []byte, unmap func() error, err error) {
	b := make([]byte, size)
	_, err = io.ReadFull(f, b)
	return b, func() error { return nil }, err
}
