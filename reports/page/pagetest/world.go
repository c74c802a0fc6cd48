package pagetest

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"hardneg/fixtures/seed"
	"hardneg/reports/finding"
	"hardneg/reports/result"
)

// Size says how large a made-up run is.
type Size struct {
	Seeds, Items int // items of the first benchmark; the second has a quarter of them
	Probe        int // problems
	Steps        int // of training
	Resamples    int
	Noise        []float64 // levels of the noisy arms
	Examples     int       // of each kind; 0: one
}

// Small is enough to fill every part of a report.
func Small() Size {
	return Size{Seeds: 3, Items: 40, Probe: 60, Steps: 30, Resamples: 5, Noise: []float64{.5, 1}}
}

// Smoke is the size of the experiment that comes with the program.
func Smoke() Size {
	return Size{Seeds: 3, Items: 500, Probe: 128, Steps: 36, Resamples: 5, Noise: []float64{.25, .5, 1}, Examples: 20}
}

// Large is the size that a report must bear: 10 arms × 10 seeds × 6,319 items.
func Large() Size {
	return Size{Seeds: 10, Items: 5055, Probe: 500, Steps: 60, Resamples: 20, Noise: []float64{.5, 1}, Examples: 20}
}

// maker fills a set.
type maker struct {
	set  *result.Set
	size Size
	key  seed.Key
	text string
}

// World is a made-up run with every part of a report filled; text stands
// wherever a model, a data set or a person could have written something. The
// last seed of one arm failed, that of another diverged.
func World(text string, size Size) (*result.Set, error) {
	s := result.New("world")
	s.Run, s.About = "world-00000000", text
	m := maker{s, size, seed.Derive(1, "page-test"), text}
	for i := range size.Seeds {
		s.Seeds = append(s.Seeds, i+1)
	}
	var trained []string
	for _, a := range []string{"sft", "rft", "dpo", "mine-only", "wt-only", "full", "random", "shuffled"} {
		s.Arms = append(s.Arms, result.Arm{Name: a, Trained: a != "sft", About: text, Patch: map[string]any{}})
	}
	var doses []finding.Dose
	for _, sigma := range size.Noise {
		name := fmt.Sprintf("noisy-%g", sigma)
		s.Arms = append(s.Arms, result.Arm{Name: name, Trained: true, About: text, Patch: map[string]any{"score.sigma": sigma}})
		doses = append(doses, finding.Dose{Arm: name, Sigma: sigma})
	}
	for _, a := range s.Arms[1:] {
		trained = append(trained, a.Name)
	}
	m.benchmark("arith", size.Items, 0)
	m.benchmark("arith-hard", size.Items/4, 1)
	m.Evidence()
	if err := s.Validate(); err != nil {
		return nil, err
	}
	d := finding.Design{Scope: "both", Level: .95, Alpha: .05, Margin: .01, Baselines: []string{"sft", "dpo"}, Strata: "size", Resamples: size.Resamples, Seed: 1,
		Pool: trained,
		Claims: []finding.Claim{{ID: "c1", Text: text, Test: "full > dpo"}, {ID: "c2", Text: "same", Test: "random ~ shuffled"},
			{ID: "c3", Text: text, Test: "full > sft", Family: finding.Exploratory}},
		Roles:        finding.Roles{SFT: "sft", DPO: "dpo", Full: "full", MineOnly: "mine-only", WtOnly: "wt-only", Random: "random", Shuffled: "shuffled", RFT: "rft", Noise: doses},
		Correlations: []string{"wrongness", "absurdity"}}
	r, err := finding.From(d, s)
	if err != nil {
		return nil, err
	}
	r.Apply(s)
	return s, nil
}

// status of a cell: the last seeds of two arms ended badly.
func (m maker) status(arm string, sd int) result.Status {
	switch last := m.size.Seeds; {
	case arm == "noisy-1" && sd == last:
		return result.Failed
	case arm == "random" && sd == last:
		return result.Diverged
	}
	return result.Done
}

