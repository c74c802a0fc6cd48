package answer

import (
	"math"
	"math/cmplx"
	"strings"
)

// comparer compares two trees within one budget; method is how the last
// comparison that mattered was made.
type comparer struct {
	*calc
	method string
	depth  int
}

// equal compares two answers of any kind.
func (k *comparer) equal(a, b *node) bool {
	if k.depth++; k.depth > 2*maxDepth || !k.spend(50) {
		return false
	}
	defer func() { k.depth-- }()
	if a.kind == kRel || b.kind == kRel {
		return k.relations(a, b)
	}
	if isSolution(a) || isSolution(b) {
		return k.sameSpans(a, b)
	}
	return k.values(a, b)
}

// values compares answers that are not relations or solution sets.
func (k *comparer) values(a, b *node) bool {
	a, b = k.expandSigns(a), k.expandSigns(b)
	if a.kind == kUnit || b.kind == kUnit {
		return k.units(a, b)
	}
	if a.kind == kPercent || b.kind == kPercent {
		return k.percent(a, b)
	}
	switch {
	case a.kind == kText || b.kind == kText:
		k.method = "text"
		x, ok1 := spelled(a)
		y, ok2 := spelled(b)
		return ok1 && ok2 && normalText(x) == normalText(y)
	case isCollection(a) || isCollection(b):
		return k.collections(a, b)
	case a.kind == kTuple || b.kind == kTuple:
		return k.tuples(a, b)
	case a.kind == kMatrix || b.kind == kMatrix:
		k.method = "matrix"
		ok := a.kind == b.kind && a.cols == b.cols && k.all(a.args, b.args)
		k.method = "matrix"
		return ok
	case a.kind == kRatio || b.kind == kRatio:
		ok := a.kind == b.kind && k.all(a.args, b.args)
		k.method = "tuple"
		return ok
	case a.kind == kBase || b.kind == kBase:
		return k.bases(a, b)
	}
	return k.scalars(a, b)
}

// spelled gives back the letters of a text, or of a short word that was read
// as a product of variables.
func spelled(n *node) (string, bool) {
	switch n.kind {
	case kText, kVar:
		return n.op, true
	case kConst:
		return n.op, len(n.op) == 1
	case kMul:
		word := ""
		for _, a := range n.args {
			if a.kind != kVar && a.kind != kConst || len(a.op) != 1 {
				return "", false
			}
			word += a.op
		}
		return word, true
	}
	return "", false
}

// all compares element by element, in order.
func (k *comparer) all(a, b []*node) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !k.equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// units compares where at least one side has a unit: on one side only it is
// ignored, on both they must be the same or convert.
func (k *comparer) units(a, b *node) bool {
	if a.kind == kUnit && a.op == "%" || b.kind == kUnit && b.op == "%" {
		return k.percent(a, b)
	}
	if a.kind != kUnit {
		return k.values(a, b.args[0])
	}
	if b.kind != kUnit {
		return k.values(a.args[0], b)
	}
	f, same := k.unitRatio(a.op, b.op)
	if !same {
		k.method = "rational"
		return false
	}
	if f.equal(integer(1)) {
		return k.values(a.args[0], b.args[0])
	}
	scaled := &node{kind: kMul, places: -1, args: []*node{{kind: kNum, num: f, places: -1}, a.args[0]}}
	return k.values(scaled, b.args[0])
}

// percent compares where at least one side has a percent sign; a bare number
// on the other side may be the share or the percentage.
func (k *comparer) percent(a, b *node) bool {
	pa, pb := isPercent(a), isPercent(b)
	switch {
	case pa && pb:
		return k.values(a.args[0], b.args[0])
	case pa && b.kind == kUnit:
		b = b.args[0]
	case pb && a.kind == kUnit:
		a = a.args[0]
	}
	if pb {
		a, b = b, a
	}
	share := &node{kind: kPercent, places: -1, args: a.args[:1]}
	if k.isScalar(b) && k.scalars(share, b) {
		return true
	}
	return k.values(a.args[0], b)
}

func isPercent(n *node) bool { return n.kind == kPercent || n.kind == kUnit && n.op == "%" }

// isScalar says whether a node is one value.
func (k *comparer) isScalar(n *node) bool {
	return n.kind <= kFunc || n.kind == kPercent
}

// bases compares numerals: bases must agree where both are written, digits
// alone count where one is not.
func (k *comparer) bases(a, b *node) bool {
	k.method = "rational"
	if a.kind != kBase {
		a, b = b, a
	}
	if b.kind == kBase {
		return a.cols == b.cols && strings.TrimLeft(a.op, "0") == strings.TrimLeft(b.op, "0")
	}
	v, _, ok := literal(a.op)
	s, ok2 := surd{}, false
	if k.isScalar(b) {
		s, ok2 = k.exact(b)
	}
	return ok && ok2 && s.rational() && s.r.equal(v)
}

