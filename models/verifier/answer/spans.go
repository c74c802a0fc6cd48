package answer

import (
	"math"
	"sort"
)

// span is an interval of reals. A nil end is infinite. flo and fhi are the
// ends as floats, for ordering only; equality uses the nodes.
type span struct {
	lo, hi         *node
	loOpen, hiOpen bool
	flo, fhi       float64
}

// everything is the real line.
func everything() span {
	return span{loOpen: true, hiOpen: true, flo: math.Inf(-1), fhi: math.Inf(1)}
}

// maxSpans bounds a union.
const maxSpans = 64

// isSolution says whether a node can only be read as a set of reals.
func isSolution(n *node) bool {
	switch n.kind {
	case kUnion, kInter, kMinus:
		return true
	case kText:
		_, ok := spansInWords(n.op)
		return ok
	case kTuple:
		return n.op == "(]" || n.op == "[)" || len(n.args) == 2 && (infinite(n.args[0]) != 0 || infinite(n.args[1]) != 0)
	case kList:
		for _, a := range n.args {
			if a.kind == kRel && a.op != "=" {
				return true
			}
		}
	}
	return false
}

// sameSpans compares two solution sets.
func (k *comparer) sameSpans(a, b *node) bool {
	x, vx, ok1 := k.spans(a)
	y, vy, ok2 := k.spans(b)
	defer func() { k.method = "interval" }()
	if !ok1 || !ok2 {
		// a list of intervals against a list of intervals, a tuple of pairs …
		return a.kind == b.kind && a.op == b.op && k.all(a.args, b.args)
	}
	if vx != "" && vy != "" && vx != vy {
		return false
	}
	return k.equalSpans(x, y)
}

func (k *comparer) sameEnd(a, b *node) bool {
	if a == nil || b == nil {
		return a == b
	}
	return k.scalars(a, b)
}

// spans reads a node as a set of reals, with the variable it speaks of.
func (k *comparer) spans(n *node) (out []span, variable string, ok bool) {
	if !k.spend(50) {
		return nil, "", false
	}
	switch n.kind {
	case kTuple:
		if len(n.args) != 2 {
			return nil, "", false
		}
		s, ok := k.interval(n.args[0], n.args[1], n.op[0] == '(', n.op[1] == ')')
		return []span{s}, "", ok
	case kSet:
		for _, a := range n.args {
			a := k.expandSigns(a)
			els := []*node{a}
			if a.kind == kList {
				els = a.args
			}
			for _, e := range els {
				s, ok := k.interval(e, e, false, false)
				if !ok {
					return nil, "", false
				}
				out = append(out, s)
			}
		}
		return out, "", len(out) <= maxSpans
	case kRel:
		return k.inequality(n)
	case kText:
		s, ok := spansInWords(n.op)
		return s, "", ok
	case kUnion, kInter, kMinus, kList:
		return k.combineSpans(n)
	case kUnit:
		return k.spans(n.args[0])
	}
	return nil, "", false
}

// spansInWords knows the solution sets that are written in words.
func spansInWords(s string) ([]span, bool) {
	switch normalText(s) {
	case "all real numbers", "all reals", "real numbers", "reals":
		return []span{everything()}, true
	case "no solution", "no solutions", "no real solution", "no real solutions", "empty set":
		return nil, true
	}
	return nil, false
}

// combineSpans joins the parts of a union, an intersection or a list: "or"
// unites, "and" intersects, commas intersect unless nothing would be left.
func (k *comparer) combineSpans(n *node) ([]span, string, bool) {
	acc, name, ok := k.spans(n.args[0])
	if !ok {
		return nil, "", false
	}
	for _, a := range n.args[1:] {
		s, v, ok := k.spans(a)
		if !ok || name != "" && v != "" && v != name {
			return nil, "", false
		}
		if v != "" {
			name = v
		}
		switch {
		case n.kind == kMinus:
			acc = intersect(acc, complement(mergeSpans(s)))
		case n.kind == kInter || n.kind == kList && n.op == "and":
			acc = intersect(acc, s)
		case n.kind == kList && n.op == ",":
			if both := intersect(acc, s); len(both) > 0 && a.kind == kRel {
				acc = both
				break
			}
			acc = append(acc, s...)
		default:
			acc = append(acc, s...)
		}
		if len(acc) > maxSpans {
			return nil, "", false
		}
	}
	return acc, name, true
}

