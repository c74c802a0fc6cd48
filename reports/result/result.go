// Package result is the tidy evidence of a run: what the runner writes as
// results.json and the one thing that every report reads.
//
// # Words
//
// An arm is a point on the axes score × mine × weight (or `sft`, which is not
// trained further). A cell is (arm, seed, benchmark): one trained checkpoint
// measured on one benchmark. A benchmark is a list of items; an outcome is the
// string of one cell's results over those items. Statuses: done; diverged (the
// loss became NaN or Inf, the last finite checkpoint was measured and counts);
// failed (an infrastructure failure: missing, never imputed); not_run.
//
// # How data enters and leaves
//
// The harness fills a Set from artifacts (Set.Arms … Set.Examples: evidence),
// reports/finding computes Set.Findings, Set.Correlations and
// Verifier.Figures from it, Write makes the file, Read takes it back, strictly.
// The format is named by Schema. Everything in the file is deterministic: no
// time, host, path or rate may enter it. Accuracies, deltas and margins are
// fractions, an undefined number is null (NaN in memory: type Num).
//
// Layout of the file: one JSON object; each top-level key starts a line and
// each element of a top-level list has a line of its own, so that line tools
// and diffs can read it.
//
// # Why
//
// Item outcomes are strings of one digit an item: 10 arms × 10 seeds × 6,319
// items are 632 kB, against 3 MB for JSON arrays, and any language can index
// them. Long evidence (probe samples, labelled solutions) is kept in columns
// for the same reason.
package result

import (
	"encoding/json"
	"math"
)

// Schema names the version of the file format.
const Schema = "hardneg.results/1"

// Num is a float64 whose NaN and infinities are null in JSON.
type Num float64

// NaN is the undefined Num.
func NaN() Num { return Num(math.NaN()) }

// OK says whether the number is defined.
func (n Num) OK() bool { return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) }

// MarshalJSON writes null for an undefined number and no negative zero.
func (n Num) MarshalJSON() ([]byte, error) {
	if !n.OK() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n) + 0)
}

// UnmarshalJSON reads null as NaN.
func (n *Num) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = NaN()
		return nil
	}
	var f float64
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	*n = Num(f)
	return nil
}

// Status of a cell.
type Status string

// The four statuses of a cell; the package comment says what each means.
const (
	Done     Status = "done"
	Diverged Status = "diverged"
	Failed   Status = "failed"
	NotRun   Status = "not_run"
)

// Counts says whether a cell of this status has outcomes that count.
func (s Status) Counts() bool { return s == Done || s == Diverged }

// Set is the whole file.
type Set struct {
	Schema     string          `json:"schema"`
	Name       string          `json:"name"`  // name of the run's spec
	Run        string          `json:"run"`   // <name>-<8 hex>
	About      string          `json:"about"` // one line for people
	Spec       json.RawMessage `json:"spec"`  // resolved
	Arms       []Arm           `json:"arms"`
	Seeds      []int           `json:"seeds"` // planned, in the spec's order
	Benchmarks []Benchmark     `json:"benchmarks"`
	Cells      []Cell          `json:"cells"`
	Items      []Items         `json:"items"`
	Subset     *SubsetRule     `json:"subset"` // how Items.Subset was chosen; nil: no subset

	Probe    []Probe    `json:"probe"`      // one element a seed
	ArmProbe []ArmProbe `json:"arm_probe"`  // run level: arm × seed
	Verifier Verifier   `json:"verifier"`   //
	Training []Training `json:"training"`   // arm × seed
	Mining   []Mining   `json:"mining"`     // distinct mining results
	Cost     []Cost     `json:"cost"`       // counted work by stage
	Prov     Provenance `json:"provenance"` //
	Examples Examples   `json:"examples"`   //

	// Computed by reports/finding from what is above.
	Findings     []Finding     `json:"findings"`
	Correlations []Correlation `json:"correlations"`
	Warnings     []string      `json:"warnings"`      // sentences about the whole run that a report must print
	Parts        []string      `json:"parts_not_run"` // parts of the analysis that lacked arms or evidence
}

// Arm is one arm of the experiment.
type Arm struct {
	Name    string         `json:"name"`
	Trained bool           `json:"trained"`         // false for sft and base models
	About   string         `json:"about,omitempty"` // what sets it apart, one line
	Patch   map[string]any `json:"patch,omitempty"` // dotted stage keys as in the spec
}

