package answer

import (
	"math"
	"slices"
	"strings"
)

// relations compares where at least one side is a relation.
func (k *comparer) relations(a, b *node) bool {
	if a.kind == kRel && b.kind == kRel {
		return k.twoRelations(a, b)
	}
	if a.kind == kRel {
		return k.relationValue(a, b)
	}
	return k.relationValue(b, a)
}

// relationValue compares a relation with something that is none: an
// assignment counts as its value, an inequality as its solution set.
func (k *comparer) relationValue(r, v *node) bool {
	if _, value, ok := assignment(r); ok {
		return k.equal(value, v) || len(r.args) > 2 && r.op[len(r.op)-1] == '~' && k.equal(r.args[len(r.args)-2], v)
	}
	if onlyEquals(r) {
		if len(variables(r, nil, 1)) == 0 { // 42 + 4 = 46
			return k.constantChain(r, v)
		}
		if hasVars := len(variables(v, nil, 1)) > 0; hasVars && !isSolution(v) {
			// y = 2x written as an expression against an equation: no.
			k.method = "relation"
			return false
		}
		if _, ok := k.isLabel(r); ok {
			return k.equal(r.args[len(r.args)-1], v)
		}
	}
	if isSolution(v) || v.kind == kTuple || v.kind == kText || v.kind == kSet {
		return k.sameSpans(r, v)
	}
	k.method = "relation"
	return false
}

// constantChain compares v with the end of 42 + 4 = 46, or with its start
// when the two agree, exactly or as stated by an approximation sign.
func (k *comparer) constantChain(r, v *node) bool {
	first, last := r.args[0], r.args[len(r.args)-1]
	if k.equal(last, v) {
		return true
	}
	approximate := strings.Contains(r.op, "~")
	return (approximate || k.equal(first, last)) && k.equal(first, v)
}

// isLabel recognises a left side that only names the value: V_{total}·k = 5
// with nothing but variables on the left and none on the right.
func (k *comparer) isLabel(r *node) (string, bool) {
	l, v := r.args[0], r.args[len(r.args)-1]
	if l.kind != kMul || len(variables(v, nil, 1)) > 0 {
		return "", false
	}
	for _, a := range l.args {
		if a.kind != kVar && a.kind != kConst {
			return "", false
		}
	}
	return canon(l), true
}

func onlyEquals(r *node) bool {
	for i := range len(r.op) {
		if r.op[i] != '=' && r.op[i] != '~' {
			return false
		}
	}
	return true
}

// assignment reads v = value, value = v, v = … = value, v ∈ S, f(x) = value
// and (x, y) = (1, 2); name is what is assigned.
func assignment(r *node) (name string, value *node, ok bool) {
	if r.op == "i" {
		if n, ok := assignee(r.args[0]); ok {
			return n, r.args[1], true
		}
		return "", nil, false
	}
	if !onlyEquals(r) {
		return "", nil, false
	}
	last := r.args[len(r.args)-1]
	if n, ok := assignee(r.args[0]); ok {
		return n, last, true
	}
	if n, ok := assignee(last); ok && last.kind == kVar {
		return n, r.args[0], true
	}
	return "", nil, false
}

// assignee recognises what can be assigned to: a variable, f(x), a text label,
// a tuple of variables, a product of capitals such as AB.
func assignee(n *node) (string, bool) {
	switch n.kind {
	case kVar:
		return n.op, true
	case kText:
		return normalText(n.op), true
	case kRatio, kDiv: // AB : CD, AB/CD of named lengths
		for _, a := range n.args {
			if _, ok := assignee(a); !ok || n.kind == kDiv && a.kind != kMul {
				return "", false
			}
		}
		return canon(n), true
	case kFunc: // |AB|
		if n.op == "abs" && n.args[0].kind == kMul {
			return assignee(n.args[0])
		}
		return "", false
	case kTuple:
		for _, a := range n.args {
			if a.kind != kVar {
				return "", false
			}
		}
		return canon(n), true
	case kMul:
		if len(n.args) == 2 && n.args[0].kind == kVar && n.args[1].kind == kVar && len(n.args[0].op) == 1 {
			switch n.args[0].op {
			case "f", "g", "h", "P", "F", "p", "q":
				return canon(n), true
			}
		}
		for _, a := range n.args {
			if a.kind != kVar || a.op[0] < 'A' || a.op[0] > 'Z' {
				return "", false
			}
		}
		return canon(n), true
	}
	return "", false
}

