package answer

import (
	"math"
	"strconv"
	"strings"
)

// numbers draws n distinct integers as strings.
func (g *gen) numbers(n, m int) []string {
	seen := map[int]bool{}
	var out []string
	for len(out) < n {
		v := g.n(-m, m)
		if !seen[v] {
			seen[v] = true
			out = append(out, strconv.Itoa(v))
		}
	}
	return out
}

// changed replaces one element.
func (g *gen) changed(s []string) []string {
	out := append([]string(nil), s...)
	out[g.n(0, len(out)-1)] = strconv.Itoa(g.n(100, 200))
	return out
}

func genTuple(g *gen) forms {
	e := g.numbers(g.n(2, 4), 30)
	if g.n(0, 3) == 0 {
		p, q := g.proper(9)
		e[0] = sp(`\frac{%d}{%d}`, p, q)
	}
	j := func(sep string, s []string) string { return strings.Join(s, sep) }
	f := forms{gold: "(" + j(",", e) + ")"}
	f.same = []string{f.gold, "(" + j(", ", e) + ")", `\left(` + j(", ", e) + `\right)`, "( " + j(" , ", e) + " )", "(" + strings.ReplaceAll(j(",", e), `\frac`, `\dfrac`) + ")", `\left( ` + j(`,\,`, e) + ` \right)`, "$(" + j(", ", e) + ")$"}
	vars := []string{"x", "y", "z", "w"}[:len(e)]
	f.ext = []string{"(" + j(",", vars) + ") = (" + j(",", e) + ")", `\big(` + j(",", e) + `\big)`}
	rev := append([]string(nil), e...)
	rev[0], rev[1] = rev[1], rev[0]
	f.differs = []string{"(" + j(",", g.changed(e)) + ")", "(" + j(",", rev) + ")", "(" + j(",", append(append([]string{}, e...), "0")) + ")", "(" + j(",", e[:len(e)-1]) + ")", e[0], `\{` + j(",", e) + `\}`, "[" + j(",", e[:2]) + ")"}
	return f
}

func genSet(g *gen) forms {
	e := g.numbers(g.n(2, 5), 40)
	if g.n(0, 3) == 0 {
		p, q := g.proper(9)
		e[0] = sp(`\frac{%d}{%d}`, p, q)
	}
	wrap := func(s []string, sep string) string { return `\{` + strings.Join(s, sep) + `\}` }
	f := forms{gold: wrap(e, ",")}
	f.same = []string{f.gold, wrap(g.shuffle(e), ", "), `\left\{` + strings.Join(g.shuffle(e), ", ") + `\right\}`, wrap(e, " , "), "$" + wrap(g.shuffle(e), ",") + "$"}
	f.ext = []string{wrap(append(g.shuffle(e), e[0]), ","), `\lbrace ` + strings.Join(e, ",") + ` \rbrace`, "{" + strings.Join(e, ", ") + "}", strings.Join(g.shuffle(e), ", "), wrap(e[:1], "") + ` \cup ` + wrap(e[1:], ",")}
	f.differs = []string{wrap(g.changed(e), ","), wrap(e[1:], ","), wrap(append(g.shuffle(e), "77"), ","), "(" + strings.Join(e, ",") + ")"}
	return f
}

func genList(g *gen) forms {
	e := g.numbers(g.n(2, 4), 60)
	j := func(s []string, sep string) string { return strings.Join(s, sep) }
	s := g.shuffle(e)
	and := func(w string) string { return j(s[:len(s)-1], ", ") + w + s[len(s)-1] }
	eq := make([]string, len(s))
	for i, v := range s {
		eq[i] = "x = " + v
	}
	f := forms{gold: j(e, ",")}
	f.same = []string{j(e, ", "), j(s, ", "), and(" and "), and(`\text{ and }`), j(s, " , "), j(s, `,\ `), and(", and "), "$" + j(s, "$, $") + "$"}
	f.ext = []string{j(eq, ` \text{ or } `), and(" or "), j(eq, ", "), j(s, "; "), `\{` + j(s, ",") + `\}`, `x \in \{` + j(s, ",") + `\}`, j(s, `, \quad `)}
	f.differs = []string{j(g.changed(e), ","), j(e[1:], ", "), j(append(append([]string{}, s...), "91"), ", "), j(g.changed(s), " and ")}
	return f
}

