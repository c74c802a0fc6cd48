package answer

import (
	"math/big"
	"strconv"
	"strings"
)

// kind is what a node of the tree is.
type kind uint8

const (
	kNum     kind = iota // num; places ≥ 0 when written as a decimal
	kConst               // op: pi, e, i, oo
	kVar                 // op: name, with its subscript
	kAdd                 // n-ary
	kMul                 // n-ary
	kDiv                 // args[0] / args[1]
	kPow                 // args[0] ^ args[1]
	kNeg                 // -args[0]
	kFunc                // op(args…)
	kPM                  // args[0] ± args[1]; args[0] may be the number 0
	kTuple               // op: the two brackets, e.g. "(]"
	kSet                 // {…}
	kList                // elements between commas, "and", "or"
	kMatrix              // args row by row, cols columns
	kRel                 // args joined by the bytes of op: = < l(≤) > g(≥) n(≠) i(∈)
	kUnion               // args
	kInter               // args
	kMinus               // set difference
	kText                // op: words
	kUnit                // args[0] with the unit op
	kPercent             // args[0] per cent
	kBase                // digits op in base cols
	kRatio               // a : b : c, also times
)

// node is one node of a parsed answer.
type node struct {
	kind   kind
	op     string
	num    num
	places int
	cols   int
	args   []*node
}

func bigInt(n int64) *big.Int { return big.NewInt(n) }

// canon writes a node in one canonical plain form. It is for people and for
// the closeness of non-numeric answers; equality never rests on it alone.
func canon(n *node) string {
	if n.kind == kNum {
		return clip(n.num.String())
	}
	var b strings.Builder
	b.Grow(48)
	writeCanon(&b, n, 0)
	return clip(b.String())
}

// clip bounds what is reported of a long answer.
func clip(s string) string {
	const limit = 256
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

// Precedences of the canonical form.
const (
	pSum = iota + 1
	pProduct
	pPower
)

func writeCanon(b *strings.Builder, n *node, prec int) {
	if b.Len() > 512 {
		return
	}
	switch n.kind {
	case kNum:
		s := n.num.String()
		if prec >= pProduct && strings.ContainsAny(s, "/-") {
			s = "(" + s + ")"
		}
		b.WriteString(s)
	case kConst, kVar, kText:
		b.WriteString(n.op)
	case kAdd:
		joinCanon(b, n.args, "+", pSum, prec > pSum)
	case kMul:
		joinCanon(b, n.args, "*", pProduct, prec > pProduct)
	case kDiv:
		joinCanon(b, n.args, "/", pPower, prec >= pProduct)
	case kPow:
		joinCanon(b, n.args, "^", pPower+1, prec > pPower)
	case kNeg:
		joinCanon(b, append([]*node{{kind: kText}}, n.args...), "-", pProduct, prec >= pSum)
	case kPM:
		joinCanon(b, n.args, "±", pSum, prec >= pSum)
	case kFunc:
		b.WriteString(n.op)
		joinCanon(b, n.args, ",", 0, true)
	default:
		writeContainer(b, n)
	}
}

func writeContainer(b *strings.Builder, n *node) {
	switch n.kind {
	case kTuple:
		b.WriteByte(n.op[0])
		joinCanon(b, n.args, ",", 0, false)
		b.WriteByte(n.op[1])
	case kSet:
		b.WriteByte('{')
		joinCanon(b, n.args, ",", 0, false)
		b.WriteByte('}')
	case kList:
		joinCanon(b, n.args, ", ", 0, false)
	case kMatrix:
		for i, a := range n.args {
			switch {
			case i == 0:
				b.WriteByte('[')
			case i%n.cols == 0:
				b.WriteByte(';')
			default:
				b.WriteByte(',')
			}
			writeCanon(b, a, 0)
		}
		b.WriteByte(']')
	case kRel:
		for i, a := range n.args {
			if i > 0 {
				b.WriteString(relationSign(n.op[i-1]))
			}
			writeCanon(b, a, 0)
		}
	case kUnion:
		joinCanon(b, n.args, "∪", 0, false)
	case kInter:
		joinCanon(b, n.args, "∩", 0, false)
	case kMinus:
		joinCanon(b, n.args, "∖", 0, false)
	case kUnit:
		writeCanon(b, n.args[0], pProduct)
		b.WriteString(" " + n.op)
	case kPercent:
		writeCanon(b, n.args[0], pProduct)
		b.WriteByte('%')
	case kBase:
		b.WriteString(n.op + "_" + strconv.Itoa(n.cols))
	case kRatio:
		joinCanon(b, n.args, ":", pProduct, false)
	}
}

func relationSign(op byte) string {
	switch op {
	case 'l':
		return "<="
	case 'g':
		return ">="
	case 'n':
		return "!="
	case 'i':
		return " in "
	case '~':
		return "≈"
	}
	return string(op)
}

func joinCanon(b *strings.Builder, args []*node, sep string, prec int, paren bool) {
	if paren {
		b.WriteByte('(')
	}
	for i, a := range args {
		if i > 0 {
			b.WriteString(sep)
		}
		writeCanon(b, a, prec)
	}
	if paren {
		b.WriteByte(')')
	}
}
