package verifier

import (
	"math"

	"hardneg/models/verifier/expr"
)

// constraint is a plain equation on one variable, by its tokens.
type constraint struct {
	lo, eq, hi int32 // analysis.toks[lo:eq] = analysis.toks[eq+1:hi]
	letter     byte
	step       int32
}

// Bounds on the symbolic part.
const (
	maxConstraints = 16
	maxRun         = 200 // tokens of one symbolic side
	maxChain       = 12
	maxAssigns     = 32
)

// labelValue compares the value of a labelled equation ("total cost = …")
// with an earlier one of the same label.
func (a *analysis) labelValue(e *equation, step int) {
	if e.lo < 0 {
		return
	}
	segs := a.segs[e.segs[0]:e.segs[1]]
	last := &segs[len(segs)-1]
	if segs[0].known || !last.known {
		return
	}
	s := &a.steps[step]
	i := s.tok.lo + segs[0].hi - 1 // before the equality
	var h uint64
	words := 0
	for ; i >= s.tok.lo; i-- {
		t := &a.toks[i]
		if t.kind != kindWord {
			break
		}
		if t.content() {
			words++
			h = mix(h ^ uint64(t.stem))
		}
	}
	if words < 2 || i >= s.tok.lo && !(a.toks[i].kind == kindPunct && a.toks[i].op != ',') {
		return
	}
	switch c := a.labels.get(int64(h)); {
	case c == nil:
		a.labels.put(int64(h), 0, step, last.val)
	case !closeTo(c.val, last.val, 2, true):
		// Lists give one label to several things: 2 alarms on 123 right
		// solutions, so this is weaker than the other contradictions.
		a.relabels++
		a.find(CodeLabelContra, .5, step, e.start, e.end, "the same label had "+num(c.val)+" before, here "+num(last.val))
	}
}

// symbolic looks at variables: assignments, equations to be solved and
// identities.
func (a *analysis) symbolic() {
	for i := range a.steps {
		s := &a.steps[i]
		ts := a.toks[s.tok.lo:s.tok.hi]
		has := false
		for k := range ts {
			if ts[k].kind == kindVariable {
				has = true
				break
			}
		}
		if !has {
			continue
		}
		cases := caseWords(ts)
		for k := 0; k < len(ts); k++ {
			if ts[k].kind == kindEqual {
				if letter, v, dec, ok := assignment(ts, k); ok {
					a.assign(letter, v, dec, i, k, ts, cases)
					continue
				}
				k = a.symbolicChain(ts, int(s.tok.lo), k, i)
			}
		}
	}
	a.checkAssigns()
}

func caseWords(ts []token) bool {
	for k := range ts {
		if ts[k].cls&(clsCase|clsVarIntro) != 0 {
			return true
		}
	}
	return false
}

// assignment reads "v = number" around the equality at k, with plain text on
// both sides.
func assignment(ts []token, k int) (letter byte, v float64, dec int8, ok bool) {
	if k == 0 || ts[k-1].kind != kindVariable || ts[k].op != '=' {
		return 0, 0, 0, false
	}
	if k >= 2 {
		b := &ts[k-2]
		if !(b.kind == kindPunct || b.kind == kindWord && (b.cls&clsAssign != 0 || b.wlen > 1) || b.kind == kindOperator && b.op == '$') {
			return 0, 0, 0, false
		}
	}
	j := k + 1
	neg := false
	for j < len(ts) && ts[j].kind == kindOperator && (ts[j].op == '-' || ts[j].op == '$') {
		neg = neg || ts[j].op == '-'
		j++
	}
	if j >= len(ts) || ts[j].kind != kindNumber {
		return 0, 0, 0, false
	}
	if j+1 < len(ts) {
		n := &ts[j+1]
		if n.kind == kindNumber || n.kind == kindVariable || n.kind == kindEqual || n.kind == kindOpaque ||
			n.kind == kindOperator && n.op != '$' && n.op != ')' || n.kind == kindWord && n.start == ts[j].end {
			return 0, 0, 0, false
		}
	}
	v = ts[j].val
	if neg {
		v = -v
	}
	return ts[k-1].op, v, ts[j].dec, true
}

// assigned is one statement "v = number".
type assigned struct {
	letter byte
	dec    int8
	listed bool // inside a case split, a list or an enumeration
	val    float64
	step   int
	lo, hi int32
}

