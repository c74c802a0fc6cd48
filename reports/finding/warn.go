package finding

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"hardneg/reports/result"
	"hardneg/reports/stats"
)

// ratioLimit: above this own-over-pooled seed mean square the arms' seed
// variances are called different.
const ratioLimit = 4

// warn writes the sentences that a report must print, beside each finding and
// for the run.
func (b *builder) warn() {
	for _, f := range b.report.Findings {
		b.seedWords(f)
		if f.Kind == result.KindAccuracy {
			b.accuracyWords(f)
		} else {
			b.comparisonWords(f)
		}
	}
	b.runWords()
}

func say(f *result.Finding, format string, a ...any) {
	f.Warn = append(f.Warn, fmt.Sprintf(format, a...))
}

// seedWords tell how many seeds a number rests on.
func (b *builder) seedWords(f *result.Finding) {
	if f.Verdict == result.VerdictNone && f.SeedsUsed == 0 {
		return
	}
	if len(f.Missing) > 0 {
		say(f, "%s", SeedWords(f.SeedsUsed, f.SeedsPlanned, f.Missing))
	}
	switch f.SeedsUsed {
	case 1:
		say(f, "one seed: a statement about this checkpoint, not about the method")
	case 2:
		say(f, "two seeds: interval is indicative")
	}
	for _, seed := range b.diverged(f) {
		say(f, "seed %d diverged: its last finite checkpoint counts", seed)
	}
}

// SeedWords writes "4 of 5 seeds (missing: 3)".
func SeedWords(used, planned int, missing []int) string {
	list := make([]string, len(missing))
	for i, m := range missing {
		list[i] = strconv.Itoa(m)
	}
	return fmt.Sprintf("%d of %d seeds (missing: %s)", used, planned, strings.Join(list, ", "))
}

// diverged lists the seeds of the finding's arms whose training diverged.
func (b *builder) diverged(f *result.Finding) []int {
	var out []int
	t := b.table(f.Benchmark)
	if t == nil {
		return nil
	}
	for _, c := range b.set.Cells {
		_, in := f.Contrast[c.Arm]
		if (in || f.Contrast == nil && c.Arm == f.Arm) && c.Status == result.Diverged && slices.Contains(t.parts, c.Benchmark) && !slices.Contains(out, c.Seed) {
			out = append(out, c.Seed)
		}
	}
	slices.Sort(out)
	return out
}

func (b *builder) accuracyWords(f *result.Finding) {
	if slices.Contains(f.Notes, stats.NoteAllCorrect) {
		say(f, "all correct")
	}
	if slices.Contains(f.Notes, stats.NoteAllWrong) {
		say(f, "all wrong")
	}
	if n := b.unparsable(f); n > 0 {
		say(f, "%d answers unparsable, counted wrong", n)
	}
}

// unparsable counts the answers of an arm on a benchmark that had no parsable
// form, over the seeds that count.
func (b *builder) unparsable(f *result.Finding) int {
	n, t := 0, b.table(f.Benchmark)
	if isSubset(f.Benchmark) {
		for _, it := range b.set.Items {
			if it.Benchmark+SubsetSuffix != f.Benchmark {
				continue
			}
			for _, o := range it.Outcomes {
				for _, i := range it.Subset {
					if o.Arm == f.Arm && counts(b.set, o.Arm, o.Seed, it.Benchmark) && o.Marks[i] == '-' {
						n++
					}
				}
			}
		}
		return n
	}
	for _, c := range b.set.Cells {
		if c.Arm == f.Arm && c.Status.Counts() && slices.Contains(t.parts, c.Benchmark) && !slices.Contains(f.Missing, c.Seed) {
			n += c.Unparsable
		}
	}
	return n
}

func (b *builder) comparisonWords(f *result.Finding) {
	if f.Family == Exploratory || b.set.Prov.Exploratory {
		say(f, "exploratory")
	}
	if f.Verdict == result.VerdictNone {
		return
	}
	if f.Verdict == result.Falsified || f.Verdict == result.Negligible {
		say(f, "a gain of %s points is excluded: one-sided upper bound %s", Width(f.Margin), Points2(f.Upper))
	}
	undecided := !f.PAdj.OK() || float64(f.PAdj) >= b.d.Alpha
	if undecided && f.Test != "tost" && f.MDE.OK() && f.MDE > f.Margin {
		say(f, "underpowered: MDE = %s points at 80 %%, observed Δ = %s", Width(f.MDE), Points(f.Estimate))
		f.Needed = b.needed(f)
	}
	if m := f.Sens.McNemar; len(m) > 0 && !slices.ContainsFunc(m, func(x result.McNemar) bool { return x.B+x.C > 0 }) {
		say(f, "no discordant problems")
	}
	if f.MSRatio > ratioLimit {
		say(f, "variance differs between arms (own/pooled seed MS = %s)", Ratio(f.MSRatio))
	}
	if s := f.SeedsUsed; s > 1 && s < signFlipFrom {
		say(f, "sign-flip floor p = 2^(1-%d) = %s", s, strconv.FormatFloat(math.Ldexp(1, 1-s), 'g', -1, 64))
	}
	if f.Test == "tost" && f.Verdict == result.Inconclusive && f.P.OK() {
		say(f, "equivalence within ±%s points is not shown", Width(f.Margin))
	}
}

