package result

// Probe holds the scores of one seed's samples on the probe problems. The
// samples of a problem are split in two: the scores of one half are averaged,
// the outcomes of the other half give the pass rate, so that score and outcome
// never come from the same samples. Columns have one element a problem.
type Probe struct {
	Seed      int      `json:"seed"`
	Data      string   `json:"data"` // data role
	Problems  []string `json:"problems"`
	WProc     []Num    `json:"w_proc"` // mean over the scored half, without s_ans
	WNone     []Num    `json:"w_none"` // with s_ans, blind to the gold answer
	WGold     []Num    `json:"w_gold,omitempty"`
	Absurdity []Num    `json:"absurdity"`
	Pass      []Num    `json:"pass"`   // pass rate of the other half
	Scored    []int    `json:"scored"` // samples in the first half
	Others    []int    `json:"others"` // samples in the second half

	Solutions *Solutions `json:"solutions,omitempty"` // single samples, for the solution level
}

// Solutions holds single samples in columns; Problem indexes Probe.Problems,
// byte i of Correct is '1' where sample i has the right answer.
type Solutions struct {
	Problem   []int  `json:"problem"`
	WProc     []Num  `json:"w_proc"`
	WNone     []Num  `json:"w_none"`
	Absurdity []Num  `json:"absurdity"`
	Correct   string `json:"correct"`
}

// ArmProbe is the run level: mean scores of one checkpoint's own held-out
// samples beside its accuracy on a benchmark.
type ArmProbe struct {
	Arm       string `json:"arm"`
	Seed      int    `json:"seed"`
	Benchmark string `json:"benchmark"` // whose outputs were scored
	N         int    `json:"n"`
	WProc     Num    `json:"w_proc"`
	WNone     Num    `json:"w_none"`
	Absurdity Num    `json:"absurdity"`
	Accuracy  Num    `json:"accuracy"`
}

// Verifier is the validation of the verifier against independent labels.
type Verifier struct {
	File     string     `json:"file"` // builtin, rules or a name
	Labelled []Labelled `json:"labelled"`
	Figures  []Figures  `json:"figures"` // computed from Labelled, one a labelled set and score

	Disagreements []Disagreements `json:"disagreements,omitempty"` // solutions to read, one element a set
}

// Disagreements are solutions of which the verifier and a label say different
// things: at the stored threshold the verifier objects to a right one (a false
// alarm), or to none of a wrong one (a miss). Examples are the most confident
// ones, false alarms first.
type Disagreements struct {
	Set         string         `json:"set"`
	Format      string         `json:"format"` // who labelled: oracle, answer (the final answer against gold), or the format of a published set
	N           int            `json:"n"`      // solutions
	FalseAlarms int            `json:"false_alarms"`
	Misses      int            `json:"misses"`
	Threshold   Num            `json:"threshold"` // of p_wrong
	Examples    []Disagreement `json:"examples"`
}

// Disagreement is one of them.
type Disagreement struct {
	ID         string         `json:"id"`
	Problem    string         `json:"problem"`
	Wrong      bool           `json:"wrong"` // what the label says: true is a miss, false a false alarm
	PWrong     Num            `json:"p_wrong"`
	Wrongness  Num            `json:"wrongness"` // without the answer dimension
	Absurdity  Num            `json:"absurdity"`
	Dims       map[string]Num `json:"dims"`
	FirstError int            `json:"first_error"`     // the label's, counted from 0; -1 = none or not known
	Predicted  int            `json:"predicted"`       // the verifier's
	Class      string         `json:"class,omitempty"` // of the error, by the label
	Question   string         `json:"question"`
	Solution   string         `json:"solution"`
	Findings   []Mark         `json:"findings"`
}

