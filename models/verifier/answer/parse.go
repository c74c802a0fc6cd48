package answer

import "strings"

// Bounds of the parser; above them answers are compared as strings.
const (
	maxBytes = 4096
	maxNodes = 2000
	maxDepth = 64
)

// parser reads tokens into a tree. The first failure is kept in err and moves
// the position to the end, so that callers need not check at every step.
type parser struct {
	toks   []token
	pos    int
	depth  int
	nodes  int
	bars   int // open |…| or set braces, where a bar ends an expression
	digits int // machine words of big literals so far
	err    string
	pool   []node
}

// parse reads a whole answer. An empty error text means success.
func parse(s string, c commas) (*node, string) {
	if len(s) > maxBytes {
		return nil, "longer than 4 KiB"
	}
	if phrase(s) {
		return &node{kind: kText, op: strings.TrimSpace(s)}, ""
	}
	p := &parser{toks: lex(s, c)}
	if len(p.toks) >= maxTokens {
		return nil, "too many tokens"
	}
	if len(p.toks) == 2 && p.toks[0].kind == tText { // \text{…} alone: read what is inside
		text := strings.TrimSpace(p.toks[0].text)
		if len(text) > 1 && onlyWords(text) {
			if _, ok := numberWord(strings.ToLower(text)); !ok {
				return &node{kind: kText, op: text}, ""
			}
		}
		p.toks = lex(text, c)
	}
	if p.peek().kind == tEOF {
		return nil, "empty"
	}
	n := p.list()
	if p.err == "" && p.peek().kind != tEOF {
		p.fail("unexpected " + p.peek().text)
	}
	if p.err != "" {
		return nil, p.err
	}
	return n, ""
}

// phrase says whether an answer is plain words: two or more, one of them too
// long for a product of variables, none a number, unit or function.
func phrase(s string) bool {
	if len(s) > 200 || !onlyWords(s) {
		return false
	}
	long := false
	words := strings.Fields(s)
	for _, w := range words {
		lower := strings.ToLower(w)
		_, number := numberWord(lower)
		if number || isFunction(w) || lower == "pi" || len(w) > 1 && knownUnit(lower) {
			return false
		}
		long = long || len(w) >= 4
	}
	switch strings.ToLower(words[0]) {
	case "approximately", "about", "approx", "roughly", "exactly", "only", "just":
		return false
	}
	return long && len(words) > 1
}

// onlyWords says whether s is letters and spaces, none of them a separator.
func onlyWords(s string) bool {
	if strings.TrimSpace(s) == "" {
		return false
	}
	for i := range len(s) {
		if !isLetter(s[i]) && s[i] != ' ' {
			return false
		}
	}
	for _, w := range strings.Fields(s) {
		if separatorWord(w) != "" {
			return false
		}
	}
	return true
}

func (p *parser) peek() token { return p.toks[p.pos] }

func (p *parser) peekAt(k int) token {
	if p.pos+k < len(p.toks) {
		return p.toks[p.pos+k]
	}
	return p.toks[len(p.toks)-1]
}

func (p *parser) advance() token {
	t := p.toks[p.pos]
	if p.pos < len(p.toks)-1 {
		p.pos++
	}
	return t
}

// accept steps over an operator when it is next.
func (p *parser) accept(op byte) bool {
	if p.peek().is(op) {
		p.advance()
		return true
	}
	return false
}

// command says whether \name is next.
func (p *parser) command(name string) bool {
	t := p.peek()
	return t.kind == tCmd && t.text == name
}

func (p *parser) fail(why string) *node {
	if p.err == "" {
		p.err = clip(why)
	}
	p.pos = len(p.toks) - 1
	return &node{kind: kText}
}

// mk makes a node, from a pool to save allocations.
func (p *parser) mk(k kind, op string, args ...*node) *node {
	if p.nodes++; p.nodes > maxNodes {
		return p.fail("too many nodes")
	}
	if len(p.pool) == 0 {
		p.pool = make([]node, 16)
	}
	n := &p.pool[0]
	p.pool = p.pool[1:]
	*n = node{kind: k, op: op, places: -1, args: args}
	return n
}

