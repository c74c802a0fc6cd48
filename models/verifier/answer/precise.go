package answer

import "math/big"

// prec is the precision of the second evaluation, in bits.
const prec = 200

// guard is what the series keep in excess of it.
const guard = prec + 64

func bigFloat(x float64) *big.Float { return new(big.Float).SetPrec(guard).SetFloat64(x) }
func newFloat() *big.Float          { return new(big.Float).SetPrec(guard) }

// precise evaluates a real constant with 200 bits. ok is false where the
// value is not real, undefined, or needs a function without a series here;
// then the first evaluation decides alone.
func (c *calc) precise(n *node) (*big.Float, bool) {
	if !c.spend(2000) {
		return nil, false
	}
	switch n.kind {
	case kNum:
		return newFloat().SetRat(n.num.rat()), true
	case kConst:
		switch n.op {
		case "pi":
			return pi(), true
		case "e":
			return expBig(bigFloat(1))
		}
		return nil, false
	}
	args := make([]*big.Float, 0, 2)
	for _, a := range n.args {
		degrees := a.kind == kUnit && a.op == "degree"
		if degrees {
			a = a.args[0]
		}
		x, ok := c.precise(a)
		if !ok {
			return nil, false
		}
		if degrees && n.kind == kFunc {
			x = newFloat().Quo(newFloat().Mul(x, pi()), bigFloat(180))
		}
		args = append(args, x)
	}
	return preciseNode(n, args)
}

// preciseNode applies a node to evaluated arguments.
func preciseNode(n *node, args []*big.Float) (*big.Float, bool) {
	switch n.kind {
	case kUnit:
		return args[0], true
	case kNeg:
		return newFloat().Neg(args[0]), true
	case kPercent:
		return newFloat().Quo(args[0], bigFloat(100)), true
	case kAdd, kMul:
		out := newFloat().Set(args[0])
		for _, a := range args[1:] {
			if n.kind == kAdd {
				out.Add(out, a)
			} else {
				out.Mul(out, a)
			}
			if out.IsInf() {
				return nil, false
			}
		}
		return out, true
	case kDiv:
		if args[1].Sign() == 0 {
			return nil, false
		}
		return newFloat().Quo(args[0], args[1]), true
	case kPow:
		return powBig(args[0], args[1])
	case kFunc:
		return funcBig(n.op, args)
	}
	return nil, false
}

// bounded says whether the binary exponent is small enough for the series.
func bounded(x *big.Float) bool { e := x.MantExp(nil); return e < 20 && !x.IsInf() }

func funcBig(op string, args []*big.Float) (*big.Float, bool) {
	a := args[0]
	if len(args) == 2 && op == "log" {
		x, ok1 := logBig(a)
		y, ok2 := logBig(args[1])
		if !ok1 || !ok2 || y.Sign() == 0 {
			return nil, false
		}
		return newFloat().Quo(x, y), true
	}
	if len(args) != 1 {
		return nil, false
	}
	switch op {
	case "sqrt":
		if a.Sign() < 0 {
			return nil, false
		}
		return newFloat().Sqrt(a), true
	case "abs":
		return newFloat().Abs(a), true
	case "exp":
		return expBig(a)
	case "ln":
		return logBig(a)
	case "log":
		x, ok := logBig(a)
		if !ok {
			return nil, false
		}
		ten, _ := logBig(bigFloat(10))
		return newFloat().Quo(x, ten), true
	case "sin", "cos", "tan":
		if !bounded(a) {
			return nil, false
		}
		s, co := sinCos(a)
		switch {
		case op == "sin":
			return s, true
		case op == "cos":
			return co, true
		case co.Sign() == 0:
			return nil, false
		}
		return newFloat().Quo(s, co), true
	case "arctan":
		return atanBig(a), true
	}
	return nil, false
}

// powBig is a^b for a > 0, or for a small integer b.
func powBig(a, b *big.Float) (*big.Float, bool) {
	if b.IsInt() {
		k, acc := b.Int64()
		if acc != big.Exact || k > 10000 || k < -10000 || a.Sign() == 0 && k <= 0 {
			return nil, false
		}
		out, neg := bigFloat(1), k < 0
		if neg {
			k = -k
		}
		for x := newFloat().Set(a); k > 0; k >>= 1 {
			if k&1 == 1 {
				out.Mul(out, x)
			}
			x.Mul(x, x)
			if x.IsInf() || out.IsInf() || out.Sign() == 0 {
				return nil, false
			}
		}
		if neg {
			out.Quo(bigFloat(1), out)
		}
		return out, true
	}
	if a.Sign() <= 0 {
		return nil, false
	}
	l, ok := logBig(a)
	if !ok {
		return nil, false
	}
	return expBig(l.Mul(l, b))
}

