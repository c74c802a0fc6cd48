package answer

import "strings"

// tidy trims what surrounds an answer: white space, markdown emphasis, math
// delimiters, a closing full stop and stock phrases.
func tidy(s string) string {
	for range 8 {
		t := strings.Trim(s, " \t\r\n*`\"")
		t = strings.TrimRight(t, ",;: \u3002")
		if strings.HasSuffix(t, ".") && !strings.HasSuffix(t, `\right.`) && !strings.HasSuffix(t, ".m.") {
			t = t[:len(t)-1]
		}
		for _, d := range [][2]string{{"$$", "$$"}, {"$", "$"}, {`\(`, `\)`}, {`\[`, `\]`}} {
			if len(t) >= len(d[0])+len(d[1]) && strings.HasPrefix(t, d[0]) && strings.HasSuffix(t, d[1]) &&
				!strings.HasSuffix(t, `\$`) && !strings.Contains(strings.ReplaceAll(t[len(d[0]):len(t)-len(d[1])], `\$`, ""), d[0]) {
				t = t[len(d[0]) : len(t)-len(d[1])]
			}
		}
		for _, cut := range []string{"I hope it is correct", "I hope this helps"} {
			if i := strings.Index(t, cut); i > 0 {
				t = t[:i]
			}
		}
		if t == s {
			return t
		}
		s = t
	}
	return s
}
