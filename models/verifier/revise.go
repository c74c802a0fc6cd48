package verifier

// Revise gives the wrongness of a profile that an ablation changed: W_proc of
// the changed profile, and W_none moved by as much as the five dimensions that
// read no answer moved it. The answer dimension of a profile belongs to its
// mode, so W_none's own share of it is kept as it was: none is its old value.
func (v *Verifier) Revise(old, changed Profile, none float64) (proc, noneNew float64) {
	if v.model == nil {
		keep := func(p Profile) float64 {
			k := 1.0
			for d := Sem; d < Ans; d++ {
				k *= 1 - p[d]
			}
			return k
		}
		was, is := keep(old), keep(changed)
		answer := 1 - none // all of it, where the old process left nothing
		if was > 0 {
			answer = min(1, (1-none)/was)
		}
		return 1 - is, 1 - is*answer
	}
	m := v.model
	z := logit(none)
	for d := Sem; d < Ans; d++ {
		z += m.None.A[d] * (logit(changed[d]) - logit(old[d]))
	}
	return sigmoid(m.Proc.logit(&changed)), sigmoid(z)
}
