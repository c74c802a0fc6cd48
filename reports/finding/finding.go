// Package finding turns evidence into findings: every number of a report with
// its scope, interval, count of seeds, adjusted p and verdict, computed once
// and rendered many times.
//
// # Words
//
// A design is what was declared before the first trial: baselines, margin,
// families, claims, and which arm plays which role. A finding is one number
// (result.Finding). A verdict is supported, negligible, falsified, reversed,
// inconclusive or not_run; for an equivalence claim equivalent, inconclusive
// or not_run. "No difference" is no verdict: only equivalence may say so. A
// warning is a sentence that a report must print beside the number.
//
// # How data enters and leaves
//
// From takes a Design and a result.Set and returns a Report: the same findings
// once flat (Report.Findings, written back into results.json by Apply) and
// once in the order of the page. What a part needs and does not have makes it
// not_run, never an error. format.go writes numbers, so that two renderers
// cannot disagree.
//
// # Why
//
// A verdict of the confirmatory family needs the interval and the adjusted p:
// an interval that excludes 0 while Holm's p does not reach alpha is called
// inconclusive. The falsified verdict rests on the one-sided interval alone,
// as declared. Family sizes come from the design, so a failed trial cannot
// make the others significant.
package finding

import (
	"hardneg/reports/result"
)

// Families of findings.
const (
	Confirmatory = "confirmatory" // Holm
	Exploratory  = "exploratory"  // Benjamini–Hochberg
	Factorial    = "factorial"    // Holm
	DoseFamily   = "dose"         // Holm
	SubsetFamily = "subset"       // Holm
)

// Combined is the benchmark that holds all of them as strata.
const Combined = "combined"

// SubsetSuffix marks the near-correct subset of a benchmark.
const SubsetSuffix = "/subset"

// Design is what was declared.
type Design struct {
	Scope        string   // both, seeds, problems
	Pool         []string // trained arms whose seed variance is pooled; empty = no pool
	Level, Alpha float64
	Margin       float64 // fraction
	Baselines    []string
	Strata       string // size, equal
	Resamples    int    // of the cluster bootstrap; 0 = leave it out
	Seed         uint64
	Vary         []string // stages that vary over seeds; empty = all
	Claims       []Claim
	Roles        Roles
	Correlations []string // of wrongness, absurdity
}

// Claim is one declared claim.
type Claim struct {
	ID, Text   string
	Test       string   // "A > B" or "A ~ B"
	Benchmarks []string // empty = all and combined
	Family     string   // confirmatory, exploratory; "" = confirmatory
	Margin     float64  // fraction; 0 = the design's
}

// Roles says which arm plays which part; "" = none does.
type Roles struct {
	SFT, DPO, Full, MineOnly, WtOnly string
	Random, Shuffled, RFT            string
	Noise                            []Dose // by rising sigma, without the noise-free end
	ShuffledProfile                  string // right end of the noise curve
}

// Dose is one noisy arm.
type Dose struct {
	Arm   string
	Sigma float64
}

// Report is all findings in the order in which they are read.
type Report struct {
	Design     Design
	Benchmarks []string // names, then combined, then subsets
	Main       []Row
	Claims     []ClaimResult
	Factorial  []FactorialPart
	Dose       []*result.Finding
	Falsify    []FalsifyPart
	Filter     []*result.Finding // preference against filtering alone
	Subset     []*result.Finding // the subset family

	Correlations []result.Correlation
	Verifier     []result.Figures
	Findings     []*result.Finding // all of the above, in order, without repetition
	Warnings     []string          // sentences about the whole run
	NotRun       []string          // parts that had no arms, and which
}

// Row is one line of the main table: an arm on a benchmark.
type Row struct {
	Arm       string
	Benchmark string
	Accuracy  *result.Finding
	Deltas    []*result.Finding // one a baseline of the design; nil where the arm is the baseline
}

// ClaimResult is a claim with one finding a benchmark.
type ClaimResult struct {
	Claim    Claim
	Findings []*result.Finding
}

// FactorialPart is mining × weighting on one benchmark.
type FactorialPart struct {
	Benchmark                      string
	Mining, Weighting, Interaction *result.Finding
	Simple                         []*result.Finding // where the interaction's interval excludes 0
}

// FalsifyPart is the control of the signal on one benchmark.
type FalsifyPart struct {
	Benchmark string
	Control   *result.Finding // full minus shuffled
	Random    *result.Finding // full minus random; nil without that arm
	Agree     bool            // both have the same verdict
}

// From computes every finding that the evidence allows.
func From(d Design, s *result.Set) (*Report, error) {
	b, err := newBuilder(d, s)
	if err != nil {
		return nil, err
	}
	b.accuracies()
	b.deltas()
	b.claims()
	b.factorial()
	b.dose()
	b.falsify()
	b.filter()
	b.adjust()
	b.judge()
	if err := b.signal(); err != nil {
		return nil, err
	}
	b.warn()
	return b.report, nil
}

// Apply writes the findings back into the evidence.
func (r *Report) Apply(s *result.Set) {
	s.Findings = s.Findings[:0]
	for _, f := range r.Findings {
		s.Findings = append(s.Findings, *f)
	}
	s.Correlations, s.Verifier.Figures = r.Correlations, r.Verifier
	s.Warnings, s.Parts = r.Warnings, r.NotRun
}
