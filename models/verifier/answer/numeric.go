package answer

import (
	"math"
	"math/cmplx"
)

// approx is a complex value with a running magnitude bound: rounding leaves
// an absolute error of a few times 1e-16·mag.
type approx struct {
	v   complex128
	mag float64
}

func point(v complex128) approx { return approx{v, cmplx.Abs(v)} }

// finite says whether the value is usable.
func (a approx) finite() bool {
	return !cmplx.IsNaN(a.v) && !cmplx.IsInf(a.v) && !math.IsInf(a.mag, 0) && !math.IsNaN(a.mag)
}

// env gives variables their values; nil for constants.
type env map[string]complex128

// eval evaluates numerically; ok is false for what has no number (containers,
// texts, unknown variables, infinity).
func (c *calc) eval(n *node, vars env) (approx, bool) {
	if !c.spend(40) {
		return approx{}, false
	}
	switch n.kind {
	case kNum:
		return point(complex(n.num.float(), 0)), true
	case kConst:
		switch n.op {
		case "pi":
			return point(math.Pi), true
		case "e":
			return point(math.E), true
		case "i":
			return point(1i), true
		}
		return approx{}, false
	case kVar:
		v, ok := vars[n.op]
		return point(v), ok
	case kUnit:
		return c.eval(n.args[0], vars)
	}
	var buf [4]approx
	args := buf[:0]
	for i, a := range n.args {
		if n.kind == kFunc && a.kind == kUnit && a.op == "degree" {
			x, ok := c.eval(a.args[0], vars)
			if !ok {
				return x, false
			}
			args = append(args, approx{x.v * (math.Pi / 180), x.mag * (math.Pi / 180)})
			continue
		}
		if i >= 64 && n.kind == kFunc {
			return approx{}, false
		}
		x, ok := c.eval(a, vars)
		if !ok {
			return x, false
		}
		args = append(args, x)
	}
	return combine(n, args)
}

// combine applies a node to evaluated arguments.
func combine(n *node, args []approx) (approx, bool) {
	switch n.kind {
	case kNeg:
		return approx{-args[0].v, args[0].mag}, true
	case kPercent:
		return approx{args[0].v / 100, args[0].mag / 100}, true
	case kAdd:
		out := approx{}
		for _, a := range args {
			out.v += a.v
			out.mag += a.mag
		}
		return out, true
	case kMul:
		out := args[0]
		for _, a := range args[1:] {
			out = times(out, a)
		}
		return out, true
	case kDiv:
		d := args[1]
		if d.v == 0 || cmplx.Abs(d.v) < 1e-14*d.mag {
			return approx{cmplx.NaN(), 0}, true
		}
		inv := approx{1 / d.v, d.mag / (cmplx.Abs(d.v) * cmplx.Abs(d.v))}
		return times(args[0], inv), true
	case kPow:
		return power(args[0], args[1]), true
	case kFunc:
		return function(n.op, args)
	}
	return approx{}, false
}

func times(a, b approx) approx {
	return approx{a.v * b.v, math.Max(cmplx.Abs(a.v)*b.mag, a.mag*cmplx.Abs(b.v))}
}

// power is a^b on the principal branch; small integer exponents multiply.
func power(a, b approx) approx {
	if k := real(b.v); imag(b.v) == 0 && k == math.Trunc(k) && math.Abs(k) <= 64 {
		out := approx{1, 1}
		for i := 0; i < int(math.Abs(k)); i++ {
			out = times(out, a)
		}
		if k < 0 {
			r := cmplx.Abs(out.v)
			return approx{1 / out.v, out.mag / (r * r)}
		}
		return out
	}
	if a.v == 0 {
		if real(b.v) > 0 {
			return approx{0, a.mag}
		}
		return approx{cmplx.NaN(), 0}
	}
	// The real root of a negative real for an odd denominator: (-8)^{2/3}.
	for q := 3.0; q <= 9 && imag(a.v) == 0 && real(a.v) < 0 && imag(b.v) == 0; q += 2 {
		if k := real(b.v) * q; math.Abs(k-math.Round(k)) < 1e-12 {
			v := math.Pow(-real(a.v), real(b.v))
			if math.Mod(math.Round(k), 2) != 0 {
				v = -v
			}
			return approx{complex(v, 0), math.Abs(v) * (1 + a.mag/math.Abs(real(a.v)))}
		}
	}
	v := cmplx.Pow(a.v, b.v)
	cond := 1 + cmplx.Abs(b.v)*a.mag/cmplx.Abs(a.v) + b.mag*math.Abs(math.Log(cmplx.Abs(a.v)))
	return approx{v, cmplx.Abs(v) * cond}
}

