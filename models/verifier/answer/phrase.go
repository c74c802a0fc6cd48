package answer

import "strings"

// fromPhrase returns what follows the last "answer is", "answer:" or "A:".
func fromPhrase(s string) (string, bool) {
	limit := len(s)
	for try := 0; try < maxTries; try++ {
		i := lastFold(s[:limit], "answer")
		if i < 0 {
			break
		}
		limit = i
		if i > 0 && isLetter(s[i-1]) {
			continue
		}
		rest, ok := afterAnswer(s[i+len("answer"):])
		if !ok {
			continue
		}
		if t := phraseValue(rest); t != "" {
			return t, true
		}
	}
	if i := strings.LastIndex(s, "\nA:"); i >= 0 || strings.HasPrefix(s, "A:") {
		if i < 0 {
			i = -1
		}
		if t := phraseValue(s[i+1+len("A:"):]); t != "" {
			return t, true
		}
	}
	return "", false
}

// lastFold is LastIndex for a lower-case ASCII word, whatever the case of s.
func lastFold(s, word string) int {
	for i := len(s) - len(word); i >= 0; i-- {
		if s[i]|32 == word[0] && strings.EqualFold(s[i:i+len(word)], word) {
			return i
		}
	}
	return -1
}

// afterAnswer steps over "is:", ":**", "to the question is", "= " and the
// like after the word "answer"; ok is false when nothing of the kind follows.
func afterAnswer(s string) (rest string, ok bool) {
	rest = trimMarks(s)
	// "answer to the problem is", "answer (in dollars) is"
	if len(rest) > 0 && (isLetter(rest[0]) || rest[0] == '(') && !hasWord(rest, "is") {
		line := rest[:min(len(rest), 80)]
		if e := strings.IndexAny(line, ".\n="); e >= 0 {
			line = line[:e]
		}
		i := strings.Index(line, " is")
		if i < 0 || !hasWord(line[i+1:], "is") {
			i = strings.Index(line, " should be")
		}
		if c := strings.IndexByte(line, ':'); c >= 0 && (i < 0 || c < i) {
			i = c
		}
		if i < 0 {
			return "", false
		}
		rest = strings.TrimLeft(rest[i:], " ")
	}
	for n := 0; n < 6; n++ {
		rest = trimMarks(rest)
		switch {
		case strings.HasPrefix(rest, ":"), strings.HasPrefix(rest, "="):
			rest, ok = rest[1:], true
		case hasWord(rest, "is"):
			rest, ok = rest[2:], true
		case hasWord(rest, "should"):
			rest = rest[len("should"):]
		case ok && skippable(rest) > 0:
			rest = rest[skippable(rest):]
		case hasWord(rest, "be"):
			rest, ok = rest[2:], true
		default:
			return rest, ok
		}
	}
	return rest, ok
}

// skippable is the length of a filler word at the start of s, or 0.
func skippable(s string) int {
	for _, w := range []string{"therefore", "thus", "simply", "then", "equal to", "approximately", "about", "just", "given by", "that"} {
		if hasWord(s, w) {
			return len(w)
		}
	}
	return 0
}

func hasWord(s, w string) bool {
	return len(s) >= len(w) && strings.EqualFold(s[:len(w)], w) && (len(s) == len(w) || !isLetter(s[len(w)]))
}

// trimMarks drops white space, markdown emphasis and the quotes of JSON at the
// start.
func trimMarks(s string) string { return strings.TrimLeft(s, " \t\r\n*_`\"") }

// phraseValue reduces the text after an answer phrase to the answer.
func phraseValue(s string) string {
	s = trimMarks(s)
	if t, ok := displayed(s); ok {
		return tidy(t)
	}
	s = firstLine(s)
	for _, end := range []string{"\"}", "\" }", "\","} { // a field of JSON
		if e := strings.Index(s, end); e > 0 {
			s = s[:e]
		}
	}
	t := tidy(cutSentence(s))
	if n := len(t) - 1; n > 1 && t[n] == '!' && onlyDigits(t[:n]) && (n > 2 || t[:n] > "12") {
		t = t[:n] // an exclamation: nobody answers 35!
	}
	if t == "" || startsMath(t) {
		return t
	}
	// Words first: a single math span or number inside them is the answer.
	if m, n := onlyMath(t); n == 1 && strings.ContainsAny(m, "0123456789\\") {
		return tidy(m)
	}
	if m, n := onlyNumber(t); n == 1 && len(t) > len(m)+4 {
		return m
	}
	return t
}

func onlyDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}

// displayed returns the content of display math at the start of s.
func displayed(s string) (string, bool) {
	for _, d := range [][2]string{{"$$", "$$"}, {`\[`, `\]`}, {`\(`, `\)`}} {
		if strings.HasPrefix(s, d[0]) {
			if e := strings.Index(s[2:], d[1]); e >= 0 {
				return s[2 : 2+e], true
			}
		}
	}
	return "", false
}

// firstLine ends s at its first line feed outside an environment.
func firstLine(s string) string {
	for i, n := 0, 0; n < 64; n++ {
		e := strings.IndexByte(s[i:], '\n')
		if e < 0 {
			break
		}
		if i += e; !openMath(s[:i]) {
			return s[:i]
		}
		i++
	}
	return s
}

// openMath says whether an environment or display is still open in s.
func openMath(s string) bool {
	return strings.Count(s, `\begin{`) > strings.Count(s, `\end{`)
}

// startsMath says whether an answer begins with something other than a word
// of two or more letters.
func startsMath(s string) bool {
	return len(s) < 2 || !isLetter(s[0]) || !isLetter(s[1])
}

// cutSentence ends an answer where its sentence ends: at a full stop before
// white space, or before a capitalised sentence that follows without one.
func cutSentence(s string) string {
	inMath, depth := false, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == '$':
			inMath = !inMath && strings.Count(s[i+1:min(len(s), i+4096)], "$") > 0
		case c == '{' || c == '(' || c == '[':
			depth++
		case c == '}' || c == ')' || c == ']':
			depth--
		case (c == '.' || c == '!' || c == '?' || c == ';') && !inMath && endsSentence(s, i):
			return s[:i]
		case isSpace(c) && !inMath && depth <= 0 && i > 0 && newSentence(s[i+1:]):
			return s[:i]
		}
	}
	return s
}

// endsSentence says whether the stop at s[i] ends the sentence: end of text,
// or white space that is followed by a capital. "p.m. 5" goes on.
func endsSentence(s string, i int) bool {
	if s[i] == '!' && i > 0 && (isDigit(s[i-1]) || s[i-1] == '}' || s[i-1] == ')') { // a factorial
		return false
	}
	if i+1 >= len(s) || s[i+1] == '*' {
		return true
	}
	if !isSpace(s[i+1]) {
		return false
	}
	if i >= 3 && s[i-2] == '.' && i+2 < len(s) && !isUpper(s[i+2]) { // p.m.
		return false
	}
	return s[i] != ';'
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

// newSentence says whether s starts with a capitalised word and two more.
func newSentence(s string) bool {
	n := 0
	for n < 3 {
		e := 0
		for e < len(s) && (isLetter(s[e]) || s[e] == '\'') {
			e++
		}
		if e == 0 || n == 0 && (!isUpper(s[0]) || e > 1 && isUpper(s[1])) || n > 0 && isUpper(s[0]) {
			return false
		}
		n++
		if s = s[e:]; n < 3 {
			if !strings.HasPrefix(s, " ") {
				return false
			}
			s = s[1:]
		}
	}
	return true
}
