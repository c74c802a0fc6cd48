package verifier

import (
	"math"
	"strconv"
)

// Origins of a known value.
const (
	fromQuestion = 'q'
	fromPercent  = 'c' // complement of a percent
	fromPart     = 'r' // another reading of a question number: 1-f, 1/f, p/100
	fromStep     = 'd' // result of a step
	fromText     = 's' // merely said in a step
	fromUnknown  = 'u' // an operand without a source
)

// maxPairs bounds the values among which an unwritten step is looked for.
const maxPairs = 24

// know adds a value and its origin; the first origin stays.
func (a *analysis) know(v float64, src byte, step int) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	n := a.known.n
	a.known.put(bucket(v), src, step, v)
	if a.known.n > n && len(a.knownV) < maxPairs {
		a.knownV = append(a.knownV, v)
	}
}

// knowQuestion enters the question's numbers with their other readings.
func (a *analysis) knowQuestion() {
	for i := range a.q.qty {
		k := &a.q.qty[i]
		v := k.val
		a.know(v, fromQuestion, -1)
		switch {
		case k.kind == qtyPercent:
			a.know(v/100, fromPart, -1)
			for _, c := range [...]float64{100 - v, 1 - v/100, 100 + v, 1 + v/100} {
				a.know(c, fromPercent, -1)
			}
		case (k.kind == qtyFraction || k.kind == qtyFracWord) && v < 1:
			a.know(1-v, fromPart, -1)
			a.know(v*100, fromPart, -1)
			if v != 0 {
				a.know(1/v, fromPart, -1)
			}
		}
	}
}

// strongConstant reports constants that need no source.
func strongConstant(v float64) bool {
	switch v {
	case 0, 1, 2, 7, 10, 12, 24, 30, 52, 60, 100, 180, 360, 365, 1000, 3600, .5, .01, math.Pi, 3.14:
		return true
	}
	return false
}

// weakConstant reports constants that count as a soft source.
func weakConstant(v float64) bool {
	switch v {
	case 3, 4, 8, 16, 31, 36, 90, 366, 5280, .25, .1:
		return true
	}
	return false
}

// provenance walks the equations in order, traces every operand and records
// findings and counts.
func (a *analysis) provenance() {
	a.knowQuestion()
	for i := range a.eqs {
		e := &a.eqs[i]
		if e.trivial {
			continue
		}
		segs := a.segs[e.segs[0]:e.segs[1]]
		for k := range segs {
			if segs[k].known && (k > 0 || segs[k].nops() > 0) {
				a.derived.put(bucket(segs[k].val), fromStep, int(e.step), segs[k].val)
			}
		}
	}
	for i := range a.steps {
		a.local = a.local[:0]
		for k := a.steps[i].eq.lo; k < a.steps[i].eq.hi; k++ {
			a.traceEquation(i, int(k))
		}
		a.sayNumbers(i)
	}
}

// traceEquation enters one equation into the graph.
func (a *analysis) traceEquation(step, ei int) {
	e := &a.eqs[ei]
	sc := &a.steps[step].sc
	segs := a.segs[e.segs[0]:e.segs[1]]
	if e.trivial {
		for k := range segs {
			if segs[k].known {
				a.local = append(a.local, segs[k].val)
			}
		}
		a.labelValue(e, step)
		return
	}
	a.neqs++
	sc[sEquations]++
	switch {
	case e.bad && e.clash:
		a.noteBad++
		sc[sContra]++
		a.find(CodeNoteText, .7, step, e.start, e.end, "the note calculates something else: the left side is "+num(e.want))
	case e.bad:
		a.nbad++
		sc[sBad]++
		a.maxErr = math.Max(a.maxErr, math.Min(1, e.relErr))
		a.find(CodeArith, math.Min(1, .6+e.relErr), step, e.start, e.end, "the left side is "+num(e.want))
	case e.approx:
		a.nsoft++
	}
	for k := range segs {
		s := &segs[k]
		if !s.known {
			continue
		}
		if s.nops() > 0 && (k == 0 || !segs[k-1].known) {
			a.traceOperands(s, step, e)
			a.checkExpression(segs, k, step, e)
		}
		a.local = append(a.local, s.val)
	}
	a.keepResult(segs, step, ei)
	a.labelValue(e, step)
}

// traceOperands looks for the source of every number of a segment.
func (a *analysis) traceOperands(s *segment, step int, e *equation) {
	sc := &a.steps[step].sc
	n := s.nops()
	a.nops += n
	sc[sOps] += float64(n)
	for _, o := range a.reader.ops[s.ops[0]:s.ops[1]] {
		switch o {
		case '+':
			a.opCount[0]++
		case '-':
			a.opCount[1]++
		case '*':
			a.opCount[2]++
		case '/':
			a.opCount[3]++
		default:
			a.opCount[4]++
		}
	}
	for _, v := range a.reader.operands[s.nums[0]:s.nums[1]] {
		a.operands++
		a.traceOperand(v, step, sc, e)
	}
}

