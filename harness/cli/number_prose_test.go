package cli

import (
	"math"
	"os"
	"slices"
	"strings"
	"time"
)

// sentence is a text with numbers outside of tables.
type sentence struct {
	begins string
	names  []string // their digits are no numbers
	nums   []float64
}

// sentences compares every text of the page that has a digit and stands in no table.
func (n *numbered) sentences(text string) (faults []string) {
	known := map[string]bool{}
	for _, file := range []string{"page.html", "parts.html"} {
		b, err := os.ReadFile("../../reports/page/" + file)
		if err != nil {
			return []string{err.Error()}
		}
		for _, x := range nodes(noText.ReplaceAllString(scripts.ReplaceAllString(string(b), ""), "<>")) {
			known[x] = true
		}
	}
	for _, x := range n.truth.exact() {
		known[squeeze(x)] = true
	}
	for _, w := range n.wants {
		known["Every row: "+w.notes+"."] = w.notes != ""
	}
	var rules []sentence
	rules = append(rules, n.truth.sentences()...)
	for _, x := range nodes(drawings.ReplaceAllString(wholeOne.ReplaceAllString(scripts.ReplaceAllString(text, ""), ""), "")) {
		if !strings.ContainsAny(x, "0123456789") || known[x] {
			continue
		}
		fault := "nothing is known of it"
		for _, rule := range rules { // several examples begin alike: one must fit
			if !strings.HasPrefix(x, rule.begins) || fault == "" {
				continue
			}
			rest := x
			for _, name := range rule.names {
				rest = outOf(rest, name)
			}
			fault = num(rule.nums...).check(rest)
		}
		if fault != "" {
			faults = append(faults, plainly("page: the sentence %.200q: %s", x, fault))
		}
	}
	return faults
}

// exact are texts that stand in the page as they stand in results.json.
func (t *truth) exact() (out []string) {
	out = append(out, str(t.raw, "about"), str(t.raw, "run"))
	out = append(out, words(t.raw, "warnings")...)
	for _, p := range words(t.raw, "parts_not_run") {
		out = append(out, "Not run: "+p)
	}
	for _, x := range list(t.raw, "examples", "items") {
		out = append(out, str(x, "question"), str(x, "arm")+": "+str(x, "arm_answer"), str(x, "baseline")+": "+str(x, "baseline_answer"))
	}
	for _, x := range list(t.raw, "examples", "pairs") {
		out = append(out, str(x, "question"))
	}
	for _, set := range list(t.raw, "verifier", "disagreements") {
		for _, x := range list(set, "examples") {
			q := []rune(squeeze(str(x, "question")))
			out = append(out, string(q), string(q[:min(len(q), 60)])+"…")
		}
	}
	for _, b := range t.benches() {
		out = append(out, "items/"+b+".csv")
	}
	return out
}