// twoRelations compares two relations: the same assignment, the same solution
// set, or left minus right in a constant ratio.
func (k *comparer) twoRelations(a, b *node) bool {
	na, va, ok1 := assignment(a)
	nb, vb, ok2 := assignment(b)
	if ok1 && ok2 {
		if na == nb {
			return k.equal(va, vb)
		}
		if len(variables(va, nil, 1)) == 0 && len(variables(vb, nil, 1)) == 0 {
			k.method = "relation"
			return false
		}
	}
	defer func() { k.method = "relation" }()
	if x, vx, ok := k.spans(a); ok {
		if y, vy, ok := k.spans(b); ok {
			return vx == vy && k.equalSpans(x, y)
		}
	}
	if len(variables(a, nil, 1))+len(variables(b, nil, 1)) == 0 && onlyEquals(a) && onlyEquals(b) {
		if len(a.args) == len(b.args) {
			return k.all(a.args, b.args)
		}
		return k.equal(a.args[len(a.args)-1], b.args[len(b.args)-1])
	}
	if len(a.args) == 2 && len(b.args) == 2 {
		return k.sameZeros(a, b)
	}
	return a.op == b.op && k.all(a.args, b.args)
}

// difference is left minus right.
func difference(r *node) *node {
	if r.args[1].kind == kNum && r.args[1].num.sign() == 0 {
		return r.args[0]
	}
	return &node{kind: kAdd, places: -1, args: []*node{r.args[0], {kind: kNeg, places: -1, args: r.args[1:2:2]}}}
}

// sameZeros says whether f ∘ 0 and g ∘ 0 are the same relation: f/g is a
// constant, whose sign may turn an inequality round.
func (k *comparer) sameZeros(a, b *node) bool {
	f, g := difference(a), difference(b)
	vars := variables(f, nil, 16)
	if !slices.Equal(vars, variables(g, nil, 16)) || len(vars) == 0 {
		return false
	}
	if !singleValued(f) || !singleValued(g) {
		return a.op == b.op && k.all(a.args, b.args)
	}
	if len(vars) <= maxVars {
		x, ok1 := k.expand(f, vars)
		y, ok2 := k.expand(g, vars)
		if ok1 && ok2 && (a.op == "=" || len(x.q) == 1 && len(y.q) == 1 && x.q[0].e == 0 && y.q[0].e == 0) {
			r, ok := k.proportional(x.p, y.p)
			if ok && len(x.q) == 1 && len(y.q) == 1 && x.q[0].c.sign()*y.q[0].c.sign() < 0 {
				r = r.neg()
			}
			return ok && sameDirection(a.op, b.op, r.sign() > 0)
		}
	}
	r, ok := k.probeRatio(f, g)
	if !ok || a.op != "=" && a.op != "n" && math.Abs(imag(r)) > 1e-9*math.Abs(real(r)) {
		return false
	}
	return sameDirection(a.op, b.op, real(r) > 0)
}

func singleValued(n *node) bool {
	if n.kind > kFunc && n.kind != kPercent && n.kind != kUnit || n.kind == kPM {
		return false
	}
	for _, a := range n.args {
		if !singleValued(a) {
			return false
		}
	}
	return true
}

// sameDirection compares two operators when the left sides differ by a factor
// of the given sign.
func sameDirection(a, b string, positive bool) bool {
	if !positive {
		b = flip(b)
	}
	return a == b
}

