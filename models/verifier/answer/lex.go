package answer

import (
	"strings"
	"unicode/utf8"
)

// tkind is what a token is.
type tkind uint8

const (
	tEOF    tkind = iota
	tNum          // digits, perhaps a decimal point, (repetend) or exponent; separators removed
	tWord         // a run of ASCII letters, or one Greek letter as its name
	tCmd          // \name, without the backslash
	tText         // the content of \text{…} and its relatives
	tOp           // one operator or bracket
	tBegin        // \begin{name}
	tEnd          // \end{name}
	tMoney        // a currency sign
	tDegree       // ° or ^\circ
	tPower        // a run of superscript digits
	tBad          // anything else
)

// token is a piece of an answer; sp says that white space came before it.
type token struct {
	kind tkind
	text string
	sp   bool
}

// is compares an operator token.
func (t token) is(op byte) bool { return t.kind == tOp && t.text[0] == op }

// commas says how a comma between digit groups is read.
type commas uint8

const (
	commaTop  commas = iota // thousands outside brackets, separators inside
	commaList               // always a separator
	commaAll                // thousands everywhere
)

// lexer turns an answer into tokens. Dollar signs in pairs delimit math, a
// single one is money.
type lexer struct {
	s      string
	i      int
	sp     bool
	depth  int
	commas commas
	money  bool
	out    []token
}

// maxTokens bounds the work of one answer.
const maxTokens = 4000

func lex(s string, c commas) []token {
	s = plainForms(s)
	l := &lexer{s: s, commas: c, out: make([]token, 0, 8+len(s)/3)}
	l.money = dollarsAreMoney(s)
	for l.i < len(l.s) && len(l.out) < maxTokens {
		l.next()
	}
	return append(l.out, token{kind: tEOF, sp: true})
}

// plainForms replaces full-width characters by ASCII ones and the stops of
// a.m. and p.m., where there are any.
func plainForms(s string) string {
	if strings.Contains(s, "\xef\xbc") || strings.Contains(s, "\xef\xbd") {
		s = strings.Map(func(r rune) rune {
			if r >= 0xff01 && r <= 0xff5e {
				return r - 0xfee0
			}
			return r
		}, s)
	}
	if strings.Contains(s, ".m") || strings.Contains(s, ".M") {
		s = noonMarks.Replace(s)
	}
	return s
}

var noonMarks = strings.NewReplacer("a.m.", "am", "p.m.", "pm", "A.M.", "am", "P.M.", "pm", "a.m", "am", "p.m", "pm")

// dollarsAreMoney says whether the unescaped dollar signs of s are prices: an
// odd number of them, or a second one that starts another price.
func dollarsAreMoney(s string) bool {
	n, prices := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '$':
			n++
			if i+1 < len(s) && isDigit(s[i+1]) && (i == 0 || strings.IndexByte(" ,([-", s[i-1]) >= 0) {
				prices++
			}
		}
	}
	return n%2 == 1 || n > 0 && prices == n
}

func (l *lexer) emit(k tkind, text string) {
	l.out = append(l.out, token{k, text, l.sp})
	l.sp = false
}

// next reads one token or skips white space.
func (l *lexer) next() {
	c := l.s[l.i]
	switch {
	case isSpace(c) || c == '~':
		l.i++
		l.sp = true
	case isDigit(c) || c == '.' && l.i+1 < len(l.s) && (isDigit(l.s[l.i+1]) || strings.HasPrefix(l.s[l.i+1:], `\overline{`)):
		l.number()
	case isLetter(c):
		j := l.i + 1
		for j < len(l.s) && isLetter(l.s[j]) {
			j++
		}
		l.emit(tWord, l.s[l.i:j])
		l.i = j
	case c == '\\':
		l.command()
	case c >= utf8.RuneSelf:
		l.unicode()
	case c == '$':
		l.i++
		if l.money {
			l.emit(tMoney, "$")
		} else {
			l.sp = true
		}
	case strings.HasPrefix(l.s[l.i:], "{,}"):
		l.i += 3
		l.emit(tOp, ",")
	default:
		l.operator(c)
	}
}

// operator reads one ASCII operator; **, <=, >=, != and == are folded.
func (l *lexer) operator(c byte) {
	two := ""
	if l.i+1 < len(l.s) {
		two = l.s[l.i : l.i+2]
	}
	l.i++
	switch two {
	case "**":
		l.i++
		l.emit(tOp, "^")
		return
	case "<=", "=<":
		l.i++
		l.emit(tOp, "l")
		return
	case ">=", "=>":
		l.i++
		l.emit(tOp, "g")
		return
	case "!=":
		l.i++
		l.emit(tOp, "n")
		return
	case "==":
		l.i++
		l.emit(tOp, "=")
		return
	}
	switch c {
	case '(', '[':
		l.depth++
	case ')', ']':
		l.depth--
	case '*', '`', '"':
		if c != '*' || l.i < len(l.s) && l.s[l.i] == '*' {
			l.sp = true
			return
		}
	}
	if strings.IndexByte("+-*/^_()[]{}|,;:=<>!'%&?.", c) < 0 {
		l.emit(tBad, string(c))
		return
	}
	l.emit(tOp, l.s[l.i-1:l.i])
}

