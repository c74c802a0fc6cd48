package vmtest

import (
	"math"

	"hardneg/models/graph"
)

// The naive twins: each loops over what its definition says, in float64.

func embedTwin(t, d int) forward {
	return func(in []operand) []float64 {
		y := make([]float64, t*d)
		for i := range t {
			for j := range d {
				y[i*d+j] = in[1].f[int(in[0].i[i])*d+j]
			}
		}
		return y
	}
}

func normTwin(t, d int, eps float64) forward {
	return func(in []operand) []float64 {
		y := make([]float64, t*d)
		for i := range t {
			var s float64
			for j := range d {
				s += in[0].f[i*d+j] * in[0].f[i*d+j]
			}
			r := 1 / math.Sqrt(s/float64(d)+eps)
			for j := range d {
				y[i*d+j] = in[0].f[i*d+j] * r * in[1].f[j]
			}
		}
		return y
	}
}

// linearTwin is x·wᵀ (+ residual): x (t,k), w (n,k).
func linearTwin(t, k, n int) forward {
	return func(in []operand) []float64 {
		y := make([]float64, t*n)
		for i := range t {
			for j := range n {
				var s float64
				for p := range k {
					s += in[0].f[i*k+p] * in[1].f[j*k+p]
				}
				if len(in) == 3 {
					s += in[2].f[i*n+j]
				}
				y[i*n+j] = s
			}
		}
		return y
	}
}

func swigluTwin(t, f int) forward {
	return func(in []operand) []float64 {
		y := make([]float64, t*f)
		for i := range t {
			for j := range f {
				g, u := in[0].f[2*i*f+j], in[0].f[2*i*f+f+j]
				y[i*f+j] = g / (1 + math.Exp(-g)) * u
			}
		}
		return y
	}
}

// place returns the parent segment's bounds and a row's own segment.
func place(segs, parent []int32, row int) (seg, p, q int) {
	for int(segs[seg+1]) <= row {
		seg++
	}
	if parent[seg] >= 0 {
		p, q = int(segs[parent[seg]]), int(segs[parent[seg]+1])
	}
	return seg, p, q
}

// ropeTwin adds the bias and rotates q and k heads; in: x (t,width), b, segs,
// parent.
func ropeTwin(t int, h graph.Heads) forward {
	return func(in []operand) []float64 {
		w, half := h.Width(), h.Dim/2
		y := make([]float64, t*w)
		for i := range y {
			y[i] = in[0].f[i] + in[1].f[i%w]
		}
		for i := range t {
			s, p, q := place(in[2].i, in[3].i, i)
			pos := q - p + i - int(in[2].i[s])
			for hd := range h.Q + h.KV {
				for j := range half {
					sin, cos := math.Sincos(float64(float32(pos) * h.Rotary.Inv[j]))
					sin, cos = sin*h.Rotary.Scale, cos*h.Rotary.Scale
					at := i*w + hd*h.Dim + j
					y[at], y[at+half] = y[at]*cos-y[at+half]*sin, y[at+half]*cos+y[at]*sin
				}
			}
		}
		return y
	}
}

// attnTwin returns the outputs and the softmax denominators' logarithms.
func attnTwin(t int, h graph.Heads, in []operand) (o, lse []float64) {
	w, d := h.Width(), h.Dim
	o, lse = make([]float64, t*h.Q*d), make([]float64, t*h.Q)
	for i := range t {
		s, p, q := place(in[1].i, in[2].i, i)
		var keys []int
		for j := p; j < q; j++ {
			keys = append(keys, j)
		}
		for j := int(in[1].i[s]); j <= i; j++ {
			keys = append(keys, j)
		}
		for hd := range h.Q {
			kv := hd / (h.Q / h.KV)
			e := make([]float64, len(keys))
			var sum float64
			for n, j := range keys {
				var dot float64
				for c := range d {
					dot += in[0].f[i*w+hd*d+c] * in[0].f[j*w+(h.Q+kv)*d+c]
				}
				e[n] = math.Exp(dot / math.Sqrt(float64(d)))
				sum += e[n]
			}
			lse[i*h.Q+hd] = math.Log(sum)
			for n, j := range keys {
				for c := range d {
					o[(i*h.Q+hd)*d+c] += e[n] / sum * in[0].f[j*w+(h.Q+h.KV+kv)*d+c]
				}
			}
		}
	}
	return o, lse
}

// logProbTwin: in: h (t,d), w (v,d), rows, ids; n live picks.
func logProbTwin(n, d, v int, in []operand) (logp, lse, entropy []float64) {
	for i := range n {
		var sum, own, mean float64
		for j := range v {
			var z float64
			for c := range d {
				z += in[0].f[int(in[2].i[i])*d+c] * in[1].f[j*d+c]
			}
			sum += math.Exp(z)
			mean += z * math.Exp(z)
			if j == int(in[3].i[i]) {
				own = z
			}
		}
		lse = append(lse, math.Log(sum))
		logp = append(logp, own-math.Log(sum))
		entropy = append(entropy, math.Log(sum)-mean/sum)
	}
	return logp, lse, entropy
}

func adamTwin(in []operand, a *graph.AdamW) [][]float64 {
	var p, m, v []float64
	for i, g := range in[1].f {
		g *= a.Scale
		mi := a.Beta1*in[2].f[i] + (1-a.Beta1)*g
		vi := a.Beta2*in[3].f[i] + (1-a.Beta2)*g*g
		m, v = append(m, mi), append(v, vi)
		x := in[0].f[i] * (1 - a.LR*a.Decay)
		p = append(p, x-a.LR*(mi/a.Bias1)/(math.Sqrt(vi/a.Bias2)+a.Eps))
	}
	return [][]float64{p, in[1].f, m, v}
}
