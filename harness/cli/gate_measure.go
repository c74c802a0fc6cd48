package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hardneg/experiments/plan"
	"hardneg/harness/runner"
	"hardneg/harness/stage"
	"hardneg/harness/store"
	"hardneg/reports/result"
	"hardneg/reports/stats"
	"hardneg/reports/trend"
)

// measurement is what a night's values are read from.
type measurement struct {
	night *night
	set   *result.Set
	store *store.Store
	tasks []runner.TaskStatus
	fresh map[int]bool // the night's own seeds, without the sentinel
	begun time.Time    // of the run: what is older came from the cache
	facts facts        // of the machine that made the results
}

// measure reads the night's values from the run's folder and the store.
func (n *night) measure() (trend.Entry, error) {
	e := trend.Entry{Kind: trend.KindNight, Date: n.date, Run: n.prepared.Plan.Run, At: time.Now().UTC(), Spec: n.key, Hardware: n.hardware, Values: map[string]*float64{}}
	e.Commit, _ = commit()
	m, err := n.open()
	if err != nil {
		return e, err
	}
	e.Version, e.Stages, e.Environ = version(), plan.Versions, m.surroundings()
	for _, metric := range n.metrics {
		v, err := m.value(metric.Name)
		if err != nil {
			return e, fmt.Errorf("metric %s: %w", metric.Name, err)
		}
		e.Values[metric.Name] = nil
		if !math.IsNaN(v) {
			e.Values[metric.Name] = &v
		}
	}
	for _, t := range m.tasks {
		e.Tasks++
		if t.State == runner.Failed || t.State == runner.Blocked {
			e.Failed++
		}
		if t.State == runner.Done && t.Attempt.Start.Before(m.begun) {
			e.Cached++
		}
		e.WallS += t.Attempt.WallS
	}
	for _, f := range m.set.Findings {
		if f.Kind == result.KindClaim && (f.Verdict == result.Reversed || f.Verdict == result.Falsified) {
			e.Refuted = append(e.Refuted, strings.TrimSpace(f.Text+" ("+f.Benchmark+": "+f.Verdict+")"))
		}
	}
	e.Sentinel, err = m.sentinel()
	return e, err
}

// surroundings names what the night's results were made on besides hardware.
func (m *measurement) surroundings() map[string]string {
	out := map[string]string{"Go": m.facts.Go, "system": strings.TrimSpace(m.facts.OS + " " + m.facts.Kernel), "driver": gpuDriver(m.facts.GPUs)}
	maps.DeleteFunc(out, func(_, v string) bool { return v == "" })
	return out
}

// gpuDriver is the version that nvidia-smi gives behind a card's name.
func gpuDriver(gpus []string) string {
	if len(gpus) == 0 {
		return ""
	}
	parts := strings.Split(gpus[0], ",") // name, driver, memory
	if len(parts) < 3 {
		return ""
	}
	return strings.TrimSpace(parts[len(parts)-2])
}

func (n *night) open() (*measurement, error) {
	folder, err := n.folder()
	if err != nil {
		return nil, err
	}
	m := &measurement{night: n, fresh: map[int]bool{}}
	if m.set, err = result.ReadFile(folder.Path("results.json")); err != nil {
		return nil, err
	}
	var pre preregistration
	if err := folder.Read("prereg.json", &pre); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := folder.Read("env.json", &m.facts); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	m.begun = pre.At
	if m.store, err = store.Open(n.app.Workspace); err != nil {
		return nil, fail(ExitEnvironment, err)
	}
	if m.tasks, err = runner.Inspect(m.store, folder); err != nil {
		return nil, err
	}
	s := n.prepared.Spec.Seeds
	for _, v := range s.Values {
		m.fresh[v] = s.Fresh == 0 || v != s.Sentinel
	}
	return m, nil
}

// value is a metric's value tonight, NaN where something of it is missing:
// nothing is imputed.
func (m *measurement) value(name string) (float64, error) {
	arm, what, own := strings.Cut(name, "/")
	switch {
	case own && what == "train.loss_final":
		return m.lossFinal(arm)
	case own:
		return m.accuracy(arm, strings.TrimPrefix(what, "eval.")), nil
	case name == "train.tokens_per_s":
		return m.rate("sft", "train")
	case name == "sample.tokens_per_s":
		return m.rate("sample")
	case name == "train.peak_mem_gb":
		peak := math.NaN()
		for _, t := range m.timed("sft", "train") {
			peak = max(t.Attempt.PeakMiB/1024, orZero(peak))
		}
		return peak, nil
	case name == "task.wall_s":
		sum, ts := 0.0, m.timed(plan.Stages...)
		for _, t := range ts {
			sum += t.Attempt.WallS
		}
		return sum / float64(len(ts)), nil // NaN for none
	}
	return math.NaN(), fmt.Errorf("no such metric")
}

func orZero(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}

