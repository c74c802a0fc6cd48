package answer

import "strings"

// unitMarks spells the marks of a unit phrase in one way.
var unitMarks = strings.NewReplacer(".", "", "(", " ", ")", " ", ",", " ", `\`, " ", "{", "", "}", "", "²", "^2", "³", "^3", "-", " ", "~", " ", " ^", "^", "^ ", "^", "°", "degree ")

// unitAhead says whether the next token is a unit of the value before it.
// \text{…} is; a plain word is when it is a known unit, or too long for a
// product of variables; one letter only at the end of the answer.
func (p *parser) unitAhead() bool {
	t := p.peek()
	switch t.kind {
	case tDegree:
		return true
	case tMoney:
		return p.pos > 0 && p.toks[p.pos-1].kind == tNum
	case tText:
		if separatorWord(t.text) != "" {
			return false
		}
		s := strings.TrimSpace(t.text)
		return len(s) != 1 || knownUnit(s)
	case tWord:
		w := t.text
		if w == "min" && !p.peekAt(1).is('(') && !p.peekAt(1).is('{') { // minutes, not the function
			return true
		}
		if w[0] == '\\' || separatorWord(w) != "" || isFunction(w) || isFunction(w[:len(w)-1]) && len(w) > 3 {
			return false
		}
		switch w {
		case "pi", "oo", "inf", "infinity", "U":
			return false
		case "percent", "per", "th", "st", "nd", "rd":
			return true
		}
		if len(w) == 1 {
			end := p.peekAt(1).kind == tEOF || p.peekAt(2).kind == tNum && p.peekAt(3).kind == tEOF && p.peekAt(1).is('^') || p.peekAt(1).is('/') && p.peekAt(2).kind == tWord && knownUnit(p.peekAt(2).text)
			return t.sp && knownUnit(w) && end
		}
		return knownUnit(strings.ToLower(w)) || t.sp && len(w) >= 3 || len(w) >= 4
	}
	return false
}

// unit reads a unit phrase: words, powers, "per" and "/". The text is
// normalised to lower case; "percent" comes back as "%".
func (p *parser) unit() string {
	var b strings.Builder
	add := func(s string) {
		if s = strings.TrimSpace(s); s != "" {
			if b.Len() > 0 && s[0] != '^' {
				b.WriteByte(' ')
			}
			b.WriteString(s)
		}
	}
	for p.err == "" {
		t := p.peek()
		switch {
		case t.kind == tDegree:
			add("degree")
		case t.kind == tMoney:
			add(moneyUnit(t.text))
		case (t.kind == tWord && t.text[0] != '\\' || t.kind == tText) && separatorWord(t.text) == "":
			add(t.text)
		case t.is('^') && b.Len() > 0:
			p.advance()
			if e := p.exponentText(); e != "" {
				add("^" + e)
			}
			continue
		case t.kind == tPower && b.Len() > 0:
			add("^" + t.text)
		case t.is('/') && (p.peekAt(1).kind == tWord || p.peekAt(1).kind == tText):
			add("/")
		case t.is('.') || t.is('-') && p.peekAt(1).kind == tWord: // p.m., square-feet
		default:
			return normalUnit(b.String())
		}
		p.advance()
	}
	return normalUnit(b.String())
}

// exponentText reads the exponent of a unit: a number, perhaps in braces.
func (p *parser) exponentText() string {
	neg := ""
	braces := p.accept('{')
	if p.accept('-') {
		neg = "-"
	}
	e := ""
	if p.peek().kind == tNum {
		e = neg + p.advance().text
	} else if braces && !p.peek().is('}') {
		p.fail("unit exponent")
	}
	if braces {
		p.accept('}')
	}
	return e
}

// moneyUnit names the unit of a currency sign.
func moneyUnit(sign string) string {
	switch sign {
	case "€":
		return "euro"
	case "£":
		return "pound sterling"
	case "¥":
		return "yen"
	case "¢":
		return "cent"
	case "₹":
		return "rupee"
	case "$":
		return "dollar"
	}
	return sign
}

// normalUnit lower-cases a unit phrase, drops stops and what says nothing,
// and takes each word to the singular.
func normalUnit(s string) string {
	s = unitMarks.Replace(strings.ToLower(s))
	s = strings.ReplaceAll(s, "^ 2", "^2")
	s = strings.ReplaceAll(s, "/", " / ")
	words := strings.Fields(s)
	out := words[:0]
	for _, w := range words {
		switch w {
		case "th", "st", "nd", "rd", "unit", "units", "of", "the", "in", "all", "each", "total":
			continue
		case "percent", "pct":
			w = "%"
		case "per":
			w = "/"
		}
		out = append(out, singular(w))
	}
	if len(out) > 0 && out[0] == "/" {
		out = out[1:]
	}
	return strings.Join(out, " ")
}

func singular(w string) string {
	switch w {
	case "feet":
		return "foot"
	case "inches":
		return "inch"
	case "s", "celsius", "gas", "us", "gross", "class", "mass":
		return w
	}
	if strings.HasSuffix(w, "ies") && len(w) > 4 {
		return w[:len(w)-3] + "y"
	}
	if strings.HasSuffix(w, "xes") || strings.HasSuffix(w, "ches") || strings.HasSuffix(w, "shes") || strings.HasSuffix(w, "sses") {
		return w[:len(w)-2]
	}
	if strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") && len(w) > 2 {
		return w[:len(w)-1]
	}
	return w
}

func knownUnit(w string) bool {
	_, _, ok := unitWord(singular(strings.ToLower(w)))
	return ok
}

// measure is a unit as a factor of base units: the exponent of each base in
// dims.
type measure struct {
	factor num
	dims   [8]int8
}

// Base units: the index of each in measure.dims.
const (
	dLength = iota // metre
	dMass          // gram
	dTime          // second
	dMoney         // US cent
	dAngle         // degree
	dVolume        // litre, kept apart from length
	dTemp
	dOther // data, euro and other units that convert into nothing else
)

// unitWord knows one word of a unit, in the singular: its base and factor.
// Feet and pounds convert exactly.
func unitWord(w string) (base int, f num, ok bool) {
	one := integer(1)
	switch w {
	case "m", "meter", "metre":
		return dLength, one, true
	case "cm", "centimeter", "centimetre":
		return dLength, ratio(1, 100), true
	case "mm", "millimeter", "millimetre":
		return dLength, ratio(1, 1000), true
	case "km", "kilometer", "kilometre":
		return dLength, integer(1000), true
	case "inch", "in":
		return dLength, ratio(254, 10000), true
	case "ft", "foot":
		return dLength, ratio(3048, 10000), true
	case "yd", "yard":
		return dLength, ratio(9144, 10000), true
	case "mi", "mile":
		return dLength, ratio(1609344, 1000), true
	case "g", "gram":
		return dMass, one, true
	case "kg", "kilogram":
		return dMass, integer(1000), true
	case "mg", "milligram":
		return dMass, ratio(1, 1000), true
	case "lb", "pound":
		return dMass, ratio(45359237, 100000), true
	case "oz", "ounce":
		return dMass, ratio(45359237, 1600000), true
	case "ton", "tonne":
		return dMass, integer(1000000), true
	case "s", "sec", "second":
		return dTime, one, true
	case "min", "minute":
		return dTime, integer(60), true
	case "h", "hr", "hour":
		return dTime, integer(3600), true
	case "day":
		return dTime, integer(86400), true
	case "week":
		return dTime, integer(604800), true
	case "month":
		return dTime, integer(2629746), true
	case "year":
		return dTime, integer(31556952), true
	case "dollar", "usd", "buck":
		return dMoney, integer(100), true
	case "cent", "penny":
		return dMoney, one, true
	case "degree", "deg":
		return dAngle, one, true
	case "l", "liter", "litre":
		return dVolume, one, true
	case "ml", "milliliter", "millilitre":
		return dVolume, ratio(1, 1000), true
	case "gallon":
		return dVolume, ratio(3785411784, 1000000000), true
	case "quart":
		return dVolume, ratio(3785411784, 4000000000), true
	case "pint":
		return dVolume, ratio(3785411784, 8000000000), true
	case "celsius":
		return dTemp, one, true
	case "euro", "eur", "am", "pm", "mph", "kph", "kmh", "mps", "rad", "radian", "fahrenheit", "hz", "kw", "gb", "mb", "sq", "rupee", "yen", "gbp":
		return dOther, num{}, true
	}
	return 0, num{}, false
}

// parseMeasure reads a normalised unit phrase; ok is false when a word of it
// is not a unit that converts.
func (c *calc) parseMeasure(s string) (measure, bool) {
	m := measure{factor: integer(1)}
	sign, power := int8(1), int8(1)
	switch s {
	case "mph":
		s = "mile / hour"
	case "kph", "kmh":
		s = "km / hour"
	case "mps":
		s = "m / s"
	}
	for _, w := range strings.Fields(s) {
		switch w {
		case "/":
			sign = -1
			continue
		case "square", "sq":
			power = 2
			continue
		case "cubic", "cu":
			power = 3
			continue
		}
		w, e := splitPower(w)
		if e != 0 {
			power = e
		}
		base, f, ok := unitWord(singular(w))
		if !ok || !f.ok() {
			return m, false
		}
		m.dims[base] += sign * power
		m.factor = c.mul(m.factor, c.pow(f, int64(sign*power)))
		power = 1
	}
	return m, m.factor.ok()
}

// splitPower takes ^2, ^3 or ^-1 off a unit word; 0 when there is none.
func splitPower(w string) (string, int8) {
	i := strings.IndexByte(w, '^')
	if i < 0 {
		return w, 0
	}
	switch w[i:] {
	case "^2":
		return w[:i], 2
	case "^3":
		return w[:i], 3
	case "^-1":
		return w[:i], -1
	case "^-2":
		return w[:i], -2
	}
	return w[:i], 1
}

// unitRatio compares two units: same says that they are the same thing, f is
// what one a is in terms of b when both convert.
func (c *calc) unitRatio(a, b string) (f num, same bool) {
	if a == b {
		return integer(1), true
	}
	ma, ok1 := c.parseMeasure(a)
	mb, ok2 := c.parseMeasure(b)
	if ok1 && ok2 {
		return c.div(ma.factor, mb.factor), ma.dims == mb.dims
	}
	if ok1 != ok2 {
		return num{}, false
	}
	return integer(1), wordsInside(a, b) || wordsInside(b, a)
}

// wordsInside says whether every word of a is a word of b: "apple" in "red
// apple".
func wordsInside(a, b string) bool {
	for _, w := range strings.Fields(a) {
		if !strings.Contains(" "+b+" ", " "+w+" ") {
			return false
		}
	}
	return a != ""
}
