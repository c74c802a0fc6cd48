package stage

import (
	"fmt"
	"path/filepath"
	"strings"

	"hardneg/ablations/mine"
	"hardneg/ablations/pair"
	"hardneg/ablations/weigh"
	"hardneg/experiments/plan"
	"hardneg/models/train"
	"hardneg/models/verifier"
	"hardneg/reports/finding"
	"hardneg/reports/result"
	"hardneg/reports/stats"
)

// curvePoints is the most points of a step curve.
const curvePoints = 60

// training reads every arm's training on every seed.
func (c *collector) training() error {
	for _, a := range c.spec.Arms {
		for _, seed := range c.set.Seeds {
			t, ok := c.task("train", a.Name, seed)
			if !ok {
				continue
			}
			tr := result.Training{Arm: a.Name, Seed: seed, Loss: a.Stages.Train.Loss, DivergedAt: -1, Status: result.Done,
				FinalLoss: result.NaN(), FinalMargin: result.NaN(), FinalAccuracy: result.NaN(), MeanW: result.NaN(), ESS: result.NaN(),
				Overlap: result.NaN(), RankClean: result.NaN(), AUROC: result.NaN()}
			o := c.of(t.ID)
			switch {
			case o.Dir == "" && o.Failed:
				tr.Status = result.Failed
			case o.Dir == "":
				tr.Status = result.NotRun
			default:
				s, ms, err := steps(o.Dir)
				if err != nil {
					return err
				}
				tr.Steps, tr.Pairs, tr.Left, tr.DivergedAt = s.Steps, s.Rows, s.LeftOut, s.At
				if s.Status == "diverged" {
					tr.Status = result.Diverged
				}
				tr.Curve = curve(ms)
				final(&tr, ms)
			}
			if err := c.weights(&tr, t, seed); err != nil {
				return err
			}
			c.set.Training = append(c.set.Training, tr)
		}
	}
	return nil
}

// final averages the last tenth of the steps, at least one.
func final(tr *result.Training, ms []train.Metrics) {
	if len(ms) == 0 {
		return
	}
	last := ms[len(ms)-max(1, len(ms)/10):]
	var l, m, a float64
	for _, x := range last {
		l, m, a = l+x.Loss, m+x.RewardsMargin, a+x.RewardsAccuracy
	}
	n := float64(len(last))
	tr.FinalLoss, tr.FinalMargin, tr.FinalAccuracy = result.Num(l/n), result.Num(m/n), result.Num(a/n)
}

// curve averages stretches of steps down to at most curvePoints points.
func curve(ms []train.Metrics) result.Curve {
	var c result.Curve
	n := min(curvePoints, len(ms))
	for i := range n {
		part := ms[i*len(ms)/n : (i+1)*len(ms)/n]
		mean := func(of func(train.Metrics) float64) result.Num {
			var s float64
			for _, m := range part {
				s += of(m)
			}
			return result.Num(s / float64(len(part)))
		}
		c.Step = append(c.Step, part[len(part)-1].Step)
		c.Loss = append(c.Loss, mean(func(m train.Metrics) float64 { return m.Loss }))
		c.Margin = append(c.Margin, mean(func(m train.Metrics) float64 { return m.RewardsMargin }))
		c.Accuracy = append(c.Accuracy, mean(func(m train.Metrics) float64 { return m.RewardsAccuracy }))
		c.Chosen = append(c.Chosen, mean(func(m train.Metrics) float64 { return m.RewardsChosen }))
		c.Rejected = append(c.Rejected, mean(func(m train.Metrics) float64 { return m.RewardsRejected }))
		c.GradNorm = append(c.GradNorm, mean(func(m train.Metrics) float64 { return m.GradNorm }))
		c.LR = append(c.LR, mean(func(m train.Metrics) float64 { return m.LearningRate }))
	}
	return c
}

