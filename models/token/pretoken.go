package token

import (
	"unicode"
	"unicode/utf8"
)

// Pattern is the published pre-tokenizer, the only one that is supported. The
// state machine below finds the same cuts.
const Pattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

// Classes of a rune, as far as the pattern tells them apart.
const (
	other   byte = iota // none of the below; invalid bytes too
	letter              // \p{L}
	number              // \p{N}
	space               // \s but for the next
	newline             // \r and \n
)

// classes is a table for the Basic Multilingual Plane, which has nearly all text.
type classes [1 << 16]byte

func newClasses() *classes {
	c := new(classes)
	for r := range c {
		c[r] = classify(rune(r))
	}
	return c
}

func classify(r rune) byte {
	switch {
	case r == '\r' || r == '\n':
		return newline
	case unicode.IsLetter(r) || newLetter(r):
		return letter
	case unicode.IsNumber(r) || newNumber(r):
		return number
	case unicode.IsSpace(r):
		return space
	}
	return other
}

// at gives the class and the length in bytes of the rune at s[i:].
func (c *classes) at(s string, i int) (byte, int) {
	b := s[i]
	if b < utf8.RuneSelf {
		return c[b], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	if r == utf8.RuneError && n == 1 {
		return other, 1
	}
	if r < 1<<16 {
		return c[r], n
	}
	return classify(r), n
}

// run is the end of the runes of class k that start at s[i:].
func (c *classes) run(s string, i int, k byte) int {
	for i < len(s) {
		got, n := c.at(s, i)
		if got != k {
			break
		}
		i += n
	}
	return i
}

// next is the end of the pre-token that starts at s[i:], i < len(s). The
// comments number the alternatives of Pattern.
func (c *classes) next(s string, i int) int {
	k, n := c.at(s, i)
	after := i + n
	if s[i] == '\'' { // 1
		if e := contraction(s, after); e > 0 {
			return e
		}
	}
	switch k {
	case letter: // 2 without its first part
		return c.run(s, after, letter)
	case number: // 3
		return after
	}
	if after < len(s) && k != newline {
		k2, n2 := c.at(s, after)
		if k2 == letter { // 2
			return c.run(s, after+n2, letter)
		}
		if k2 == other && s[i] == ' ' { // 4 with its space
			return c.run(s, c.run(s, after+n2, other), newline)
		}
	}
	if k == other { // 4
		return c.run(s, c.run(s, after, other), newline)
	}
	return c.blank(s, i)
}

// blank handles alternatives 5 to 7: white space that nothing else takes.
func (c *classes) blank(s string, i int) int {
	line, last, end := 0, i, i
	for end < len(s) {
		k, n := c.at(s, end)
		if k != space && k != newline {
			break
		}
		last, end = end, end+n
		if k == newline {
			line = end
		}
	}
	switch {
	case line > 0: // 5: up to the last line break
		return line
	case end < len(s) && last > i: // 6: the last one is left to what follows
		return last
	}
	return end // 6 at the end of the text, or 7
}

// contraction is the end of alternative 1, whose apostrophe ends at i; 0 if it
// does not match. Case is folded as Unicode does: ſ is an s.
func contraction(s string, i int) int {
	if i >= len(s) {
		return 0
	}
	switch s[i] | 0x20 {
	case 's', 't', 'm', 'd':
		return i + 1
	case 'r', 'v':
		if i+1 < len(s) && s[i+1]|0x20 == 'e' {
			return i + 2
		}
	case 'l':
		if i+1 < len(s) && s[i+1]|0x20 == 'l' {
			return i + 2
		}
	}
	const longS = "ſ"
	if len(s) >= i+len(longS) && s[i:i+len(longS)] == longS {
		return i + len(longS)
	}
	return 0
}
