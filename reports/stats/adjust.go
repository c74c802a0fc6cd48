package stats

import (
	"math"
)

// Corrections for several tests.
const (
	Holm = "holm"
	BH   = "bh"
)

// Adjust corrects p-values by Holm or Benjamini–Hochberg. A NaN counts as 1 in
// the size of the family and stays NaN.
func Adjust(p []float64, method string) ([]float64, error) {
	m := len(p)
	q := make([]float64, m)
	for j, v := range p {
		q[j] = v
		if math.IsNaN(v) {
			q[j] = 1
		} else if v < 0 || v > 1 {
			return nil, bad("p[%d] is %v", j, v)
		}
	}
	id, adj := order(q), make([]float64, m)
	switch method {
	case Holm:
		top := 0.0
		for r, j := range id {
			top = math.Max(top, math.Min(1, q[j]*float64(m-r)))
			adj[j] = top
		}
	case BH:
		low := 1.0
		for r := m - 1; r >= 0; r-- {
			low = math.Min(low, q[id[r]]*float64(m)/float64(r+1))
			adj[id[r]] = low
		}
	default:
		return nil, bad("method is %q, must be holm or bh", method)
	}
	for j, v := range p {
		if math.IsNaN(v) {
			adj[j] = nan
		}
	}
	return adj, nil
}