func genInterval(g *gen) forms {
	a := g.n(-30, 30)
	b := a + g.n(2, 20)
	o, c := g.pick("(", "["), g.pick(")", "]")
	ineq := map[string]string{"(": "<", "[": `\le`, ")": "<", "]": `\leq`}
	flip := map[string]string{"(": "[", "[": "(", ")": "]", "]": ")"}
	switch g.n(0, 3) {
	case 0: // ray
		f := forms{gold: sp(`%s%d,\infty)`, o, a)}
		gt := map[string]string{"(": ">", "[": `\ge`}[o]
		f.same = []string{f.gold, sp(`\left%s%d, \infty\right)`, o, a), sp(`%s %d , +\infty )`, o, a), sp(`x \in %s%d,\infty)`, o, a)}
		f.ext = []string{sp(`x %s %d`, gt, a), sp("%s%d, ∞)", o, a), sp(`\{x \mid x %s %d\}`, gt, a), sp("%s%d, oo)", o, a)}
		f.differs = []string{sp(`%s%d,\infty)`, flip[o], a), sp(`%s%d,\infty)`, o, a+1), sp(`(-\infty,%d)`, a), sp(`%s%d,\infty)`, o, -a-1), sp("%s%d,%d)", o, a, a+100)}
		return f
	case 1: // union
		d := b + g.n(1, 9)
		e := d + g.n(1, 9)
		x, y := sp("%s%d,%d%s", o, a, b, c), sp("(%d,%d)", d, e)
		f := forms{gold: x + `\cup` + y}
		f.same = []string{f.gold, y + ` \cup ` + x, sp(`\left%s%d, %d\right%s \cup \left(%d, %d\right)`, o, a, b, c, d, e), x + " ∪ " + y}
		f.ext = []string{sp(`%d %s x %s %d \text{ or } %d < x < %d`, a, ineq[o], ineq[c], b, d, e), x + " U " + y, x + `\cup` + y + `\cup` + y}
		f.differs = []string{x, y, sp("%s%d,%d%s", o, a, b, flip[c]) + `\cup` + y, x + `\cup` + sp("[%d,%d)", d, e), x + `\cup` + sp("(%d,%d)", d, e+1), x + `\cap` + y}
		return f
	}
	f := forms{gold: sp("%s%d,%d%s", o, a, b, c)}
	f.same = []string{f.gold, sp("%s %d , %d %s", o, a, b, c), sp(`\left%s%d, %d\right%s`, o, a, b, c), sp(`x \in %s%d,%d%s`, o, a, b, c), sp("%s%d.0, %d.0%s", o, a, b, c)}
	f.ext = []string{sp(`%d %s x %s %d`, a, ineq[o], ineq[c], b), sp(`%s%d,%d) \cup [%d,%d%s`, o, a, b-1, b-1, b, c), sp(`\{x : %d %s x %s %d\}`, a, ineq[o], ineq[c], b)}
	f.differs = []string{sp("%s%d,%d%s", flip[o], a, b, c), sp("%s%d,%d%s", o, a, b, flip[c]), sp("%s%d,%d%s", o, a, b+1, c), sp("%s%d,%d%s", o, a-1, b, c), sp("(%d,%d)", b, a), sp("%d", a)}
	return f
}

func genInequality(g *gen) forms {
	v, k := g.n(-40, 40), g.n(2, 5)
	ops := []string{"<", ">", `\le`, `\ge`}
	flips := map[string]string{"<": ">", ">": "<", `\le`: `\ge`, `\ge`: `\le`}
	loose := map[string]string{"<": `\le`, ">": `\ge`, `\le`: "<", `\ge`: ">"}
	words := map[string]string{"<": "<", ">": ">", `\le`: "≤", `\ge`: "≥"}
	ascii := map[string]string{"<": "<", ">": ">", `\le`: "<=", `\ge`: ">="}
	op := ops[g.n(0, 3)]
	f := forms{gold: sp(`x %s %d`, op, v)}
	f.same = []string{f.gold, sp(`%d %s x`, v, flips[op]), sp(`x%s%d`, words[op], v), sp(`$x %s %d$`, op, v), sp(`x %s %d.0`, op, v)}
	ray := map[string]string{"<": sp(`(-\infty, %d)`, v), ">": sp(`(%d, \infty)`, v), `\le`: sp(`(-\infty, %d]`, v), `\ge`: sp(`[%d, \infty)`, v)}
	f.ext = []string{sp(`%dx %s %d`, k, op, k*v), sp(`-%dx %s %d`, k, flips[op], -k*v), sp(`x %s %d %s`, op, v-3, "+ 3"), ray[op], sp("x %s %d", ascii[op], v), sp(`x - %d %s %d`, k, op, v-k), sp(`x \in %s`, ray[op])}
	f.differs = []string{sp(`x %s %d`, flips[op], v), sp(`x %s %d`, loose[op], v), sp(`x %s %d`, op, v+1), sp(`%dx %s %d`, k, op, v*k+1), sp(`-x %s %d`, op, -v), sp("x = %d", v), ray[flips[op]], sp("y %s %d", op, v)}
	return f
}

