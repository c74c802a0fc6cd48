// Package lt multiplies matrices with cublasLt, which it loads at run time. A
// plan holds what cublasLt chose for one shape: layouts, algorithm, workspace;
// plans are kept.
//
// Matrices are fp32 or bf16, with fp32 sums, in row order; cublasLt's are in column order, so that it is
// asked for Cᵀ = Bᵀ·Aᵀ, and no data moves. cublasLt is looked for as NVRTC is
// (models/cuda/rtc), under HARDNEG_LIBCUBLASLT.
package lt

// EnvLibrary names the environment variable that gives cublasLt's path.
const EnvLibrary = "HARDNEG_LIBCUBLASLT"

// Type is an element type, as cudaDataType numbers it.
type Type int32

// Element types.
const (
	FP32 Type = 0
	BF16 Type = 14
)

// Product is D (M×N, LD elements a row) = Alpha·A·B + Beta·C, where C has the
// layout of D and may be D. A and B are of type In, C and D of type Out.
type Product struct {
	M, N, K     int
	In, Out     Type
	A, B        Operand
	Alpha, Beta float64
	C, D        uint64
	LD          int
}

// Operand is a matrix on the device by the steps of its row and column index,
// in elements; one of them must be 1.
type Operand struct {
	Ptr      uint64
	Row, Col int
}

// transposed tells how cublasLt, in column order, sees the operand's transpose,
// and with which leading dimension; ok is false if it cannot.
func (o Operand) transposed() (flip int32, ld int, ok bool) {
	switch {
	case o.Col == 1:
		return 0, o.Row, true // rows of o are columns of oᵀ
	case o.Row == 1:
		return 1, o.Col, true
	}
	return 0, 0, false
}

// align is the largest power of two up to 256 that divides all addresses.
func align(ptr uint64) uint32 {
	a := uint32(256)
	for uint64(a) > 2 && ptr%uint64(a) != 0 {
		a /= 2
	}
	return a
}