// Labelled is one labelled set in columns, one element a solution. Scores maps
// w_proc, w_none, w_cons, w_gold, absurdity, sem, struct, order, logic, sym,
// ans to a column each (higher = more wrong); any may be absent.
type Labelled struct {
	Name       string           `json:"name"`
	Format     string           `json:"format"`
	Problems   []string         `json:"problems"` // cluster of each solution
	Wrong      string           `json:"wrong"`    // '1' where the label says wrong
	Scores     map[string][]Num `json:"scores"`
	PWrong     []Num            `json:"p_wrong,omitempty"`     // calibrated probability
	FirstError []int            `json:"first_error,omitempty"` // labelled first wrong step, -1 = none
	Predicted  []int            `json:"predicted,omitempty"`   // the verifier's
	Class      []string         `json:"class,omitempty"`       // dimension or error class of the label, "" = none
	Threshold  Num              `json:"threshold"`             // stored decision threshold of p_wrong, for the confusion
}

// Figures is what one score is worth on one labelled set.
type Figures struct {
	Set      string   `json:"set"`
	Score    string   `json:"score"`
	Class    string   `json:"class,omitempty"` // "" = all; else wrong rows of this class against right rows
	N        int      `json:"n"`
	NWrong   int      `json:"n_wrong"`
	Problems int      `json:"problems"`
	AUROC    Num      `json:"auroc"`
	Lo       Num      `json:"lo"` // clustered (Obuchowski) where problems repeat, else DeLong
	Hi       Num      `json:"hi"`
	SE       Num      `json:"se"`
	LoDeLong Num      `json:"lo_delong"`
	HiDeLong Num      `json:"hi_delong"`
	AP       Num      `json:"average_precision"`
	Fires    Num      `json:"fires"` // share of solutions with a score of 0.3 or more
	WithinPr Num      `json:"within_problem_pairs"`
	DiffProc Num      `json:"diff_w_proc"` // AUROC minus that of w_proc, paired DeLong
	DiffP    Num      `json:"diff_p"`
	Greyed   bool     `json:"greyed"` // w_gold: sees the gold answer, supports no claim
	Notes    []string `json:"notes,omitempty"`

	Calibration *Calibration `json:"calibration,omitempty"`
	Local       *Local       `json:"localisation,omitempty"`
	Confusion   *Confusion   `json:"confusion,omitempty"`
}

// Calibration of a probability; ten bins of equal width.
type Calibration struct {
	Brier       Num   `json:"brier"`
	ECE         Num   `json:"ece"`
	Reliability []Bin `json:"reliability"`
}

// Bin is a point of the reliability plot.
type Bin struct {
	Bin        int `json:"bin"`
	N          int `json:"n"`
	Confidence Num `json:"confidence"`
	Accuracy   Num `json:"accuracy"`
}

// Local is first-error localisation as ProcessBench counts it.
type Local struct {
	NError     int `json:"n_error"`
	NCorrect   int `json:"n_correct"`
	AccError   Num `json:"acc_error"`
	AccCorrect Num `json:"acc_correct"`
	F1         Num `json:"f1"`
}

// Confusion at the stored threshold.
type Confusion struct {
	TP  int `json:"tp"`
	FP  int `json:"fp"`
	TN  int `json:"tn"`
	FN  int `json:"fn"`
	MCC Num `json:"mcc"`
}

// Training is what one arm's training on one seed looked like. Curves have at
// most 60 points, each the mean over its stretch of steps.
type Training struct {
	Arm   string `json:"arm"`
	Seed  int    `json:"seed"`
	Loss  string `json:"loss"` // sigmoid, nll, …
	Steps int    `json:"steps"`
	Pairs int    `json:"pairs"` // training pairs (or sequences for sft)
	Left  int    `json:"left_out"`
	Curve Curve  `json:"curve"`

	FinalLoss     Num `json:"final_loss"`
	FinalMargin   Num `json:"final_margin"`
	FinalAccuracy Num `json:"final_accuracy"` // share of pairs with a positive margin
	DivergedAt    int `json:"diverged_at"`    // step, -1 = never

	Weights   Histogram `json:"weights"`
	MeanW     Num       `json:"mean_weight"`
	ESS       Num       `json:"ess"`             // (Σw)²/Σw²
	Overlap   Num       `json:"overlap_full"`    // share of its pairs that full has too
	RankClean Num       `json:"spearman_clean"`  // Spearman of its W with the verifier's
	AUROC     Num       `json:"auroc_of_scores"` // of its W on the labelled set
	Status    Status    `json:"status"`
}

