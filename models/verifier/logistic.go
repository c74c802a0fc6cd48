package verifier

import (
	"errors"
	"math"
)

// design is a weighted binary-classification problem. Rows of x are feature
// vectors; columns picks those that enter.
type design struct {
	x [][]float64
	y []float64 // 0 or 1
	w []float64
}

// errSingular is returned when the Hessian cannot be factored.
var errSingular = errors.New("logistic regression: singular Hessian")

// Bounds of the Newton iteration.
const (
	newtonSteps = 100
	gradientTol = 1e-8
)

// fitLinear fits a ridge logistic regression on the given columns: Newton's
// method on the exact objective
//
//	sum w (log(1+exp z) - y z) / sum w + ridge/2 |beta|^2,   bias unpenalised,
//
// in a fixed order of rows, so there is no seed.
func fitLinear(d design, columns []int, ridge float64) (Linear, error) {
	l := standardise(d, columns)
	z := make([][]float64, len(d.x))
	buf := make([]float64, len(d.x)*len(columns))
	for i := range d.x {
		z[i], buf = buf[:len(columns):len(columns)], buf[len(columns):]
		for k, c := range columns {
			z[i][k] = clip((d.x[i][c]-l.Mean[k])/l.Dev[k], -6, 6)
		}
	}
	bias, beta, err := newton(z, d.y, d.w, nil, ridge)
	if err != nil {
		return Linear{}, err
	}
	l.Bias, l.Weights = bias, beta
	return l, nil
}

// standardise computes weighted means and deviations.
func standardise(d design, columns []int) Linear {
	l := Linear{Features: columns, Mean: make([]float64, len(columns)), Dev: make([]float64, len(columns))}
	total := 0.0
	for i := range d.x {
		total += d.w[i]
		for k, c := range columns {
			l.Mean[k] += d.w[i] * d.x[i][c]
		}
	}
	for k := range columns {
		l.Mean[k] /= math.Max(total, 1e-300)
	}
	for i := range d.x {
		for k, c := range columns {
			e := d.x[i][c] - l.Mean[k]
			l.Dev[k] += d.w[i] * e * e
		}
	}
	for k := range columns {
		l.Dev[k] = math.Sqrt(l.Dev[k] / math.Max(total, 1e-300))
		if l.Dev[k] < 1e-9 {
			l.Dev[k] = 1
		}
	}
	return l
}

// newton minimises the objective with an optional fixed offset per row.
func newton(x [][]float64, y, w, offset []float64, ridge float64) (bias float64, beta []float64, err error) {
	p := 0
	if len(x) > 0 {
		p = len(x[0])
	}
	theta := make([]float64, p+1) // theta[p] is the bias
	total := 0.0
	for _, v := range w {
		total += v
	}
	if total <= 0 {
		return 0, theta[:p], nil
	}
	value := func(t []float64) float64 {
		s := 0.0
		for i := range x {
			z := score(x[i], t, offset, i)
			s += w[i] * (softplus(z) - y[i]*z)
		}
		s /= total
		for _, b := range t[:p] {
			s += ridge / 2 * b * b
		}
		return s
	}
	now := value(theta)
	for range newtonSteps {
		g, h := derivatives(x, y, w, offset, theta, ridge, total)
		norm := 0.0
		for _, v := range g {
			norm += v * v
		}
		if math.Sqrt(norm) < gradientTol {
			break
		}
		if !solve(h, g) {
			return 0, nil, errSingular
		}
		step := 1.0
		for ; step > 1e-6; step /= 2 { // halve until the objective falls
			next := make([]float64, p+1)
			for k := range next {
				next[k] = theta[k] - step*g[k]
			}
			if v := value(next); v <= now {
				theta, now = next, v
				break
			}
		}
		if step <= 1e-6 {
			break
		}
	}
	return theta[p], theta[:p], nil
}

func score(x, theta, offset []float64, i int) float64 {
	z := theta[len(theta)-1]
	for k, v := range x {
		z += theta[k] * v
	}
	if offset != nil {
		z += offset[i]
	}
	return z
}

func softplus(z float64) float64 {
	if z > 30 {
		return z
	}
	return math.Log1p(math.Exp(z))
}

// derivatives are gradient and Hessian of the objective.
func derivatives(x [][]float64, y, w, offset, theta []float64, ridge, total float64) (g []float64, h [][]float64) {
	p := len(theta) - 1
	g = make([]float64, p+1)
	h = make([][]float64, p+1)
	for k := range h {
		h[k] = make([]float64, p+1)
	}
	row := make([]float64, p+1)
	row[p] = 1
	for i := range x {
		copy(row, x[i])
		q := sigmoid(score(x[i], theta, offset, i))
		r, v := w[i]*(q-y[i])/total, w[i]*q*(1-q)/total
		for a, xa := range row {
			g[a] += r * xa
			if va := v * xa; va != 0 {
				for b := 0; b <= a; b++ {
					h[a][b] += va * row[b]
				}
			}
		}
	}
	for k := range p {
		g[k] += ridge * theta[k]
		h[k][k] += ridge
	}
	h[p][p] += 1e-12
	return g, h
}

// solve replaces b by the solution of h x = b, h symmetric and given by its
// lower half, which is overwritten by its Cholesky factor.
func solve(h [][]float64, b []float64) bool {
	n := len(b)
	for i := range n {
		for j := range i + 1 {
			s := h[i][j]
			for k := range j {
				s -= h[i][k] * h[j][k]
			}
			if i == j {
				if s <= 0 {
					return false
				}
				h[i][i] = math.Sqrt(s)
			} else {
				h[i][j] = s / h[j][j]
			}
		}
	}
	for i := range n {
		for k := range i {
			b[i] -= h[i][k] * b[k]
		}
		b[i] /= h[i][i]
	}
	for i := n - 1; i >= 0; i-- {
		for k := i + 1; k < n; k++ {
			b[i] -= h[k][i] * b[k]
		}
		b[i] /= h[i][i]
	}
	return true
}

// fitStack fits W on the logits of the six dimensions with weights >= 0:
// the most negative one is fixed at 0 until none is left. use says which
// dimensions may enter; offset is a fixed part of each row's logit, or nil.
func fitStack(logits []Profile, y, w, offset []float64, use [NumDims]bool) (Stack, error) {
	var s Stack
	for {
		var cols []int
		for d := range use {
			if use[d] {
				cols = append(cols, d)
			}
		}
		x := make([][]float64, len(logits))
		for i := range logits {
			x[i] = make([]float64, len(cols))
			for k, d := range cols {
				x[i][k] = logits[i][d]
			}
		}
		bias, beta, err := newton(x, y, w, offset, 1e-4)
		if err != nil {
			return s, err
		}
		worst, at := 0.0, -1
		for k, b := range beta {
			if b < worst {
				worst, at = b, k
			}
		}
		if at < 0 {
			s.Bias = bias
			for k, d := range cols {
				s.A[d] = beta[k]
			}
			return s, nil
		}
		use[cols[at]] = false
	}
}
