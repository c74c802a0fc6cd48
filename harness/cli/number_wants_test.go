package cli

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

func wantSeeds(x any) want {
	if used, planned := f(x, "seeds_used"), f(x, "seeds_planned"); used != planned {
		return num(used, planned)
	}
	return num(f(x, "seeds_used"))
}

// lifted are the warnings that all rows have, and the verdict cells without them.
func lifted(xs []any) (notes string, cells []want) {
	var common []string
	if len(xs) > 1 {
		for _, w := range words(xs[0], "warnings") {
			if !slices.ContainsFunc(xs, func(x any) bool { return !slices.Contains(words(x, "warnings"), w) }) {
				common = append(common, w)
			}
		}
	}
	for _, x := range xs {
		v := strings.ReplaceAll(str(x, "verdict"), "_", " ")
		own := slices.DeleteFunc(words(x, "warnings"), func(w string) bool { return slices.Contains(common, w) })
		w := txt(v)
		if len(own) > 0 {
			w = txt(v + " (" + strings.Join(own, "; ") + ")")
		}
		w.verdict = v
		cells = append(cells, w)
	}
	return strings.Join(common, "; "), cells
}

// contrasts are findings as a table with verdicts.
func (t *truth) contrasts(caption, kind string, label func(any) want) wanted {
	xs := t.findings(kind)
	w := wanted{caption: caption}
	var verdicts []want
	w.notes, verdicts = lifted(xs)
	for i, x := range xs {
		w.rows = append(w.rows, []want{label(x), txt(str(x, "benchmark")), num(pct(x, "estimate")), num(pct(x, "lo"), pct(x, "hi")), num(f(x, "p")), num(f(x, "p_adjusted")), wantSeeds(x), verdicts[i]})
	}
	return w
}

// compared names the arms of a contrast.
func compared(x any) want {
	if s := str(x, "text"); s != "" {
		return txt(s)
	}
	m, _ := at(x, "contrast").(object)
	var names []string
	for k := range m {
		names = append(names, k)
	}
	return naming(names...)
}

func (t *truth) main(bench string) wanted {
	w := wanted{caption: "Results on " + bench, head: []string{"arm", "seeds", "accuracy (%)", "± sd", t.interval()}}
	for _, b := range t.bases() {
		w.head = append(w.head, "Δ "+b, t.interval()+" of Δ "+b, "p", "p adjusted")
	}
	for _, x := range t.findings("accuracy") {
		if str(x, "benchmark") != bench {
			continue
		}
		row := []want{txt(str(x, "arm")), wantSeeds(x), num(pct(x, "estimate")), num(pct(x, "sd_seeds")), num(pct(x, "lo"), pct(x, "hi"))}
		for _, b := range t.bases() {
			d := t.find("delta", str(x, "arm"), b, bench)
			if d == nil {
				row = append(row, txt(""), txt(""), txt(""), txt(""))
				continue
			}
			row = append(row, num(pct(d, "estimate")), num(pct(d, "lo"), pct(d, "hi")), num(f(d, "p")), num(f(d, "p_adjusted")))
		}
		w.rows = append(w.rows, row)
	}
	return w
}

func (t *truth) overview() (w wanted) {
	for _, arm := range t.arms() {
		row := []want{txt(arm), txt("")}
		for _, b := range t.wholeBenches() {
			x := t.find("accuracy", arm, "", b)
			row[1] = wantSeeds(x)
			row = append(row, num(pct(x, "estimate")), num(pct(x, "sd_seeds")))
			for _, base := range t.bases() {
				if d := t.find("delta", arm, base, b); d != nil {
					row = append(row, num(pct(d, "estimate")))
				} else {
					row = append(row, txt(""))
				}
			}
		}
		w.rows = append(w.rows, row)
	}
	return w
}

