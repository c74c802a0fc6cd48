package gemm

import (
	"math"
	"unsafe"
)

// AttendPanel is the width of the panels that Attend reads.
const AttendPanel = 32

// AttendPiece is a run of N tokens of one key head: keys in panels
// [d][AttendPanel] of tokens, values in panels [tokens][AttendPanel] of
// columns, step elements apart. NextK and NextV are what will be read after
// it; they are fetched ahead and may be any address.
type AttendPiece struct {
	K, V         *float32
	N            int64
	NextK, NextV *float32
}

// AttendHeads is the number of query heads that one call of Attend takes.
const AttendHeads = 4

// Attend is attention from one token: for each of the heads, at most
// AttendHeads, that share the keys and lie d apart in q, the mean of the values
// weighted by softmax(scale·q·kᵀ), which goes to o, d apart as well. d is a
// multiple of AttendPanel; scores has room for heads·AttendPanel elements for
// every panel of tokens. It needs HasAttend.
func Attend(d, heads int, q []float32, pieces []AttendPiece, scores, o []float32, step int, scale float32) {
	panels := 0
	for _, p := range pieces {
		panels += int(p.N+AttendPanel-1) / AttendPanel
	}
	if d%AttendPanel != 0 || d == 0 || heads < 1 || heads > AttendHeads || panels == 0 {
		panic("gemm: attention of a shape that has no kernel")
	}
	_, _, _ = q[heads*d-1], o[heads*d-1], scores[panels*heads*AttendPanel-1]
	attend(d, heads, q, pieces, scores, o, step, scale)
}

// attendGo is the naive twin.
func attendGo(d, heads int, q []float32, pieces []AttendPiece, o []float32, step int, scale float32) {
	for h := range heads {
		x, y := q[h*d:][:d], make([]float64, d)
		var weights []float64
		top := math.Inf(-1)
		for _, p := range pieces {
			keys := unsafe.Slice(p.K, (int(p.N)+AttendPanel-1)/AttendPanel*AttendPanel*d)
			for t := range int(p.N) {
				s := 0.0
				for j, v := range x {
					s += float64(v) * float64(keys[t/AttendPanel*AttendPanel*d+j*AttendPanel+t%AttendPanel])
				}
				weights = append(weights, s*float64(scale))
				top = math.Max(top, s*float64(scale))
			}
		}
		sum, i := 0.0, 0
		for _, p := range pieces {
			values := unsafe.Slice(p.V, d/AttendPanel*step)
			for t := range int(p.N) {
				w := math.Exp(weights[i] - top)
				sum += w
				i++
				for j := range y {
					y[j] += w * float64(values[j/AttendPanel*step+t*AttendPanel+j%AttendPanel])
				}
			}
		}
		for j, v := range y {
			o[h*d+j] = float32(v / sum)
		}
	}
}

// Rotate adds a bias to a row of heads and rotates each: elements i and half+i
// of a head, half = len(cos), are the coordinates of a point that turns by the
// i-th angle.
func Rotate(x, bias, cos, sin []float32) {
	half := len(cos)
	if half == 0 {
		return
	}
	heads := len(x) / (2 * half)
	if heads > 0 && rotate(heads, half, x, bias[:len(x)], cos, sin[:half]) {
		return
	}
	rotateGo(heads, x, bias, cos, sin)
}

// rotateGo is the naive twin.
func rotateGo(heads int, x, bias, cos, sin []float32) {
	half := len(cos)
	for h := range heads {
		p, q := x[2*h*half:][:half], x[(2*h+1)*half:][:half]
		bp, bq := bias[2*h*half:][:half], bias[(2*h+1)*half:][:half]
		for i, c := range cos {
			a, b, s := p[i]+bp[i], q[i]+bq[i], sin[i]
			p[i], q[i] = a*c-b*s, b*c+a*s
		}
	}
}