func genMatrix(g *gen) forms {
	r, c := g.n(1, 3), g.n(1, 3)
	if r*c == 1 {
		r = 2
	}
	m := make([][]int, r)
	for i := range m {
		m[i] = make([]int, c)
		for j := range m[i] {
			m[i][j] = g.n(-9, 9)
		}
	}
	show := func(env, col, row string, m [][]int) string {
		rows := make([]string, len(m))
		for i, x := range m {
			cells := make([]string, len(x))
			for j, v := range x {
				cells[j] = strconv.Itoa(v)
			}
			rows[i] = strings.Join(cells, col)
		}
		return `\begin{` + env + `}` + strings.Join(rows, row) + `\end{` + env + `}`
	}
	cp := func() [][]int {
		out := make([][]int, r)
		for i := range out {
			out[i] = append([]int(nil), m[i]...)
		}
		return out
	}
	f := forms{gold: show("pmatrix", " & ", ` \\ `, m)}
	f.same = []string{f.gold, show("bmatrix", " & ", ` \\ `, m), show("pmatrix", "&", `\\`, m), show("bmatrix", "&", " \\\\\n", m), show("pmatrix", " & ", ` \\ `, m) + " "}
	f.ext = []string{`\left(` + show("array", " & ", ` \\ `, m)[0:13] + "{" + strings.Repeat("c", c) + "}" + show("array", " & ", ` \\ `, m)[13:] + `\right)`, show("matrix", " & ", ` \\ `, m), `A = ` + f.gold, `\left[` + show("matrix", " & ", `\\`, m) + `\right]`}
	bad := cp()
	bad[g.n(0, r-1)][g.n(0, c-1)] += g.n(1, 5)
	f.differs = []string{show("pmatrix", " & ", ` \\ `, bad), show("pmatrix", " & ", ` \\ `, append(cp(), m[0]))}
	tr := make([][]int, c)
	same := r == c
	for j := range tr {
		tr[j] = make([]int, r)
		for i := range tr[j] {
			tr[j][i] = m[i][j]
			same = same && m[i][j] == m[j][i]
		}
	}
	if !same {
		f.differs = append(f.differs, show("pmatrix", " & ", ` \\ `, tr))
	}
	return f
}

func genEquation(g *gen) forms {
	v := g.pick("x", "y", "n", "a", "k", "t")
	if g.n(0, 1) == 0 {
		n := g.nz(90)
		f := forms{gold: g.pick(sp("%d", n), sp("%s=%d", v, n), sp("%s = %d", v, n))}
		f.same = []string{sp("%s = %d", v, n), sp("%d", n), sp("%s=%d.0", v, n), sp("%s = %d %s = %d", v, n-5, "+ 5", n), sp("$%s = %d$", v, n)}
		f.ext = []string{sp("%d = %s", n, v), sp(`%s \approx %d`, v, n)}
		f.differs = []string{sp("%s = %d", v, n+1), sp("%s = %d", v, -n), sp("%d", n+2), sp("%s = %d %s = %d", v, n, "+ 5", n+5), sp("%s > %d", v, n)}
		if strings.Contains(f.gold, v) {
			f.differs = append(f.differs, sp("m = %d", n))
		}
		return f
	}
	a, b, k := g.nz(9), g.nz(20), g.n(2, 5)
	f := forms{gold: sp("y = %dx %s", a, signed(b))}
	f.same = []string{f.gold, sp("y=%dx%+d", a, b), sp("y = %+d%+dx", b, a), sp("%dx %s = y", a, signed(b))}
	f.ext = []string{sp("%dx - y %s = 0", a, signed(b)), sp("%dy = %dx %s", k, k*a, signed(k*b)), sp("y %s = %dx", signed(-b), a), sp("%dx - %dy = %d", k*a, k, -k*b)}
	f.differs = []string{sp("y = %dx %s", a, signed(b+1)), sp("y = %dx %s", -a, signed(b)), sp("%dx + y %s = 0", a, signed(b)), sp("y = %dx^2 %s", a, signed(b)), sp("y > %dx %s", a, signed(b))}
	return f
}

