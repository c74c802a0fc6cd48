package finding

import (
	"math"
	"slices"

	"hardneg/reports/result"
	"hardneg/reports/stats"
)

// bootstrapLimit: above this many rows a correlation keeps its analytic
// interval, and a note says so.
const bootstrapLimit = 60000

// noteNoBootstrap marks an interval that ignores clusters.
const noteNoBootstrap = "no_bootstrap"

// scoreNames are the scores of a declared correlation: wrongness with and
// without s_ans (and with the gold answer, greyed), or absurdity.
func scoreNames(x string) []string {
	if x == "wrongness" {
		return []string{"w_proc", "w_none", "w_gold"}
	}
	return []string{"absurdity"}
}

// signal computes correlations and the validation of the verifier.
func (b *builder) signal() error {
	if len(b.d.Correlations) > 0 && len(b.set.Probe) == 0 {
		b.notRun("correlations: no probe samples")
	}
	for _, x := range b.d.Correlations {
		for _, score := range scoreNames(x) {
			b.problemLevel(score)
			b.solutionLevel(score)
			b.runLevel(score)
		}
	}
	if len(b.set.Verifier.Labelled) == 0 {
		b.notRun("verifier against labels: no labelled set")
		b.report.Verifier = slices.Clone(b.set.Verifier.Figures)
	}
	for _, l := range b.set.Verifier.Labelled {
		f, err := Validate(l, b.d.Level)
		if err != nil {
			return err
		}
		b.report.Verifier = append(b.report.Verifier, f...)
	}
	return nil
}

func column(p result.Probe, score string) []result.Num {
	switch score {
	case "w_proc":
		return p.WProc
	case "w_none":
		return p.WNone
	case "w_gold":
		return p.WGold
	}
	return p.Absurdity
}

// problemLevel: the headline. Score and pass rate of a problem are averaged
// over the seeds, so that a problem is one row.
func (b *builder) problemLevel(score string) {
	type cell struct{ score, pass, n float64 }
	cells, names := map[string]*cell{}, []string{}
	for _, p := range b.set.Probe {
		v := column(p, score)
		for i, name := range p.Problems {
			if len(v) == 0 || !v[i].OK() || !p.Pass[i].OK() {
				continue
			}
			if cells[name] == nil {
				cells[name] = &cell{}
				names = append(names, name)
			}
			c := cells[name]
			c.score, c.pass, c.n = c.score+float64(v[i]), c.pass+float64(p.Pass[i]), c.n+1
		}
	}
	if len(names) == 0 {
		return
	}
	r := rows{level: "problem", score: score, outcome: "pass rate of other samples"}
	for _, name := range names {
		c := cells[name]
		r.x, r.y = append(r.x, c.score/c.n), append(r.y, c.pass/c.n)
	}
	b.correlate(r)
}

// solutionLevel: single samples against right or wrong, clusters = problems.
func (b *builder) solutionLevel(score string) {
	r := rows{level: "solution", score: score, outcome: "right answer"}
	var labels []string
	for _, p := range b.set.Probe {
		s := p.Solutions
		if s == nil || score == "w_gold" {
			continue
		}
		v := map[string][]result.Num{"w_proc": s.WProc, "w_none": s.WNone, "absurdity": s.Absurdity}[score]
		for i, j := range s.Problem {
			if v[i].OK() {
				r.x, r.y = append(r.x, float64(v[i])), append(r.y, float64(s.Correct[i]-'0'))
				labels = append(labels, p.Problems[j])
			}
		}
	}
	if len(r.x) > 0 {
		r.cluster, _ = stats.Groups(labels)
		b.correlate(r)
	}
}

