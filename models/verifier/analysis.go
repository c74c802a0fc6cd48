package verifier

import (
	"math"
	"sort"
	"strings"

	"hardneg/models/verifier/answer"
)

// stepInfo is one step of the solution under analysis.
type stepInfo struct {
	raw  span // in analysis.raw
	norm span
	tok  span
	eq   span
	num  int // number of its list marker, -1 for none
	sc   stepCounts
}

// analysis is the work space for one solution. It is reused, so that scoring
// allocates little; nothing in it survives into a Score.
type analysis struct {
	q        question
	lex      lexicon
	raw      string
	norm     normal
	rawToks  []token
	toks     []token
	spans    []span
	steps    []stepInfo
	reader   reader
	segs     []segment
	eqs      []equation
	noteToks []token
	noteBuf  []byte

	known   table // value -> origin
	knownV  []float64
	derived table // value -> first step that has it as a result
	used    table // question and derived values used as operands
	exprs   table // expression -> value
	labels  table // label -> value
	misc    table
	results []result
	local   []float64
	cons    []constraint
	assigns []assigned

	finds []Finding
	f     [numFeatures]float64
	ans   finalAnswer

	opCount                            [5]int // + - * / ^
	nops, operands, soft, unsrc        int
	contra, before, noteBad, redundant int
	neqs, nbad, nsoft, nident          int
	neg, nonInt, big, misq             int
	maxErr                             float64
	repeats, loops                     int
	stepNumbers, relabels              int
}

// result is the outcome of an equation.
type result struct {
	val  float64
	step int
	eq   int
}

// finalAnswer is what the solution ends on.
type finalAnswer struct {
	text     string
	val      float64
	found    bool // something was extracted
	isNum    bool // val holds
	anchored bool // by an explicit marker
	pct      bool
}

// run analyses one solution up to its features; mode-dependent parts follow
// in score.
func (a *analysis) run(in *Input) {
	a.reset()
	a.q.lex = &a.lex
	a.q.read(in.Question)
	a.split(in)
	a.tokenise()
	for i := range a.steps {
		s := &a.steps[i]
		s.eq.lo = int32(len(a.eqs))
		a.equations(a.toks[s.tok.lo:s.tok.hi], int(s.tok.lo), i)
		a.noteEquations(i)
		s.eq.hi = int32(len(a.eqs))
	}
	a.finalAnswer()
	a.provenance()
	a.symbolic()
	a.structure()
	a.features()
}

func (a *analysis) reset() {
	a.norm.reset()
	a.reader.reset()
	a.toks, a.rawToks, a.steps, a.spans = a.toks[:0], a.rawToks[:0], a.steps[:0], a.spans[:0]
	a.segs, a.eqs, a.results, a.finds = a.segs[:0], a.eqs[:0], a.results[:0], a.finds[:0]
	a.knownV, a.local, a.cons = a.knownV[:0], a.local[:0], a.cons[:0]
	a.assigns = a.assigns[:0]
	for _, t := range []*table{&a.known, &a.derived, &a.used, &a.exprs, &a.labels} {
		t.clear()
	}
	a.f = [numFeatures]float64{}
	a.opCount = [5]int{}
	a.nops, a.operands, a.soft, a.unsrc, a.contra, a.before, a.noteBad, a.redundant = 0, 0, 0, 0, 0, 0, 0, 0
	a.neqs, a.nbad, a.nsoft, a.nident, a.neg, a.nonInt, a.big, a.misq = 0, 0, 0, 0, 0, 0, 0, 0
	a.maxErr, a.repeats, a.loops, a.stepNumbers = 0, 0, 0, 0
	a.relabels = 0
}

// split sets raw and the raw spans of the steps.
func (a *analysis) split(in *Input) {
	if in.Steps == nil {
		a.raw = in.Solution
		a.spans = splitSteps(a.spans, a.raw)
		return
	}
	a.raw = strings.Join(in.Steps, "\n")
	at := 0
	for _, s := range in.Steps {
		a.spans = append(a.spans, span{int32(at), int32(at + len(s))})
		at += len(s) + 1
	}
}

