package result

// Verdict words; `not_run` is printed "not run".
const (
	Supported    = "supported"
	Negligible   = "negligible"
	Falsified    = "falsified"
	Reversed     = "reversed"
	Inconclusive = "inconclusive"
	Equivalent   = "equivalent"
	VerdictNone  = "not_run"
)

// Kinds of findings.
const (
	KindAccuracy      = "accuracy"      // one arm on one benchmark
	KindDelta         = "delta"         // arm minus a baseline, a column of the main table
	KindClaim         = "claim"         // a declared claim on one benchmark
	KindFactorial     = "factorial"     // mining, weighting, interaction, simple effects
	KindDose          = "dose"          // accuracy lost per noise step
	KindFalsification = "falsification" // verifier minus shuffled, and random's agreement
	KindFilter        = "filter"        // preference against filtering: DPO minus rft
	KindSubset        = "subset"        // near-correct subset
)

// Finding is one number with its scope, interval and count of seeds. Fields
// that do not apply are null or empty. Estimate, SE, Lo, Hi, MDE, Margin and SD
// are fractions.
type Finding struct {
	ID        string             `json:"id"` // stable, e.g. delta/full-dpo/gsm8k
	Kind      string             `json:"kind"`
	Claim     string             `json:"claim,omitempty"` // id of the claim
	Text      string             `json:"text,omitempty"`  // the claim in words
	Arm       string             `json:"arm,omitempty"`
	Baseline  string             `json:"baseline,omitempty"`
	Contrast  map[string]float64 `json:"contrast,omitempty"` // arm → coefficient
	Benchmark string             `json:"benchmark"`          // a name, `combined`, or <name>/subset
	Family    string             `json:"family,omitempty"`
	Test      string             `json:"test,omitempty"` // crossed, paired_t, mcnemar, …
	Scope     string             `json:"scope,omitempty"`

	Estimate Num    `json:"estimate"`
	SE       Num    `json:"se"`
	DF       Num    `json:"df"`
	T        Num    `json:"t"`
	Lo       Num    `json:"lo"`
	Hi       Num    `json:"hi"`
	P        Num    `json:"p"`
	PAdj     Num    `json:"p_adjusted"`
	Adjust   string `json:"adjust,omitempty"` // holm, bh
	Margin   Num    `json:"margin"`
	Upper    Num    `json:"upper_one_sided"` // upper end of the one-sided interval (90 % two-sided)
	PNonSup  Num    `json:"p_nonsuperiority"`
	MDE      Num    `json:"mde"`
	Needed   int    `json:"seeds_needed"` // seeds that would detect the margin, 0 = not attainable or not asked
	SD       Num    `json:"sd_seeds"`
	DZ       Num    `json:"d_z"`
	GZ       Num    `json:"g_z"`
	Wins     int    `json:"wins"` // seeds
	Losses   int    `json:"losses"`
	Ties     int    `json:"ties"`
	NEff     Num    `json:"n_eff"`

	VarSeed     Num `json:"var_seed"`
	VarProblem  Num `json:"var_problem"`
	VarResidual Num `json:"var_residual"`
	MSRatio     Num `json:"ms_ratio"` // own over pooled seed mean square

	SeedsUsed    int   `json:"seeds_used"`
	SeedsPlanned int   `json:"seeds_planned"`
	Missing      []int `json:"missing,omitempty"`
	N            int   `json:"n"` // items, or clusters
	PerSeed      []Num `json:"per_seed,omitempty"`

	Sens *Sensitivity `json:"sensitivity,omitempty"` // appendix; never the headline
	Dose *Dose        `json:"dose,omitempty"`        // of a dose finding

	Verdict string   `json:"verdict,omitempty"`
	Notes   []string `json:"notes,omitempty"`    // machine words, sorted
	Warn    []string `json:"warnings,omitempty"` // the sentences that a report must print
}

// Sensitivity holds the other scopes and tests of a comparison.
type Sensitivity struct {
	PBoth     Num       `json:"p_both"`
	PSeeds    Num       `json:"p_seeds"`
	PProblems Num       `json:"p_problems"`
	PairedT   Num       `json:"p_paired_t"`  // over seed means
	SignFlip  Num       `json:"p_sign_flip"` // exact; null below six seeds, where it cannot reach 0.05
	Floor     Num       `json:"p_sign_flip_floor"`
	Wilcoxon  Num       `json:"p_wilcoxon"`
	McNemar   []McNemar `json:"mcnemar"` // one a seed, for two arms with 0/1 outcomes
}

// McNemar is one seed's comparison of two checkpoints.
type McNemar struct {
	Seed   int `json:"seed"`
	B      int `json:"b"` // won: the arm is right, the baseline wrong
	C      int `json:"c"` // lost
	Both   int `json:"both"`
	None   int `json:"neither"`
	PExact Num `json:"p_exact"`
	PMid   Num `json:"p_mid"`
	Lo     Num `json:"lo"` // Bonett–Price
	Hi     Num `json:"hi"`
}

// Dose is the noise curve behind a dose finding, from no noise to most.
type Dose struct {
	Arms     []string `json:"arms"`
	Sigma    []Num    `json:"sigma"` // null for the permuted end
	Accuracy []Num    `json:"accuracy"`
	PageL    Num      `json:"page_l"`
	PageP    Num      `json:"page_p"`
	Spearman []Num    `json:"spearman"` // noise step against accuracy, one a seed
}

// Correlation is one association between a score and an outcome.
type Correlation struct {
	ID      string   `json:"id"`
	Level   string   `json:"level"` // solution, problem, run
	Score   string   `json:"score"` // w_proc, w_none, w_gold, absurdity
	WithAns bool     `json:"with_s_ans"`
	Outcome string   `json:"outcome"`
	Method  string   `json:"method"` // pearson, spearman, kendall
	Seed    string   `json:"seed"`   // a seed, or all
	N       int      `json:"n"`
	Units   int      `json:"units"` // clusters of the bootstrap
	R       Num      `json:"r"`
	P       Num      `json:"p"`
	Lo      Num      `json:"lo"` // cluster bootstrap by problem where it was run, else the analytic one
	Hi      Num      `json:"hi"`
	LoA     Num      `json:"lo_analytic"`
	HiA     Num      `json:"hi_analytic"`
	Greyed  bool     `json:"greyed"` // sees the gold answer, supports no claim
	Notes   []string `json:"notes,omitempty"`
}
