package finding

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hardneg/reports/result"
)

// drop makes a trial missing.
func drop(s *result.Set, arm string, seed int, status result.Status) {
	for i := range s.Cells {
		if c := &s.Cells[i]; c.Arm == arm && c.Seed == seed {
			c.Status = status
			if !status.Counts() {
				c.N, c.Correct, c.Accuracy = 0, 0, result.NaN()
			}
		}
	}
	if status.Counts() {
		return
	}
	for i := range s.Items {
		s.Items[i].Outcomes = slices.DeleteFunc(s.Items[i].Outcomes, func(o result.Outcome) bool { return o.Arm == arm && o.Seed == seed })
	}
}

// set rewrites an arm's marks on the first benchmark.
func set(s *result.Set, arm string, f func(seed, i int, old byte) byte) {
	for k := range s.Items[0].Outcomes {
		o := &s.Items[0].Outcomes[k]
		if o.Arm != arm {
			continue
		}
		b := []byte(o.Marks)
		for i := range b {
			b[i] = f(o.Seed, i, b[i])
		}
		o.Marks = string(b)
		right := 0
		for _, m := range b {
			right += result.Digit(m)
		}
		for j := range s.Cells {
			if c := &s.Cells[j]; c.Arm == arm && c.Seed == o.Seed && c.Benchmark == s.Items[0].Benchmark {
				c.Correct = right
			}
		}
	}
}

func copyOf(s *result.Set, to, of string) {
	marks := map[int]string{}
	for _, o := range s.Items[0].Outcomes {
		if o.Arm == of {
			marks[o.Seed] = o.Marks
		}
	}
	set(s, to, func(seed, i int, _ byte) byte { return marks[seed][i] })
}

func has(words []string, part string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, part) })
}

func TestEveryPartOfAFullRun(t *testing.T) {
	r := from(t, design(), ten(5, 200, 300).set())
	if want := []string{"bench1", "bench2", Combined}; cmp.Diff(want, r.Benchmarks) != "" {
		t.Error(r.Benchmarks)
	}
	if len(r.Main) != 10*3 || len(r.Claims) != 5 || len(r.Factorial) != 3 || len(r.Dose) != 3 || len(r.Falsify) != 3 || len(r.Filter) != 6 {
		t.Errorf("main %d, claims %d, factorial %d, dose %d, falsify %d, filter %d", len(r.Main), len(r.Claims), len(r.Factorial), len(r.Dose), len(r.Falsify), len(r.Filter))
	}
	f := find(t, r, "claim/c1/combined")
	if f.Verdict != result.Supported || f.SeedsUsed != 5 || f.N != 500 || f.Family != Confirmatory || f.Adjust != "holm" || !(f.PAdj >= f.P) {
		t.Errorf("%+v", *f)
	}
	if d := find(t, r, "delta/full-sft/combined"); d.PAdj != f.PAdj || d.Family != Confirmatory || d.Estimate != f.Estimate {
		t.Errorf("the delta of the main table differs from the claim: %+v", *d)
	}
	ids := map[string]bool{}
	for _, f := range r.Findings {
		if ids[f.ID] {
			t.Errorf("%s is there twice", f.ID)
		}
		ids[f.ID] = true
		if f.Kind != result.KindAccuracy && f.P.OK() && !f.PAdj.OK() {
			t.Errorf("%s has no adjusted p", f.ID)
		}
		if has(f.Warn, "difference") && has(f.Warn, "no ") {
			t.Errorf("%s says %q", f.ID, f.Warn)
		}
	}
}

