package cli

import (
	"encoding/json"
	"fmt"
	"math"

	"hardneg/models/verifier"
)

// figure is a number that may not exist: NaN is null in JSON.
type figure float64

func (f figure) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(math.Round(float64(f)*1e6) / 1e6)
}

// UnmarshalJSON reads null as NaN.
func (f *figure) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*f = figure(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(f))
}

// scoreFigures are the figures of one score against the labels.
type scoreFigures struct {
	Name    string `json:"name"`
	AUROC   figure `json:"auroc"`
	Lo      figure `json:"auroc_lo"`
	Hi      figure `json:"auroc_hi"`
	AP      figure `json:"average_precision"`
	Brier   figure `json:"brier"`
	ECE     figure `json:"ece"`
	ECEMass figure `json:"ece_equal_mass"`
	MCC     figure `json:"mcc"`
	Pairs   figure `json:"pair_accuracy"` // right and wrong solution of one question in the right order
	NPairs  int    `json:"n_pairs"`
	Fires   figure `json:"fires"` // share of solutions with a value of at least one half
}

// classFigures are the figures of the wrong solutions of one class against
// all right ones.
type classFigures struct {
	Class  string `json:"class"`
	N      int    `json:"n"`
	AUROC  figure `json:"auroc"`
	Found  figure `json:"first_error_found"`
	Called figure `json:"called_wrong"`
}

// validation is the answer of verifier validate.
type validation struct {
	Verifier     string         `json:"verifier"`
	Format       string         `json:"format"`
	N            int            `json:"n"`
	Wrong        int            `json:"n_wrong"`
	Questions    int            `json:"n_questions"`
	Scores       []scoreFigures `json:"scores"`
	Dims         []scoreFigures `json:"dimensions"`
	NSteps       int            `json:"n_step_labelled"`
	AccError     figure         `json:"acc_error"`
	AccCorrect   figure         `json:"acc_correct"`
	F1           figure         `json:"f1"`
	Localisation figure         `json:"localisation_given_wrong"`
	Chance       figure         `json:"localisation_chance"`
	Classes      []classFigures `json:"classes"`
	Correlation  [6][6]figure   `json:"correlation"`
	HardRight    figure         `json:"hard_findings_on_right"` // share of right solutions with a finding of .6 or more
	HardWrong    figure         `json:"hard_findings_on_wrong"`
	Absurd       [2]figure      `json:"absurd_right_wrong"` // share with absurdity of one half or more
	Codes        []codeFigures  `json:"findings"`
	raw          []verifier.Score
}

// codeFigures says how often a finding fires.
type codeFigures struct {
	Code  string `json:"code"`
	Right figure `json:"right"`
	Wrong figure `json:"wrong"`
}

// print writes the tables for people.
func (r *validation) print(a *App) {
	w := a.Stdout
	fmt.Fprintf(w, "%s on %s: %d solutions, %d wrong, %d questions\n\n", r.Verifier, r.Format, r.N, r.Wrong, r.Questions)
	fmt.Fprintf(w, "%-10s %6s  %-14s %6s %6s %6s %6s %6s %6s\n", "score", "AUROC", "95 %", "AP", "Brier", "ECE", "MCC", "pairs", "fires")
	for _, f := range append(append([]scoreFigures(nil), r.Scores...), r.Dims...) {
		fmt.Fprintf(w, "%-10s %s  [%s, %s] %s %s %s %s %s %s\n", f.Name, cell(f.AUROC), cell(f.Lo), cell(f.Hi), cell(f.AP), cell(f.Brier), cell(f.ECE), cell(f.MCC), cell(f.Pairs), cell(f.Fires))
	}
	fmt.Fprintf(w, "\nfirst error: F1 %s (wrong %s, right %s), localisation given wrong %s (chance %s)\n",
		cell(r.F1), cell(r.AccError), cell(r.AccCorrect), cell(r.Localisation), cell(r.Chance))
	fmt.Fprintf(w, "findings of .6 or more: %s of right, %s of wrong; absurdity of .5 or more: %s, %s\n", cell(r.HardRight), cell(r.HardWrong), cell(r.Absurd[0]), cell(r.Absurd[1]))
	if len(r.Classes) > 0 {
		fmt.Fprintf(w, "\n%-28s %6s %6s %10s %8s\n", "class", "n", "AUROC", "step found", "called")
	}
	for _, c := range r.Classes {
		fmt.Fprintf(w, "%-28s %6d %s %10s %8s\n", c.Class, c.N, cell(c.AUROC), cell(c.Found), cell(c.Called))
	}
	fmt.Fprintf(w, "\n%-22s %6s %6s\n", "finding", "right", "wrong")
	for _, c := range r.Codes {
		fmt.Fprintf(w, "%-22s %s %s\n", c.Code, cell(c.Right), cell(c.Wrong))
	}
}

// cell prints a figure in six columns.
func cell(f figure) string {
	if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
		return "     -"
	}
	return fmt.Sprintf("%6.3f", float64(f))
}