// timed are the finished tasks of the night's own seeds.
func (m *measurement) timed(stages ...string) (out []runner.TaskStatus) {
	for _, t := range m.tasks {
		if t.State == runner.Done && t.Task.Varies && m.fresh[t.Task.Seed] && slices.Contains(stages, t.Task.Stage) {
			out = append(out, t)
		}
	}
	return out
}

// accuracy is the mean over the night's own seeds.
func (m *measurement) accuracy(arm, benchmark string) float64 {
	sum, n := 0.0, 0
	for _, c := range m.set.Cells {
		if c.Arm != arm || c.Benchmark != benchmark || !m.fresh[c.Seed] {
			continue
		}
		if c.Status != result.Done && c.Status != result.Diverged {
			return math.NaN()
		}
		sum, n = sum+float64(c.Accuracy), n+1
	}
	return sum / float64(n)
}

// lossFinal is the mean loss of the last training step of an arm.
func (m *measurement) lossFinal(arm string) (float64, error) {
	sum, n := 0.0, 0
	for _, t := range m.tasks {
		if t.Task.Stage != "train" || !slices.Contains(t.Task.Arms, arm) || t.Task.Varies && !m.fresh[t.Task.Seed] {
			continue
		}
		if t.State != runner.Done {
			return math.NaN(), nil
		}
		r, err := m.store.Lookup(t.Key)
		if err != nil {
			return 0, err
		}
		last := math.NaN()
		err = decodeRows(filepath.Join(r.Dir, "steps.jsonl"), func(row struct{ Loss any }) error {
			last = runner.Float(row.Loss)
			return nil
		})
		if err != nil {
			return 0, err
		}
		sum, n = sum+last, n+1
	}
	if math.IsInf(sum, 0) {
		return math.NaN(), nil // diverged: no number to compare
	}
	return sum / float64(n), nil
}

// rate is tokens per second of tasks of some stages.
func (m *measurement) rate(stages ...string) (float64, error) {
	tokens, seconds := 0.0, 0.0
	for _, t := range m.timed(stages...) {
		r, err := m.store.Lookup(t.Key)
		if err != nil {
			return 0, err
		}
		b, err := os.ReadFile(filepath.Join(r.Dir, "work.json"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, fail(ExitEnvironment, err)
		}
		var w stage.Work
		if err := json.Unmarshal(b, &w); err != nil {
			return 0, fail(ExitIntegrity, err)
		}
		tokens, seconds = tokens+float64(w.Tokens), seconds+t.Attempt.WallS
	}
	if seconds == 0 {
		return math.NaN(), nil
	}
	return tokens / seconds, nil
}

// sentinel is the digest of all results of the sentinel seed, "" without one.
func (m *measurement) sentinel() (string, error) {
	s := m.night.prepared.Spec.Seeds
	if s.Fresh == 0 || !slices.Contains(s.Values, s.Sentinel) {
		return "", nil
	}
	h, n := sha256.New(), 0
	for _, t := range m.tasks {
		if !t.Task.Varies || t.Task.Seed != s.Sentinel || t.Task.Stage != "eval" || t.State != runner.Done {
			continue
		}
		n++
		fmt.Fprintf(h, "%s %s\n", t.Task.ID, t.Digest)
	}
	if n == 0 {
		return "", nil
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// alarms are the metrics of speed, memory and time that regressed.
func (n *night) alarms(r trend.Result) (names []string) {
	for i, d := range r.Decisions {
		if d.Verdict == stats.DecisionRegression && n.metrics[i].Timing {
			names = append(names, d.Metric)
		}
	}
	return names
}

// again measures the night's work once more and keeps the better value of each
// metric that alarmed: a busy machine slows, nothing makes it faster than it is.
func (n *night) again(ctx context.Context, e trend.Entry, names []string) (trend.Entry, error) {
	stages := map[string]bool{}
	for _, name := range names {
		switch {
		case strings.HasPrefix(name, "train."):
			stages["sft"], stages["train"] = true, true
		case strings.HasPrefix(name, "sample."):
			stages["sample"] = true
		default:
			for _, t := range n.prepared.Plan.Tasks {
				stages[t.Stage] = true
			}
		}
	}
	var force []string
	for _, t := range n.prepared.Plan.Tasks {
		if stages[t.Stage] && !slices.Contains(force, t.Stage) {
			force = append(force, t.Stage)
		}
	}
	fmt.Fprintf(n.app.Stderr, "hardneg: %s: measuring once more before an alarm\n", strings.Join(names, ", "))
	if err := n.start(ctx, runFlags{force: force}); err != nil {
		return e, err
	}
	m, err := n.open()
	if err != nil {
		return e, err
	}
	e.Again = true
	for i, metric := range n.metrics {
		old := e.Values[metric.Name]
		if !slices.Contains(names, metric.Name) || old == nil {
			continue
		}
		v, err := m.value(n.metrics[i].Name)
		if err != nil {
			return e, err
		}
		if better := v > *old != metric.Lower && v != *old; better {
			e.Values[metric.Name] = &v
		}
	}
	return e, nil
}
