package spec

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// minimal is the smallest spec that runs; cases are appended to it or replace a part of it.
const minimal = `spec: 1
name: t
model: {base: m}
data: {sft: {source: gsm8k}, pool: {source: gsm8k}}
stages:
  sft: {lr: 1.0e-3}
  train: {lr: 1.0e-4}
  eval: {benchmarks: [arith, gsm8k]}
arms:
  sft: {train: none}
  full: {}
`

func TestMinimal(t *testing.T) {
	if _, err := Parse("t.yaml", minimal, nil); err != nil {
		t.Fatal(err)
	}
}

// TestMistakes: each spec has the mistakes named, all of them, with their places.
func TestMistakes(t *testing.T) {
	type edit struct{ old, new string }
	for _, c := range []struct {
		name string
		edit edit // of minimal; old "" appends
		want string
	}{
		{"unknown key", edit{"train: {lr: 1.0e-4}", "train: {lr: 1.0e-4, btea: 0.1}"},
			`t.yaml:7:23: unknown key "btea" in spec.stages.train (did you mean "beta"?)`},
		{"unknown key at the top", edit{"", "stage: {}"}, `t.yaml:12:1: unknown key "stage" in spec (did you mean "stages"?)`},
		{"unknown key, nothing near", edit{"", "colour: red"}, `t.yaml:12:1: unknown key "colour" in spec`},
		{"unknown key in a patch", edit{"full: {}", "full: {train.btea: 1}"},
			`t.yaml:11:10: unknown key "btea" in spec.stages.train (did you mean "beta"?)`},
		{"unknown stage in a patch", edit{"full: {}", "full: {trian.beta: 1}"},
			`t.yaml:11:10: unknown stage "trian" in the patch key "trian.beta" (did you mean "train"?)`},
		{"duplicate key", edit{"", "name: u"}, `t.yaml:12:1: key "name" is there twice (first at 2:1)`},
		{"fraction for a whole number", edit{"train: {lr: 1.0e-4}", "train: {lr: 1.0e-4, batch: 1.5}"},
			`t.yaml:7:30: spec.stages.train.batch must be a whole number, not "1.5"`},
		{"text for a number", edit{"train: {lr: 1.0e-4}", `train: {lr: "1.0e-4"}`},
			`t.yaml:7:15: spec.stages.train.lr must be a number, not "1.0e-4"`},
		{"NaN", edit{"train: {lr: 1.0e-4}", `train: {lr: .nan}`}, `t.yaml:7:15: spec.stages.train.lr must be a number, not ".nan"`},
		{"out of range", edit{"train: {lr: 1.0e-4}", "train: {lr: -1, label_smoothing: 0.5}"},
			"t.yaml:7:15: spec.stages.train.lr is -1: it must be above 0\n" +
				"t.yaml:7:36: spec.stages.train.label_smoothing is 0.5: it must be at least 0 and below 0.5"},
		{"unknown word", edit{"train: {lr: 1.0e-4}", "train: {lr: 1.0e-4, loss: sigmod}"},
			`t.yaml:7:29: spec.stages.train.loss is "sigmod": one of sigmoid, ipo, hinge, robust, simpo, npo, nll (did you mean "sigmoid"?)`},
		{"missing key", edit{"train: {lr: 1.0e-4}", "train: {beta: 0.2}"}, `t.yaml:7:10: spec.stages.train needs the key "lr"`},
		{"a list for a map", edit{"full: {}", "full: []"},
			"t.yaml:11:9: spec.arms.full must be a map of dotted stage keys ({} = the stages as they stand), not a list"},
		{"a word for a list", edit{"benchmarks: [arith, gsm8k]", "benchmarks: arith"},
			"t.yaml:8:9: spec.stages.eval needs the key \"benchmarks\" with at least one\n" +
				`t.yaml:8:22: spec.stages.eval.benchmarks must be a list, not "arith"`},
		{"equal arms", edit{"full: {}", "full: {}\n  again: {train.beta: 0.1}"},
			`t.yaml:12:3: arms "full" and "again" have the same settings: one of them is wasted`},
		{"equal in effect", edit{"full: {}", "full: {}\n  sft2: {train: none, train: none, mine.per_prompt: 1}"},
			`t.yaml:12:23: key "train" is there twice (first at 12:10)`},
		{"what no stage reads makes no arm", edit{"full: {}", "full: {}\n  sft2: {train: none, mine.per_prompt: 1}"},
			`t.yaml:12:3: arms "sft" and "sft2" have the same settings: one of them is wasted`},
		{"sigma beside nothing", edit{"full: {}", "full: {score.sigma: 1}"},
			`t.yaml:11:23: spec.stages.score.sigma has a meaning only beside score.profile: noisy`},
		{"noise without a level", edit{"full: {}", "full: {score.profile: noisy}"}, `t.yaml:11:25: score.profile: noisy needs score.sigma above 0`},
		{"within beside nothing", edit{"full: {}", "full: {weight.within: prompt}"},
			`t.yaml:11:25: spec.stages.weight.within has a meaning only beside weight.scores: shuffled`},
		{"drop beside nothing", edit{"full: {}", "full: {score.drop: sem}"},
			`t.yaml:11:22: spec.stages.score.drop has a meaning only beside score.profile: drop`},
		{"claim of an unknown arm", edit{"", "claims: {c: {test: ful > sft}}"},
			`t.yaml:12:20: spec.claims.c.test: there is no arm "ful" (did you mean "full"?)`},
		{"claim that is none", edit{"", "claims: {c: {test: full beats sft}}"},
			`t.yaml:12:20: spec.claims.c.test is "full beats sft": write A > B, or A ~ B (equivalent), with two arms`},
		{"claim on an unknown benchmark", edit{"", "claims: {c: {test: full > sft, benchmarks: [gsm8]}}"},
			`t.yaml:12:44: spec.claims.c.benchmarks: arm full is not evaluated on "gsm8" (did you mean "gsm8k"?)`},
		{"vary", edit{"", "seeds: {vary: [score]}"}, `t.yaml:12:16: spec.seeds.vary[0] is "score": one of sft, sample, train`},
		{"seed twice", edit{"", "seeds: {values: [1, 1]}"}, `t.yaml:12:21: spec.seeds.values lists 1 twice`},
		{"fresh and values", edit{"", "seeds: {values: [1], fresh: 2}"},
			`t.yaml:12:29: spec.seeds has both fresh and values: remove one (values: ~)`},
		{"unknown source", edit{"pool: {source: gsm8k}", "pool: {source: gsmk8}"},
			`t.yaml:4:45: spec.data.pool.source is "gsmk8": one of metamath, gsm8k, math, svamp, jsonl, or synth/arith, synth/arith-hard (did you mean "gsm8k"?)`},
		{"unknown variable", edit{"full: {}", "full: {train.beta: $b}"}, "t.yaml:11:22: $b is not a variable of this arm's matrix\n" +
			`t.yaml:11:22: spec.stages.train.beta must be a number, not "$b"`},
		{"matrix without its variable in the name", edit{"full: {}", "full: {matrix: {b: [0.2, 0.3]}, train.beta: $b}"},
			`t.yaml:11:3: two arms are named "full": put the matrix variable into the name ($var)`},
		{"baseline that is no arm", edit{"", "analysis: {baselines: [dpo]}"}, `t.yaml:12:23: spec.analysis.baselines: there is no arm "dpo"`},
		{"metric", edit{"", "gate: {metrics: {task.wals: {better: lower}, x/train.loss_final: {better: lower}, sft/train.loss_final: {better: lower}}}"},
			`t.yaml:12:18: unknown metric "task.wals": <arm>/eval.<benchmark>, <arm>/train.loss_final, train.tokens_per_s, train.peak_mem_gb, sample.tokens_per_s or task.wall_s (did you mean "task.wall_s"?)` + "\n" +
				`t.yaml:12:46: spec.gate.metrics.x/train.loss_final: there is no arm "x"` + "\n" +
				`t.yaml:12:83: spec.gate.metrics.sft/train.loss_final: arm sft has no train stage`},
		{"an oracle that knows nothing", edit{"", "analysis: {verifier: {labelled: [{format: oracle}]}}"},
			`t.yaml:12:33: format oracle needs generated problems (source synth/…), which know their own quantities; these are "gsm8k"`},
		{"a wrong version", edit{"spec: 1", "spec: 2"}, `t.yaml:1:7: spec.spec is "2": one of 1`},
		{"no base", edit{"model: {base: m}", "model: {prompt: plain}"},
			`t.yaml:3:8: spec.model needs the key "base": a folder in Hugging Face layout, or a Hub id`},
		{"no pool", edit{", pool: {source: gsm8k}", ""}, "t.yaml:7:10: arm full trains on preferences: it needs data.pool, data.samples or data.pairs"},
		{"best-valid without valid", edit{"sft: {lr: 1.0e-3}", "sft: {lr: 1.0e-3, keep: best-valid}"},
			"t.yaml:6:27: spec.stages.sft.keep: best-valid needs data.valid"},
		{"timeout of no stage", edit{"", "run: {timeout: {trian: 1h}, checkpoint: 5}"},
			"t.yaml:12:17: unknown key \"trian\" in spec.run.timeout (did you mean \"train\"?)\n" +
				`t.yaml:12:41: spec.run.checkpoint is "5": write a duration such as 30m or 12h`},
		{"a template's braces", edit{"", "about: {a: ${b}}"}, "t.yaml:12:13: not YAML: "},
		{"a second document", edit{"", "---\nspec: 1"}, "t.yaml:12:1: a second document; a spec is one"},
		{"many at once", edit{"arms:", "bogus: 1\nrun: {jobs: 0}\narms:"},
			"t.yaml:9:1: unknown key \"bogus\" in spec\nt.yaml:10:13: spec.run.jobs is 0: auto, or at least 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := minimal + c.edit.new
			if c.edit.old != "" {
				src = strings.Replace(minimal, c.edit.old, c.edit.new, 1)
				if src == minimal {
					t.Fatal("the edit changes nothing")
				}
			}
			_, err := Parse("t.yaml", src, nil)
			if err == nil {
				t.Fatalf("no mistake found, want %s", c.want)
			}
			if strings.HasSuffix(c.want, ": ") && strings.HasPrefix(err.Error(), c.want) {
				return
			}
			if d := cmp.Diff(c.want, err.Error()); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestExtends(t *testing.T) {
	dir := t.TempDir()
	write := func(name, src string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(src), 0o644); err != nil {
			t.Fatal(err)
		}
		return p
	}
	write("parent.yaml", minimal+"  b-$b: {matrix: {b: [0.2, 0.3]}, train.beta: $b, weight.scores: uniform}\nclaims: {c: {test: full > sft}}\n")
	child := write("child.yaml", `extends: parent.yaml
name: child
claims: ~
stages: {train: {beta: 0.5}, eval: {benchmarks: [arith]}}
arms: {b-$b: {matrix: {b: [0.7]}, weight.scores: ~}, full: ~}
`)
	s, err := Load(child, []string{"stages.train.lr=2.0e-4", "arms.sft2.sft.lr=0.1", "arms.sft2.train=none"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range s.Arms {
		got = append(got, a.Name)
	}
	if d := cmp.Diff([]string{"sft", "b-0.7", "sft2"}, got); d != "" {
		t.Errorf("arms:\n%s", d)
	}
	b := s.Arm("b-0.7")
	if b.Stages.Train.Beta != 0.7 || b.Stages.Weight.Scores != "verifier" || b.Stages.Train.LR != 2e-4 || len(s.Claims) != 0 {
		t.Errorf("b-0.7 is %+v, claims %v", b.Stages.Train, s.Claims)
	}
	for path, want := range map[string]string{
		"stages.train.beta": child + ":4:24", "stages.sft.lr": filepath.Join(dir, "parent.yaml") + ":6:13",
		"stages.train.lr": "--set stages.train.lr=2.0e-4", "arms.b-0.7.train.beta": filepath.Join(dir, "parent.yaml") + ":12:47",
	} {
		if o, ok := s.Origin(path); !ok || o.String() != want {
			t.Errorf("origin of %s: %v, want %s", path, o, want)
		}
	}
	if _, ok := s.Origin("stages.train.eps"); ok {
		t.Error("a default has an origin")
	}

	a := write("a.yaml", "extends: b.yaml\nname: a\n")
	write("b.yaml", "extends: a.yaml\n")
	if _, err := Load(a, nil); err == nil || !strings.Contains(err.Error(), "in a circle") {
		t.Errorf("circle: %v", err)
	}
	lost := write("lost.yaml", "extends: nowhere.yaml\n")
	if _, err := Load(lost, nil); err == nil || !strings.HasPrefix(err.Error(), lost+":1:10: extends nowhere.yaml: no such file") {
		t.Errorf("missing parent: %v", err)
	}
	builtin := write("mine.yaml", "extends: smoke.yaml\nname: mine\n")
	if s, err := Load(builtin, nil); err != nil || s.Name != "mine" || len(s.Arms) != len(mustLoad(t, "smoke").Arms) {
		t.Errorf("extends a built-in spec: %v", err)
	}
	if _, err := Load("smokey", nil); err == nil || !strings.Contains(err.Error(), `did you mean "smoke"?`) {
		t.Errorf("unknown name: %v", err)
	}
}

func TestSet(t *testing.T) {
	for _, c := range []struct{ set, want string }{
		{"stages.train.btea=1", `--set stages.train.btea=1: unknown key "btea" in spec.stages.train (did you mean "beta"?)`},
		{"stages.train.beta", "--set stages.train.beta: write KEY=VALUE, such as stages.train.beta=0.05"},
		{"stages.train.beta=[", "--set stages.train.beta=[: not YAML"},
		{"extends=base.yaml", "--set extends=base.yaml: extends cannot be set from outside the file"},
		{"arms.full.weight.scores=shufled", `--set arms.full.weight.scores=shufled: spec.stages.weight.scores is "shufled"`},
	} {
		if _, err := Load("smoke", []string{c.set}); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("--set %s: %v", c.set, err)
		}
	}
	s := mustLoad(t, "nightly", "gate.metrics.task.wall_s.min=20%", "seeds.values=[4, 5]", "seeds.fresh=~", "seeds.sentinel=~")
	if m := s.Gate.Metrics[len(s.Gate.Metrics)-1]; m.Name != "task.wall_s" || m.Min != (Threshold{20, "%"}) {
		t.Errorf("metric %+v", m)
	}
}

// TestWhatTheHashSees: comments, order of keys and the ways in which tasks are
// executed or reports written make no other run; a setting does.
func TestWhatTheHashSees(t *testing.T) {
	hash := func(src string) string {
		s, err := Parse("t.yaml", src, nil)
		if err != nil {
			t.Fatal(err)
		}
		return s.Hash()
	}
	base := hash(minimal)
	for _, same := range []string{
		"# a comment\n" + minimal, minimal + "run: {jobs: 2}\n", minimal + "outputs: {examples: 1}\n",
		strings.Replace(minimal, "lr: 1.0e-4", "lr: 0.0001", 1),
		strings.Replace(minimal, "train: {lr: 1.0e-4}", "train: {beta: 0.1, lr: 1.0e-4}", 1),
		strings.Replace(minimal, "spec: 1\nname: t\n", "name: t\nspec: 1\n", 1),
	} {
		if hash(same) != base {
			t.Errorf("another hash for\n%s", same)
		}
	}
	for _, other := range []string{
		minimal + "seeds: {root: 2}\n", minimal + "analysis: {margin: 2}\n",
		strings.Replace(minimal, "lr: 1.0e-4", "lr: 1.1e-4", 1),
	} {
		if hash(other) == base {
			t.Errorf("the same hash for\n%s", other)
		}
	}
}

func TestOnNight(t *testing.T) {
	s := mustLoad(t, "nightly")
	a, b, again := s.OnNight("2026-11-21"), s.OnNight("2026-11-22"), s.OnNight("2026-11-21")
	if len(a.Seeds.Values) != 3 || a.Seeds.Values[2] != 1 {
		t.Errorf("seeds of a night: %v", a.Seeds.Values)
	}
	if cmp.Equal(a.Seeds.Values, b.Seeds.Values) || !cmp.Equal(a.Seeds.Values, again.Seeds.Values) {
		t.Errorf("nights: %v %v %v", a.Seeds.Values, b.Seeds.Values, again.Seeds.Values)
	}
}

// TestAliasBomb: a small file that unfolds to billions of nodes is refused soon.
func TestAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("a00: &a00 {k: v}\n")
	for i := 1; i < 30; i++ {
		b.WriteString("a" + itoa(i) + ": &a" + itoa(i) + " [*a" + itoa(i-1) + ", *a" + itoa(i-1) + ", *a" + itoa(i-1) + "]\n")
	}
	start := time.Now()
	_, err := Parse("bomb.yaml", b.String(), nil)
	if err == nil || !strings.Contains(err.Error(), "too large or too deep") {
		t.Errorf("%v", err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
}

func itoa(i int) string { return string(rune('0'+i/10)) + string(rune('0'+i%10)) }

func marshalled(t *testing.T, s *Spec) string {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// FuzzParse: no text makes the reader panic, and what it accepts can be printed
// and read again as the same spec.
func FuzzParse(f *testing.F) {
	f.Add(minimal)
	f.Add(strings.Replace(minimal, "full: {}", "b-$b: {matrix: {b: [0.2, 0.3]}, train.beta: $b}", 1))
	f.Add(minimal + "claims: {c: {test: full ~ sft, margin: 2}}\nanalysis: {pool: [full], verifier: {labelled: [{format: native, path: x}]}}\n")
	f.Add(minimal + "gate: {metrics: {task.wall_s: {better: lower, min: 1.5pt}}}\nrun: {timeout: {sft: 1h30m}, slurm: {extra: [\"--x=1\"]}}\n")
	f.Add(strings.Replace(minimal, "full: {}", "full: {weight.scores: noisy, weight.sigma: 0.5, train.loss: simpo, train.simpo_gamma: 1}", 1) + "outputs: {tables: [], examples: 0}\nhardware: {device: cuda, gpus: 2}\n")
	f.Add("a: &a [*a]")
	f.Add("? {a: b}\n: c")
	f.Add("spec: !!binary x\nname: |\n  t\n")
	f.Fuzz(func(t *testing.T, src string) {
		if strings.Contains(src, "extends") {
			return // the fuzzer has no files
		}
		s, err := Parse("fuzz.yaml", src, nil)
		if err != nil {
			return
		}
		var b strings.Builder
		if err := s.WriteYAML(&b, true); err != nil {
			t.Fatal(err)
		}
		again, err := Parse("printed.yaml", b.String(), nil)
		if err != nil {
			t.Fatalf("printed:\n%v\n%s", err, b.String())
		}
		if x, y := marshalled(t, s), marshalled(t, again); x != y { // run and outputs too, which are in no hash
			t.Fatalf("printed and read again it is another spec:\n%s\n%s\n%s", b.String(), x, y)
		}
	})
}