// tokenise normalises and tokenises every step.
func (a *analysis) tokenise() {
	for _, sp := range a.spans {
		skip, num := marker(a.raw[sp.lo:sp.hi])
		s := stepInfo{raw: sp, num: num}
		s.norm.lo, s.tok.lo = int32(len(a.norm.b)), int32(len(a.rawToks))
		a.norm.add(a.raw, int(sp.lo)+skip, int(sp.hi), 0)
		s.norm.hi = int32(len(a.norm.b))
		a.rawToks = scan(&a.lex, a.rawToks, a.norm.b, int(s.norm.lo), int(s.norm.hi))
		s.tok.hi = int32(len(a.rawToks))
		a.norm.put('\n', int(sp.hi))
		a.steps = append(a.steps, s)
	}
	vars := variables(a.rawToks, a.norm.b)
	for i := range a.steps {
		s := &a.steps[i]
		lo := int32(len(a.toks))
		a.toks = resolve(a.toks, a.rawToks[s.tok.lo:s.tok.hi], vars)
		s.tok = span{lo, int32(len(a.toks))}
	}
}

// rawAt maps a normalised offset to the solution's text.
func (a *analysis) rawAt(norm int32) int {
	switch n := int32(len(a.norm.off)); {
	case n == 0:
		return 0
	case norm >= n:
		return len(a.raw)
	}
	return int(a.norm.off[norm])
}

// find records a finding on normalised[start:end].
func (a *analysis) find(code Code, severity float64, step int, start, end int32, note string) {
	lo := a.rawAt(start)
	hi := lo
	if end > start {
		hi = max(lo, a.rawAt(end-1)+1)
	}
	a.finds = append(a.finds, Finding{Code: code, Dim: code.Dim(), Severity: severity, Step: step, Start: lo, End: min(hi, len(a.raw)), Note: note})
}

// findStep records a finding on a whole step.
func (a *analysis) findStep(code Code, severity float64, step int, note string) {
	if step < 0 || step >= len(a.steps) {
		a.finds = append(a.finds, Finding{Code: code, Dim: code.Dim(), Severity: severity, Step: max(0, step), Note: note})
		return
	}
	s := &a.steps[step]
	a.finds = append(a.finds, Finding{Code: code, Dim: code.Dim(), Severity: severity, Step: step, Start: int(s.raw.lo), End: int(s.raw.hi), Note: note})
}

// noteEquations checks calculator notes: against the number printed after
// them, and as equations of their own where the text has none.
func (a *analysis) noteEquations(step int) {
	s := &a.steps[step]
	first := s.eq.lo
	// Notes stand in the order of the text, so a step's are a stretch of them:
	// the walk over all steps stays linear.
	notes := a.norm.notes
	from := sort.Search(len(notes), func(i int) bool { return notes[i].pos >= s.norm.lo })
	for i := from; i < len(notes) && notes[i].pos <= s.norm.hi; i++ {
		n := &notes[i]
		if !n.resOK {
			continue
		}
		a.notePrinted(n, step)
		covered := false
		for k := first; int(k) < len(a.eqs); k++ {
			e := &a.eqs[k]
			if e.trivial || e.start > n.pos || n.pos > e.end {
				continue
			}
			covered = true
			if e.bad && a.noteHolds(n) {
				e.clash = true // the note calculates something else than the text
			}
		}
		if covered {
			continue
		}
		ts := append(a.noteTokens(n), token{kind: kindEqual, op: '='}, token{kind: kindNumber, val: n.res, dec: n.resDec})
		for k := range ts {
			ts[k].start, ts[k].end = n.pos, n.pos
		}
		before := len(a.eqs)
		a.equations(ts, 0, step)
		for k := before; k < len(a.eqs); k++ {
			a.eqs[k].lo, a.eqs[k].hi = -1, -1
		}
	}
}

