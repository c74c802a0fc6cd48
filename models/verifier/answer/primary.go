package answer

import (
	"math/big"
	"strconv"
	"strings"
)

// factor reads a primary and what is attached to it: powers, factorials,
// percent signs, subscripts.
func (p *parser) factor() *node {
	if !p.enter() {
		return p.fail("")
	}
	defer p.leave()
	n := p.primary()
	for p.err == "" {
		switch t := p.peek(); {
		case t.is('^'):
			p.advance()
			n = p.power(n)
		case t.kind == tPower:
			p.advance()
			n = p.mk(kPow, "", n, p.number(t.text))
		case t.is('!'):
			p.advance()
			n = p.mk(kFunc, "factorial", n)
		case t.is('%'):
			p.advance()
			n = p.mk(kPercent, "", n)
		case t.is('\''):
			p.advance()
			if n.kind == kVar {
				n.op += "'"
			}
		case t.is('_') && (n.kind == kNum || n.kind == kTuple || n.kind == kVar):
			p.advance()
			n = p.subscript(n)
		default:
			return n
		}
	}
	return n
}

// power reads an exponent.
func (p *parser) power(base *node) *node {
	if t := p.peek(); t.kind == tText || t.is('{') && p.peekAt(1).kind == tText && p.peekAt(2).is('}') {
		text := t.text
		if t.is('{') {
			text = p.peekAt(1).text
		}
		switch strings.TrimSpace(text) { // 5^{\text{th}}
		case "th", "st", "nd", "rd":
			for p.advance(); t.is('{') && !p.accept('}'); p.advance() {
			}
			return base
		}
	}
	if p.accept('-') {
		return p.mk(kPow, "", base, p.mk(kNeg, "", p.factor()))
	}
	p.accept('+')
	return p.mk(kPow, "", base, p.factor())
}

// subscript reads a number base or the index of a variable.
func (p *parser) subscript(n *node) *node {
	t := p.peek()
	name := ""
	switch {
	case t.is('{'):
		p.advance()
		for d := 1; p.err == ""; {
			t := p.advance()
			if t.kind == tEOF {
				break
			}
			if t.is('{') {
				d++
			} else if t.is('}') {
				if d--; d == 0 {
					break
				}
			}
			name += strings.TrimSpace(t.text)
		}
	default:
		name = strings.TrimSpace(p.advance().text)
	}
	if n.kind == kVar {
		n.op += "_" + name
		return n
	}
	b, err := strconv.Atoi(name)
	if err != nil {
		v, ok := numberWord(name)
		if !ok {
			return p.fail("bad base " + name)
		}
		b = int(v)
	}
	if n.kind != kNum || n.op == "" || b < 2 || b > 36 {
		return p.fail("bad base")
	}
	out := p.mk(kBase, n.op)
	out.cols = b
	return out
}

// number makes a number node from a literal; op keeps its digits.
func (p *parser) number(text string) *node {
	n := p.mk(kNum, text)
	v, places, ok := literal(text)
	if v.b != nil {
		p.digits += v.words()
	}
	if !ok || p.digits > 2000 {
		return p.fail("bad number " + text)
	}
	n.num, n.places = v, places
	return n
}

// literal reads digits, a decimal point, (repetend) and an exponent exactly.
// places is the number of decimals written, -1 when there are none.
func literal(s string) (v num, places int, ok bool) {
	places = -1
	if len(s) <= 9 && strings.IndexByte(s, '.') < 0 {
		n, err := strconv.ParseInt(s, 10, 64)
		if err == nil {
			return integer(n), -1, true
		}
	}
	exp := 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		e, err := strconv.Atoi(s[i+1:])
		if err != nil || e > 10000 || e < -10000 {
			return num{}, 0, false
		}
		exp, s = e, s[:i]
	}
	rep := ""
	if i := strings.IndexByte(s, '('); i >= 0 {
		rep, s = strings.TrimSuffix(s[i+1:], ")"), s[:i]
	}
	if i := strings.IndexByte(s, '.'); i >= 0 {
		if rep == "" {
			places = max(0, len(s)-i-1-exp)
		}
		exp -= len(s) - i - 1
		s = s[:i] + s[i+1:]
	}
	if s == "" {
		s = "0"
	}
	if exp == 0 && rep == "" && len(s) <= 18 {
		n, err := strconv.ParseInt(s, 10, 64)
		return integer(n), places, err == nil
	}
	m, ok := new(big.Int).SetString(s+rep, 10)
	if !ok {
		return num{}, 0, false
	}
	den := big.NewInt(1)
	if rep != "" { // 0.1(6) = (16 − 1)/90
		head, _ := new(big.Int).SetString(s, 10)
		m.Sub(m, head)
		den.Sub(pow10(len(rep)), den)
	}
	if exp >= 0 {
		m.Mul(m, pow10(exp))
	} else {
		den.Mul(den, pow10(-exp))
	}
	v = fromRat(new(big.Rat).SetFrac(m, den))
	return v, places, v.ok()
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// primary reads one operand.
func (p *parser) primary() *node {
	t := p.peek()
	switch t.kind {
	case tNum:
		p.advance()
		return p.mixed(p.number(t.text))
	case tMoney:
		p.advance()
		return p.mk(kUnit, moneyUnit(t.text), p.signedMoney())
	case tWord:
		p.advance()
		return p.word(t.text)
	case tText:
		p.advance()
		return p.words(t.text)
	case tCmd:
		p.advance()
		return p.named(t.text)
	case tBegin:
		p.advance()
		return p.matrix(t.text)
	case tOp:
		switch t.text[0] {
		case '(', '[':
			p.advance()
			return p.bracket(t.text[0])
		case '{':
			p.advance()
			return p.group()
		case '|':
			p.advance()
			return p.bar()
		case '-': // a sign where only brackets would be proper: 3 · (−2)
			p.advance()
			return p.mk(kNeg, "", p.factor())
		}
	}
	if t.kind == tEOF {
		return p.fail("incomplete")
	}
	return p.fail("unexpected " + t.text)
}

