package plan

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hardneg/experiments/spec"
)

// show writes a plan for people: a task with its inputs, then what it reads.
func show(p Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d tasks\n", len(p.Tasks))
	for _, t := range p.Tasks {
		fmt.Fprintf(&b, "\n%s (%s, %s) for %s\n", t.ID, t.Stage, t.Device, orRun(t.Arms))
		for _, in := range t.Inputs {
			fmt.Fprintf(&b, "  %s < %s\n", in.Name, in.Task)
		}
		for _, f := range t.Files {
			fmt.Fprintf(&b, "  %s = %s\n", f.Name, f.Path)
		}
		fmt.Fprintf(&b, "  %s\n", t.Params)
	}
	return b.String()
}

func orRun(arms []string) string {
	if len(arms) == 0 {
		return "the run"
	}
	return strings.Join(arms, ", ")
}

func load(t testing.TB, name string, sets ...string) *spec.Spec {
	t.Helper()
	s, err := spec.Load(name, sets)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func expand(t testing.TB, s *spec.Spec) Plan {
	t.Helper()
	p, err := Expand(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestSmokePlan keeps the plan of the smoke spec, a stop on the tour of the
// house. UPDATE=1 rewrites it; read the difference.
func TestSmokePlan(t *testing.T) {
	got := show(expand(t, load(t, "smoke")))
	golden := filepath.Join("testdata", "smoke.plan")
	if os.Getenv("UPDATE") != "" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("smoke.plan (-want +got), UPDATE=1 to accept:\n%s", d)
	}
}

// TestInputsFirst: every plan is in an order in which inputs come first, with
// unique names and only inputs that exist.
func TestInputsFirst(t *testing.T) {
	for _, name := range []string{"smoke", "paper", "gpu-proxy", "tiny-base", "nightly"} {
		p := expand(t, load(t, name).OnNight("2026-11-22"))
		seen := map[string]bool{}
		for _, task := range p.Tasks {
			if seen[task.ID] {
				t.Errorf("%s: two tasks are named %s", name, task.ID)
			}
			for _, in := range task.Inputs {
				if !seen[in.Task] {
					t.Errorf("%s: %s needs %s, which does not come before it", name, task.ID, in.Task)
				}
			}
			if !slices.Contains(Stages, task.Stage) {
				t.Errorf("%s: %s has the unknown stage %s", name, task.ID, task.Stage)
			}
			seen[task.ID] = true
		}
	}
}

// keys gives each task a key on pretended contents: an input's content is its
// own key, a file's is its path. So a change spreads as far as it can.
func keys(t testing.TB, p Plan) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, task := range p.Tasks {
		files := map[string]string{}
		for _, f := range task.Files {
			files[f.Name] = f.Path + "@" + f.Revision
		}
		k, err := task.Fields(out, files)
		if err != nil {
			t.Fatal(err)
		}
		out[task.ID] = k.Key()
	}
	return out
}

// changed lists the tasks whose key differs between two plans.
func changed(t testing.TB, a, b Plan) []string {
	t.Helper()
	ka, kb := keys(t, a), keys(t, b)
	var out []string
	for id, k := range kb {
		if ka[id] != k {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

func TestWhatAChangeReruns(t *testing.T) {
	base := expand(t, load(t, "smoke"))
	seeds := func(ids ...string) []string {
		var out []string
		for _, id := range ids {
			for s := 1; s <= 3; s++ {
				out = append(out, fmt.Sprintf("%s-s%d", id, s))
			}
		}
		slices.Sort(out)
		return out
	}
	for _, c := range []struct {
		set  string
		want []string
	}{
		{"arms.full.train.beta=0.2", seeds("train-full", "eval-full")},
		{"arms.shuffled.weight.within=prompt", seeds("weight-shuffled", "train-shuffled", "eval-shuffled")},
		{"hardware.micro_batch=4", nil},
		{"hardware.threads=1", nil},
		{"hardware.recompute=full", nil},
		{"run.jobs=3", nil},
		{"run.retries=0", nil},
		{"run.checkpoint=1m", nil},
		{"outputs.examples=3", nil},
		{"about=other", nil},
		{"analysis.margin=2", nil},
		{"claims=~", nil},
		{"gate.budget=1", nil},
		{"analysis.subset.share=0.5", []string{"subset"}},
	} {
		got := changed(t, base, expand(t, load(t, "smoke", c.set)))
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s changes (-want +got):\n%s", c.set, d)
		}
	}
	for _, set := range []string{"model.dtype=bf16", "seeds.root=1", "stages.sft.lr=2.0e-3"} {
		if n := len(changed(t, base, expand(t, load(t, "smoke", set)))); n < 60 {
			t.Errorf("%s changes only %d tasks", set, n)
		}
	}
}

// TestSharing counts tasks by stage: data, SFT, samples and reference
// log-probabilities are made once per seed for all arms that can share them.
func TestSharing(t *testing.T) {
	count := map[string]int{}
	for _, task := range expand(t, load(t, "smoke", "analysis.subset=~", "analysis.correlations=~", "analysis.verifier=~")).Tasks {
		count[task.Stage]++
	}
	// per seed: 1 sft, 1 sample; scores clean and 3 noisy; mined random, hard
	// and 3 noisy; weights uniform and verifier on random pairs, uniform, verifier,
	// random and shuffled on hard ones, 3 noisy; reference per mined set; rft
	// and dpo share pairs; 10 trained arms, 11 evaluated.
	want := map[string]int{"data": 4, "sft": 3, "sample": 3, "score": 12, "mine": 15, "weight": 27, "ref": 15, "train": 30, "eval": 33}
	if d := cmp.Diff(want, count); d != "" {
		t.Errorf("tasks by stage (-want +got):\n%s", d)
	}
}

func TestVary(t *testing.T) {
	for _, c := range []struct {
		vary string
		once []string // stages with one task for all seeds
	}{
		{"[sft, sample, train]", nil},
		{"[sample, train]", []string{"sft"}},
		{"[train]", []string{"sft", "sample", "score", "mine", "weight", "ref"}},
		{"[]", []string{"sft", "sample", "score", "mine", "weight", "ref", "train", "eval"}},
	} {
		s := load(t, "smoke", "seeds.vary="+c.vary, "analysis.subset=~", "analysis.correlations=~", "analysis.verifier=~")
		for _, task := range expand(t, s).Tasks {
			once := task.Stage == "data" || slices.Contains(c.once, task.Stage)
			if task.Stage == "eval" && slices.Equal(task.Arms, []string{"sft"}) {
				once = slices.Contains(c.once, "sft")
			}
			if task.Varies == once {
				t.Errorf("vary %s: %s varies: %v", c.vary, task.ID, task.Varies)
			}
			if once && strings.Contains(string(task.Params), `"seed":`) {
				t.Errorf("vary %s: %s has a seed in its parameters", c.vary, task.ID)
			}
		}
	}
}

func TestNoArms(t *testing.T) {
	if _, err := Expand(load(t, "base")); err == nil || !strings.Contains(err.Error(), "no arm to run") {
		t.Errorf("base: %v", err)
	}
	if _, err := Expand(load(t, "nightly")); err == nil {
		t.Error("nightly has seeds without a night")
	}
}

// TestPlanSpeed: ten thousand tasks in less than a second.
func TestPlanSpeed(t *testing.T) {
	var betas []string
	for i := range 1000 {
		betas = append(betas, fmt.Sprintf("0.%04d", i+2000))
	}
	s := load(t, "smoke", "seeds.values=[1, 2, 3, 4, 5]", "arms.b-$beta.matrix={beta: ["+strings.Join(betas, ", ")+"]}", "arms.b-$beta.train.beta=$beta")
	// Processor time, because other packages are tested at the same time.
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	start, wall := used(), time.Now()
	p := expand(t, s)
	took := used() - start
	t.Logf("%d tasks in %v of processor time, %v in all", len(p.Tasks), took, time.Since(wall))
	if len(p.Tasks) < 10_000 || took > time.Second {
		t.Error("too slow")
	}
}
