package finding

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"hardneg/fixtures/seed"
	"hardneg/reports/result"
)

// world makes evidence: logit accuracies by arm, problem difficulty, a seed
// effect an arm × seed.
type world struct {
	arms   map[string]float64 // arm → shift in logits against sft
	seeds  int
	n      []int // items of each benchmark
	runSD  float64
	stream uint64
}

func (w world) set() *result.Set {
	s := result.New("world")
	names := make([]string, 0, len(w.arms))
	for a := range w.arms {
		names = append(names, a)
	}
	slices.Sort(names)
	for _, a := range names {
		arm := result.Arm{Name: a, Trained: a != "sft"}
		s.Arms = append(s.Arms, arm)
	}
	for k := range w.seeds {
		s.Seeds = append(s.Seeds, k+1)
	}
	key := seed.Derive(w.stream, "world")
	for b, n := range w.n {
		name := fmt.Sprintf("bench%d", b+1)
		s.Benchmarks = append(s.Benchmarks, result.Benchmark{Name: name, N: n, Samples: 1, Split: "test", Primary: "flexible"})
		it := result.Items{Benchmark: name, IDs: make([]string, n)}
		for i := range it.IDs {
			it.IDs[i] = fmt.Sprintf("%s-%d", name, i)
		}
		for j, a := range names {
			for k, sd := range s.Seeds {
				marks := w.row(key.Sub(uint64(b)), n, j, k, w.arms[a])
				right := 0
				for _, m := range marks {
					right += result.Digit(m)
				}
				it.Outcomes = append(it.Outcomes, result.Outcome{Arm: a, Seed: sd, Marks: string(marks)})
				s.Cells = append(s.Cells, result.Cell{Arm: a, Seed: sd, Benchmark: name, N: n, Correct: right, Accuracy: result.Num(float64(right) / float64(n)),
					Strict: result.NaN(), Flexible: result.NaN(), PassAtK: result.NaN(), Status: result.Done})
			}
		}
		s.Items = append(s.Items, it)
	}
	return s
}

func (w world) row(key seed.Key, n, arm, k int, shift float64) []byte {
	common, own, draw := key.Sub(1), key.Sub(2).Sub(uint64(arm)).Sub(uint64(k)), key.Sub(3).Sub(uint64(arm)).Sub(uint64(k))
	run := w.runSD * own.Normal(0)
	marks := make([]byte, n)
	for i := range marks {
		logit := .4 + 2*common.Normal(uint64(i)) + shift + run
		marks[i] = '0'
		if draw.Float(uint64(i)) < 1/(1+math.Exp(-logit)) {
			marks[i] = '1'
		}
	}
	return marks
}

// ten is a full experiment of the ten arms.
func ten(seeds int, n ...int) world {
	return world{seeds: seeds, n: n, runSD: .05, stream: 7, arms: map[string]float64{"sft": 0, "rft": .1, "dpo": .15, "mine-only": .2, "wt-only": .2,
		"full": .5, "random": .15, "shuffled": .15, "noisy-0.5": .35, "noisy-1": .2}}
}

func design() Design {
	return Design{Scope: "both", Level: .95, Alpha: .05, Margin: .01, Strata: "size", Baselines: []string{"sft", "dpo"}, Seed: 1,
		Pool: []string{"rft", "dpo", "mine-only", "wt-only", "full", "random", "shuffled", "noisy-0.5", "noisy-1"},
		Roles: Roles{SFT: "sft", DPO: "dpo", Full: "full", MineOnly: "mine-only", WtOnly: "wt-only", Random: "random", Shuffled: "shuffled", RFT: "rft",
			Noise: []Dose{{"noisy-0.5", .5}, {"noisy-1", 1}}},
		Claims: []Claim{{ID: "c1", Text: "beats sft", Test: "full > sft"}, {ID: "c2", Text: "beats dpo", Test: "full > dpo"},
			{ID: "c3", Text: "signal", Test: "full > shuffled"}, {ID: "c4", Text: "weighting", Test: "full > mine-only", Family: Exploratory},
			{ID: "c5", Text: "random is as good as dpo", Test: "random ~ dpo", Family: Exploratory, Margin: .02}}}
}

func from(t testing.TB, d Design, s *result.Set) *Report {
	t.Helper()
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	r, err := From(d, s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// find returns the finding with the id.
func find(t testing.TB, r *Report, id string) *result.Finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.ID == id {
			return f
		}
	}
	t.Fatalf("no finding %s", id)
	return nil
}
