package verifier

import "hardneg/models/verifier/expr"

// segment is one side of an equation, or one link of a chain.
type segment struct {
	known  bool // val holds; an unknown segment is never guessed
	val    float64
	dec    int8     // most decimals written in it
	pct    bool     // a percent sign was applied
	approx bool     // "about" stands before it
	words  bool     // unit words inside
	signs  int8     // unary minus signs
	nums   [2]int32 // its numbers in reader.operands
	ops    [2]int32 // its operators in reader.ops
	lo, hi int32    // tokens, counted in the step
}

// nops is the number of binary operators.
func (s *segment) nops() int { return int(s.ops[1] - s.ops[0]) }

// reader evaluates token runs; its slices are reused between solutions.
type reader struct {
	etoks    []expr.Token
	prog     expr.Program
	operands []float64
	ops      []byte
	byZero   int // divisions by zero
}

func (r *reader) reset() { r.operands, r.ops, r.byZero = r.operands[:0], r.ops[:0], 0 }

// maxUnitWords is how many words may stand between a value and the next
// operator.
const maxUnitWords = 4

// leftEdge walks back from the equality at p and returns where the longest
// value expression that ends right before it starts; p when its edge is not
// clean.
func leftEdge(ts []token, p int) int {
	words, depth, start := 0, 0, p
walk:
	for i := p - 1; i >= 0; i-- {
		t := &ts[i]
		switch t.kind {
		case kindNumber:
			if stopsAtNumber(ts, i, p) {
				break walk
			}
			start, words = i, 0
		case kindOperator:
			if t.op == ')' {
				if depth == 0 && stopsAtBracket(ts, i, p) {
					break walk
				}
				depth++
			} else if t.op == '(' {
				if depth--; depth < 0 {
					break walk
				}
			}
			start, words = i, 0
		case kindWord:
			if t.cls&clsClause != 0 && depth == 0 {
				break walk
			}
			if words++; words > maxUnitWords {
				break walk
			}
		default:
			break walk
		}
	}
	return cleanLeft(ts, start, p)
}

// stopsAtNumber reports whether the number at i cannot belong to the
// expression that starts after it: another value follows without an operator.
func stopsAtNumber(ts []token, i, p int) bool {
	j, of := i+1, false
	for j < p && ts[j].kind == kindWord {
		of = of || ts[j].cls&clsOf != 0 && (ts[j-1].kind == kindNumber || ts[j-1].cls&clsFraction != 0)
		j++
	}
	if j >= p {
		return false
	}
	if of && (ts[j].kind == kindNumber || ts[j].op == '$') {
		return false
	}
	return ts[j].kind == kindNumber || ts[j].kind == kindOperator && (ts[j].op == '$' || ts[j].op == '(' && j > i+1 && !textBracket(ts, j, p))
}

// stopsAtBracket is stopsAtNumber for a value that ends with the bracket at i.
func stopsAtBracket(ts []token, i, p int) bool {
	j := i + 1
	for j < p && (ts[j].kind == kindWord && ts[j].cls&clsOf == 0 || ts[j].kind == kindOperator && ts[j].op == '$') {
		j++
	}
	return j > i+1 && j < p && (ts[j].kind == kindNumber || ts[j].kind == kindOperator && (ts[j].op == '(' || ts[j].op == byteRoot) && !textBracket(ts, j, p))
}

// textBracket reports a bracket at i that holds only words, such as
// "15 (light blue)".
func textBracket(ts []token, i, end int) bool {
	for j := i + 1; j < end; j++ {
		if ts[j].op == ')' && ts[j].kind == kindOperator {
			return j > i+1
		}
		if ts[j].kind != kindWord {
			return false
		}
	}
	return false
}

// cleanLeft applies the clean-edge rule to a left side that starts at s.
func cleanLeft(ts []token, s, p int) int {
	if s >= p {
		return p
	}
	if s >= 2 && ts[s].kind == kindNumber && ts[s-1].cls&clsOf != 0 && ts[s-2].kind == kindWord && ts[s-2].cls&clsFraction != 0 {
		s -= 2
	}
	first := &ts[s]
	if first.kind == kindOperator && oneOf(first.op, "*/^%)+!") {
		return p
	}
	if s == 0 {
		return s
	}
	before := &ts[s-1]
	switch {
	case before.kind == kindVariable, before.kind == kindOpaque,
		before.kind == kindOperator && oneOf(before.op, "+-*/^)\x02"):
		return p
	case first.op == '(' && first.kind == kindOperator && before.kind == kindWord && (before.end == first.start || before.wlen == 1),
		first.op == '-' && first.kind == kindOperator && before.kind == kindWord:
		return p
	}
	return s
}

