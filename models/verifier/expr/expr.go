// Package expr compiles and evaluates the arithmetic that solutions write.
//
// A Token is a number, an operator, a variable or a function name, as the
// verifier's tokeniser finds them between unit words. Compile turns a run of
// tokens into a Program (postfix code) by precedence climbing over
// + - * / ^, unary minus, implicit multiplication before a bracket or a
// variable, postfix % (value/100) and !, and the functions sqrt and abs.
// Eval runs it in float64, Rat exactly. Data enter as tokens and leave as one
// number; text and units are the caller's business.
//
// # Why
//
// Postfix code is compiled once and evaluated at many points when two sides
// hold variables; the code slices are reused between calls, so checking an
// equation allocates nothing. All loops are bounded: nesting by MaxDepth,
// length by MaxTokens, exponents by MaxExponent.
package expr

import (
	"errors"
	"math"
	"math/big"
	"strconv"
)

// Bounds on what is evaluated; beyond them an expression is unknown.
const (
	MaxDepth    = 64
	MaxTokens   = 2000
	MaxExponent = 1e4
)

// Kind tells what a Token is.
type Kind uint8

// The kinds of tokens.
const (
	Number Kind = iota
	Operator
	Variable
	Function
)

// Token is one element of an expression.
type Token struct {
	Kind Kind
	Op   byte    // Operator: + - * / ^ ( ) % !; Variable: its letter; Function: 'r' root, 'a' absolute value
	Val  float64 // Number
}

// Errors of Compile.
var (
	ErrSyntax = errors.New("not an expression")
	ErrSize   = errors.New("expression too large")
)

// instr is one postfix instruction: a number, a variable or an operator.
type instr struct {
	op  byte // 'n' push Val, 'v' push variable arg, else the operator; '~' is unary minus
	arg byte
	val float64
}

// Program is a compiled expression. The zero value is ready for Compile, which
// reuses its memory.
type Program struct {
	code    []instr
	Ops     []byte // binary operators in the order of evaluation
	Vars    uint64 // bit set of VarBit over the variables
	Signs   int    // unary minus signs
	Percent bool   // a % was applied
	ByZero  bool   // the last Eval divided by zero
	toks    []Token
	pos     int
	depth   int
	stack   []float64
}

// VarBit maps a variable's letter to its bit in Vars: case matters.
func VarBit(letter byte) uint64 { return 1 << (letter - 'A') & (1<<63 - 1) }

// Compile parses the whole of toks.
func (p *Program) Compile(toks []Token) error {
	p.code, p.Ops, p.Vars, p.Percent = p.code[:0], p.Ops[:0], 0, false
	p.Signs = 0
	if len(toks) > MaxTokens {
		return ErrSize
	}
	p.toks, p.pos, p.depth = toks, 0, 0
	if !p.sum() || p.pos != len(toks) {
		return ErrSyntax
	}
	p.toks = nil
	return nil
}

// peek returns the operator at the cursor, 0 when there is none.
func (p *Program) peek() byte {
	if p.pos < len(p.toks) && p.toks[p.pos].Kind == Operator {
		return p.toks[p.pos].Op
	}
	return 0
}

func (p *Program) emit(op byte) {
	p.Ops = append(p.Ops, op)
	p.code = append(p.code, instr{op: op})
}

func (p *Program) sum() bool {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > MaxDepth || !p.product() {
		return false
	}
	for {
		op := p.peek()
		if op != '+' && op != '-' {
			return true
		}
		p.pos++
		if !p.product() {
			return false
		}
		p.emit(op)
	}
}

func (p *Program) product() bool {
	if !p.power() {
		return false
	}
	for p.pos < len(p.toks) {
		op := p.peek()
		switch {
		case op == '*' || op == '/':
			p.pos++
		case op == '(', p.toks[p.pos].Kind == Variable, p.toks[p.pos].Kind == Function:
			op = '*'
		default:
			return true
		}
		if !p.power() {
			return false
		}
		p.emit(op)
	}
	return true
}

// power binds tighter than a sign before it: -2^2 is -(2^2).
func (p *Program) power() bool {
	switch p.peek() {
	case '-', '+':
		minus := p.peek() == '-'
		p.pos++
		p.depth++
		ok := p.depth <= MaxDepth && p.power()
		p.depth--
		if ok && minus {
			p.Signs++
			p.code = append(p.code, instr{op: '~'})
		}
		return ok
	}
	if !p.atom() {
		return false
	}
	if p.peek() == '^' {
		p.pos++
		p.depth++
		ok := p.depth <= MaxDepth && p.power()
		p.depth--
		if !ok {
			return false
		}
		p.emit('^')
	}
	return true
}

func (p *Program) atom() bool {
	if p.pos >= len(p.toks) {
		return false
	}
	t := p.toks[p.pos]
	switch {
	case t.Kind == Number:
		p.pos++
		p.code = append(p.code, instr{op: 'n', val: t.Val})
	case t.Kind == Variable:
		if t.Op < 'A' || t.Op > 'z' {
			return false
		}
		p.pos++
		p.Vars |= VarBit(t.Op)
		p.code = append(p.code, instr{op: 'v', arg: t.Op})
	case t.Kind == Function:
		p.pos++
		if p.peek() != '(' || !p.group() {
			return false
		}
		p.emit(t.Op)
	case t.Op == '(':
		if !p.group() {
			return false
		}
	default:
		return false
	}
	for op := p.peek(); op == '%' || op == '!'; op = p.peek() {
		p.pos++
		if op == '%' {
			p.Percent = true
			p.code = append(p.code, instr{op: '%'})
		} else {
			p.emit('!')
		}
	}
	return true
}

