package stats

import (
	"math"
)

// Verdict words of section "falsification": see Verdict.
const (
	VerdictReversed     = "reversed"
	VerdictNegligible   = "negligible"
	VerdictSupported    = "supported"
	VerdictFalsified    = "falsified"
	VerdictInconclusive = "inconclusive"
)

// Effect is an estimate with what is needed to test it against a margin.
type Effect struct {
	Estimate, SE, DF float64
	Margin, Alpha    float64 // Alpha 0 = 0.05
}

func (e Effect) check() (Effect, error) {
	if e.Alpha == 0 {
		e.Alpha = DefaultAlpha
	}
	if !finite(e.Estimate) || !(e.SE > 0) || !(e.DF > 0) || !(e.Margin >= 0) || !(e.Alpha > 0 && e.Alpha < 1) {
		return e, bad("estimate %v, se %v, df %v, margin %v, alpha %v", e.Estimate, e.SE, e.DF, e.Margin, e.Alpha)
	}
	return e, nil
}

// TOSTResult is the answer of two one-sided tests.
type TOSTResult struct {
	PLower     float64 `json:"p_lower"`
	PUpper     float64 `json:"p_upper"`
	P          float64 `json:"p"`
	Lo         float64 `json:"lo"` // 1-2α interval
	Hi         float64 `json:"hi"`
	Equivalent bool    `json:"equivalent"`
}

// TOST tests whether the effect lies within ± margin.
func TOST(e Effect) (TOSTResult, error) {
	e, err := e.check()
	if err != nil {
		return TOSTResult{}, err
	}
	d := student(e.DF)
	r := TOSTResult{PLower: tailT(d, (e.Estimate+e.Margin)/e.SE), PUpper: tailT(d, -(e.Estimate-e.Margin)/e.SE)}
	h := d.Quantile(1-e.Alpha) * e.SE
	r.P, r.Lo, r.Hi = math.Max(r.PLower, r.PUpper), e.Estimate-h, e.Estimate+h
	r.Equivalent = r.P < e.Alpha
	return r, nil
}

// VerdictResult says what an interval allows to say against a margin.
type VerdictResult struct {
	Verdict         string  `json:"verdict"`
	Lo              float64 `json:"lo"`
	Hi              float64 `json:"hi"`
	UpperOneSided   float64 `json:"upper_one_sided"`
	PSuperiority    float64 `json:"p_superiority"`
	PNonsuperiority float64 `json:"p_nonsuperiority"`
}

// Verdict: with [L, U] the 1-α interval and u the upper end of the 1-2α one,
// U<0 reversed; L>0 and u<margin negligible; L>0 supported; u<margin falsified
// (a gain of the margin is excluded); else inconclusive.
func Verdict(e Effect) (VerdictResult, error) {
	e, err := e.check()
	if err != nil {
		return VerdictResult{}, err
	}
	d := student(e.DF)
	h, g := d.Quantile(1-e.Alpha/2)*e.SE, d.Quantile(1-e.Alpha)*e.SE
	r := VerdictResult{Lo: e.Estimate - h, Hi: e.Estimate + h, UpperOneSided: e.Estimate + g}
	r.PSuperiority = tP(e.Estimate/e.SE, e.DF, TwoSided)
	r.PNonsuperiority = tailT(d, -(e.Estimate-e.Margin)/e.SE)
	switch {
	case r.Hi < 0:
		r.Verdict = VerdictReversed
	case r.Lo > 0 && r.UpperOneSided < e.Margin:
		r.Verdict = VerdictNegligible
	case r.Lo > 0:
		r.Verdict = VerdictSupported
	case r.UpperOneSided < e.Margin:
		r.Verdict = VerdictFalsified
	default:
		r.Verdict = VerdictInconclusive
	}
	return r, nil
}

// MDE is the smallest effect that the two-sided test finds with the power.
func MDE(se, df, alpha, power float64) (float64, error) {
	if !(se > 0) || !(df > 0) || !(alpha > 0 && alpha < 1) || !(power > alpha && power < 1) || !finite(se, df) {
		return nan, bad("se %v, df %v, alpha %v, power %v", se, df, alpha, power)
	}
	k := student(df).Quantile(1 - alpha/2)
	lo, hi := 0.0, 1.0 // in standard errors
	for powerAt(hi, k, df) < power {
		lo, hi = hi, hi*1.5
	}
	for hi-lo > 1e-12*hi {
		m := (lo + hi) / 2
		if m == lo || m == hi {
			break
		}
		if powerAt(m, k, df) < power {
			lo = m
		} else {
			hi = m
		}
	}
	return se * (lo + hi) / 2, nil
}

// Plan is a design before it is run.
type Plan struct {
	VarSeed, VarProblem, VarResidual float64
	N, Arms                          float64
}

// At is the standard error and degrees of freedom that the design has with s
// seeds.
func (p Plan) At(s float64) (se, df float64) {
	star := p.N*p.VarSeed + p.VarResidual
	num := star + s*p.VarProblem
	se, df = math.Sqrt(num/(s*p.N)), p.N-1
	if star > 0 {
		nu := math.Max((p.Arms-1)*(s-1), s-1)
		df = math.Min(df, nu*(num/star)*(num/star))
	}
	return se, df
}

// SeedsResult is the smallest number of seeds that will do.
type SeedsResult struct {
	Seeds float64  `json:"seeds"`
	SE    float64  `json:"se"`
	DF    float64  `json:"df"`
	Power float64  `json:"power"`
	Notes []string `json:"notes"`
}

// SeedsNeeded is the smallest S in 2..100 whose test finds delta with the
// power; not_attainable where the problems alone vary too much.
func (p Plan) SeedsNeeded(delta, alpha, power float64) (SeedsResult, error) {
	ok := p.VarSeed >= 0 && p.VarProblem >= 0 && p.VarResidual >= 0 && p.N >= 2 && p.Arms >= 1 && finite(delta, p.VarSeed, p.VarProblem, p.VarResidual)
	if !ok || !(alpha > 0 && alpha < 1) || !(power > 0 && power < 1) {
		return SeedsResult{}, bad("plan %+v, delta %v, alpha %v, power %v", p, delta, alpha, power)
	}
	at := func(s float64) SeedsResult {
		se, df := p.At(s)
		return SeedsResult{Seeds: s, SE: se, DF: df, Power: PowerT(delta, se, df, alpha)}
	}
	// More seeds make the standard error smaller and the degrees of freedom more,
	// so power rises: halve the interval.
	lo, hi := 1.0, 100.0 // not enough, enough
	if at(hi).Power >= power {
		for hi-lo > 1 {
			if m := math.Floor((lo + hi) / 2); at(m).Power >= power {
				hi = m
			} else {
				lo = m
			}
		}
		return at(hi), nil
	}
	return SeedsResult{Seeds: nan, SE: nan, DF: nan, Power: nan, Notes: []string{NoteNotAttained}}, nil
}
