package answer

import "sort"

// isCollection says whether a node is an unordered collection.
func isCollection(n *node) bool { return n.kind == kSet || n.kind == kList }

// expandSigns turns a value with ± into a list of two.
func (k *comparer) expandSigns(n *node) *node {
	if n.kind == kText || !hasSigns(n, 0) {
		return n
	}
	if isCollection(n) || n.kind == kTuple || n.kind == kMatrix {
		return n
	}
	return &node{kind: kList, op: "or", places: -1, args: []*node{withSign(n, false), withSign(n, true)}}
}

func hasSigns(n *node, depth int) bool {
	if n.kind == kPM {
		return true
	}
	for _, a := range n.args {
		if depth < 2*maxDepth && hasSigns(a, depth+1) {
			return true
		}
	}
	return false
}

// withSign copies a tree with every ± (and ∓ the other way) resolved.
func withSign(n *node, minus bool) *node {
	if len(n.args) == 0 {
		return n
	}
	out := *n
	out.args = make([]*node, len(n.args))
	for i, a := range n.args {
		out.args[i] = withSign(a, minus)
	}
	if n.kind == kPM {
		out.kind, out.op = kAdd, ""
		if minus != (n.op == "m") {
			out.args[1] = &node{kind: kNeg, places: -1, args: []*node{out.args[1]}}
		}
	}
	return &out
}

// elements flattens a collection: nested lists and values with ± are spread.
func (k *comparer) elements(n *node) []*node {
	if !isCollection(n) {
		return []*node{n}
	}
	out := make([]*node, 0, len(n.args))
	for _, a := range n.args {
		if a.kind == kRel && a.op == "=" && hasSigns(a, 0) {
			a = a.args[1]
		}
		a = k.expandSigns(a)
		if a.kind == kList {
			out = append(out, a.args...)
			continue
		}
		out = append(out, a)
	}
	return out
}

// maxHard bounds the elements of a collection that are matched pair by pair.
const maxHard = 40

// collections compares without regard to order; duplicates count once.
// A list against a tuple is compared in order.
func (k *comparer) collections(a, b *node) bool {
	if a.kind == kTuple || b.kind == kTuple {
		if a.kind == kSet && a.cols == 0 || b.kind == kSet && b.cols == 0 {
			k.method = "set"
			return false
		}
		ok := k.all(a.args, b.args)
		k.method = "tuple"
		return ok
	}
	ea, eb := k.elements(a), k.elements(b)
	ka, ha := k.exactKeys(ea)
	kb, hb := k.exactKeys(eb)
	method := "set"
	defer func() { k.method = method }()
	if len(ha)+len(hb) == 0 { // all exact: compare sorted canonical values
		if len(ka) != len(kb) {
			return false
		}
		for i := range ka {
			if ka[i] != kb[i] {
				return false
			}
		}
		return true
	}
	if len(ea) > maxHard || len(eb) > maxHard {
		return false
	}
	return k.covers(ea, eb) && k.covers(eb, ea)
}

// covers says whether every element of a is in b.
func (k *comparer) covers(a, b []*node) bool {
	for _, x := range a {
		found := false
		for _, y := range b {
			if k.equal(x, y) {
				found = true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// exactKeys gives the sorted distinct canonical values of the elements that
// have an exact value and are not written as decimals; the others are hard.
func (k *comparer) exactKeys(els []*node) (keys []string, hard []*node) {
	for _, e := range els {
		v := e
		if e.kind == kRel || !k.isScalar(v) || v.kind == kPercent {
			hard = append(hard, e)
			continue
		}
		s, ok := k.exact(v)
		if p, dec := decimals(v); !ok || dec && p >= 4 {
			hard = append(hard, e)
			continue
		}
		keys = append(keys, s.String())
	}
	sort.Strings(keys)
	out := keys[:0]
	for i, s := range keys {
		if i == 0 || s != keys[i-1] {
			out = append(out, s)
		}
	}
	return out, hard
}

// tuples compares in order; the brackets of a pair could be an interval's and
// must agree.
func (k *comparer) tuples(a, b *node) bool {
	ok := a.kind == b.kind && len(a.args) == len(b.args) && (len(a.args) > 2 || a.op == b.op) && k.all(a.args, b.args)
	k.method = "tuple"
	return ok
}
