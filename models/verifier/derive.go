package verifier

import "math"

// features fills a.f and adds the findings that concern the solution as a
// whole. Consensus features are added by score.
func (a *analysis) features() {
	a.quantityFeatures()
	a.wordFeatures()
	a.structFeatures()
	a.flowFeatures()
	a.answerFeatures()
	a.contextFeatures()
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// share is n/d, 0 for d = 0.
func share(n, d int) float64 {
	if d == 0 {
		return 0
	}
	return float64(n) / float64(d)
}

// readings calls f with the values that stand for a question quantity x.
func readings(x float64, f func(v float64) bool) bool {
	return f(x) || f(x/100) || f(1-x) || f(100-x) || f(1+x) || f(1-x/100) || f(1+x/100) || x != 0 && f(1/x) || f(x*100)
}

// quantityFeatures asks which of the question's numbers the solution uses.
func (a *analysis) quantityFeatures() {
	f := &a.f
	said := &a.misc
	said.clear()
	for i := range a.toks {
		t := &a.toks[i]
		switch {
		case t.kind == kindNumber:
			said.put(bucket(t.val), 0, 0, 0)
			said.put(bucket(t.val/100), 0, 0, 0)
		case t.kind == kindWord && t.cls&(clsNumber|clsTens|clsFraction|clsMultiple) != 0:
			said.put(bucket(t.val), 0, 0, 0)
		}
	}
	used := func(v float64) bool { c := a.used.get(bucket(v)); return c != nil && c.src == fromQuestion }
	total, unused, unsaid, nums, numsUnused := 0, 0, 0, 0, 0
	for i := range a.q.qty {
		k := &a.q.qty[i]
		if !k.main() || a.q.seenBefore(i) {
			continue
		}
		total++
		x := k.val
		has := func(v float64) bool { return said.get(bucket(v)) != nil }
		isUsed := readings(x, used)
		isSaid := has(x) || x != 0 && has(1/x) || has(1-x) || has(x*100)
		if !isUsed {
			unused++
		}
		if !isSaid {
			unsaid++
		}
		if k.digits() {
			nums++
			if !isUsed {
				numsUnused++
				if !isSaid {
					a.findStep(CodeUnused, .3, len(a.steps)-1, "the question's "+num(x)+" is never used")
				}
			}
		}
	}
	f[fUnused], f[fUnmention], f[fUnusedNum] = share(unused, total), share(unsaid, total), share(numsUnused, nums)
	f[fCntUnused] = math.Min(4, float64(numsUnused))
	f[fQNumbers] = float64(total)
	f[fOpsPerQty] = float64(a.nops) / math.Max(1, float64(a.q.mainCount()))
	f[fOpsMinusQty] = clip(float64(a.nops-a.q.mainCount()), -20, 20)
	for i, k := range [...]int{fShareAdd, fShareSub, fShareMul, fShareDiv} {
		f[k] = share(a.opCount[i], a.nops)
	}
}

// mainCount counts the quantities of the question, repeated ones too.
func (q *question) mainCount() int {
	n := 0
	for i := range q.qty {
		if q.qty[i].main() {
			n++
		}
	}
	return n
}

// maxCompared bounds the search for an equal earlier quantity.
const maxCompared = 64

// seenBefore reports an earlier main quantity of the same value.
func (q *question) seenBefore(i int) bool {
	for j := max(0, i-maxCompared); j < i; j++ {
		if q.qty[j].main() && bucket(q.qty[j].val) == bucket(q.qty[i].val) {
			return true
		}
	}
	return false
}

func clip(x, lo, hi float64) float64 { return math.Max(lo, math.Min(hi, x)) }

// wordFeatures compares the content words of question and solution.
func (a *analysis) wordFeatures() {
	f, q := &a.f, &a.q
	seen := &a.misc
	seen.clear()
	distinct, fresh, covered, words := 0, 0, 0, 0
	for i := range a.toks {
		t := &a.toks[i]
		if !t.content() {
			continue
		}
		words++
		if seen.get(int64(t.stem)) != nil {
			continue
		}
		seen.put(int64(t.stem), 0, 0, 0)
		distinct++
		if q.stems.get(int64(t.stem)) != nil {
			covered++
		} else {
			fresh++
		}
	}
	f[fQCover], f[fNewStems] = share(covered, q.nstems), share(fresh, distinct)
	f[fLogWords] = math.Log1p(float64(words))
	n := len(a.steps)
	asked := func(from int) bool {
		if len(q.ask) == 0 {
			return true
		}
		for s := max(0, from); s < n; s++ {
			for i := a.steps[s].tok.lo; i < a.steps[s].tok.hi; i++ {
				for _, h := range q.ask {
					if a.toks[i].kind == kindWord && a.toks[i].stem == h {
						return true
					}
				}
			}
		}
		return false
	}
	f[fAskLast], f[fAskAny] = flag(asked(n-1)), flag(asked(n-3))
	if n > 0 && !asked(n-2) {
		a.findStep(CodeAskedUnit, .2, n-1, "what the question asks for is not named at the end")
	}
	a.misquotes()
	f[fMisquote] = math.Min(3, float64(a.misq))
}

// misquotes finds numbers that differ from the question's number between the
// same two words.
func (a *analysis) misquotes() {
	quoted := &a.misc
	quoted.clear()
	context := func(ts []token, i int) int64 {
		if i == 0 || i+1 >= len(ts) || !ts[i-1].content() || !ts[i+1].content() {
			return 0
		}
		return int64(mix(uint64(ts[i-1].stem)<<32|uint64(ts[i+1].stem)) | 1)
	}
	any := false
	for i := range a.q.toks {
		if a.q.toks[i].kind != kindNumber {
			continue
		}
		if key := context(a.q.toks, i); key != 0 {
			if c := quoted.get(key); c != nil {
				c.src = 1 // two numbers there: no quote to check
			}
			quoted.put(key, 0, 0, a.q.toks[i].val)
			any = true
		}
	}
	if !any {
		return
	}
	for s := range a.steps {
		sp := a.steps[s].tok
		ts := a.toks[sp.lo:sp.hi]
		for i := range ts {
			if ts[i].kind != kindNumber {
				continue
			}
			key := context(ts, i)
			if key == 0 {
				continue
			}
			c := quoted.get(key)
			if c == nil || c.src != 0 || near(c.val, ts[i].val) {
				continue
			}
			if k := a.known.get(bucket(ts[i].val)); k != nil && (k.src != fromText || int(k.step) < s) {
				continue
			}
			a.misq++
			a.steps[s].sc[sMisquote]++
			a.find(CodeMisquote, .5, s, ts[i].start, ts[i].end, "the question says "+num(c.val)+" here")
		}
	}
}

// structFeatures fills the struct dimension.
func (a *analysis) structFeatures() {
	f, n := &a.f, len(a.steps)
	f[fNoAnswer] = flag(!a.ans.found)
	f[fAnsMissing] = f[fNoAnswer]
	f[fUnanchored] = flag(!a.ans.anchored)
	if !a.ans.found {
		a.findStep(CodeNoAnswer, 1, n-1, "no final answer")
	}
	if a.truncated() {
		f[fTruncated] = 1
		a.findStep(CodeTruncated, .7, n-1, "the text stops in the middle")
	}
	f[fSteps] = math.Min(40, float64(n))
	f[fLogSteps] = math.Log1p(float64(n))
	f[fRepeat] = share(a.repeats, n)
	f[fEquations] = math.Min(12, float64(a.neqs))
	f[fNoEquation] = flag(a.neqs == 0)
	if a.neqs == 0 && a.q.mainCount() >= 2 && !a.hasSymbols() {
		f[fNoWork] = 1
		a.findStep(CodeNoWork, .4, n-1, "no calculation is shown")
	}
}

// hasSymbols reports any equality sign at all: work that is not arithmetic.
func (a *analysis) hasSymbols() bool { return len(a.eqs) > 0 }

// flowFeatures fills order, logic and sym, and the unsourced share of sem.
func (a *analysis) flowFeatures() {
	f := &a.f
	f[fUnsourced] = share(a.unsrc, a.operands)
	f[fUnsrcShare], f[fUnsrcCount] = f[fUnsourced], math.Min(4, float64(a.unsrc))
	f[fSoftSource] = share(a.soft, a.operands)
	f[fBefore], f[fStepNumber] = math.Min(3, float64(a.before)), math.Min(3, float64(a.stepNumbers))
	f[fContra], f[fNoteText] = math.Min(3, float64(a.contra)), math.Min(3, float64(a.noteBad))
	f[fLabelContra] = math.Min(3, float64(a.relabels))
	f[fRedundant] = math.Min(3, float64(a.redundant))
	dangling := 0
	for _, r := range a.results {
		if a.ans.isNum && near(r.val, a.ans.val) {
			continue
		}
		if c := a.used.get(bucket(r.val)); c != nil && c.src == fromStep {
			continue
		}
		dangling++
		a.steps[r.step].sc[sDangling]++
	}
	f[fDangShare], f[fDangCount] = share(dangling, len(a.results)), math.Min(4, float64(dangling))
	f[fBadShare], f[fBadCount] = share(a.nbad, a.neqs), math.Min(3, float64(a.nbad))
	f[fMaxErr], f[fSoftShare] = a.maxErr, share(a.nsoft, a.neqs)
	f[fBadIdentity] = math.Min(3, float64(a.nident))
}

// answerFeatures fills ans and what logic says about the answer.
func (a *analysis) answerFeatures() {
	f, n := &a.f, len(a.steps)
	f[fNegCount], f[fBigCount] = math.Min(3, float64(a.neg)), math.Min(2, float64(a.big))
	f[fNonIntCount], f[fNonIntShare] = math.Min(4, float64(a.nonInt)), share(a.nonInt, a.neqs)
	if !a.ans.isNum {
		f[fAnsUnread] = flag(a.ans.found)
		return
	}
	v := a.ans.val
	derived, last := false, false
	for i, r := range a.results {
		if near(r.val, v) || closeTo(r.val, v, 2, true) {
			derived = true
			last = i == len(a.results)-1
		}
	}
	f[fAnsDerived], f[fAnsLast] = flag(derived), flag(last)
	inQ, stated := false, false
	for i := range a.q.qty {
		inQ = inQ || near(a.q.qty[i].val, v)
	}
	if c := a.known.get(bucket(v)); c != nil {
		stated = c.src != fromText || int(c.step) < n-1
	}
	switch {
	case len(a.results) == 0:
	case !derived && !stated && !inQ:
		f[fAnsOff] = 1
		a.findStep(CodeNotDerived, .4, n-1, "the answer "+num(v)+" is the result of no step")
	case derived && !last && !a.restated(v):
		a.findStep(CodeNotLast, .2, n-1, "the answer is not the last result")
	}
	f[fAnsInQ], f[fAnsNeg], f[fAnsZero] = flag(inQ), flag(v < 0), flag(v == 0)
	frac := math.Abs(v-math.Round(v)) > 1e-6
	f[fAnsFrac] = flag(frac)
	f[fAnsCents] = flag(math.Abs(v*100-math.Round(v*100)) > 1e-6)
	f[fAnsCountFrac] = flag(frac && a.q.askCount && !a.q.average && !a.q.percent)
	ratio := clip(math.Log10(math.Max(math.Abs(v), 1e-3)/math.Max(a.q.maxAbs, 1e-3)), -4, 6)
	f[fAnsRatio], f[fAnsBig], f[fAnsSmall] = ratio, flag(ratio > 2.5), flag(ratio < -1.5)
}

// restated reports a closing sentence with the answer after the last
// equation.
func (a *analysis) restated(v float64) bool {
	if len(a.results) == 0 {
		return false
	}
	last := a.eqs[a.results[len(a.results)-1].eq].end
	for i := len(a.toks) - 1; i >= 0 && a.toks[i].start >= last; i-- {
		if a.toks[i].kind == kindNumber && near(a.toks[i].val, v) {
			return true
		}
	}
	return false
}

// contextFeatures describes the question alone.
func (a *analysis) contextFeatures() {
	f, q := &a.f, &a.q
	f[fQLen] = math.Log1p(float64(len(q.toks)))
	f[fQSentences] = math.Min(12, float64(q.sentences))
	frac, mult := false, false
	for i := range q.qty {
		frac = frac || q.qty[i].kind == qtyFraction || q.qty[i].kind == qtyFracWord
		mult = mult || q.qty[i].kind == qtyMultiple
	}
	f[fQLeft], f[fQMore], f[fQPct] = flag(q.left), flag(q.morethan), flag(q.percent)
	f[fQFrac], f[fQMult], f[fQEach] = flag(frac), flag(mult), flag(q.each)
	f[fLeftNoSub] = flag(q.left && a.opCount[1] == 0)
	f[fPctNoOp] = flag(q.percent && a.opCount[2]+a.opCount[3] == 0)
	f[fEachNoMul] = flag(q.each && a.opCount[2] == 0)
}