// noteTokens reads the expression of a note; the tokens are reused.
func (a *analysis) noteTokens(n *note) []token {
	a.noteBuf = append(a.noteBuf[:0], a.raw[n.exprLo:n.exprHi]...)
	raw := scan(&a.lex, a.noteToks[:0], a.noteBuf, 0, len(a.noteBuf))
	base := len(raw)
	all := resolve(raw, raw[:base], 0)
	a.noteToks = all[:0]
	return all[base:]
}

// noteHolds reports a note whose own expression gives its result.
func (a *analysis) noteHolds(n *note) bool {
	no, oo := len(a.reader.operands), len(a.reader.ops)
	s := a.reader.read(a.noteTokens(n))
	a.reader.operands, a.reader.ops = a.reader.operands[:no], a.reader.ops[:oo]
	return s.known && closeTo(s.val, n.res, n.resDec, false)
}

// notePrinted compares a note's result with the number printed after it.
func (a *analysis) notePrinted(n *note, step int) {
	s := &a.steps[step]
	for i := s.tok.lo; i < s.tok.hi; i++ {
		t := &a.toks[i]
		if t.start < n.pos || t.kind == kindOperator && t.op == '$' {
			continue
		}
		if t.kind != kindNumber || t.start > n.pos+2 {
			return
		}
		v := t.val
		if !closeTo(n.res, v, max(2, t.dec), false) && !closeTo(n.res*100, v, 2, false) && !closeTo(n.res, v*100, 2, false) &&
			!(t.dec == 0 && math.Abs(n.res-v) < 1 && n.res != math.Trunc(n.res)) {
			a.noteBad++
			s.sc[sContra]++
			a.find(CodeNoteText, .7, step, t.start, t.end, "the note says "+num(n.res)+", the text "+num(v))
		}
		return
	}
}

// finalAnswer extracts the answer and reads it as a number.
func (a *analysis) finalAnswer() {
	text, rule, ok := answer.Extract(a.raw, false)
	a.ans = finalAnswer{text: text, found: ok}
	if !ok {
		return
	}
	a.ans.anchored = rule == answer.RuleBoxed || rule == answer.RuleHash || rule == answer.RulePhrase
	a.ans.val, a.ans.isNum, a.ans.pct = a.numeric(text)
}

// numeric reads a short text as one number: as an expression, else by its
// first number.
func (a *analysis) numeric(text string) (v float64, ok, pct bool) {
	if len(text) > 4*maxBrace {
		text = text[:4*maxBrace]
	}
	if v, _, end := number(text, 0, len(text)); end == len(text) && end > 0 {
		return v, true, false
	}
	n0, r0, t0 := len(a.norm.b), len(a.rawToks), len(a.toks)
	notes, lo, hi, open := len(a.norm.notes), a.norm.boxLo, a.norm.boxHi, a.norm.openNote
	a.norm.add(text, 0, len(text), 0)
	a.rawToks = scan(&a.lex, a.rawToks, a.norm.b, n0, len(a.norm.b))
	a.toks = resolve(a.toks, a.rawToks[r0:], 0)
	ts := a.toks[t0:]
	for len(ts) > 0 && ts[len(ts)-1].kind == kindPunct {
		ts = ts[:len(ts)-1]
	}
	no, oo := len(a.reader.operands), len(a.reader.ops)
	s := a.reader.read(ts)
	v, ok, pct = s.val, s.known, s.pct
	if pct {
		v *= 100
	}
	if !ok {
		for i := range ts {
			if ts[i].kind == kindNumber {
				v, ok = ts[i].val, true
				if i > 0 && ts[i-1].kind == kindOperator && ts[i-1].op == '-' {
					v = -v
				}
				break
			}
		}
	}
	a.reader.operands, a.reader.ops = a.reader.operands[:no], a.reader.ops[:oo]
	a.norm.b, a.norm.off, a.norm.notes = a.norm.b[:n0], a.norm.off[:n0], a.norm.notes[:notes]
	a.norm.boxLo, a.norm.boxHi, a.norm.openNote = lo, hi, open
	a.rawToks, a.toks = a.rawToks[:r0], a.toks[:t0]
	return v, ok && !math.IsInf(v, 0) && !math.IsNaN(v), pct
}
