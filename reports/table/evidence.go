package table

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"hardneg/reports/finding"
	"hardneg/reports/result"
)

// Verifier lists AUROC and its like of each score on each labelled set.
func Verifier(s *result.Set) Table {
	return verifier(s, "verifier-figures", "The verifier against independent labels", func(class string) bool { return class == "" })
}

// VerifierClasses lists the same for the wrong solutions of one error class
// against the right ones.
func VerifierClasses(s *result.Set) Table {
	return verifier(s, "verifier-classes", "The verifier against independent labels, by error class", func(class string) bool { return class != "" })
}

func verifier(s *result.Set, id, caption string, of func(class string) bool) Table {
	t := Table{ID: id, Caption: caption, Head: []string{"set", "score", "error class", "n", "wrong", "problems", "AUROC", finding.Confidence(s) + " interval", "average precision", "fires", "within-problem pairs"}, Empty: "no labelled set was given."}
	for _, f := range s.Verifier.Figures {
		if !of(f.Class) {
			continue
		}
		iv := undefined
		if f.Lo.OK() {
			iv = "[" + Plain(f.Lo, 3) + ", " + Plain(f.Hi, 3) + "]"
		}
		score := f.Score
		if f.Greyed {
			score += " (sees gold: supports no claim)"
		}
		class := f.Class
		if class == "" {
			class = "all"
		}
		t.Rows = append(t.Rows, row(f.Set, score, class, fmt.Sprint(f.N), fmt.Sprint(f.NWrong), fmt.Sprint(f.Problems), Plain(f.AUROC, 3), iv, Plain(f.AP, 3), share(f.Fires), Plain(f.WithinPr, 3)))
	}
	return t
}

func share(n result.Num) string {
	if !n.OK() {
		return undefined
	}
	return finding.Percent(n) + " %"
}

// Local lists first-error localisation and calibration.
func Local(s *result.Set) Table {
	t := Table{ID: "verifier-local", Caption: "First-error localisation, calibration and confusion", Head: []string{"set", "score", "acc. on wrong", "acc. on right", "F1", "Brier", "ECE", "TP", "FP", "TN", "FN", "MCC"}, Empty: "no step labels and no probabilities."}
	for _, f := range s.Verifier.Figures {
		if f.Local == nil && f.Calibration == nil && f.Confusion == nil {
			continue
		}
		c := row(f.Set, f.Score, undefined, undefined, undefined, undefined, undefined, undefined, undefined, undefined, undefined, undefined)
		if l := f.Local; l != nil {
			c[2].Text, c[3].Text, c[4].Text = Plain(l.AccError, 3), Plain(l.AccCorrect, 3), Plain(l.F1, 3)
		}
		if k := f.Calibration; k != nil {
			c[5].Text, c[6].Text = Plain(k.Brier, 3), Plain(k.ECE, 3)
		}
		if k := f.Confusion; k != nil {
			c[7].Text, c[8].Text, c[9].Text, c[10].Text, c[11].Text = fmt.Sprint(k.TP), fmt.Sprint(k.FP), fmt.Sprint(k.TN), fmt.Sprint(k.FN), Plain(k.MCC, 3)
		}
		t.Rows = append(t.Rows, c)
	}
	return t
}

// Disagreements counts where the verifier and the labels differ.
func Disagreements(s *result.Set) Table {
	t := Table{ID: "disagreements", Caption: "Where verifier and label disagree", Head: []string{"set", "labelled by", "solutions", "threshold of p_wrong", "false alarms", "misses", "shown"}, Empty: "no labelled solutions."}
	for _, d := range s.Verifier.Disagreements {
		t.Rows = append(t.Rows, row(d.Set, Labeller(d.Format), fmt.Sprint(d.N), Plain(d.Threshold, 3), fmt.Sprint(d.FalseAlarms), fmt.Sprint(d.Misses), fmt.Sprint(len(d.Examples))))
	}
	return t
}

// Labeller says in words who labelled a set.
func Labeller(format string) string {
	switch format {
	case "oracle":
		return "the problem's quantity graph"
	case "answer":
		return "the final answer against gold"
	}
	return "people (" + format + ")"
}

