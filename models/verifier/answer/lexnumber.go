package answer

import "strings"

// number reads digits with separators, decimals, a repetend and an exponent.
func (l *lexer) number() {
	j := l.i
	for j < len(l.s) && isDigit(l.s[j]) {
		j++
	}
	text := l.s[l.i:j]
	if n := j - l.i; n >= 1 && n <= 3 && text[0] != '0' {
		text, j = l.groups(text, j)
	}
	if j < len(l.s) && l.s[j] == '.' {
		k := j + 1
		for k < len(l.s) && isDigit(l.s[k]) {
			k++
		}
		rep, e := repetend(l.s, k)
		switch {
		case rep != "":
			text, j = text+l.s[j:k]+"("+rep+")", e
		case k > j+1:
			text, j = text+l.s[j:k], k
		case k == len(l.s) || isSpace(l.s[k]) || strings.IndexByte(",;)]}$", l.s[k]) >= 0:
			j = k // "5." is 5
		}
	}
	if e := exponent(l.s, j); e > j {
		text, j = text+l.s[j:e], e
	}
	l.emit(tNum, text)
	l.i = j
}

// groups joins thousands groups to the digits before s[j].
func (l *lexer) groups(text string, j int) (string, int) {
	for {
		k := j
		for _, sep := range []string{`{,}`, `,\! `, `,\!`, `\,`, `\ `, `,`, ` `, "\u00a0", "\u202f", "\u2009"} {
			if strings.HasPrefix(l.s[j:], sep) && l.separates(sep) {
				k = j + len(sep)
				break
			}
		}
		if k == j || !threeDigits(l.s[k:]) || strings.HasPrefix(l.s[k+3:], "/") {
			return text, j
		}
		text, j = text+l.s[k:k+3], k+3
	}
}

// separates says whether sep stands between thousands groups here.
func (l *lexer) separates(sep string) bool {
	switch sep {
	case `{,}`, `,\!`, `,\! `:
		return true
	case `,`:
		return l.commas == commaAll || l.commas == commaTop && l.depth <= 0
	}
	return l.depth <= 0
}

// threeDigits says whether s starts with exactly three digits.
func threeDigits(s string) bool {
	return len(s) >= 3 && isDigit(s[0]) && isDigit(s[1]) && isDigit(s[2]) && (len(s) == 3 || !isDigit(s[3]))
}

// repetend reads \overline{ddd} or \bar{ddd} at s[k].
func repetend(s string, k int) (string, int) {
	for _, c := range []string{`\overline{`, `\bar{`, `\dot{`} {
		if strings.HasPrefix(s[k:], c) {
			a := k + len(c)
			e := a
			for e < len(s) && isDigit(s[e]) {
				e++
			}
			if e > a && e < len(s) && s[e] == '}' {
				return s[a:e], e + 1
			}
		}
	}
	return "", k
}

// exponent returns the end of e+12 at s[j], or j. "2e" and "2ex" are products.
func exponent(s string, j int) int {
	if j >= len(s) || s[j]|32 != 'e' {
		return j
	}
	k := j + 1
	if k < len(s) && (s[k] == '+' || s[k] == '-') {
		k++
	}
	e := k
	for e < len(s) && isDigit(s[e]) {
		e++
	}
	if e == k || e-k > 5 || e < len(s) && isLetter(s[e]) {
		return j
	}
	return e
}
