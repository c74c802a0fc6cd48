package answer

import (
	"hash/fnv"
	"math"
	"math/cmplx"
	"slices"
)

// probes is the number of points at which expressions are compared: four
// positive, two negative, two complex.
const (
	probes    = 8
	minFinite = 5
	probeTol  = 1e-9
)

// probePoint gives variable number i its value at point j, from a hash of the
// names, so that the same pair is always probed at the same points.
func probePoint(seed uint64, i, j int) complex128 {
	u := func(k uint64) float64 { // uniform in (0,1), SplitMix64
		z := seed + (k+1)*0x9e3779b97f4a7c15
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		return float64((z^z>>31)>>11) / (1 << 53)
	}
	x := 0.3 + 2.4*u(uint64(2*(i*probes+j)))
	switch {
	case j < 4:
		return complex(x, 0)
	case j < 6:
		return complex(-x, 0)
	}
	return complex(x, 0.2+u(uint64(2*(i*probes+j)+1)))
}

// probePoints makes the eight environments for a set of names.
func probePoints(names []string) []env {
	h := fnv.New64a()
	for _, n := range names {
		h.Write([]byte(n))
		h.Write([]byte{0})
	}
	out := make([]env, probes)
	for j := range out {
		out[j] = make(env, len(names))
		for i, n := range names {
			out[j][n] = probePoint(h.Sum64(), i, j)
		}
	}
	return out
}

// sameExpression compares two expressions with variables.
func (k *comparer) sameExpression(a, b *node) bool {
	va, vb := variables(a, nil, 16), variables(b, nil, 16)
	all := slices.Clone(va)
	for _, v := range vb {
		if !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	if len(all) <= maxVars {
		x, ok1 := k.expand(a, all)
		y, ok2 := k.expand(b, all)
		if ok1 && ok2 {
			if same, known := k.sameQuotient(x, y); known {
				k.method = "expand"
				return same
			}
		}
	}
	k.method = "probe"
	if len(all) > 16 || len(va) != len(vb) || len(all) != len(va) {
		return false
	}
	finite := 0
	for j, e := range probePoints(va) {
		x, ok1 := k.eval(a, e)
		y, ok2 := k.eval(b, e)
		if !ok1 || !ok2 {
			return false
		}
		fx, fy := x.finite(), y.finite()
		if fx != fy && j < 6 {
			return false
		}
		if !fx || !fy {
			continue
		}
		finite++
		if cmplx.Abs(x.v-y.v) > probeTol*math.Max(1e-300, math.Max(x.mag, y.mag)) {
			return false
		}
	}
	return finite >= minFinite
}

// probeRatio returns a/b when it is the same non-zero number at every point.
func (k *comparer) probeRatio(a, b *node) (complex128, bool) {
	va, vb := variables(a, nil, 16), variables(b, nil, 16)
	if !slices.Equal(va, vb) || len(va) == 0 || len(va) > 16 {
		return 0, false
	}
	var r complex128
	finite := 0
	for _, e := range probePoints(va) {
		x, ok1 := k.eval(a, e)
		y, ok2 := k.eval(b, e)
		if !ok1 || !ok2 {
			return 0, false
		}
		if !x.finite() || !y.finite() || cmplx.Abs(y.v) < 1e-6*y.mag || cmplx.Abs(x.v) < 1e-6*x.mag {
			continue
		}
		q := x.v / y.v
		if finite > 0 && cmplx.Abs(q-r) > probeTol*cmplx.Abs(r)*(1+x.mag/cmplx.Abs(x.v)+y.mag/cmplx.Abs(y.v)) {
			return 0, false
		}
		r = q
		finite++
	}
	return r, finite >= minFinite && r != 0
}