func (p *Program) group() bool {
	p.pos++
	if !p.sum() || p.peek() != ')' {
		return false
	}
	p.pos++
	return true
}

// Numbers calls f with each number of the expression, in order of writing.
func (p *Program) Numbers(f func(v float64)) {
	for i := range p.code {
		if p.code[i].op == 'n' {
			f(p.code[i].val)
		}
	}
}

// AppendNumbers appends the numbers of the expression in order of writing.
func (p *Program) AppendNumbers(dst []float64) []float64 {
	for i := range p.code {
		if p.code[i].op == 'n' {
			dst = append(dst, p.code[i].val)
		}
	}
	return dst
}

// Bare reports whether the expression is a single variable, and which.
func (p *Program) Bare() (letter byte, ok bool) {
	if len(p.code) == 1 && p.code[0].op == 'v' {
		return p.code[0].arg, true
	}
	return 0, false
}

// Eval computes the value; vars gives the value of a variable's letter and may
// be nil when there are none. ok is false when the value is not finite or not
// real (division by zero, a root of a negative number).
func (p *Program) Eval(vars func(letter byte) float64) (v float64, ok bool) {
	s := p.stack[:0]
	p.ByZero = false
	for _, c := range p.code {
		switch c.op {
		case 'n':
			s = append(s, c.val)
			continue
		case 'v':
			if vars == nil {
				return 0, false
			}
			s = append(s, vars(c.arg))
			continue
		}
		top := len(s) - 1
		x, good := unary(c.op, s[top])
		if !good {
			if top == 0 {
				return 0, false
			}
			x, good = binary(c.op, s[top-1], s[top])
			s = s[:top]
			top--
			if !good {
				p.ByZero = c.op == '/'
				return 0, false
			}
		} else if math.IsNaN(x) {
			return 0, false
		}
		s[top] = x
	}
	p.stack = s[:0]
	if len(s) != 1 || math.IsNaN(s[0]) || math.IsInf(s[0], 0) {
		return 0, false
	}
	return s[0], true
}

// unary applies a one-place operator; known is false for the two-place ones.
func unary(op byte, x float64) (y float64, known bool) {
	switch op {
	case '~':
		return -x, true
	case '%':
		return x / 100, true
	case 'a':
		return math.Abs(x), true
	case 'r':
		return math.Sqrt(x), true // NaN below zero
	case '!':
		return factorial(x), true
	}
	return 0, false
}

func binary(op byte, a, b float64) (float64, bool) {
	switch op {
	case '+':
		return a + b, true
	case '-':
		return a - b, true
	case '*':
		return a * b, true
	case '/':
		return a / b, b != 0
	case '^':
		if math.Abs(b) > MaxExponent {
			return 0, false
		}
		return math.Pow(a, b), true
	}
	return 0, false
}

func factorial(x float64) float64 {
	if x != math.Trunc(x) || x < 0 || x > 170 {
		return math.NaN()
	}
	y := 1.0
	for i := 2.0; i <= x; i++ {
		y *= i
	}
	return y
}

// maxRatBits bounds the size of exact intermediates.
const maxRatBits = 4096

// Rat computes the exact value of an expression without variables, roots or
// fractional powers. Numbers are read back from their shortest decimal form.
func (p *Program) Rat() (*big.Rat, bool) {
	var s []*big.Rat
	for _, c := range p.code {
		if c.op == 'n' {
			r, ok := new(big.Rat).SetString(strconv.FormatFloat(c.val, 'g', -1, 64))
			if !ok {
				return nil, false
			}
			s = append(s, r)
			continue
		}
		top := len(s) - 1
		switch c.op {
		case '~':
			s[top].Neg(s[top])
		case '%':
			s[top].Quo(s[top], big.NewRat(100, 1))
		case 'a':
			s[top].Abs(s[top])
		case '+', '-', '*', '/', '^':
			if !ratBinary(c.op, s[top-1], s[top]) {
				return nil, false
			}
			s = s[:top]
		default:
			return nil, false
		}
	}
	if len(s) != 1 {
		return nil, false
	}
	return s[0], true
}

// ratBinary leaves a op b in a.
func ratBinary(op byte, a, b *big.Rat) bool {
	switch op {
	case '+':
		a.Add(a, b)
	case '-':
		a.Sub(a, b)
	case '*':
		a.Mul(a, b)
	case '/':
		if b.Sign() == 0 {
			return false
		}
		a.Quo(a, b)
	case '^':
		if !b.IsInt() || !b.Num().IsInt64() {
			return false
		}
		return ratPow(a, b.Num().Int64())
	}
	return a.Num().BitLen()+a.Denom().BitLen() <= maxRatBits
}

func ratPow(a *big.Rat, n int64) bool {
	inverse := n < 0
	if inverse {
		n = -n
	}
	if inverse && a.Sign() == 0 || n*int64(a.Num().BitLen()+a.Denom().BitLen()) > maxRatBits {
		return false
	}
	e := big.NewInt(n)
	num := new(big.Int).Exp(a.Num(), e, nil)
	den := new(big.Int).Exp(a.Denom(), e, nil)
	if inverse {
		num, den = den, num
	}
	a.SetFrac(num, den)
	return true
}
