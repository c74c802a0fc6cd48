package verifier

// Code names a kind of finding.
type Code string

// The findings. What each one means, and its severity, stands where it fires.
const (
	CodeArith         Code = "arith"
	CodeAlgebra       Code = "algebra"
	CodeNoteText      Code = "note-text"
	CodeExprContra    Code = "expr-contradiction"
	CodeVarContra     Code = "var-contradiction"
	CodeLabelContra   Code = "label-contradiction"
	CodeSolution      Code = "solution-check"
	CodeNotDerived    Code = "answer-not-derived"
	CodeNotLast       Code = "answer-not-last"
	CodeBefore        Code = "before-derived"
	CodeStepNumber    Code = "step-number"
	CodeUnsourced     Code = "unsourced"
	CodeMisquote      Code = "misquote"
	CodeUnused        Code = "unused-quantity"
	CodeAskedUnit     Code = "asked-unit"
	CodeNoAnswer      Code = "no-answer"
	CodeTruncated     Code = "truncated"
	CodeRepeat        Code = "repeat"
	CodeLoop          Code = "loop"
	CodeNoWork        Code = "no-work"
	CodeWrongAnswer   Code = "wrong-answer" // mode gold only
	CodeGarbage       Code = "garbage"
	CodeDivZero       Code = "division-by-zero"
	CodeNegAnswer     Code = "negative-answer"
	CodeProbability   Code = "probability-range"
	CodeMagnitude     Code = "magnitude"
	CodeCents         Code = "fractional-cents"
	CodeFractionCount Code = "fractional-count"
	CodeNegStep       Code = "negative-count"
	CodeZeroAnswer    Code = "zero-answer"
	CodeUnitKind      Code = "unit-kind"
	CodePercentRange  Code = "percent-range"
)

// Dim is the dimension that a finding belongs to; implausible answers belong
// to ans.
func (c Code) Dim() Dim {
	switch c {
	case CodeArith, CodeAlgebra, CodeDivZero:
		return Sym
	case CodeNoteText, CodeExprContra, CodeVarContra, CodeLabelContra, CodeSolution, CodeNotDerived, CodeNotLast:
		return Logic
	case CodeBefore, CodeStepNumber, CodeUnsourced:
		return Order
	case CodeMisquote, CodeUnused, CodeAskedUnit:
		return Sem
	case CodeNoAnswer, CodeTruncated, CodeRepeat, CodeLoop, CodeNoWork, CodeGarbage:
		return Struct
	}
	return Ans
}

// hardSeverity is the severity from which a finding decides its dimension.
const hardSeverity = .6

// Finding is one thing found in a solution. Start and End are byte offsets
// into the solution, or into its steps joined by line feeds.
type Finding struct {
	Code     Code
	Dim      Dim
	Severity float64
	Step     int
	Start    int
	End      int
	Note     string
}

// Profile holds the six error dimensions, indexed by Dim, each in [0,1].
type Profile [NumDims]float64