// weights adds what the pairs of a training weigh, and what they share with full's.
func (c *collector) weights(tr *result.Training, t plan.Task, seed int) error {
	w, ok := c.input(t, "pairs")
	dir, ok := c.dir(w, ok)
	if !ok {
		return nil
	}
	pairs, err := readRows[pair.Pair](filepath.Join(dir, "pairs.jsonl"))
	if err != nil {
		return err
	}
	clip := [2]float64{.2, 5}
	for _, a := range c.spec.Arms {
		if a.Name == tr.Arm {
			clip = a.Stages.Weight.Clip
		}
	}
	s := weigh.Describe(pairs, clip)
	tr.MeanW, tr.ESS = result.Num(s.Mean), result.Num(s.ESS)
	tr.Weights.Counts = s.Hist
	for i := range len(s.Hist) + 1 {
		tr.Weights.Edges = append(tr.Weights.Edges, clip[0]+float64(i)*(clip[1]-clip[0])/float64(len(s.Hist)))
	}
	full, ok := c.task("train", "full", seed)
	if !ok {
		return nil
	}
	fw, ok := c.input(full, "pairs")
	fdir, ok := c.dir(fw, ok)
	if !ok {
		return nil
	}
	fp, err := readRows[pair.Pair](filepath.Join(fdir, "pairs.jsonl"))
	if err != nil {
		return err
	}
	has := map[string]bool{}
	for _, p := range fp {
		has[p.ID] = true
	}
	n := 0
	for _, p := range pairs {
		if has[p.ID] {
			n++
		}
	}
	if len(pairs) > 0 {
		tr.Overlap = result.Num(float64(n) / float64(len(pairs)))
	}
	return c.quality(tr, seed)
}

// quality compares the arm's scores of the pool with the verifier's own: rank
// correlation over wrong samples' W, and AUROC against the gate.
func (c *collector) quality(tr *result.Training, seed int) error {
	read := func(arm string) (scoreColumns, error) {
		t, ok := c.task("score", arm, seed)
		dir, ok := c.dir(t, ok)
		if !ok {
			return scoreColumns{}, nil
		}
		return readJSON[scoreColumns](filepath.Join(dir, "columns.json"))
	}
	own, err := read(tr.Arm)
	if err != nil || len(own.WProc) == 0 {
		return err
	}
	tr.AUROC = auroc(own)
	clean, err := read("full")
	if err != nil || len(clean.WProc) != len(own.WProc) {
		return err
	}
	if r, err := stats.Spearman(own.WProc, clean.WProc, .95); err == nil {
		tr.RankClean = result.Num(r.R)
	}
	return nil
}

// mining reads every distinct mining result.
func (c *collector) mining() error {
	for _, t := range c.plan.Tasks {
		dir := c.of(t.ID).Dir
		if t.Stage != "mine" || dir == "" {
			continue
		}
		p, err := decode[plan.MineParams](t)
		if err != nil {
			return err
		}
		s, err := readJSON[mine.Stats](filepath.Join(dir, "mine.json"))
		if err != nil {
			return err
		}
		pairs, err := readRows[pair.Pair](filepath.Join(dir, "pairs.jsonl"))
		if err != nil {
			return err
		}
		m := result.Mining{Arms: t.Arms, Seed: t.Seed, Negatives: p.Negatives, Prompts: s.Prompts, Samples: s.Candidates,
			Distinct: s.Candidates - s.Duplicates, Right: s.Right, Wrong: s.Candidates - s.Duplicates - s.Right, Pairs: s.Pairs, ByKind: s.ByNegative,
			Hard: s.ByNegative["hard"], Absurdity: result.NaN(), Wrongness: result.NaN(), Closeness: result.NaN()}
		prompts := map[string]bool{}
		var w, a, cl float64
		for _, q := range pairs {
			prompts[q.PromptID] = true
			if strings.HasSuffix(q.ChosenID, "-ref") {
				m.Fallback++
			}
			w, a, cl = w+q.Wrejected, a+q.Absurdity, cl+q.Closeness
		}
		m.WithPairs, m.Skipped = len(prompts), s.Prompts-len(prompts)
		if n := float64(len(pairs)); n > 0 {
			m.Wrongness, m.Absurdity, m.Closeness = result.Num(w/n), result.Num(a/n), result.Num(cl/n)
		}
		c.set.Mining = append(c.set.Mining, m)
	}
	return nil
}

// probes splits each probe problem's samples: the even ones are scored, the
// odd ones give the pass rate.
func (c *collector) probes() error {
	if c.spec.Analysis.Correlations == nil {
		return nil
	}
	for _, t := range c.plan.Tasks {
		dir := c.of(t.ID).Dir
		if t.Stage != "score" || !strings.HasPrefix(t.ID, "score-"+c.spec.Analysis.Correlations.Over) || dir == "" {
			continue
		}
		rows, err := readRows[pair.Scored](filepath.Join(dir, "scores.jsonl"))
		if err != nil {
			return err
		}
		c.set.Probe = append(c.set.Probe, probe(rows, t.Seed, c.spec.Analysis.Correlations.Over))
		if err := c.answersOf(t, rows); err != nil {
			return err
		}
	}
	return nil
}

