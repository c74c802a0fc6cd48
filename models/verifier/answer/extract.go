package answer

import "strings"

// The rules of extraction, in the order in which they are tried.
const (
	RuleBoxed  = "boxed"  // \boxed{x} or \fbox{x}
	RuleHash   = "hash"   // #### x
	RulePhrase = "phrase" // "the answer is x", "Answer: x"
	RuleMath   = "math"   // the last math span
	RuleNumber = "number" // the last number
)

// maxTries bounds how many occurrences a rule looks at, counted from the end.
const maxTries = 16

// maxResponse bounds the part of a response that is searched, from its end.
const maxResponse = 1 << 18

// Extract returns the final answer of a response and the rule that found it.
// The first rule that yields an answer wins, inside a rule the last occurrence.
// Strict extraction stops after the explicit rules boxed, hash and phrase.
func Extract(response string, strict bool) (text, rule string, ok bool) {
	if len(response) > maxResponse {
		response = response[len(response)-maxResponse:]
	}
	s := dropThinking(response)
	if t, ok := fromBox(s); ok {
		return t, RuleBoxed, true
	}
	if t, ok := fromHash(s); ok {
		return t, RuleHash, true
	}
	if t, ok := fromPhrase(s); ok {
		return t, RulePhrase, true
	}
	if strict {
		return "", "", false
	}
	if t, ok := fromMath(s); ok {
		return t, RuleMath, true
	}
	if t, ok := lastNumber(s); ok {
		return t, RuleNumber, true
	}
	return "", "", false
}

// dropThinking cuts everything up to the last </think> when text follows it.
func dropThinking(s string) string {
	const end = "</think>"
	if i := strings.LastIndex(s, end); i >= 0 {
		if rest := s[i+len(end):]; strings.TrimSpace(rest) != "" {
			return rest
		}
	}
	return s
}

// box is the span of one \boxed{…}: s[start:end], content s[from:to].
type box struct{ start, from, to, end int }

// lastBox finds the last box that starts before limit and is closed.
func lastBox(s string, limit int) (box, bool) {
	for try := 0; try < maxTries; {
		i := strings.LastIndex(s[:limit], "box")
		if i < 0 {
			return box{}, false
		}
		limit = i
		start, at := i-1, i+len("boxed")
		switch {
		case i >= 1 && strings.HasPrefix(s[i-1:], `\boxed`):
		case i >= 2 && strings.HasPrefix(s[i-2:], `\fbox`):
			start, at = i-2, i+len("box")
		default:
			continue
		}
		if x, ok := boxAt(s, start, at); ok {
			return x, true
		}
		try++
	}
	return box{}, false
}

// boxAt reads the argument of the box command s[start:at].
func boxAt(s string, start, at int) (box, bool) {
	for at < len(s) && (s[at] == ' ' || s[at] == '\n') {
		at++
	}
	if at >= len(s) {
		return box{}, false
	}
	if s[at] != '{' { // \boxed 5: one run up to a delimiter
		end := at
		for end < len(s) && !strings.ContainsRune("$ \n", rune(s[end])) {
			end++
		}
		return box{start, at, end, end}, end > at && s[at] >= '0' && s[at] <= '9'
	}
	end := closing(s[:min(len(s), at+4*maxBytes)], at)
	if end < 0 { // a brace is missing: the math span or the sentence ends the box
		line := firstLine(s[at+1 : min(len(s), at+maxBytes)])
		n := strings.IndexByte(line, '$')
		if n < 0 {
			if n = len(cutSentence(line)); n == len(line) {
				return box{}, false // cut off in the middle
			}
		}
		return box{start, at + 1, at + 1 + n, at + 1 + n}, n > 0
	}
	return box{start, at + 1, end, end + 1}, true
}

// closing returns the index of the brace that closes the one at s[open], or
// -1. Escaped braces do not count.
func closing(s string, open int) int {
	depth := 0
	for i := open; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// fromBox returns the content of the last box; boxes joined by a comma or
// "and" are one list.
func fromBox(s string) (string, bool) {
	limit := len(s)
	for try := 0; try < maxTries; try++ {
		b, ok := lastBox(s, limit)
		if !ok {
			return "", false
		}
		limit = b.start
		t := tidy(s[b.from:b.to])
		if t == "" {
			continue
		}
		if before := strings.TrimRight(s[:b.start], " "); strings.HasSuffix(before, "-") {
			if before = strings.TrimRight(before[:len(before)-1], " "); strings.HasSuffix(before, "=") || strings.HasSuffix(before, "$") {
				t = "-(" + t + ")" // x = -\boxed{3}
			}
		}
		for n := 0; n < maxTries; n++ {
			p, ok := lastBox(s, b.start)
			if !ok || p.end > b.start || !joins(s[p.end:b.start]) {
				break
			}
			t = tidy(s[p.from:p.to]) + ", " + t
			b = p
		}
		return t, true
	}
	return "", false
}

// joinMarks drops delimiters between two boxes.
var joinMarks = strings.NewReplacer("$", " ", `\text`, " ", `\quad`, " ", `\(`, " ", `\)`, " ", "{", " ", "}", " ", ",", " , ", "=", " = ")

// joins says whether the text between two boxes makes them one list: only
// "and", "or" or commas, math delimiters and perhaps "x =".
func joins(s string) bool {
	if len(s) > 40 {
		return false
	}
	joined := s == ""
	s = joinMarks.Replace(s)
	fields := strings.Fields(s)
	for i, w := range fields {
		switch {
		case w == "and" || w == "or" || w == ",":
			joined = true
		case w == "=" && i > 0:
		case len(w) <= 5 && isLetter(w[0]) && i+1 < len(fields) && fields[i+1] == "=":
		default:
			return false
		}
	}
	return joined
}

// fromHash returns what follows the last "####" of a line. Markdown headings
// of the fourth level look the same and are passed over.
func fromHash(s string) (string, bool) {
	limit := len(s)
	for try := 0; try < maxTries; try++ {
		i := strings.LastIndex(s[:limit], "####")
		if i < 0 {
			return "", false
		}
		limit = i
		rest := strings.TrimLeft(s[i+4:], "# \t*:")
		rest = firstLine(rest)
		if isHeading(rest) {
			continue
		}
		if t := tidy(cutSentence(rest)); t != "" {
			return t, true
		}
	}
	return "", false
}

// isHeading recognises "Step 4", "Conclusion:" and the like.
func isHeading(s string) bool {
	s = strings.ToLower(strings.Trim(s, " *\t\r"))
	if strings.HasSuffix(s, ":") {
		return true
	}
	for _, w := range []string{"step", "conclusion", "final answer", "answer", "solution", "verification", "summary", "explanation", "note", "part", "case", "check", "final"} {
		if strings.HasPrefix(s, w) && (len(s) == len(w) || !isLetter(s[len(w)])) {
			return true
		}
	}
	return false
}

func isLetter(c byte) bool { return c|32 >= 'a' && c|32 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isSpace(c byte) bool  { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
