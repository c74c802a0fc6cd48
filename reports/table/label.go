package table

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"hardneg/reports/result"
)

// label says in words what a finding compares.
func label(f result.Finding) string {
	part := ""
	if ps := strings.Split(f.ID, "/"); len(ps) > 1 {
		part = strings.ReplaceAll(ps[1], "-at-", " at ")
	}
	switch {
	case f.Text != "":
		return f.Text
	case f.Kind == result.KindFactorial && f.Arm == "":
		return part + ": " + formula(f.Contrast)
	case f.Kind == result.KindFactorial:
		return part + " negatives or weights: " + f.Arm + " − " + f.Baseline
	case f.Kind == result.KindDose && f.Dose != nil:
		return "accuracy lost per step along " + strings.Join(f.Dose.Arms, " → ")
	case f.Arm != "" && f.Baseline != "":
		return f.Arm + " − " + f.Baseline
	case f.Arm != "":
		return f.Arm
	case len(f.Contrast) > 0:
		return formula(f.Contrast)
	}
	return f.ID
}

// formula writes a contrast: ½(full + mine-only − dpo − wt-only). Positive
// coefficients stand first; a common size is taken out.
func formula(c map[string]float64) string {
	arms := slices.Collect(maps.Keys(c))
	slices.SortFunc(arms, func(a, b string) int { return cmp.Or(cmp.Compare(c[b], c[a]), cmp.Compare(a, b)) })
	common := true
	for _, a := range arms {
		common = common && math.Abs(c[a]) == math.Abs(c[arms[0]])
	}
	var b strings.Builder
	for i, a := range arms {
		switch {
		case c[a] < 0 && i == 0:
			b.WriteString("−")
		case c[a] < 0:
			b.WriteString(" − ")
		case i > 0:
			b.WriteString(" + ")
		}
		if !common {
			b.WriteString(size(math.Abs(c[a])) + " ")
		}
		b.WriteString(a)
	}
	if common && len(arms) > 0 && math.Abs(c[arms[0]]) != 1 {
		return size(math.Abs(c[arms[0]])) + "(" + b.String() + ")"
	}
	return b.String()
}

func size(x float64) string {
	if x == .5 {
		return "½"
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}