func flip(op string) string {
	switch op {
	case "<":
		return ">"
	case ">":
		return "<"
	case "l":
		return "g"
	case "g":
		return "l"
	}
	return op
}

func (k *comparer) equalSpans(x, y []span) bool {
	x, y = mergeSpans(x), mergeSpans(y)
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if x[i].loOpen != y[i].loOpen || x[i].hiOpen != y[i].hiOpen || !k.sameEnd(x[i].lo, y[i].lo) || !k.sameEnd(x[i].hi, y[i].hi) {
			return false
		}
	}
	return true
}

// inequality reads a chain of comparisons in one variable as a set: each link
// is solved when it is linear, and the links are intersected.
func (k *comparer) inequality(n *node) ([]span, string, bool) {
	vars := variables(n, nil, 2)
	if len(vars) != 1 {
		name, ok := named(n)
		if !ok {
			return nil, "", false
		}
		vars = []string{name}
	}
	if n.op == "i" {
		if n.args[0].kind != kVar {
			return nil, "", false
		}
		s, _, ok := k.spans(n.args[1])
		return s, vars[0], ok
	}
	acc := []span{everything()}
	for i := range len(n.op) {
		s, ok := k.link(n.args[i], n.op[i], n.args[i+1], vars)
		if !ok {
			return nil, "", false
		}
		acc = intersect(acc, s)
	}
	return acc, vars[0], true
}

// named finds the one quantity such as f(x) that a chain of comparisons
// between constants speaks of.
func named(n *node) (name string, ok bool) {
	for _, a := range n.args {
		if len(variables(a, nil, 1)) == 0 {
			continue
		}
		s, ok := assignee(a)
		if !ok || name != "" && name != s {
			return "", false
		}
		name = s
	}
	return name, name != ""
}

// link solves one comparison that is linear in the only variable.
func (k *comparer) link(l *node, op byte, r *node, vars []string) ([]span, bool) {
	end, positive, ok := k.solve(l, r, vars)
	if !ok {
		return nil, false
	}
	if !positive {
		op = flip(string(op))[0]
	}
	x, ok := k.end(end)
	if !ok || math.IsInf(x, 0) && op != '<' && op != '>' {
		return nil, false
	}
	below := span{hi: end, fhi: x, flo: math.Inf(-1), loOpen: true, hiOpen: op != 'l'}
	above := span{lo: end, flo: x, fhi: math.Inf(1), hiOpen: true, loOpen: op != 'g'}
	switch op {
	case '<', 'l':
		if math.IsInf(x, 1) {
			return []span{everything()}, true
		}
		return []span{below}, true
	case '>', 'g':
		if math.IsInf(x, -1) {
			return []span{everything()}, true
		}
		return []span{above}, true
	case 'n':
		return []span{below, above}, true
	case '=':
		return []span{{lo: end, hi: end, flo: x, fhi: x}}, true
	}
	return nil, false
}

// solve finds the value at which l = r, and whether l − r rises there.
func (k *comparer) solve(l, r *node, vars []string) (end *node, positive, ok bool) {
	_, lname := assignee(l)
	_, rname := assignee(r)
	if lname && len(variables(r, nil, 1)) == 0 {
		return r, true, k.isScalar(r) || r.kind == kUnit
	}
	if rname && len(variables(l, nil, 1)) == 0 {
		return l, false, k.isScalar(l) || l.kind == kUnit
	}
	f := difference(&node{kind: kRel, args: []*node{l, r}})
	if !singleValued(f) {
		return nil, false, false
	}
	q, ok := k.expand(f, vars)
	if !ok || len(q.q) != 1 || q.q[0].e != 0 || len(q.p) == 0 || len(q.p) > 2 || q.p[0].e != 1 {
		return nil, false, false
	}
	b := integer(0)
	if len(q.p) == 2 {
		b = q.p[1].c
	}
	root := k.div(b, q.p[0].c).neg()
	return &node{kind: kNum, num: root, places: -1}, q.p[0].c.sign()*q.q[0].c.sign() > 0, root.ok()
}
