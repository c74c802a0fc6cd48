package cli

import (
	"cmp"
	"slices"

	"hardneg/experiments/spec"
	"hardneg/reports/finding"
)

// designOf turns what the spec declares into the design of the analysis. Which
// arm plays which part follows from its settings, not from its name.
func designOf(s *spec.Spec) finding.Design {
	a := s.Analysis
	d := finding.Design{
		Scope: a.Scope, Level: a.Level, Alpha: a.Alpha, Margin: a.Margin / 100, Baselines: a.Baselines,
		Strata: a.Strata, Resamples: a.Resamples, Seed: uint64(a.Seed), Vary: s.Seeds.Vary, Roles: roles(s),
	}
	switch a.Pool.Kind {
	case "trained":
		for _, arm := range s.Arms {
			if arm.Stages.Train != nil {
				d.Pool = append(d.Pool, arm.Name)
			}
		}
	case "arms":
		d.Pool = a.Pool.Arms
	}
	for _, c := range s.Claims {
		d.Claims = append(d.Claims, finding.Claim{ID: c.ID, Text: c.Text, Test: c.Test, Benchmarks: c.Benchmarks, Family: c.Family, Margin: c.Margin / 100})
	}
	if a.Correlations != nil {
		d.Correlations = a.Correlations.X
	}
	return d
}

func roles(s *spec.Spec) (r finding.Roles) {
	for _, arm := range s.Arms {
		st := arm.Stages
		if st.Train == nil {
			r.SFT = cmp.Or(r.SFT, arm.Name)
			continue
		}
		clean := st.Score.Profile == "verifier"
		point := st.Mine.Negatives + "/" + st.Weight.Scores
		switch {
		case st.Score.Profile == "noisy" && point == "hard/verifier":
			r.Noise = append(r.Noise, finding.Dose{Arm: arm.Name, Sigma: st.Score.Sigma})
		case st.Score.Profile == "shuffled":
			r.ShuffledProfile = cmp.Or(r.ShuffledProfile, arm.Name)
		case clean && st.Train.Loss == "nll":
			r.RFT = cmp.Or(r.RFT, arm.Name)
		case clean && point == "random/uniform":
			r.DPO = cmp.Or(r.DPO, arm.Name)
		case clean && point == "hard/uniform":
			r.MineOnly = cmp.Or(r.MineOnly, arm.Name)
		case clean && point == "random/verifier":
			r.WtOnly = cmp.Or(r.WtOnly, arm.Name)
		case clean && point == "hard/verifier":
			r.Full = cmp.Or(r.Full, arm.Name)
		case clean && point == "hard/random":
			r.Random = cmp.Or(r.Random, arm.Name)
		case clean && point == "hard/shuffled":
			r.Shuffled = cmp.Or(r.Shuffled, arm.Name)
		}
	}
	slices.SortStableFunc(r.Noise, func(a, b finding.Dose) int { return cmp.Compare(a.Sigma, b.Sigma) })
	return r
}
