package answer

// sum reads terms joined by +, − and ±.
func (p *parser) sum() *node {
	first := p.unary()
	args := []*node(nil)
	for p.err == "" {
		t := p.peek()
		if t.kind != tOp {
			break
		}
		op := t.text[0]
		if op != '+' && op != '-' && op != 'p' && op != 'm' {
			break
		}
		p.advance()
		rhs := p.unary()
		if args == nil {
			args = append(args, first)
		}
		switch op {
		case '-':
			rhs = p.mk(kNeg, "", rhs)
		case 'p', 'm':
			args = []*node{p.mk(kPM, string(op), p.fold(kAdd, args), rhs)}
			continue
		}
		args = append(args, rhs)
	}
	if args == nil {
		return first
	}
	return p.fold(kAdd, args)
}

// fold makes an n-ary node, or the only argument itself.
func (p *parser) fold(k kind, args []*node) *node {
	if len(args) == 1 {
		return args[0]
	}
	return p.mk(k, "", args...)
}

// unary reads the signs before a product.
func (p *parser) unary() *node {
	neg := false
	for p.err == "" {
		switch {
		case p.accept('-'):
			neg = !neg
			continue
		case p.accept('+'):
			continue
		case p.peek().is('p') || p.peek().is('m'):
			op := p.advance().text
			return p.mk(kPM, op, p.mkInt(0), p.product())
		}
		break
	}
	n := p.product()
	if !neg {
		return n
	}
	switch n.kind { // the sign goes under the unit: −5 cm is (−5) cm
	case kUnit, kPercent:
		n.args[0] = p.mk(kNeg, "", n.args[0])
		return n
	}
	return p.mk(kNeg, "", n)
}

// product reads factors joined by ·, / or nothing, and a unit after them.
func (p *parser) product() *node {
	args := []*node{p.factor()}
	for p.err == "" {
		switch t := p.peek(); {
		case t.is('*'):
			p.advance()
			args = append(args, p.signed())
		case t.is('/'):
			p.advance()
			args = []*node{p.mk(kDiv, "", p.fold(kMul, args), p.signed())}
		case p.unitAhead():
			n := p.fold(kMul, args)
			if u := p.unit(); u != "" {
				n = p.mk(kUnit, u, n)
			}
			args = []*node{n}
		case t.kind == tNum && args[0].kind == kUnit && len(args) == 1:
			n, ok := p.compound(args[0])
			if !ok {
				return p.fail("number after a unit")
			}
			return n
		case p.startsFactor():
			args = append(args, p.factor())
		default:
			return p.fold(kMul, args)
		}
	}
	return args[0]
}

// compound reads the rest of 2 hours 30 minutes: the parts add up, in the last
// unit.
func (p *parser) compound(first *node) (*node, bool) {
	if !p.enter() {
		return nil, false
	}
	defer p.leave()
	last := p.product()
	if last.kind != kUnit || p.err != "" {
		return nil, false
	}
	f, same := newCalc().unitRatio(first.op, last.op)
	if !same {
		return nil, false
	}
	scale := p.mkInt(1)
	scale.num = f
	return p.mk(kUnit, last.op, p.mk(kAdd, "", p.mk(kMul, "", scale, first.args[0]), last.args[0])), true
}

// signed reads a factor with signs of its own, as in 3 · −2.
func (p *parser) signed() *node {
	if p.accept('-') {
		return p.mk(kNeg, "", p.signed1())
	}
	p.accept('+')
	return p.factor()
}

func (p *parser) signed1() *node {
	if !p.enter() {
		return p.fail("")
	}
	defer p.leave()
	return p.signed()
}

// startsFactor says whether the next token can be multiplied without a sign.
func (p *parser) startsFactor() bool {
	t := p.peek()
	switch t.kind {
	case tNum, tMoney:
		return t.kind == tNum && p.pos > 0 && p.toks[p.pos-1].kind != tNum
	case tWord:
		return separatorWord(t.text) == "" && !(t.text == "U" && startsSet(p.peekAt(1)))
	case tText:
		return separatorWord(t.text) == ""
	case tBegin:
		return true
	case tCmd:
		switch t.text {
		case "}", `\`, "over", "choose", "atop", "to", "rightarrow", "Rightarrow", "implies", "rfloor", "rceil":
			return false
		}
		return true
	case tOp:
		switch t.text[0] {
		case '(', '[':
			return true
		case '{':
			w := p.peekAt(1)
			return !((w.kind == tWord || w.kind == tText) && p.peekAt(2).is('}') && separatorWord(w.text) != "")
		case '|':
			return p.bars == 0
		}
	}
	return false
}