// command reads \name, \text{…}, an environment mark or an escaped sign.
func (l *lexer) command() {
	j := l.i + 1
	if j >= len(l.s) {
		l.i = j
		return
	}
	if !isLetter(l.s[j]) {
		l.escape(l.s[j])
		return
	}
	for j < len(l.s) && isLetter(l.s[j]) {
		j++
	}
	name := l.s[l.i+1 : j]
	if n := gluedCommand(name); n > 0 { // \pir is \pi r
		name, j = name[:n], l.i+1+n
	}
	l.i = j
	l.named(name)
}

// named acts on a command by its class.
func (l *lexer) named(name string) {
	switch commandClass(name) {
	case cSpace:
		l.sp = true
	case cSize: // \left. and \right. are invisible brackets
		if (name == "left" || name == "right") && l.i < len(l.s) && l.s[l.i] == '.' {
			l.i++
		}
	case cText:
		text, ok := l.group()
		if !ok {
			return
		}
		if fn := strings.TrimSpace(text); (name == "operatorname" || name == "mathrm") && isFunction(fn) {
			l.emit(tCmd, fn)
			return
		}
		if strings.TrimSpace(text) == `\$` {
			l.emit(tMoney, "$")
			return
		}
		l.emit(tText, text)
	case cFont, cBox: // the braces that follow are an ordinary group
		if name == "mathbb" {
			if text, ok := l.group(); ok && text == "R" {
				l.emit(tCmd, "R")
			} else if ok {
				l.emit(tText, text)
			}
		}
	case cEnv:
		text, _ := l.group()
		k := tBegin
		if name == "end" {
			k = tEnd
		}
		l.emit(k, strings.TrimSuffix(text, "*"))
		if text == "array" || text == "tabular" {
			l.group() // column format
		}
	case cSymbol:
		s := commandSymbol(name)
		if s == "c" { // \circ is a degree sign after ^
			l.degree()
			return
		}
		if s == "{" || s == "}" {
			l.emit(tCmd, s)
			return
		}
		l.emit(tOp, s)
	case cGreek:
		l.emit(tWord, "\\"+name)
	default:
		l.emit(tCmd, name)
	}
}

// degree replaces a preceding ^ or ^{ by a degree sign.
func (l *lexer) degree() {
	n := len(l.out)
	switch {
	case n >= 1 && l.out[n-1].is('^'):
		l.out = l.out[:n-1]
	case n >= 2 && l.out[n-1].is('{') && l.out[n-2].is('^'):
		l.out = l.out[:n-2]
		for l.i < len(l.s) && isSpace(l.s[l.i]) {
			l.i++
		}
		if l.i < len(l.s) && l.s[l.i] == '}' {
			l.i++
		}
	}
	l.emit(tDegree, "°")
}

// group reads a braced argument as raw text; without braces nothing is read.
// A missing closing brace ends at the end of the text.
func (l *lexer) group() (string, bool) {
	j := l.i
	for j < len(l.s) && isSpace(l.s[j]) {
		j++
	}
	if j >= len(l.s) || l.s[j] != '{' {
		return "", false
	}
	e := closing(l.s, j)
	if e < 0 {
		l.i = len(l.s)
		return l.s[j+1:], true
	}
	l.i = e + 1
	return l.s[j+1 : e], true
}

// escape reads a backslash and one other sign.
func (l *lexer) escape(c byte) {
	l.i += 2
	switch c {
	case '\\':
		if j := l.i; j < len(l.s) && isLetter(l.s[j]) { // \\frac: escaped twice
			for j < len(l.s) && isLetter(l.s[j]) {
				j++
			}
			if knownCommand(l.s[l.i:j]) {
				l.i--
				l.command()
				return
			}
		}
		l.emit(tCmd, `\`)
	case '{':
		l.depth++
		l.emit(tCmd, "{")
	case '}':
		l.depth--
		l.emit(tCmd, "}")
	case '$':
		l.emit(tMoney, "$")
	case '%', '_', '&':
		l.emit(tOp, string(c))
	case '|':
		l.emit(tOp, "|")
	case '!', '(', ')', '[', ']':
	default: // spacing; a stray backslash before a number was a row's end
		l.sp = true
		if isDigit(c) || c == '-' {
			l.i--
			l.emit(tCmd, `\`)
		}
	}
}

// unicode reads one character beyond ASCII.
func (l *lexer) unicode() {
	r, n := utf8.DecodeRuneInString(l.s[l.i:])
	l.i += n
	if d := superscript(r); d >= 0 {
		text := string(rune('0' + d))
		for l.i < len(l.s) {
			r, n := utf8.DecodeRuneInString(l.s[l.i:])
			d := superscript(r)
			if d < 0 {
				break
			}
			text += string(rune('0' + d))
			l.i += n
		}
		l.emit(tPower, text)
		return
	}
	k, text := runeToken(r)
	switch {
	case text == "":
		l.sp = true
	case k == tOp && (text == "{" || text == "}"):
		l.emit(tCmd, text)
	default:
		for _, t := range strings.Split(text, " ") { // ½ is "1 / 2" in brackets
			switch {
			case k != tNum:
				l.emit(k, t)
			case isDigit(t[0]):
				l.emit(tNum, t)
			default:
				l.emit(tCmd, t)
			}
		}
	}
}
