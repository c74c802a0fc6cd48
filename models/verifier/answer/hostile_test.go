package answer

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// hostile are answers made to exhaust a comparer.
func hostile() map[string]string {
	r := strings.Repeat
	return map[string]string{
		"tower":          "9^{9^{9^{9^{9^{9}}}}}",
		"tower2":         "10000^{10000}^{10000}",
		"flat tower":     "9^9^9^9^9^9^9^9^9",
		"big products":   r("9^{9999}*", 300) + "2",
		"big sums":       r("1/7^{9999}+", 300) + "2",
		"big divisions":  r("3^{9999}/", 300) + "2",
		"factorials":     r("(1000)!+", 400) + "1",
		"factorial":      "99999999999!",
		"nested !":       "3" + r("!", 2000),
		"binomials":      r("\\binom{1000}{500}\\cdot", 120) + "1",
		"megabyte":       r("x+1", 1<<19),
		"megabyte nines": r("9", 1<<20),
		"4k nines":       r("9", 4000),
		"4k decimal":     "0." + r("3", 4000),
		"exponent":       "1e9999999999",
		"exponents":      r("1e9999+", 400) + "1",
		"parens":         r("(", 100000),
		"braces":         r("{", 4000),
		"boxes":          r(`\boxed{`, 100000),
		"boxes closed":   r(`\boxed{`, 500) + "1" + r("}", 500),
		"fracs":          r(`\frac{1}{1+`, 300) + "1" + r("}", 300),
		"roots":          r(`\sqrt{2+`, 400) + "1" + r("}", 400),
		"surds":          `1/(\sqrt2+\sqrt3+\sqrt5+\sqrt7+\sqrt{11}+\sqrt{13})`,
		"surd product":   r(`(\sqrt2+\sqrt3+\sqrt5+\sqrt7)(\sqrt{11}+\sqrt{13}+1)`, 60),
		"long set":       "\\{" + r(`\pi+1,`, 600) + "2\\}",
		"long int set":   "\\{" + r(`123,`, 900) + "2\\}",
		"nested sets":    r("\\{1,", 60) + "2" + r("\\}", 60),
		"powers":         r("(x+y+z)^{12}", 300),
		"powers sum":     r("(x+y+z)^{12}+", 300) + "1",
		"poly":           "(x+y+z)^{4}(x-y+2z)^{4}(3x+y+7z)^{4}" + r("+(x+2y+z)^{12}", 200),
		"minus":          r("-", 4000) + "1",
		"plus minus":     r(`\pm`, 1000) + "1",
		"pm sum":         "1" + r(`\pm 2`, 900),
		"bars":           r("|", 3000),
		"unions":         "(1,2)" + r(`\cup(1,2)`, 400),
		"inters":         "(1,2)" + r(`\cap(1,\infty)`, 400),
		"minuses":        "(1,9)" + r(`\setminus\{3,4,5\}`, 200),
		"exp tower":      r("e^{", 60) + "1" + r("}", 60),
		"logs":           r(`\ln(`, 60) + "9" + r(")", 60),
		"sines":          r(`\sin(10^{15}`, 60) + "9" + r(")", 60),
		"close numbers":  `\sqrt{2}^{\sqrt{2}}+10^{-9}` + r(`+\ln 3-\ln 3`, 120),
		"matrix":         `\begin{pmatrix}` + r(`1&`, 900) + `1\end{pmatrix}`,
		"text":           r(`\text{a}`, 500),
		"primes":         r(`\sqrt{999999000001}+`, 180) + "1",
		"roots big":      r(`(9^{999})^{1/7}+`, 200) + "1",
		"zero division":  "1/0", "zero zero": "0^0", "zero zero 2": `\frac{0}{0}`,
		"nul": "\x00\x00\xff\xfe", "invalid utf8": "\xf0\x28\x8c\x28", "backslash": `\`, "dollar": "$", "dollars": "$$$$",
		"infinite": `\infty-\infty`, "inf power": `\infty^{\infty}`, "log 0": `\ln 0`, "atan": `\arctan(\infty)`,
		"base": "1_{999999999999999999999}", "frac eof": `\frac`, "sqrt eof": `\sqrt[`, "begin": `\begin{pmatrix}`, "text eof": `\text{`,
		"variables":   "x" + r("+a_{1}b", 300),
		"many names":  "a+b+c+d+f+g+h+j+k+l+m+n+o+p+q+r+s+t+u+v+w+x+y+z",
		"unit powers": "5 cm" + r("^2", 500), "slashes": r("1/", 1500) + "1", "commas": r(",", 3000), "colons": "1" + r(":1", 1000),
	}
}

// fastest times f, again while it looks slow: a stop of the collector or
// another process is not the comparer's fault.
func fastest(limit time.Duration, f func()) time.Duration {
	best := time.Hour
	for range 8 {
		start := time.Now()
		f()
		if best = min(best, time.Since(start)); best <= limit {
			break
		}
	}
	return best
}

// TestHostile asks for every comparison and extraction within 50 ms.
func TestHostile(t *testing.T) {
	in := hostile()
	in["integer"], in["expression"] = "42", "x^2+1"
	in["set"], in["interval"], in["pi"] = "\\{1,2\\}", "(1,2]", `\pi+\sqrt{2}`
	const limit = 50 * time.Millisecond
	names := slices.Sorted(maps.Keys(in))
	for i, n := range names {
		for j := range 9 { // itself and eight others, each partner in turn
			m := names[(i+j*j*j)%len(names)]
			if d := fastest(limit, func() { Equal(in[n], in[m]) }); d > limit {
				t.Errorf("%s against %s took %v", n, m, d)
			}
		}
		for _, text := range []string{in[n], "The answer is " + in[n], strings.Repeat(in[n][:min(len(in[n]), 2000)]+"\n", 20)} {
			if d := fastest(limit, func() { Extract(text, false) }); d > limit {
				t.Errorf("extraction from %s took %v", n, d)
			}
		}
	}
}
