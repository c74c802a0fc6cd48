//go:build !(gpu && linux && (amd64 || arm64))

package cuda

import (
	"hardneg/models/cuda/driver"
	"hardneg/models/vm"
)

// Open fails: this build has no GPU support.
func Open(int, bool) (vm.Backend, error) {
	_, err := driver.Survey()
	return nil, err
}

// Libraries names the run-time libraries with where each was found, or why not.
func Libraries() []Library { return nil }
