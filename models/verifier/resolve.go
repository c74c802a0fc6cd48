package verifier

import "hardneg/models/verifier/expr"

// resolve turns the raw tokens of one step into the final ones: x as a sign
// of multiplication, word operators, hyphens, variables, mixed numbers.
func resolve(dst, raw []token, vars uint64) []token {
	base := len(dst)
	for i := 0; i < len(raw); i++ {
		t := raw[i]
		var prev, next *token
		if i > 0 {
			prev = &raw[i-1]
		}
		if i+1 < len(raw) {
			next = &raw[i+1]
		}
		switch t.kind {
		case kindNumber:
			var skip int
			dst, skip = resolveNumber(dst, base, raw, i)
			i += skip
			continue
		case kindWord:
			var keep bool
			if t, keep = resolveWord(t, prev, next, dst[base:], vars); !keep {
				continue
			}
		case kindOperator:
			if t.op == '-' && (hyphen(&t, prev, next) || bullet(&t, prev, next)) {
				continue
			}
			if n := len(dst); t.op == '^' && prev != nil && prev.end == t.start && n > base && dst[n-1].kind == kindWord && next != nil && next.kind == kindNumber {
				i++ // the power of a unit: 30 m^2
				continue
			}
			if t.op == '/' && perUnit(&t, prev, next) { // 12 miles/hour
				t.kind, t.cls, t.wlen, t.hash, t.stem = kindWord, clsStop, 1, 0, 0
			}
			t.op = roundBracket(t.op)
		case kindPunct:
			if t.op == '!' && prev != nil && next != nil && (prev.kind == kindNumber || prev.kind == kindWord && prev.wlen == 1) &&
				prev.end == t.start && (next.kind == kindOperator || next.kind == kindEqual) {
				t.kind = kindOperator
			}
		}
		dst = append(dst, t)
	}
	return dst
}

// roundBracket makes all brackets round ones.
func roundBracket(op byte) byte {
	switch op {
	case '[', '{':
		return '('
	case ']', '}':
		return ')'
	}
	return op
}

// resolveNumber handles what may follow a number: an ordinal's ending, a
// time, a compound adjective (15 4-legged animals), a mixed number's fraction.
// skip is how many further raw tokens it has eaten.
func resolveNumber(dst []token, base int, raw []token, i int) ([]token, int) {
	t := raw[i]
	rest := raw[i+1:]
	switch {
	case len(rest) >= 1 && rest[0].kind == kindWord && rest[0].start == t.end && rest[0].wlen == 2 && ordinalEnd(rest[0].hash, t.val):
		t.ordinal, t.kind, t.cls, t.end = true, kindWord, clsStop, rest[0].end
		return append(dst, t), 1
	case len(rest) >= 2 && rest[0].op == ':' && rest[1].kind == kindNumber && rest[0].start == t.end && rest[1].start == t.end+1 &&
		rest[1].end == rest[1].start+2 && t.val <= 24 && rest[1].val < 60:
		t.kind, t.op, t.end = kindOpaque, ':', rest[1].end
		return append(dst, t), 2
	case len(rest) >= 2 && rest[0].op == '-' && rest[0].start == t.end && rest[1].kind == kindWord &&
		rest[1].start == rest[0].end && rest[1].wlen > 1:
		out := dst[base:]
		n := len(out)
		if n > 0 && (out[n-1].kind == kindNumber || out[n-1].kind == kindWord && n > 1 && out[n-2].kind == kindNumber) {
			t.kind, t.cls, t.wlen, t.hash, t.stem = kindWord, 0, 1, fnv("-"), fnv("-")
		}
		return append(dst, t), 0
	case len(rest) >= 3 && t.dec == 0 && rest[0].kind == kindNumber && rest[0].dec == 0 && rest[0].start == t.end+1 &&
		rest[1].op == '/' && rest[1].start == rest[0].end && rest[2].kind == kindNumber && rest[2].start == rest[1].end &&
		rest[0].val < rest[2].val && rest[2].val <= 100:
		t.val += rest[0].val / rest[2].val
		t.dec, t.end = 6, rest[2].end
		return append(dst, t), 3
	}
	return append(dst, t), 0
}