func genExpression(g *gen) forms {
	v := g.pick("x", "y", "n", "k", "t")
	a, b, c, d := g.n(1, 6), g.nz(9), g.n(1, 6), g.nz(9)
	A, B, C := a*c, a*d+b*c, b*d
	quad := func(v string, A, B, C int) string {
		s := sp("%d%s^2", A, v)
		if A == 1 {
			s = v + "^2"
		}
		if B != 0 {
			s += " " + signed(B) + v
		}
		return s + " " + signed(C)
	}
	switch g.n(0, 2) {
	case 0: // rational function
		f := forms{gold: sp(`\frac{%s %s}{%s %s}`, v, signed(b), v, signed(d+30))}
		f.same = []string{f.gold, sp(`\frac{3%s %s}{3%s %s}`, v, signed(3*b), v, signed(3*(d+30))), sp("(%s%+d)/(%s%+d)", v, b, v, d+30)}
		f.ext = []string{sp(`1 - \frac{%d}{%s %s}`, d+30-b, v, signed(d+30)), sp(`\frac{%d-%s}{%d-%s}`, -b, v, -d-30, v)}
		f.differs = []string{sp(`\frac{%s %s}{%s %s}`, v, signed(b), v, signed(d+31)), sp(`\frac{%s %s}{%s %s}`, v, signed(b+1), v, signed(d+30)), sp(`-\frac{%s %s}{%s %s}`, v, signed(b), v, signed(d+30)), sp(`\frac{%s %s}{%s %s}`, v, signed(d+30), v, signed(b))}
		return f
	case 1: // two variables, roots
		k := g.n(2, 9)
		f := forms{gold: sp(`%dab`, k)}
		f.same = []string{sp("%dab", k), sp("%d ab", k), sp(`%d \cdot a \cdot b`, k)}
		f.ext = []string{sp("%dba", k), sp(`b \cdot %da`, k), sp("%d*a*b", k), sp(`\frac{%da^2b}{a}`, k), sp(`%d(a)(b)`, k)}
		f.differs = []string{sp("%dab", k+1), sp("%da^2b", k), sp("%da+b", k), sp("%dac", k), sp("-%dab", k)}
		return f
	}
	f := forms{gold: quad(v, A, B, C)}
	f.same = []string{f.gold, sp("(%d%s %s)(%d%s %s)", a, v, signed(b), c, v, signed(d)), sp("%d%+d%s%+d%s^2", C, B, v, A, v), sp(`(%d%s %s) \cdot (%d%s %s)`, c, v, signed(d), a, v, signed(b)), strings.ReplaceAll(f.gold, " ", ""), strings.ReplaceAll(f.gold, "^2", "^{2}")}
	f.ext = []string{sp(`%d%s\left(%d%s %s\right) %s(%d%s %s)`, a, v, c, v, signed(d), signed(b), c, v, signed(d)), strings.ReplaceAll(f.gold, "^2", "²"), "f(" + v + ") = " + f.gold, sp("%d*%s**2%+d*%s%+d", A, v, B, v, C)}
	f.differs = []string{quad(v, A, B, C+1), quad(v, A, B+1, C), quad(v, A+1, B, C), quad(v, A, B, -C), strings.ReplaceAll(f.gold, v, "z"), f.gold + sp(" + %s^3", v)}
	return f
}

