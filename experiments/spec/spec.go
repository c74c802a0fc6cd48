package spec

// Spec is a whole experiment, resolved: extends merged, defaults filled in,
// arms expanded. Its JSON form is what results.json keeps.
type Spec struct {
	// Version of the language.
	Version int `json:"spec" jsonschema:"required,enum=1"`
	// Name of the run: small letters, digits and hyphens.
	Name string `json:"name" jsonschema:"required,pattern=^[a-z0-9-]+$"`
	// About is one line for people.
	About string `json:"about"`
	// Extends names one spec, relative to this file: maps merge, lists and scalars replace, ~ removes.
	Extends string `json:"extends,omitempty"`
	// Model is the checkpoint that everything starts from.
	Model Model `json:"model"`
	// Data says where problems come from, by role.
	Data Data `json:"data"`
	// Stages holds the settings of each stage before the arms patch them.
	Stages Stages `json:"stages"`
	// Arms are the variants that are compared, each a patch on the stages.
	Arms Arms `json:"arms"`
	// Seeds repeat every arm.
	Seeds Seeds `json:"seeds"`
	// Analysis fixes the statistics before the first trial.
	Analysis Analysis `json:"analysis"`
	// Claims are the sentences that the report decides on.
	Claims Claims `json:"claims"`
	// Gate holds the settings of the nightly comparison.
	Gate Gate `json:"gate"`
	// Run says how tasks are executed; it changes no artifact.
	Run Run `json:"run"`
	// Outputs says what is written for people; it changes no artifact.
	Outputs Outputs `json:"outputs"`
	// Hardware says what tasks need and how memory is traded for speed.
	Hardware Hardware `json:"hardware"`

	origins map[string]Origin // dotted path → where the value was written; absent: default
	derived map[string]string // dotted path → what a default follows from
	class   string            // device class that OnDevice chose
}

// Model is the checkpoint that everything starts from.
type Model struct {
	// Base is a folder in Hugging Face layout, or a Hub id.
	Base string `json:"base"`
	// Revision of a Hub id.
	Revision string `json:"revision"`
	// Init says whether training starts from base or from fresh weights of the given shape.
	Init string `json:"init" jsonschema:"enum=base,enum=random"`
	// Shape of a model with fresh weights.
	Shape *Shape `json:"shape"`
	// Tokenizer is a folder with tokenizer.json, or vocab.json and merges.txt; base when absent.
	Tokenizer string `json:"tokenizer"`
	// Dtype is the compute type; master weights and reductions are fp32. By device when absent.
	Dtype string `json:"dtype" jsonschema:"enum=fp32,enum=bf16"`
	// Prompt is the prompt format.
	Prompt string `json:"prompt" jsonschema:"enum=chatml,enum=plain,enum=metamath"`
	// System is the system text of chatml.
	System string `json:"system"`
}

// Shape is the architecture of a Qwen2 model.
type Shape struct {
	// Hidden is the width of the residual stream.
	Hidden int `json:"hidden" jsonschema:"required,minimum=1"`
	// Layers counts decoder blocks.
	Layers int `json:"layers" jsonschema:"required,minimum=1"`
	// Heads counts query heads.
	Heads int `json:"heads" jsonschema:"required,minimum=1"`
	// KVHeads counts key and value heads, a divisor of heads.
	KVHeads int `json:"kv_heads" jsonschema:"required,minimum=1"`
	// FFN is the width inside SwiGLU.
	FFN int `json:"ffn" jsonschema:"required,minimum=1"`
	// Vocab counts rows of the embedding.
	Vocab int `json:"vocab" jsonschema:"required,minimum=1"`
	// MaxPositions is the longest sequence.
	MaxPositions int `json:"max_positions" jsonschema:"required,minimum=1"`
	// RopeTheta is the base of the rotary frequencies.
	RopeTheta float64 `json:"rope_theta" jsonschema:"exclusiveMinimum=0"`
	// Tie makes the output layer share the embedding.
	Tie bool `json:"tie"`
	// InitStd is the standard deviation of fresh matrices.
	InitStd float64 `json:"init_std" jsonschema:"exclusiveMinimum=0"`
}

// Data says where problems come from, by role.
type Data struct {
	// Partition is how a training set is cut, by hash of the source question; the rest is train.
	Partition Partition `json:"partition"`
	// SFT are the solutions of the supervised stage.
	SFT *Source `json:"sft"`
	// Pool are the problems whose sampled solutions become pairs.
	Pool *Source `json:"pool"`
	// Probe are held-out training problems on which scores are correlated with accuracy.
	Probe *Source `json:"probe"`
	// Valid are the problems by which best-valid chooses a checkpoint.
	Valid *Source `json:"valid"`
	// Samples are rows of `hardneg sample`; they replace sft to sample.
	Samples *Source `json:"samples"`
	// Pairs are DPO rows; they replace sample to weight.
	Pairs *Source `json:"pairs"`
}

// Partition holds the shares of a training set.
type Partition struct {
	// Pool is the share whose problems are sampled for pairs.
	Pool float64 `json:"pool" jsonschema:"minimum=0,maximum=1"`
	// Probe is the share on which scores are correlated with accuracy.
	Probe float64 `json:"probe" jsonschema:"minimum=0,maximum=1"`
	// Valid is the share that chooses checkpoints.
	Valid float64 `json:"valid" jsonschema:"minimum=0,maximum=1"`
}