func (a *analysis) traceOperand(v float64, step int, sc *stepCounts, e *equation) {
	key := bucket(v)
	if c := a.known.get(key); c != nil {
		switch c.src {
		case fromQuestion, fromPart, fromPercent:
			if a.used.get(key) == nil {
				sc[sNewQty]++
			}
			if c.src == fromPercent {
				a.f[fPctCompl] = 1
			}
			a.used.put(key, fromQuestion, step, v)
		default:
			a.used.put(key, fromStep, step, v)
			sc[sUsesPrev]++
		}
		return
	}
	if strongConstant(v) {
		return
	}
	for _, l := range a.local {
		if near(l, v) {
			return
		}
	}
	d := a.derived.get(key)
	switch {
	case d != nil && int(d.step) > step && !weakConstant(v):
		a.before++
		sc[sBefore]++
		a.find(CodeBefore, .8, step, e.start, e.end, num(v)+" is used here but computed only in step "+strconv.Itoa(int(d.step)+1))
	case weakConstant(v) || a.pairGives(v):
		a.soft++
		sc[sSoft]++
	default:
		a.unsrc++
		sc[sUnsourced]++
		a.find(CodeUnsourced, .5, step, e.start, e.end, num(v)+" comes neither from the question nor from a step")
	}
	a.know(v, fromUnknown, step)
}

// near is equality up to rounding noise.
func near(x, y float64) bool {
	return math.Abs(x-y) <= 1e-6*math.Max(1, math.Max(math.Abs(x), math.Abs(y)))
}

// pairGives reports a value that one unwritten operation on two known values
// yields.
func (a *analysis) pairGives(v float64) bool {
	for i, x := range a.knownV {
		for j, y := range a.knownV {
			if i == j {
				continue
			}
			if near(x+y, v) || near(x-y, v) || near(x*y, v) || y != 0 && near(x/y, v) {
				return true
			}
		}
	}
	return false
}

// checkExpression compares the value of an expression with an earlier one of
// the same operands and operators.
func (a *analysis) checkExpression(segs []segment, k, step int, e *equation) {
	s := &segs[k]
	val := s.val
	for _, t := range segs[k+1:] {
		if t.known && t.nops() == 0 {
			val = t.val
			break
		}
	}
	ops := a.reader.ops[s.ops[0]:s.ops[1]]
	free := ops[0] == '+' || ops[0] == '*'
	h := 14695981039346656037 + uint64(s.signs)
	for _, o := range ops {
		free = free && o == ops[0]
		h = (h ^ uint64(o)) * 1099511628211
	}
	for _, v := range a.reader.operands[s.nums[0]:s.nums[1]] {
		m := mix(uint64(bucket(v)))
		if free {
			h += m
		} else {
			h = mix(h ^ m)
		}
	}
	key := int64(mix(h))
	switch c := a.exprs.get(key); {
	case c == nil:
		a.exprs.put(key, 0, step, val)
	case !closeTo(c.val, val, 2, true):
		a.contra++
		a.steps[step].sc[sContra]++
		a.find(CodeExprContra, .9, step, e.start, e.end, "the same expression gave "+num(c.val)+" in step "+strconv.Itoa(int(c.step)+1)+", here "+num(val))
	case int(c.step) != step:
		a.redundant++
		a.steps[step].sc[sRedundant]++
	}
}

// mix is the finaliser of SplitMix64.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// keepResult enters the outcome of an equation.
func (a *analysis) keepResult(segs []segment, step, ei int) {
	last := -1
	for k := range segs {
		if segs[k].known {
			last = k
		}
	}
	if last < 0 {
		return
	}
	sc := &a.steps[step].sc
	v := segs[last].val
	a.results = append(a.results, result{v, step, ei})
	if v < 0 {
		a.neg++
		sc[sNegative]++
	}
	if math.Abs(v-math.Round(v)) > 1e-6 {
		a.nonInt++
		sc[sNonInt]++
	}
	if math.Abs(v) > 1e7 {
		a.big++
		sc[sBig]++
	}
	for k := range segs {
		if segs[k].known {
			a.know(segs[k].val, fromStep, step)
		}
	}
	if segs[last].pct {
		a.know(v*100, fromStep, step)
	}
	if segs[0].known {
		x := segs[0].val
		a.know(math.Round(x), fromStep, step)
		a.know(math.Round(x*100)/100, fromStep, step)
	}
}

// sayNumbers enters the numbers that a step merely states.
func (a *analysis) sayNumbers(step int) {
	s := &a.steps[step]
	for i := s.tok.lo; i < s.tok.hi; i++ {
		t := &a.toks[i]
		if t.kind == kindWord {
			s.sc[sWords]++
			continue
		}
		if t.kind != kindNumber {
			continue
		}
		s.sc[sNumbers]++
		if a.known.get(bucket(t.val)) == nil && !strongConstant(t.val) {
			s.sc[sNovel]++
		}
	}
	for i := s.tok.lo; i < s.tok.hi; i++ {
		if t := &a.toks[i]; t.kind == kindNumber {
			a.know(t.val, fromText, step)
		}
	}
}

// num prints a value for a finding.
func num(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.FormatInt(int64(v), 10)
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}
