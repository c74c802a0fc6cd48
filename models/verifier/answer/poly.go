package answer

import "sort"

// Bounds of exact expansion; beyond them expressions are probed.
const (
	maxVars   = 3
	maxDegree = 12
)

// mono is c·x^a·y^b·z^c with the exponents in the bytes of e.
type mono struct {
	e uint32
	c num
}

// poly is a polynomial with rational coefficients: monomials by descending e,
// none zero. The empty one is 0.
type poly []mono

// quotient is a rational function p/q.
type quotient struct{ p, q poly }

func constant(n num) poly {
	if n.sign() == 0 {
		return nil
	}
	return poly{{0, n}}
}

func degree(e uint32) int { return int(e&255 + e>>8&255 + e>>16&255) }

// collectPoly sorts, merges and drops zeros; ok is false when a coefficient
// was refused.
func (c *calc) collectPoly(p poly) (poly, bool) {
	sort.Slice(p, func(i, j int) bool { return p[i].e > p[j].e })
	out := p[:0]
	for i := 0; i < len(p); {
		m := p[i]
		for i++; i < len(p) && p[i].e == m.e; i++ {
			m.c = c.add(m.c, p[i].c)
		}
		if !m.c.ok() {
			return nil, false
		}
		if m.c.sign() != 0 {
			out = append(out, m)
		}
	}
	return out, true
}

func (c *calc) addPoly(a, b poly) (poly, bool) {
	if !c.spend((len(a) + len(b)) * 100) {
		return nil, false
	}
	return c.collectPoly(append(append(make(poly, 0, len(a)+len(b)), a...), b...))
}

func (c *calc) mulPoly(a, b poly) (poly, bool) {
	if !c.spend(len(a)*len(b)*150) || len(a) > 0 && len(b) > 0 && topDegree(a)+topDegree(b) > maxDegree {
		return nil, false
	}
	out := make(poly, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			out = append(out, mono{x.e + y.e, c.mul(x.c, y.c)})
		}
	}
	return c.collectPoly(out)
}

func topDegree(p poly) int {
	d := 0
	for _, m := range p {
		d = max(d, degree(m.e))
	}
	return d
}

// expand turns an expression into a quotient of polynomials in vars.
func (c *calc) expand(n *node, vars []string) (quotient, bool) {
	one := constant(integer(1))
	switch n.kind {
	case kNum:
		return quotient{constant(n.num), one}, n.num.ok()
	case kVar:
		for i, v := range vars {
			if v == n.op {
				return quotient{poly{{1 << (8 * i), integer(1)}}, one}, true
			}
		}
		return quotient{}, false
	case kNeg, kAdd, kMul, kDiv, kPercent, kUnit:
		return c.expandFold(n, vars)
	case kPow:
		e, ok := c.exact(n.args[1])
		if !ok || !e.rational() {
			return quotient{}, false
		}
		k, ok := e.r.int64()
		if !ok {
			break
		}
		a, ok := c.expand(n.args[0], vars)
		if !ok || k > 10000 || k < -10000 {
			return quotient{}, false
		}
		if k < 0 {
			a.p, a.q, k = a.q, a.p, -k
		}
		if len(a.p) == 1 && a.p[0].e == 0 && len(a.q) == 1 && a.q[0].e == 0 {
			break // a constant: exact handles large exponents
		}
		out := quotient{one, one}
		for ; k > 0 && ok; k-- {
			out, ok = c.mulQuotient(out, a)
		}
		return out, ok && len(out.q) > 0
	}
	s, ok := c.exact(n)
	if !ok || !s.rational() {
		return quotient{}, false
	}
	return quotient{constant(s.r), one}, true
}

func (c *calc) expandFold(n *node, vars []string) (quotient, bool) {
	acc, ok := c.expand(n.args[0], vars)
	if !ok {
		return acc, false
	}
	switch n.kind {
	case kNeg:
		return c.mulQuotient(acc, quotient{constant(integer(-1)), constant(integer(1))})
	case kPercent:
		return c.mulQuotient(acc, quotient{constant(ratio(1, 100)), constant(integer(1))})
	case kUnit:
		return acc, true
	}
	for _, arg := range n.args[1:] {
		b, ok := c.expand(arg, vars)
		if !ok {
			return b, false
		}
		switch n.kind {
		case kMul:
			acc, ok = c.mulQuotient(acc, b)
		case kDiv:
			acc, ok = c.mulQuotient(acc, quotient{b.q, b.p})
			ok = ok && len(acc.q) > 0
		case kAdd:
			acc, ok = c.addQuotient(acc, b)
		}
		if !ok {
			return acc, false
		}
	}
	return acc, true
}

func isOne(p poly) bool { return len(p) == 1 && p[0].e == 0 && p[0].c.equal(integer(1)) }

func (c *calc) mulQuotient(a, b quotient) (quotient, bool) {
	p, ok := c.mulPoly(a.p, b.p)
	if !ok {
		return quotient{}, false
	}
	if isOne(a.q) {
		return quotient{p, b.q}, true
	}
	q, ok := c.mulPoly(a.q, b.q)
	return quotient{p, q}, ok
}

func (c *calc) addQuotient(a, b quotient) (quotient, bool) {
	if isOne(a.q) && isOne(b.q) {
		p, ok := c.addPoly(a.p, b.p)
		return quotient{p, a.q}, ok
	}
	x, ok1 := c.mulPoly(a.p, b.q)
	y, ok2 := c.mulPoly(b.p, a.q)
	q, ok3 := c.mulPoly(a.q, b.q)
	if !ok1 || !ok2 || !ok3 {
		return quotient{}, false
	}
	p, ok := c.addPoly(x, y)
	return quotient{p, q}, ok
}

func samePoly(a, b poly) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].e != b[i].e || !a[i].c.equal(b[i].c) {
			return false
		}
	}
	return true
}

// sameQuotient cross-multiplies; known is false when that is out of bounds.
func (c *calc) sameQuotient(a, b quotient) (same, known bool) {
	if isOne(a.q) && isOne(b.q) {
		return samePoly(a.p, b.p), true
	}
	x, ok1 := c.mulPoly(a.p, b.q)
	y, ok2 := c.mulPoly(b.p, a.q)
	return samePoly(x, y), ok1 && ok2
}

// proportional returns k with a = k·b, ok false when there is none.
func (c *calc) proportional(a, b poly) (num, bool) {
	if len(a) != len(b) || len(a) == 0 {
		return num{}, false
	}
	k := c.div(a[0].c, b[0].c)
	for i := range a {
		if a[i].e != b[i].e || !a[i].c.equal(c.mul(k, b[i].c)) {
			return num{}, false
		}
	}
	return k, k.ok()
}

// variables lists the variables of a tree in order, at most limit+1 of them.
func variables(n *node, into []string, limit int) []string {
	if n.kind == kVar {
		i := sort.SearchStrings(into, n.op)
		if i < len(into) && into[i] == n.op || len(into) > limit {
			return into
		}
		into = append(into, "")
		copy(into[i+1:], into[i:])
		into[i] = n.op
		return into
	}
	for _, a := range n.args {
		into = variables(a, into, limit)
	}
	return into
}
