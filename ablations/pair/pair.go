// Package pair holds the three row types that pass between sampling, scoring,
// mining and weighting: Candidate, Scored and Pair.
//
// A Candidate is one sampled solution. Scored adds the verifier's profile (the
// row format of `hardneg score` with prompt_id and correct beside it). A Pair
// is a preference with its weight: a row of DPO data ({prompt, chosen,
// rejected, weight}) with the scores that led to it.
package pair

// Candidate is one solution that a model wrote for a prompt.
type Candidate struct {
	ID        string  `json:"id"`        // <prompt_id>-<k>
	PromptID  string  `json:"prompt_id"` // problem.Problem.ID
	K         int     `json:"k"`
	Question  string  `json:"question"`
	Solution  string  `json:"solution"`
	Gold      string  `json:"gold,omitempty"`
	Reference string  `json:"reference,omitempty"`
	Tokens    int     `json:"tokens"`
	LogProb   float64 `json:"logprob"` // sum over the completion, under the sampling distribution's temperature 1
	Finish    string  `json:"finish"`  // stop, length, not_finite, prompt_too_long
}

// Profile holds the six error dimensions, each in [0,1].
type Profile struct {
	Sem    float64 `json:"sem"`
	Struct float64 `json:"struct"`
	Order  float64 `json:"order"`
	Logic  float64 `json:"logic"`
	Sym    float64 `json:"sym"`
	Ans    float64 `json:"ans"`
}

// Dims names the dimensions in their fixed order.
var Dims = [6]string{"sem", "struct", "order", "logic", "sym", "ans"}

// At reads dimension i of Dims.
func (p Profile) At(i int) float64 {
	return [6]float64{p.Sem, p.Struct, p.Order, p.Logic, p.Sym, p.Ans}[i]
}

// Set writes dimension i of Dims.
func (p *Profile) Set(i int, v float64) {
	*[6]*float64{&p.Sem, &p.Struct, &p.Order, &p.Logic, &p.Sym, &p.Ans}[i] = v
}

// Finding is one thing the verifier found, with its place in the solution.
type Finding struct {
	Code     string  `json:"code"`
	Dim      string  `json:"dim"`
	Severity float64 `json:"severity"`
	Step     int     `json:"step"`
	Start    int     `json:"start"`
	End      int     `json:"end"`
	Note     string  `json:"note"`
}

// Scored is a candidate with what the verifier says of it.
type Scored struct {
	Candidate
	Correct        bool      `json:"correct"`
	Profile        Profile   `json:"profile"`
	Wrongness      float64   `json:"wrongness"`
	WrongnessProc  float64   `json:"wrongness_proc"`
	WrongnessNone  float64   `json:"wrongness_none"`
	PWrong         float64   `json:"p_wrong"`
	Absurdity      float64   `json:"absurdity"`
	Closeness      *float64  `json:"closeness"`
	HardScore      *float64  `json:"hard_score"`
	Relation       string    `json:"relation,omitempty"`
	Divergence     *float64  `json:"divergence,omitempty"` // mode gold: place of the first result foreign to the reference, 1 = none
	FirstErrorStep int       `json:"first_error_step"`
	StepScores     []float64 `json:"step_scores"`
	Answer         *string   `json:"answer"`
	Findings       []Finding `json:"findings"`
	Mode           string    `json:"mode"`
}

// Pair is a preference row.
type Pair struct {
	ID        string  `json:"id"`
	PromptID  string  `json:"prompt_id"`
	Prompt    string  `json:"prompt"` // the question; formatting is the model's business
	Chosen    string  `json:"chosen"`
	Rejected  string  `json:"rejected"`
	Weight    float64 `json:"weight"`
	Negative  string  `json:"negative,omitempty"` // how the rejected side was picked: hard, fill, random, easy, all, flawed
	ChosenID  string  `json:"chosen_id,omitempty"`
	RejectID  string  `json:"rejected_id,omitempty"`
	Wchosen   float64 `json:"wrongness_chosen"`
	Wrejected float64 `json:"wrongness_rejected"`
	Absurdity float64 `json:"absurdity"`
	Closeness float64 `json:"closeness"`
	HardScore float64 `json:"hard_score"`
	Relation  string  `json:"relation,omitempty"`
}
