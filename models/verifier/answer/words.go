package answer

import "strings"

// unprinted drops what LaTeX does not print.
var unprinted = strings.NewReplacer(" ", "", "\t", "", "\n", "", `\left`, "", `\right`, "", `\,`, "", `\;`, "", `\!`, "", `\ `, "", `\dfrac`, `\frac`, `\tfrac`, `\frac`, "$", "", `\displaystyle`, "")

// choiceMarks drops what surrounds the letter of a choice.
var choiceMarks = strings.NewReplacer(`\textbf`, "", `\text`, "", `\mathrm`, "", `\mathbf`, "", "{", "", "}", "", "$", "", "*", "", `\ `, " ", "~", " ", `\quad`, " ")

// normalText folds an answer in words: case, white space, LaTeX wrappers and
// punctuation at the ends do not count.
func normalText(s string) string {
	var b strings.Builder
	space := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\':
			j := i + 1
			for j < len(s) && isLetter(s[j]) {
				j++
			}
			if class := commandClass(s[i+1 : j]); j == i+1 || class == cText || class == cFont || class == cSpace || class == cSize {
				i = max(i, j-1)
				if j == i+1 && j < len(s) && s[j] != '{' && s[j] != '}' && s[j] != '%' && s[j] != '$' {
					i++
				}
				space = true
				continue
			}
			b.WriteByte(c)
		case isSpace(c) || c == '{' || c == '}' || c == '$' || c == '"' || c == '~' || c == '*':
			space = true
		default:
			if space && b.Len() > 0 {
				b.WriteByte(' ')
			}
			space = false
			if c >= 'A' && c <= 'Z' {
				c |= 32
			}
			b.WriteByte(c)
		}
	}
	out := strings.Trim(b.String(), " .,;:!?")
	if len(out) > 2 && out[0] == '(' && strings.IndexByte(out, ')') == len(out)-1 {
		out = strings.TrimSpace(out[1 : len(out)-1])
	}
	return out
}

// sameText is the last resort: two answers in words, or two that could not be
// read, as folded strings.
func sameText(a, b string) bool {
	a, b = normalText(a), normalText(b)
	return a != "" && (a == b || strings.ReplaceAll(a, " ", "") == strings.ReplaceAll(b, " ", ""))
}

// compact drops what LaTeX does not print, so that answers that cannot be
// parsed can be compared as strings.
func compact(s string) string {
	return unprinted.Replace(s)
}

// choice reads a multiple-choice letter: C, (C), \text{(C)}, also with the
// option's text after it; bare says that nothing follows.
func choice(s string) (letter byte, bare, ok bool) {
	s = strings.TrimSpace(choiceMarks.Replace(s))
	if s == "" {
		return 0, false, false
	}
	paren := s[0] == '('
	if paren {
		s = strings.TrimSpace(s[1:])
	}
	if s == "" || s[0] < 'A' || s[0] > 'J' {
		return 0, false, false
	}
	letter, s = s[0], s[1:]
	switch {
	case s == "" || s == ")" || s == "." || s == ":":
		return letter, true, s != "" || !paren
	case s[0] == ')' || !paren && (s[0] == '.' || s[0] == ':') && len(s) > 1 && s[1] == ' ':
		return letter, false, true
	}
	return 0, false, false
}