func TestHolmCountsEveryClaimOfTheFamily(t *testing.T) {
	d, s := design(), ten(5, 200, 300).set()
	r := from(t, d, s)
	var p []float64
	for _, c := range r.Claims[:3] {
		for _, f := range c.Findings {
			p = append(p, float64(f.P))
		}
	}
	slices.Sort(p)
	low := 0.0
	for _, c := range r.Claims[:3] {
		for _, f := range c.Findings {
			if float64(f.P) == p[0] {
				low = float64(f.PAdj)
			}
		}
	}
	if len(p) != 9 || math.Abs(low-math.Min(1, 9*p[0])) > 1e-15 {
		t.Errorf("smallest of %d: %v, adjusted %v", len(p), p[0], low)
	}
	// An arm whose trials all failed keeps its place in the family.
	for k := range 5 {
		drop(s, "shuffled", k+1, result.Failed)
	}
	r = from(t, d, s)
	if f := find(t, r, "claim/c3/bench1"); f.Verdict != result.VerdictNone || f.P.OK() || f.PAdj.OK() {
		t.Errorf("%+v", *f)
	}
	if f := find(t, r, "claim/c1/bench1"); f.PAdj < f.P*7-1e-15 && f.PAdj < 1 && float64(f.P) == p[0] {
		t.Errorf("the family shrank: p %v, adjusted %v", f.P, f.PAdj)
	}
}

// TestRequiredWords: each word of section 4, when and only when.
func TestRequiredWords(t *testing.T) {
	const plain = "full" // the arm of the cases
	cases := []struct {
		word string
		id   string
		do   func(s *result.Set) // makes it hold
		base func() *result.Set  // does not hold
	}{
		{"one seed: a statement about this checkpoint, not about the method", "delta/full-dpo/bench1", nil, func() *result.Set { return ten(1, 200).set() }},
		{"two seeds: interval is indicative", "delta/full-dpo/bench1", nil, func() *result.Set { return ten(2, 200).set() }},
		{"4 of 5 seeds (missing: 3)", "delta/full-dpo/bench1", func(s *result.Set) { drop(s, "dpo", 3, result.Failed) }, nil},
		{"no discordant problems", "delta/full-dpo/bench1", func(s *result.Set) { copyOf(s, "full", "dpo") }, nil},
		{"all correct", "accuracy/full/bench1", func(s *result.Set) { set(s, plain, func(int, int, byte) byte { return '1' }) }, nil},
		{"all wrong", "accuracy/full/bench1", func(s *result.Set) { set(s, plain, func(int, int, byte) byte { return '0' }) }, nil},
		{"3 answers unparsable, counted wrong", "accuracy/full/bench1", func(s *result.Set) {
			for i := range s.Cells {
				if c := &s.Cells[i]; c.Arm == plain && c.Seed == 2 {
					c.Unparsable = 3
				}
			}
		}, nil},
		{"variance differs between arms (own/pooled seed MS = ", "delta/full-dpo/bench1", func(s *result.Set) {
			set(s, plain, func(seed, i int, old byte) byte {
				if seed <= 2 && i < 100 {
					return '0'
				}
				return old
			})
		}, nil},
		{"sign-flip floor p = 2^(1-5) = 0.0625", "delta/full-dpo/bench1", nil, func() *result.Set { return ten(5, 200).set() }},
		{"exploratory", "delta/wt-only-dpo/bench1", nil, func() *result.Set { return ten(5, 200).set() }},
		{"underpowered: MDE = ", "claim/c2/bench1", func(s *result.Set) { copyOf(s, "full", "dpo"); flip(s, "full") }, nil},
		{"seed 2 diverged", "delta/full-dpo/bench1", func(s *result.Set) { drop(s, "full", 2, result.Diverged) }, nil},
	}
	clean := from(t, design(), strong(6))
	for _, c := range cases {
		s := strong(5)
		if c.base != nil {
			s = c.base()
		}
		if c.do != nil {
			c.do(s)
		}
		f := find(t, from(t, design(), s), c.id)
		if !has(f.Warn, c.word) {
			t.Errorf("%q is missing: %s says %q", c.word, c.id, f.Warn)
		}
		// Where nothing of the sort holds, the word is absent everywhere that the
		// family does not call for it.
		for _, g := range clean.Findings {
			head, _, _ := strings.Cut(c.word, "=")
			allowed := c.word == "exploratory" && g.Family == Exploratory || strings.HasPrefix(c.word, "underpowered") && float64(g.PAdj) >= .05 && g.MDE > g.Margin
			if has(g.Warn, head) && !allowed {
				t.Errorf("%s says %q without reason", g.ID, g.Warn)
			}
		}
	}
}

