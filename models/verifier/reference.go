package verifier

import (
	"strings"

	"hardneg/models/verifier/expr"
)

// calc is one calculation of a reference: a note <<expr=res>>, or an equation
// in the text where there are no notes.
type calc struct {
	line      int
	marked    bool // a note; else plain text
	lo, hi    int  // the note, in its line; for plain text the empty gap before the result
	exprLo    int  // the visible expression before it, exprLo < 0 when there is none
	exprHi    int
	resLo     int // the printed result after it, resLo == resHi when there is none
	resHi     int
	parts     []part
	res       float64
	dec       int8
	depends   bool // some number comes from an earlier calculation
	reachable bool
}

// part is one element of a calculation's expression.
type part struct {
	text string // an operator or bracket, or a number as written
	num  bool
	val  float64
	from int // calculation that it comes from, -1 for the question or a constant
}

// chain is a reference solution as a graph of calculations.
type chain struct {
	lines  []string // body, without the answer line
	calcs  []calc
	answer float64
	marker string // answer line up to its number
	ansDec int8
	last   int // calculation that gives the answer, -1 for none
}

// parseChain reads a reference whose last line is "#### answer"; ok is false
// when it has no calculation or no such line.
func parseChain(reference string) (c chain, ok bool) {
	for _, l := range strings.Split(reference, "\n") {
		if strings.TrimSpace(l) != "" {
			c.lines = append(c.lines, l)
		}
	}
	n := len(c.lines)
	if n < 2 {
		return c, false
	}
	tail := c.lines[n-1]
	i := strings.Index(tail, "####")
	if i < 0 {
		return c, false
	}
	j := i + 4
	for j < len(tail) && (tail[j] == ' ' || tail[j] == '$') {
		j++
	}
	neg := j < len(tail) && tail[j] == '-'
	if neg {
		j++
	}
	v, dec, end := number(tail, j, len(tail))
	if end == j {
		return c, false
	}
	if c.answer = v; neg {
		c.answer = -v
	}
	c.ansDec, c.marker, c.lines = dec, tail[:i]+"#### ", c.lines[:n-1]
	for li := range c.lines {
		c.lineCalcs(li)
	}
	c.link()
	return c, len(c.calcs) > 0
}

// lineCalcs finds the calculations of one line.
func (c *chain) lineCalcs(li int) {
	l := c.lines[li]
	if !strings.Contains(l, "<<") {
		c.plainCalcs(li)
		return
	}
	for at := 0; ; {
		i := strings.Index(l[at:], "<<")
		if i < 0 {
			return
		}
		i += at
		j := strings.Index(l[i:], ">>")
		if j < 0 {
			return
		}
		j += i
		at = j + 2
		eq := strings.LastIndexByte(l[i:j], '=')
		if eq < 0 {
			continue
		}
		eq += i
		k := calc{line: li, marked: true, lo: i, hi: j + 2, exprLo: -1}
		v, dec, end := number(l, eq+1, j)
		if end != j || !k.parse(l[i+2:eq]) {
			continue
		}
		k.res, k.dec = v, dec
		k.resLo = at
		if k.resLo < len(l) && l[k.resLo] == '$' {
			k.resLo++
		}
		_, _, k.resHi = number(l, k.resLo, len(l))
		k.exprLo, k.exprHi = visibleBefore(l, i, l[i+2:eq])
		c.calcs = append(c.calcs, k)
	}
}

