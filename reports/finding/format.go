package finding

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"hardneg/reports/result"
)

// Dash stands for a number that is undefined.
const Dash = "–"

// Undecided stands for a difference whose interval holds 0, where there is no
// room for the interval itself.
const Undecided = "~"

// Percent writes a fraction in points with one decimal: 0.6123 → 61.2.
func Percent(n result.Num) string { return fixed(100*float64(n), 1, false) }

// Points writes a difference in points with sign: 0.0123 → +1.2.
func Points(n result.Num) string { return fixed(100*float64(n), 1, true) }

// Points2 writes a difference in points with two decimals and sign.
func Points2(n result.Num) string { return fixed(100*float64(n), 2, true) }

// Width writes an unsigned difference such as an sd or an MDE in points.
func Width(n result.Num) string { return fixed(100*float64(n), 1, false) }

// Ratio writes a dimensionless number with two decimals.
func Ratio(n result.Num) string { return fixed(float64(n), 2, false) }

// Coefficient writes a correlation or an effect size with sign.
func Coefficient(n result.Num) string { return fixed(float64(n), 2, true) }

// Share writes an AUROC or a similar share with three decimals.
func Share(n result.Num) string { return fixed(float64(n), 3, false) }

// declared is what formats read of a spec; a set without one has the defaults.
type declared struct {
	Level float64 `json:"level"`
	Alpha float64 `json:"alpha"`
	Scope string  `json:"scope"`
}

func declaredIn(s *result.Set) declared {
	var v struct {
		Analysis declared `json:"analysis"`
	}
	_ = json.Unmarshal(s.Spec, &v)
	if v.Analysis.Level == 0 {
		v.Analysis.Level = .95
	}
	if v.Analysis.Alpha == 0 {
		v.Analysis.Alpha = .05
	}
	return v.Analysis
}

// Confidence writes the level of a run's intervals: "95 %". The spec sets it.
func Confidence(s *result.Set) string {
	return strconv.FormatFloat(100*declaredIn(s).Level, 'g', 6, 64) + " %"
}

// Alpha is the level of a run's tests.
func Alpha(s *result.Set) float64 { return declaredIn(s).Alpha }

// Treated says what a run's tests and intervals treat as random, and so speak
// of: seeds and problems, or one of them. One seed speaks of its checkpoints.
type Treated struct{ Seeds, Problems bool }

// ScopeOf reads it off the spec and the number of seeds.
func ScopeOf(s *result.Set) Treated {
	several := len(s.Seeds) > 1
	switch declaredIn(s).Scope {
	case "seeds":
		return Treated{Seeds: true}
	case "problems":
		return Treated{Problems: true}
	}
	return Treated{Seeds: several, Problems: true}
}

// New says for what intervals hold: "new seeds and new problems".
func (t Treated) New() string {
	switch {
	case t.Seeds && t.Problems:
		return "new seeds and new problems"
	case t.Seeds:
		return "new seeds on these problems"
	}
	return "new problems, for these checkpoints"
}

// Sentence says the same of tests.
func (t Treated) Sentence() string {
	switch {
	case t.Seeds && t.Problems:
		return "Intervals and tests treat seeds and problems as random (crossed random effects, scope “both”)."
	case t.Seeds:
		return "Intervals and tests treat seeds as random and the problems as given (scope “seeds”)."
	}
	return "Intervals and tests treat problems alone as random: they speak of these checkpoints, not of the method (scope “problems”)."
}

// Times writes a number with what it counts: "1 seed", "3 seeds".
func Times(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func fixed(x float64, digits int, sign bool) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return Dash
	}
	s := strconv.FormatFloat(x, 'f', digits, 64)
	if strings.Trim(s, "-0.") == "" { // no sign before a rounded zero
		return strings.TrimPrefix(s, "-")
	}
	if sign && x > 0 {
		s = "+" + s
	}
	return s
}

// P writes a p-value: three decimals, four below 0.01 and where three would
// round it onto 0.05, "<0.0001" below that.
func P(n result.Num) string {
	x := float64(n)
	switch {
	case !n.OK():
		return Dash
	case x < 0.0001:
		return "<0.0001"
	case x < 0.01, x != 0.05 && strconv.FormatFloat(x, 'f', 3, 64) == "0.050":
		return strconv.FormatFloat(x, 'f', 4, 64)
	}
	return strconv.FormatFloat(x, 'f', 3, 64)
}

// Interval writes a difference's interval in points: [+0.3, +2.1].
func Interval(lo, hi result.Num) string {
	if !lo.OK() || !hi.OK() {
		return Dash
	}
	return "[" + Points(lo) + ", " + Points(hi) + "]"
}

// Range writes an accuracy's interval in points: [58.1, 64.2].
func Range(lo, hi result.Num) string {
	if !lo.OK() || !hi.OK() {
		return Dash
	}
	return "[" + Percent(lo) + ", " + Percent(hi) + "]"
}

