//go:build !amd64

package gemm

// HasAttend reports whether Attend has a kernel on this CPU.
func HasAttend() bool { return false }

func attend(d, heads int, q []float32, pieces []AttendPiece, scores, o []float32, step int, scale float32) {
	attendGo(d, heads, q, pieces, o, step, scale)
}

func rotate(heads, half int, x, bias, cos, sin []float32) bool { return false }
