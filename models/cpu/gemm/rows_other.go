//go:build !amd64

package gemm

func rowsKernels() []*rowsKernel { return []*rowsKernel{&goRows} }