func (m maker) benchmark(name string, n, b int) {
	s := m.set
	s.Benchmarks = append(s.Benchmarks, result.Benchmark{Name: name, N: n, Samples: 1, Split: "test", Primary: "flexible"})
	it := result.Items{Benchmark: name}
	ease := m.key.Sub(uint64(10 + b))
	for i := range n {
		it.IDs = append(it.IDs, fmt.Sprint(name, i))
		it.Levels = append(it.Levels, 1+i%3)
		it.Subjects = append(it.Subjects, []string{"boxes", "chain"}[i%2])
		if i%4 == 0 {
			it.Subset = append(it.Subset, i)
		}
	}
	for j, a := range s.Arms {
		for _, sd := range s.Seeds {
			c := result.Cell{Arm: a.Name, Seed: sd, Benchmark: name, Accuracy: result.NaN(), Strict: result.NaN(), Flexible: result.NaN(), PassAtK: result.NaN(), Status: m.status(a.Name, sd)}
			if c.Status != result.Done {
				c.Note = m.text
			}
			if c.Status.Counts() {
				marks := make([]byte, n)
				draw := m.key.Sub(uint64(b)).Sub(uint64(j*100 + sd))
				for i := range marks {
					marks[i] = '0'
					switch u := draw.Float(uint64(i)); {
					case u < .2+.4*ease.Float(uint64(i))+.02*float64(j):
						marks[i] = '1'
						c.Correct++
					case u > .99:
						marks[i] = '-'
						c.Unparsable++
					}
				}
				c.N, c.Accuracy = n, result.Num(float64(c.Correct)/float64(n))
				it.Outcomes = append(it.Outcomes, result.Outcome{Arm: a.Name, Seed: sd, Marks: string(marks)})
			}
			s.Cells = append(s.Cells, c)
		}
	}
	s.Items = append(s.Items, it)
}

// Evidence fills what findings are not computed from cells: it may be done
// again with another text.
func (m maker) Evidence() {
	s, text := m.set, m.text
	s.Probe, s.Training, s.Mining, s.Cost = nil, nil, nil, nil
	for _, sd := range s.Seeds {
		m.probe(sd)
		for j, a := range s.Arms[1:] {
			m.training(a.Name, sd, j)
		}
		s.Mining = append(s.Mining, result.Mining{Arms: []string{"full", "wt-only"}, Seed: sd, Negatives: "hard", Prompts: 384, WithPairs: 280 + sd, Samples: 3072, Distinct: 2219, Right: 328, Wrong: 1891, Hard: 900,
			Pairs: 290 + sd, ByKind: map[string]int{"hard": 250, text: 40 + sd}, Fallback: 3, Absurdity: .0928, Wrongness: .7888, Closeness: .4722})
	}
	s.Cost = []result.Cost{{Stage: "sft", Tasks: 3, Steps: 252, Tokens: 406892, FLOPs: 865527641856, Rows: 4000}, {Stage: "train", Tasks: 30, Steps: 1080, Tokens: 3289812, FLOPs: 6997982812416, Rows: 8500}}
	m.labelled()
	s.Examples.Items = []result.ItemExample{{Benchmark: "arith", Item: "x", Seed: 1, Arm: "full", Baseline: "dpo", Won: true, Question: text, Gold: text, ArmText: text, BaseText: text, ArmAnswer: text, BaseAnsw: text}}
	s.Examples.Pairs = []result.PairExample{{Arm: "full", Seed: 1, Question: text, Chosen: text, Rejected: "head " + text + " tail", Weight: 3.8758, Wrongness: .9995, Absurdity: .0312, Closeness: .6099, Negative: text,
		Findings: []result.Mark{{Code: text, Dim: text, Severity: .8, Step: 2, Start: 5, End: 5 + len(text), Note: text}}}}
	for range m.size.Examples - 1 {
		s.Examples.Items = append(s.Examples.Items, s.Examples.Items[0], s.Examples.Items[0])
		s.Examples.Pairs = append(s.Examples.Pairs, s.Examples.Pairs[0])
	}
	s.Prov = result.Provenance{Commit: text, Version: text, SpecHash: "ab", PreHash: "cd", DeviceClass: "cpu", DType: "fp32", Model: result.Digest{Name: text, Digest: text}, Verifier: result.Digest{Name: text, Digest: text},
		Data: []result.Digest{{Name: text, Digest: text, Rows: 1319, Note: text}}, TasksTotal: 158, TasksDone: 155, TasksFailed: 3, Overlap: 7, VerifierOverlap: 2}
	s.Spec = spec(text)
}