// needed is the number of seeds at which the finding's own variance components
// would detect the margin; 0 where none up to 100 does.
func (b *builder) needed(f *result.Finding) int {
	if !f.VarSeed.OK() || f.Margin <= 0 {
		return 0
	}
	p := stats.Plan{VarSeed: float64(f.VarSeed), VarProblem: float64(f.VarProblem), VarResidual: float64(f.VarResidual), N: float64(f.N), Arms: float64(max(len(b.d.Pool), 2))}
	r, err := p.SeedsNeeded(float64(f.Margin), b.d.Alpha, power)
	if err != nil || math.IsNaN(r.Seeds) {
		return 0
	}
	return int(r.Seeds)
}

// runWords are about the whole run.
func (b *builder) runWords() {
	warn := func(format string, a ...any) {
		b.report.Warnings = append(b.report.Warnings, fmt.Sprintf(format, a...))
	}
	if b.set.Prov.Exploratory {
		warn("exploratory: analysis, claims or seeds were changed after the first trial")
	}
	if fixed := b.fixedStages(); len(fixed) > 0 {
		warn("the spread over seeds does not contain %s, which the seeds share", strings.Join(fixed, " and "))
	}
	b.report.Warnings = append(b.report.Warnings, b.set.Prov.Notes...)
	type trial struct {
		arm  string
		seed int
	}
	trials, status := map[trial]bool{}, map[result.Status]map[trial]bool{}
	unparsable, cut := 0, 0
	for _, c := range b.set.Cells {
		t := trial{c.Arm, c.Seed}
		if status[c.Status] == nil {
			status[c.Status] = map[trial]bool{}
		}
		trials[t], status[c.Status][t] = true, true
		unparsable += c.Unparsable
		cut += c.Truncated
	}
	if n := len(status[result.Failed]); n > 0 {
		warn("%d of %d trials failed and are missing, never imputed", n, len(trials))
	}
	if n := len(status[result.NotRun]); n > 0 {
		warn("%d of %d trials were not run: %s", n, len(trials), b.unasked())
	}
	if n := len(status[result.Diverged]); n > 0 {
		warn("%d of %d trials diverged and count with their last finite checkpoint", n, len(trials))
	}
	if unparsable > 0 {
		warn("%d answers unparsable, counted wrong", unparsable)
	}
	if cut > 0 {
		warn("%d answers were cut off at the length limit", cut)
	}
	if n := b.set.Prov.Overlap; n > 0 {
		warn("%d test questions are also in the training data", n)
	}
}

// unasked names what no result is there of: whole arms and whole seeds, as where a
// run was asked for a part, and otherwise single trials.
func (b *builder) unasked() string {
	arms, seeds := map[string]bool{}, map[int]bool{} // that have something
	for _, c := range b.set.Cells {
		if c.Status != result.NotRun {
			arms[c.Arm], seeds[c.Seed] = true, true
		}
	}
	var lacks, single []string
	for _, a := range b.set.Arms {
		if !arms[a.Name] {
			lacks = append(lacks, a.Name)
		}
	}
	var missing []string
	for _, s := range b.set.Seeds {
		if !seeds[s] {
			missing = append(missing, strconv.Itoa(s))
		}
	}
	for _, c := range b.set.Cells {
		if name := c.Arm + " with seed " + strconv.Itoa(c.Seed); c.Status == result.NotRun && arms[c.Arm] && seeds[c.Seed] && !slices.Contains(single, name) {
			single = append(single, name)
		}
	}
	var parts []string
	if len(lacks) > 0 {
		parts = append(parts, "arms "+strings.Join(lacks, ", "))
	}
	if len(missing) > 0 && len(lacks) < len(b.set.Arms) {
		parts = append(parts, "seeds "+strings.Join(missing, ", "))
	}
	return strings.Join(append(parts, single...), "; ")
}

// fixedStages are the stages that do not vary over seeds. A stage varies if it
// or one before it is listed.
func (b *builder) fixedStages() []string {
	if len(b.d.Vary) == 0 {
		return nil
	}
	var fixed []string
	for _, stage := range []string{"sft", "sample", "train"} {
		if slices.Contains(b.d.Vary, stage) {
			break
		}
		fixed = append(fixed, stage)
	}
	return fixed
}