func probe(rows []pair.Scored, seed int, role string) result.Probe {
	p := result.Probe{Seed: seed, Data: role, Solutions: &result.Solutions{}}
	var correct []byte
	for lo := 0; lo < len(rows); {
		hi := lo + 1
		for hi < len(rows) && rows[hi].PromptID == rows[lo].PromptID {
			hi++
		}
		var w, n, a, pass float64
		scoredN, others := 0, 0
		for _, r := range rows[lo:hi] {
			if r.K%2 == 1 {
				others++
				if r.Correct {
					pass++
				}
				continue
			}
			scoredN++
			w, n, a = w+r.WrongnessProc, n+r.WrongnessNone, a+r.Absurdity
			p.Solutions.Problem = append(p.Solutions.Problem, len(p.Problems))
			p.Solutions.WProc = append(p.Solutions.WProc, result.Num(r.WrongnessProc))
			p.Solutions.WNone = append(p.Solutions.WNone, result.Num(r.WrongnessNone))
			p.Solutions.Absurdity = append(p.Solutions.Absurdity, result.Num(r.Absurdity))
			correct = append(correct, digit(boolInt(r.Correct), true))
		}
		mean := func(s float64, k int) result.Num {
			if k == 0 {
				return result.NaN()
			}
			return result.Num(s / float64(k))
		}
		p.Problems = append(p.Problems, rows[lo].PromptID)
		p.WProc, p.WNone, p.Absurdity = append(p.WProc, mean(w, scoredN)), append(p.WNone, mean(n, scoredN)), append(p.Absurdity, mean(a, scoredN))
		p.Pass = append(p.Pass, mean(pass, others))
		p.Scored, p.Others = append(p.Scored, scoredN), append(p.Others, others)
		lo = hi
	}
	p.Solutions.Correct = string(correct)
	return p
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// labels reads the validation of the verifier.
func (c *collector) labels() error {
	c.set.Verifier.File = c.spec.Stages.Score.Verifier
	var sets []result.Disagreements
	for _, t := range c.plan.Tasks {
		dir := c.of(t.ID).Dir
		if t.Stage != "verifier" || dir == "" {
			continue
		}
		l, err := readJSON[result.Labelled](filepath.Join(dir, "verifier.json"))
		if err != nil {
			return err
		}
		if t.Varies {
			l.Name = fmt.Sprintf("%s, seed %d", l.Name, t.Seed)
		}
		c.set.Verifier.Labelled = append(c.set.Verifier.Labelled, l)
		path := filepath.Join(dir, "disagreements.json")
		if !exists(path) { // made by a version that kept none
			continue
		}
		d, err := readJSON[result.Disagreements](path)
		if err != nil {
			return err
		}
		d.Set = l.Name
		sets = append(sets, d)
	}
	sets = append(sets, c.answers...)
	c.set.Verifier.Disagreements = finding.MostConfident(sets, c.spec.Outputs.Examples)
	return nil
}

// answersOf compares the verifier with the answer check on samples that it
// scored without the gold answer. Only of a verifier that is the program's own
// is the threshold known here.
func (c *collector) answersOf(t plan.Task, rows []pair.Scored) error {
	name := c.spec.Stages.Score.Verifier
	if name != "builtin" && name != "rules" {
		return nil
	}
	v, err := verifier.Load(name)
	if err != nil {
		return err
	}
	var all []result.Disagreement
	threshold := result.NaN()
	for _, r := range rows {
		if r.Gold == "" {
			continue
		}
		if len(all) == 0 { // problems of one source are of one register
			threshold = result.Num(v.Tau(verifier.RegisterOf(r.Question)))
		}
		all = append(all, disagreement(r, label{!r.Correct, -1, ""}))
	}
	set := c.spec.Analysis.Correlations.Over
	if t.Varies {
		set = fmt.Sprintf("%s, seed %d", set, t.Seed)
	}
	if len(all) > 0 {
		c.answers = append(c.answers, finding.Disagree(set, "answer", threshold, all, c.spec.Outputs.Examples))
	}
	return nil
}

// auroc says how well W tells wrong samples from right ones.
func auroc(c scoreColumns) result.Num {
	wrong := make([]int, len(c.Correct))
	for i, ok := range c.Correct {
		wrong[i] = 1 - boolInt(ok)
	}
	a, err := stats.AUROC(c.WProc, wrong, nil, .95)
	if err != nil {
		return result.NaN()
	}
	return result.Num(a.AUC)
}