func (m maker) probe(sd int) {
	p := result.Probe{Seed: sd, Data: "probe", Solutions: &result.Solutions{}}
	var correct []byte
	for i := range m.size.Probe {
		k := m.key.Sub(99).Sub(uint64(sd)).Sub(uint64(i))
		x := k.Float(0)
		p.Problems = append(p.Problems, fmt.Sprint("p", i))
		p.WProc, p.WNone, p.Absurdity = append(p.WProc, result.Num(x)), append(p.WNone, result.Num(x*x)), append(p.Absurdity, result.Num(x/2))
		p.Pass, p.Scored, p.Others = append(p.Pass, result.Num(math.Round(4*(1-x))/4)), append(p.Scored, 4), append(p.Others, 4)
		for j := range 2 {
			v := k.Float(uint64(10 + j))
			p.Solutions.Problem = append(p.Solutions.Problem, i)
			p.Solutions.WProc, p.Solutions.WNone = append(p.Solutions.WProc, result.Num(v)), append(p.Solutions.WNone, result.Num((v+x)/2))
			p.Solutions.Absurdity = append(p.Solutions.Absurdity, result.Num(v/2))
			mark := byte('0')
			if k.Float(uint64(20+j)) > v {
				mark = '1'
			}
			correct = append(correct, mark)
		}
	}
	p.Solutions.Correct = string(correct)
	m.set.Probe = append(m.set.Probe, p)
}

func (m maker) training(arm string, sd, j int) {
	tr := result.Training{Arm: arm, Seed: sd, Loss: "sigmoid", Steps: m.size.Steps, Pairs: 300, Left: 2, DivergedAt: -1, Status: m.status(arm, sd),
		ESS: result.Num(250.25 - float64(10*j)), MeanW: 1, FinalLoss: .4321, FinalMargin: .987, FinalAccuracy: .75, Overlap: result.Num(float64(j) / 10), RankClean: result.NaN(), AUROC: result.NaN()}
	if arm == "rft" {
		tr.Loss = "nll"
	}
	if tr.Status == result.Diverged {
		tr.DivergedAt = 17
	}
	k := m.key.Sub(7).Sub(uint64(sd*100 + j))
	for i := range m.size.Steps {
		x := float64(i) / float64(m.size.Steps)
		e := .02 * k.Float(uint64(i))
		tr.Curve.Step = append(tr.Curve.Step, i+1)
		tr.Curve.Loss = append(tr.Curve.Loss, result.Num(.69-.2*x+e))
		tr.Curve.Margin = append(tr.Curve.Margin, result.Num(.4*x+e))
		tr.Curve.Chosen = append(tr.Curve.Chosen, result.Num(-.1*x+e))
		tr.Curve.GradNorm = append(tr.Curve.GradNorm, result.Num(3-2*x+e))
	}
	tr.Weights = result.Histogram{Edges: []float64{.2, 1, 5}, Counts: []int{100 + j, 200 - j}}
	m.set.Training = append(m.set.Training, tr)
}

