package verifier

import (
	"math"
	"strings"
)

// Kinds of a quantity of the question.
const (
	qtyNumeral  = 'n'
	qtyPart     = 'p' // numerator, denominator, or the numeral of "3 million"
	qtyPercent  = '%'
	qtyFraction = '/'
	qtyFracWord = 'f'
	qtyMultiple = 'm' // twice, dozen
	qtyWord     = 'w' // number word
	qtyOne      = '1' // the word "one", "once": often no quantity at all
)

// quantity is a number of the question.
type quantity struct {
	val  float64
	kind byte
	tok  int32
}

// question is what the verifier knows of a question. It is kept while the
// same question comes again.
type question struct {
	text       string
	ready      bool
	norm       normal
	lex        *lexicon // of the work space, or its own
	raw, toks  []token
	qty        []quantity
	stems      table // content stems
	nstems     int
	ask        []uint32 // content stems after "how many" or "how much"
	askCount   bool     // "how many": a countable noun is asked for
	askMuch    bool
	askDim     byte // dimension of the unit that is asked for, 0 when unknown
	money      bool
	percent    bool
	average    bool
	left, each bool
	morethan   bool
	sentences  int
	maxAbs     float64
	allPos     bool
	multiplier float64
}

// read analyses a question.
func (q *question) read(text string) {
	if q.ready && q.text == text {
		return
	}
	q.text, q.ready = text, true
	if q.lex == nil {
		q.lex = new(lexicon)
	}
	q.norm.reset()
	q.norm.add(text, 0, len(text), 0)
	q.raw = scan(q.lex, q.raw[:0], q.norm.b, 0, len(q.norm.b))
	q.toks = resolve(q.toks[:0], q.raw, variables(q.raw, q.norm.b))
	q.quantities()
	q.cues()
	q.stems.clear()
	q.nstems = 0
	for i := range q.toks {
		if t := &q.toks[i]; t.content() {
			if q.stems.get(int64(t.stem)) == nil {
				q.nstems++
				q.stems.put(int64(t.stem), 1, 0, 0)
			}
		}
	}
}

func (q *question) addQty(v float64, kind byte, tok int) {
	q.qty = append(q.qty, quantity{v, kind, int32(tok)})
}

// quantities lists the numbers of the question, number words included.
func (q *question) quantities() {
	q.qty = q.qty[:0]
	ts := q.toks
	for i := 0; i < len(ts); {
		t := &ts[i]
		switch {
		case t.kind == kindNumber:
			i = q.numeral(i)
		case t.kind != kindWord || t.ordinal:
			i++
		case t.cls&(clsNumber|clsTens) != 0:
			i = q.numberWords(i)
		case t.cls&clsFraction != 0:
			q.addQty(t.val, qtyFracWord, i)
			i++
		case t.cls&clsMultiple != 0:
			kind := byte(qtyMultiple)
			if t.val == 1 {
				kind = qtyOne
			}
			q.addQty(t.val, kind, i)
			i++
		default:
			i++
		}
	}
}

func (q *question) numeral(i int) int {
	ts, v := q.toks, q.toks[i].val
	is := func(j int, op byte) bool { return j < len(ts) && ts[j].kind == kindOperator && ts[j].op == op }
	switch {
	case is(i+1, '/') && i+2 < len(ts) && ts[i+2].kind == kindNumber && ts[i+2].val != 0 && ts[i+1].start == ts[i].end:
		d := ts[i+2].val
		q.addQty(v/d, qtyFraction, i)
		q.addQty(v, qtyPart, i)
		q.addQty(d, qtyPart, i)
		return i + 3
	case is(i+1, '%'):
		q.addQty(v, qtyPercent, i)
		return i + 2
	case i+1 < len(ts) && ts[i+1].kind == kindWord && ts[i+1].cls&clsScale != 0:
		q.addQty(v*ts[i+1].val, qtyNumeral, i)
		q.addQty(v, qtyPart, i)
		return i + 2
	}
	if w := math.Floor(v); ts[i].dec == 6 && w != v { // a mixed number
		q.addQty(w, qtyPart, i)
		q.addQty(v-w, qtyPart, i)
		q.addQty(v, qtyFraction, i)
		return i + 1
	}
	q.addQty(v, qtyNumeral, i)
	return i + 1
}

