package verifier

import "strings"

// span is raw[lo:hi].
type span struct{ lo, hi int32 }

// minSentenceSplit is the length of a one-line solution from which its
// sentences are taken for steps.
const minSentenceSplit = 160

// splitSteps cuts a solution into steps: its lines, or its sentences when it
// has only one long line. A line inside an open LaTeX display joins its
// predecessor.
func splitSteps(dst []span, s string) []span {
	base, open := len(dst), false
	for lo := 0; lo < len(s); {
		hi := strings.IndexByte(s[lo:], '\n')
		if hi < 0 {
			hi = len(s)
		} else {
			hi += lo
		}
		if line := s[lo:hi]; !blank(line) {
			if open && len(dst) > base {
				dst[len(dst)-1].hi = int32(hi)
			} else {
				dst = append(dst, span{int32(lo), int32(hi)})
			}
			open = displayOpen(line, open)
		}
		lo = hi + 1
	}
	if len(dst) == base+1 && len(s) > minSentenceSplit {
		line := dst[base]
		dst = splitSentences(dst[:base], s, int(line.lo), int(line.hi))
	}
	return dst
}

func blank(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] != ' ' && s[i] != '\t' && s[i] != '\r' {
			return false
		}
	}
	return true
}

// displayOpen follows \[ … \], $$ … $$ and \begin … \end over lines.
func displayOpen(line string, open bool) bool {
	if strings.IndexByte(line, '\\') < 0 && !strings.Contains(line, "$$") {
		return open
	}
	for i := 0; i+1 < len(line); i++ {
		switch {
		case line[i] == '$' && line[i+1] == '$':
			open = !open
			i++
		case line[i] != '\\':
		case line[i+1] == '[' || strings.HasPrefix(line[i+1:], "begin{"):
			open = true
			i++
		case line[i+1] == ']' || strings.HasPrefix(line[i+1:], "end{"):
			open = false
			i++
		case line[i+1] == '\\':
			i++
		}
	}
	return open
}

// splitSentences cuts at . ! ? before a space and a capital, outside
// brackets and not after a one-letter word.
func splitSentences(dst []span, s string, lo, hi int) []span {
	start, depth := lo, 0
	for i := lo; i < hi; i++ {
		switch s[i] {
		case '(', '{', '[':
			depth++
		case ')', '}', ']':
			depth = max(0, depth-1)
		case '.', '!', '?':
			j := i + 1
			for j < hi && s[j] == ' ' {
				j++
			}
			initial := i >= 2 && letter(s[i-1]) && !letter(s[i-2]) && s[i-1] < 'a'
			if j > i+1 && j < hi && s[j] >= 'A' && s[j] <= 'Z' && depth == 0 && !initial {
				dst = append(dst, span{int32(start), int32(i + 1)})
				start = j
			}
		}
	}
	if start < hi {
		dst = append(dst, span{int32(start), int32(hi)})
	}
	return dst
}

// marker finds the list marker at the start of a step ("Step 3:", "2.", "(4)",
// "- ", "#"): how many bytes it takes and the number it bears, -1 for none.
func marker(s string) (skip, num int) {
	num = -1
	i := 0
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '*') {
		i++
	}
	if strings.HasPrefix(s[i:], "####") {
		return i, num // an answer marker, read by the extraction
	}
	for i < len(s) && (s[i] == '#' || s[i] == ' ') {
		i++
	}
	if len(s)-i >= 6 && strings.EqualFold(s[i:i+4], "step") && (s[i+4] == ' ' || digit(s[i+4])) {
		j := i + 4
		for j < len(s) && s[j] == ' ' {
			j++
		}
		if n, k := smallInt(s, j); k > j {
			for k < len(s) && oneOf(s[k], " :.)-*") && k < j+8 {
				k++
			}
			return k, n
		}
	}
	if i+1 < len(s) && (s[i] == '-' || s[i] == '+') && s[i+1] == ' ' {
		return i + 2, num
	}
	j := i
	if j < len(s) && s[j] == '(' {
		j++
	}
	if n, k := smallInt(s, j); k > j && k < len(s) && (s[k] == ')' || s[k] == '.' && j == i) && !(k+1 < len(s) && digit(s[k+1])) {
		if s[k] == '.' && (k+1 == len(s) || s[k+1] != ' ') {
			return i, num
		}
		return k + 1, n
	}
	return i, num
}

// smallInt reads one or two digits that no third follows.
func smallInt(s string, i int) (n, end int) {
	end = i
	for end < len(s) && digit(s[end]) {
		n = n*10 + int(s[end]-'0')
		if end++; end-i > 2 {
			return 0, i
		}
	}
	return n, end
}
