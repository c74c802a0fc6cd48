package verifier

import "unicode/utf8"

// Bytes of the normalised text that stand for what plain ASCII lacks. The
// same bytes in the input become spaces, so a text cannot forge them.
const (
	byteOpaque = 0x01 // a command or sign that the verifier does not read
	byteRoot   = 0x02 // square root, before its bracketed argument
	bytePi     = 0x03
	byteApprox = 0x04 // an approximately-equal sign
)

// Bounds that keep hostile text linear.
const (
	maxBrace   = 1024 // bytes looked ahead for a closing brace
	maxNote    = 240  // bytes of a calculator note
	maxNesting = 4    // LaTeX commands inside one another
)

// note is a calculator note <<expr=res>>, cut out of the text.
type note struct {
	exprLo, exprHi int32 // raw offsets of expr
	res            float64
	resDec         int8
	resOK          bool
	pos            int32 // normalised offset where it stood
}

// normal is a text in ASCII with its way back: off[i] is the raw offset of
// byte i.
type normal struct {
	b        []byte
	off      []int32
	notes    []note
	boxLo    int32 // normalised span of the last \boxed, -1 when there is none
	boxHi    int32
	openNote bool // a note or a brace never closes
}

func (n *normal) reset() {
	n.b, n.off, n.notes = n.b[:0], n.off[:0], n.notes[:0]
	n.boxLo, n.boxHi, n.openNote = -1, -1, false
}

func (n *normal) put(c byte, at int) {
	n.b = append(n.b, c)
	n.off = append(n.off, int32(at))
}

func (n *normal) puts(s string, at int) {
	for i := 0; i < len(s); i++ {
		n.put(s[i], at)
	}
}

// plain reports bytes that are copied as they are.
func plain(c byte) bool {
	if c >= 0x80 || c < 0x20 {
		return c == '\n'
	}
	switch c {
	case '\\', '<', '*', '~', '&', '$', '^':
		return false
	}
	return true
}

// add normalises raw[lo:hi] and appends it. Offsets in off count from the
// start of raw.
func (n *normal) add(raw string, lo, hi, depth int) {
	for i := lo; i < hi; {
		c := raw[i]
		if plain(c) {
			n.b = append(n.b, c)
			n.off = append(n.off, int32(i))
			i++
			continue
		}
		switch {
		case c >= 0x80:
			i = n.rune(raw, i, hi)
		case c == '\\':
			i = n.command(raw, i, hi, depth)
		case c == '<' && i+1 < hi && raw[i+1] == '<':
			i = n.note(raw, i, hi)
		case c == '*' && i+1 < hi && raw[i+1] == '*':
			i = n.stars(raw, i, hi)
		case c == '$' && i+1 < hi && raw[i+1] == '$':
			n.put(' ', i)
			i += 2
		case c == '^':
			i = n.caret(raw, i, hi)
		case c == '*', c == '<', c == '$':
			n.put(c, i)
			i++
		default: // tilde, ampersand, control bytes
			n.put(' ', i)
			i++
		}
	}
}

// stars reads ** : emphasis, or a power between two digits.
func (n *normal) stars(raw string, i, hi int) int {
	c := byte(' ')
	if i > 0 && i+2 < hi && digit(raw[i-1]) && digit(raw[i+2]) {
		c = '^'
	}
	n.put(c, i)
	return i + 2
}

// caret reads ^, turning ^\circ into the word deg.
func (n *normal) caret(raw string, i, hi int) int {
	for _, s := range [...]string{`^\circ`, `^{\circ}`} {
		if hasAt(raw, i, hi, s) {
			n.puts(" deg ", i)
			return i + len(s)
		}
	}
	n.put('^', i)
	return i + 1
}

func hasAt(raw string, i, hi int, s string) bool {
	return i+len(s) <= hi && raw[i:i+len(s)] == s
}

func digit(c byte) bool { return c-'0' < 10 }

func letter(c byte) bool { return c|0x20-'a' < 26 }

// rune maps one character beyond ASCII.
func (n *normal) rune(raw string, i, hi int) int {
	r, size := utf8.DecodeRuneInString(raw[i:hi])
	if s := ascii(r); s != "" {
		n.puts(s, i)
	} else if r == utf8.RuneError || !wordRune(r) {
		n.put(byteOpaque, i)
	} else {
		for k := 0; k < size; k++ { // a letter of a name: kept inside its word
			n.put(raw[i+k], i+k)
		}
	}
	return i + size
}

func wordRune(r rune) bool {
	return r >= 0xC0 && r < 0x2000 && r != 0xD7 && r != 0xF7 || r >= 0x2E80
}

// ascii is the plain form of a character, empty when it has none.
func ascii(r rune) string {
	switch r {
	case '×', '·', '⋅', '∗', '∙', '•':
		return "*"
	case '÷', '∕', '⁄':
		return "/"
	case '−', '–', '‐', '‑', '‒':
		return "-"
	case '—', '―':
		return " - "
	case '’', '‘', 'ʼ', '′':
		return "'"
	case '“', '”', '″':
		return `"`
	case '\u00a0', '\u2009', '\u200a', '\u202f', '\u2002', '\u2003', '\u2007', '\u200b', '\ufeff', '\u2006', '\u2005':
		return " "
	case '½':
		return " 1/2 "
	case '¼':
		return " 1/4 "
	case '¾':
		return " 3/4 "
	case '⅓':
		return " 1/3 "
	case '⅔':
		return " 2/3 "
	case '⅕':
		return " 1/5 "
	case '⅛':
		return " 1/8 "
	case '²':
		return "^2"
	case '³':
		return "^3"
	case '≈', '≃', '≅':
		return " \x04 "
	case '°':
		return " deg "
	case '€', '£', '¥':
		return "$"
	case 'π':
		return "\x03"
	case '√':
		return "\x02"
	case '→', '⇒', '⟹', '∴', '➡', '…':
		return " ; "
	case '₂', '₁', '₀':
		return "\x01"
	}
	return ""
}

// note cuts a calculator note out.
func (n *normal) note(raw string, i, hi int) int {
	end := min(hi, i+maxNote)
	for j := i + 2; j < end; j++ {
		switch c := raw[j]; {
		case c == '>' && j+1 < hi && raw[j+1] == '>':
			n.keepNote(raw, i+2, j)
			return j + 2
		case c == '\n' || c == '<':
			end = j
		}
	}
	if end == hi {
		n.openNote = true
		return hi
	}
	n.put(byteOpaque, i)
	return i + 2
}

func (n *normal) keepNote(raw string, lo, hi int) {
	eq := -1
	for j := lo; j < hi; j++ {
		if raw[j] == '=' {
			eq = j
		}
	}
	if eq < 0 {
		return
	}
	k := note{exprLo: int32(lo), exprHi: int32(eq), pos: int32(len(n.b))}
	s := eq + 1
	for s < hi && (raw[s] == ' ' || raw[s] == '$') {
		s++
	}
	neg := s < hi && raw[s] == '-'
	if neg {
		s++
	}
	v, dec, e := number(raw, s, hi)
	if e > s && e == hi {
		if neg {
			v = -v
		}
		k.res, k.resDec, k.resOK = v, dec, true
	}
	n.notes = append(n.notes, k)
}