func genPlusMinus(g *gen) forms {
	a, m := g.nz(12), g.squarefreeN()
	f := forms{gold: sp(`%d \pm \sqrt{%d}`, a, m)}
	f.same = []string{f.gold, sp(`%d\pm\sqrt{%d}`, a, m), sp("%d ± \\sqrt{%d}", a, m)}
	f.ext = []string{sp(`%d + \sqrt{%d}, %d - \sqrt{%d}`, a, m, a, m), sp(`\frac{%d \pm \sqrt{%d}}{2}`, 2*a, 4*m), sp(`x = %d \pm \sqrt{%d}`, a, m), sp(`\{%d - \sqrt{%d}, %d + \sqrt{%d}\}`, a, m, a, m), sp(`%d \mp \sqrt{%d}`, a, m), sp(`x = %d + \sqrt{%d} \text{ or } x = %d - \sqrt{%d}`, a, m, a, m)}
	f.differs = []string{sp(`%d + \sqrt{%d}`, a, m), sp(`%d - \sqrt{%d}`, a, m), sp(`%d \pm \sqrt{%d}`, a, m+1), sp(`%d \pm \sqrt{%d}`, a+1, m), sp(`%d \pm \sqrt{%d}`, -a, m), sp(`\pm\sqrt{%d}`, m)}
	return f
}

func genBase(g *gen) forms {
	switch g.n(0, 2) {
	case 0:
		h, m := g.n(1, 12), g.n(0, 59)
		f := forms{gold: sp("%d:%02d", h, m)}
		f.same = []string{f.gold, sp(" %d:%02d ", h, m)}
		f.ext = []string{sp(`%d:%02d \text{ p.m.}`, h, m), sp("%d:%02d PM", h, m), sp(`%d\!:\!%02d`, h, m), sp("%d:%02d a.m.", h, m)}
		f.differs = []string{sp("%d:%02d", h, (m+1)%60), sp("%d:%02d", h%12+1, m), sp("%d", h), sp("%d:%02d:30", h, m)}
		return f
	case 1:
		a, b := g.n(1, 20), g.n(1, 20)
		f := forms{gold: sp("%d:%d", a, b)}
		f.same = []string{f.gold}
		f.ext = []string{sp("%d : %d", a, b), sp("$%d:%d$", a, b)}
		f.differs = []string{sp("%d:%d", a, b+1), sp("%d:%d", a+1, b), sp("%d:%d:1", a, b)}
		return f
	}
	base := g.n(2, 9)
	digits := strconv.FormatInt(int64(g.n(40, 900)), base)
	f := forms{gold: sp("%s_%d", digits, base)}
	f.same = []string{f.gold, sp("%s_{%d}", digits, base)}
	f.ext = []string{sp("(%s)_{%d}", digits, base), digits}
	other := []byte(digits)
	other[len(other)-1] = '0' + (other[len(other)-1]-'0'+1)%byte(base)
	f.differs = []string{sp("%s_{%d}", other, base), sp("%s_{%d}", digits, base+1), string(other), sp("1%s_%d", digits, base)}
	return f
}

func genText(g *gen) forms {
	switch g.n(0, 2) {
	case 0:
		l := string(rune('A' + g.n(0, 4)))
		o := string(rune('A' + (int(l[0]-'A')+g.n(1, 4))%5))
		f := forms{gold: g.pick(l, "("+l+")", `\text{(`+l+`)}`, `\text{`+l+`}`)}
		f.same = []string{l, "(" + l + ")", `\text{(` + l + `)}`, `\text{` + l + `}`, `\textbf{(` + l + `)}`, `\mathrm{(` + l + `)}`, l + ".", "**" + l + "**"}
		f.ext = []string{"(" + l + ") 15", `\textbf{(` + l + `)}\ 15`, l + ": 15", "$" + l + "$"}
		f.differs = []string{o, "(" + o + ")", `\text{(` + o + `)}`, `\text{` + o + `}`, "(" + o + ") 15"}
		return f
	case 1:
		names := []string{"Ann", "Bob", "Cid", "Dee"}
		s := g.shuffle(names)[:2]
		f := forms{gold: `\text{` + s[0] + ", " + s[1] + `}`}
		f.same = []string{f.gold, s[0] + ", " + s[1]}
		f.ext = []string{s[1] + ", " + s[0], s[0] + " and " + s[1], `\text{` + s[1] + `}, \text{` + s[0] + `}`}
		f.differs = []string{s[0], s[0] + ", Eve", "Eve and " + s[1]}
		return f
	}
	words := []string{"even", "odd", "Yes", "No", "Monday", "isosceles", "red", "Evelyn", "no solution", "a circle", "blue cube", "neither"}
	i := g.n(0, len(words)-1)
	w, o := words[i], words[(i+1+g.n(0, len(words)-2))%len(words)]
	f := forms{gold: g.pick(`\text{`+w+`}`, w)}
	f.same = []string{w, `\text{` + w + `}`, `\textbf{` + w + `}`, w + ".", `\text{ ` + w + `}`}
	f.ext = []string{strings.ToUpper(w), strings.ToLower(w), `\mathrm{` + w + `}`, "**" + w + "**"}
	f.differs = []string{o, `\text{` + o + `}`, "not " + w, "5"}
	return f
}

