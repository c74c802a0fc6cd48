package spec

// Effective is what of an arm's settings has an effect: a setting that nothing
// reads (β without a preference stage, coefficients of uniform weights) is
// zero. Arms with equal effective settings are the same arm, and tasks are
// shared by what is left.
func (s *Spec) Effective(st Stages) Stages {
	if s.Data.Samples != nil {
		st.SFT, st.Sample = nil, Sample{}
	}
	if st.Train == nil || s.Data.Pairs != nil {
		st.Sample, st.Score, st.Mine, st.Weight = Sample{}, Score{}, Mine{}, Weight{}
	}
	if st.Sample.Temperature == 0 {
		st.Sample.TopK, st.Sample.TopP, st.Sample.MinP = 0, 0, 0
	}
	st.Weight.Preset = "" // its coefficients are in Coef
	if st.Weight.Scores == "uniform" {
		st.Weight = Weight{Scores: "uniform"}
	}
	if st.Train != nil {
		t := *st.Train
		if t.Loss == "nll" {
			t.Beta = 0
		}
		if t.Loss == "nll" || t.Loss == "simpo" {
			t.Reference = ""
		}
		if t.Loss != "simpo" {
			t.SimPOGamma = 0
		}
		st.Train = &t
	}
	if st.Eval.Decoding == "greedy" {
		st.Eval.Temperature, st.Eval.TopP = 0, 0
	}
	return st
}
