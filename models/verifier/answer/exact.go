package answer

// exact evaluates a constant in Q(i, √…); ok is false when it is not there,
// is refused, or holds a variable.
func (c *calc) exact(n *node) (surd, bool) {
	if !c.spend(4) {
		return surd{}, false
	}
	switch n.kind {
	case kNum:
		return rationalSurd(n.num), true
	case kConst:
		return imaginaryUnit(), n.op == "i"
	case kNeg:
		s, ok := c.exact(n.args[0])
		if !ok {
			return s, false
		}
		return c.scaleSurd(s, integer(-1)), true
	case kAdd, kMul:
		return c.exactFold(n)
	case kDiv:
		a, ok := c.exact(n.args[0])
		if !ok {
			return a, false
		}
		b, ok := c.exact(n.args[1])
		if !ok {
			return b, false
		}
		if b.rational() {
			a = c.scaleSurd(a, b.r.inv())
		} else {
			a = c.mulSurd(a, c.invSurd(b))
		}
		return a, a.ok()
	case kPow:
		return c.exactPower(n)
	case kPercent:
		s, ok := c.exact(n.args[0])
		if !ok {
			return s, false
		}
		return c.scaleSurd(s, ratio(1, 100)), true
	case kFunc:
		return c.exactFunc(n)
	case kUnit:
		return c.exact(n.args[0])
	}
	return surd{}, false
}

func (c *calc) exactFold(n *node) (surd, bool) {
	acc, ok := c.exact(n.args[0])
	if !ok {
		return acc, false
	}
	for _, a := range n.args[1:] {
		s, ok := c.exact(a)
		if !ok {
			return s, false
		}
		if n.kind == kAdd {
			acc = c.addSurd(acc, s)
		} else {
			acc = c.mulSurd(acc, s)
		}
		if !acc.ok() {
			return acc, false
		}
	}
	return acc, true
}

// exactPower handles integer exponents, half-integer ones of rationals and
// k-th roots that come out even.
func (c *calc) exactPower(n *node) (surd, bool) {
	base, ok := c.exact(n.args[0])
	if !ok {
		return base, false
	}
	e, ok := c.exact(n.args[1])
	if !ok || !e.rational() || e.r.b != nil {
		return surd{}, false
	}
	k, q := e.r.n, e.r.d
	if q == 1 {
		return c.surdPower(base, k)
	}
	if !base.rational() || k > 64 || k < -64 {
		return surd{}, false
	}
	if base.r.sign() == 0 {
		return base, k > 0
	}
	if q == 2 {
		s, ok := c.sqrtSurd(base.r)
		if !ok {
			return s, false
		}
		return c.surdPower(s, k)
	}
	r, ok := c.root(base.r.abs(), q)
	if !ok {
		return surd{}, false
	}
	if base.r.sign() < 0 { // the real root of a negative number, for odd q
		if q%2 == 0 {
			return surd{}, false
		}
		r = r.neg()
	}
	return c.surdPower(rationalSurd(r), k)
}

func (c *calc) surdPower(s surd, k int64) (surd, bool) {
	if s.rational() {
		if k < 0 && s.r.sign() == 0 || k == 0 && s.r.sign() == 0 {
			return surd{}, false
		}
		r := rationalSurd(c.pow(s.r, k))
		return r, r.ok()
	}
	if k < 0 {
		s, k = c.invSurd(s), -k
	}
	if k > 200 {
		return surd{}, false
	}
	out := rationalSurd(integer(1))
	for ; k > 0 && out.ok(); k >>= 1 {
		if k&1 == 1 {
			out = c.mulSurd(out, s)
		}
		if k > 1 {
			s = c.mulSurd(s, s)
		}
	}
	return out, out.ok()
}

// exactFunc evaluates the functions that keep rationals rational.
func (c *calc) exactFunc(n *node) (surd, bool) {
	switch n.op {
	case "sqrt":
		s, ok := c.exact(n.args[0])
		if !ok || !s.rational() {
			return surd{}, false
		}
		return c.sqrtSurd(s.r)
	case "abs", "floor", "ceil", "factorial", "binom", "gcd", "lcm", "min", "max":
	default:
		return surd{}, false
	}
	args := make([]num, 0, 2)
	for _, a := range n.args {
		s, ok := c.exact(a)
		if !ok || !s.rational() {
			return surd{}, false
		}
		args = append(args, s.r)
	}
	r := c.rationalFunc(n.op, args)
	return rationalSurd(r), r.ok()
}

func (c *calc) rationalFunc(op string, args []num) num {
	if len(args) == 0 {
		return num{}
	}
	a := args[0]
	switch op {
	case "abs":
		return a.abs()
	case "floor":
		return floor(a)
	case "ceil":
		return floor(a.neg()).neg()
	case "factorial":
		return c.factorial(a)
	case "binom":
		if len(args) == 2 {
			return c.binomial(a, args[1])
		}
		return num{}
	}
	for _, b := range args[1:] {
		switch op {
		case "min":
			if b.cmp(a) < 0 {
				a = b
			}
		case "max":
			if b.cmp(a) > 0 {
				a = b
			}
		default:
			x, ok1 := a.int64()
			y, ok2 := b.int64()
			if !ok1 || !ok2 || x == 0 || y == 0 {
				return num{}
			}
			g := gcd(x, y)
			if g < 0 {
				g = -g
			}
			a = integer(g)
			if op == "lcm" {
				a = c.mul(integer(x/g), integer(y)).abs()
			}
		}
	}
	return a
}

// floor is the largest integer not above a.
func floor(a num) num {
	if !a.ok() || a.isInt() {
		return a
	}
	q := bigInt(0)
	r := a.rat()
	q.DivMod(r.Num(), r.Denom(), bigInt(0))
	return fromRat(ratInt(q))
}

// factorial is refused above 1000.
func (c *calc) factorial(a num) num {
	n, ok := a.int64()
	if !ok || n < 0 || n > 1000 {
		return num{}
	}
	out := integer(1)
	for i := int64(2); i <= n; i++ {
		out = c.mul(out, integer(i))
	}
	return out
}

// binomial is refused above 1000.
func (c *calc) binomial(a, b num) num {
	n, ok1 := a.int64()
	k, ok2 := b.int64()
	if !ok1 || !ok2 || n < 0 || n > 1000 {
		return num{}
	}
	if k < 0 || k > n {
		return integer(0)
	}
	if c.left -= int(min(k, n-k)); c.left <= 0 {
		return num{}
	}
	z := bigInt(0)
	z.Binomial(n, k)
	return fromRat(ratInt(z))
}
