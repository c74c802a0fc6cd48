package answer

import (
	"math"
	"strconv"
	"strings"
)

// closeness is c_ans of an unequal candidate, with the name of the relation
// that gives it: the largest of exp(−r/0.15), r the relative error, and the
// bonuses for typical slips. Answers that are not numbers are close by the
// share of equal elements or by edit distance, at most 0.8.
func closeness(k *comparer, gold, candidate *node, gs, cs string) (string, float64) {
	if gold == nil || candidate == nil {
		return textCloseness(gs, cs)
	}
	g, ok1 := k.realValue(gold)
	c, ok2 := k.realValue(candidate)
	if ok1 && ok2 {
		return numericCloseness(g, c)
	}
	if share, ok := k.share(gold, candidate); ok && share > 0 {
		return "partial", min(.8, share)
	}
	return textCloseness(gs, cs)
}

// realValue is the number an answer stands for, without unit or percent sign.
func (k *comparer) realValue(n *node) (float64, bool) {
	if n.kind == kRel {
		_, v, ok := assignment(n)
		if !ok {
			return 0, false
		}
		n = v
	}
	for n.kind == kUnit || n.kind == kPercent {
		n = n.args[0]
	}
	if !k.isScalar(n) || hasSigns(n, 0) {
		return 0, false
	}
	x, ok := k.eval(n, nil)
	return real(x.v), ok && x.finite() && imag(x.v) == 0
}

// numericCloseness compares the candidate a with the gold g.
func numericCloseness(g, a float64) (string, float64) {
	diff := math.Abs(a - g)
	name, best := "near", math.Exp(-diff/math.Max(math.Abs(g), 1e-9)/.15)
	bonus := func(n string, v float64, holds bool) {
		if holds && v > best {
			name, best = n, v
		}
	}
	eq := func(x, y float64) bool { return math.Abs(x-y) <= 1e-9*math.Max(math.Abs(x), math.Abs(y)) }
	bonus("off_by_one", .85, math.Abs(g) >= 4 && eq(diff, 1))
	bonus("sign", .8, g != 0 && eq(a, -g))
	bonus("rounding", .8, diff > 0 && diff < 1)
	if g != 0 && a != 0 {
		q := a / g
		for _, p := range [...]float64{10, 100, 1000} {
			bonus("power_of_ten", .75, eq(q, p) || eq(q, 1/p))
		}
		bonus("digit_edit", .7, digitSlip(g, a))
		for _, p := range [...]float64{60, 24, 12, 7} {
			bonus("unit_factor", .65, eq(q, p) || eq(q, 1/p))
		}
		bonus("factor_two", .6, eq(q, 2) || eq(q, .5))
	}
	if best < .05 {
		name = "none"
	}
	return name, best
}

// digitSlip says whether two numbers differ by one digit (of at least three)
// or by two neighbouring digits exchanged (of at least two).
func digitSlip(g, a float64) bool {
	if math.Abs(g) > 1e15 || math.Abs(a) > 1e15 {
		return false
	}
	x, y := strconv.FormatFloat(g, 'f', -1, 64), strconv.FormatFloat(a, 'f', -1, 64)
	if x == y || len(x) > 20 || len(y) > 20 {
		return false
	}
	if digits := len(x) - strings.Count(x, "-") - strings.Count(x, "."); digits >= 3 && editDistance(x, y) == 1 {
		return true
	}
	if len(x) != len(y) || len(x) < 2 {
		return false
	}
	i := 0
	for x[i] == y[i] {
		i++
	}
	return i+1 < len(x) && x[i] == y[i+1] && x[i+1] == y[i] && x[i+2:] == y[i+2:]
}

// editDistance is Levenshtein's, over bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := prev
			if a[i] != b[j] {
				cost = 1 + min(prev, row[j], row[j+1])
			}
			prev, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// textCloseness is one minus the normalised edit distance, at most 0.8.
func textCloseness(gold, candidate string) (string, float64) {
	if gold == "" || candidate == "" {
		return "none", 0
	}
	n := max(len(gold), len(candidate))
	v := min(.8, 1-float64(editDistance(gold, candidate))/float64(n))
	if v < .05 {
		return "none", v
	}
	return "edit", v
}

// share is the part of the elements of a tuple, matrix or set that are equal.
func (k *comparer) share(a, b *node) (float64, bool) {
	unordered := isCollection(a) && isCollection(b)
	ordered := a.kind == b.kind && (a.kind == kTuple || a.kind == kMatrix && a.cols == b.cols && len(a.args) == len(b.args))
	n := max(len(a.args), len(b.args))
	if !unordered && !ordered || n == 0 || n > maxHard {
		return 0, false
	}
	hits := 0
	if ordered {
		for i := range min(len(a.args), len(b.args)) {
			if k.equal(a.args[i], b.args[i]) {
				hits++
			}
		}
		return float64(hits) / float64(n), true
	}
	used := make([]bool, len(b.args))
	for _, x := range a.args {
		for j, y := range b.args {
			if !used[j] && k.equal(x, y) {
				used[j] = true
				hits++
				break
			}
		}
	}
	return float64(hits) / float64(n), true
}
