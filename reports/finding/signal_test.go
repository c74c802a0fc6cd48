package finding

import (
	"math"
	"testing"

	"hardneg/reports/result"
	"hardneg/reports/stats"
)

func correlation(t *testing.T, r *Report, id string) result.Correlation {
	t.Helper()
	for _, c := range r.Correlations {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("no correlation %s", id)
	return result.Correlation{}
}

func TestCorrelations(t *testing.T) {
	s, d := ten(3, 60).set(), design()
	probes(s, 80, 6)
	for i := range s.Probe {
		s.Probe[i].WGold = s.Probe[i].WNone
	}
	for k, a := range []string{"dpo", "full", "random"} {
		for _, sd := range s.Seeds {
			acc := .4 + .1*float64(k) + .01*float64(sd)
			s.ArmProbe = append(s.ArmProbe, result.ArmProbe{Arm: a, Seed: sd, N: 10, WProc: result.Num(1 - acc), WNone: result.Num(.5), Absurdity: result.NaN(), Accuracy: result.Num(acc)})
		}
	}
	d.Correlations, d.Resamples = []string{"wrongness", "absurdity"}, 300
	r := from(t, d, s)

	c := correlation(t, r, "correlation/problem/w_proc/pearson")
	var x, y []float64 // a problem is one row: means over the seeds
	for i := range 80 {
		sx, sy := 0.0, 0.0
		for _, p := range s.Probe {
			sx, sy = sx+float64(p.WProc[i])/3, sy+float64(p.Pass[i])/3
		}
		x, y = append(x, sx), append(y, sy)
	}
	want, err := stats.Pearson(x, y, .95)
	if err != nil || math.Abs(float64(c.R)-want.R) > 1e-12 || c.N != 80 || c.WithAns || c.Greyed {
		t.Errorf("%+v, want %+v", c, want)
	}
	if !(c.Lo < c.R && c.R < c.Hi) || c.Lo == c.LoA || math.Abs(float64(c.LoA)-want.Lo) > 1e-12 {
		t.Errorf("bootstrap [%v, %v], analytic [%v, %v]", c.Lo, c.Hi, c.LoA, c.HiA)
	}
	if c := correlation(t, r, "correlation/problem/w_gold/spearman"); !c.Greyed || !c.WithAns {
		t.Errorf("a score that sees the gold answer is not greyed: %+v", c)
	}
	if c := correlation(t, r, "correlation/solution/w_none/pearson"); c.N != 3*80*6 || c.Units != 80 || c.P.OK() || c.LoA.OK() || !c.Lo.OK() {
		t.Errorf("rows that share problems were taken as independent: %+v", c)
	}
	if c := correlation(t, r, "correlation/run/w_proc/pearson"); c.N != 9 || math.Abs(float64(c.R)+1) > 1e-9 || !has(c.Notes, "descriptive") {
		t.Errorf("%+v", c)
	}
	if c := correlation(t, r, "correlation/run/w_proc/partial_pearson"); math.Abs(float64(c.R)+1) > 1e-9 || c.P.OK() {
		t.Errorf("%+v", c)
	}
	if c := correlation(t, r, "correlation/run/w_none/pearson"); c.R.OK() || !has(c.Notes, "constant_input") {
		t.Errorf("%+v", c)
	}
	d.Correlations = []string{"wrongness"}
	s.Probe, s.ArmProbe = nil, nil
	if r := from(t, d, s); len(r.Correlations) != 0 || !has(r.NotRun, "correlations: no probe samples") {
		t.Error(r.NotRun)
	}
}

func nums(x ...float64) []result.Num {
	out := make([]result.Num, len(x))
	for i, v := range x {
		out[i] = result.Num(v)
	}
	return out
}

func labelled() result.Labelled {
	return result.Labelled{Name: "oracle", Format: "oracle", Wrong: "11110000",
		Problems: []string{"a", "b", "c", "d", "a", "b", "c", "d"},
		Scores: map[string][]result.Num{
			"w_proc": nums(.9, .8, .7, .2, .1, .2, .3, .4), "w_none": nums(.9, .8, .7, .6, .1, .2, .3, .4), "w_gold": nums(1, 1, 1, 1, 0, 0, 0, 0),
			"sem": nums(.5, 0, 0, 0, 0, 0, 0, 0)},
		PWrong:     nums(.9, .8, .7, .2, .1, .2, .3, .6),
		FirstError: []int{1, 2, 0, 3, -1, -1, -1, -1}, Predicted: []int{1, 0, 0, -1, -1, -1, 2, -1},
		Class: []string{"sem", "logic", "logic", "sem", "", "", "", ""}, Threshold: .5}
}

func TestValidate(t *testing.T) {
	all, err := Validate(labelled(), .95)
	if err != nil {
		t.Fatal(err)
	}
	get := func(score, class string) result.Figures {
		for _, f := range all {
			if f.Score == score && f.Class == class {
				return f
			}
		}
		t.Fatalf("no figures of %s %s", score, class)
		return result.Figures{}
	}
	// w_proc: of 16 pairs, the wrong .2 loses to .3 and .4 and ties with .2
	f := get("w_proc", "")
	if math.Abs(float64(f.AUROC)-13.5/16) > 1e-12 || f.NWrong != 4 || f.Problems != 4 || !f.Lo.OK() || f.Lo == f.LoDeLong {
		t.Errorf("%+v", f)
	}
	if f.WithinPr != .75 || f.Fires != 5.0/8 {
		t.Errorf("within %v, fires %v", f.WithinPr, f.Fires)
	}
	if f := get("w_none", ""); f.AUROC != 1 || f.Lo.OK() || math.Abs(float64(f.DiffProc)-2.5/16) > 1e-12 {
		t.Errorf("%+v", f)
	}
	if f := get("w_gold", ""); !f.Greyed {
		t.Error("w_gold is not greyed")
	}
	if f := get("sem", "sem"); f.N != 6 || f.NWrong != 2 || f.AUROC != .75 {
		t.Errorf("%+v", f)
	}
	f = get("p_wrong", "")
	if c := f.Confusion; c == nil || c.TP != 3 || c.FN != 1 || c.FP != 1 || c.TN != 3 || c.MCC != .5 {
		t.Errorf("%+v", f.Confusion)
	}
	if l := f.Local; l == nil || l.AccError != .5 || l.AccCorrect != .75 || l.F1 != .6 {
		t.Errorf("%+v", f.Local)
	}
	if f.Calibration == nil || len(f.Calibration.Reliability) == 0 {
		t.Error("no calibration")
	}
	l := labelled()
	l.Wrong = "00000000"
	if all, err = Validate(l, .95); err != nil || all[0].AUROC.OK() || !has(all[0].Notes, "single_class") {
		t.Error(all, err)
	}
}

func TestLateDesignIsExploratory(t *testing.T) {
	s := ten(3, 60).set()
	s.Prov.Exploratory = true
	r := from(t, design(), s)
	if f := find(t, r, "claim/c1/bench1"); !has(f.Warn, "exploratory") {
		t.Error(f.Warn)
	}
	if !has(r.Warnings, "exploratory: analysis, claims or seeds were changed") {
		t.Error(r.Warnings)
	}
	d := design()
	d.Vary = []string{"train"}
	if r := from(t, d, s); !has(r.Warnings, "the spread over seeds does not contain sft and sample") {
		t.Error(r.Warnings)
	}
}
