package stats

import (
	"math"
	"slices"
)

// sampler evaluates one statistic over drawn units. value is NaN where the
// statistic is undefined.
type sampler interface {
	reset()
	add(unit int)
	value() float64
}

func (q Bootstrap) sampler(units [][]int) sampler {
	switch q.Stat {
	case StatMean, StatPearson:
		return newMoments(q, units)
	case StatSpearman:
		return newRankProduct(q.X, q.Y, units)
	}
	return newCounter(q, units)
}

// sums of a unit or of all drawn ones, of centred values.
type sums struct {
	n, x, y, xx, yy, xy    float64
	minX, maxX, minY, maxY float64
}

// moments serves the statistics that depend on sums alone: those of a unit
// are made once.
type moments struct {
	pearson    bool
	unit       []sums
	start, now sums
	centreX    float64
}

func newMoments(q Bootstrap, units [][]int) *moments {
	m := &moments{pearson: q.Stat == StatPearson, unit: make([]sums, len(units)), centreX: mean(q.X)}
	inf := math.Inf(1)
	m.start = sums{minX: inf, minY: inf, maxX: -inf, maxY: -inf}
	centreY := 0.0
	if m.pearson {
		centreY = mean(q.Y)
	}
	for u, members := range units {
		s := m.start
		for _, i := range members {
			x, y := q.X[i]-m.centreX, 0.0
			if m.pearson {
				y = q.Y[i] - centreY
			}
			s = s.plus(sums{1, x, y, x * x, y * y, x * y, x, x, y, y})
		}
		m.unit[u] = s
	}
	m.reset()
	return m
}

func (s sums) plus(t sums) sums {
	return sums{s.n + t.n, s.x + t.x, s.y + t.y, s.xx + t.xx, s.yy + t.yy, s.xy + t.xy,
		min(s.minX, t.minX), max(s.maxX, t.maxX), min(s.minY, t.minY), max(s.maxY, t.maxY)}
}

func (m *moments) reset()    { m.now = m.start }
func (m *moments) add(u int) { m.now = m.now.plus(m.unit[u]) }

func (m *moments) value() float64 {
	s := m.now
	if !m.pearson {
		return m.centreX + s.x/s.n
	}
	if s.minX == s.maxX || s.minY == s.maxY {
		return nan
	}
	a, b, c := s.xy-s.x*s.y/s.n, s.xx-s.x*s.x/s.n, s.yy-s.y*s.y/s.n
	if !(b > 0 && c > 0) {
		return nan
	}
	return snap(a / math.Sqrt(b*c))
}

// rankProduct is Spearman's correlation. Rows are kept in the order of x; a
// tie group is a number, and only group sizes are counted.
type rankProduct struct {
	units  [][]int // positions in the order of x
	gx, gy []int32 // tie group of each position
	times  []float64
	nx, ny []float64 // drawn rows a group, then centred midranks
}

func newRankProduct(x, y []float64, units [][]int) *rankProduct {
	id := order(x)
	place := make([]int, len(id))
	sx, sy := make([]float64, len(id)), make([]float64, len(id))
	for p, i := range id {
		place[i], sx[p], sy[p] = p, x[i], y[i]
	}
	r := &rankProduct{units: make([][]int, len(units)), times: make([]float64, len(id))}
	for u, members := range units {
		for _, i := range members {
			r.units[u] = append(r.units[u], place[i])
		}
	}
	var kx, ky int
	r.gx, kx = tieGroups(sx)
	r.gy, ky = tieGroups(sy)
	r.nx, r.ny = make([]float64, kx), make([]float64, ky)
	return r
}

// tieGroups numbers equal values in rising order.
func tieGroups(x []float64) (group []int32, count int) {
	group = make([]int32, len(x))
	id := order(x)
	for k, i := range id {
		if k > 0 && x[i] != x[id[k-1]] {
			count++
		}
		group[i] = int32(count)
	}
	return group, count + 1
}

func (r *rankProduct) reset() { clear(r.times) }

func (r *rankProduct) add(u int) {
	for _, p := range r.units[u] {
		r.times[p]++
	}
}

func (r *rankProduct) value() float64 {
	clear(r.nx)
	clear(r.ny)
	n := 0.0
	for p, t := range r.times {
		r.nx[r.gx[p]] += t
		r.ny[r.gy[p]] += t
		n += t
	}
	b, c, a := centredMidranks(r.nx, n), centredMidranks(r.ny, n), 0.0
	if b == 0 || c == 0 {
		return nan
	}
	for p, t := range r.times {
		a += t * r.nx[r.gx[p]] * r.ny[r.gy[p]]
	}
	return snap(a / math.Sqrt(b*c))
}

// centredMidranks replaces group sizes by midranks minus their mean, and
// returns the sum of their squares over all rows.
func centredMidranks(size []float64, n float64) float64 {
	below, ss := 0.0, 0.0
	for g, t := range size {
		m := below + (t+1)/2 - (n+1)/2
		ss += t * m * m
		below += t
		size[g] = m
	}
	return ss
}

// counter serves the statistics of sorted scores: how often each row was drawn.
type counter struct {
	stat  string
	units [][]int
	x     []float64
	label []int
	id    []int // sorts x
	times []float64
}

func newCounter(q Bootstrap, units [][]int) *counter {
	c := &counter{stat: q.Stat, units: units, x: q.X, id: order(q.X), times: make([]float64, len(q.X))}
	for _, v := range q.Y {
		c.label = append(c.label, int(v))
	}
	return c
}

func (c *counter) reset() { clear(c.times) }

func (c *counter) add(u int) {
	for _, i := range c.units[u] {
		c.times[i]++
	}
}

func (c *counter) value() float64 {
	switch {
	case c.stat == StatIQM:
		return c.iqm()
	case c.oneClass():
		return nan
	case c.stat == StatAUROC:
		return c.auroc()
	}
	return weightedAP(c.id, c.x, c.label, c.times)
}

// iqm drops ⌊n/4⌋ drawn values at each end.
func (c *counter) iqm() float64 {
	n := sum(c.times)
	from := math.Floor(n / 4)
	to := n - from
	s, at := 0.0, 0.0
	for _, i := range c.id {
		s += c.x[i] * math.Max(0, math.Min(at+c.times[i], to)-math.Max(at, from))
		at += c.times[i]
	}
	return s / (to - from)
}

func (c *counter) oneClass() bool {
	var n [2]float64
	for i, l := range c.label {
		n[l] += c.times[i]
	}
	return slices.Contains(n[:], 0)
}

// auroc is the share of (positive, negative) pairs in the right order, ties
// half.
func (c *counter) auroc() float64 {
	var won, below, positives float64 // below: negatives with a smaller score
	for i := 0; i < len(c.id); {
		j := i
		var n [2]float64
		for j < len(c.id) && c.x[c.id[j]] == c.x[c.id[i]] {
			n[c.label[c.id[j]]] += c.times[c.id[j]]
			j++
		}
		won += n[1] * (below + n[0]/2)
		below += n[0]
		positives += n[1]
		i = j
	}
	return won / (below * positives)
}
