package verifier

import (
	"math"
	"strings"
)

// contradict changes one later mention of a value and nothing else: in plain
// text, in a visible expression beside its note, or the number after a note.
func (p *planter) contradict() (string, int, string, bool) {
	c := p.c
	lines := append([]string(nil), c.lines...)
	var places []struct{ line, lo, hi int }
	for li, l := range c.lines {
		for i := 0; i < len(l); {
			if l[i] == '<' { // inside a note nothing changes
				if j := strings.Index(l[i:], ">>"); j > 0 {
					i += j + 2
					continue
				}
			}
			if !digit(l[i]) || i > 0 && letter(l[i-1]) {
				i++
				continue
			}
			v, _, end := number(l, i, len(l))
			for _, k := range c.calcs {
				mention := k.line < li && near(k.res, v) && (k.marked || !c.inCalc(li, i)) || k.line == li && k.marked && k.resLo == i
				if mention {
					places = append(places, struct{ line, lo, hi int }{li, i, end})
					break
				}
			}
			i = end
		}
	}
	if len(places) == 0 {
		return "", 0, "", false
	}
	at := places[p.pick(len(places))]
	l := lines[at.line]
	v, dec, _ := number(l, at.lo, at.hi)
	w := wrongNumber(v, dec, p)
	if near(v, w) {
		return "", 0, "", false
	}
	lines[at.line] = l[:at.lo] + num4(w) + l[at.hi:]
	return strings.Join(lines, "\n") + "\n" + c.marker + num4(c.answer), at.line, num4(c.answer), true
}

// inCalc reports a place inside a plain calculation.
func (c *chain) inCalc(line, at int) bool {
	for _, k := range c.calcs {
		if k.line == line && at >= k.exprLo && at < k.resHi {
			return true
		}
	}
	return false
}

// answer changes the final answer alone.
func (p *planter) answer() (string, int, string, bool) {
	v := p.c.answer
	w := v
	switch p.pick(4) {
	case 0:
		w = -v
	case 1:
		w = v * [...]float64{60, 24, 12, 7, 1. / 60, 1. / 24, 1. / 12, 1. / 7}[p.pick(8)]
	default:
		w = wrongNumber(v, p.c.ansDec, p)
	}
	if w = math.Round(w*100) / 100; near(v, w) {
		return "", 0, "", false
	}
	return strings.Join(p.c.lines, "\n") + "\n" + p.c.marker + num4(w), len(p.c.lines), num4(w), true
}

// lines plants damage to the order or the whole of the lines.
func (p *planter) lines(kind string) (string, int, string, bool) {
	b, n := p.c.lines, len(p.c.lines)
	full := p.c.marker + num4(p.c.answer)
	join := func(parts ...[]string) string {
		var all []string
		for _, x := range parts {
			all = append(all, x...)
		}
		return strings.Join(all, "\n")
	}
	switch kind {
	case "order":
		if n < 2 {
			return "", 0, "", false
		}
		i := p.pick(n - 1)
		if !p.c.feeds(i, i+1) {
			return "", 0, "", false
		}
		return join(b[:i], []string{b[i+1], b[i]}, b[i+2:], []string{full}), i, num4(p.c.answer), true
	case "skip":
		if n < 2 {
			return "", 0, "", false
		}
		i := p.pick(n - 1)
		for j := i + 1; j < n; j++ {
			if p.c.feeds(i, j) {
				return join(b[:i], b[i+1:], []string{full}), j - 1, num4(p.c.answer), true
			}
		}
	case "repeat":
		i := p.pick(n)
		return join(b[:i+1], b[i:], []string{full}), i + 1, num4(p.c.answer), true
	case "trunc":
		i := p.pick(n)
		l := b[i]
		keep := len(l) * (25 + p.pick(50)) / 100
		if i == 0 && keep < 12 || keep == 0 {
			return "", 0, "", false
		}
		return join(b[:i], []string{l[:keep]}), i, "", true
	case "noanswer":
		return join(b), n - 1, "", true
	}
	return "", 0, "", false
}

// feeds reports that line j takes a number from line i.
func (c *chain) feeds(i, j int) bool {
	for x := range c.calcs {
		if c.calcs[x].line != j {
			continue
		}
		for _, q := range c.calcs[x].parts {
			if q.num && q.from >= 0 && c.calcs[q.from].line == i {
				return true
			}
		}
	}
	return false
}