// plainCalcs finds "expr = number" in a line without notes.
func (c *chain) plainCalcs(li int) {
	l := c.lines[li]
	for at := 0; ; {
		i := strings.IndexByte(l[at:], '=')
		if i < 0 {
			return
		}
		eq := at + i
		at = eq + 1
		lo := eq
		for lo > 0 && (digit(l[lo-1]) || oneOf(l[lo-1], "+-*/(). ,$x")) {
			lo--
		}
		for lo < eq && (l[lo] == ' ' || l[lo] == ',' || l[lo] == '.' || l[lo] == 'x' || l[lo] == ')') {
			lo++
		}
		hi := eq
		for hi > lo && l[hi-1] == ' ' {
			hi--
		}
		r := eq + 1
		for r < len(l) && (l[r] == ' ' || l[r] == '$') {
			r++
		}
		v, dec, end := number(l, r, len(l))
		k := calc{line: li, lo: r, hi: r, exprLo: lo, exprHi: hi, res: v, dec: dec, resLo: r, resHi: end}
		if end == r || !k.parse(l[lo:hi]) || len(k.parts) < 3 {
			continue
		}
		c.calcs = append(c.calcs, k)
		at = end
	}
}

// visibleBefore finds the note's expression written out before it: "48 / 2 =
// $" before <<48/2=24>>. Spaces, dollar signs and thousands separators do not
// count, x is *.
func visibleBefore(l string, at int, expression string) (lo, hi int) {
	j := at
	for j > 0 && (l[j-1] == ' ' || l[j-1] == '$' || l[j-1] == '=') {
		j--
	}
	hi = j
	for i := len(expression); i > 0; {
		c := expression[i-1]
		if c == ' ' || c == '$' || c == ',' {
			i--
			continue
		}
		for j > 0 && (l[j-1] == ' ' || l[j-1] == '$' || l[j-1] == ',') {
			j--
		}
		if j == 0 || l[j-1] != c && !(c == '*' && (l[j-1] == 'x' || l[j-1] == 'X')) {
			return -1, -1
		}
		j--
		i--
	}
	return j, hi
}

// parse cuts an expression into parts and checks that it evaluates.
func (k *calc) parse(s string) bool {
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == ' ' || c == '$':
			i++
		case digit(c) || c == '.':
			v, _, end := number(s, i, len(s))
			if end == i {
				return false
			}
			k.parts = append(k.parts, part{text: s[i:end], num: true, val: v, from: -1})
			i = end
		case oneOf(c, "+-*/()%x"):
			t := string(c)
			if c == 'x' {
				t = "*"
			}
			k.parts = append(k.parts, part{text: t})
			i++
		default:
			return false
		}
	}
	_, ok := evalParts(k.parts, nil)
	return ok
}

// evalParts computes an expression; vals, when given, replaces the numbers in
// order.
func evalParts(parts []part, vals []float64) (float64, bool) {
	toks := make([]expr.Token, len(parts))
	n := 0
	for i, p := range parts {
		if p.num {
			toks[i] = expr.Token{Kind: expr.Number, Val: p.val}
			if vals != nil {
				toks[i].Val = vals[n]
			}
			n++
			continue
		}
		toks[i] = expr.Token{Kind: expr.Operator, Op: p.text[0]}
	}
	var prog expr.Program
	if prog.Compile(toks) != nil {
		return 0, false
	}
	return prog.Eval(nil)
}

// link finds where every number comes from: the latest earlier result of the
// same value, else the question.
func (c *chain) link() {
	latest := func(v float64, before int) int {
		for j := before - 1; j >= 0; j-- {
			if near(c.calcs[j].res, v) {
				return j
			}
		}
		return -1
	}
	for i := range c.calcs {
		for p := range c.calcs[i].parts {
			if q := &c.calcs[i].parts[p]; q.num {
				q.from = latest(q.val, i)
				c.calcs[i].depends = c.calcs[i].depends || q.from >= 0
			}
		}
	}
	c.last = latest(c.answer, len(c.calcs))
	if c.last >= 0 {
		c.markReachable(c.last)
	}
}

// markReachable marks what the answer rests on.
func (c *chain) markReachable(i int) {
	if c.calcs[i].reachable {
		return
	}
	c.calcs[i].reachable = true
	for _, p := range c.calcs[i].parts {
		if p.num && p.from >= 0 {
			c.markReachable(p.from)
		}
	}
}
