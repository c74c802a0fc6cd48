package token

import (
	"strings"
	"unicode/utf8"
)

// Decode gives the text of ids, added tokens included. Bytes that are no UTF-8
// become U+FFFD; ids that the tokenizer does not have (padding rows of an
// embedding) are skipped.
func (t *Tokenizer) Decode(ids []int32) string { return lossy(t.join(ids, false)) }

// DecodeText is Decode without special tokens.
func (t *Tokenizer) DecodeText(ids []int32) string { return lossy(t.join(ids, true)) }

func (t *Tokenizer) join(ids []int32, skip bool) []byte {
	var b []byte
	for _, id := range ids {
		if skip && t.added[id].Special {
			continue
		}
		b = append(b, t.Bytes(id)...)
	}
	return b
}

// lossy replaces each maximal part of a damaged code point by one U+FFFD, as
// the Unicode standard recommends.
func lossy(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var s strings.Builder
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			n = damaged(b)
			s.WriteRune(utf8.RuneError)
		} else {
			s.Write(b[:n])
		}
		b = b[n:]
	}
	return s.String()
}

// damaged is the length of the maximal part of a code point at the start of b,
// which does not start with a whole one: at least 1.
func damaged(b []byte) int {
	need, lo, hi := lead(b[0])
	for i := 1; i <= need; i++ {
		if i >= len(b) || b[i] < lo || b[i] > hi {
			return i
		}
		lo, hi = 0x80, 0xBF
	}
	return 1
}

// lead tells how many bytes follow a first byte, and the range of the second.
func lead(b byte) (need int, lo, hi byte) {
	switch {
	case b >= 0xC2 && b <= 0xDF:
		return 1, 0x80, 0xBF
	case b == 0xE0:
		return 2, 0xA0, 0xBF
	case b == 0xED:
		return 2, 0x80, 0x9F
	case b >= 0xE1 && b <= 0xEF:
		return 2, 0x80, 0xBF
	case b == 0xF0:
		return 3, 0x90, 0xBF
	case b >= 0xF1 && b <= 0xF3:
		return 3, 0x80, 0xBF
	case b == 0xF4:
		return 3, 0x80, 0x8F
	}
	return 0, 0, 0
}

// Stream decodes token by token and never splits a code point: bytes that may
// still become one wait for the next token.
type Stream struct {
	t       *Tokenizer
	skip    bool
	pending []byte
}

// Stream makes a streaming decoder; skipSpecial leaves special tokens out.
func (t *Tokenizer) Stream(skipSpecial bool) *Stream { return &Stream{t: t, skip: skipSpecial} }

// Push gives the text that is certain after one more token.
func (s *Stream) Push(id int32) string {
	if s.skip && s.t.added[id].Special {
		return ""
	}
	s.pending = append(s.pending, s.t.Bytes(id)...)
	n := len(s.pending)
	for i := max(0, n-3); i < n; i++ { // an unfinished code point at the end?
		need, _, _ := lead(s.pending[i])
		if need > 0 && damaged(s.pending[i:]) == n-i && need > n-i-1 {
			n = i
			break
		}
	}
	out := lossy(s.pending[:n])
	s.pending = append(s.pending[:0], s.pending[n:]...)
	return out
}

// Flush gives what still waits, as U+FFFD.
func (s *Stream) Flush() string {
	out := lossy(s.pending)
	s.pending = s.pending[:0]
	return out
}
