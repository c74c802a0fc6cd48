package verifier

import (
	"math"
	"strings"
)

// absurdity is 1 - prod(1 - a_j) over what makes a solution implausible,
// whether it is right or wrong. It adds its own findings.
func (a *analysis) absurdity() float64 {
	keep := 1.0
	add := func(s float64) { keep *= 1 - s }
	last := len(a.steps) - 1
	found := func(c Code, s float64, note string) {
		add(s)
		a.findStep(c, s, last, note)
	}
	switch {
	case !a.ans.found:
		add(1)
	case a.garbage():
		found(CodeGarbage, 1, "hardly any words, numbers or formulas")
	}
	if a.loops > 0 {
		add(.9)
	}
	if a.reader.byZero > 0 {
		found(CodeDivZero, .9, "division by zero")
	}
	if a.f[fTruncated] > 0 {
		add(.7)
	}
	if a.maxErr > 0 {
		add(.6 * math.Min(1, a.maxErr))
	}
	if a.repeats > 0 {
		add(math.Min(.5, 3*a.f[fRepeat]))
	}
	if a.neg > 0 && (a.q.askCount || a.q.money) {
		found(CodeNegStep, .5, "a count or price is negative on the way")
	}
	a.absurdAnswer(found)
	return 1 - keep
}

// absurdAnswer checks the final number against what the question asks for.
func (a *analysis) absurdAnswer(found func(c Code, s float64, note string)) {
	if !a.ans.isNum {
		return
	}
	v, q := a.ans.val, &a.q
	counted := q.askCount || q.askMuch
	if v < 0 && (counted || q.money || q.asksMeasure()) {
		found(CodeNegAnswer, .8, "such a quantity cannot be negative")
	}
	if q.asks("probability") && (v < 0 || v > 1 && !a.ans.pct && v != 0 && !q.percent) {
		found(CodeProbability, .8, "a probability lies between 0 and 1")
	}
	if len(q.qty) > 0 && v != 0 && counted {
		m := q.maxAbs * q.multiplier
		if r := math.Abs(v) / m; r > 300 || math.Abs(v)/q.maxAbs < 1./300 && math.Abs(v) < .1 {
			found(CodeMagnitude, .6, num(v)+" is far from the numbers of the question")
		}
	}
	frac := math.Abs(v-math.Round(v)) > 1e-6
	if q.money && q.askMuch && math.Abs(v*100-math.Round(v*100)) > 1e-4 {
		found(CodeCents, .6, "an amount of money with fractions of a cent")
	}
	if frac && q.askCount && !q.average && !q.percent && q.askPlural() && !q.asksMeasure() {
		found(CodeFractionCount, .5, "what is counted should be whole")
	}
	if v == 0 && counted && q.allPos && len(q.qty) > 0 {
		found(CodeZeroAnswer, .4, "nothing is left although all numbers are positive")
	}
	if d := a.answerDim(); d != 0 && q.askDim != 0 && d != q.askDim && !sameMeasure(d, q.askDim) {
		found(CodeUnitKind, .4, "the answer's unit is of another kind than the one asked for")
	}
	if q.asks("percent") || q.asks("percentage") {
		if v > 100 && !q.morethan && !q.asks("increase") && !q.asks("more") {
			found(CodePercentRange, .3, "a share above one hundred percent")
		}
	}
}

// answerDim is the dimension of the unit behind the answer in the last step, 0
// when none stands there.
func (a *analysis) answerDim() byte {
	if len(a.steps) == 0 {
		return 0
	}
	sp := a.steps[len(a.steps)-1].tok
	for i := sp.lo; i+1 < sp.hi; i++ {
		t := &a.toks[i]
		if t.kind != kindNumber || !near(t.val, a.ans.val) {
			continue
		}
		if i > 0 && a.toks[i-1].kind == kindOperator && a.toks[i-1].op == '$' && !a.hasMathDollars() {
			return '$'
		}
		if d := a.toks[i+1].dim; d != 0 {
			return d
		}
	}
	return 0
}

// hasMathDollars reports a text whose dollar signs may enclose formulas.
func (a *analysis) hasMathDollars() bool { return strings.IndexByte(a.raw, '\\') >= 0 }

// sameMeasure reports two systems of units for one thing: inches and meters,
// pounds and grams.
func sameMeasure(x, y byte) bool {
	length := func(d byte) bool { return d == 'l' || d == 'm' }
	weight := func(d byte) bool { return d == 'w' || d == 'g' }
	return length(x) && length(y) || weight(x) && weight(y)
}

// asks reports a word in the last sentence of the question.
func (q *question) asks(w string) bool {
	h := fnv(w)
	for i := len(q.toks) - 1; i >= 0; i-- {
		t := &q.toks[i]
		if t.kind == kindWord && t.hash == h || t.kind == kindOperator && t.op == '%' && w == "percent" {
			return true
		}
		if t.kind == kindPunct && t.op == '.' && i < len(q.toks)-1 {
			return false
		}
	}
	return false
}

// asksMeasure reports a question for a length, a time, a weight: a number
// that may be broken but not negative.
func (q *question) asksMeasure() bool {
	for _, h := range q.ask {
		if h == fnv("hour") || h == fnv("minut") || h == fnv("day") || h == fnv("year") || h == fnv("mil") || h == fnv("feet") ||
			h == fnv("inch") || h == fnv("pound") || h == fnv("ounc") || h == fnv("gallon") || h == fnv("liter") || h == fnv("meter") ||
			h == fnv("cup") || h == fnv("dollar") || h == fnv("week") || h == fnv("month") || h == fnv("gram") || h == fnv("kilogram") ||
			h == fnv("ton") || h == fnv("teaspoon") || h == fnv("tim") || h == fnv("calori") || h == fnv("second") || h == fnv("mile") ||
			h == fnv("foot") || h == fnv("yard") || h == fnv("acr") || h == fnv("degre") || h == fnv("unit") || h == fnv("point") ||
			h == fnv("square") || h == fnv("cubic") || h == fnv("serving") || h == fnv("quart") || h == fnv("pint") {
			return true
		}
	}
	return false
}

// askPlural reports a noun after "how many".
func (q *question) askPlural() bool { return len(q.ask) > 0 }

// minReadable is the least share of characters in words, numbers or formulas.
const minReadable = .3

// garbage reports a text that is mostly unreadable signs.
func (a *analysis) garbage() bool {
	readable, all := 0, 0
	for i := range a.toks {
		n := int(a.toks[i].end - a.toks[i].start)
		if all += n; a.toks[i].kind != kindOpaque {
			readable += n
		}
	}
	return all > 0 && float64(readable) < minReadable*float64(all)
}
