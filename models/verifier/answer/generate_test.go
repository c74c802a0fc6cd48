package answer

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"hardneg/fixtures/seed"
)

// gen draws from one deterministic stream.
type gen struct {
	key seed.Key
	i   uint64
}

// n is an integer in [lo, hi].
func (g *gen) n(lo, hi int) int {
	g.i++
	return lo + g.key.Index(g.i, hi-lo+1)
}

// nz is a non-zero integer in [-m, m].
func (g *gen) nz(m int) int {
	v := g.n(1, m)
	if g.n(0, 1) == 0 {
		v = -v
	}
	return v
}

func (g *gen) pick(s ...string) string { return s[g.n(0, len(s)-1)] }

func (g *gen) shuffle(s []string) []string {
	out := append([]string(nil), s...)
	for i := len(out) - 1; i > 0; i-- {
		j := g.n(0, i)
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// proper is a reduced fraction p/q with 1 ≤ p < q.
func (g *gen) proper(maxQ int) (p, q int) {
	for {
		q = g.n(2, maxQ)
		p = g.n(1, q-1)
		if gcd(int64(p), int64(q)) == 1 {
			return p, q
		}
	}
}

// squarefreeN is a square-free integer in [2, 60].
func (g *gen) squarefreeN() int {
	for {
		v := g.n(2, 60)
		if out, _ := squareFree(int64(v)); out == 1 {
			return v
		}
	}
}

// made is a generated pair with its truth. extended marks notations beyond
// what every grader is expected to know.
type made struct {
	category, sub, gold, cand string
	truth, extended           bool
}

// forms collects variants: the gold, ways to write the same, and near misses.
type forms struct {
	gold               string
	same, ext, differs []string
}

// choose draws one pair out of the variants: three in five are equal.
func (f forms) choose(g *gen, category string) made {
	m := made{category: category, gold: f.gold}
	all := len(f.same) + len(f.ext)
	switch k := g.n(0, 4); {
	case k < 3 && all > 0 || len(f.differs) == 0:
		i := g.n(0, all-1)
		m.truth = true
		if m.extended = i >= len(f.same); m.extended {
			m.cand = f.ext[i-len(f.same)]
		} else {
			m.cand = f.same[i]
		}
	default:
		m.cand = f.differs[g.n(0, len(f.differs)-1)]
	}
	return m
}

func sp(format string, a ...any) string { return fmt.Sprintf(format, a...) }

// group writes n with a separator between thousands.
func group(n int, sep string) string {
	s := strconv.Itoa(max(n, -n))
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + sep + s[i:]
	}
	if n < 0 {
		s = "-" + s
	}
	return s
}

// signed writes ± v as a term of a sum: "+ 3", "- 3".
func signed(v int) string {
	if v < 0 {
		return sp("- %d", -v)
	}
	return sp("+ %d", v)
}

func decimalString(p, q, places int) string {
	return big.NewRat(int64(p), int64(q)).FloatString(places)
}

// categories are the kinds of answers of the definition, each with a maker.
func categories() map[string]func(*gen) forms {
	return map[string]func(*gen) forms{
		"integer": genInteger, "decimal": genDecimal, "fraction_plain": genFraction, "latex_frac": genLatexFrac,
		"mixed_number": genMixed, "percent": genPercent, "currency": genCurrency, "unit_text": genUnit, "thousands": genThousands,
		"negative_sign": genNegative, "power_scientific": genPower, "rounding": genRounding, "sqrt": genSqrt,
		"surd_expression": genSurd, "pi": genPi, "complex": genComplex, "tuple": genTuple, "finite_set": genSet,
		"list_values": genList, "interval": genInterval, "inequality": genInequality, "matrix": genMatrix,
		"equation": genEquation, "expression": genExpression, "plus_minus": genPlusMinus, "base_time": genBase,
		"text_choice": genText, "trig_log": genTrig,
	}
}

func genInteger(g *gen) forms {
	v := g.nz(9999)
	f := forms{gold: strconv.Itoa(v)}
	f.same = []string{f.gold, f.gold + ".", f.gold + ".0", f.gold + ".00", " " + f.gold + " ", "$" + f.gold + "$", sp("%d%s", v-7, "+7"), sp(`\frac{%d}{3}`, 3*v), sp("%d \\div 2", 2*v), sp(`\mathbf{%d}`, v), sp(`{%d}`, v), sp(`\boxed{%d}`, v)}
	f.ext = []string{sp("x = %d", v), sp("%d = n", v), sp(`\text{%d}`, v), "0" + strconv.Itoa(max(v, -v))}
	if v < 0 {
		f.ext = f.ext[:3]
	}
	f.differs = []string{strconv.Itoa(v + 1), strconv.Itoa(v - 10), strconv.Itoa(-v), strconv.Itoa(v * 10), sp("%d.5", v), sp("%d/%d", v, 7), sp("%d^2", max(v, -v)+1), sp("\\{%d, %d\\}", v, v+1), sp("%d, %d", v, v+3), sp("(%d, 0)", v), sp("%dx", v), sp("%d\\pi", v)}
	return f
}

func genDecimal(g *gen) forms {
	places := g.n(1, 4)
	q := int(math.Pow10(places))
	p := g.nz(90000)
	if p%10 == 0 {
		p++
	}
	s := decimalString(p, q, places)
	f := forms{gold: s, same: []string{s, s + "0", s + "00", "$" + s + "$", sp(`\frac{%d}{%d}`, p, q), sp("%d/%d", p, q), sp(`%s \times 10^{2}`, decimalString(p, q*100, places+2)), sp(`%s \cdot 10^{-1}`, decimalString(p*10, q, places))}}
	if p > 0 && p < q {
		f.same = append(f.same, s[1:])
	}
	f.ext = []string{sp("%se2", decimalString(p, q*100, places+2)), "approximately " + s, `\approx ` + s, sp("%se-1", decimalString(p*10, q, max(places-1, 0)))}
	f.differs = []string{decimalString(p+1, q, places), decimalString(p*10, q, places), decimalString(-p, q, places), decimalString(p, q*10, places+1), decimalString(p*10+4, q*10, places+1), decimalString(p+q, q, places)}
	return f
}

func genFraction(g *gen) forms {
	p, q := g.proper(40)
	p += q * g.n(0, 2)
	s := ""
	if g.n(0, 1) == 0 {
		s = "-"
	}
	k := g.n(2, 9)
	f := forms{gold: sp("%s%d/%d", s, p, q)}
	f.same = []string{f.gold, sp("%s%d / %d", s, p, q), sp(`%s\frac{%d}{%d}`, s, p, q), sp("%s%d/%d", s, p*k, q*k), sp(`\frac{%s%d}{%d}`, s, p, q), sp("(%s%d)/%d", s, p, q), sp(`%s\dfrac{%d}{%d}`, s, p*k, q*k), sp("%s%d÷%d", s, p, q), sp("%s%d \\cdot %d^{-1}", s, p, q)}
	f.ext = []string{sp(`{%s%d \over %d}`, s, p, q), sp("%s%d⁄%d", s, p, q)}
	f.differs = []string{sp("%s%d/%d", s, p+1, q), sp("%s%d/%d", s, q, p+q), sp("%s%d/%d", s, p, q+1), sp("%s%s/%s", map[string]string{"": "-", "-": ""}[s], strconv.Itoa(p), strconv.Itoa(q)), sp("%s%d", s, p), decimalString(map[string]int{"": p, "-": -p}[s], q, 2) + "7"}
	return f
}

func genLatexFrac(g *gen) forms {
	p, q := g.proper(40)
	if g.n(0, 1) == 0 {
		p += q
	}
	s := g.pick("", "-")
	k := g.n(2, 6)
	f := forms{gold: sp(`%s\frac{%d}{%d}`, s, p, q)}
	f.same = []string{f.gold, sp(`%s\dfrac{%d}{%d}`, s, p, q), sp(`%s\tfrac{%d}{%d}`, s, p, q), sp(`%s\frac{%d}{%d}`, s, p*k, q*k), sp("%s%d/%d", s, p, q), sp(`\frac{%s%d}{%d}`, s, p, q), sp(`%s\frac {%d} {%d}`, s, p, q), sp(`%s\left(\frac{%d}{%d}\right)`, s, p, q), sp(`%s\displaystyle\frac{%d}{%d}`, s, p, q), sp(`\frac{%d}{%d}`, map[string]int{"": -p, "-": p}[s], -q)}
	if p < 10 && q < 10 {
		f.same = append(f.same, sp(`%s\frac%d%d`, s, p, q), sp(`%s\frac %d%d`, s, p, q), sp(`%s\frac{%d}%d`, s, p, q))
	}
	f.ext = []string{sp(`{%s%d \over %d}`, s, p, q), sp(`%s\cfrac{%d}{%d}`, s, p, q), sp(`%s\frac{%d}{%d`, s, p, q), sp(`%s\frac{\frac{%d}{2}}{\frac{%d}{2}}`, s, p, q), sp(`%s\\frac{%d}{%d}`, s, p, q)}
	f.differs = []string{sp(`%s\frac{%d}{%d}`, s, p, q+1), sp(`%s\frac{%d}{%d}`, s, p+q, q), sp(`\frac{%d}{%d}`, map[string]int{"": -p, "-": p}[s], q), sp(`%s\frac{%d}{%d}`, s, q, p+q), sp(`%s\frac{%d}{%d}`, s, 2*p, q), sp(`%s%d \frac{%d}{%d}`, s, 1, p%q, q+p)}
	return f
}

func genMixed(g *gen) forms {
	w := g.n(1, 30)
	p, q := g.proper(12)
	all := []string{sp(`%d\frac{%d}{%d}`, w, p, q), sp(`%d \frac{%d}{%d}`, w, p, q), sp("%d %d/%d", w, p, q), sp(`\frac{%d}{%d}`, w*q+p, q), sp("%d/%d", w*q+p, q), sp(`%d\dfrac{%d}{%d}`, w, p, q), sp(`%d + \frac{%d}{%d}`, w, p, q), sp(`%d\,\frac{%d}{%d}`, w, p, q)}
	if p < 10 && q < 10 {
		all = append(all, sp(`%d\tfrac%d%d`, w, p, q))
	}
	f := forms{gold: g.pick(all...), same: all}
	f.ext = []string{sp(`%d \frac{%d}{%d} \text{ hours}`, w, p, q), sp("%d %d/%d hours", w, p, q), sp("%d-%d/%d", w+1, q-p, q)}
	f.differs = []string{sp(`%d \frac{%d}{%d}`, w+1, p, q), sp(`\frac{%d}{%d}`, w*p, q), sp("%d %d/%d", w, p, q+p), sp(`-%d\frac{%d}{%d}`, w, p, q), sp(`%d \cdot \frac{%d}{%d}`, 40*w+41, p, q), sp("%d", w)}
	return f
}

func genPercent(g *gen) forms {
	v2 := g.n(3, 600) // halves of a percent
	v := strconv.Itoa(v2 / 2)
	if v2%2 == 1 {
		v += ".5"
	}
	f := forms{gold: v + `\%`}
	f.same = []string{v + "%", v + `\%`, v + " percent", decimalString(v2, 200, 4), sp(`\frac{%d}{200}`, v2), v + ` \%`, v + `\text{ percent}`, v + "0%"}
	if v2%2 == 0 {
		f.same[7] = v + ".0%"
	}
	f.ext = []string{v, v + "％", sp("%d/200", v2), sp(`\frac{%d}{2}\%%`, v2)}
	f.differs = []string{sp(`%d.7\%%`, v2), decimalString(v2*100+1, 2, 1), decimalString(v2, 20, 3), "-" + v + "%", decimalString(v2+2, 2, 1) + `\%`, decimalString(v2, 20000, 6)}
	return f
}

func genCurrency(g *gen) forms {
	cents := g.n(101, 999999)
	if g.n(0, 2) == 0 {
		cents -= cents % 100
	}
	d := decimalString(cents, 100, 2)
	short := d
	if cents%100 == 0 {
		short = strconv.Itoa(cents / 100)
	}
	grouped := group(cents/100, ",") + d[len(d)-3:]
	f := forms{gold: g.pick(short, `\$`+d, "$"+short)}
	f.same = []string{d, "$" + d, `\$` + d, short, "$" + short, `\$` + grouped, "$" + grouped, short + " dollars", "€" + d, `$\$` + d + `$`, short + `\text{ dollars}`, "£" + d}
	if strings.Contains(f.gold, "$") {
		f.same[8], f.same[11] = "USD "+d, "$"+d
		f.same = f.same[:8]
	}
	f.ext = []string{"$ " + d, short + " USD", `\text{\$}` + d, short + " bucks"}
	if strings.Contains(f.gold, "$") {
		f.ext = append(f.ext, sp("%d cents", cents))
	}
	f.differs = []string{"$" + decimalString(cents+1, 100, 2), "$" + decimalString(cents+10000, 100, 2), "-$" + d, "$" + decimalString(cents*10, 100, 2), decimalString(cents+100, 100, 2) + " dollars"}
	if strings.Contains(f.gold, "$") {
		f.differs = append(f.differs, "€"+d, d+" cents", short+" euros")
	}
	return f
}

func genUnit(g *gen) forms {
	v := g.n(2, 400)
	units := [][]string{{"cm", `\text{ cm}`, "centimeters"}, {"km/h", `\text{ km/h}`, "km per hour"}, {"m^2", `\text{ m}^2`, "square meters"}, {"hours", `\text{ hours}`, "hr"}, {"pounds", `\text{ pounds}`, "lbs"}, {"degrees", `^\circ`, "°"}, {"apples", `\text{ apples}`, "apple"}, {"inches", `\,\mathrm{inches}`, "in"}, {"minutes", `\mbox{ minutes}`, "min"}, {"cubic feet", `\text{ ft}^3`, "ft^3"}, {"mph", `\text{ mph}`, "miles per hour"}, {"square units", `\text{ square units}`, "units"}}
	u := units[g.n(0, len(units)-1)]
	golds := []string{sp("%d", v), sp("%d%s", v, u[1]), sp("%d %s", v, u[0])}
	f := forms{gold: g.pick(golds...)}
	f.same = []string{sp("%d %s", v, u[0]), sp("%d%s", v, u[1]), sp("%d", v), sp(`%d \text{ %s}`, v, u[0]), sp("%d.0 %s", v, u[0]), sp("%d%s", v, strings.ReplaceAll(u[1], " ", `~`))}
	f.ext = []string{sp("%d %s", v, u[2]), sp("%d %s.", v, u[0])}
	f.differs = []string{sp("%d %s", v+1, u[0]), sp("%d%s", v*10, u[1]), sp("-%d %s", v, u[0]), sp("%d", v-1)}
	if f.gold != golds[0] {
		other := units[g.n(0, len(units)-1)]
		if other[0] != u[0] && other[0] != "square units" && u[0] != "square units" {
			f.differs = append(f.differs, sp("%d%s", v, other[1]), sp("%d %s", v, other[0]))
		}
	}
	return f
}

func genThousands(g *gen) forms {
	v := g.n(1234, 99999999)
	f := forms{gold: g.pick(strconv.Itoa(v), group(v, ","), group(v, `,\!`), group(v, "{,}"))}
	f.same = []string{strconv.Itoa(v), group(v, ","), group(v, `,\!`), group(v, "{,}"), group(v, ",") + ".00", "$" + group(v, ",") + "$", group(v, ",") + "."}
	f.ext = []string{group(v, " "), group(v, `\,`), group(v, "\u202f"), group(v, ",") + " people"}
	f.differs = []string{group(v+1000, ","), strconv.Itoa(v / 1000), group(v*10, ","), group(v+1, ","), "-" + group(v, ","), group(v, ",") + ".5"}
	return f
}

func genNegative(g *gen) forms {
	v := g.n(1, 999)
	f := forms{gold: g.pick(sp("-%d", v), sp("−%d", v), sp("-%d.0", v))}
	f.same = []string{sp("-%d", v), sp("- %d", v), sp("−%d", v), sp("(-%d)", v), sp("-(%d)", v), sp("{-%d}", v), sp(`-\left(%d\right)`, v), sp("–%d", v), sp(`-\frac{%d}{2}`, 2*v), sp("0-%d", v)}
	f.ext = []string{sp("---%d", v), sp("x = -%d", v), sp("-%d^1", v)}
	f.differs = []string{sp("%d", v), sp("--%d", v), sp("-%d", v+1), sp("-(-%d)", v), sp("+%d", v), sp("|-%d|", v)}
	return f
}

func genPower(g *gen) forms {
	b, e := g.n(2, 9), g.n(2, 7)
	v := int(math.Pow(float64(b), float64(e)))
	switch g.n(0, 3) {
	case 0:
		n := g.n(3, 8)
		f, _ := newCalc().factorial(integer(int64(n))).int64()
		return forms{gold: sp("%d", f), same: []string{sp("%d!", n), sp(`%d \cdot %d!`, n, n-1), sp(`\frac{%d!}{%d}`, n+1, n+1)}, ext: []string{sp(`{%d}!`, n)}, differs: []string{sp("%d!", n+1), sp("%d", n), sp("(%d)! + 1", n), sp(`\frac{%d!}{2}`, n)}}
	case 1:
		n := g.n(4, 12)
		k := g.n(1, n-1)
		c, _ := newCalc().binomial(integer(int64(n)), integer(int64(k))).int64()
		return forms{gold: sp("%d", c), same: []string{sp(`\binom{%d}{%d}`, n, k), sp(`\dbinom{%d}{%d}`, n, n-k), sp(`\frac{%d!}{%d!\,%d!}`, n, k, n-k)}, ext: []string{sp(`{%d \choose %d}`, n, k)}, differs: []string{sp(`\binom{%d}{%d}`, n+1, k), sp(`\binom{%d}{%d} - 1`, n, k), sp(`\frac{%d!}{%d!}`, n+1, n)}}
	case 2:
		m := decimalString(g.n(11, 99), 10, 1)
		x := g.n(2, 8)
		r, _ := new(big.Rat).SetString(m)
		t := new(big.Rat).Mul(r, new(big.Rat).SetInt(pow10(x)))
		return forms{gold: t.RatString(), same: []string{sp(`%s \times 10^{%d}`, m, x), sp(`%s \cdot 10^{%d}`, m, x), sp(`%s\times10^%d`, m, x)}, ext: []string{sp("%se%d", m, x), sp("%sE+%d", m, x), sp("%s × 10^%d", m, x), sp("%s*10^%d", m, x)}, differs: []string{sp(`%s \times 10^{%d}`, m, x+1), sp(`-%s \times 10^{%d}`, m, x), sp(`%s \times 10^{-%d}`, m, x), sp(`%s9 \times 10^{%d}`, m, x)}}
	}
	return forms{gold: sp("%d", v), same: []string{sp("%d^{%d}", b, e), sp("%d^%d", b, e), sp(`%d \times %d^{%d}`, b, b, e-1), sp("(%d)^{%d}", b, e)}, ext: []string{sp("%d**%d", b, e), sp(`\sqrt{%d^{%d}}`, b, 2*e), sp(`%d \cdot %d^{%d}`, b*b*b, b, e-3)}, differs: []string{sp("%d^{%d}", b, e+1), sp("%d^{%d}", b+1, e), sp(`%d \cdot %d`, b+7, e), sp("-%d^{%d}", b, e), sp("%d^{-%d}", b, e)}}
}

func genRounding(g *gen) forms {
	q := []int{3, 7, 9, 11, 13, 17, 19, 23}[g.n(0, 7)]
	p := g.nz(300)
	for p%q == 0 {
		p++
	}
	f := forms{gold: sp(`\frac{%d}{%d}`, p, q)}
	for _, places := range []int{4, 5, 6, 8, 10, 12} {
		f.same = append(f.same, decimalString(p, q, places))
	}
	if g.n(0, 1) == 0 {
		f.gold, f.same = f.same[g.n(2, 4)], []string{f.gold, sp("%d/%d", p, q), sp(`\frac{%d}{%d}`, 2*p, 2*q)}
		f.differs = []string{sp(`\frac{%d}{%d}`, p+1, q), sp(`\frac{%d}{%d}`, -p, q), sp(`\frac{%d}{%d}`, p, q+1)}
		return f
	}
	f.differs = []string{decimalString(p, q, 2), decimalString(p, q, 3), decimalString(p*100003, q*100000, 7), decimalString(p*1001, q*1000, 6), decimalString(-p, q, 6)}
	return f
}

func genSqrt(g *gen) forms {
	c, m := g.n(2, 30), g.squarefreeN()
	f := forms{gold: sp(`%d\sqrt{%d}`, c, m)}
	f.same = []string{f.gold, sp(`\sqrt{%d}`, c*c*m), sp(`%d \sqrt{%d}`, c, m), sp(`\frac{%d}{\sqrt{%d}}`, c*m, m), sp(`%d \cdot \sqrt{%d}`, c, m), sp(`\sqrt{%d}\cdot\sqrt{%d}`, c*c, m), sp(`%d\cdot %d^{1/2}`, c, m), sp(`\sqrt{%d}\cdot %d`, m, c), sp(`\frac{%d\sqrt{%d}}{3}`, 3*c, m), sp("%d%s", c, sp(`\sqrt{%d}`, m))}
	f.ext = []string{sp("%d√%d", c, m), sp("%d*sqrt(%d)", c, m), sp(`%d\cdot %d^{0.5}`, c, m), sp(`%d\sqrt[2]{%d}`, c, m), strconv.FormatFloat(float64(c)*math.Sqrt(float64(m)), 'f', 10, 64), sp(`%d\left(%d\right)^{\frac{1}{2}}`, c, m)}
	if m < 10 {
		f.same = append(f.same, sp(`%d\sqrt%d`, c, m))
	}
	f.differs = []string{sp(`%d\sqrt{%d}`, c+1, m), sp(`%d\sqrt{%d}`, c, m+1), sp(`-%d\sqrt{%d}`, c, m), sp("%d", c), sp(`\sqrt{%d}`, c*m+1), sp(`\frac{%d}{\sqrt{%d}}`, c, m), sp(`%d\sqrt[3]{%d}`, c, m), strconv.FormatFloat(float64(c)*math.Sqrt(float64(m))*1.0001, 'f', 10, 64)}
	return f
}

func genSurd(g *gen) forms {
	a, b, d, m := g.nz(12), g.n(1, 9), g.n(2, 6), g.squarefreeN()
	f := forms{gold: sp(`\frac{%d+%d\sqrt{%d}}{%d}`, a, b, m, d)}
	v := (float64(a) + float64(b)*math.Sqrt(float64(m))) / float64(d)
	f.same = []string{f.gold, sp(`\frac{%d\sqrt{%d} %s}{%d}`, b, m, signed(a), d), sp(`\frac{%d}{%d}+\frac{%d}{%d}\sqrt{%d}`, a, d, b, d, m), sp(`\frac{%d + %d\sqrt{%d}}{%d}`, 3*a, 3*b, m, 3*d), strconv.FormatFloat(v, 'f', 9, 64), sp(`\frac{1}{%d}\left(%d+%d\sqrt{%d}\right)`, d, a, b, m), sp(`\frac{%d+\sqrt{%d}}{%d}`, a, b*b*m, d)}
	n := a*a - b*b*m
	f.ext = []string{sp(`\frac{%d}{%d(%d-%d\sqrt{%d})}`, n, d, a, b, m), sp("(%d+%d*sqrt(%d))/%d", a, b, m, d), sp("(%d+%d√%d)/%d", a, b, m, d)}
	f.differs = []string{sp(`\frac{%d-%d\sqrt{%d}}{%d}`, a, b, m, d), sp(`\frac{%d+%d\sqrt{%d}}{%d}`, a+1, b, m, d), sp(`\frac{%d+%d\sqrt{%d}}{%d}`, a, b, m, d+1), sp(`%d+\frac{%d\sqrt{%d}}{%d}`, a, b, m, d), sp(`\frac{%d+%d\sqrt{%d}}{%d}`, a, b, m+4, d), strconv.FormatFloat(v+.0001, 'f', 9, 64)}
	return f
}

func genPi(g *gen) forms {
	p, q := g.proper(24)
	p += q * g.n(0, 2)
	f := forms{gold: g.pick(sp(`\frac{%d\pi}{%d}`, p, q), sp(`\frac{%d}{%d}\pi`, p, q))}
	f.same = []string{sp(`\frac{%d\pi}{%d}`, p, q), sp(`\frac{%d}{%d}\pi`, p, q), sp(`\frac{%d}{%d} \cdot \pi`, p, q), sp("%dπ/%d", p, q), sp(`\frac{%d\pi}{%d}`, p*3, q*3), sp(`\pi \cdot \frac{%d}{%d}`, p, q), strconv.FormatFloat(float64(p)/float64(q)*math.Pi, 'f', 9, 64), sp(`%d\pi/%d`, p, q)}
	f.ext = []string{sp("%d*pi/%d", p, q), sp(`\frac{%d \pi}{%d} \text{ radians}`, p, q), sp("(%d/%d)π", p, q)}
	f.differs = []string{sp(`\frac{%d}{%d}`, p, q), sp(`\frac{%d\pi}{%d}`, p+1, q), sp(`\frac{%d\pi}{%d}`, p, q+1), sp(`-\frac{%d\pi}{%d}`, p, q), sp(`\frac{%d\pi^2}{%d}`, p, q), strconv.FormatFloat(float64(p)/float64(q)*3.14, 'f', 4, 64), sp(`\frac{%d}{%d\pi}`, p, q)}
	return f
}

func genComplex(g *gen) forms {
	a, b := g.nz(12), g.nz(12)
	c, d := g.nz(6), g.nz(6)
	f := forms{gold: sp("%d%+di", a, b)}
	f.same = []string{f.gold, sp("%d %si", a, signed(b)), sp("%di%+d", b, a), sp("%d%+d i", a, b), sp(`%d%+d\cdot i`, a, b), sp("(%d%+di)", a, b)}
	f.ext = []string{sp("(%d%+di)(%d%+di)/(%d%+di)", a, b, c, d, c, d), sp(`\frac{%d%+di}{2}`, 2*a, 2*b), sp("i(%d%+di)", b, -a), sp(`%d%+d\sqrt{-1}`, a, b), sp(`%d%+d\mathrm{i}`, a, b)}
	f.differs = []string{sp("%d%+di", a, -b), sp("%d%+di", a+1, b), sp("%d%+di", a, b+13), sp("%d%+di", -a, b), sp("%d%+d", a, b), sp("%d%+dj", a, b), sp("(%d,%d)", a, b)}
	return f
}
