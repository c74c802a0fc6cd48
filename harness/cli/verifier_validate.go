package cli

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"sort"

	"github.com/urfave/cli/v3"

	"hardneg/models/verifier"
	"hardneg/reports/stats"
)

func (a *App) verifierValidateCommand() *cli.Command {
	return &cli.Command{
		Name:  "validate",
		Usage: "measure a verifier against labels of people or of the generator",
		Description: `Formats: native, processbench, prmbench, mr-gsm8k, autorace, mrben, bigbench, gsm8k-outputs (JSON lines, also gzipped,
as published), and oracle: generated problems whose solutions the generator labels; it needs no --in.
native rows: {"id","question","solution" or "steps","wrong","first_error_step"?,"dim"?,"class"?,"gold"?,"peers"?}; rows of
hardneg perturb are taken too. Every figure is given for W_proc and W_none, and where peers are there for W_cons.
Intervals are at 95 %, of AUROC with Obuchowski's clustered variance over questions.

Exit codes: 0 done, 2 bad option or row, 6 a file is missing or unreadable.`,
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "in", Usage: "labelled solutions (repeatable, pooled)"},
			&cli.StringFlag{Name: "format", Usage: "format of the files, or oracle", Value: "native"},
			&cli.StringFlag{Name: "verifier", Usage: "builtin, rules, or a verifier file", Value: "builtin"},
			&cli.StringFlag{Name: "json", Usage: "write all figures to this file, - for standard output"},
			&cli.IntFlag{Name: "synth", Usage: "oracle: generated problems of each source", Value: 300},
			&cli.Uint64Flag{Name: "seed", Usage: "oracle: seed of the problems", Value: 7},
		},
		Action: func(_ context.Context, c *cli.Command) error {
			v, err := loadVerifier(c.String("verifier"))
			if err != nil {
				return err
			}
			rows, err := a.validationRows(c)
			if err != nil {
				return err
			}
			r, err := validate(v, rows)
			if err != nil {
				return err
			}
			r.Verifier, r.Format = c.String("verifier"), c.String("format")
			out := c.String("json")
			if out != "-" {
				r.print(a)
			}
			if out == "" {
				return nil
			}
			b, err := json.MarshalIndent(r, "", " ")
			if err != nil {
				return err
			}
			return a.writeOutput(out, append(b, '\n'))
		},
	}
}

