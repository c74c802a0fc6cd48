package cpu

import (
	"testing"

	"gorgonia.org/tensor"

	"hardneg/models/cpu/gemm"
	"hardneg/models/vm"
	"hardneg/models/vm/vmtest"
)

func TestOps(t *testing.T) {
	for _, name := range gemm.Kernels() {
		t.Run("float32/"+name, func(t *testing.T) {
			vmtest.Suite{Dtype: tensor.Float32, Tolerance: 1e-5, Open: func(_ *testing.T, threads int) vm.Backend {
				return NewWith(gemm.WithKernel(threads, name))
			}}.Run(t)
		})
	}
	t.Run("float64", func(t *testing.T) {
		vmtest.Suite{Dtype: tensor.Float64, Tolerance: 1e-8, Open: func(_ *testing.T, threads int) vm.Backend {
			return New(threads)
		}}.Run(t)
	})
}

func TestNetwork(t *testing.T) { vmtest.Network(t, New(1)) }