// function evaluates a named function. Its bound is the slope times the
// argument's bound, where a simple one is known.
func function(op string, args []approx) (approx, bool) {
	if len(args) == 0 {
		return approx{}, false
	}
	a := args[0]
	if op != "log" && op != "binom" && op != "min" && op != "max" && op != "gcd" && op != "lcm" && len(args) > 1 {
		return approx{}, false
	}
	switch op {
	case "sqrt":
		v := cmplx.Sqrt(a.v)
		r := cmplx.Abs(v)
		if r == 0 {
			return approx{0, math.Sqrt(a.mag * 1e-16)}, true
		}
		return approx{v, r + a.mag/r}, true
	case "abs":
		return approx{complex(cmplx.Abs(a.v), 0), a.mag}, true
	case "exp":
		v := cmplx.Exp(a.v)
		return approx{v, cmplx.Abs(v) * (1 + a.mag)}, true
	case "ln", "log":
		return logarithm(op, args)
	case "sin":
		return approx{cmplx.Sin(a.v), math.Max(1, cmplx.Abs(cmplx.Sin(a.v))) + a.mag}, true
	case "cos":
		return approx{cmplx.Cos(a.v), math.Max(1, cmplx.Abs(cmplx.Cos(a.v))) + a.mag}, true
	case "tan", "cot", "sec", "csc":
		s, co := cmplx.Sin(a.v), cmplx.Cos(a.v)
		num, den := s, co
		switch op {
		case "cot":
			num, den = co, s
		case "sec":
			num = 1
		case "csc":
			num, den = 1, s
		}
		r := cmplx.Abs(den)
		if r < 1e-14*(1+a.mag) {
			return approx{cmplx.NaN(), 0}, true
		}
		return approx{num / den, (1 + a.mag) * (1 + 1/(r*r))}, true
	}
	if v, ok := otherFunction(op, a.v); ok {
		return approx{v, cmplx.Abs(v) + a.mag + 1}, true
	}
	return realFunction(op, args)
}

// otherFunction holds those without a special bound.
func otherFunction(op string, v complex128) (complex128, bool) {
	switch op {
	case "arcsin":
		return cmplx.Asin(v), true
	case "arccos":
		return cmplx.Acos(v), true
	case "arctan":
		return cmplx.Atan(v), true
	case "sinh":
		return cmplx.Sinh(v), true
	case "cosh":
		return cmplx.Cosh(v), true
	case "tanh":
		return cmplx.Tanh(v), true
	}
	return 0, false
}

// logarithm is ln a, log_b a, or log_10 a when no base is written.
func logarithm(op string, args []approx) (approx, bool) {
	a := args[0]
	if a.v == 0 || len(args) > 2 {
		return approx{cmplx.NaN(), 0}, true
	}
	v := cmplx.Log(a.v)
	out := approx{v, cmplx.Abs(v) + a.mag/cmplx.Abs(a.v)}
	var base complex128
	switch {
	case len(args) == 2:
		base = cmplx.Log(args[1].v)
	case op == "log":
		base = complex(math.Ln10, 0)
	default:
		return out, true
	}
	if base == 0 {
		return approx{cmplx.NaN(), 0}, true
	}
	return approx{out.v / base, out.mag / cmplx.Abs(base)}, true
}

// realFunction evaluates functions of reals.
func realFunction(op string, args []approx) (approx, bool) {
	var x [8]float64
	if len(args) > len(x) {
		return approx{}, false
	}
	for i, a := range args {
		if math.Abs(imag(a.v)) > 1e-12*(1+a.mag) {
			return approx{cmplx.NaN(), 0}, true
		}
		x[i] = real(a.v)
	}
	r := math.NaN()
	switch op {
	case "floor":
		r = math.Floor(x[0])
	case "ceil":
		r = math.Ceil(x[0])
	case "factorial":
		r = math.Gamma(x[0] + 1)
	case "min", "max":
		r = x[0]
		for _, y := range x[1:len(args)] {
			if op == "min" {
				r = math.Min(r, y)
			} else {
				r = math.Max(r, y)
			}
		}
	case "binom":
		if len(args) == 2 {
			r = math.Gamma(x[0]+1) / math.Gamma(x[1]+1) / math.Gamma(x[0]-x[1]+1)
		}
	default:
		return approx{}, false
	}
	return point(complex(r, 0)), true
}
