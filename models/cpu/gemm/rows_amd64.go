package gemm

import "golang.org/x/sys/cpu"

// rowsKernels lists what this CPU can run, best first.
func rowsKernels() []*rowsKernel {
	var r []*rowsKernel
	if cpu.X86.HasAVX512F && rowsAVX512.sound() {
		r = append(r, &rowsAVX512)
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA && rowsAVX2.sound() {
		r = append(r, &rowsAVX2)
	}
	return append(r, &goRows)
}

var rowsAVX512 = rowsKernel{name: "avx512_14x32", w: 32, tile: []func(int64, *float32, int64, *float32, *float32, int64, int64, uintptr, int64){
	rowsAVX512x1, rowsAVX512x2, rowsAVX512x3, rowsAVX512x4, rowsAVX512x5, rowsAVX512x6, rowsAVX512x7, rowsAVX512x8, rowsAVX512x9, rowsAVX512x10, rowsAVX512x11, rowsAVX512x12, rowsAVX512x13, rowsAVX512x14}}

var rowsAVX2 = rowsKernel{name: "avx2_6x16", w: 16, tile: []func(int64, *float32, int64, *float32, *float32, int64, int64, uintptr, int64){
	rowsAVX2x1, rowsAVX2x2, rowsAVX2x3, rowsAVX2x4, rowsAVX2x5, rowsAVX2x6}}

//go:noescape
func rowsAVX512x1(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsAVX512x2(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsAVX512x3(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsAVX512x4(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsAVX512x5(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsAVX512x6(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsAVX512x7(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsAVX512x8(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsAVX512x9(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsAVX512x10(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsAVX512x11(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsAVX512x12(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsAVX512x13(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsAVX512x14(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsAVX2x1(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsAVX2x2(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsAVX2x3(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsAVX2x4(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsAVX2x5(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsAVX2x6(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsBF16x1(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsBF16x2(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsBF16x3(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsBF16x4(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsBF16x5(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsBF16x6(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsBF16x7(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsBF16x8(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsBF16x9(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsBF16x10(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsBF16x11(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsBF16x12(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsBF16x13(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)

//go:noescape
func rowsBF16x14(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)
