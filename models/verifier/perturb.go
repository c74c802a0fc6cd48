package verifier

import (
	"math"
	"strconv"
	"strings"

	"hardneg/fixtures/seed"
)

// Kind is one kind of planted error and the dimension that it breaks.
type Kind struct {
	Name string
	Dim  Dim
}

// Kinds lists the planted errors.
func Kinds() []Kind {
	return []Kind{
		{"calc", Sym}, {"op", Sem}, {"operand", Sem}, {"swap", Sem}, {"drop", Sem}, {"entity", Sem},
		{"order", Order}, {"skip", Order}, {"contradict", Logic},
		{"repeat", Struct}, {"trunc", Struct}, {"noanswer", Struct}, {"answer", Ans},
	}
}

// Flawed is a right solution with one planted error.
type Flawed struct {
	Kind     Kind
	Step     int // first wrong step, counted from 0
	Solution string
	Answer   string // the answer it gives, empty for none
}

// tries is how many places are tried for one error.
const tries = 12

// Perturb plants an error of the named kind in a right reference solution
// that ends in "#### answer". It is not ok where the solution does not admit
// the error, or where the answer comes out right again.
func Perturb(question, reference, kind string, key seed.Key) (f Flawed, ok bool) {
	for _, k := range Kinds() {
		if k.Name == kind {
			f.Kind = k
		}
	}
	c, ok := parseChain(cut(reference))
	if !ok || f.Kind.Name == "" {
		return f, false
	}
	p := planter{c: &c, question: question, key: key}
	for t := range uint64(tries) {
		p.key = key.Sub(t)
		p.n = 0
		if text, step, answer, ok := p.plant(kind); ok {
			f.Solution, f.Step, f.Answer = text, step, answer
			return f, true
		}
	}
	return f, false
}

// planter draws the places and values of one error.
type planter struct {
	c        *chain
	question string
	key      seed.Key
	n        uint64 // draws made
}

func (p *planter) pick(n int) int {
	p.n++
	return p.key.Index(p.n, n)
}

func (p *planter) plant(kind string) (text string, step int, answer string, ok bool) {
	switch kind {
	case "calc", "op", "operand", "swap", "drop", "entity":
		return p.graph(kind)
	case "contradict":
		return p.contradict()
	case "answer":
		return p.answer()
	}
	return p.lines(kind)
}

// graph plants an error and executes what follows again.
func (p *planter) graph(kind string) (string, int, string, bool) {
	c := p.c
	e := edit{at: p.pick(len(c.calcs))}
	k := &c.calcs[e.at]
	if !k.reachable && kind != "calc" {
		return "", 0, "", false
	}
	ok := true
	switch kind {
	case "calc":
		v := wrongNumber(k.res, k.dec, p)
		e.res = &v
		e.stop = p.pick(2) == 0
	case "op":
		e.parts, ok = p.otherOperator(k)
	case "operand":
		e.parts, ok = p.otherOperand(k, e.at)
	case "swap":
		e.parts, ok = swapped(k)
	case "drop":
		e.parts, ok = dropped(k)
	case "entity":
		e.a, e.b, ok = p.entities()
		e.exchange, e.at = true, 0
	}
	if !ok {
		return "", 0, "", false
	}
	text, final, ok := c.execute(e)
	if !ok || kind != "calc" && near(final, c.answer) || math.IsNaN(final) {
		return "", 0, "", false
	}
	step := k.line
	if kind == "entity" {
		if step = firstUse(c, e.a, e.b); step < 0 {
			return "", 0, "", false
		}
	}
	return text, step, num4(final), true
}

// wrongNumber is a value near a right one: off by one or ten, a power of ten,
// two digits exchanged.
func wrongNumber(v float64, dec int8, p *planter) float64 {
	unit := 1 / pow10(dec)
	switch p.pick(7) {
	case 0:
		return v + unit
	case 1:
		return v - unit
	case 2:
		return v + 10*unit
	case 3:
		return math.Max(0, v-10*unit) + flag(v <= 10*unit)*2*unit
	case 4:
		return v * 10
	case 5:
		return v / 10
	}
	s := strconv.FormatFloat(v, 'f', int(dec), 64)
	for i := 0; i+1 < len(s); i++ {
		if digit(s[i]) && digit(s[i+1]) && s[i] != s[i+1] && !(i == 0 && s[i+1] == '0') {
			b := []byte(s)
			b[i], b[i+1] = b[i+1], b[i]
			w, _ := strconv.ParseFloat(string(b), 64)
			return w
		}
	}
	return v + 2*unit
}

