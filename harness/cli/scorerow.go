package cli

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"hardneg/fixtures/jsonl"
)

// decodeSolution reads a row to be scored. The usual shape is read by hand, in
// a fifth of the time that encoding/json takes, which would be a third of the
// scoring; whatever is unusual, and every error, is left to the strict decoder.
func decodeSolution(line []byte, r *solutionRow) error {
	if f := (fastRow{b: line}); f.row(r) {
		return nil
	}
	*r = solutionRow{}
	return strict(line, r)
}

// fastRow is a cursor over one JSON object.
type fastRow struct {
	b []byte
	i int
}

func (f *fastRow) space() {
	for f.i < len(f.b) && (f.b[f.i] == ' ' || f.b[f.i] == '\t') {
		f.i++
	}
}

// take eats one expected byte.
func (f *fastRow) take(c byte) bool {
	f.space()
	if f.i < len(f.b) && f.b[f.i] == c {
		f.i++
		return true
	}
	return false
}

func (f *fastRow) row(r *solutionRow) bool {
	if !f.take('{') {
		return false
	}
	seen := 0
	for {
		key, ok := f.text()
		bit := 1 << (1 + slices.Index(fastKeys, key))
		if !ok || seen&bit != 0 || !f.take(':') || !f.field(key, r) {
			return false // of a key that is there twice, too, the strict decoder speaks
		}
		seen |= bit
		if f.take(',') {
			continue
		}
		if !f.take('}') {
			return false
		}
		f.space()
		return f.i == len(f.b)
	}
}

// fastKeys are the keys that field reads.
var fastKeys = []string{"id", "question", "solution", "gold", "reference", "prompt_id", "steps", "peers"}

// field reads the value of one key; keys without a text are unusual.
func (f *fastRow) field(key string, r *solutionRow) (ok bool) {
	switch key {
	case "id":
		r.ID, ok = f.text()
	case "question":
		r.Question, ok = f.text()
	case "solution":
		var s string
		s, ok = f.text()
		r.Solution = &s
	case "gold":
		r.Gold, ok = f.text()
	case "reference":
		r.Reference, ok = f.text()
	case "prompt_id":
		r.PromptID, ok = f.text()
	case "steps":
		r.Steps, ok = f.texts()
	case "peers":
		r.Peers, ok = f.texts()
	}
	return ok
}

func (f *fastRow) texts() (out []string, ok bool) {
	if !f.take('[') {
		return nil, false
	}
	out = []string{}
	if f.take(']') {
		return out, true
	}
	for {
		s, ok := f.text()
		if !ok {
			return nil, false
		}
		out = append(out, s)
		if f.take(']') {
			return out, true
		}
		if !f.take(',') {
			return nil, false
		}
	}
}

// text reads a string.
func (f *fastRow) text() (string, bool) {
	if !f.take('"') {
		return "", false
	}
	start, escaped, ascii := f.i, false, true
	for ; f.i < len(f.b); f.i++ {
		switch c := f.b[f.i]; {
		case c == '"':
			raw := f.b[start:f.i]
			f.i++
			if !ascii && !utf8.Valid(raw) {
				return "", false
			}
			if escaped {
				return unescape(raw)
			}
			return string(raw), true
		case c == '\\':
			escaped = true
			f.i++
		case c < 0x20:
			return "", false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return "", false
}

// unescape replaces the escapes of a string; surrogates are unusual.
func unescape(raw []byte) (string, bool) {
	out := make([]byte, 0, len(raw))
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return string(append(out, raw...)), true
		}
		out = append(out, raw[:i]...)
		if i+1 >= len(raw) {
			return "", false
		}
		c := raw[i+1]
		raw = raw[i+2:]
		switch c {
		case '"', '\\', '/':
			out = append(out, c)
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'u':
			r, ok := jsonl.Hex4(raw)
			if !ok || r >= 0xD800 && r < 0xE000 {
				return "", false
			}
			out = utf8.AppendRune(out, r)
			raw = raw[4:]
		default:
			return "", false
		}
	}
}
