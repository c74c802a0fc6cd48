package graph

// Slope names the function of a margin m whose derivative a loss has.
type Slope int

// Slopes. With none, only linear terms count.
const (
	SlopeNone     Slope = iota
	SlopeLogistic       // -A·ln σ(m) - B·ln σ(-m)
	SlopeHinge          // max(0, 1-m)
	SlopeSquare         // m²
)

// Margins is a loss in the form that a device differentiates by itself: pair i
// has the margin m = u₀·s₀ + u₁·s₁ + W, of its two sequences' log-probabilities
// s, and the derivative by sequence j of it is Weight·f'(m)·uⱼ + lⱼ.
type Margins struct {
	Slope Slope
	A, B  float64 // of SlopeLogistic
	// Seqs holds u and l of every sequence, Pairs W and Weight of every pair.
	Seqs, Pairs [][2]float64
}

// Table is Seqs and Pairs as one vector, appended to t.
func (m *Margins) Table(t []float64) []float64 {
	for _, list := range [][][2]float64{m.Seqs, m.Pairs} {
		for _, p := range list {
			t = append(t, p[0], p[1])
		}
	}
	return t
}