func (a *App) validationRows(c *cli.Command) (out []labelled, err error) {
	if c.String("format") == "oracle" {
		ex, err := verifier.Synthetic(c.Int("synth"), c.Uint64("seed"))
		if err != nil {
			return nil, err
		}
		for _, e := range ex {
			l := labelled{Example: e}
			for d := verifier.Sem; d < verifier.NumDims; d++ {
				if e.Dims[d] {
					l.class = d.String()
				}
			}
			out = append(out, l)
		}
		return out, nil
	}
	f, err := formatNamed(c.String("format"))
	if err != nil {
		return nil, usagef("--format: %w", err)
	}
	if len(c.StringSlice("in")) == 0 {
		return nil, usagef("--in is needed, or --format oracle")
	}
	for _, path := range c.StringSlice("in") {
		rows, err := a.readLabelled(path, f)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	if len(out) == 0 {
		return nil, usagef("no labelled rows in the input")
	}
	return out, nil
}

// column is one score of all rows.
type column struct {
	name string
	get  func(s *verifier.Score) float64
	prob bool // a probability of being wrong: Brier and ECE mean something
}

// validate scores every row and compares with its label.
func validate(v *verifier.Verifier, rows []labelled) (*validation, error) {
	r := &validation{N: len(rows)}
	label, cluster := make([]int, len(rows)), make([]int, len(rows))
	ids := map[string]int{}
	peers := true
	for i := range rows {
		l := &rows[i]
		r.raw = append(r.raw, v.Score(l.Input, verifier.None))
		if l.Wrong {
			label[i] = 1
			r.Wrong++
		}
		if _, ok := ids[l.Question]; !ok {
			ids[l.Question] = len(ids)
		}
		cluster[i] = ids[l.Question]
		peers = peers && len(l.Peers) > 0
	}
	r.Questions = len(ids)
	columns := []column{
		{"W_proc", func(s *verifier.Score) float64 { return s.WrongnessProc }, true},
		{"W_none", func(s *verifier.Score) float64 { return s.WrongnessNone }, true},
		{"P_wrong", func(s *verifier.Score) float64 { return s.PWrong }, true},
		{"absurdity", func(s *verifier.Score) float64 { return s.Absurdity }, false},
	}
	for _, c := range columns {
		f, err := figuresOf(c.name, values(r.raw, c.get), label, cluster, rows, v, c.prob)
		if err != nil {
			return nil, err
		}
		r.Scores = append(r.Scores, f)
	}
	if peers {
		var cons []float64
		for i := range rows {
			s := v.Score(rows[i].Input, verifier.Consensus)
			cons = append(cons, s.Wrongness)
		}
		f, err := figuresOf("W_cons", cons, label, cluster, rows, v, true)
		if err != nil {
			return nil, err
		}
		r.Scores = append(r.Scores, f)
	}
	for d := verifier.Sem; d < verifier.NumDims; d++ {
		f, err := figuresOf(d.String(), values(r.raw, func(s *verifier.Score) float64 { return s.Profile[d] }), label, cluster, rows, v, false)
		if err != nil {
			return nil, err
		}
		r.Dims = append(r.Dims, f)
	}
	r.correlate()
	r.firings(rows)
	return r, r.localise(rows, v)
}

func values(raw []verifier.Score, get func(s *verifier.Score) float64) []float64 {
	out := make([]float64, len(raw))
	for i := range raw {
		out[i] = get(&raw[i])
	}
	return out
}

func figuresOf(name string, x []float64, label, cluster []int, rows []labelled, v *verifier.Verifier, prob bool) (scoreFigures, error) {
	nan := figure(math.NaN())
	f := scoreFigures{Name: name, Brier: nan, ECE: nan, ECEMass: nan, MCC: nan}
	roc, err := stats.AUROC(x, label, cluster, .95)
	if err != nil {
		return f, err
	}
	f.AUROC, f.Lo, f.Hi = figure(roc.AUC), figure(roc.LoCluster), figure(roc.HiCluster)
	ap, _, err := stats.AveragePrecision(x, label)
	if err != nil {
		return f, err
	}
	f.AP = figure(ap)
	if prob {
		c, err := stats.Calibration(x, label, 10)
		if err != nil {
			return f, err
		}
		f.Brier, f.ECE, f.ECEMass = figure(c.Brier), figure(c.ECE), figure(equalMass(x, label, 10))
		f.MCC = figure(matthews(x, label, rows, v))
	}
	f.Pairs, f.NPairs = pairAccuracy(x, label, cluster)
	n := 0
	for _, p := range x {
		if p >= .5 {
			n++
		}
	}
	f.Fires = figure(float64(n) / float64(len(x)))
	return f, nil
}

// equalMass is the calibration error over bins of equal size.
func equalMass(x []float64, label []int, bins int) float64 {
	idx := make([]int, len(x))
	for i := range idx {
		idx[i] = i
	}
	sort.SliceStable(idx, func(i, j int) bool { return x[idx[i]] < x[idx[j]] })
	e := 0.0
	for b := range bins {
		lo, hi := b*len(idx)/bins, (b+1)*len(idx)/bins
		p, y := 0.0, 0.0
		for _, i := range idx[lo:hi] {
			p, y = p+x[i], y+float64(label[i])
		}
		e += math.Abs(p-y) / float64(len(idx))
	}
	return e
}

// matthews is the correlation of label and decision at the stored threshold.
func matthews(x []float64, label []int, rows []labelled, v *verifier.Verifier) float64 {
	var tp, fp, tn, fn float64
	for i := range x {
		called := x[i] >= v.Tau(verifier.RegisterOf(rows[i].Question))
		switch {
		case called && label[i] == 1:
			tp++
		case called:
			fp++
		case label[i] == 1:
			fn++
		default:
			tn++
		}
	}
	return (tp*tn - fp*fn) / math.Sqrt((tp+fp)*(tp+fn)*(tn+fp)*(tn+fn))
}

// pairAccuracy is the share of (wrong, right) pairs of one question in which
// the wrong one scores higher, ties one half.
func pairAccuracy(x []float64, label, cluster []int) (figure, int) {
	by := map[int][]int{}
	for i, c := range cluster {
		by[c] = append(by[c], i)
	}
	n, s := 0, 0.0
	for _, is := range by {
		for _, i := range is {
			for _, j := range is {
				if label[i] != 1 || label[j] != 0 {
					continue
				}
				n++
				switch {
				case x[i] > x[j]:
					s++
				case x[i] == x[j]:
					s += .5
				}
			}
		}
	}
	return figure(s / float64(n)), n
}

// correlate fills the matrix of Pearson correlations between dimensions.
func (r *validation) correlate() {
	n := float64(len(r.raw))
	var mean, sd [6]float64
	var cross [6][6]float64
	for i := range r.raw {
		for d, p := range r.raw[i].Profile {
			mean[d] += p / n
		}
	}
	for i := range r.raw {
		for d, p := range r.raw[i].Profile {
			for e, q := range r.raw[i].Profile {
				cross[d][e] += (p - mean[d]) * (q - mean[e]) / n
			}
		}
	}
	for d := range sd {
		sd[d] = math.Sqrt(cross[d][d])
	}
	for d := range cross {
		for e := range cross[d] {
			r.Correlation[d][e] = figure(cross[d][e] / (sd[d] * sd[e]))
		}
	}
}

// firings counts findings, hard findings and absurd solutions.
func (r *validation) firings(rows []labelled) {
	counts := map[verifier.Code]*[2]int{}
	var hard, absurd [2]int
	for i := range r.raw {
		k := 0
		if rows[i].Wrong {
			k = 1
		}
		seen := map[verifier.Code]bool{}
		anyHard := false
		for _, f := range r.raw[i].Findings {
			anyHard = anyHard || f.Severity >= .6
			if seen[f.Code] {
				continue
			}
			seen[f.Code] = true
			if counts[f.Code] == nil {
				counts[f.Code] = new([2]int)
			}
			counts[f.Code][k]++
		}
		if anyHard {
			hard[k]++
		}
		if r.raw[i].Absurdity >= .5 {
			absurd[k]++
		}
	}
	right, wrong := float64(r.N-r.Wrong), float64(r.Wrong)
	r.HardRight, r.HardWrong = figure(float64(hard[0])/right), figure(float64(hard[1])/wrong)
	r.Absurd = [2]figure{figure(float64(absurd[0]) / right), figure(float64(absurd[1]) / wrong)}
	for c, n := range counts {
		r.Codes = append(r.Codes, codeFigures{string(c), figure(float64(n[0]) / right), figure(float64(n[1]) / wrong)})
	}
	slices.SortFunc(r.Codes, func(x, y codeFigures) int {
		if x.Code < y.Code {
			return -1
		}
		return 1
	})
}

// localise fills first-error figures and those by class.
func (r *validation) localise(rows []labelled, v *verifier.Verifier) error {
	var gold, pred []int
	hits, wrong, chance := 0, 0, 0.0
	type tally struct {
		n, steps, hit, called int
		x                     []float64
	}
	classes := map[string]*tally{}
	var rightX []float64
	for i := range rows {
		l, s := &rows[i], &r.raw[i]
		if !l.Wrong {
			rightX = append(rightX, s.WrongnessNone)
		}
		t := classes[l.class]
		if l.Wrong && l.class != "" {
			if t == nil {
				t = new(tally)
				classes[l.class] = t
			}
			t.n++
			t.x = append(t.x, s.WrongnessNone)
			if s.WrongnessNone >= v.Tau(verifier.RegisterOf(l.Question)) {
				t.called++
			}
		}
		if l.First == verifier.Unknown {
			continue
		}
		gold, pred = append(gold, l.First), append(pred, s.FirstErrorStep)
		if !l.Wrong {
			continue
		}
		wrong++
		hit := len(s.StepScores) > 0 && argmax(s.StepScores) == l.First
		if hit {
			hits++
		}
		if n := len(s.StepScores); n > 0 {
			chance += 1 / float64(n)
		}
		if l.class != "" {
			t.steps++
			if hit {
				t.hit++
			}
		}
	}
	f, err := stats.FirstError(gold, pred)
	if err != nil {
		return err
	}
	r.NSteps, r.AccError, r.AccCorrect, r.F1 = len(gold), figure(f.AccError), figure(f.AccCorrect), figure(f.F1)
	r.Localisation, r.Chance = figure(float64(hits)/float64(wrong)), figure(chance/float64(wrong))
	for name, t := range classes {
		x := append(append([]float64(nil), t.x...), rightX...)
		y := make([]int, len(x))
		for i := range t.x {
			y[i] = 1
		}
		roc, err := stats.AUROC(x, y, nil, .95)
		if err != nil {
			return err
		}
		r.Classes = append(r.Classes, classFigures{name, t.n, figure(roc.AUC), figure(float64(t.hit) / float64(t.steps)), figure(float64(t.called) / float64(t.n))})
	}
	sort.Slice(r.Classes, func(i, j int) bool { return r.Classes[i].Class < r.Classes[j].Class })
	return nil
}

func argmax(x []float64) int {
	best := 0
	for i := range x {
		if x[i] > x[best] {
			best = i
		}
	}
	return best
}
