package verifier

import "math"

// structure looks for damage to the text as a whole: repetition, loops, a cut
// end, step numbers out of order.
func (a *analysis) structure() {
	a.repeatedSteps()
	a.loop()
	last := -1
	for i := range a.steps {
		n := a.steps[i].num
		if n < 0 {
			continue
		}
		if n <= last && n != 1 { // a list may start again at 1
			a.stepNumbers++
			a.findStep(CodeStepNumber, .5, i, "step number "+num(float64(n))+" follows "+num(float64(last)))
		}
		last = n
	}
}

// Lengths from which repetition counts.
const (
	minRepeatTokens = 4
	minTrigrams     = 6
	loopGram        = 8
	loopTimes       = 5
)

// repeatedSteps finds steps that equal an earlier one, or share nine tenths of
// their trigrams with one.
func (a *analysis) repeatedSteps() {
	a.misc.clear()
	for i := range a.steps {
		s := &a.steps[i]
		ts := a.toks[s.tok.lo:s.tok.hi]
		var whole, p1, p2 uint64
		n, shared, votes, from := 0, 0, 0, int32(-1)
		for k := range ts {
			if ts[k].kind == kindPunct {
				continue
			}
			h := ts[k].fold()
			whole = mix(whole ^ h)
			if n++; n >= 3 {
				key := int64(mix(p2^mix(p1^mix(h))) | 1)
				if c := a.misc.get(key); c == nil {
					a.misc.put(key, 3, i, 0)
				} else if int(c.step) < i {
					shared++
					switch { // majority vote for the earlier step that it copies
					case votes == 0:
						from, votes = c.step, 1
					case c.step == from:
						votes++
					default:
						votes--
					}
				}
			}
			p2, p1 = p1, h
		}
		if n < minRepeatTokens {
			continue
		}
		key := int64(whole &^ 1)
		c := a.misc.get(key)
		if c == nil {
			a.misc.put(key, 1, i, 0)
		}
		grams := n - 2
		if c != nil && int(c.step) < i || grams >= minTrigrams && float64(votes) > .85*float64(grams) && float64(shared) > .9*float64(grams) {
			if c != nil {
				from = c.step
			}
			a.repeats++
			s.sc[sRepeat] = 1
			a.findStep(CodeRepeat, .5, i, "repeats step "+num(float64(from+1)))
		}
	}
}

// fold is the hash of a token without case.
func (t *token) fold() uint64 {
	switch t.kind {
	case kindWord:
		return uint64(t.hash)
	case kindNumber:
		return mix(math.Float64bits(t.val))
	}
	return uint64(t.kind)<<8 | uint64(t.op)
}

// loop finds one 8-gram of tokens that occurs five times and fills a good
// part of the text: a quarter when it holds words, half of it otherwise.
func (a *analysis) loop() {
	if len(a.toks) < loopGram+loopTimes {
		return
	}
	a.misc.clear()
	var ring [loopGram]uint64
	var isWord [loopGram]int
	var h uint64
	const factor = 0x9E3779B97F4A7C15
	top := uint64(1)
	for range loopGram {
		top *= factor
	}
	words := 0
	for i := range a.toks {
		t := &a.toks[i]
		f := mix(t.fold())
		k := i % loopGram
		h = h*factor + f - ring[k]*top
		words -= isWord[k]
		isWord[k] = int(flag(t.kind == kindWord))
		words += isWord[k]
		ring[k] = f
		if i+1 < loopGram {
			continue
		}
		key := int64(h)
		a.misc.put(key, 0, 0, 0)
		c := a.misc.get(key)
		part := 2
		if words >= 3 {
			part = 4
		}
		if c.step++; c.step >= loopTimes && int(c.step)*loopGram*part >= len(a.toks) {
			a.loops++
			a.find(CodeLoop, .9, a.stepOf(i), a.toks[i-loopGram+1].start, t.end, "the same words come again and again")
			return
		}
	}
}

// stepOf is the step that holds token i.
func (a *analysis) stepOf(i int) int {
	for s := range a.steps {
		if i < int(a.steps[s].tok.hi) {
			return s
		}
	}
	return len(a.steps) - 1
}

// truncated reports a text without an answer marker that ends inside a
// bracket, a math span or a note, or without punctuation or number.
func (a *analysis) truncated() bool {
	if a.ans.anchored {
		return false
	}
	if a.norm.openNote {
		return true
	}
	b := a.norm.b
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\n') {
		b = b[:len(b)-1]
	}
	if len(b) == 0 {
		return false
	}
	if c := b[len(b)-1]; !digit(c) && !oneOf(c, ".!?)}]$%\"';:") {
		return true
	}
	depth := 0
	if n := len(a.steps); n > 0 {
		for i := a.steps[n-1].tok.lo; i < a.steps[n-1].tok.hi; i++ {
			if t := &a.toks[i]; t.kind == kindOperator && t.op == '(' {
				depth++
			} else if t.kind == kindOperator && t.op == ')' {
				depth--
			}
		}
	}
	return depth > 0
}
