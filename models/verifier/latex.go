package verifier

// command reads one LaTeX command at raw[i] and returns where it ends.
func (n *normal) command(raw string, i, hi, depth int) int {
	j := i + 1
	for j < hi && letter(raw[j]) {
		j++
	}
	if j == i+1 {
		return n.symbol(raw, i, hi)
	}
	switch raw[i+1 : j] {
	case "frac", "dfrac", "tfrac", "cfrac":
		return n.frac(raw, i, j, hi, depth)
	case "text", "mathrm", "textbf", "mathbf", "textit", "operatorname", "mbox", "boldsymbol", "emph", "mathit", "textrm",
		"underline", "mathsf", "textsf", "texttt":
		return n.content(raw, i, j, hi, depth, " ")
	case "boxed", "fbox":
		lo := int32(len(n.b))
		end := n.content(raw, i, j, hi, depth, " ")
		n.boxLo, n.boxHi = lo, int32(len(n.b))
		return end
	case "sqrt":
		n.put(byteRoot, i)
		if j < hi && raw[j] != '{' {
			n.b[len(n.b)-1] = byteOpaque
			return j
		}
		n.put('(', i)
		end := n.content(raw, i, j, hi, depth, "")
		n.put(')', end-1)
		return end
	case "begin", "end":
		n.puts(" ; ", i)
		if lo, _, end, ok := group(raw, j, hi); ok && lo > j {
			return end
		}
		return j
	case "left", "right":
		n.put(' ', i)
		if j < hi && raw[j] == '.' {
			j++
		}
		return j
	}
	n.puts(commandText(raw[i+1:j]), i)
	return j
}

// commandText is the plain form of a command without arguments.
func commandText(name string) string {
	switch name {
	case "times", "cdot", "ast":
		return " * "
	case "div":
		return " / "
	case "approx", "simeq", "cong":
		return " \x04 "
	case "pi":
		return "\x03"
	case "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr", "displaystyle", "quad", "qquad", "limits", "nonumber":
		return " "
	case "implies", "Rightarrow", "Longrightarrow", "rightarrow", "longrightarrow", "to", "therefore", "because", "iff",
		"Leftrightarrow", "newline", "hline", "item":
		return " ; "
	case "degree":
		return " deg "
	case "cents":
		return " cents "
	}
	return "\x01"
}

// symbol reads a backslash before something that is no letter.
func (n *normal) symbol(raw string, i, hi int) int {
	if i+1 >= hi {
		n.put(' ', i)
		return i + 1
	}
	switch c := raw[i+1]; c {
	case '%', '$', '{', '}', '#':
		n.put(c, i)
	case '\\':
		n.puts(" ; ", i)
	case '!':
	case '[', ']':
		n.puts(" ; ", i) // a display stands by itself
	case '(', ')', ',', ';', ':', ' ', '\n':
		n.put(' ', i)
	default:
		n.put(byteOpaque, i)
		return i + 1
	}
	return i + 2
}

// group finds the argument that starts at raw[j], after spaces: a balanced
// brace group or one character. The argument is raw[lo:close], end is where
// reading goes on.
func group(raw string, j, hi int) (lo, closed, end int, ok bool) {
	for j < hi && raw[j] == ' ' {
		j++
	}
	if j >= hi {
		return 0, 0, 0, false
	}
	if raw[j] != '{' {
		if !digit(raw[j]) && !letter(raw[j]) {
			return 0, 0, 0, false
		}
		return j, j + 1, j + 1, true
	}
	depth, stop := 0, min(hi, j+maxBrace)
	for k := j; k < stop; k++ {
		switch raw[k] {
		case '{':
			depth++
		case '}':
			depth--
			if depth == 0 {
				return j + 1, k, k + 1, true
			}
		case '\\':
			k++
		}
	}
	return 0, 0, 0, false
}

// content writes a command's argument between two texts, an opaque byte when
// the argument is missing or too deep.
func (n *normal) content(raw string, i, j, hi, depth int, around string) int {
	lo, closed, end, ok := group(raw, j, hi)
	if !ok || depth >= maxNesting {
		n.put(byteOpaque, i)
		return j
	}
	n.puts(around, i)
	n.add(raw, lo, closed, depth+1)
	n.puts(around, closed)
	return end
}

// frac writes \frac{a}{b} as ((a)/(b)); after a whole number a proper
// fraction of two plain numbers is the rest of a mixed one.
func (n *normal) frac(raw string, i, j, hi, depth int) int {
	alo, ahi, aend, ok := group(raw, j, hi)
	if !ok || depth >= maxNesting {
		n.put(byteOpaque, i)
		return j
	}
	blo, bhi, bend, ok := group(raw, aend, hi)
	if !ok {
		n.put(byteOpaque, i)
		return j
	}
	if len(n.b) > 0 && digit(n.b[len(n.b)-1]) && allDigits(raw[alo:ahi]) && allDigits(raw[blo:bhi]) {
		n.put(' ', i)
		n.add(raw, alo, ahi, depth+1)
		n.put('/', ahi)
		n.add(raw, blo, bhi, depth+1)
		return bend
	}
	n.puts("((", i)
	n.add(raw, alo, ahi, depth+1)
	n.puts(")/(", ahi)
	n.add(raw, blo, bhi, depth+1)
	n.puts("))", bhi)
	return bend
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if !digit(s[i]) {
			return false
		}
	}
	return s != ""
}
