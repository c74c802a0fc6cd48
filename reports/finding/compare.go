package finding

import (
	"fmt"
	"maps"
	"slices"

	"hardneg/reports/result"
	"hardneg/reports/stats"
)

// Side is one thing to compare: outcomes of an arm on a benchmark, item by
// item, a row a seed (nil = missing).
type Side struct {
	Name      string
	Benchmark string
	Seeds     []int
	IDs       []string
	Clusters  []string // or nil
	Rows      [][]float64

	run     *result.Set // where it comes from, nil for a sample file
	trained map[string]stats.Trials
}

// Run is where a side comes from; nil for a sample file.
func (s Side) Run() *result.Set { return s.run }

// Pairing says what was left out when two sides were matched by item.
type Pairing struct {
	Common, OnlyA, OnlyB int
	Seeds                []int // common seeds
}

// SideOf takes one arm's outcomes on one benchmark out of a run's results.
func SideOf(s *result.Set, arm, benchmark string) (Side, error) {
	side := Side{Name: arm, Benchmark: benchmark, Seeds: s.Seeds, Rows: make([][]float64, len(s.Seeds))}
	b := slices.IndexFunc(s.Benchmarks, func(b result.Benchmark) bool { return b.Name == benchmark })
	i := slices.IndexFunc(s.Items, func(it result.Items) bool { return it.Benchmark == benchmark })
	if b < 0 || i < 0 {
		return side, fmt.Errorf("run %s has no benchmark %q", s.Run, benchmark)
	}
	t, err := tableOf(s, s.Benchmarks[b], s.Items[i])
	if err != nil {
		return side, err
	}
	if t.arms[arm] == nil {
		return side, fmt.Errorf("run %s has no outcomes of arm %q on %s", s.Run, arm, benchmark)
	}
	side.IDs, side.Clusters, side.Rows = s.Items[i].IDs, s.Items[i].Clusters, t.arms[arm]
	side.run, side.trained = s, map[string]stats.Trials{}
	for _, a := range s.Arms {
		if a.Trained && t.arms[a.Name] != nil {
			side.trained[a.Name] = t.arms[a.Name]
		}
	}
	return side, nil
}

// match brings two sides to their common items and seeds.
func match(a, b Side) (x, y stats.Trials, cluster []int, p Pairing) {
	at := map[string]int{}
	for j, id := range b.IDs {
		at[id] = j
	}
	var left, right []int
	var labels []string
	for i, id := range a.IDs {
		j, ok := at[id]
		if !ok {
			p.OnlyA++
			continue
		}
		left, right = append(left, i), append(right, j)
		if a.Clusters != nil {
			labels = append(labels, a.Clusters[i])
		}
	}
	p.Common, p.OnlyB = len(left), len(b.IDs)-len(left)
	for k, s := range a.Seeds {
		if m := slices.Index(b.Seeds, s); m >= 0 {
			p.Seeds = append(p.Seeds, s)
			x, y = append(x, take(a.Rows[k], left)), append(y, take(b.Rows[m], right))
		}
	}
	if labels != nil {
		if g, n := stats.Groups(labels); n < len(labels) {
			cluster = g
		}
	}
	return x, y, cluster, p
}

func take(row []float64, at []int) []float64 {
	if row == nil {
		return nil
	}
	out := make([]float64, len(at))
	for i, j := range at {
		out[i] = row[j]
	}
	return out
}

// Comparison is two sides on one benchmark.
type Comparison struct {
	Benchmark string          `json:"benchmark"`
	A         *result.Finding `json:"a"`
	B         *result.Finding `json:"b"`
	Delta     *result.Finding `json:"delta"` // A minus B
	Pairing   Pairing         `json:"pairing"`
}

// Compare matches sides by item and seed and gives A minus B with the engine
// of every report; the seed variance is pooled over the trained arms of the run
// that both come from, else over the two sides. What was not declared before the data is exploratory; with
// several benchmarks their p-values are adjusted together.
func Compare(d Design, pairs [][2]Side) ([]Comparison, error) {
	var out []Comparison
	b := &builder{d: d, report: &Report{}}
	for _, p := range pairs {
		x, y, cluster, pairing := match(p[0], p[1])
		if pairing.Common < 2 || len(pairing.Seeds) == 0 {
			return nil, fmt.Errorf("%s and %s have %d items and %d seeds in common on %s: needs 2 and 1", p[0].Name, p[1].Name, pairing.Common, len(pairing.Seeds), p[0].Benchmark)
		}
		names := [2]string{p[0].Name, p[1].Name}
		if names[0] == names[1] {
			names = [2]string{names[0] + " (A)", names[1] + " (B)"}
		}
		t := &table{name: p[0].Benchmark, arms: map[string]stats.Trials{names[0]: x, names[1]: y}, cluster: cluster, n: pairing.Common, parts: []string{p[0].Benchmark}}
		b.set, b.tables, b.d.Pool = &result.Set{Seeds: pairing.Seeds}, []*table{t}, names[:]
		if p[0].run != nil && p[0].run == p[1].run { // two arms of one run: its report's pool, hence its report's numbers
			maps.Copy(t.arms, p[0].trained)
			b.d.Pool = slices.Sorted(maps.Keys(p[0].trained))
		}
		c := Comparison{Benchmark: t.name, Pairing: pairing, A: b.accuracy(names[0], t), B: b.accuracy(names[1], t)}
		b.report.Findings = append(b.report.Findings, c.A, c.B)
		from := len(b.report.Findings) - 2
		c.Delta = b.compare(comparison{id: "compare/" + t.name, kind: result.KindDelta, contrast: versus(names[0], names[1]), arm: names[0], base: names[1], table: t})
		for _, f := range b.report.Findings[from:] {
			b.seedWords(f)
		}
		b.accuracyWords(c.A)
		b.accuracyWords(c.B)
		if slices.EqualFunc(x, y, slices.Equal[[]float64]) { // the interval is that of two arms that only happened to agree
			say(c.Delta, "both sides have the same outcome on every item")
		}
		out = append(out, c)
	}
	b.adjust()
	b.judge()
	for _, c := range out {
		b.comparisonWords(c.Delta)
	}
	return out, nil
}