// sentences says which numbers the page's own sentences have.
func (t *truth) sentences() (out []sentence) {
	p, spec := at(t.raw, "provenance"), at(t.raw, "spec")
	var missing, diverged, sizes []float64
	m, d := 0., 0.
	for _, c := range list(t.raw, "cells") {
		switch str(c, "status") {
		case "diverged":
			d++
		case "failed", "not_run":
			m++
		}
	}
	if m > 0 {
		missing = []float64{m, float64(len(list(t.raw, "cells")))}
	}
	if d > 0 {
		diverged = []float64{d}
	}
	honest := []float64{f(p, "tasks_done"), f(p, "tasks_total"), f(p, "tasks_failed")}
	if n := f(p, "tasks_blocked"); n > 0 {
		honest = append(honest, n)
	}
	honest = append(append(honest, missing...), diverged...)
	for _, k := range []string{"overlap", "verifier_overlap"} {
		if f(p, k) > 0 {
			honest = append(honest, f(p, k))
		}
	}
	same, repeated := 0., list(t.checks, "repeated")
	for _, r := range repeated {
		if yes(r, "same") {
			same++
		}
	}
	honest = append(honest, float64(len(list(t.checks, "findings"))), same, float64(len(repeated)))
	var names, benches []string
	for _, b := range list(t.raw, "benchmarks") {
		sizes, benches = append(sizes, f(b, "n")), append(benches, str(b, "name"))
	}
	names = append(append(names, t.arms()...), benches...)
	for _, a := range list(t.raw, "arms") {
		names = append([]string{str(a, "about")}, names...)
	}
	slices.SortStableFunc(names, func(a, b string) int { return len(b) - len(a) })
	train, sft, mine, sample := at(spec, "stages", "train"), at(spec, "stages", "sft"), at(spec, "stages", "mine"), at(spec, "stages", "sample")
	pair := func(v any, k string) []float64 {
		return []float64{f(object{"v": list(v, k)[0]}, "v"), f(object{"v": list(v, k)[1]}, "v")}
	}
	level := pct(spec, "analysis", "level")
	var margins []float64
	for _, x := range t.findings("claim") {
		margins = append(margins, pct(x, "margin"))
	}
	betas, clip := pair(sft, "betas"), pair(at(spec, "stages", "weight"), "clip")
	out = []sentence{
		{begins: "Complete:", nums: honest}, {begins: "Incomplete:", nums: honest},
		{begins: str(t.raw, "run") + " ·", names: append([]string{str(t.raw, "run"), squeeze(str(p, "model", "name")), t.begun.Format(time.DateOnly), str(p, "commit")[:min(10, len(str(p, "commit")))], str(p, "spec_hash")[:min(10, len(str(p, "spec_hash")))]}, benches...), nums: append([]float64{float64(len(t.arms())), float64(len(t.seeds()))}, sizes...)},
		{begins: "Model and data.", names: append([]string{str(spec, "model", "base"), str(spec, "model", "dtype")}, benches...), nums: sizes},
		{begins: "Supervised fine-tuning on", names: []string{str(spec, "data", "sft", "source")}, nums: []float64{f(sft, "epochs"), f(sft, "batch"), betas[0], betas[1], f(sft, "weight_decay"), f(sft, "lr"), f(sft, "clip")}},
		{begins: "Preference data.", nums: []float64{f(sample, "n"), f(sample, "temperature"), f(sample, "top_p"), f(mine, "per_prompt"), f(mine, "closeness_min"), f(mine, "absurdity_max")}},
		{begins: "Preference training.", nums: []float64{f(train, "beta"), clip[0], clip[1], 1, f(train, "epochs"), f(train, "batch"), f(train, "lr")}},
		{begins: "Arms.", names: names},
		{begins: "Evaluation.", nums: []float64{f(spec, "stages", "eval", "max_new")}},
		{begins: "Statistics.", nums: []float64{float64(len(list(spec, "seeds", "values"))), f(spec, "analysis", "alpha"), pct(spec, "analysis", "level"), f(spec, "analysis", "margin")}},
		// Constants of the figures' captions.
		{begins: "One row an arm, one marker a benchmark; the whisker is the", nums: []float64{level}},
		{begins: "Area under the ROC curve", nums: []float64{level, .5}},
		{begins: "Each line is one declared claim on one benchmark: the estimate with its", nums: []float64{level}},
		{begins: "a gain of the claim's margin", nums: margins}, {begins: "the same, but a gain of the claim's margin", nums: margins}, {begins: "both one-sided tests exclude", nums: margins},
		{begins: "Number of pairs by weight", nums: []float64{1}},
		{begins: "Each point is a tenth", nums: []float64{1.96}},
	}
	for _, it := range list(t.raw, "items") {
		out = append(out, sentence{begins: plainly("(%d items", len(list(it, "ids"))), nums: []float64{float64(len(list(it, "ids"))), float64(len(list(it, "outcomes")))}})
	}
	for _, b := range benches {
		out = append(out, sentence{begins: "Mining × weighting on " + b, names: []string{b}})
	}
	for _, x := range list(t.raw, "examples", "items") {
		out = append(out, sentence{begins: str(x, "arm") + " against " + str(x, "baseline"), names: []string{"gold " + squeeze(str(x, "gold")), str(x, "arm"), str(x, "baseline"), str(x, "benchmark")}, nums: []float64{f(x, "seed")}})
	}
	for _, x := range list(t.raw, "examples", "pairs") {
		out = append(out, sentence{begins: plainly("%s, seed %v: weight", str(x, "arm"), at(x, "seed")), names: []string{squeeze(str(x, "negative"))}, nums: []float64{f(x, "seed"), f(x, "weight"), f(x, "wrongness"), f(x, "absurdity"), f(x, "closeness")}})
		out = append(out, findingsOf(x)...)
	}
	for begins, kind := range map[string]string{"Processor energy:": "cpu_j", "GPU energy:": "gpu_j"} {
		n, of := t.measuredOf(kind)
		out = append(out, sentence{begins: begins, nums: []float64{t.wattHours("", kind), n, of}})
	}
	return append(out, t.readings()...)
}

// findingsOf are the verifier's findings below a text.
func findingsOf(x any) (out []sentence) {
	for _, m := range list(x, "findings") {
		out = append(out, sentence{begins: squeeze(str(m, "code")) + " (", names: []string{squeeze(str(m, "note")), squeeze(str(m, "code")), squeeze(str(m, "dim"))}, nums: []float64{f(m, "severity"), f(m, "step") + 1}})
	}
	return out
}

// readings are the solutions on which verifier and label disagree.
func (t *truth) readings() (out []sentence) {
	for _, set := range list(t.raw, "verifier", "disagreements") {
		for _, x := range list(set, "examples") {
			name := squeeze(str(set, "set"))
			out = append(out, sentence{begins: name + ": p_wrong", names: []string{name, squeeze(str(x, "class"))}, nums: []float64{f(x, "p_wrong"), f(set, "threshold")}})
			says := sentence{begins: "Wrongness", nums: []float64{f(x, "wrongness"), f(x, "absurdity")}}
			for _, d := range []string{"sem", "struct", "order", "logic", "sym", "ans"} {
				if v := f(x, "dims", d); !math.IsNaN(v) {
					says.nums = append(says.nums, v)
				}
			}
			for _, k := range []string{"predicted", "first_error"} {
				if v := f(x, k); v >= 0 {
					says.nums = append(says.nums, v+1)
				}
			}
			out = append(append(out, says), findingsOf(x)...)
		}
	}
	return out
}
