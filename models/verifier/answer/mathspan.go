package answer

import "strings"

// fromMath returns the last math span: $…$, $$…$$, \(…\) or \[…\].
func fromMath(s string) (string, bool) {
	at, text := -1, ""
	for _, d := range [][2]string{{`\(`, `\)`}, {`\[`, `\]`}, {"$$", "$$"}} {
		e := strings.LastIndex(s, d[1])
		if e < 0 || e <= at {
			continue
		}
		if b := strings.LastIndex(s[:e], d[0]); b >= 0 {
			if t := tidy(s[b+2 : e]); t != "" {
				at, text = e, t
			}
		}
	}
	if t, e, ok := lastDollars(s); ok && e > at {
		at, text = e, t
	}
	return text, at >= 0
}

// lastDollars finds the last $…$ on one line whose content reads as math and
// not as prose between two prices.
func lastDollars(s string) (string, int, bool) {
	end := -1
	for i, tries := len(s)-1, 0; i >= 0 && tries < maxTries; i-- {
		if s[i] == '\n' {
			end = -1
			continue
		}
		if s[i] != '$' || i > 0 && s[i-1] == '\\' {
			continue
		}
		if end < 0 {
			end = i
			continue
		}
		tries++
		in := s[i+1 : end]
		if t := tidy(in); t != "" && !prose(in) && (!isSpace(in[0]) && !isSpace(in[len(in)-1]) || isSpace(in[0]) && isSpace(in[len(in)-1]) && strings.IndexByte(in, '\\') >= 0) {
			return t, end, true
		}
		end = i
	}
	return "", 0, false
}

// prose says whether a would-be math span holds two plain words in a row.
func prose(s string) bool {
	words := 0
	for _, w := range strings.Fields(s) {
		if len(w) >= 2 && isLetter(w[0]) && isLetter(w[1]) {
			words++
		}
	}
	return words >= 2 && !strings.Contains(s, `\text`)
}

// onlyMath counts the $…$ spans of s and returns the last.
func onlyMath(s string) (string, int) {
	n, text := 0, ""
	for {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			return text, n
		}
		e := strings.IndexByte(s[i+1:], '$')
		if e <= 0 {
			return text, n
		}
		n, text, s = n+1, s[i+1:i+1+e], s[i+e+2:]
	}
}

// onlyNumber counts the numbers of s and returns the last.
func onlyNumber(s string) (string, int) {
	n, text := 0, ""
	for i := 0; i < len(s); {
		if !isDigit(s[i]) {
			i++
			continue
		}
		a, b := numberSpan(s, i)
		n, text, i = n+1, s[a:b], b
	}
	return text, n
}

// lastNumber returns the last number of s with its sign, separators, decimals,
// fraction and percent sign.
func lastNumber(s string) (string, bool) {
	i := len(s) - 1
	for i >= 0 && !isDigit(s[i]) {
		i--
	}
	if i < 0 {
		return "", false
	}
	floor := max(0, i-4096)
	for i > floor && (isDigit(s[i-1]) || s[i-1] == '.' || s[i-1] == ',' && i > 1 && isDigit(s[i-2]) && i+3 <= len(s)) {
		i--
	}
	if s[i] == '.' || s[i] == ',' {
		if i+1 < len(s) && s[i] == ',' || i > 0 && isLetter(s[i-1]) {
			i++
		}
	}
	// A fraction a/b is one number.
	if i >= 2 && s[i-1] == '/' && isDigit(s[i-2]) {
		j := i - 1
		for j > 0 && isDigit(s[j-1]) {
			j--
		}
		i = j
	}
	a, b := numberSpan(s, i)
	t := s[a:b]
	if b < len(s) && s[b] == '/' {
		if _, e := numberSpan(s, b+1); e > b+1 {
			t = s[a:e]
		}
	}
	return t, t != ""
}

// numberSpan extends the number that starts at s[i]: to the left over a sign,
// to the right over digits, thousands groups, decimals and a percent sign.
func numberSpan(s string, i int) (from, to int) {
	from, to = i, i
	for to < len(s) && isDigit(s[to]) {
		to++
	}
	for to+3 < len(s) && s[to] == ',' && isDigit(s[to+1]) && isDigit(s[to+2]) && isDigit(s[to+3]) && (to+4 == len(s) || !isDigit(s[to+4])) {
		to += 4
	}
	if to+1 < len(s) && s[to] == '.' && isDigit(s[to+1]) {
		for to++; to < len(s) && isDigit(s[to]); {
			to++
		}
	}
	if to < len(s) && s[to] == '%' {
		to++
	} else if strings.HasPrefix(s[to:], `\%`) {
		to += 2
	}
	j := from
	if j > 0 && s[j-1] == '$' {
		j--
	}
	if j > 0 && s[j-1] == '-' && (j == 1 || isSpace(s[j-2]) || strings.IndexByte("($:=*{", s[j-2]) >= 0) {
		return j - 1, to
	}
	if strings.HasPrefix(s[max(0, j-3):], "\u2212") {
		return j - 3, to
	}
	return from, to
}