// How a walk to the right ended.
const (
	endPlain   = iota
	endChain   // at another equality
	endUnclean // at a variable or a dangling operator: the value is unknown
)

// rightEdge walks from the equality at p and returns the end of the longest
// value expression right after it.
func rightEdge(ts []token, p int) (end, how int) {
	i, words, last, depth, seen := p+1, 0, p+1, 0, false
walk:
	for ; i < len(ts); i++ {
		t := &ts[i]
		switch t.kind {
		case kindNumber:
			if lastValue(ts, i, p) {
				break walk
			}
			last, words, seen = i+1, 0, true
		case kindOperator:
			if breaksRight(ts, i, p, seen, &depth) {
				break walk
			}
			last = i + 1
		case kindWord:
			if !seen {
				if t.cls&clsApprox != 0 {
					continue
				}
				break walk
			}
			if words++; t.cls&clsClause != 0 && depth <= 0 || words > maxUnitWords {
				break walk
			}
		case kindEqual:
			return i, endChain
		case kindVariable, kindOpaque:
			return last, endUnclean
		default:
			break walk
		}
	}
	if i < len(ts) && ts[i].kind == kindOperator && oneOf(ts[i].op, "+-*/^(\x02") || cutShort(ts, last) {
		return last, endUnclean
	}
	return last, endPlain
}

// cutShort reports that what follows the expression ending at i belongs to
// its value: a remainder or base, a factorial's sign, a repeating decimal.
func cutShort(ts []token, i int) bool {
	if i == 0 || i >= len(ts) {
		return false
	}
	if t := &ts[i]; t.kind == kindPunct && t.start == ts[i-1].end &&
		(t.op == '!' || t.op == '.' && i+1 < len(ts) && ts[i+1].start == t.end && ts[i+1].kind == kindOpaque) {
		return true
	}
	for j := i; j < len(ts) && j < i+4 && (ts[j].kind == kindWord || ts[j].op == ','); j++ {
		if ts[j].cls&clsRemainder != 0 {
			return true
		}
	}
	return false
}

// lastValue reports whether the nearest token before i that is no word is a
// number: a second value without an operator between.
func lastValue(ts []token, i, p int) bool {
	j := i - 1
	of := false
	for j > p && ts[j].kind == kindWord {
		of = of || ts[j].cls&clsOf != 0 && j > p+1 && ts[j-1].cls&clsFraction != 0
		j--
	}
	return j > p && ts[j].kind == kindNumber && !of
}

// breaksRight decides whether the operator at i ends the walk to the right.
func breaksRight(ts []token, i, p int, seen bool, depth *int) bool {
	switch op := ts[i].op; op {
	case byteRoot:
		return seen && ts[i-1].kind == kindWord
	case '(':
		if seen && i > p+1 && ts[i-1].kind == kindWord {
			return true
		}
		if seen && textBracket(ts, i, len(ts)) {
			return true
		}
		*depth++
	case ')':
		*depth--
		return *depth < 0
	case '+', '-', '*', '/', '^':
		if i+1 == len(ts) {
			return true
		}
		q := &ts[i+1]
		return !(q.kind == kindNumber || q.kind == kindOperator && oneOf(q.op, "($-\x02"))
	case '$':
		return seen && lastValue(ts, i, p)
	}
	return false
}

// toExpr rewrites a run of tokens without units; false when it holds what is
// no arithmetic.
func (r *reader) toExpr(ts []token, s *segment, symbolic bool) bool {
	r.etoks = r.etoks[:0]
	for i := 0; i < len(ts); i++ {
		t := &ts[i]
		last := r.last()
		switch t.kind {
		case kindWord:
			skip, ok := r.unitWord(ts, i, s)
			if !ok || symbolic && skip == 0 {
				return false
			}
		case kindNumber:
			if last.Kind == expr.Number && len(r.etoks) > 0 {
				return false
			}
			s.dec = max(s.dec, t.dec)
			if tightFraction(ts, i) { // 3 / 1/4 is 12
				r.etoks = append(r.etoks, expr.Token{Kind: expr.Number, Val: t.val / ts[i+2].val})
				s.dec = max(s.dec, 6)
				i += 2
				continue
			}
			r.etoks = append(r.etoks, expr.Token{Kind: expr.Number, Val: t.val})
		case kindVariable:
			if !symbolic {
				return false
			}
			r.etoks = append(r.etoks, expr.Token{Kind: expr.Variable, Op: t.op})
		case kindOperator:
			switch {
			case t.op == '$':
			case t.op == byteRoot:
				r.etoks = append(r.etoks, expr.Token{Kind: expr.Function, Op: 'r'})
			case t.op == '(' && len(r.etoks) > 0 && last.Kind == expr.Number && textBracket(ts, i, len(ts)):
				for ts[i].op != ')' || ts[i].kind != kindOperator {
					i++
				}
				s.words = true
			default:
				r.etoks = append(r.etoks, expr.Token{Kind: expr.Operator, Op: t.op})
			}
		default:
			return false
		}
	}
	return len(r.etoks) > 0
}