// runLevel: one row a trained checkpoint, descriptive.
func (b *builder) runLevel(score string) {
	r := rows{level: "run", score: score, outcome: "accuracy of the same checkpoint"}
	var arms []string
	for _, a := range b.set.ArmProbe {
		v := map[string]result.Num{"w_proc": a.WProc, "w_none": a.WNone, "absurdity": a.Absurdity}[score]
		if score == "w_gold" || !v.OK() || !a.Accuracy.OK() {
			continue
		}
		r.x, r.y = append(r.x, float64(v)), append(r.y, float64(a.Accuracy))
		arms = append(arms, a.Arm)
	}
	if len(r.x) == 0 {
		return
	}
	r.descriptive = true
	b.correlate(r)
	group, n := stats.Groups(arms)
	c := b.newCorrelation(r, "partial_pearson")
	c.Outcome += ", given arm"
	if x, err := stats.Pearson(centred(r.x, group, n), centred(r.y, group, n), b.d.Level); err == nil {
		c.R, c.Notes = num(x.R), x.Notes // its degrees of freedom lack the arms': no p, no interval
	}
	b.report.Correlations = append(b.report.Correlations, c)
}

// centred subtracts the mean of each group.
func centred(x []float64, group []int, n int) []float64 {
	total, size := make([]float64, n), make([]float64, n)
	for i, v := range x {
		total[group[i]] += v
		size[group[i]]++
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v - total[group[i]]/size[group[i]]
	}
	return out
}

// rows are the points of one association.
type rows struct {
	level, score, outcome string
	x, y                  []float64
	cluster               []int
	descriptive           bool
}

func (b *builder) newCorrelation(r rows, method string) result.Correlation {
	units := len(r.x)
	if r.cluster != nil {
		units = slices.Max(r.cluster) + 1
	}
	c := result.Correlation{ID: "correlation/" + r.level + "/" + r.score + "/" + method, Level: r.level, Score: r.score, WithAns: r.score == "w_none" || r.score == "w_gold",
		Outcome: r.outcome, Method: method, Seed: "all", N: len(r.x), Units: units, Greyed: r.score == "w_gold",
		R: result.NaN(), P: result.NaN(), Lo: result.NaN(), Hi: result.NaN(), LoA: result.NaN(), HiA: result.NaN()}
	if r.descriptive {
		c.Notes = []string{"descriptive"}
	}
	return c
}

// correlate adds Pearson, Spearman and Kendall of the rows. Where rows share
// clusters the analytic p and interval would count them as independent: they
// are left out, and the bootstrap by cluster is the interval.
func (b *builder) correlate(r rows) {
	for _, method := range []string{stats.StatPearson, stats.StatSpearman, "kendall"} {
		c := b.newCorrelation(r, method)
		var x stats.CorrelationResult
		var err error
		switch method {
		case stats.StatPearson:
			x, err = stats.Pearson(r.x, r.y, b.d.Level)
		case stats.StatSpearman:
			x, err = stats.Spearman(r.x, r.y, b.d.Level)
		default:
			var k stats.KendallResult
			k, err = stats.Kendall(r.x, r.y)
			x = stats.CorrelationResult{R: k.TauB, P: k.P, Lo: math.NaN(), Hi: math.NaN(), Notes: k.Notes}
		}
		if err != nil {
			c.Notes = append(c.Notes, "bad_input")
		} else {
			c.R, c.Notes = num(x.R), append(c.Notes, x.Notes...)
			if r.cluster == nil {
				c.P, c.LoA, c.HiA = num(x.P), num(x.Lo), num(x.Hi)
				c.Lo, c.Hi = c.LoA, c.HiA
			}
			b.resample(&c, r, method)
		}
		slices.Sort(c.Notes)
		b.report.Correlations = append(b.report.Correlations, c)
	}
}

// resample replaces the interval by the cluster bootstrap.
func (b *builder) resample(c *result.Correlation, r rows, method string) {
	if b.d.Resamples == 0 || r.descriptive || method == "kendall" || !c.R.OK() {
		return
	}
	if len(r.x) > bootstrapLimit {
		c.Notes = append(c.Notes, noteNoBootstrap)
		return
	}
	x, err := stats.Bootstrap{Stat: method, X: r.x, Y: r.y, Cluster: r.cluster, B: b.d.Resamples, Seed: b.d.Seed, Level: b.d.Level}.Run()
	if err == nil {
		c.Lo, c.Hi = num(x.Lo), num(x.Hi)
	}
}