// enter counts a level of nesting; leave undoes it.
func (p *parser) enter() bool {
	if p.depth++; p.depth > maxDepth {
		p.fail("nested too deeply")
		return false
	}
	return true
}

func (p *parser) leave() { p.depth-- }

// list reads elements between commas, semicolons, "and", "or". The separator
// word that matters for inequalities is kept in op.
func (p *parser) list() *node {
	first := p.relation()
	op, args := "", []*node(nil)
	for p.err == "" {
		sep := p.separator()
		if sep == "" {
			break
		}
		for s := sep; s != ""; s = p.separator() {
			if s != "," || op == "" {
				op = s
			}
		}
		if k := p.peek().kind; k == tEOF || p.closes() {
			break
		}
		if args == nil {
			args = append(args, first)
		}
		args = append(args, p.relation())
	}
	if args == nil {
		return first
	}
	return p.mk(kList, op, args...)
}

// closes says whether the next token ends a bracket.
func (p *parser) closes() bool {
	t := p.peek()
	return t.is(')') || t.is(']') || t.is('}') || t.kind == tCmd && t.text == "}" || t.kind == tEnd
}

// separator steps over one separator and names it: ",", "and", "or" or "".
func (p *parser) separator() string {
	t := p.peek()
	sep := ""
	switch t.kind {
	case tOp:
		switch t.text[0] {
		case ',', ';':
			sep = ","
		case 'o':
			sep = "or"
		case 'a':
			sep = "and"
		case '{': // a bare {or}
			w := p.peekAt(1)
			if (w.kind == tWord || w.kind == tText) && p.peekAt(2).is('}') {
				if sep = separatorWord(w.text); sep != "" {
					p.pos += 2
				}
			}
		}
	case tText, tWord:
		sep = separatorWord(t.text)
	}
	if sep != "" {
		p.advance()
	}
	return sep
}

func separatorWord(s string) string {
	if len(s) > 16 {
		return ""
	}
	switch strings.ToLower(strings.Trim(s, " ,;")) {
	case "and":
		return "and"
	case "or":
		return "or"
	case "":
		if strings.ContainsAny(s, ",;") {
			return ","
		}
	}
	return ""
}

// relation reads set expressions joined by =, <, ≤, ∈ and so on, or by the
// colons of a ratio or time.
func (p *parser) relation() *node {
	if !p.enter() {
		return p.fail("")
	}
	defer p.leave()
	for p.peek().is('=') || p.peek().is('~') { // "= 5"
		p.advance()
	}
	first := p.operand()
	var ops []byte
	args := []*node{first}
	for p.err == "" {
		t := p.peek()
		if t.kind != tOp || strings.IndexByte("=<>lgni~", t.text[0]) < 0 {
			break
		}
		p.advance()
		ops = append(ops, t.text[0])
		args = append(args, p.operand())
	}
	if ops == nil {
		return first
	}
	return p.mk(kRel, string(ops), args...)
}

// operand reads one side of a relation: a set expression or a ratio.
func (p *parser) operand() *node {
	n := p.set()
	if p.peek().is(':') && p.bars == 0 {
		return p.ratio(n)
	}
	return n
}

// ratio reads the rest of a : b : c and of a time with its a.m. or p.m.
func (p *parser) ratio(first *node) *node {
	args := []*node{first}
	for p.accept(':') {
		args = append(args, p.sum())
	}
	// 11:06 p.m.: the unit belongs to the time, not to its minutes.
	if last := args[len(args)-1]; last.kind == kUnit {
		args[len(args)-1] = last.args[0]
		return p.mk(kUnit, last.op, p.mk(kRatio, "", args...))
	}
	return p.mk(kRatio, "", args...)
}

// set reads sums joined by ∪, ∩ and ∖.
func (p *parser) set() *node {
	n := p.sum()
	for p.err == "" {
		k := kUnion
		switch t := p.peek(); {
		case t.is('U') || t.kind == tWord && t.text == "U" && startsSet(p.peekAt(1)):
		case t.is('N'):
			k = kInter
		case t.is('D'):
			k = kMinus
		default:
			return n
		}
		p.advance()
		n = p.mk(k, "", n, p.sum())
	}
	return n
}

func startsSet(t token) bool { return t.is('(') || t.is('[') || t.kind == tCmd && t.text == "{" }