// literal is a value of the spec as a table writes it.
func literal(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case []any:
		var parts []string
		for _, x := range v {
			parts = append(parts, literal(x))
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(v)
}

func (t *truth) ablation() (w wanted) {
	for _, a := range list(t.raw, "spec", "arms") {
		row := []want{txt(str(a, "name"))}
		for _, k := range [][]string{{"score", "profile"}, {"mine", "negatives"}, {"weight", "scores"}, {"train", "loss"}} {
			s := literal(at(a, "stages", k[0], k[1]))
			if at(a, "stages", "train") == nil {
				s = "–"
			}
			row = append(row, txt(s))
		}
		var other []string
		for _, p := range list(a, "patch") {
			if !slices.Contains([]string{"score.profile", "mine.negatives", "weight.scores", "train.loss", "train"}, str(p, "key")) {
				other = append(other, str(p, "key")+" "+str(p, "value"))
			}
		}
		row = append(row, txt(strings.Join(other, ", ")))
		for _, b := range t.wholeBenches() {
			row = append(row, num(pct(t.find("accuracy", str(a, "name"), "", b), "estimate")))
		}
		w.rows = append(w.rows, row)
	}
	return w
}

// settings has every value of the spec's model, data, stages and seeds; maps
// are compared by their numbers, since their order is lost here.
func (t *truth) settings() map[string]any {
	out := map[string]any{}
	for _, top := range []string{"model", "seeds"} {
		m, _ := at(t.raw, "spec", top).(object)
		for k, v := range m {
			out[top+"."+k] = v
		}
	}
	for prefix, top := range map[string]string{"data.": "data", "": "stages"} {
		m, _ := at(t.raw, "spec", top).(object)
		for k, v := range m {
			inner, _ := v.(object)
			for kk, vv := range inner {
				out[prefix+k+"."+kk] = vv
			}
		}
	}
	return out
}

// hyperparameters compares row by row, by name: the table's order is the spec's.
func (t *truth) hyperparameters(shown shownTable) (w wanted) {
	all := t.settings()
	for _, r := range shown.rows {
		if len(r) != 4 {
			continue
		}
		v := all[r[0]+"."+r[1]]
		value := txt(literal(v))
		if m, ok := v.(object); ok { // {wrongness: 1, absurdity: -1}
			var words []string
			for k, x := range m {
				if literal(x) != "" {
					words = append(words, k+" "+literal(x))
				}
			}
			value = naming(words...)
		}
		if ls, ok := v.([]any); ok && len(ls) > 0 {
			if _, ok := ls[0].(object); ok { // benchmarks: [{name, path}]
				var words []string
				for _, x := range ls {
					words = append(words, str(x, "name"))
				}
				value = naming(words...)
			}
		}
		var differ []string
		for _, a := range list(t.raw, "spec", "arms") {
			for _, p := range list(a, "patch") {
				if str(p, "key") == r[0]+"."+r[1] {
					differ = append(differ, str(a, "name")+": "+str(p, "value"))
				}
			}
		}
		w.rows = append(w.rows, []want{txt(r[0]), txt(r[1]), value, txt(strings.Join(differ, "; "))})
	}
	if len(w.rows) < 60 {
		w.rows = nil // too few: reported as a difference in rows
	}
	return w
}

func (t *truth) effects() (w wanted) {
	for _, x := range t.findings("delta") {
		needed := num(f(x, "seeds_needed"))
		if f(x, "seeds_needed") == 0 {
			needed = txt("–")
		}
		w.rows = append(w.rows, []want{naming(str(x, "arm"), str(x, "baseline")), txt(str(x, "benchmark")), num(pct(x, "estimate")), num(f(x, "d_z")), num(f(x, "wins"), f(x, "losses"), f(x, "ties")), num(pct(x, "mde")), needed})
	}
	return w
}

func (t *truth) sensitivity() (w wanted) {
	for _, x := range list(t.raw, "findings") {
		s := at(x, "sensitivity")
		if s == nil {
			continue
		}
		row := []want{compared(x), txt(str(x, "benchmark"))}
		if str(x, "kind") == "claim" {
			row[0] = txt(str(x, "text"))
		}
		for _, k := range []string{"p_both", "p_seeds", "p_problems", "p_paired_t", "p_sign_flip", "p_wilcoxon"} {
			row = append(row, num(f(s, k)))
		}
		var seeds []float64
		for _, m := range list(s, "mcnemar") {
			seeds = append(seeds, f(m, "seed"), f(m, "p_mid"), f(m, "b"), f(m, "c"))
		}
		w.rows = append(w.rows, append(row, num(seeds...)))
	}
	return w
}

func (t *truth) correlations() (w wanted) {
	for _, x := range list(t.raw, "correlations") {
		with, notes := "no", words(x, "notes")
		if yes(x, "with_s_ans") {
			with = "yes"
		}
		if yes(x, "greyed") {
			notes = append(notes, "sees the gold answer: supports no claim")
		}
		w.rows = append(w.rows, []want{txt(str(x, "score")), txt(str(x, "level")), txt(with), txt(str(x, "method")), txt(str(x, "seed")), num(f(x, "n")), num(f(x, "r")), num(f(x, "lo"), f(x, "hi")), num(f(x, "p")), txt(strings.Join(notes, "; "))})
	}
	return w
}

func (t *truth) verifier(classes bool) (w wanted) {
	for _, x := range list(t.raw, "verifier", "figures") {
		class := str(x, "class")
		if classes != (class != "") {
			continue
		}
		score := str(x, "score")
		if yes(x, "greyed") {
			score += " (sees gold: supports no claim)"
		}
		if class == "" {
			class = "all"
		}
		w.rows = append(w.rows, []want{txt(str(x, "set")), txt(score), txt(class), num(f(x, "n")), num(f(x, "n_wrong")), num(f(x, "problems")), num(f(x, "auroc")), num(f(x, "lo"), f(x, "hi")), num(f(x, "average_precision")), num(pct(x, "fires")), num(f(x, "within_problem_pairs"))})
	}
	return w
}

func (t *truth) local() (w wanted) {
	for _, x := range list(t.raw, "verifier", "figures") {
		l, k, c := at(x, "localisation"), at(x, "calibration"), at(x, "confusion")
		if l == nil && k == nil && c == nil {
			continue
		}
		row := []want{txt(str(x, "set")), txt(str(x, "score")), num(f(l, "acc_error")), num(f(l, "acc_correct")), num(f(l, "f1")), num(f(k, "brier")), num(f(k, "ece"))}
		for _, n := range []string{"tp", "fp", "tn", "fn", "mcc"} {
			row = append(row, num(f(c, n)))
		}
		w.rows = append(w.rows, row)
	}
	return w
}

// marks are the outcomes of a checkpoint on a benchmark, "" where it has none.
func marks(it any, arm string, seed int) string {
	for _, o := range list(it, "outcomes") {
		if str(o, "arm") == arm && whole(o, "seed") == seed {
			return str(o, "marks")
		}
	}
	return ""
}

func (t *truth) seeds() (out []int) {
	for _, s := range list(t.raw, "seeds") {
		n, _ := s.(json.Number).Int64()
		out = append(out, int(n))
	}
	return out
}

func (t *truth) winloss() (w wanted) {
	for _, it := range list(t.raw, "items") {
		for _, base := range t.bases() {
			for _, arm := range t.arms() {
				if arm == base {
					continue
				}
				var n [4]float64
				for _, s := range t.seeds() {
					a, b := marks(it, arm, s), marks(it, base, s)
					for i := range min(len(a), len(b)) {
						x, y := a[i] == '1', b[i] == '1'
						switch {
						case x && !y:
							n[0]++
						case y && !x:
							n[1]++
						case x:
							n[2]++
						default:
							n[3]++
						}
					}
				}
				w.rows = append(w.rows, []want{txt(arm), txt(base), txt(str(it, "benchmark")), num(n[0]), num(n[1]), num(n[2]), num(n[3])})
			}
		}
	}
	return w
}

func (t *truth) levels() (w wanted) {
	for _, it := range list(t.raw, "items") {
		var byLevel []string
		for _, l := range words(it, "levels") {
			byLevel = append(byLevel, "level "+l)
		}
		for _, labels := range [][]string{byLevel, words(it, "subjects")} {
			groups := map[string][]int{}
			for i, l := range labels {
				groups[l] = append(groups[l], i)
			}
			names := []string{}
			for n := range groups {
				names = append(names, n)
			}
			sort.Strings(names)
			for _, name := range names {
				row := []want{txt(str(it, "benchmark")), txt(name), num(float64(len(groups[name])))}
				for _, arm := range t.arms() {
					right, all := 0., 0.
					for _, s := range t.seeds() {
						if m := marks(it, arm, s); m != "" {
							for _, i := range groups[name] {
								all++
								if m[i] == '1' {
									right++
								}
							}
						}
					}
					row = append(row, num(100*right/all))
				}
				w.rows = append(w.rows, row)
			}
		}
	}
	return w
}

func (t *truth) training() (w wanted) {
	for _, x := range list(t.raw, "training") {
		margin, positive := num(f(x, "final_margin")), num(pct(x, "final_accuracy"))
		if str(x, "loss") == "nll" {
			margin, positive = txt("–"), txt("–")
		}
		status := str(x, "status")
		if d := whole(x, "diverged_at"); d >= 0 {
			status += " at step " + strconv.Itoa(d)
		}
		w.rows = append(w.rows, []want{txt(str(x, "arm")), num(f(x, "seed")), txt(str(x, "loss")), num(f(x, "steps")), num(f(x, "pairs")), num(f(x, "left_out")), num(f(x, "final_loss")), margin, positive, num(f(x, "ess")), num(pct(x, "overlap_full")), txt(status)})
	}
	return w
}

func (t *truth) mining() (w wanted) {
	for _, x := range list(t.raw, "mining") {
		m, _ := at(x, "by_kind").(object)
		var kinds []string
		for k, v := range m {
			kinds = append(kinds, fmt.Sprint(k, " ", v))
		}
		sort.Strings(kinds)
		row := []want{txt(strings.Join(words(x, "arms"), ", ")), num(f(x, "seed")), txt(str(x, "negatives"))}
		for _, k := range []string{"prompts", "with_pairs", "samples", "distinct", "right", "pairs"} {
			row = append(row, num(f(x, k)))
		}
		w.rows = append(w.rows, append(row, txt(strings.Join(kinds, ", ")), num(f(x, "fallback")), num(f(x, "mean_wrongness")), num(f(x, "mean_absurdity")), num(f(x, "mean_closeness"))))
	}
	return w
}

func (t *truth) cost() (w wanted) {
	for _, x := range list(t.raw, "cost") {
		w.rows = append(w.rows, []want{txt(str(x, "stage")), num(f(x, "tasks")), num(f(x, "rows")), num(f(x, "steps")), num(f(x, "tokens")), num(f(x, "flops"))})
	}
	return w
}

func (t *truth) failures() (w wanted) {
	type trial struct{ arm, seed, note string }
	var last trial
	var benches []string
	for _, x := range list(t.raw, "cells") {
		if str(x, "status") == "done" {
			continue
		}
		now := trial{str(x, "arm"), fmt.Sprint(at(x, "seed")), str(x, "note")}
		if now != last {
			benches = nil
			w.rows = append(w.rows, nil)
		}
		last, benches = now, append(benches, str(x, "benchmark"))
		w.rows[len(w.rows)-1] = []want{txt(now.arm), num(f(x, "seed")), txt(strings.ReplaceAll(str(x, "status"), "_", " ")), txt(strings.Join(benches, ", ")), txt(now.note)}
	}
	return w
}

func (t *truth) disagreements() (w wanted) {
	for _, x := range list(t.raw, "verifier", "disagreements") {
		by := map[string]string{"oracle": "the problem's quantity graph", "answer": "the final answer against gold"}[str(x, "format")]
		if by == "" {
			by = "people (" + str(x, "format") + ")"
		}
		w.rows = append(w.rows, []want{txt(str(x, "set")), txt(by), num(f(x, "n")), num(f(x, "threshold")), num(f(x, "false_alarms")), num(f(x, "misses")), num(float64(len(list(x, "examples"))))})
	}
	return w
}

func (t *truth) provenance() (w wanted) {
	p := at(t.raw, "provenance")
	add := func(k, v string) { w.rows = append(w.rows, []want{txt(k), txt(v)}) }
	add("run", str(t.raw, "run"))
	for _, k := range [][2]string{{"commit", "commit"}, {"version", "version"}, {"resolved spec (sha256)", "spec_hash"}, {"analysis, claims and seeds, before the first trial (sha256)", "preregistration_hash"}, {"device class", "device_class"}, {"compute type", "dtype"}} {
		add(k[0], str(p, k[1]))
	}
	add("base model "+str(p, "model", "name"), str(p, "model", "digest"))
	add("verifier "+str(p, "verifier", "name"), str(p, "verifier", "digest"))
	for _, d := range list(p, "data") {
		add(fmt.Sprintf("data %s (%d rows)", str(d, "name"), whole(d, "rows")), str(d, "digest")+" "+str(d, "note"))
	}
	w.rows = append(w.rows, []want{txt("test questions also in training data"), num(f(p, "overlap"))},
		[]want{txt("tasks done / failed / planned"), num(f(p, "tasks_done"), f(p, "tasks_failed"), f(p, "tasks_total"))})
	return w
}

func (t *truth) measured() (w wanted) {
	var order []string
	by := map[string][]any{}
	for _, task := range t.plan.Tasks {
		if x := at(t.times, "tasks", task.ID); x != nil {
			if by[task.Stage] == nil {
				order = append(order, task.Stage)
			}
			by[task.Stage] = append(by[task.Stage], x)
		}
	}
	for _, stage := range order {
		var wall, cpu, longest, peak, cached float64
		for _, x := range by[stage] {
			wall, cpu = wall+f(x, "wall_s"), cpu+f(x, "cpu_s")
			longest, peak = max(longest, f(x, "wall_s")), max(peak, f(x, "peak_rss_mib"))
			if start, _ := time.Parse(time.RFC3339Nano, str(x, "start")); start.Before(t.begun) {
				cached++
			}
		}
		rate := math.NaN()
		for _, c := range list(t.raw, "cost") {
			if str(c, "stage") == stage && f(c, "tokens") > 0 {
				rate = f(c, "tokens") / wall
			}
		}
		w.rows = append(w.rows, []want{txt(stage), num(float64(len(by[stage]))), num(cached), num(wall), num(cpu), num(longest), num(rate), num(peak), num(t.wattHours(stage, "cpu_j")), num(t.wattHours(stage, "gpu_j"))})
	}
	return w
}

// wattHours is what the tasks of a stage took, "" being all, NaN where none says.
func (t *truth) wattHours(stage, kind string) float64 {
	sum := math.NaN()
	for _, j := range t.joules(stage, kind) {
		if !math.IsNaN(j) {
			sum = j/3600 + orZero(sum)
		}
	}
	return sum
}

// joules has an element a task that has times, NaN where it has no energy; only
// tasks on a GPU can have one of a card.
func (t *truth) joules(stage, kind string) (out []float64) {
	for _, task := range t.plan.Tasks {
		x := at(t.times, "tasks", task.ID)
		if x == nil || stage != "" && task.Stage != stage || kind == "gpu_j" && task.Device == "cpu" {
			continue
		}
		out = append(out, f(x, "energy", kind))
	}
	return out
}

// measuredOf counts the tasks whose energy was measured, and all that could have one.
func (t *truth) measuredOf(kind string) (n, of float64) {
	for _, j := range t.joules("", kind) {
		if of++; !math.IsNaN(j) {
			n++
		}
	}
	return n, of
}

func (t *truth) attempts() (w wanted) {
	for _, task := range t.plan.Tasks {
		var ends []string
		for _, x := range list(t.times, "earlier_attempts", task.ID) {
			end := strings.TrimSuffix(str(x, "class")+": "+str(x, "error"), ": ")
			if end == "" {
				end = "killed"
			}
			ends = append(ends, end)
		}
		if ends != nil {
			w.rows = append(w.rows, []want{txt(task.ID), num(float64(len(ends) + 1)), txt(strings.Join(ends, "; "))})
		}
	}
	return w
}

func (t *truth) machine() (w wanted) {
	for _, x := range [][2]string{{"CPU", str(t.env, "cpu")}, {"cores", fmt.Sprint(at(t.env, "cores"))}, {"memory (MiB)", fmt.Sprint(at(t.env, "memory_mib"))}, {"GPUs", strings.Join(words(t.env, "gpus"), "; ")},
		{"system", str(t.env, "os") + " " + str(t.env, "kernel") + " " + str(t.env, "arch")}, {"Go", str(t.env, "go")}, {"binary (sha256)", str(t.env, "binary_sha256")}} {
		if x[1] != "" {
			w.rows = append(w.rows, []want{txt(x[0]), txt(x[1])})
		}
	}
	return w
}

// tables says what every table holds, by its id.
func (t *truth) tables() map[string]wanted {
	claims := t.contrasts("Declared claims", "claim", func(x any) want { return txt(str(x, "claim") + " " + str(x, "text")) })
	claims.head = []string{"claim", "benchmark", "Δ (points)", t.interval(), "p", "p adjusted", "seeds", "verdict"}
	out := map[string]wanted{"claims-table": claims, "main": t.overview(), "ablation": t.ablation(), "effects": t.effects(), "sensitivity": t.sensitivity(), "correlations": t.correlations(),
		"verifier-figures": t.verifier(false), "verifier-classes": t.verifier(true), "verifier-local": t.local(), "disagreements": t.disagreements(), "winloss": t.winloss(), "levels": t.levels(), "training-table": t.training(), "mining": t.mining(),
		"cost-table": t.cost(), "failures": t.failures(), "provenance-table": t.provenance(), "times": t.measured(), "attempts": t.attempts(), "machine": t.machine()}
	for id, kind := range map[string]string{"factorial": "factorial", "dose": "dose", "falsification": "falsification", "filter": "filter", "subset": "subset"} {
		out[id] = t.contrasts("", kind, compared)
	}
	for _, b := range t.benches() {
		out["main-"+strings.ReplaceAll(b, "/", "-")] = t.main(b)
	}
	for id, w := range t.figures() {
		out["data-"+id] = w
	}
	return out
}

var notLetters = regexp.MustCompile(`[^A-Za-z0-9.]+`)