// scalars compares two values: exactly in Q(i, √…), numerically, or as
// expressions.
func (k *comparer) scalars(a, b *node) bool {
	if !k.isScalar(a) || !k.isScalar(b) {
		k.method = "none"
		return false
	}
	x, ok1 := k.exact(a)
	y, ok2 := k.exact(b)
	if ok1 && ok2 {
		k.method = "surd"
		if x.rational() && y.rational() {
			k.method = "rational"
		}
		return x.equal(y) || k.rounded(a, b, x, y)
	}
	if len(variables(a, nil, 1)) > 0 || len(variables(b, nil, 1)) > 0 {
		return k.sameExpression(a, b)
	}
	k.method = "numeric"
	if ia, ib := infinite(a), infinite(b); ia != 0 || ib != 0 {
		return ia == ib
	}
	return k.constants(a, b)
}

// rounded accepts a decimal of four or more places that rounds an irrational
// or non-terminating value.
func (k *comparer) rounded(a, b *node, x, y surd) bool {
	pa, da := decimals(a)
	pb, db := decimals(b)
	if da == db {
		return false
	}
	if db {
		x, y, pa = y, x, pb
	}
	if pa < 4 || !x.rational() || pa > 1000 {
		return false
	}
	if y.rational() {
		diff := k.sub(x.r, y.r).abs()
		limit := k.mul(ratio(6, 10), k.pow(integer(10), -int64(pa)))
		return diff.ok() && limit.ok() && diff.cmp(limit) <= 0
	}
	v, ok := k.eval(orient(a, b, db), nil)
	return ok && v.finite() && near(x.r.float(), v, pa)
}

// orient returns the side that is not the decimal.
func orient(a, b *node, second bool) *node {
	if second {
		return a
	}
	return b
}

// near says whether v rounds to the decimal x of the given places.
func near(x float64, v approx, places int) bool {
	return cmplx.Abs(v.v-complex(x, 0)) <= .6*math.Pow(10, -float64(places))+1e-15*v.mag
}

// decimals says whether n is a decimal literal (perhaps negated, a percentage
// or times a power of ten) and to how many places it is written.
func decimals(n *node) (places int, ok bool) {
	switch n.kind {
	case kNum:
		return n.places, n.places >= 0
	case kNeg:
		return decimals(n.args[0])
	case kPercent:
		p, ok := decimals(n.args[0])
		return p + 2, ok
	case kMul: // 1.5 × 10^3
		if len(n.args) == 2 && n.args[1].kind == kPow {
			p, ok := decimals(n.args[0])
			base, e := n.args[1].args[0], n.args[1].args[1]
			sign := int64(1)
			if e.kind == kNeg {
				e, sign = e.args[0], -1
			}
			x, isInt := e.num.int64()
			if ok && base.kind == kNum && base.num.equal(integer(10)) && e.kind == kNum && isInt && x < 1000 {
				return p - int(sign*x), true
			}
		}
	}
	return 0, false
}

// constants compares two numbers that have no exact form here.
func (k *comparer) constants(a, b *node) bool {
	x, ok1 := k.eval(a, nil)
	y, ok2 := k.eval(b, nil)
	if !ok1 || !ok2 || !x.finite() || !y.finite() {
		return false
	}
	pa, da := decimals(a)
	pb, db := decimals(b)
	if da != db {
		if da {
			return pa >= 4 && near(real(x.v), y, pa)
		}
		return pb >= 4 && near(real(y.v), x, pb)
	}
	bound := math.Max(x.mag, y.mag)
	if bound == 0 {
		return true
	}
	r := cmplx.Abs(x.v-y.v) / bound
	if r > 1e-13 && r < 1e-7 || r <= 1e-13 && bound > 1e3*math.Max(cmplx.Abs(x.v), cmplx.Abs(y.v)) {
		p, ok1 := k.precise(a)
		q, ok2 := k.precise(b)
		if ok1 && ok2 {
			d := newFloat().Sub(p, q)
			limit := newFloat().SetMantExp(bigFloat(bound), -150)
			return d.Abs(d).Cmp(limit) <= 0
		}
	}
	return r <= 1e-10
}

// infinite is ±1 for ±oo, else 0.
func infinite(n *node) int {
	switch {
	case n.kind == kConst && n.op == "oo":
		return 1
	case n.kind == kNeg:
		return -infinite(n.args[0])
	case n.kind == kUnit:
		return infinite(n.args[0])
	}
	return 0
}