// binaries lists the two-place operators of an expression.
func binaries(parts []part) (at []int) {
	for i, q := range parts {
		if !q.num && oneOf(q.text[0], "+-*/") && i > 0 && (parts[i-1].num || parts[i-1].text == ")" || parts[i-1].text == "%") {
			at = append(at, i)
		}
	}
	return at
}

func clone(parts []part) []part { return append([]part(nil), parts...) }

func (p *planter) otherOperator(k *calc) ([]part, bool) {
	at := binaries(k.parts)
	if len(at) == 0 || k.exprLo < 0 {
		return nil, false
	}
	out := clone(k.parts)
	i := at[p.pick(len(at))]
	other := map[string]string{"+": "-*", "-": "+", "*": "/+", "/": "*-"}[out[i].text]
	out[i].text = other[p.pick(len(other)):][:1]
	return out, true
}

// otherOperand replaces a number by another one of the question or by an
// earlier result.
func (p *planter) otherOperand(k *calc, at int) ([]part, bool) {
	var nums []int
	for i := range k.parts {
		if k.parts[i].num {
			nums = append(nums, i)
		}
	}
	if len(nums) == 0 || k.exprLo < 0 {
		return nil, false
	}
	out := clone(k.parts)
	q := &out[nums[p.pick(len(nums))]]
	var qs question
	qs.read(p.question)
	var values []part
	for _, x := range qs.qty {
		if x.digits() && !near(x.val, q.val) && x.val > 0 {
			values = append(values, part{num: true, val: x.val, text: num4(x.val), from: -1})
		}
	}
	for j := range p.c.calcs[:at] {
		if r := p.c.calcs[j].res; !near(r, q.val) && r > 0 {
			values = append(values, part{num: true, val: r, text: num4(r), from: j})
		}
	}
	if len(values) == 0 {
		return nil, false
	}
	*q = values[p.pick(len(values))]
	return out, true
}

// swapped exchanges the operands of a single - or /.
func swapped(k *calc) ([]part, bool) {
	if len(k.parts) != 3 || k.exprLo < 0 || k.parts[1].text != "-" && k.parts[1].text != "/" {
		return nil, false
	}
	return []part{k.parts[2], k.parts[1], k.parts[0]}, true
}

// dropped leaves out the last term of a flat expression.
func dropped(k *calc) ([]part, bool) {
	at := binaries(k.parts)
	if len(at) < 2 || k.exprLo < 0 {
		return nil, false
	}
	for _, q := range k.parts {
		if q.text == "(" {
			return nil, false
		}
	}
	return clone(k.parts[:at[len(at)-1]]), true
}

// entities picks two numbers of the question with the same unit.
func (p *planter) entities() (a, b float64, ok bool) {
	var q question
	q.read(p.question)
	type entry struct {
		val  float64
		unit uint32
	}
	var es []entry
	for _, x := range q.qty {
		if x.kind != qtyNumeral || int(x.tok)+1 >= len(q.toks) {
			continue
		}
		if next := &q.toks[x.tok+1]; next.kind == kindWord {
			es = append(es, entry{x.val, next.stem})
		} else if x.tok > 0 && q.toks[x.tok-1].op == '$' {
			es = append(es, entry{x.val, 1})
		}
	}
	var pairs [][2]float64
	for i := range es {
		for j := range es[:i] {
			if es[i].unit == es[j].unit && !near(es[i].val, es[j].val) && p.c.usesQuestion(es[i].val) && p.c.usesQuestion(es[j].val) {
				pairs = append(pairs, [2]float64{es[i].val, es[j].val})
			}
		}
	}
	if len(pairs) == 0 {
		return 0, 0, false
	}
	x := pairs[p.pick(len(pairs))]
	return x[0], x[1], true
}

// usesQuestion reports a calculation that takes v from the question.
func (c *chain) usesQuestion(v float64) bool { return firstUse(c, v, v) >= 0 }

// firstUse is the first line that takes a or b from the question, -1 for none.
func firstUse(c *chain, a, b float64) int {
	for i := range c.calcs {
		for _, q := range c.calcs[i].parts {
			if q.num && q.from < 0 && (near(q.val, a) || near(q.val, b)) {
				return c.calcs[i].line
			}
		}
	}
	return -1
}

// StripNotes cuts calculator notes out of a solution.
func StripNotes(s string) string {
	for {
		i := strings.Index(s, "<<")
		if i < 0 {
			return s
		}
		j := strings.Index(s[i:], ">>")
		if j < 0 {
			return s
		}
		s = s[:i] + s[i+j+2:]
	}
}