// WinLoss counts items won, lost, both right and neither, against each baseline, summed over seeds.
func WinLoss(s *result.Set) Table {
	t := Table{ID: "winloss", Caption: "Items won and lost, summed over seeds", Head: []string{"arm", "baseline", "benchmark", "won", "lost", "both right", "both wrong"}, Empty: "no items."}
	for _, it := range s.Items {
		marks := map[string]string{}
		for _, o := range it.Outcomes {
			marks[o.Arm+"\x00"+strconv.Itoa(o.Seed)] = o.Marks
		}
		for _, base := range baselines(s) {
			for _, a := range s.Arms {
				if a.Name == base {
					continue
				}
				var won, lost, both, none int
				for _, seed := range s.Seeds {
					x, y := marks[a.Name+"\x00"+strconv.Itoa(seed)], marks[base+"\x00"+strconv.Itoa(seed)]
					if len(x) != len(y) {
						continue
					}
					for i := range len(x) {
						r, q := right(x[i]), right(y[i])
						switch {
						case r && q:
							both++
						case r:
							won++
						case q:
							lost++
						default:
							none++
						}
					}
				}
				if won+lost+both+none > 0 {
					t.Rows = append(t.Rows, row(a.Name, base, it.Benchmark, fmt.Sprint(won), fmt.Sprint(lost), fmt.Sprint(both), fmt.Sprint(none)))
				}
			}
		}
	}
	return t
}

func right(mark byte) bool { return mark != '0' && mark != '-' }

// Levels is the accuracy of each arm by the level and by the subject of the
// problems, over all seeds that count.
func Levels(s *result.Set) Table {
	t := Table{ID: "levels", Caption: "Accuracy (%) by level and subject, all seeds together", Head: []string{"benchmark", "problems", "n"}, Empty: "the problems name no levels and no subjects."}
	for _, a := range s.Arms {
		t.Head = append(t.Head, a.Name)
	}
	for _, it := range s.Items {
		var levels []string
		for _, l := range it.Levels {
			levels = append(levels, "level "+strconv.Itoa(l))
		}
		for _, labels := range [][]string{levels, it.Subjects} {
			t.Rows = append(t.Rows, byLabel(s, it, labels)...)
		}
	}
	return t
}

// byLabel has a row a label, where there are several.
func byLabel(s *result.Set, it result.Items, labels []string) (rows [][]Cell) {
	names := slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(labels))), func(x string) bool { return x == "" })
	if len(names) < 2 {
		return nil
	}
	group, size := make([]int, len(labels)), make([]int, len(names))
	for i, l := range labels {
		g, ok := slices.BinarySearch(names, l)
		if !ok {
			g = -1
		} else {
			size[g]++
		}
		group[i] = g
	}
	for g, name := range names {
		rows = append(rows, row(it.Benchmark, name, strconv.Itoa(size[g])))
	}
	for _, a := range s.Arms {
		right, runs := make([]int, len(names)), 0
		for _, o := range it.Outcomes {
			if o.Arm != a.Name || len(o.Marks) != len(labels) {
				continue
			}
			runs += samples(s, it.Benchmark)
			for i, g := range group {
				if g >= 0 {
					right[g] += result.Digit(o.Marks[i])
				}
			}
		}
		for g := range names {
			share := result.NaN()
			if runs > 0 {
				share = result.Num(float64(right[g]) / float64(runs*size[g]))
			}
			rows[g] = append(rows[g], Cell{Text: finding.Percent(share)})
		}
	}
	return rows
}

func samples(s *result.Set, bench string) int {
	for _, b := range s.Benchmarks {
		if b.Name == bench {
			return max(b.Samples, 1)
		}
	}
	return 1
}

// Failures lists the trials that are missing or that diverged, with the reason.
func Failures(s *result.Set) Table {
	t := Table{ID: "failures", Caption: "Trials that are missing or diverged", Head: []string{"arm", "seed", "status", "benchmarks", "reason"}, Empty: "none; every trial was measured."}
	for _, c := range s.Cells {
		if c.Status == result.Done {
			continue
		}
		if k := len(t.Rows) - 1; k >= 0 && t.Rows[k][0].Text == c.Arm && t.Rows[k][1].Text == strconv.Itoa(c.Seed) && t.Rows[k][4].Text == c.Note {
			t.Rows[k][3].Text += ", " + c.Benchmark
			continue
		}
		r := row(c.Arm, strconv.Itoa(c.Seed), Words(string(c.Status)), c.Benchmark, c.Note)
		r[4].Wide = true
		t.Rows = append(t.Rows, r)
	}
	return t
}