// interval makes a span from two ends.
func (k *comparer) interval(lo, hi *node, loOpen, hiOpen bool) (span, bool) {
	s := span{lo: lo, hi: hi, loOpen: loOpen, hiOpen: hiOpen}
	var ok bool
	if s.flo, ok = k.end(lo); !ok {
		return s, false
	}
	if s.fhi, ok = k.end(hi); !ok {
		return s, false
	}
	if s.flo > s.fhi || s.flo == s.fhi && (loOpen || hiOpen) { // not an interval: a pair
		return s, false
	}
	if math.IsInf(s.flo, -1) {
		s.lo, s.loOpen = nil, true
	}
	if math.IsInf(s.fhi, 1) {
		s.hi, s.hiOpen = nil, true
	}
	return s, true
}

// end evaluates an end point.
func (k *comparer) end(n *node) (float64, bool) {
	if s := infinite(n); s != 0 {
		return math.Inf(s), true
	}
	if !k.isScalar(n) && n.kind != kUnit {
		return 0, false
	}
	x, ok := k.eval(n, nil)
	return real(x.v), ok && x.finite() && math.Abs(imag(x.v)) <= 1e-12*x.mag
}

// same says whether two ends meet, up to rounding.
func same(a, b float64) bool {
	return a == b || !math.IsInf(a, 0) && !math.IsInf(b, 0) && math.Abs(a-b) <= 1e-12*math.Max(math.Abs(a), math.Abs(b))
}

// mergeSpans sorts, drops empty spans and joins those that overlap or touch.
func mergeSpans(in []span) []span {
	s := make([]span, 0, len(in))
	for _, x := range in {
		if x.flo < x.fhi && !same(x.flo, x.fhi) || same(x.flo, x.fhi) && !x.loOpen && !x.hiOpen {
			s = append(s, x)
		}
	}
	sort.SliceStable(s, func(i, j int) bool {
		if same(s[i].flo, s[j].flo) {
			return !s[i].loOpen && s[j].loOpen
		}
		return s[i].flo < s[j].flo
	})
	out := s[:0]
	for _, x := range s {
		if n := len(out); n > 0 {
			l := &out[n-1]
			touch := same(l.fhi, x.flo) && !(l.hiOpen && x.loOpen)
			if touch || x.flo < l.fhi && !same(l.fhi, x.flo) {
				switch {
				case same(x.fhi, l.fhi):
					l.hiOpen = l.hiOpen && x.hiOpen
				case x.fhi > l.fhi:
					l.hi, l.fhi, l.hiOpen = x.hi, x.fhi, x.hiOpen
				}
				continue
			}
		}
		out = append(out, x)
	}
	return out
}

// intersect keeps what two sets share.
func intersect(a, b []span) []span {
	var out []span
	for _, x := range a {
		for _, y := range b {
			s := x
			switch {
			case same(x.flo, y.flo):
				s.loOpen = x.loOpen || y.loOpen
			case y.flo > x.flo:
				s.lo, s.flo, s.loOpen = y.lo, y.flo, y.loOpen
			}
			switch {
			case same(x.fhi, y.fhi):
				s.hiOpen = x.hiOpen || y.hiOpen
			case y.fhi < x.fhi:
				s.hi, s.fhi, s.hiOpen = y.hi, y.fhi, y.hiOpen
			}
			out = append(out, s)
		}
	}
	return mergeSpans(out)
}

// complement is the rest of the real line; a is merged.
func complement(a []span) []span {
	rest := everything()
	var out []span
	for _, x := range a {
		s := rest
		s.hi, s.fhi, s.hiOpen = x.lo, x.flo, !x.loOpen
		if x.lo != nil {
			out = append(out, s)
		}
		if x.hi == nil {
			return out
		}
		rest.lo, rest.flo, rest.loOpen = x.hi, x.fhi, !x.hiOpen
	}
	return append(out, rest)
}
