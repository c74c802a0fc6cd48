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

import (
	"math/big"
	"strings"
)

// Verdict is the outcome of one comparison.
type Verdict struct {
	Equal     bool
	Method    string  // string, rational, surd, numeric, expand, probe, relation, set, tuple, matrix, interval, text or none
	Gold      string  // canonical form
	Candidate string  // canonical form
	Relation  string  // equal, off_by_one, sign, rounding, power_of_ten, digit_edit, unit_factor, factor_two, near, partial or none
	Closeness float64 // c_ans: 1 when equal
	Err       string  // why an answer could not be read; empty otherwise
}

// Equal compares a candidate answer with the gold answer.
func Equal(gold, candidate string) Verdict {
	g, c := tidy(gold), tidy(candidate)
	v := Verdict{Method: "text", Gold: g, Candidate: c, Relation: "none"}
	a, aok := number(g)
	b, bok := number(c)
	if aok && bok {
		v.Method, v.Equal = "rational", a.Cmp(b) == 0
		v.Gold, v.Candidate = a.RatString(), b.RatString()
	} else {
		v.Equal = strings.EqualFold(g, c)
	}
	if v.Equal {
		v.Relation, v.Closeness = "equal", 1
	}
	return v
}

// number reads a plain integer, decimal or fraction.
func number(s string) (*big.Rat, bool) {
	s = strings.NewReplacer(",", "", `\$`, "", "$", "", "{", "", "}", "", `\!`, "", " ", "", "\u2212", "-").Replace(s)
	if len(s) == 0 || len(s) > 64 || strings.ContainsAny(s, "eEpPxX_") {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}