// signedMoney reads the amount after a currency sign.
func (p *parser) signedMoney() *node {
	n := p.factor()
	if n.kind == kUnit { // $5 \text{ million} and the like: keep the inner value
		return n.args[0]
	}
	return n
}

// mixed adds a proper fraction to the integer before it: 3\frac12, 3 1/2.
func (p *parser) mixed(n *node) *node {
	if n.places >= 0 || p.err != "" {
		return n
	}
	save := p.pos
	var num, den *node
	switch t := p.peek(); {
	case t.kind == tCmd && isFraction(t.text):
		p.advance()
		num, den = p.argument(), p.argument()
	case t.kind == tNum && t.sp && p.peekAt(1).is('/') && p.peekAt(2).kind == tNum:
		num = p.number(p.advance().text)
		p.advance()
		den = p.number(p.advance().text)
	default:
		return n
	}
	if p.err == "" && num.kind == kNum && den.kind == kNum && num.num.isInt() && den.num.isInt() &&
		num.num.sign() > 0 && num.num.cmp(den.num) < 0 {
		return p.mk(kAdd, "", n, p.mk(kDiv, "", num, den))
	}
	if p.err == "" {
		p.pos = save
	}
	return n
}

func isFraction(name string) bool {
	switch name {
	case "frac", "dfrac", "tfrac", "cfrac":
		return true
	}
	return false
}

// bracket reads what is inside ( or [: a grouped value, a tuple or interval.
func (p *parser) bracket(open byte) *node {
	bars := p.bars
	p.bars = 0
	defer func() { p.bars = bars }()
	n := p.list()
	closer := byte(')')
	switch {
	case p.accept(')'):
	case p.accept(']'):
		closer = ']'
	case p.peek().kind == tEOF && p.err == "" && open == '(':
	default:
		return p.fail("unclosed bracket")
	}
	op := string([]byte{open, closer})
	if n.kind == kList {
		n.kind, n.op = kTuple, op
		return n
	}
	if open == '[' != (closer == ']') {
		return p.fail("mixed brackets around one value")
	}
	return n
}

// group reads {…}: a LaTeX group, with \over or \choose inside, or a plain set.
func (p *parser) group() *node {
	bars := p.bars
	p.bars = 0
	defer func() { p.bars = bars }()
	if p.accept('}') { // {} is nothing: multiply by one
		return p.mkInt(1)
	}
	n := p.list()
	switch {
	case p.command("over"):
		p.advance()
		n = p.mk(kDiv, "", n, p.list())
	case p.command("choose"):
		p.advance()
		n = p.mk(kFunc, "binom", n, p.list())
	}
	if !p.accept('}') && p.peek().kind != tEOF {
		return p.fail("unclosed brace")
	}
	if n.kind == kList && n.op == "," {
		n.kind, n.cols = kSet, 1 // invisible braces: may stand for a bare list
	}
	return n
}

// bar reads |x|.
func (p *parser) bar() *node {
	p.bars++
	n := p.sum()
	p.bars--
	if !p.accept('|') {
		return p.fail("unclosed bar")
	}
	return p.mk(kFunc, "abs", n)
}

// braces reads a set after \{, also {x | condition}.
func (p *parser) braces() *node {
	if p.command("}") {
		p.advance()
		return p.mk(kSet, "")
	}
	bars := p.bars
	p.bars = 1
	n := p.list()
	p.bars = bars
	if p.accept('|') || p.accept(':') {
		n = p.list()
		if n.kind == kList && n.op == "," {
			n.op = "and"
		}
		if n.kind != kRel && n.kind != kList {
			p.fail("set condition")
		}
	} else if n.kind == kList {
		n.kind = kSet
	} else {
		n = p.mk(kSet, "", n)
	}
	if !p.command("}") && p.peek().kind != tEOF {
		return p.fail("unclosed set")
	}
	p.advance()
	return n
}
