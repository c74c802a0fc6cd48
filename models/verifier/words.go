package verifier

// class says what a word does in a solution; a word may have several.
type class uint32

const (
	clsStop      class = 1 << iota // function word: no content
	clsClause                      // ends the walk to an equation's left or right
	clsNumber                      // zero to nineteen; val
	clsTens                        // twenty to ninety; val
	clsFraction                    // half, third, …; val
	clsMultiple                    // twice, dozen, …; val
	clsScale                       // hundred, thousand, …; val
	clsOperator                    // plus, minus, times, …; val is the operator's byte
	clsOf                          // of
	clsLess                        // makes a difference positive: less, fewer, more, …
	clsVarIntro                    // let, call, variable, represents
	clsApprox                      // about, roughly, approximately
	clsAssign                      // may stand before a variable's assignment: so, then, is, …
	clsBy                          // by
	clsPercent                     // percent
	clsRemainder                   // remainder, mod, base: a quotient before it is not the whole result
	clsHalf                        // half
	clsAbbrev                      // a short name of a unit: mph, pm, ml
	clsCase                        // splits cases or lists roots: or, if, when, case, …
)

// classify looks a lower-cased word up. val is the value of a number word.
// It is a switch and no map: the compiler makes a binary search of it, and
// the package keeps no tables at run time.
func classify(w string) (c class, val float64) {
	if c, val = numberWord(w); c != 0 {
		return c, val
	}
	return functionWord(w), operatorWord(w)
}

func numberWord(w string) (class, float64) {
	switch w {
	case "zero":
		return clsNumber, 0
	case "one":
		return clsNumber | clsStop, 1
	case "two":
		return clsNumber | clsStop, 2
	case "three":
		return clsNumber, 3
	case "four":
		return clsNumber, 4
	case "five":
		return clsNumber, 5
	case "six":
		return clsNumber, 6
	case "seven":
		return clsNumber, 7
	case "eight":
		return clsNumber, 8
	case "nine":
		return clsNumber, 9
	case "ten":
		return clsNumber, 10
	case "eleven":
		return clsNumber, 11
	case "twelve":
		return clsNumber, 12
	case "thirteen":
		return clsNumber, 13
	case "fourteen":
		return clsNumber, 14
	case "fifteen":
		return clsNumber, 15
	case "sixteen":
		return clsNumber, 16
	case "seventeen":
		return clsNumber, 17
	case "eighteen":
		return clsNumber, 18
	case "nineteen":
		return clsNumber, 19
	case "twenty":
		return clsTens, 20
	case "thirty":
		return clsTens, 30
	case "forty":
		return clsTens, 40
	case "fifty":
		return clsTens, 50
	case "sixty":
		return clsTens, 60
	case "seventy":
		return clsTens, 70
	case "eighty":
		return clsTens, 80
	case "ninety":
		return clsTens, 90
	case "hundred":
		return clsScale, 100
	case "thousand":
		return clsScale, 1e3
	case "million":
		return clsScale, 1e6
	case "billion":
		return clsScale, 1e9
	}
	return partWord(w)
}

// partWord knows the words for fractions and multiples.
func partWord(w string) (class, float64) {
	switch w {
	case "half":
		return clsFraction | clsHalf, .5
	case "halves":
		return clsFraction, .5
	case "third", "thirds":
		return clsFraction, 1. / 3
	case "quarter", "quarters", "fourth", "fourths":
		return clsFraction, .25
	case "fifth", "fifths":
		return clsFraction, .2
	case "sixth", "sixths":
		return clsFraction, 1. / 6
	case "seventh", "sevenths":
		return clsFraction, 1. / 7
	case "eighth", "eighths":
		return clsFraction, .125
	case "ninth", "ninths":
		return clsFraction, 1. / 9
	case "tenth", "tenths":
		return clsFraction, .1
	case "twice", "double", "doubles", "doubled", "pair", "pairs", "couple", "both", "twins":
		return clsMultiple, 2
	case "triple", "triples", "tripled", "thrice":
		return clsMultiple, 3
	case "quadruple", "quadrupled":
		return clsMultiple, 4
	case "dozen", "dozens":
		return clsMultiple, 12
	case "once":
		return clsMultiple, 1
	case "decade", "decades":
		return clsMultiple, 10
	case "fortnight":
		return clsMultiple, 14
	case "century":
		return clsMultiple, 100
	}
	return 0, 0
}

func operatorWord(w string) float64 {
	switch w {
	case "plus":
		return '+'
	case "minus":
		return '-'
	case "times", "multiplied":
		return '*'
	case "divided":
		return '/'
	}
	return 0
}

