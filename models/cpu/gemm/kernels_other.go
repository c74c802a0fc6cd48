//go:build !amd64

package gemm

func kernels() []*kernel { return []*kernel{&goKernel} }

const hasVec, has512 = false, false

func expMul512(x, y []float32, scale, bias, mul float32) float32      { return 0 }
func siluMul512(g, u, y []float32)                                    {}
func siluMulGrad512(g, u, dy, dg, du []float32)                       {}
func softmaxGradRow(x, y []float32, scale, bias, dot float32)         {}
func scaleRow(a float32, x []float32)                                 {}
func addRow(y, x []float32)                                           {}
func squares64(x []float32) float64                                   { return 0 }
func turnRow(x []float32, heads int, cos, sin []float32, dir float32) {}

func expRow(x, y []float32, scale, bias float32) float32 { return 0 }
func siluMul(g, u, y []float32)                          {}
func siluMulGrad(g, u, dy, dg, du []float32)             {}

func adamW(p, g, m, v []float32, c *[9]float32)             {}
func rowMax(x []float32) float32                            { return x[0] }
func dot3(x, y, z []float32) float32                        { return 0 }
func dot(x, y []float32) float32                            { return 0 }
func scale2(a float32, x, y, o []float32)                   {}
func normDx(a, b float32, x, w, dy, o []float32, add int64) {}
func mulAdd(a float32, x, y, o []float32)                   {}

func bf16Kernels() []*kernel { return []*kernel{rounding(&goKernel), &goBF16} }

func pairElems(x, o []float32) int { return 0 }
func roundRow(x, o []float32) int  { return 0 }

var peaks map[string]struct {
	run  func(n int64)
	flop float64
}