// assign keeps the statement around the equality at k.
func (a *analysis) assign(letter byte, v float64, dec int8, step, k int, ts []token, cases bool) {
	if len(a.assigns) >= maxAssigns {
		return
	}
	end := k + 1
	for end+1 < len(ts) && ts[end].kind != kindNumber {
		end++
	}
	if end+1 < len(ts) && ts[end+1].kind == kindPunct && (ts[end+1].op == ':' || ts[end+1].op == '?') {
		cases = true
	}
	a.assigns = append(a.assigns, assigned{letter, dec, cases, v, step, ts[k-1].start, ts[end].end})
}

// checkAssigns looks for a variable with exactly two values, and for a single
// value that solves none of the equations set up for the variable. More
// values are an enumeration.
func (a *analysis) checkAssigns() {
	for i := range a.assigns {
		x := &a.assigns[i]
		var other *assigned
		first, listed, values := true, false, 1
		for j := range a.assigns {
			y := &a.assigns[j]
			if y.letter != x.letter {
				continue
			}
			first = first && j >= i
			listed = listed || y.listed
			switch {
			case near(x.val, y.val) || closeTo(x.val, y.val, min(2, max(x.dec, y.dec)), false):
			case other == nil:
				other, values = y, 2
			case !near(other.val, y.val):
				values = 3
			}
		}
		if !first || listed {
			continue
		}
		if values == 1 {
			a.checkSolution(x.letter, x.val, x.dec, x.step, x.lo, x.hi)
		}
		if values == 2 && other.step > x.step {
			a.contra++
			a.steps[other.step].sc[sContra]++
			a.find(CodeVarContra, .8, other.step, other.lo, other.hi,
				string(rune(x.letter))+" was "+num(x.val)+" in step "+num(float64(x.step+1))+", here "+num(other.val))
		}
	}
}

// checkSolution tests v = value on the stored equations of v alone.
func (a *analysis) checkSolution(letter byte, v float64, dec int8, step int, lo, hi int32) {
	violated := 0
	for _, c := range a.cons {
		if c.letter != letter || int(c.step) > step {
			continue
		}
		l, okL := a.evalAt(c.lo, c.eq, letter, v)
		r, okR := a.evalAt(c.eq+1, c.hi, letter, v)
		tol := 1e-6
		if dec > 0 || v != math.Trunc(v) {
			tol = .02
		}
		if !okL || !okR || math.Abs(l-r) <= tol*math.Max(1, math.Max(math.Abs(l), math.Abs(r))) {
			return
		}
		violated++
	}
	if violated > 0 {
		a.contra++
		a.steps[step].sc[sContra]++
		a.find(CodeSolution, .8, step, lo, hi, string(rune(letter))+" = "+num(v)+" does not solve the equation set up before")
	}
}

// evalAt evaluates tokens with one variable set.
func (a *analysis) evalAt(lo, hi int32, letter byte, v float64) (float64, bool) {
	var s segment
	if !a.reader.toExpr(a.toks[lo:hi], &s, true) || a.reader.prog.Compile(a.reader.etoks) != nil {
		return 0, false
	}
	return a.reader.prog.Eval(func(l byte) float64 {
		switch l {
		case letter:
			return v
		case '_':
			return math.Pi
		}
		return math.NaN()
	})
}

// symbolicRun extends from the equality at k over numbers, operators and
// variables, in direction dir; clean is false at an edge that may hide a part.
func symbolicRun(ts []token, k, dir int) (edge int, clean bool) {
	depth := 0
	for i := k + dir; ; i += dir {
		if i < 0 || i >= len(ts) {
			return i, depth == 0
		}
		t := &ts[i]
		switch t.kind {
		case kindNumber, kindVariable:
		case kindOperator:
			switch {
			case t.op == '(' && dir > 0 || t.op == ')' && dir < 0:
				depth++
			case t.op == '(' || t.op == ')':
				if depth--; depth < 0 {
					return i, false
				}
			case t.op == '$' || t.op == '%':
				return i, depth == 0 && i != k+dir
			}
		case kindPunct, kindEqual:
			return i, depth == 0 && (t.kind == kindEqual || t.op != '!')
		case kindWord:
			return i, depth == 0 && t.wlen > 1 && t.cls&clsRemainder == 0
		default:
			return i, false
		}
		if i-k > maxRun || k-i > maxRun {
			return i, false
		}
	}
}

