package cpu

import (
	"testing"

	"hardneg/models/cpu/gemm"
	"hardneg/models/graph"
	"hardneg/models/vm"
	"hardneg/models/vm/vmtest"
)

func subtest(t *testing.T, prefix string) func(string, error) {
	return func(name string, err error) {
		t.Run(prefix+name, func(t *testing.T) {
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestOps(t *testing.T) {
	cases := vmtest.Cases()
	for _, name := range gemm.Kernels() {
		vmtest.Suite{Dtype: graph.Float32, Tolerance: 1e-5, Open: func(threads int) (vm.Backend, error) {
			return NewWith(gemm.WithKernel(threads, name)), nil
		}}.Each(cases, subtest(t, "float32/"+name+"/"))
	}
	// Products of operands rounded to 8 bits of mantissa are within a hundredth
	// of the largest value; gradients of logits, through the softmax, within two.
	for _, name := range gemm.BF16Kernels() {
		vmtest.Suite{Dtype: graph.Float32, Tolerance: 2e-2, Open: func(threads int) (vm.Backend, error) {
			return NewWith(gemm.WithKernel(threads, name)), nil
		}}.Each(cases, subtest(t, "float32/"+name+"/"))
	}
	vmtest.Suite{Dtype: graph.Float64, Tolerance: 1e-8, Open: func(threads int) (vm.Backend, error) {
		return New(threads), nil
	}}.Each(cases, subtest(t, "float64/"))
}

func TestNetwork(t *testing.T) { vmtest.Network(New(1), subtest(t, "")) }
