package verifier

import (
	"math"

	"hardneg/models/verifier/expr"
)

// Kinds of tokens.
const (
	kindNumber   = 'N'
	kindOperator = 'O' // operator or bracket; op is its byte, brackets as written
	kindEqual    = 'E' // = or approximately; op is '=' or '~'
	kindWord     = 'W'
	kindVariable = 'V'
	kindPunct    = 'P'
	kindOpaque   = '?'
)

// token is one lexical element of the normalised text.
type token struct {
	kind       byte
	op         byte  // operator, punctuation or variable letter; of a one-letter word its letter
	dec        int8  // decimals written
	ordinal    bool  // 1st, 2nd
	cls        class // of a word
	start, end int32 // normalised offsets
	wlen       int32 // letters of a word
	val        float64
	hash, stem uint32  // of a lower-cased word
	dim        byte    // dimension of a unit of measure: time, length, …
	size       float32 // its size in the dimension's smallest unit
}

// content reports a word that carries meaning.
func (t *token) content() bool { return t.kind == kindWord && t.cls&clsStop == 0 && t.wlen > 2 }

// number reads an unsigned number at s[i:hi] and returns its value, its
// decimals and where it ends (i when there is none): 1,234.5 1 000 .5 12.
func number[T string | []byte](s T, i, hi int) (v float64, dec int8, end int) {
	j := i
	for j < hi && digit(s[j]) {
		v = v*10 + float64(s[j]-'0')
		j++
	}
	if n := j - i; n >= 1 && n <= 3 {
		for j+3 < hi && (s[j] == ',' || s[j] == ' ' && s[j+1] == '0' && s[j+2] == '0' && s[j+3] == '0') &&
			digit(s[j+1]) && digit(s[j+2]) && digit(s[j+3]) && !(j+4 < hi && digit(s[j+4])) {
			v = v*1000 + float64(s[j+1]-'0')*100 + float64(s[j+2]-'0')*10 + float64(s[j+3]-'0')
			j += 4
		}
	}
	if j+1 < hi && s[j] == '.' && digit(s[j+1]) {
		k := j + 1
		frac := 0.0
		for k < hi && digit(s[k]) {
			if dec < 15 {
				frac = frac*10 + float64(s[k]-'0')
				dec++
			}
			k++
		}
		v += frac / pow10(dec)
		j = k
	}
	if math.IsInf(v, 0) {
		v = math.MaxFloat64
	}
	return v, dec, j
}

// pow10 is 10^n for 0 <= n <= 15.
func pow10(n int8) float64 {
	p := 1.0
	for ; n > 0; n-- {
		p *= 10
	}
	return p
}

// scan appends the raw tokens of b[lo:hi].
func scan(lex *lexicon, dst []token, b []byte, lo, hi int) []token {
	for i := lo; i < hi; {
		c := b[i]
		switch {
		case c == ' ':
			i++
		case digit(c) || c == '.' && i+1 < hi && digit(b[i+1]):
			v, dec, e := number(b, i, hi)
			dst = append(dst, token{kind: kindNumber, val: v, dec: dec, start: int32(i), end: int32(e)})
			i = e
		case letter(c) || c >= 0x80:
			var t token
			t, i = word(lex, b, i, hi)
			dst = append(dst, t)
		default:
			dst = append(dst, sign(c, i))
			i++
		}
	}
	return dst
}

// sign is the token of one character.
func sign(c byte, i int) token {
	t := token{kind: kindOpaque, op: c, start: int32(i), end: int32(i + 1)}
	switch c {
	case '+', '-', '*', '/', '^', '(', ')', '[', ']', '{', '}', '%', '$', byteRoot:
		t.kind = kindOperator
	case '=':
		t.kind = kindEqual
	case byteApprox:
		t.kind, t.op = kindEqual, '~'
	case bytePi:
		t.kind, t.op = kindVariable, '_'
	case ',', ';', ':', '.', '?', '!', '\n', '"':
		t.kind = kindPunct
	}
	return t
}

// word reads letters, with an apostrophe part that its hash leaves out.
func word(lex *lexicon, b []byte, i, hi int) (token, int) {
	var buf [24]byte
	j, n := i, 0
	for j < hi && (letter(b[j]) || b[j] >= 0x80) {
		if n < len(buf) {
			if b[j] < 0x80 {
				buf[n] = b[j] | 0x20
			} else {
				buf[n] = b[j]
			}
			n++
		}
		j++
	}
	t := token{kind: kindWord, start: int32(i), wlen: int32(j - i)}
	if n == 1 {
		t.op = b[i]
	}
	m := lex.get(&buf, n)
	t.hash, t.stem, t.cls, t.val, t.dim, t.size = m.hash, m.stem, m.cls, m.val, m.dim, m.size
	if j+1 < hi && b[j] == '\'' && letter(b[j+1]) && b[j+1] >= 'a' {
		for j++; j < hi && b[j] >= 'a' && b[j] <= 'z'; j++ {
		}
	}
	t.end = int32(j)
	if t.cls&clsVarIntro != 0 && t.wlen != t.end-t.start {
		t.cls = clsStop // let's
	}
	return t, j
}

// lexicon remembers what the last words meant: a direct-mapped cache, exact,
// as a full copy of the word is compared. Most words come again.
type lexicon [512]meaning

type meaning struct {
	word       [24]byte
	n          int32
	hash, stem uint32
	cls        class
	val        float64
	dim        byte
	size       float32
}

// get looks a lower-cased word of n bytes up; the rest of buf is zero.
func (l *lexicon) get(buf *[24]byte, n int) *meaning {
	h := uint32(2166136261)
	for _, c := range buf[:n] {
		h = (h ^ uint32(c)) * 16777619
	}
	m := &l[(h^h>>15)%uint32(len(l))]
	if m.n == int32(n) && m.word == *buf {
		return m
	}
	w := string(buf[:n])
	*m = meaning{word: *buf, n: int32(n), hash: h, stem: h}
	if k := stemLen(w); k < n {
		m.stem = fnv(w[:k])
	}
	m.cls, m.val = classify(w)
	m.dim, m.size = unitOf(w)
	return m
}

// variables collects the letters that a text uses as variables: before an
// operator or =, or introduced by "let", "call", "variable".
func variables(raw []token, b []byte) uint64 {
	var set uint64
	for i := range raw {
		t := &raw[i]
		if t.kind != kindWord || t.wlen != 1 || t.op >= 0x80 {
			continue
		}
		if i > 0 && raw[i-1].cls&clsVarIntro != 0 && t.op != 'a' && t.op != 'A' {
			set |= expr.VarBit(t.op | 0x20)
			continue
		}
		if i+1 == len(raw) {
			continue
		}
		next := raw[i+1].op
		if !(raw[i+1].kind == kindEqual || raw[i+1].kind == kindOperator && (next == '+' || next == '*' || next == '/')) {
			continue
		}
		if p := t.start - 1; p < 0 || oneOf(b[p], " \n(+*/=-") {
			set |= expr.VarBit(t.op | 0x20)
		}
	}
	return set
}

func oneOf(c byte, set string) bool {
	for i := 0; i < len(set); i++ {
		if set[i] == c {
			return true
		}
	}
	return false
}