// Source is one role's data.
type Source struct {
	// Source names the reader: metamath, gsm8k, math, svamp, jsonl, or synth/<name>.
	Source string `json:"source"`
	// Path is a file, a folder, a Hub id (organisation/name, @revision after it), or
	// hf://datasets/organisation/name/path for what lies inside one; synth needs none.
	Path string `json:"path"`
	// Format of the file; by its ending when absent.
	Format string `json:"format" jsonschema:"enum=json,enum=jsonl,enum=parquet"`
	// Split is the part that is read; the role's own when absent, but all of a jsonl file
	// that no other role reads. The test part of a jsonl file is all of it.
	Split string `json:"split" jsonschema:"enum=train,enum=pool,enum=probe,enum=valid,enum=test"`
	// Limit takes the first N rows in hash order; 0 takes all.
	Limit int `json:"limit" jsonschema:"minimum=0"`
	// Fields names the fields of a jsonl file.
	Fields *Fields `json:"fields"`
}

// Fields names the fields of a jsonl file.
type Fields struct {
	// Question is the field with the question.
	Question string `json:"question"`
	// Solution is the field with the worked solution.
	Solution string `json:"solution"`
	// Answer is the field with the final answer.
	Answer string `json:"answer"`
}

// Seeds repeat every arm; they are shared by the arms, so comparisons are paired.
type Seeds struct {
	// Values are the seeds.
	Values []int `json:"values"`
	// Vary lists the stages that differ between seeds; what follows them differs too.
	Vary []string `json:"vary" jsonschema:"enum=sft,enum=sample,enum=train"`
	// Root is the root of every derived stream.
	Root int `json:"root"`
	// Fresh is a number of seeds that `hardneg gate` derives from the date, instead of values.
	Fresh int `json:"fresh" jsonschema:"minimum=0"`
	// Sentinel is one fixed seed that only detects change (gate).
	Sentinel int `json:"sentinel"`
}

// Run says how tasks are executed.
type Run struct {
	// Executor starts tasks here or through Slurm.
	Executor string `json:"executor" jsonschema:"enum=local,enum=slurm"`
	// Jobs is how many tasks run at once.
	Jobs AutoInt `json:"jobs"`
	// Retries is how often a failed task is tried again.
	Retries int `json:"retries" jsonschema:"minimum=0"`
	// Timeout is the longest time of a task: default, or by stage.
	Timeout map[string]Duration `json:"timeout"`
	// OnFailure says whether other tasks go on when one has failed.
	OnFailure string `json:"on_failure" jsonschema:"enum=continue,enum=stop"`
	// Checkpoint is the time between checkpoints inside a task.
	Checkpoint Duration `json:"checkpoint"`
	// Slurm is passed to sbatch.
	Slurm *Slurm `json:"slurm"`
}

// Slurm is passed to sbatch.
type Slurm struct {
	// Partition of the cluster.
	Partition string `json:"partition"`
	// Account that is charged.
	Account string `json:"account"`
	// Time limit of a job, as sbatch reads it.
	Time string `json:"time"`
	// Throttle is how many tasks of an array run at once; 0 = no limit.
	Throttle int `json:"throttle" jsonschema:"minimum=0"`
	// Extra are further options of sbatch.
	Extra []string `json:"extra"`
}

// Outputs says what is written for people.
type Outputs struct {
	// HTML writes the report page.
	HTML bool `json:"html"`
	// Tables are the table formats.
	Tables []string `json:"tables" jsonschema:"enum=latex,enum=csv,enum=markdown"`
	// Figures are the figure formats.
	Figures []string `json:"figures" jsonschema:"enum=svg,enum=tikz"`
	// Examples is how many solved and lost problems are shown in each direction.
	Examples int `json:"examples" jsonschema:"minimum=0"`
	// Keep says which models stay in the store once a run is complete: none, or
	// those that its trainings ended with.
	Keep string `json:"keep" jsonschema:"enum=all,enum=final,enum=none"`
}

// Hardware says what tasks need and how memory is traded for speed.
type Hardware struct {
	// Device class of the tasks that compute.
	Device string `json:"device" jsonschema:"enum=auto,enum=cpu,enum=cuda"`
	// GPUs a task; 1 on cuda when absent.
	GPUs int `json:"gpus" jsonschema:"minimum=0"`
	// MinMemGB is the device memory that a task needs.
	MinMemGB float64 `json:"min_mem_gb" jsonschema:"minimum=0"`
	// Threads of a task.
	Threads AutoInt `json:"threads"`
	// MicroBatch is how many sequences or pairs go through the device at once; it changes only rounding.
	MicroBatch AutoInt `json:"micro_batch"`
	// Recompute trades time for memory.
	Recompute string `json:"recompute" jsonschema:"enum=auto,enum=none,enum=light,enum=full"`
	// Deterministic asks for kernels whose result does not depend on scheduling.
	Deterministic bool `json:"deterministic"`
}