func genTrig(g *gen) forms {
	switch g.n(0, 3) {
	case 0:
		b, e := g.n(2, 6), g.n(2, 5)
		v := int(math.Pow(float64(b), float64(e)))
		return forms{gold: sp("%d", e), same: []string{sp(`\log_{%d} %d`, b, v), sp(`\log_{%d}(%d)`, b, v), sp(`\log_%d %d`, b, v)}, ext: []string{sp(`\frac{\ln %d}{\ln %d}`, v, b), sp(`\frac{\log %d}{\log %d}`, v, b), sp(`-\log_{%d} \frac{1}{%d}`, b, v)}, differs: []string{sp(`\log_{%d} %d`, b, v+1), sp(`\log_{%d} %d`, b+1, v), sp(`\ln %d`, v)}}
	case 1:
		a, k := g.n(2, 9), g.n(2, 5)
		v := int(math.Pow(float64(a), float64(k)))
		x := float64(k) * math.Log(float64(a))
		return forms{gold: sp(`%d\ln %d`, k, a), same: []string{sp(`\ln %d`, v), sp(`\ln(%d)`, v), sp(`%d\ln(%d)`, k, a)}, ext: []string{strconv.FormatFloat(x, 'f', 9, 64), sp(`\ln %d^{%d}`, a, k), sp(`\ln %d + \ln %d`, a, v/a), sp("%d*ln(%d)", k, a)}, differs: []string{sp(`\ln %d`, v+1), sp(`%d\ln %d`, k+1, a), sp(`-\ln %d`, v), sp(`\log_{10} %d`, v)}}
	case 2:
		k := g.n(1, 6)
		x := math.Exp(float64(k))
		return forms{gold: sp("e^{%d}", k), same: []string{sp("e^{%d}", k), sp(`e^{%d} \cdot e^{%d}`, k-1, 1)}, ext: []string{strconv.FormatFloat(x, 'f', 8, 64), sp(`\exp(%d)`, k), sp("e^%d", k), sp(`\frac{1}{e^{-%d}}`, k)}, differs: []string{sp("e^{%d}", k+1), sp("%de", k+1), strconv.FormatFloat(x*1.001, 'f', 6, 64), sp("e^{-%d}", k)}}
	}
	vals := [][]string{{`\frac{\sqrt{3}}{2}`, `\sin\frac{\pi}{3}`, `\cos 30^\circ`, `\cos\left(\frac{\pi}{6}\right)`, `\sin 60^{\circ}`}, {`\frac{1}{2}`, `\sin\left(\frac{\pi}{6}\right)`, `\cos 60^\circ`, `\cos\frac{\pi}{3}`, `\sin^2 45^\circ`}, {`1`, `\tan\frac{\pi}{4}`, `\tan 45^\circ`, `\sin^2 3 + \cos^2 3`, `\sec 0`}, {`\sqrt{3}`, `\tan\frac{\pi}{3}`, `\tan 60^\circ`, `\cot\frac{\pi}{6}`, `2\sin\frac{\pi}{3}`}, {`\frac{\pi}{4}`, `\arctan 1`, `\arcsin\frac{\sqrt{2}}{2}`, `\tan^{-1}(1)`, `\frac{1}{2}\arccos 0`}}
	i := g.n(0, len(vals)-1)
	v, o := vals[i], vals[(i+1)%len(vals)]
	return forms{gold: v[0], same: v[1:3], ext: v[3:], differs: []string{o[1], o[2], "-" + v[1], v[1] + " + 1"}}
}
