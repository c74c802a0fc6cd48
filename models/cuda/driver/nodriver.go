//go:build !(gpu && linux && (amd64 || arm64))

package driver

import "fmt"

// Survey fails: this build has no binding.
func Survey() (Overview, error) {
	return Overview{}, fmt.Errorf("%w: this program was built without it (./run.sh build finds driver and C compiler, or build with -tags gpu)", ErrNoCUDA)
}