func functionWord(w string) class {
	switch w {
	case "of":
		return clsStop | clsOf
	case "plus", "minus", "times", "multiplied", "divided":
		return clsOperator
	case "so", "then":
		return clsStop | clsClause | clsAssign
	case "therefore", "thus", "hence":
		return clsStop | clsClause | clsAssign
	case "and", "is":
		return clsStop | clsClause | clsAssign
	case "get", "gets", "gives", "means":
		return clsClause | clsAssign
	case "find":
		return clsStop | clsAssign
	case "are", "was", "were", "because", "since", "for", "that", "he", "she", "they", "it", "we", "to", "has",
		"had", "have", "will", "can", "does", "do", "total", "from":
		return clsStop | clsClause
	case "which", "equals", "leaves":
		return clsClause
	case "if":
		return clsStop | clsClause | clsCase
	case "when", "or", "case", "cases", "either", "suppose", "assume", "try", "roots", "solutions", "values", "respectively":
		return clsCase
	case "less", "fewer", "cheaper", "more", "difference", "younger", "older", "shorter", "taller", "lighter", "heavier",
		"longer", "faster", "slower", "lower", "higher", "short", "left", "owes", "lost", "below", "change":
		return clsLess | moreStop(w)
	case "let", "call", "variable", "represent", "represents", "denote", "define":
		return clsVarIntro
	case "by":
		return clsStop | clsBy
	case "percent":
		return clsPercent
	case "mph", "pm", "am", "ml", "mm", "mg", "gb", "mb", "kb", "kw", "kwh", "kph", "bpm", "wpm", "gal", "qt", "pt", "pts",
		"tsp", "usd", "sq", "am's", "th", "nd", "rd", "st", "bk", "pcs", "dm", "mi", "yd", "yds", "hz", "deg", "k":
		return clsAbbrev
	case "remainder", "mod", "modulo", "base", "r":
		return clsRemainder
	case "about", "roughly", "approximately", "nearly", "almost", "around", "approx":
		return clsApprox
	case "a", "an", "the", "in", "on", "at", "be", "been", "its", "his", "her", "their", "them", "this", "these",
		"those", "with", "as", "how", "many", "much", "did", "what", "there", "each", "every", "per", "would",
		"could", "number", "need", "know", "i", "you", "your", "first", "second", "next", "finally", "let's", "also",
		"into", "out", "up", "all", "than", "not", "no":
		return clsStop
	}
	return 0
}

// moreStop keeps "more" without content, as the other words of difference are
// content.
func moreStop(w string) class {
	if w == "more" {
		return clsStop
	}
	return 0
}

// unitOf is the dimension of a unit of measure and its size in the smallest
// unit listed of that dimension; dimension 0 for other words.
func unitOf(w string) (dim byte, size float32) {
	switch w {
	case "second", "seconds", "sec":
		return 't', 1
	case "minute", "minutes", "min", "mins":
		return 't', 60
	case "hour", "hours", "hr", "hrs":
		return 't', 3600
	case "day", "days":
		return 't', 86400
	case "week", "weeks":
		return 't', 604800
	case "month", "months":
		return 't', 2629800
	case "year", "years":
		return 't', 31557600
	case "inch", "inches":
		return 'l', 1
	case "foot", "feet", "ft":
		return 'l', 12
	case "yard", "yards":
		return 'l', 36
	case "mile", "miles":
		return 'l', 63360
	case "cm", "centimeters", "centimeter":
		return 'm', 1
	case "meter", "meters":
		return 'm', 100
	case "km", "kilometers", "kilometer":
		return 'm', 1e5
	case "ounce", "ounces", "oz":
		return 'w', 1
	case "pound", "pounds", "lb", "lbs":
		return 'w', 16
	case "ton", "tons":
		return 'w', 32000
	case "gram", "grams":
		return 'g', 1
	case "kg", "kilogram", "kilograms":
		return 'g', 1000
	case "cent", "cents", "penny", "pennies":
		return '$', 1
	case "dollar", "dollars":
		return '$', 100
	}
	return 0, 0
}

// stemLen is the length of the stem of a lower-cased word: one plain suffix
// cut while three letters remain.
func stemLen(w string) int {
	n := len(w)
	switch {
	case n >= 6 && (w[n-3:] == "ing" || w[n-3:] == "ies"):
		return n - 3
	case n >= 5 && (w[n-2:] == "es" || w[n-2:] == "ed"):
		return n - 2
	case n >= 4 && w[n-1] == 's':
		return n - 1
	}
	return n
}

// fnv is the 32-bit FNV-1a hash.
func fnv(s string) uint32 {
	h := uint32(2166136261)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}