// Training lists what training looked like, a row an arm and seed.
func Training(s *result.Set) Table {
	t := Table{ID: "training-table", Caption: "Training by arm and seed", Head: []string{"arm", "seed", "loss", "steps", "pairs", "left out", "final loss", "final margin", "pairs with positive margin", "effective sample size", "overlap with full", "status"}, Empty: "no arm was trained."}
	for _, x := range s.Training {
		status := string(x.Status)
		if x.DivergedAt >= 0 {
			status += " at step " + fmt.Sprint(x.DivergedAt)
		}
		if x.Loss == "nll" { // no pairs are compared, so there is no margin
			x.FinalMargin, x.FinalAccuracy = result.NaN(), result.NaN()
		}
		t.Rows = append(t.Rows, row(x.Arm, fmt.Sprint(x.Seed), x.Loss, fmt.Sprint(x.Steps), fmt.Sprint(x.Pairs), fmt.Sprint(x.Left), Plain(x.FinalLoss, 4), Plain(x.FinalMargin, 3), share(x.FinalAccuracy), Plain(x.ESS, 1), share(x.Overlap), status))
	}
	return t
}

// Mining lists what became of the samples.
func Mining(s *result.Set) Table {
	t := Table{ID: "mining", Caption: "Mining by rule and seed", Head: []string{"arms", "seed", "negatives", "prompts", "with pairs", "samples", "distinct", "right", "pairs", "picked as", "reference as chosen", "mean wrongness", "mean absurdity", "mean closeness"}, Empty: "nothing was mined."}
	for _, m := range s.Mining {
		var kinds []string
		for k := range m.ByKind {
			kinds = append(kinds, k)
		}
		sort.Strings(kinds)
		for i, k := range kinds {
			kinds[i] = fmt.Sprintf("%s %d", k, m.ByKind[k])
		}
		c := row(strings.Join(m.Arms, ", "), fmt.Sprint(m.Seed), m.Negatives, fmt.Sprint(m.Prompts), fmt.Sprint(m.WithPairs), fmt.Sprint(m.Samples), fmt.Sprint(m.Distinct), fmt.Sprint(m.Right), fmt.Sprint(m.Pairs), strings.Join(kinds, ", "), fmt.Sprint(m.Fallback), Plain(m.Wrongness, 3), Plain(m.Absurdity, 3), Plain(m.Closeness, 3))
		c[0].Wide, c[9].Wide = true, true
		t.Rows = append(t.Rows, c)
	}
	return t
}

// Cost lists counted work by stage.
func Cost(s *result.Set) Table {
	t := Table{ID: "cost-table", Caption: "Counted work by stage", Head: []string{"stage", "tasks", "rows", "steps", "tokens", "FLOP"}, Empty: "nothing ran."}
	for _, c := range s.Cost {
		t.Rows = append(t.Rows, row(c.Stage, fmt.Sprint(c.Tasks), count(c.Rows), count(c.Steps), count(c.Tokens), fmt.Sprintf("%.3g", c.FLOPs)))
	}
	return t
}

// Provenance lists what the numbers were made from.
func Provenance(s *result.Set) Table {
	p := s.Prov
	t := Table{ID: "provenance-table", Caption: "What these numbers were made from", Head: []string{"what", "value"}}
	add := func(k, v string) {
		c := row(k, v)
		c[1].Wide = true
		t.Rows = append(t.Rows, c)
	}
	add("run", s.Run)
	add("commit", p.Commit)
	add("version", p.Version)
	add("resolved spec (sha256)", p.SpecHash)
	add("analysis, claims and seeds, before the first trial (sha256)", p.PreHash)
	add("device class", p.DeviceClass)
	add("compute type", p.DType)
	add("base model "+p.Model.Name, p.Model.Digest)
	add("verifier "+p.Verifier.Name, p.Verifier.Digest)
	for _, d := range p.Data {
		add(fmt.Sprintf("data %s (%d rows)", d.Name, d.Rows), strings.TrimSpace(d.Digest+" "+d.Note))
	}
	add("test questions also in training data", fmt.Sprint(p.Overlap))
	add("tasks done / failed / planned", fmt.Sprintf("%d / %d / %d", p.TasksDone, p.TasksFailed, p.TasksTotal))
	return t
}