func ordinalEnd(h uint32, v float64) bool {
	if v != float64(int32(v)) {
		return false
	}
	return h == fnv("st") || h == fnv("nd") || h == fnv("rd") || h == fnv("th")
}

// hyphen reports a minus that only joins two words, or a word and a number.
func hyphen(t, prev, next *token) bool {
	return prev != nil && next != nil && prev.end == t.start && next.start == t.end &&
		(prev.kind == kindWord && prev.wlen > 1 || next.kind == kindWord && next.wlen > 1)
}

// perUnit reports a slash inside a unit: it touches a word behind it and a
// word or number before it.
func perUnit(t, prev, next *token) bool {
	return prev != nil && next != nil && prev.end == t.start && next.start == t.end &&
		(prev.kind == kindWord && prev.wlen > 1 || prev.kind == kindNumber) && next.kind == kindWord && next.wlen > 1
}

// bullet reports a list marker after a line feed inside a step.
func bullet(t, prev, next *token) bool {
	return prev != nil && prev.kind == kindPunct && prev.op == '\n' && next != nil && next.start > t.end
}

// resolveWord decides what a word is; keep is false for "by" after a word
// operator. out are the tokens of the step so far.
func resolveWord(t token, prev, next *token, out []token, vars uint64) (_ token, keep bool) {
	touches := prev != nil && prev.kind == kindNumber && prev.end == t.start
	switch {
	case t.wlen == 1 && t.op < 0x80:
		return resolveLetter(t, prev, next, touches, vars), true
	case t.wlen <= 3 && touches && t.dim == 0 && t.cls&clsAbbrev == 0:
		t.kind = kindOpaque // a product of variables, such as 5AD^2
	case t.cls&clsOperator != 0 && len(out) > 0 && next != nil && (next.kind == kindNumber || next.kind == kindOperator && oneOf(next.op, "$(-") || next.cls&(clsBy|clsFraction) != 0):
		if k := out[len(out)-1].kind; k == kindNumber || k == kindWord || k == kindOperator {
			t.kind, t.op = kindOperator, byte(t.val)
		}
	case t.cls&clsBy != 0 && len(out) > 0:
		p := &out[len(out)-1]
		return t, !(p.kind == kindOperator && (p.op == '*' || p.op == '/'))
	case t.cls&clsPercent != 0:
		t.kind, t.op = kindOperator, '%'
	}
	return t, true
}

// resolveLetter tells a variable from a unit, an article and the sign x.
func resolveLetter(t token, prev, next *token, touches bool, vars uint64) token {
	isOp := func(p *token, set string) bool {
		return p != nil && (p.kind == kindOperator || p.kind == kindEqual) && oneOf(p.op, set)
	}
	low := t.op | 0x20
	known := vars&expr.VarBit(low) != 0
	variable := false
	switch {
	case low == 'x':
		if next != nil && (next.kind == kindNumber || isOp(next, "($")) && prev != nil &&
			(prev.kind == kindNumber && (!touches || next.kind == kindNumber) || isOp(prev, ")%") || prev.kind == kindWord && prev.wlen > 1) {
			t.kind, t.op = kindOperator, '*'
			return t
		}
		variable = true
	case touches:
		variable = known || !oneOf(t.op, "gmhslk")
	case low == 'a':
		variable = isOp(prev, "+-*/^(=~") && isOp(next, "+-*/^)=~")
	case isOp(next, "+-*/^)=~") && !(prev != nil && prev.kind == kindNumber):
		variable = true
	case isOp(prev, "+-*/^("), isOp(prev, "=~") && isOp(next, "+-*/^=~"):
		variable = true
	}
	if variable {
		t.kind = kindVariable
	}
	return t
}
