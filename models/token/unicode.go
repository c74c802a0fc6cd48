package token

// newLetter and newNumber are what later Unicode versions than Go's tables
// class as letters and numbers.
func newLetter(r rune) bool { return false }
func newNumber(r rune) bool { return false }
