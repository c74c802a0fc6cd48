package answer

// class is what the lexer does with a command.
type class uint8

const (
	cOther  class = iota // handed to the parser by name
	cSpace               // white space
	cSize                // \left, \big: no meaning
	cText                // argument is words
	cFont                // argument is math in another font
	cBox                 // a box around math
	cEnv                 // \begin, \end
	cSymbol              // stands for one operator
	cGreek               // a letter
)

// commandClass sorts the commands of LaTeX.
func commandClass(name string) class {
	switch name {
	case "quad", "qquad", "displaystyle", "textstyle", "scriptstyle", "limits", "nolimits", "thinspace", "medspace", "enspace", "space", "hfill", "nonumber", "rm", "bf", "it", "strut":
		return cSpace
	case "left", "right", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr", "biggl", "biggr", "Biggl", "Biggr", "middle":
		return cSize
	case "text", "textbf", "textit", "textrm", "textnormal", "texttt", "textsf", "mbox", "hbox", "mathrm", "operatorname", "emph", "textup", "mathsf", "unit", "si":
		return cText
	case "mathbf", "mathit", "boldsymbol", "bm", "mathcal", "mathbb", "mathfrak", "vec", "hat", "widehat", "tilde", "underline", "boldmath", "mathop", "overrightarrow", "ensuremath", "bold":
		return cFont
	case "boxed", "fbox":
		return cBox
	case "begin", "end":
		return cEnv
	case "alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "zeta", "eta", "theta", "vartheta", "iota", "kappa", "lambda", "mu", "nu", "xi", "rho", "sigma", "tau", "upsilon", "phi", "varphi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Sigma", "Phi", "Psi", "Omega", "ell", "hbar":
		return cGreek
	}
	if commandSymbol(name) != "" {
		return cSymbol
	}
	return cOther
}

// commandSymbol maps a command to the operator it stands for.
func commandSymbol(name string) string {
	switch name {
	case "times", "cdot", "ast", "bullet":
		return "*"
	case "div":
		return "/"
	case "le", "leq", "leqslant", "leqq":
		return "l"
	case "ge", "geq", "geqslant", "geqq":
		return "g"
	case "lt":
		return "<"
	case "gt":
		return ">"
	case "ne", "neq":
		return "n"
	case "in":
		return "i"
	case "approx", "equiv", "simeq", "sim", "cong", "doteq":
		return "~"
	case "pm":
		return "p"
	case "mp":
		return "m"
	case "cup", "bigcup":
		return "U"
	case "cap", "bigcap":
		return "N"
	case "setminus", "backslash", "smallsetminus":
		return "D"
	case "lor", "vee":
		return "o"
	case "land", "wedge":
		return "a"
	case "circ", "degree", "textdegree":
		return "c"
	case "colon":
		return ":"
	case "mid", "vert", "lvert", "rvert", "Vert":
		return "|"
	case "prime":
		return "'"
	case "lbrace":
		return "{"
	case "rbrace":
		return "}"
	case "lbrack":
		return "["
	case "rbrack":
		return "]"
	case "percent":
		return "%"
	}
	return ""
}

// superscript gives the digit of a superscript character, or -1.
func superscript(r rune) int {
	switch r {
	case '⁰':
		return 0
	case '¹':
		return 1
	case '²':
		return 2
	case '³':
		return 3
	}
	if r >= '⁴' && r <= '⁹' {
		return int(r-'⁴') + 4
	}
	return -1
}

// runeToken maps a character beyond ASCII to a token; an empty text is white
// space. A tNum text is a vulgar fraction, "numerator over denominator".
func runeToken(r rune) (tkind, string) {
	switch r {
	case '−', '–', '—', '‒', '‑', '﹣':
		return tOp, "-"
	case '×', '·', '⋅', '∙', '•', '∗':
		return tOp, "*"
	case '÷', '∕', '⁄':
		return tOp, "/"
	case '≤', '⩽', '≦':
		return tOp, "l"
	case '≥', '⩾', '≧':
		return tOp, "g"
	case '≠':
		return tOp, "n"
	case '≈', '≃', '≡', '∼', '≅':
		return tOp, "~"
	case '∈':
		return tOp, "i"
	case '±':
		return tOp, "p"
	case '∓':
		return tOp, "m"
	case '∪':
		return tOp, "U"
	case '∩':
		return tOp, "N"
	case '∖':
		return tOp, "D"
	case '∨':
		return tOp, "o"
	case '∧':
		return tOp, "a"
	case '′', '’':
		return tOp, "'"
	case '、':
		return tOp, ","
	case '∶':
		return tOp, ":"
	case 'π':
		return tCmd, "pi"
	case '∞':
		return tCmd, "infty"
	case '√':
		return tCmd, "sqrt"
	case '∅':
		return tCmd, "emptyset"
	case 'ℝ':
		return tCmd, "R"
	case '°', 'º', '˚':
		return tDegree, "°"
	case '€', '£', '¥', '¢', '₹', '₽', '₩':
		return tMoney, string(r)
	}
	if s := vulgar(r); s != "" {
		return tNum, s
	}
	if s := greekRune(r); s != "" {
		return tWord, s
	}
	switch r {
	case '\u00a0', '\u2009', '\u202f', '\u200b', '\u2002', '\u2003', '\u2060', '\ufeff', '\u2061', '“', '”', '‘':
		return tBad, ""
	}
	return tBad, string(r)
}

// vulgar spells a one-character fraction.
func vulgar(r rune) string {
	switch r {
	case '½':
		return "frac 1 2"
	case '⅓':
		return "frac 1 3"
	case '⅔':
		return "frac 2 3"
	case '¼':
		return "frac 1 4"
	case '¾':
		return "frac 3 4"
	case '⅕':
		return "frac 1 5"
	case '⅖':
		return "frac 2 5"
	case '⅗':
		return "frac 3 5"
	case '⅘':
		return "frac 4 5"
	case '⅙':
		return "frac 1 6"
	case '⅚':
		return "frac 5 6"
	case '⅛':
		return "frac 1 8"
	case '⅜':
		return "frac 3 8"
	case '⅝':
		return "frac 5 8"
	case '⅞':
		return "frac 7 8"
	}
	return ""
}

// greekRune names a Greek letter as its command does.
func greekRune(r rune) string {
	switch r {
	case 'α':
		return `\alpha`
	case 'β':
		return `\beta`
	case 'γ':
		return `\gamma`
	case 'δ':
		return `\delta`
	case 'ε', 'ϵ':
		return `\epsilon`
	case 'θ':
		return `\theta`
	case 'λ':
		return `\lambda`
	case 'μ':
		return `\mu`
	case 'φ', 'ϕ':
		return `\phi`
	case 'σ':
		return `\sigma`
	case 'τ':
		return `\tau`
	case 'ω':
		return `\omega`
	}
	return ""
}