// ShareRange writes an interval of shares with three decimals.
func ShareRange(lo, hi result.Num) string {
	if !lo.OK() || !hi.OK() {
		return Dash
	}
	return "[" + Share(lo) + ", " + Share(hi) + "]"
}

// CoefficientRange writes an interval of coefficients with sign.
func CoefficientRange(lo, hi result.Num) string {
	if !lo.OK() || !hi.OK() {
		return Dash
	}
	return "[" + Coefficient(lo) + ", " + Coefficient(hi) + "]"
}

// MeanSD writes an accuracy with its sd across seeds: 61.2 ± 0.8.
func MeanSD(f *result.Finding) string {
	if f == nil || !f.Estimate.OK() {
		return Dash
	}
	if !f.SD.OK() {
		return Percent(f.Estimate)
	}
	return Percent(f.Estimate) + " ± " + Width(f.SD)
}

// Delta writes a difference with its interval: +1.2 [+0.3, +2.1].
func Delta(f *result.Finding) string {
	if f == nil || !f.Estimate.OK() {
		return Dash
	}
	if !f.Lo.OK() {
		return Points(f.Estimate)
	}
	return Points(f.Estimate) + " " + Interval(f.Lo, f.Hi)
}

// Short writes a difference as a number only where its interval excludes 0.
func Short(f *result.Finding) string {
	switch {
	case f == nil || !f.Estimate.OK():
		return Dash
	case !f.Lo.OK() || float64(f.Lo) <= 0 && float64(f.Hi) >= 0:
		return Undecided
	}
	return Points(f.Estimate)
}

// Seeds writes used and planned: "5" or "4 of 5".
func Seeds(f *result.Finding) string {
	if f.SeedsUsed == f.SeedsPlanned {
		return strconv.Itoa(f.SeedsUsed)
	}
	return fmt.Sprintf("%d of %d", f.SeedsUsed, f.SeedsPlanned)
}

// WLT writes wins, losses and ties over seeds: 4/1/0.
func WLT(f *result.Finding) string {
	return fmt.Sprintf("%d/%d/%d", f.Wins, f.Losses, f.Ties)
}

// Verdict writes a verdict for people.
func Verdict(v string) string {
	if v == result.VerdictNone {
		return "not run"
	}
	return v
}

// greek are the letters that reports and people use in names of settings.
var greek = map[rune]string{'α': "alpha", 'β': "beta", 'γ': "gamma", 'δ': "delta", 'ε': "varepsilon", 'η': "eta", 'θ': "theta", 'κ': "kappa", 'λ': "lambda", 'μ': "mu", 'ν': "nu", 'ξ': "xi", 'π': "pi",
	'ρ': "rho", 'σ': "sigma", 'τ': "tau", 'φ': "varphi", 'χ': "chi", 'ψ': "psi", 'ω': "omega", 'Γ': "Gamma", 'Δ': "Delta", 'Θ': "Theta", 'Λ': "Lambda", 'Π': "Pi", 'Σ': "Sigma", 'Φ': "Phi", 'Ψ': "Psi", 'Ω': "Omega"}

// signs are the specials of LaTeX and the signs that reports use.
var signs = map[rune]string{'\\': `\textbackslash{}`, '{': `\{`, '}': `\}`, '$': `\$`, '&': `\&`, '#': `\#`, '%': `\%`, '_': `\_`, '~': `\textasciitilde{}`, '^': `\textasciicircum{}`,
	'×': `$\times$`, '±': `$\pm$`, '−': `$-$`, '½': `\textonehalf{}`, '≥': `$\ge$`, '≤': `$\le$`, '<': `$<$`, '>': `$>$`, '–': `--`, '—': `---`, '→': `$\to$`, '·': `$\cdot$`, '…': `\ldots{}`, '“': "``", '”': "''", '’': "'",
	'\n': " ", '\r': " ", '\t': " "}

// LaTeX makes text safe in LaTeX, on one line. What pdfTeX has no letter for
// stands as it is for XeTeX and LuaTeX, and by its numbers for pdfTeX.
func LaTeX(s string) string {
	var b strings.Builder
	var foreign []rune
	flush := func() {
		if foreign == nil {
			return
		}
		b.WriteString(`\ifdefined\Umathchar ` + string(foreign) + `\else[`)
		for i, r := range foreign {
			if i > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprintf(&b, "U+%04X", r)
		}
		b.WriteString(`]\fi{}`)
		foreign = nil
	}
	for _, r := range s {
		sign, ok := signs[r]
		name, letter := greek[r]
		switch {
		case !ok && !letter && (r >= 0x180 || r >= 0x7F && r < 0xA1):
			foreign = append(foreign, r)
			continue
		case letter:
			sign = `$\` + name + `$`
		case !ok && r < ' ':
			sign = "?"
		case !ok:
			sign = string(r)
		}
		flush()
		b.WriteString(sign)
	}
	flush()
	return b.String()
}
