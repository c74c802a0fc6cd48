package ablations_test

import (
	"testing"

	"hardneg/ablations"
	"hardneg/ablations/mine"
	"hardneg/ablations/pair"
	"hardneg/ablations/score"
	"hardneg/ablations/weigh"
)

// Every scheme of the table is one that its package knows.
func TestSchemesExist(t *testing.T) {
	for _, s := range ablations.Schemes() {
		c, h := .7, .3
		rows := []pair.Scored{{Candidate: pair.Candidate{ID: "a", PromptID: "p"}, Closeness: &c, HardScore: &h},
			{Candidate: pair.Candidate{ID: "b", PromptID: "p"}, Correct: true, Closeness: &c, HardScore: &h}}
		var err error
		switch s.Axis {
		case "score.profile":
			err = score.Apply(rows, score.Settings{Profile: s.Name, Sigma: 1, Drop: "sem"}, 1,
				func(_, _ pair.Profile, _ float64) (float64, float64) { return 0, 0 })
		case "mine.negatives":
			_, _, err = mine.Apply(rows, mine.Settings{Negatives: s.Name, PerPrompt: 1}, 1)
		case "weight.scores":
			_, err = weigh.Apply([]pair.Pair{{ID: "a"}, {ID: "b"}}, weigh.Settings{Scores: s.Name, Clip: [2]float64{.2, 5}}, 1)
		default:
			t.Errorf("unknown axis %s", s.Axis)
		}
		if err != nil {
			t.Errorf("%s: %s: %v", s.Axis, s.Name, err)
		}
	}
}
