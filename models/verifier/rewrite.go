package verifier

import (
	"math"
	"strconv"
	"strings"
)

// edit is a change to a chain: other parts for one calculation, or another
// result, or exchanged question numbers.
type edit struct {
	at       int
	parts    []part   // replaces the expression, nil to keep it
	res      *float64 // replaces the result
	stop     bool     // later calculations keep their old numbers
	a, b     float64  // question numbers to exchange everywhere
	exchange bool
}

// execute applies an edit, runs everything after it again and writes the
// text. ok is false when it cannot be written consistently or the answer does
// not change.
func (c *chain) execute(e edit) (text string, final float64, ok bool) {
	lines := make([]strings.Builder, len(c.lines))
	pos := make([]int, len(c.lines))
	vals := make([]float64, len(c.calcs)) // new results
	var ren renames
	line := 0
	flush := func(upto int) {
		for ; line < upto; line++ {
			lines[line].WriteString(ren.text(c.lines[line][pos[line]:], e))
		}
	}
	for i := range c.calcs {
		k := &c.calcs[i]
		flush(k.line)
		parts, changed := k.parts, false
		if i == e.at && e.parts != nil {
			parts, changed = e.parts, true
		}
		nums := c.numbers(parts, vals, e, changed)
		v, same, good := k.value(parts, nums, changed, i == e.at, e)
		if !good {
			return "", 0, false
		}
		vals[i] = v
		if i >= e.at && e.stop {
			vals[i] = k.res
		}
		out := &lines[k.line]
		l := c.lines[k.line]
		if from := k.exprLo; same && near(v, k.res) { // the calculation stays as it is written
			if from < pos[k.line] {
				from = k.lo
			}
			out.WriteString(ren.text(l[pos[k.line]:from], e))
			out.WriteString(l[from:k.resHi])
			pos[k.line] = k.resHi
			continue
		}
		if k.exprLo < pos[k.line] { // no visible expression: the sentence may tell the old numbers
			if changed || k.exprLo >= 0 {
				return "", 0, false
			}
			out.WriteString(ren.text(l[pos[k.line]:k.lo], e))
		} else {
			out.WriteString(ren.text(l[pos[k.line]:k.exprLo], e))
			out.WriteString(writeParts(parts, nums))
			out.WriteString(l[k.exprHi:k.lo])
		}
		if k.marked {
			out.WriteString("<<" + writeParts(parts, nums) + "=" + num4(v) + ">>")
		}
		out.WriteString(l[k.hi:k.resLo])
		if k.resHi > k.resLo {
			out.WriteString(num4(v))
		}
		pos[k.line] = k.resHi
		if !e.stop {
			ren.add(k.res, v)
		}
	}
	flush(len(c.lines))
	final = c.answer
	if c.last >= 0 {
		final = vals[c.last]
	}
	var b strings.Builder
	for i := range lines {
		b.WriteString(lines[i].String())
		b.WriteByte('\n')
	}
	b.WriteString(c.marker + num4(final))
	return b.String(), final, true
}

// value is a calculation's result after the edit; same says that its numbers
// are those of the reference.
func (k *calc) value(parts []part, nums []float64, changed, edited bool, e edit) (v float64, same, ok bool) {
	v, ok = evalParts(parts, nums)
	same = !changed && equalVals(parts, nums)
	switch {
	case !ok:
		return 0, false, false
	case edited && e.res != nil:
		v = *e.res
	case same:
		v = k.res // as written: references round
	}
	v = math.Round(v*1e4) / 1e4
	return v, same, math.Abs(v) <= 1e9
}

// numbers are the values of an expression's numbers after the edit.
func (c *chain) numbers(parts []part, vals []float64, e edit, fresh bool) []float64 {
	var out []float64
	for _, p := range parts {
		if !p.num {
			continue
		}
		v := p.val
		switch {
		case p.from >= 0 && !(fresh && p.from == e.at):
			if r := c.calcs[p.from].res; !near(r, vals[p.from]) {
				v = vals[p.from]
			}
		case e.exchange && near(v, e.a):
			v = e.b
		case e.exchange && near(v, e.b):
			v = e.a
		}
		out = append(out, v)
	}
	return out
}

func equalVals(parts []part, vals []float64) bool {
	n := 0
	for _, p := range parts {
		if p.num {
			if !near(p.val, vals[n]) {
				return false
			}
			n++
		}
	}
	return true
}

func writeParts(parts []part, vals []float64) string {
	var b strings.Builder
	n := 0
	for _, p := range parts {
		if !p.num {
			b.WriteString(p.text)
			continue
		}
		if near(p.val, vals[n]) {
			b.WriteString(p.text)
		} else {
			b.WriteString(num4(vals[n]))
		}
		n++
	}
	return b.String()
}

// num4 writes a value with at most four decimals.
func num4(v float64) string {
	return strconv.FormatFloat(math.Round(v*1e4)/1e4, 'f', -1, 64)
}

// renames are the results that changed, latest last.
type renames struct {
	old, now [16]float64
	n        int
}

func (r *renames) add(old, now float64) {
	if r.n < len(r.old) && !near(old, now) {
		r.old[r.n], r.now[r.n] = old, now
		r.n++
	}
}

// text rewrites the numbers of plain text.
func (r *renames) text(s string, e edit) string {
	if r.n == 0 && !e.exchange {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if !digit(s[i]) || i > 0 && (digit(s[i-1]) || letter(s[i-1])) {
			b.WriteByte(s[i])
			i++
			continue
		}
		v, _, end := number(s, i, len(s))
		w := v
		switch {
		case e.exchange && near(v, e.a):
			w = e.b
		case e.exchange && near(v, e.b):
			w = e.a
		}
		for k := r.n - 1; k >= 0 && w == v; k-- {
			if near(r.old[k], v) {
				w = r.now[k]
			}
		}
		if w == v {
			b.WriteString(s[i:end])
		} else {
			b.WriteString(num4(w))
		}
		i = end
	}
	return b.String()
}
