// Package answer finds the final answer of a response and decides whether two
// answers are equal.
//
// Words: a *response* is everything a model wrote; an *answer* is the short
// text it commits to; a *rule* is the way it was found (boxed, hash, phrase,
// math, number); a *method* is the way two answers were compared. The *gold*
// answer is the published one, the *candidate* the one to judge. A *relation*
// names how an unequal candidate misses a numeric gold (off_by_one, sign, …),
// and *closeness* in [0,1] says how near it came.
//
// Text enters through Extract and Equal and leaves as a Verdict. An answer is
// lexed and parsed (lex.go, parse*.go) into a tree of exact numbers,
// constants, variables, functions and containers, and compared by kind
// (compare.go): canonical strings, rationals, sums of square roots, constants
// by two numeric evaluations, expressions by polynomial expansion or probing,
// relations and intervals as solution sets, containers element by element.
//
// # Why
//
// A computer-algebra system decides more, but not in bounded time. Here every
// loop is bounded by the length of the text (4 KiB, above it texts are
// compared as strings), the number of nodes (2,000), the depth (64) and the
// size of numbers (2^17 bits), so hostile input costs no more than a
// millisecond or two and nothing needs a timeout.
package answer

import "strings"

// Verdict is the outcome of one comparison.
type Verdict struct {
	Equal     bool
	Method    string  // string, rational, surd, numeric, expand, probe, relation, set, tuple, matrix, interval, text or none
	Gold      string  // canonical form
	Candidate string  // canonical form
	Relation  string  // equal, off_by_one, sign, rounding, power_of_ten, digit_edit, unit_factor, factor_two, near, partial, edit or none
	Closeness float64 // c_ans: 1 when equal
	Err       string  // why an answer could not be read; empty otherwise
}

// Equal compares a candidate answer with the gold answer. It never panics and
// its time is bounded whatever the texts are.
func Equal(gold, candidate string) Verdict {
	g, c := tidy(gold), tidy(candidate)
	v := Verdict{Method: "none", Gold: clip(g), Candidate: clip(c), Relation: "none"}
	gn, gerr := parse(g, commaTop)
	if gerr == "" {
		v.Gold = canon(gn)
	}
	if g == c {
		if v.Equal = g != ""; v.Equal {
			v.Method, v.Candidate, v.Relation, v.Closeness = "string", v.Gold, "equal", 1
		} else {
			v.Err = "empty answer"
		}
		return v
	}
	cn, cerr := parse(c, commaTop)
	if cerr == "" {
		v.Candidate = canon(cn)
	}
	k := &comparer{calc: newCalc(), method: "none"}
	switch {
	case gerr == "" && cerr == "":
		v.Equal = k.equal(gn, cn)
		v.Method = k.method
		if !v.Equal && (ambiguous(g) || ambiguous(c)) && k.otherCommas(g, c, gn, cn) {
			v.Equal, v.Method = true, k.method
		}
	case cerr != "":
		v.Err = "candidate: " + cerr
	default:
		v.Err = "gold: " + gerr
	}
	if !v.Equal && gn != nil && cn != nil && gn.kind == kList && len(gn.args) == 2 {
		v.Equal = k.decimalComma(g, cn)
	}
	if !v.Equal {
		v.Equal = v.fallback(g, c, gn, cn)
	}
	switch {
	case v.Equal:
		v.Relation, v.Closeness, v.Err = "equal", 1, ""
	case c == "":
	default:
		v.Relation, v.Closeness = closeness(k, gn, cn, v.Gold, v.Candidate)
	}
	return v
}

// fallback compares answers as texts: choices, words, and strings that could
// not be read as mathematics.
func (v *Verdict) fallback(g, c string, gn, cn *node) bool {
	if len(g) > 4*maxBytes || len(c) > 4*maxBytes {
		return false
	}
	a, bareA, ok1 := choice(g)
	b, bareB, ok2 := choice(c)
	if ok1 && ok2 && a == b && (bareA || bareB) {
		v.Method = "text"
		return true
	}
	if gn != nil && cn != nil && gn.kind != kText && cn.kind != kText {
		x, ok1 := spelled(gn)
		y, ok2 := spelled(cn)
		if ok1 && ok2 && len(x) >= 3 && strings.EqualFold(x, y) && strings.ContainsAny(x, "aeiouAEIOU") { // RED, red
			v.Method = "text"
			return true
		}
		return false
	}
	v.Method = "text"
	if sameText(g, c) {
		return true
	}
	if gn != nil && cn != nil {
		return false
	}
	v.Method = "string"
	if compact(g) == compact(c) {
		return true
	}
	v.Method = "none"
	return false
}

// decimalComma reads a gold such as 1,22 with its comma as a decimal point,
// unless three digits follow it.
func (k *comparer) decimalComma(g string, c *node) bool {
	i := strings.IndexByte(g, ',')
	if i < 1 || i+1 >= len(g) || len(g)-i == 4 || !onlyDigits(strings.TrimPrefix(g[:i], "-")) || !onlyDigits(g[i+1:]) {
		return false
	}
	n, err := parse(g[:i]+"."+g[i+1:], commaTop)
	return err == "" && k.isScalar(c) && k.scalars(n, c)
}

// ambiguous says whether s has a comma between digit groups that could
// separate thousands as well as elements.
func ambiguous(s string) bool {
	for i := 1; i+3 < len(s); i++ {
		if s[i] == ',' && isDigit(s[i-1]) && threeDigits(s[i+1:]) {
			return true
		}
	}
	return false
}

// otherCommas tries the other readings of such commas, where both sides then
// are collections or tuples.
func (k *comparer) otherCommas(g, c string, gn, cn *node) bool {
	container := func(n *node) bool { return n.kind == kList || n.kind == kSet || n.kind == kTuple }
	for _, mode := range []commas{commaList, commaAll} {
		a, b := gn, cn
		if ambiguous(g) {
			if n, err := parse(g, mode); err == "" {
				a = n
			}
		}
		for range 2 {
			if container(a) && container(b) && k.equal(a, b) {
				return true
			}
			n, err := parse(c, mode)
			if err != "" {
				break
			}
			b = n
		}
		if container(gn) && container(b) && k.equal(gn, b) {
			return true
		}
	}
	return false
}