// symbolicChain reads the chain of symbolic sides around the equality at k
// and returns its last equality. Two sides are an equation to be solved; in
// a longer chain that starts with a name, neighbours must be identical.
func (a *analysis) symbolicChain(ts []token, base, k, step int) int {
	var lo, hi [maxChain]int
	var clean [maxChain]bool
	e, c := symbolicRun(ts, k, -1)
	lo[0], hi[0], clean[0] = e+1, k, c && e+1 < k
	n, last := 1, k
	for n < maxChain {
		e, c := symbolicRun(ts, last, 1)
		lo[n], hi[n], clean[n] = last+1, e, c && last+1 < e
		n++
		if e >= len(ts) || ts[e].kind != kindEqual {
			break
		}
		last = e
	}
	if n == 2 {
		if clean[0] && clean[1] && ts[k].op == '=' {
			a.constrain(ts, base, lo[0], k, hi[1], step)
		}
		return last
	}
	if clean[0] && !(hi[0] == lo[0]+1 && ts[lo[0]].kind == kindVariable && !mentions(ts[lo[1]:hi[1]], ts[lo[0]].op)) {
		return last // an equation in a sloppy chain, no definition
	}
	for i := 1; i+1 < n; i++ {
		if clean[i] && clean[i+1] && !a.identical(ts[lo[i]:hi[i]], ts[lo[i+1]:hi[i+1]]) {
			a.nident++
			a.steps[step].sc[sBad]++
			a.find(CodeAlgebra, .6, step, ts[lo[i]].start, ts[hi[i+1]-1].end, "the two sides differ for some values of the variables")
			break
		}
	}
	return last
}

func mentions(ts []token, letter byte) bool {
	for i := range ts {
		if ts[i].kind == kindVariable && ts[i].op == letter {
			return true
		}
	}
	return false
}

// constrain stores a plain equation on a single variable.
func (a *analysis) constrain(ts []token, base, lo, k, hi, step int) {
	if len(a.cons) >= maxConstraints {
		return
	}
	var s segment
	var vars uint64
	for _, side := range [2][2]int{{lo, k}, {k + 1, hi}} {
		if !a.reader.toExpr(ts[side[0]:side[1]], &s, true) || a.reader.prog.Compile(a.reader.etoks) != nil {
			return
		}
		vars |= a.reader.prog.Vars
	}
	vars &^= expr.VarBit('_')
	if vars == 0 || vars&(vars-1) != 0 {
		return
	}
	letter := byte('A')
	for expr.VarBit(letter) != vars {
		letter++
	}
	for i := lo; i < hi; i++ { // f(3) = 5 is no product
		if ts[i].kind == kindVariable && i+1 < hi && ts[i+1].op == '(' && ts[i+1].kind == kindOperator {
			return
		}
	}
	a.cons = append(a.cons, constraint{int32(base + lo), int32(base + k), int32(base + hi), letter, int32(step)})
}

// identical probes two symbolic sides with the same variables; sides that
// cannot be compared count as identical.
func (a *analysis) identical(x, y []token) bool {
	var s segment
	var v [2][4]float64
	var ok [2][4]bool
	var vars [2]uint64
	for side, ts := range [2][]token{x, y} {
		for i := range ts {
			if ts[i].kind == kindVariable && i+1 < len(ts) && ts[i+1].op == '(' && ts[i+1].kind == kindOperator && ts[i+1].start == ts[i].end {
				return true
			}
		}
		if !a.reader.toExpr(ts, &s, true) || a.reader.prog.Compile(a.reader.etoks) != nil {
			return true
		}
		vars[side] = a.reader.prog.Vars
		for p := range v[side] {
			v[side][p], ok[side][p] = a.reader.prog.Eval(func(l byte) float64 { return probe(l, p) })
		}
	}
	if vars[0] == 0 || vars[0] != vars[1] || s.dec > 0 {
		return true
	}
	good := 0
	for p := range v[0] {
		if !ok[0][p] || !ok[1][p] {
			continue
		}
		if math.Abs(v[0][p]-v[1][p]) <= 1e-7*math.Max(1, math.Max(math.Abs(v[0][p]), math.Abs(v[1][p]))) {
			return true // one agreement is enough to doubt the alarm
		}
		good++
	}
	return good < 3
}

// probe is the value of a variable at point p.
func probe(l byte, p int) float64 {
	if l == '_' {
		return math.Pi
	}
	return 1 + float64(mix(uint64(l)<<8|uint64(p))>>40)/float64(1<<22)
}
