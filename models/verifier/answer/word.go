package answer

import "strings"

// letter is a one-letter name: the constants e and i, else a variable.
func (p *parser) letter(s string) *node {
	if s == "e" || s == "i" {
		return p.mk(kConst, s)
	}
	return p.mk(kVar, s)
}

// word reads a run of letters in plain math.
func (p *parser) word(w string) *node {
	if len(w) == 1 {
		return p.letter(w)
	}
	if w[0] == '\\' {
		return p.mk(kVar, w)
	}
	switch w {
	case "pi", "Pi":
		return p.mk(kConst, "pi")
	case "oo", "inf", "infinity", "Infinity", "infty":
		return p.mk(kConst, "oo")
	}
	if isFunction(w) {
		return p.function(w)
	}
	if n := len(w) - 1; isFunction(w[:n]) { // sinx
		return p.mk(kFunc, w[:n], p.letter(w[n:]))
	}
	lower := strings.ToLower(w)
	if v, ok := numberWord(lower); ok {
		return p.mkInt(v)
	}
	switch lower {
	case "approximately", "about", "approx", "roughly", "exactly", "only", "just": // about 5
		return p.factor()
	}
	if len(w) <= 3 && lower != "yes" && lower != "no" {
		args := make([]*node, 0, 3)
		for i := range len(w) {
			args = append(args, p.letter(w[i:i+1]))
		}
		last := args[len(args)-1]
		switch { // an exponent or index belongs to the last letter
		case p.peek().is('^'):
			p.advance()
			args[len(args)-1] = p.power(last)
		case p.peek().is('_') && last.kind == kVar:
			p.advance()
			args[len(args)-1] = p.subscript(last)
		}
		return p.mk(kMul, "", args...)
	}
	for p.peek().kind == tWord && separatorWord(p.peek().text) == "" {
		w += " " + p.advance().text
	}
	return p.mk(kText, w)
}

func (p *parser) mkInt(v int64) *node {
	n := p.mk(kNum, "")
	n.num = integer(v)
	return n
}

// words reads \text{…} as an operand.
func (p *parser) words(s string) *node {
	s = strings.TrimSpace(s)
	if v, ok := numberWord(strings.ToLower(s)); ok {
		return p.mkInt(v)
	}
	switch {
	case p.peek().is('_') && p.peekAt(1).kind != tEOF && len(s) <= 64 && isNumeral(s): // A5 in base 11
		p.advance()
		n := p.mkInt(0)
		n.op = strings.ToUpper(s)
		return p.subscript(n)
	case s == "":
		if p.closes() || p.peek().kind == tEOF {
			return p.mkInt(1)
		}
		return p.factor()
	case len(s) == 1 && isLetter(s[0]):
		return p.letter(s)
	case len(s) <= 18 && strings.Trim(s, "0123456789") == "":
		return p.number(s)
	}
	return p.mk(kText, s)
}

// isNumeral says whether s is digits and capitals, with at least one of both.
func isNumeral(s string) bool {
	digit := false
	for i := range len(s) {
		digit = digit || isDigit(s[i])
		if !isDigit(s[i]) && !isUpper(s[i]) {
			return false
		}
	}
	return digit
}

// numberWord reads the small numbers in words.
func numberWord(s string) (int64, bool) {
	switch s {
	case "zero":
		return 0, true
	case "one":
		return 1, true
	case "two":
		return 2, true
	case "three":
		return 3, true
	case "four":
		return 4, true
	case "five":
		return 5, true
	case "six":
		return 6, true
	case "seven":
		return 7, true
	case "eight":
		return 8, true
	case "nine":
		return 9, true
	case "ten":
		return 10, true
	case "eleven":
		return 11, true
	case "twelve":
		return 12, true
	}
	return 0, false
}
