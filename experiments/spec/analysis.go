package spec

// Arm is one variant: a patch on the stages, and what comes of it.
type Arm struct {
	// Name of the arm, its variables put in.
	Name string `json:"name"`
	// Vars are the values of the matrix variables, as written.
	Vars map[string]string `json:"-"`
	// Patch lists the settings that differ, as written.
	Patch []Setting `json:"patch"`
	// Stages are the settings of this arm, complete.
	Stages Stages `json:"stages"`
}

// Setting is one line of a patch: a dotted stage key and its value as written.
type Setting struct {
	// Key is dotted, below stages.
	Key string `json:"key"`
	// Value as YAML flow text.
	Value string `json:"value"`
}

// Arms are in file order.
type Arms []Arm

// Claims are in file order.
type Claims []Claim

// Claim is a sentence that the report decides on.
type Claim struct {
	// ID is the key below claims.
	ID string `json:"id"`
	// Text is the sentence.
	Text string `json:"text"`
	// Test is `A > B`, or `A ~ B` for equivalence, of two arms.
	Test string `json:"test"`
	// Left is A.
	Left string `json:"left"`
	// Op is > or ~.
	Op string `json:"op"`
	// Right is B.
	Right string `json:"right"`
	// Benchmarks of the test; all of eval and combined when absent.
	Benchmarks []string `json:"benchmarks"`
	// Family is corrected together.
	Family string `json:"family"`
	// Margin in points; the analysis's own when absent.
	Margin float64 `json:"margin"`
}

// Analysis fixes the statistics before the first trial.
type Analysis struct {
	// Primary is the test that decides.
	Primary string `json:"primary" jsonschema:"enum=crossed"`
	// Scope is what a p-value speaks of: new seeds, new problems, or both.
	Scope string `json:"scope" jsonschema:"enum=both,enum=seeds,enum=problems"`
	// Pool is trained, none, or a list of arms whose seed variance is pooled.
	Pool Pool `json:"pool"`
	// Level of the intervals.
	Level float64 `json:"level" jsonschema:"exclusiveMinimum=0,exclusiveMaximum=1"`
	// Alpha is the error rate.
	Alpha float64 `json:"alpha" jsonschema:"exclusiveMinimum=0,exclusiveMaximum=1"`
	// Margin is the smallest difference of interest, in points.
	Margin float64 `json:"margin" jsonschema:"minimum=0"`
	// Baselines are the arms against which the main table has difference columns.
	Baselines []string `json:"baselines"`
	// Strata weights the benchmarks inside combined.
	Strata string `json:"strata" jsonschema:"enum=size,enum=equal"`
	// Resamples of the bootstrap.
	Resamples int `json:"resamples" jsonschema:"minimum=1"`
	// Seed of the bootstrap.
	Seed int `json:"seed"`
	// Correlations of scores with accuracy.
	Correlations *Correlations `json:"correlations"`
	// Verifier is its validation against independent labels.
	Verifier *Validation `json:"verifier"`
	// Subset is the near-correct but inconsistent part of the benchmarks.
	Subset *Subset `json:"subset"`
}

// Correlations of scores with accuracy.
type Correlations struct {
	// X are the scores.
	X []string `json:"x" jsonschema:"required,enum=wrongness,enum=absurdity"`
	// Over is the data role whose problems are sampled.
	Over string `json:"over" jsonschema:"required,enum=sft,enum=pool,enum=probe,enum=valid"`
}

// Validation of the verifier.
type Validation struct {
	// Labelled are the labelled sets.
	Labelled []Labelled `json:"labelled" jsonschema:"required"`
}

// Labelled is one set of labelled solutions.
type Labelled struct {
	// Path of the file; oracle needs none.
	Path string `json:"path"`
	// Format as in `hardneg verifier validate`.
	Format string `json:"format" jsonschema:"required,enum=native,enum=processbench,enum=prmbench,enum=mr-gsm8k,enum=autorace,enum=mrben,enum=bigbench,enum=oracle"`
}

// Subset is the near-correct but inconsistent part of the benchmarks.
type Subset struct {
	// Samples a problem.
	Samples int `json:"samples" jsonschema:"required,minimum=1"`
	// Seed of their own: one that no arm uses.
	Seed int `json:"seed" jsonschema:"required"`
	// Share of a problem's samples that must be near-correct.
	Share float64 `json:"share" jsonschema:"required,exclusiveMinimum=0,maximum=1"`
}

// Pool is trained, none, or a list of arms.
type Pool struct {
	// Kind is trained, none or arms.
	Kind string `json:"kind"`
	// Arms of the pool where kind is arms.
	Arms []string `json:"arms,omitempty"`
}

// Gate holds the settings of the nightly comparison.
type Gate struct {
	// Budget is the number of false alarms a year over all metrics.
	Budget float64 `json:"budget" jsonschema:"exclusiveMinimum=0"`
	// Metrics are what is compared, in file order.
	Metrics Metrics `json:"metrics"`
	// Notify says where the verdict is written besides.
	Notify []string `json:"notify" jsonschema:"enum=summary-file"`
}

// Metrics are in file order.
type Metrics []Metric

// Metric is one series of the nightly page.
type Metric struct {
	// Name is <arm>/eval.<benchmark>, <arm>/train.loss_final, or one of the run's own.
	Name string `json:"name"`
	// Better is the direction of an improvement.
	Better string `json:"better" jsonschema:"required,enum=higher,enum=lower"`
	// Min is the smallest change that raises an alarm: points or per cent.
	Min Threshold `json:"min"`
}
