package gemm

import "golang.org/x/sys/cpu"

// HasAttend reports whether Attend has a kernel on this CPU.
func HasAttend() bool { return hasAttend }

var hasAttend = cpu.X86.HasAVX512F && cpu.X86.HasBMI2

func attend(d, heads int, q []float32, pieces []AttendPiece, scores, o []float32, step int, scale float32) {
	f := [AttendHeads]func(int64, *float32, *AttendPiece, int64, *float32, *float32, int64, float32){
		attendAVX512x1, attendAVX512x2, attendAVX512x3, attendAVX512x4}[heads-1]
	f(int64(d), &q[0], &pieces[0], int64(len(pieces)), &scores[0], &o[0], int64(4*step), scale)
}

//go:noescape
func attendAVX512x1(d int64, q *float32, pieces *AttendPiece, count int64, scores, o *float32, vstep int64, scale float32)

//go:noescape
func attendAVX512x2(d int64, q *float32, pieces *AttendPiece, count int64, scores, o *float32, vstep int64, scale float32)

//go:noescape
func attendAVX512x3(d int64, q *float32, pieces *AttendPiece, count int64, scores, o *float32, vstep int64, scale float32)

//go:noescape
func attendAVX512x4(d int64, q *float32, pieces *AttendPiece, count int64, scores, o *float32, vstep int64, scale float32)

//go:noescape
func rotateAVX512(heads, half int64, x, bias, cos, sin *float32)

func rotate(heads, half int, x, bias, cos, sin []float32) bool {
	if !hasAttend || half%16 != 0 {
		return false
	}
	rotateAVX512(int64(heads), int64(half), &x[0], &bias[0], &cos[0], &sin[0])
	return true
}