// tightFraction reports a fraction without spaces at i behind a division sign
// with one: it is divided by as a whole.
func tightFraction(ts []token, i int) bool {
	if i == 0 || i+2 >= len(ts) || ts[i-1].kind != kindOperator || ts[i-1].op != '/' || ts[i-1].end == ts[i].start {
		return false
	}
	return ts[i+1].kind == kindOperator && ts[i+1].op == '/' && ts[i+1].start == ts[i].end && ts[i+2].kind == kindNumber &&
		ts[i+2].start == ts[i+1].end && ts[i+2].val != 0
}

func (r *reader) last() expr.Token {
	if len(r.etoks) == 0 {
		return expr.Token{}
	}
	return r.etoks[len(r.etoks)-1]
}

// unitWord handles a word inside an expression: "of" after a part, a fraction
// word, or a unit after a value. n counts what it added.
func (r *reader) unitWord(ts []token, i int, s *segment) (n int, ok bool) {
	t := &ts[i]
	last := r.last()
	some := len(r.etoks) > 0
	value := some && (last.Kind != expr.Operator || last.Op == ')' || last.Op == '%' || last.Op == '!')
	if t.cls&clsOf != 0 && value && i > 0 && r.partBefore(&ts[i-1]) && i+1 < len(ts) {
		r.etoks = append(r.etoks, expr.Token{Kind: expr.Operator, Op: '*'})
		return 1, true
	}
	if t.cls&clsFraction != 0 {
		if some && last.Kind == expr.Number && last.Val < 10 && last.Val == float64(int(last.Val)) && t.cls&clsHalf == 0 {
			r.etoks[len(r.etoks)-1].Val *= t.val
			s.dec, s.words = 6, true // "5 quarters" may be coins: alone it is a label
			return 1, true
		}
		if !value {
			r.etoks = append(r.etoks, expr.Token{Kind: expr.Number, Val: t.val})
			s.dec = 6
			return 1, true
		}
	}
	if !some && t.cls&clsApprox != 0 {
		s.approx = true
		return 0, true
	}
	s.words = true
	return 0, value
}

// partBefore reports that the token before "of" names a part: a percent, a
// fraction word, or the lower half of a written fraction.
func (r *reader) partBefore(prev *token) bool {
	n := len(r.etoks)
	switch {
	case prev.kind == kindOperator && (prev.op == ')' || prev.op == '%'):
		return true
	case prev.kind == kindWord && prev.cls&clsFraction != 0:
		return true
	}
	return prev.kind == kindNumber && n >= 2 && r.etoks[n-2].Kind == expr.Operator && r.etoks[n-2].Op == '/'
}

// read evaluates the tokens of a segment.
func (r *reader) read(ts []token) segment {
	s := segment{nums: [2]int32{int32(len(r.operands)), int32(len(r.operands))}, ops: [2]int32{int32(len(r.ops)), int32(len(r.ops))}}
	if len(ts) == 1 && ts[0].kind == kindNumber { // the common case
		s.known, s.val, s.dec = true, ts[0].val, ts[0].dec
		r.operands = append(r.operands, ts[0].val)
		s.nums[1]++
		return s
	}
	if len(ts) == 0 || !r.toExpr(ts, &s, false) || r.prog.Compile(r.etoks) != nil {
		return s
	}
	v, ok := r.prog.Eval(nil)
	if !ok {
		if r.prog.ByZero {
			r.byZero++
		}
		return s
	}
	s.known, s.val, s.pct, s.signs = true, v, r.prog.Percent, int8(min(r.prog.Signs, 100))
	r.operands = r.prog.AppendNumbers(r.operands)
	r.ops = append(r.ops, r.prog.Ops...)
	s.nums[1], s.ops[1] = int32(len(r.operands)), int32(len(r.ops))
	return s
}
