package verifier

// Dim is one of the six error dimensions, in their fixed order.
type Dim int

// The six dimensions.
const (
	Sem Dim = iota
	Struct
	Order
	Logic
	Sym
	Ans
	NumDims
)

// String is the name that files and tables use.
func (d Dim) String() string {
	return [...]string{"sem", "struct", "order", "logic", "sym", "ans", "all"}[d]
}

// Indices of the features of a solution. Those of one dimension lie together.
const (
	// sem
	fUnused    = iota // share of question quantities in no expression
	fUnmention        // share of question quantities nowhere in the solution
	fUnusedNum        // share of the question's numerals in no expression
	fCntUnused        // their count, at most 4
	fQCover           // share of the question's content stems found in the solution
	fNewStems         // share of the solution's content stems that the question lacks
	fAskLast          // the asked noun is in the last step
	fAskAny           // or in the last three
	fLeftNoSub        // "left" or "remain" in the question, no subtraction
	fPctNoOp          // percent in the question, neither * nor /
	fEachNoMul        // "each", "per", "every" in the question, no *
	fPctCompl         // the complement of a percent is used
	fShareAdd         // shares of operators
	fShareSub         //
	fShareMul         //
	fShareDiv         //
	fUnsourced        // share of unsourced operands
	fMisquote         // misquoted numbers, at most 3
	// struct
	fNoAnswer
	fTruncated
	fSteps
	fLogSteps
	fRepeat
	fLogWords
	fEquations
	fNoEquation
	fOpsPerQty
	fOpsMinusQty
	fNoWork
	fUnanchored // the answer stands behind no marker
	// order
	fBefore
	fStepNumber
	fUnsrcShare
	fUnsrcCount
	fSoftSource
	// logic
	fContra
	fNoteText
	fDangShare
	fDangCount
	fAnsDerived
	fAnsLast
	fRedundant
	fLabelContra
	// sym
	fBadShare
	fBadCount
	fMaxErr
	fSoftShare
	fBadIdentity
	// ans
	fAnsMissing
	fAnsInQ
	fAnsNeg
	fAnsFrac
	fAnsCents
	fAnsZero
	fAnsRatio
	fAnsBig
	fAnsSmall
	fNegCount
	fNonIntCount
	fNonIntShare
	fBigCount
	fAnsCountFrac
	fAnsUnread
	fAnsOff // the answer is the result of no step, though there are results
	// ans, mode consensus only
	fPeerEqual
	fPeerTop
	// context
	fQLen
	fQSentences
	fQNumbers
	fQLeft
	fQMore
	fQPct
	fQFrac
	fQMult
	fQEach
	numFeatures
)

// headColumns are the features that the head of a dimension reads. The
// consensus features are apart from ans, context comes last. Sem also reads
// the type and size of the answer and of the results: a fraction of a person
// or a negative price comes of a misread question more often than of a
// miscopied answer.
func headColumns(d Dim) []int {
	switch d {
	case Sem:
		return append(indices(fUnused, fNoAnswer), fAnsNeg, fAnsFrac, fAnsCents, fAnsZero, fAnsRatio, fAnsBig, fAnsSmall, fAnsCountFrac,
			fNegCount, fNonIntCount, fNonIntShare, fBigCount)
	case Struct:
		return indices(fNoAnswer, fBefore)
	case Order:
		return indices(fBefore, fContra)
	case Logic:
		return indices(fContra, fBadShare)
	case Sym:
		return indices(fBadShare, fAnsMissing)
	}
	return indices(fAnsMissing, fPeerEqual)
}

// indices lists lo … hi-1.
func indices(lo, hi int) []int {
	out := make([]int, 0, hi-lo)
	for i := lo; i < hi; i++ {
		out = append(out, i)
	}
	return out
}

// FeatureNames lists the features in order; a verifier file must name the
// same ones.
func FeatureNames() []string {
	return []string{
		"unused", "unmentioned", "unused_numerals", "unused_count", "question_cover", "new_stems", "asked_last", "asked_any",
		"left_no_sub", "percent_no_op", "each_no_mul", "percent_complement", "share_add", "share_sub", "share_mul", "share_div",
		"unsourced", "misquote",
		"no_answer", "truncated", "steps", "log_steps", "repeat", "log_words", "equations", "no_equation", "ops_per_quantity",
		"ops_minus_quantities", "no_work", "unanchored",
		"before_derived", "step_number", "unsourced_share", "unsourced_count", "soft_source",
		"contradictions", "note_text", "dangling_share", "dangling_count", "answer_derived", "answer_last", "redundant", "label_contradictions",
		"bad_share", "bad_count", "max_error", "soft_share", "bad_identity",
		"answer_missing", "answer_in_question", "answer_negative", "answer_fraction", "answer_cents", "answer_zero",
		"answer_ratio", "answer_big", "answer_small", "negative_count", "non_integer_count", "non_integer_share", "big_count",
		"answer_uncountable", "answer_unread", "answer_off",
		"peers_equal", "peers_top",
		"q_length", "q_sentences", "q_quantities", "q_left", "q_more", "q_percent", "q_fraction", "q_multiple", "q_each",
	}
}

// Indices of the counts of one step.
const (
	sEquations = iota
	sBad
	sUnsourced
	sSoft
	sBefore
	sContra
	sNegative
	sNonInt
	sRepeat
	sOps
	sNewQty
	sNumbers
	sNovel
	sUsesPrev
	sBig
	sRedundant
	sWords
	sMisquote
	sDangling
	numStepCounts
)

// stepCounts are the raw counts that the step head reads.
type stepCounts [numStepCounts]float64