// tiny says whether a series term no longer matters next to one.
func tiny(x *big.Float) bool { return x.Sign() == 0 || x.MantExp(nil) < -guard }

// expBig halves the argument until it is below 2^-8, sums the series and
// squares back.
func expBig(x *big.Float) (*big.Float, bool) {
	if !bounded(x) {
		return nil, false
	}
	halvings := max(0, x.MantExp(nil)+8)
	y := newFloat().SetMantExp(x, -halvings)
	sum, term := bigFloat(1), bigFloat(1)
	for k := 1; k < 200; k++ {
		term.Mul(term, y).Quo(term, bigFloat(float64(k)))
		if tiny(term) {
			break
		}
		sum.Add(sum, term)
	}
	for range halvings {
		sum.Mul(sum, sum)
	}
	return sum, true
}

// logBig writes x = m·2^e with m in [½,1) and takes ln m = 2 artanh((m−1)/(m+1)).
func logBig(x *big.Float) (*big.Float, bool) {
	if x.Sign() <= 0 || x.IsInf() {
		return nil, false
	}
	m := newFloat()
	e := x.MantExp(m)
	out := artanh2(m)
	if e != 0 { // ln 2 = −ln ½
		out.Sub(out, newFloat().Mul(bigFloat(float64(e)), artanh2(bigFloat(0.5))))
	}
	return out, true
}

func artanh2(m *big.Float) *big.Float {
	q := newFloat().Quo(newFloat().Sub(m, bigFloat(1)), newFloat().Add(m, bigFloat(1)))
	return newFloat().Mul(bigFloat(2), oddSeries(q, 1))
}

// oddSeries sums q + s·q³/3 + s²·q⁵/5 + … : artanh for s = 1, atan for −1.
func oddSeries(q *big.Float, s float64) *big.Float {
	q2 := newFloat().Mul(q, q)
	q2.Mul(q2, bigFloat(s))
	sum, p := newFloat().Set(q), newFloat().Set(q)
	for k := 3; k < 800; k += 2 {
		p.Mul(p, q2)
		t := newFloat().Quo(p, bigFloat(float64(k)))
		if tiny(t) {
			break
		}
		sum.Add(sum, t)
	}
	return sum
}

// atanBig halves the angle twice, atan x = 2 atan(x/(1+√(1+x²))), then sums.
func atanBig(x *big.Float) *big.Float {
	y := newFloat().Set(x)
	for range 2 {
		r := newFloat().Sqrt(newFloat().Add(bigFloat(1), newFloat().Mul(y, y)))
		y.Quo(y, r.Add(r, bigFloat(1)))
	}
	return newFloat().Mul(bigFloat(4), oddSeries(y, -1))
}

// pi is 16 atan(1/5) − 4 atan(1/239).
func pi() *big.Float {
	fifth := oddSeries(newFloat().Quo(bigFloat(1), bigFloat(5)), -1)
	rest := oddSeries(newFloat().Quo(bigFloat(1), bigFloat(239)), -1)
	return fifth.Mul(fifth, bigFloat(16)).Sub(fifth, rest.Mul(rest, bigFloat(4)))
}

// sinCos reduces to |x| ≤ π, halves five times and doubles the angle back.
func sinCos(x *big.Float) (s, c *big.Float) {
	turn := newFloat().Mul(pi(), bigFloat(2))
	q := newFloat().Quo(x, turn)
	f, _ := q.Float64()
	n := newFloat().SetInt64(int64(f + 0.5))
	y := newFloat().Sub(x, n.Mul(n, turn))
	y.SetMantExp(y, -5)
	s, term := newFloat().Set(y), newFloat().Set(y)
	c = bigFloat(1)
	t := bigFloat(1)
	y2 := newFloat().Mul(y, y)
	for k := 1; k < 100; k++ {
		t.Mul(t, y2).Quo(t, bigFloat(float64(-(2*k-1)*(2*k))))
		term.Mul(term, y2).Quo(term, bigFloat(float64(-(2*k)*(2*k+1))))
		if tiny(t) {
			break
		}
		c.Add(c, t)
		s.Add(s, term)
	}
	for range 5 {
		s2 := newFloat().Mul(s, c)
		c.Mul(c, c).Sub(c, newFloat().Mul(s, s))
		s = s2.Mul(s2, bigFloat(2))
	}
	return s, c
}