func (m maker) labelled() {
	l := result.Labelled{Name: "oracle", Format: "oracle", Scores: map[string][]result.Num{}, Threshold: .5}
	var wrong strings.Builder
	for i := range 90 {
		k := m.key.Sub(55).Sub(uint64(i))
		bad := k.Float(0) < .6
		l.Problems = append(l.Problems, fmt.Sprint("q", i/3))
		at := func(j uint64, gap float64) result.Num {
			v := (1 - gap) * k.Float(j)
			if bad {
				v += gap
			}
			return result.Num(v)
		}
		for j, name := range []string{"w_proc", "w_none", "w_gold", "absurdity", "sem", "sym"} {
			l.Scores[name] = append(l.Scores[name], at(uint64(1+j), .1*float64(j)))
		}
		l.PWrong = append(l.PWrong, at(9, .3))
		first, class := -1, ""
		if bad {
			wrong.WriteByte('1')
			first, class = i%4, []string{"sem", "sym"}[i%2]
		} else {
			wrong.WriteByte('0')
		}
		l.FirstError, l.Predicted, l.Class = append(l.FirstError, first), append(l.Predicted, (i+i/7)%4-1), append(l.Class, class)
	}
	l.Wrong = wrong.String()
	m.set.Verifier = result.Verifier{File: "builtin", Labelled: []result.Labelled{l}, Figures: m.set.Verifier.Figures, Disagreements: m.disagreements()}
}

// disagreements are solutions to read, of two sets and both ways.
func (m maker) disagreements() []result.Disagreements {
	out := []result.Disagreements{{Set: "oracle", Format: "oracle", N: 90, Threshold: .5}, {Set: m.text, Format: "processbench", N: 400, Threshold: .625}}
	k := m.key.Sub(77)
	for i := range 2 * max(m.size.Examples, 2) {
		wrong := i%2 == 1
		d := result.Disagreement{ID: fmt.Sprint("d", i), Problem: fmt.Sprint("q", i), Wrong: wrong, PWrong: result.Num(.7 + .29*k.Float(uint64(i))), Wrongness: .4321, Absurdity: .0567,
			Dims: map[string]result.Num{"sem": .25, "logic": .75}, FirstError: -1, Predicted: i % 3, Question: m.text, Solution: "head " + m.text + " tail",
			Findings: []result.Mark{{Code: m.text, Dim: m.text, Severity: .6, Step: 1, Start: 5, End: 5 + len(m.text), Note: m.text}}}
		if wrong {
			d.PWrong, d.FirstError, d.Predicted, d.Class = 1-d.PWrong, i%4, -1, m.text
		}
		s := &out[i/2%2]
		if s.Examples = append(s.Examples, d); wrong {
			s.Misses += 3
		} else {
			s.FalseAlarms += 7
		}
	}
	return out
}

// spec is a resolved spec with what the tables read of one.
func spec(text string) json.RawMessage {
	type object = map[string]any
	stages := func(loss any) object {
		return object{"score": object{"profile": "verifier", "use": "proc"}, "mine": object{"negatives": "hard", "per_prompt": 2, "closeness_min": .5}, "weight": object{"scores": "verifier", "clip": []float64{.2, 5}},
			"train": object{"loss": loss, "beta": .1, "lr": 5e-5, "batch": 16}}
	}
	raw, err := json.Marshal(object{
		"spec": 1, "name": "world", "about": text,
		"model":  object{"base": text, "dtype": "fp32"},
		"data":   object{"partition": object{"pool": .1, "probe": .02}, "sft": object{"source": "synth/arith", "limit": 1000, "fields": nil}},
		"stages": stages("sigmoid"),
		"arms": []object{{"name": "full", "patch": []object{}, "stages": stages("sigmoid")}, {"name": "rft", "patch": []object{{"key": "train.loss", "value": "nll"}, {"key": "train.beta", "value": "0.25"}}, "stages": stages("nll")},
			{"name": "sft", "patch": []object{{"key": "train", "value": "none"}}, "stages": object{}}},
		"seeds":    object{"values": []int{1, 2, 3}, "root": 20251219},
		"analysis": object{"alpha": .05},
	})
	if err != nil {
		panic("pagetest: the spec does not marshal")
	}
	return raw
}
