// Package ablations says what a spec may vary about the preference signal.
//
// An arm is a point on three axes: who scores (score.profile), what is mined
// (mine.negatives) and how pairs are weighted (weight.scores). The axes are
// independent, so each ablation that a referee asks for is one line of YAML.
// Schemes is the table of the points on each axis; the work is done in score,
// mine and weigh.
package ablations

// Scheme is one named point on one axis.
type Scheme struct {
	Axis string // the spec key: score.profile, mine.negatives, weight.scores
	Name string
	Does string // one line for people
}

// Schemes lists every point, axis by axis, the method's own point first.
func Schemes() []Scheme {
	return []Scheme{
		{"score.profile", "verifier", "the MathVerifier's own profiles"},
		{"score.profile", "noisy", "profiles with σ standard deviations of noise on the logit scale; mining and weights both see it"},
		{"score.profile", "shuffled", "profiles exchanged between samples of the same gate class"},
		{"score.profile", "random", "each dimension drawn from its own marginal"},
		{"score.profile", "drop", "one dimension set to its median"},
		{"mine.negatives", "hard", "near-correct, structurally flawed wrong samples"},
		{"mine.negatives", "random", "wrong samples drawn uniformly, as many as hard takes"},
		{"mine.negatives", "easy", "the wrong samples of the lowest hard score"},
		{"mine.negatives", "all", "every wrong sample"},
		{"weight.scores", "verifier", "weights from wrongness and absurdity"},
		{"weight.scores", "uniform", "all weights 1: plain DPO on the same pairs"},
		{"weight.scores", "shuffled", "the verifier's weights permuted over the pairs: same multiset, broken link"},
		{"weight.scores", "random", "log-normal weights of the same spread"},
		{"weight.scores", "noisy", "the verifier's weights with noise of σ standard deviations of their logs"},
		{"weight.scores", "inverted", "the reciprocal weights: should hurt if the signal helps"},
	}
}