// strong is a run of six arms with equal seed variances and many items, so
// that nothing needs a warning.
func strong(seeds int) *result.Set {
	w := ten(seeds, 200)
	w.runSD = 0
	return w.set()
}

// flip changes few outcomes, in both directions, differently in each seed.
func flip(s *result.Set, arm string) {
	set(s, arm, func(seed, i int, old byte) byte {
		if i%20 == seed {
			return '0' + '1' - old
		}
		return old
	})
}

func TestEdgeCases(t *testing.T) {
	d := design()
	t.Run("one seed, scope seeds is undefined", func(t *testing.T) {
		f := find(t, from(t, d, ten(1, 200).set()), "delta/full-dpo/bench1")
		if f.Sens.PSeeds.OK() || !f.Sens.PProblems.OK() || f.DF != 199 || !has(f.Notes, "single_seed") || f.SD.OK() {
			t.Errorf("%+v %+v", *f, *f.Sens)
		}
	})
	t.Run("two seeds, df from the pool", func(t *testing.T) {
		f := find(t, from(t, d, ten(2, 200).set()), "delta/full-dpo/bench1")
		if !f.P.OK() || !(f.DF >= 8) || f.GZ.OK() {
			t.Errorf("%+v", *f)
		}
	})
	t.Run("a missing seed leaves only what needs it", func(t *testing.T) {
		s := ten(5, 200, 300).set()
		drop(s, "dpo", 3, result.Failed)
		r := from(t, d, s)
		for id, want := range map[string]int{"delta/full-dpo/bench1": 4, "delta/full-sft/bench1": 5, "delta/full-dpo/combined": 4, "accuracy/dpo/combined": 4, "factorial/mining/bench2": 4} {
			if f := find(t, r, id); f.SeedsUsed != want || f.SeedsPlanned != 5 || (want == 4) != slices.Equal(f.Missing, []int{3}) {
				t.Errorf("%s: %d of %d, missing %v", id, f.SeedsUsed, f.SeedsPlanned, f.Missing)
			}
		}
		if Seeds(find(t, r, "delta/full-dpo/bench1")) != "4 of 5" {
			t.Error(Seeds(find(t, r, "delta/full-dpo/bench1")))
		}
	})
	t.Run("a diverged seed counts", func(t *testing.T) {
		s := ten(5, 200).set()
		drop(s, "full", 3, result.Diverged)
		r := from(t, d, s)
		if f := find(t, r, "delta/full-dpo/bench1"); f.SeedsUsed != 5 || len(f.Missing) > 0 {
			t.Errorf("%+v", *f)
		}
		if !has(r.Warnings, "1 of 50 trials diverged") {
			t.Error(r.Warnings)
		}
	})
	t.Run("identical arms", func(t *testing.T) {
		s := ten(5, 200).set()
		copyOf(s, "full", "dpo")
		f := find(t, from(t, d, s), "claim/c2/bench1")
		if f.Estimate != 0 || f.Verdict == result.Supported || f.Verdict == result.Equivalent || f.Ties != 5 {
			t.Errorf("%+v", *f)
		}
	})
	t.Run("identical arms without a pool", func(t *testing.T) {
		s, d := ten(5, 200).set(), d
		d.Pool = nil
		copyOf(s, "full", "dpo")
		f := find(t, from(t, d, s), "claim/c2/bench1")
		if f.SE != 0 || f.P != 1 || f.Lo.OK() || !has(f.Notes, "degenerate_variance") || f.Verdict != result.Inconclusive {
			t.Errorf("%+v", *f)
		}
	})
	t.Run("bit-identical seeds", func(t *testing.T) {
		s, d := ten(3, 200).set(), d
		d.Pool = nil
		for _, arm := range []string{"full", "dpo"} {
			first := ""
			for _, o := range s.Items[0].Outcomes {
				if o.Arm == arm && o.Seed == 1 {
					first = o.Marks
				}
			}
			set(s, arm, func(_, i int, _ byte) byte { return first[i] })
		}
		f := find(t, from(t, d, s), "delta/full-dpo/bench1")
		if f.DF != 199 || !f.P.OK() || !(f.SE > 0) || f.SD != 0 {
			t.Errorf("%+v", *f)
		}
	})
	t.Run("an arm that was not planned", func(t *testing.T) {
		w := ten(3, 200)
		delete(w.arms, "shuffled")
		delete(w.arms, "rft")
		r := from(t, d, w.set())
		if f := find(t, r, "claim/c3/bench1"); f.Verdict != result.VerdictNone || !has(f.Notes, "arm_not_planned") {
			t.Errorf("%+v", *f)
		}
		if !has(r.NotRun, "falsification: no arm shuffled") || !has(r.NotRun, "preference against filtering: no arm rft") {
			t.Error(r.NotRun)
		}
	})
	t.Run("nothing measured", func(t *testing.T) {
		s := result.New("x")
		if _, err := From(d, s); err == nil || !strings.Contains(err.Error(), "nothing was measured") {
			t.Error(err)
		}
	})
	t.Run("every trial failed", func(t *testing.T) {
		s := ten(2, 50).set()
		for _, a := range s.Arms {
			drop(s, a.Name, 1, result.Failed)
			drop(s, a.Name, 2, result.Failed)
		}
		for _, f := range from(t, d, s).Findings {
			if f.Verdict != result.VerdictNone || f.P.OK() || f.Estimate.OK() {
				t.Errorf("%+v", *f)
			}
		}
	})
	t.Run("clusters are the units", func(t *testing.T) {
		s := ten(3, 200, 300).set()
		for i := range s.Items[0].IDs {
			s.Items[0].Clusters = append(s.Items[0].Clusters, fmt.Sprint(i/4))
		}
		r := from(t, d, s)
		if f := find(t, r, "delta/full-dpo/bench1"); f.N != 50 {
			t.Errorf("%d units", f.N)
		}
		whole, plain := find(t, r, "delta/full-dpo/combined"), find(t, from(t, d, ten(3, 200, 300).set()), "delta/full-dpo/combined")
		if whole.N != 350 || math.Abs(float64(whole.Estimate-plain.Estimate)) > 1e-12 {
			t.Errorf("combined has %d units, estimate %v against %v", whole.N, whole.Estimate, plain.Estimate)
		}
	})
	t.Run("equal strata", func(t *testing.T) {
		d := d
		d.Strata = "equal"
		r := from(t, d, ten(3, 200, 300).set())
		a, b, c := find(t, r, "delta/full-dpo/bench1"), find(t, r, "delta/full-dpo/bench2"), find(t, r, "delta/full-dpo/combined")
		if math.Abs(float64((a.Estimate+b.Estimate)/2-c.Estimate)) > 1e-12 {
			t.Errorf("%v and %v make %v", a.Estimate, b.Estimate, c.Estimate)
		}
		x, y, z := find(t, r, "accuracy/full/bench1"), find(t, r, "accuracy/full/bench2"), find(t, r, "accuracy/full/combined")
		if math.Abs(float64((x.Estimate+y.Estimate)/2-z.Estimate)) > 1e-12 || !(z.Lo < z.Estimate && z.Estimate < z.Hi) {
			t.Errorf("%v and %v make %v", x.Estimate, y.Estimate, z.Estimate)
		}
	})
	t.Run("a frozen subset", func(t *testing.T) {
		s := ten(3, 200).set()
		for i := 0; i < 200; i += 4 {
			s.Items[0].Subset = append(s.Items[0].Subset, i)
		}
		r := from(t, d, s)
		if len(r.Subset) != 3 {
			t.Fatalf("%d subset findings", len(r.Subset))
		}
		if f := find(t, r, "subset/c2/bench1/subset"); f.Family != SubsetFamily || f.N != 50 || f.Adjust != "holm" {
			t.Errorf("%+v", *f)
		}
	})
}

