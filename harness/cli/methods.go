package cli

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"hardneg/experiments/spec"
	"hardneg/reports/result"

	"golang.org/x/term"
)

// notices is what a reader must know before the numbers.
func notices(s *spec.Spec) []string {
	var out []string
	if s.Data.SFT != nil && strings.HasPrefix(s.Data.SFT.Source, "synth/") {
		out = append(out, "Generated problems and a tiny model. The supervised solutions are flawed on purpose (misconceptions are planted in them), so that preference training has something to mend. This run shows that the method's machinery works; it is no evidence for or against the paper.")
	}
	var fixed []string
	for _, st := range []string{"sft", "sample", "train"} {
		if !slices.Contains(s.Seeds.Vary, st) {
			fixed = append(fixed, st)
		}
	}
	if len(fixed) > 0 && len(s.Seeds.Values) > 1 {
		out = append(out, "Seeds vary "+strings.Join(s.Seeds.Vary, ", ")+" only: the spread over seeds does not contain the variation of "+strings.Join(fixed, ", ")+".")
	}
	return out
}

// methods is the text of the methods section, every number from the spec and the evidence.
func methods(s *spec.Spec, set *result.Set) []string {
	var out []string
	say := func(format string, a ...any) { out = append(out, fmt.Sprintf(format, a...)) }
	var bs []string
	for _, b := range set.Benchmarks {
		bs = append(bs, fmt.Sprintf("%s (%s, %d problems)", b.Name, b.Split, b.N))
	}
	var arms []string
	for _, a := range set.Arms {
		about := a.About
		if about == "" {
			about = "the method as it stands"
		}
		arms = append(arms, a.Name+" ("+about+")")
	}
	base := s.Model.Base
	if s.Model.Init == "random" {
		base = "fresh weights"
	}
	say("Model and data. Every arm starts from %s (compute type %s, prompt format %s). Benchmarks: %s.", base, s.Model.Dtype, s.Model.Prompt, strings.Join(bs, "; "))
	if o := s.Stages.SFT; o != nil && s.Data.SFT != nil {
		say("Supervised fine-tuning on %s: %s, batch %d, AdamW (β = %g, %g; weight decay %g), peak learning rate %g with a %s schedule, gradient norm clipped at %g.",
			s.Data.SFT.Source, epochs(o.Epochs), o.Batch, o.Betas[0], o.Betas[1], o.WeightDecay, o.LR, o.Schedule, o.Clip)
	}
	if o := s.Stages.Train; o != nil {
		m := s.Stages.Mine
		say("Preference data. %d solutions a problem are drawn at temperature %g, top-p %g. A solution is right when its final answer equals the gold one; no verifier score moves a solution across that gate. The chosen side is the least wrong right solution; up to %d rejected sides a problem are mined with closeness at least %g and absurdity at most %g. Mining and weights read wrongness without the answer dimension (use: %s).",
			s.Stages.Sample.N, s.Stages.Sample.Temperature, s.Stages.Sample.TopP, m.PerPrompt, m.ClosenessMin, m.AbsurdityMax, s.Stages.Score.Use)
		say("Preference training. Loss %s with β = %g and a weight on every pair; weights come from ranks (preset %s), are clipped to [%g, %g] and have mean 1 over the run's pairs, so every arm trains at the same effective step size. %s, batch %d pairs, learning rate %g, %s schedule.",
			o.Loss, o.Beta, s.Stages.Weight.Preset, s.Stages.Weight.Clip[0], s.Stages.Weight.Clip[1], epochs(o.Epochs), o.Batch, o.LR, o.Schedule)
	}
	say("Arms. %s.", strings.Join(arms, "; "))
	say("The MathVerifier's six dimensions, their aggregation to wrongness and absurdity, the mining rule and the weights are our reading of the paper, whose method section leaves them open; severities and thresholds are fields of the verifier file (%s).", s.Stages.Score.Verifier)
	say("Evaluation. %s decoding, at most %d new tokens; answers are read by %s extraction (primary: %s) and compared for mathematical equality.", s.Stages.Eval.Decoding, s.Stages.Eval.MaxNew, strings.Join(s.Stages.Eval.Extract, " and "), s.Stages.Eval.Primary)
	a := s.Analysis
	shared := "One seed is shared by all arms, so that differences are tested over problems alone and speak of these checkpoints"
	if n := len(s.Seeds.Values); n > 1 {
		shared = fmt.Sprintf("%d seeds are shared by all arms. Differences are tested by a crossed random-effects analysis (seeds × problems; Dorfman–Berbaum–Metz with Hillis' degrees of freedom, seed variance pooled over the trained arms and bounded)", n)
	}
	if a.Scope != "both" && a.Scope != "" {
		shared += ", of which the headline takes the scope “" + a.Scope + "”"
	}
	say("Statistics. %s, two-sided, α = %g, intervals at %g %%. The confirmatory family is corrected by Holm, everything else by Benjamini–Hochberg and labelled exploratory. The smallest difference of interest is %s. Seeds that are missing leave the comparisons that need them and are never imputed; diverged trials count with their last finite weights; answers that cannot be read count as wrong.",
		shared, a.Alpha, 100*a.Level, points(a.Margin))
	return out
}

// points writes a difference in points.
func points(n float64) string {
	if n == 1 {
		return "1 point"
	}
	return fmt.Sprintf("%g points", n)
}

// epochs writes a number of epochs, which may be a part of one.
func epochs(n float64) string {
	if n == 1 {
		return "1 epoch"
	}
	return fmt.Sprintf("%g epochs", n)
}

// terminalWidth is the width of a terminal, 0 where w is none.
func terminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// version is the module's, as built.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "devel"
}
