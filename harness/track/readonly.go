package track

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// readOnlyStatement says what keeps a query from being one statement that only
// reads. The connection cannot write to the index; this keeps off what would
// write elsewhere (ATTACH makes a file) or change the connection (PRAGMA).
func readOnlyStatement(query string) error {
	words, more := scanSQL(query)
	switch {
	case len(words) == 0:
		return errors.New("no statement")
	case more:
		return errors.New("more than one statement; give one")
	}
	switch words[0] {
	case "SELECT", "WITH", "VALUES", "EXPLAIN":
		return nil
	case "PRAGMA":
		if len(words) > 1 && slices.Contains([]string{"TABLE_INFO", "TABLE_XINFO", "TABLE_LIST", "INDEX_LIST", "INDEX_INFO", "DATABASE_LIST"}, words[1]) {
			return nil
		}
	}
	return fmt.Errorf("%s is not read-only; a query begins with SELECT, WITH, VALUES or EXPLAIN", words[0])
}

// scanSQL is the first two words of a text in upper case, and whether anything
// but comments follows a semicolon. Quoted texts and comments are stepped over.
func scanSQL(query string) (words []string, more bool) {
	ended := false
	for i := 0; i < len(query); {
		rest := query[i:]
		switch c := rest[0]; {
		case strings.HasPrefix(rest, "--"):
			i += past(rest, "\n", 2)
		case strings.HasPrefix(rest, "/*"):
			i += past(rest, "*/", 2)
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
			i++
		case c == ';':
			ended = ended || len(words) > 0
			i++
		case ended:
			return words, true
		case c == '\'' || c == '"' || c == '`':
			i += past(rest, string(c), 1) // a doubled quote opens the next text at once
			words = add(words, string(c))
		case c == '[':
			i += past(rest, "]", 1)
			words = add(words, "[")
		case isWord(c):
			n := 0
			for n < len(rest) && isWord(rest[n]) {
				n++
			}
			words = add(words, strings.ToUpper(rest[:n]))
			i += n
		default:
			if c != '(' || len(words) > 0 {
				words = add(words, string(c))
			}
			i++
		}
	}
	return words, false
}

func add(words []string, w string) []string {
	if len(words) < 2 {
		return append(words, w)
	}
	return words
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
}

// past is how far text reaches to behind its end, which is looked for from n.
func past(text, end string, n int) int {
	if at := strings.Index(text[n:], end); at >= 0 {
		return n + at + len(end)
	}
	return len(text)
}
