package answer

import "strings"

// isFunction knows the functions that evaluation knows.
func isFunction(name string) bool {
	switch name {
	case "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "asin", "acos", "atan",
		"sinh", "cosh", "tanh", "log", "ln", "lg", "exp", "min", "max", "gcd", "lcm", "floor", "ceil", "sqrt", "abs", "binom":
		return true
	}
	return false
}

// knownCommand says whether a name is a command of this package.
func knownCommand(name string) bool {
	if commandClass(name) != cOther || isFunction(name) || isFraction(name) {
		return true
	}
	switch name {
	case "pi", "infty", "binom", "dbinom", "emptyset", "overline":
		return true
	}
	return false
}

// gluedCommand finds a function, \pi or a relation with one or two letters
// stuck to it, and returns its length; 0 when there is none.
func gluedCommand(name string) int {
	if len(name) < 3 || len(name) > 8 || knownCommand(name) {
		return 0
	}
	for n := len(name) - 1; n >= len(name)-2 && n >= 2; n-- {
		switch p := name[:n]; {
		case p == "pi" && name != "pitchfork", isFunction(p), p == "leq", p == "geq", p == "neq":
			return n
		}
	}
	return 0
}

// named reads what follows a command.
func (p *parser) named(name string) *node {
	switch name {
	case "frac", "dfrac", "tfrac", "cfrac":
		a := p.argument()
		return p.mk(kDiv, "", a, p.argument())
	case "binom", "dbinom", "tbinom":
		if p.peek().is('(') {
			return p.function("binom")
		}
		a := p.argument()
		return p.mk(kFunc, "binom", a, p.argument())
	case "sqrt":
		return p.root()
	case "pi":
		return p.mk(kConst, "pi")
	case "infty", "infinity":
		return p.mk(kConst, "oo")
	case "{":
		return p.braces()
	case "emptyset", "varnothing", "O":
		return p.mk(kSet, "")
	case "R":
		a, b := p.mk(kConst, "oo"), p.mk(kConst, "oo")
		return p.mk(kTuple, "()", p.mk(kNeg, "", a), b)
	case "lfloor", "lceil":
		n := p.sum()
		if !p.command("rfloor") && !p.command("rceil") {
			return p.fail("unclosed floor")
		}
		p.advance()
		return p.mk(kFunc, strings.TrimPrefix(name, "l"), n)
	case "overline", "bar", "dot", "phantom", "textcolor", "color":
		return p.argument()
	case "imath":
		return p.mk(kConst, "i")
	}
	if isFunction(name) {
		return p.function(name)
	}
	if name == `\` {
		return p.fail("unexpected line break")
	}
	return p.mk(kVar, `\`+name) // an unknown symbol is a name
}

// root reads \sqrt[k]{x}, \sqrt3 and sqrt(x).
func (p *parser) root() *node {
	var index *node
	if p.accept('[') {
		index = p.sum()
		if !p.accept(']') {
			return p.fail("unclosed root index")
		}
	}
	n := p.primary()
	if n.kind == kTuple {
		return p.fail("root of a tuple")
	}
	if index == nil {
		return p.mk(kFunc, "sqrt", n)
	}
	return p.mk(kPow, "", n, p.mk(kDiv, "", p.mkInt(1), index))
}

// function reads exponent, base and argument of a function.
func (p *parser) function(name string) *node {
	switch name {
	case "sqrt":
		return p.root()
	case "asin", "acos", "atan":
		name = "arc" + name[1:]
	case "lg":
		name = "log"
	}
	var exp, base *node
	for p.peek().is('^') || p.peek().is('_') {
		if p.advance().is('^') {
			exp = p.argument()
		} else {
			base = p.argument()
		}
	}
	if exp != nil && isInverse(exp) && (name == "sin" || name == "cos" || name == "tan") {
		name, exp = "arc"+name, nil
	}
	args := p.funcArgs()
	if base != nil {
		args = append(args, base)
	}
	n := p.mk(kFunc, name, args...)
	if exp != nil {
		n = p.mk(kPow, "", n, exp)
	}
	return n
}

// isInverse recognises the exponent -1.
func isInverse(n *node) bool {
	return n.kind == kNeg && n.args[0].kind == kNum && n.args[0].num.equal(integer(1))
}

// funcArgs reads (a, b), {a} or a bare product such as 2x or \frac{\pi}{4}.
func (p *parser) funcArgs() []*node {
	if t := p.peek(); t.is('(') || t.is('{') {
		n := p.primary()
		if n.kind == kTuple && n.op == "()" || n.kind == kSet {
			return n.args
		}
		return []*node{n}
	}
	args := []*node{p.factor()}
	for p.err == "" {
		t := p.peek()
		last := args[len(args)-1]
		switch {
		case t.kind == tDegree:
			p.advance()
			args = []*node{p.mk(kUnit, "degree", p.fold(kMul, args))}
		case t.is('/') && p.peekAt(1).kind == tNum && last.kind == kConst:
			p.advance()
			args = []*node{p.mk(kDiv, "", p.fold(kMul, args), p.factor())}
		case t.kind == tCmd && (t.text == "pi" || isFraction(t.text)) || t.kind == tWord && !isFunction(t.text) && separatorWord(t.text) == "" && len(t.text) <= 2:
			args = append(args, p.factor())
		default:
			return []*node{p.fold(kMul, args)}
		}
	}
	return args[:1]
}

// argument reads one LaTeX argument: a group, or a single digit or letter of
// the next token.
func (p *parser) argument() *node {
	t := p.peek()
	if (t.kind == tNum || t.kind == tWord && t.text[0] != '\\') && len(t.text) > 1 {
		p.toks[p.pos].text = t.text[1:]
		p.toks[p.pos].sp = false
		if t.kind == tNum {
			return p.number(t.text[:1])
		}
		return p.letter(t.text[:1])
	}
	if t.is('-') {
		p.advance()
		return p.mk(kNeg, "", p.argument1())
	}
	return p.primary1()
}

func (p *parser) argument1() *node {
	if !p.enter() {
		return p.fail("")
	}
	defer p.leave()
	return p.argument()
}

// primary1 is primary without the mixed-number rule: in \frac12\frac34 the
// denominator 2 does not start a mixed number.
func (p *parser) primary1() *node {
	if !p.enter() {
		return p.fail("")
	}
	defer p.leave()
	if t := p.peek(); t.kind == tNum {
		p.advance()
		return p.number(t.text)
	}
	return p.primary()
}

// matrix reads rows and cells up to \end.
func (p *parser) matrix(env string) *node {
	switch env {
	case "pmatrix", "bmatrix", "matrix", "Bmatrix", "array", "smallmatrix":
	default:
		return p.fail("environment " + env)
	}
	bars := p.bars
	p.bars = 0
	defer func() { p.bars = bars }()
	var cells []*node
	cols, row := 0, 0
	endRow := func() bool {
		if cols == 0 {
			cols = row
		}
		ok := row == cols
		row = 0
		return ok
	}
	for p.err == "" {
		cells = append(cells, p.relation())
		row++
		switch {
		case p.accept('&'):
			continue
		case p.command(`\`):
			p.advance()
			if !endRow() {
				return p.fail("ragged matrix")
			}
			if p.peek().kind != tEnd {
				continue
			}
		}
		if p.peek().kind != tEnd || row > 0 && !endRow() {
			return p.fail("ragged matrix")
		}
		p.advance()
		n := p.mk(kMatrix, "", cells...)
		n.cols = max(cols, 1)
		return n
	}
	return p.fail("matrix")
}
