package verifier

import "math"

// equation is a chain of segments a = b = c with the verdict of its checks.
type equation struct {
	step       int32
	segs       [2]int32 // in analysis.segs
	start, end int32    // normalised offsets
	lo, hi     int32    // tokens, counted in the solution
	approx     bool     // accepted only as a rounding
	bad        bool     // some known neighbours differ
	trivial    bool     // no checked neighbours: a label, a conversion or an assignment
	clash      bool     // it differs, but its calculator note holds
	relErr     float64
	want       float64 // value that the failing link should have had
}

// closeTo compares a written result b of dec decimals with a.
func closeTo(a, b float64, dec int8, approx bool) bool {
	d := math.Abs(a - b)
	m := math.Max(math.Abs(a), math.Abs(b))
	switch {
	case d <= 1e-9*m:
		return true
	case dec > 0 && d < 1.0001/pow10(min(dec, 15)):
		return true
	case approx && (d <= .51 || d <= .01*m):
		return true
	}
	return false
}

// equations finds every chain of the step's tokens and checks it. base is
// the index of ts[0] in the solution's tokens.
func (a *analysis) equations(ts []token, base, step int) {
	for i := 0; i < len(ts); {
		if ts[i].kind != kindEqual {
			i++
			continue
		}
		lo := leftEdge(ts, i)
		e := equation{step: int32(step), segs: [2]int32{int32(len(a.segs)), 0}}
		left := a.reader.read(ts[lo:i])
		if left.known && left.nops() == 0 && left.words {
			left.known = false // a label: "5 quarters = 5 * 25"
		}
		left.lo, left.hi = int32(lo), int32(i)
		a.segs = append(a.segs, left)
		p := i
		for {
			if ts[p].op == '~' {
				e.approx = true
			}
			end, how := rightEdge(ts, p)
			s := segment{nums: [2]int32{int32(len(a.reader.operands)), int32(len(a.reader.operands))}, ops: [2]int32{int32(len(a.reader.ops)), int32(len(a.reader.ops))}}
			if how != endUnclean {
				s = a.reader.read(ts[p+1 : end])
			}
			s.lo, s.hi = int32(p+1), int32(end)
			e.approx = e.approx || s.approx
			a.segs = append(a.segs, s)
			if how != endChain {
				break
			}
			p = end
		}
		hi := int(a.segs[len(a.segs)-1].hi)
		e.segs[1] = int32(len(a.segs))
		e.lo, e.hi = int32(base+lo), int32(base+hi)
		e.start, e.end = ts[min(lo, i)].start, ts[min(hi, len(ts))-1].end
		a.check(&e, ts)
		a.eqs = append(a.eqs, e)
		i = max(hi, i+1)
	}
}

// check compares consecutive known segments of e.
func (a *analysis) check(e *equation, ts []token) {
	segs := a.segs[e.segs[0]:e.segs[1]]
	e.trivial = true
	approx := e.approx
	e.approx = false
	for i := 1; i < len(segs); i++ {
		x, y := &segs[i-1], &segs[i]
		if !x.known || !y.known || x.nops() == 0 && y.nops() == 0 {
			continue
		}
		ok, soft := a.linkHolds(x, y, approx, ts)
		if !ok && (a.mixedUnits(ts, x, y) || quotient(ts, x, y)) {
			continue
		}
		e.trivial = false
		e.approx = e.approx || soft
		if !ok {
			rel := math.Abs(x.val-y.val) / math.Max(math.Max(math.Abs(x.val), math.Abs(y.val)), 1e-9)
			if !e.bad || rel > e.relErr {
				e.relErr, e.want = rel, x.val
			}
			e.bad = true
		}
	}
}

// linkHolds decides one link x = y by the table of cases; soft marks those
// that are accepted as rounding.
func (a *analysis) linkHolds(x, y *segment, approx bool, ts []token) (ok, soft bool) {
	dec := y.dec
	if y.nops() > 0 {
		if dec = max(x.dec, y.dec); dec > 0 {
			dec = max(dec, 2)
		}
	}
	av, bv := x.val, y.val
	switch {
	case closeTo(av, bv, dec, false) && !(y.nops() == 0 && dec > 0 && exactTo(av, dec) && !closeTo(av, bv, 0, false)):
		return true, false
	case approx && closeTo(av, bv, dec, true):
		return true, true
	case x.pct != y.pct && (closeTo(av*100, bv, dec, approx) || closeTo(av, bv*100, dec, approx)):
		return true, false
	case y.pct && y.nops() == 0 && closeTo(av*100, bv*100, dec, true):
		return true, true
	}
	if x.nops() > 0 && y.nops() == 0 {
		if av < 0 && bv > 0 && closeTo(-av, bv, dec, approx) && differenceWords(ts) {
			return true, true
		}
		if y.dec == 0 && math.Abs(av-bv) < 1 && math.Abs(av-math.Round(av)) > 1e-9 && math.Abs(av) >= 1 {
			return true, true
		}
	}
	return false, false
}

// exactTo reports a value of at most dec decimals: writing it needs no
// rounding, so a result that differs in the last place is wrong.
func exactTo(v float64, dec int8) bool {
	u := v * pow10(min(dec, 12))
	return math.Abs(u) < 1e12 && math.Abs(u-math.Round(u)) < 1e-6
}

// quotient reports an integer below a division in a step that speaks of
// remainders.
func quotient(ts []token, x, y *segment) bool {
	if y.val != math.Floor(x.val) {
		return false
	}
	for i := range ts {
		if ts[i].cls&clsRemainder != 0 {
			return true
		}
	}
	return false
}

// differenceWords reports a word in the step that makes a difference positive.
func differenceWords(ts []token) bool {
	for i := range ts {
		if ts[i].cls&clsLess != 0 {
			return true
		}
	}
	return false
}

// mixedUnits reports that two segments name different units of one dimension
// in a way that explains why their plain numbers differ: they are added, or
// the numbers differ by a factor of conversion.
func (a *analysis) mixedUnits(ts []token, x, y *segment) bool {
	if !unitsDiffer(ts, x, y) {
		return false
	}
	for _, s := range [...]*segment{x, y} {
		for _, o := range a.reader.ops[s.ops[0]:s.ops[1]] {
			if o == '+' || o == '-' {
				return true
			}
		}
	}
	r := math.Abs(x.val / y.val)
	if r < 1 {
		r = 1 / r
	}
	for _, f := range [...]float64{60, 3600, 24, 7, 365, 12, 3, 36, 1760, 5280, 100, 1000, 16, 2000, 52, 30, 1440} {
		if near(r, f) {
			return true
		}
	}
	return false
}

func unitsDiffer(ts []token, x, y *segment) bool {
	var seen [256]float64
	for i := x.lo; i < y.hi+2 && int(i) < len(ts); i++ { // the unit may stand behind
		t := &ts[i]
		if t.kind == kindOperator && t.op == '$' {
			if s := seen['$']; s != 0 && s != 100 {
				return true
			}
			seen['$'] = 100
			continue
		}
		if t.kind != kindWord {
			continue
		}
		d, size := t.dim, float64(t.size)
		if d == 0 {
			continue
		}
		if seen[d] != 0 && seen[d] != size {
			return true
		}
		seen[d] = size
	}
	return false
}