func TestVerdicts(t *testing.T) {
	b := &builder{d: design()}
	f := func(lo, hi, upper, padj float64) *result.Finding {
		x := result.NewFinding("x", result.KindClaim)
		x.Lo, x.Hi, x.Upper, x.PAdj, x.Margin = num(lo), num(hi), num(upper), num(padj), .01
		return &x
	}
	for _, c := range []struct {
		f    *result.Finding
		want string
	}{
		{f(.01, .04, .035, .001), result.Supported},
		{f(.001, .02, .018, .2), result.Inconclusive}, // the interval excludes 0, Holm does not
		{f(.001, .009, .008, .01), result.Negligible},
		{f(-.02, -.001, -.002, .03), result.Reversed},
		{f(-.02, -.001, -.002, .3), result.Falsified},
		{f(-.01, .009, .008, .6), result.Falsified},
		{f(-.01, .02, .015, .6), result.Inconclusive},
		{f(math.NaN(), math.NaN(), math.NaN(), 1), result.Inconclusive},
	} {
		if got := b.verdict(c.f); got != c.want {
			t.Errorf("%+v: %s, want %s", c.f, got, c.want)
		}
	}
	e := f(-.004, .003, .002, .01)
	e.Test = "tost"
	if got := b.verdict(e); got != result.Equivalent {
		t.Error(got)
	}
	e.PAdj = .2
	if got := b.verdict(e); got != result.Inconclusive {
		t.Error(got)
	}
}

