package token

import (
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxMarks is a run of combining marks that x/text certainly normalises
// without inserting a combining grapheme joiner, which it does after 30.
const maxMarks = 8

// nfc brings s to normal form C. Invalid bytes stay as they are.
func nfc(s string) string {
	if ascii(s) {
		return s
	}
	out, from := "", 0
	for i, r := range s {
		if lateMark(r) { // for the published normaliser a character like any other
			out += normalise(s[from:i]) + string(r)
			from = i + utf8.RuneLen(r)
		}
	}
	if from == 0 {
		return normalise(s)
	}
	return out + normalise(s[from:])
}

func normalise(s string) string {
	if longMarks(s) {
		return slowNFC(s)
	}
	return norm.NFC.String(s)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// longMarks reports a run of more than maxMarks runes that may interact with
// the one before: marks, what decomposes to marks, Hangul vowels and finals.
func longMarks(s string) bool {
	run := 0
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			run = 0
			i++
			continue
		}
		p := norm.NFD.PropertiesString(s[i:])
		if p.BoundaryBefore() {
			run = 0
		} else if run++; run > maxMarks {
			return true
		}
		i += max(p.Size(), 1)
	}
	return false
}

// slowNFC follows the definition: decompose, order marks by combining class,
// compose. Stretches between invalid bytes are done one by one.
func slowNFC(s string) string {
	var out []byte
	for s != "" {
		n := 0
		for n < len(s) {
			r, w := utf8.DecodeRuneInString(s[n:])
			if r == utf8.RuneError && w == 1 {
				break
			}
			n += w
		}
		out = append(out, compose(decompose(s[:n]))...)
		if n < len(s) {
			out = append(out, s[n])
			n++
		}
		s = s[n:]
	}
	return string(out)
}

// decompose gives the canonical decomposition in canonical order.
func decompose(s string) []rune {
	var rs []rune
	var ccc []uint8
	for _, r := range s {
		p := norm.NFD.PropertiesString(string(r))
		full := string(r)
		if d := p.Decomposition(); d != nil {
			full = string(d)
		} else if 0xAC00 <= r && r <= 0xD7A3 { // Hangul syllables decompose by rule
			full = norm.NFD.String(full)
		}
		for _, x := range full {
			c := norm.NFD.PropertiesString(string(x)).CCC()
			i := len(rs) // insertion sort, stable, never past a starter
			for c > 0 && i > 0 && ccc[i-1] > c {
				i--
			}
			rs, ccc = append(rs, 0), append(ccc, 0)
			copy(rs[i+1:], rs[i:])
			copy(ccc[i+1:], ccc[i:])
			rs[i], ccc[i] = x, c
		}
	}
	return rs
}

// compose joins each rune with the last starter unless something blocks it.
func compose(rs []rune) string {
	starter := -1
	last := uint8(0) // class of the rune kept before, 0 right after the starter
	out := rs[:0]
	for _, r := range rs {
		c := norm.NFD.PropertiesString(string(r)).CCC()
		adjacent := starter == len(out)-1
		if starter >= 0 && (adjacent || last < c && last != 0) {
			if joined := primary(out[starter], r); joined != 0 {
				out[starter] = joined
				continue
			}
		}
		if c == 0 {
			starter = len(out)
		}
		last = c
		out = append(out, r)
	}
	return string(out)
}

// primary is the composite of a and b, 0 if there is none.
func primary(a, b rune) rune {
	s := norm.NFC.String(string([]rune{a, b}))
	r, n := utf8.DecodeRuneInString(s)
	if n == len(s) {
		return r
	}
	return 0
}