// Benchmark is one thing that is measured.
type Benchmark struct {
	Name    string `json:"name"`
	N       int    `json:"n"`
	Samples int    `json:"samples"` // outcomes an item: 1 for greedy decoding
	Split   string `json:"split"`
	Primary string `json:"primary"` // extraction that counts: strict, flexible
	Digest  string `json:"digest"`  // of the questions, in order
}

// Cell is one checkpoint's result on one benchmark.
type Cell struct {
	Arm        string `json:"arm"`
	Seed       int    `json:"seed"`
	Benchmark  string `json:"benchmark"`
	N          int    `json:"n"`
	Correct    int    `json:"correct"` // right outcomes among n × samples
	Accuracy   Num    `json:"accuracy"`
	Strict     Num    `json:"accuracy_strict"` // by strict extraction, beside the primary
	Flexible   Num    `json:"accuracy_flexible"`
	Unparsable int    `json:"unparsable"` // outcomes without a parsable answer, counted wrong
	Truncated  int    `json:"truncated"`  // ended by max_new
	PassAtK    Num    `json:"pass_at_k"`  // null with one sample
	Status     Status `json:"status"`
	Note       string `json:"note,omitempty"` // why it failed, or step and batch where it diverged
}

// Items holds the per-item results of one benchmark.
type Items struct {
	Benchmark string    `json:"benchmark"`
	Path      string    `json:"path,omitempty"` // sibling file with the rows, where they are too many for this one
	IDs       []string  `json:"ids"`
	Clusters  []string  `json:"clusters,omitempty"` // source of variants; absent: every item is its own cluster
	Levels    []int     `json:"levels,omitempty"`
	Subjects  []string  `json:"subjects,omitempty"`
	Subset    []int     `json:"subset,omitempty"` // indices of the near-correct but inconsistent problems
	Outcomes  []Outcome `json:"outcomes"`
}

// Outcome is one cell's results over the items: byte i is the number of right
// samples of item i as a base-36 digit (with one sample 0 or 1), or '-' where
// no answer could be parsed (counted wrong).
type Outcome struct {
	Arm    string `json:"arm"`
	Seed   int    `json:"seed"`
	Marks  string `json:"marks"`
	Strict string `json:"strict,omitempty"` // the same by strict extraction, where it differs
}

// SubsetRule says how the near-correct subset was frozen.
type SubsetRule struct {
	Samples int     `json:"samples"`
	Seed    int     `json:"seed"`
	Share   float64 `json:"share"`
	Digest  string  `json:"digest"` // of the frozen ids
}

// Provenance is what the numbers were made from.
type Provenance struct {
	Commit          string   `json:"commit"`
	Version         string   `json:"version"`
	SpecHash        string   `json:"spec_hash"`
	PreHash         string   `json:"preregistration_hash"` // analysis, claims and seeds, hashed before the first trial
	Exploratory     bool     `json:"exploratory"`          // analysis or claims changed after that
	DeviceClass     string   `json:"device_class"`
	DType           string   `json:"dtype"`
	Model           Digest   `json:"model"`
	Verifier        Digest   `json:"verifier"`
	Data            []Digest `json:"data"`
	TasksTotal      int      `json:"tasks_total"`
	TasksDone       int      `json:"tasks_done"`
	TasksFailed     int      `json:"tasks_failed"`
	TasksBlocked    int      `json:"tasks_blocked,omitempty"` // that needed a failed one
	Rechecked       int      `json:"rechecked,omitempty"`     // in files of earlier versions; see verified.json
	Reproduced      int      `json:"reproduced,omitempty"`
	VerifierOverlap int      `json:"verifier_overlap"` // test questions that the verifier was fitted on
	Overlap         int      `json:"overlap"`          // test questions also found in training data
	Notes           []string `json:"notes,omitempty"`  // what was noticed while the evidence was gathered: sentences that a report must print
}

// Digest names one input.
type Digest struct {
	Name   string `json:"name"`
	Digest string `json:"digest"` // sha256, hex
	Rows   int    `json:"rows,omitempty"`
	Note   string `json:"note,omitempty"`
}