func (q *question) numberWords(i int) int {
	ts, v, start := q.toks, q.toks[i].val, i
	next := func(c class) bool { return i+1 < len(ts) && ts[i+1].kind == kindWord && ts[i+1].cls&c != 0 }
	if ts[i].cls&clsTens != 0 && next(clsNumber) && ts[i+1].val > 0 && ts[i+1].val < 10 {
		i++
		v += ts[i].val
	}
	if next(clsFraction) && v > 0 {
		q.addQty(v*ts[i+1].val, qtyFraction, start)
		return i + 2
	}
	for next(clsScale) && v < 1e12 {
		i++
		v *= ts[i].val
	}
	kind := byte(qtyWord)
	if v == 1 && i == start {
		kind = qtyOne
	}
	q.addQty(v, kind, start)
	return i + 1
}

// main reports a quantity that counts as one of the question's.
func (k *quantity) main() bool { return k.kind != qtyPart && k.kind != qtyOne }

// numeralKind reports a quantity written in digits.
func (k *quantity) digits() bool {
	return k.kind == qtyNumeral || k.kind == qtyPercent || k.kind == qtyFraction
}

// cues reads flags off the question's words.
func (q *question) cues() {
	q.ask, q.askDim = q.ask[:0], 0
	q.askCount, q.askMuch, q.left, q.each, q.morethan, q.average = false, false, false, false, false, false
	q.sentences = 0
	ts := q.toks
	how, many, much := fnv("how"), fnv("many"), fnv("much")
	left, remain, each, per, every := fnv("left"), fnv("remain"), fnv("each"), fnv("per"), fnv("every")
	average, mean, rate := fnv("average"), fnv("mean"), fnv("rate")
	for i := range ts {
		t := &ts[i]
		if t.kind == kindPunct && (t.op == '.' || t.op == '?') {
			q.sentences++
		}
		if t.kind != kindWord {
			continue
		}
		switch {
		case t.stem == left || t.stem == remain:
			q.left = true
		case t.hash == each || t.hash == per || t.hash == every:
			q.each = true
		case t.hash == average || t.hash == mean || t.stem == rate || t.hash == rate:
			q.average = true
		case t.cls&clsLess != 0 && i+1 < len(ts) && ts[i+1].hash == fnv("than"):
			q.morethan = true
		case t.hash == how && i+1 < len(ts) && (ts[i+1].hash == many || ts[i+1].hash == much):
			q.askCount, q.askMuch = ts[i+1].hash == many, ts[i+1].hash == much
			q.ask, q.askDim = q.ask[:0], 0
			for j := i + 2; j < len(ts) && j < i+6 && ts[j].kind == kindWord; j++ {
				if ts[j].cls&clsStop == 0 {
					q.ask = append(q.ask, ts[j].stem)
					if q.askDim == 0 {
						q.askDim = ts[j].dim
					}
				}
			}
		}
	}
	q.money = pricey(q.text)
	q.percent, q.allPos, q.maxAbs, q.multiplier = false, true, 1, 1
	first := true
	for i := range q.qty {
		k := &q.qty[i]
		if k.kind == qtyPercent {
			q.percent = true
		}
		if k.kind == qtyPart {
			continue
		}
		if a := math.Abs(k.val); first || a > q.maxAbs {
			q.maxAbs, first = a, false
		}
		if k.val > 1 && q.multiplier < 1000 {
			q.multiplier *= k.val
		}
		q.allPos = q.allPos && k.val > 0
	}
	q.multiplier = min(q.multiplier, 1000)
}

// pricey reports a dollar sign that is money and not a mathematical delimiter.
func pricey(s string) bool {
	if strings.Contains(s, `\$`) {
		return true
	}
	if strings.IndexByte(s, '\\') >= 0 {
		return false
	}
	for i := 0; i+1 < len(s); i++ {
		if s[i] != '$' || !digit(s[i+1]) {
			continue
		}
		j := i + 1
		for j < len(s) && (digit(s[j]) || s[j] == '.' || s[j] == ',') {
			j++
		}
		return j >= len(s) || s[j] != '$'
	}
	return false
}