func TestSameBytes(t *testing.T) {
	var a, b bytes.Buffer
	for _, w := range []*bytes.Buffer{&a, &b} {
		s, d := ten(3, 100, 150).set(), design()
		probes(s, 40, 6)
		d.Correlations, d.Resamples = []string{"wrongness", "absurdity"}, 200
		from(t, d, s).Apply(s)
		if err := s.Write(w); err != nil {
			t.Fatal(err)
		}
	}
	if a.String() != b.String() {
		t.Error("two computations differ")
	}
	if _, err := result.Read(&a); err != nil {
		t.Error(err)
	}
}

func TestDoseFindsFallingAccuracy(t *testing.T) {
	w := ten(4, 600)
	w.arms = map[string]float64{"sft": 0, "full": 1.2, "noisy-0.5": .6, "noisy-1": 0}
	r := from(t, design(), w.set())
	f := r.Dose[0]
	if !(f.Estimate > 0) || f.Verdict != result.Supported || !(f.Dose.PageP < .01) || f.Dose.Spearman[0] != -1 {
		t.Errorf("%+v %+v", *f, *f.Dose)
	}
}

func TestParseTest(t *testing.T) {
	for _, bad := range []string{"", "a", "a >", "a > a", "a > b > c", "a < b", "~ b"} {
		if _, _, _, err := ParseTest(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	a, b, e, err := ParseTest(" mine-only ~ noisy-0.5 ")
	if a != "mine-only" || b != "noisy-0.5" || !e || err != nil {
		t.Error(a, b, e, err)
	}
}

func TestFormat(t *testing.T) {
	n := func(x float64) result.Num { return result.Num(x) }
	for _, c := range [][2]string{
		{Points(n(.0123)), "+1.2"}, {Points(n(-.0123)), "-1.2"}, {Points(n(-.0001)), "0.0"}, {Points(result.NaN()), Dash},
		{Percent(n(.61234)), "61.2"}, {P(n(.0499)), "0.0499"}, {P(n(.0512)), "0.051"}, {P(n(.00321)), "0.0032"}, {P(n(1e-9)), "<0.0001"}, {P(n(1)), "1.000"},
		{Interval(n(.003), n(.021)), "[+0.3, +2.1]"}, {Interval(result.NaN(), n(1)), Dash},
		{Short(&result.Finding{Estimate: .01, Lo: -.01, Hi: .03}), "~"}, {Short(&result.Finding{Estimate: .02, Lo: .01, Hi: .03}), "+2.0"},
		{Verdict(result.VerdictNone), "not run"}, {Coefficient(n(-.301)), "-0.30"}, {Delta(nil), Dash},
	} {
		if c[0] != c[1] {
			t.Errorf("%q, want %q", c[0], c[1])
		}
	}
}