// Curve holds the step curves; all columns have the length of Step, an absent
// column is empty.
type Curve struct {
	Step     []int `json:"step"` // last step of the stretch
	Loss     []Num `json:"loss"`
	Margin   []Num `json:"margin,omitempty"`
	Accuracy []Num `json:"accuracy,omitempty"`
	Chosen   []Num `json:"reward_chosen,omitempty"`
	Rejected []Num `json:"reward_rejected,omitempty"`
	GradNorm []Num `json:"grad_norm,omitempty"`
	LR       []Num `json:"lr,omitempty"`
}

// Histogram has one count a bin; bin i spans Edges[i] to Edges[i+1].
type Histogram struct {
	Edges  []float64 `json:"edges"`
	Counts []int     `json:"counts"`
}

// Mining says what became of one seed's samples under one mining rule.
type Mining struct {
	Arms      []string       `json:"arms"` // arms that use this result
	Seed      int            `json:"seed"`
	Negatives string         `json:"negatives"`
	Prompts   int            `json:"prompts"`
	WithPairs int            `json:"with_pairs"`
	Samples   int            `json:"samples"`
	Distinct  int            `json:"distinct"` // after deduplication
	Right     int            `json:"right"`
	Wrong     int            `json:"wrong"`
	Hard      int            `json:"hard"` // wrong, close enough and not absurd
	Pairs     int            `json:"pairs"`
	ByKind    map[string]int `json:"by_kind"`  // Pair.Negative → count
	Fallback  int            `json:"fallback"` // chosen side is the reference
	Skipped   int            `json:"skipped"`
	Dims      map[string]Num `json:"mean_dims"` // mean profile of the rejected sides
	Absurdity Num            `json:"mean_absurdity"`
	Wrongness Num            `json:"mean_wrongness"`
	Closeness Num            `json:"mean_closeness"`
}

// Cost is the counted work of one stage; times are not here.
type Cost struct {
	Stage  string  `json:"stage"`
	Tasks  int     `json:"tasks"`
	Steps  int64   `json:"steps"`
	Tokens int64   `json:"tokens"`
	FLOPs  float64 `json:"flops"`
	Rows   int64   `json:"rows"`
}

// Examples are texts for people.
type Examples struct {
	Items []ItemExample `json:"items"`
	Pairs []PairExample `json:"pairs"`
}

// ItemExample is a test item that an arm won or lost against a baseline.
type ItemExample struct {
	Benchmark string `json:"benchmark"`
	Item      string `json:"item"`
	Seed      int    `json:"seed"`
	Arm       string `json:"arm"`
	Baseline  string `json:"baseline"`
	Won       bool   `json:"won"` // the arm is right and the baseline wrong; false: the reverse
	Question  string `json:"question"`
	Gold      string `json:"gold"`
	ArmText   string `json:"arm_text"`
	BaseText  string `json:"baseline_text"`
	ArmAnswer string `json:"arm_answer"`
	BaseAnsw  string `json:"baseline_answer"`
	Level     int    `json:"level,omitempty"`
}

// PairExample is a mined pair with what the verifier says of its rejected side.
type PairExample struct {
	Arm       string         `json:"arm"`
	Seed      int            `json:"seed"`
	Question  string         `json:"question"`
	Chosen    string         `json:"chosen"`
	Rejected  string         `json:"rejected"`
	Weight    Num            `json:"weight"`
	Negative  string         `json:"negative"`
	Wrongness Num            `json:"wrongness"`
	Absurdity Num            `json:"absurdity"`
	Closeness Num            `json:"closeness"`
	Dims      map[string]Num `json:"dims"`
	Findings  []Mark         `json:"findings"`
}

// Mark is a stretch of a text (byte offsets) with what the verifier finds wrong
// about it.
type Mark struct {
	Code     string `json:"code"`
	Dim      string `json:"dim"`
	Severity Num    `json:"severity"`
	Step     int    `json:"step"`
	Start    int    `json:"start"`
	End      int    `json:"end"`
	Note     string `json:"note"`
}
