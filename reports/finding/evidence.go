package finding

import (
	"fmt"
	"slices"
	"strings"

	"hardneg/reports/result"
	"hardneg/reports/stats"
)

// table is one benchmark's outcomes, ready for the engine: an arm's rows are
// in the order of the planned seeds.
type table struct {
	name    string
	arms    map[string]stats.Trials
	cluster []int
	strata  []int
	weights []float64
	n       int // items
	parts   []string
}

// tables makes the tables of the benchmarks, of combined where there are
// several, and of the frozen subsets.
func tables(d Design, s *result.Set) ([]*table, error) {
	var plain, subsets []*table
	for _, b := range s.Benchmarks {
		k := slices.IndexFunc(s.Items, func(it result.Items) bool { return it.Benchmark == b.Name })
		if k < 0 {
			plain = append(plain, &table{name: b.Name, arms: map[string]stats.Trials{}, parts: []string{b.Name}})
			continue
		}
		t, err := tableOf(s, b, s.Items[k])
		if err != nil {
			return nil, err
		}
		plain = append(plain, t)
		if sub := s.Items[k].Subset; len(sub) > 1 {
			subsets = append(subsets, t.columns(b.Name+SubsetSuffix, sub))
		}
	}
	if len(plain) > 1 {
		plain = append(plain, combine(d, s, plain))
	}
	return append(plain, subsets...), nil
}

func tableOf(s *result.Set, b result.Benchmark, it result.Items) (*table, error) {
	if it.Path != "" && len(it.IDs) == 0 {
		return nil, fmt.Errorf("items of %s lie in %s: read them into the set before computing findings", b.Name, it.Path)
	}
	t := &table{name: b.Name, arms: map[string]stats.Trials{}, n: len(it.IDs), parts: []string{b.Name}}
	if len(it.Clusters) > 0 {
		g, n := stats.Groups(it.Clusters)
		if n < len(it.IDs) {
			t.cluster = g
		}
	}
	samples := float64(max(b.Samples, 1))
	for _, o := range it.Outcomes {
		if !counts(s, o.Arm, o.Seed, b.Name) {
			continue
		}
		rows := t.arms[o.Arm]
		if rows == nil {
			rows = make(stats.Trials, len(s.Seeds))
			t.arms[o.Arm] = rows
		}
		row := make([]float64, len(o.Marks))
		for i := range row {
			row[i] = float64(result.Digit(o.Marks[i])) / samples
		}
		rows[slices.Index(s.Seeds, o.Seed)] = row
	}
	return t, nil
}

// counts says whether a trial's outcomes count: its cell is done or diverged.
func counts(s *result.Set, arm string, seed int, benchmark string) bool {
	c := cellOf(s, arm, seed, benchmark)
	return c != nil && c.Status.Counts()
}

func cellOf(s *result.Set, arm string, seed int, benchmark string) *result.Cell {
	for i := range s.Cells {
		if c := &s.Cells[i]; c.Arm == arm && c.Seed == seed && c.Benchmark == benchmark {
			return c
		}
	}
	return nil
}

// columns is the table of some of the items.
func (t *table) columns(name string, keep []int) *table {
	out := &table{name: name, arms: map[string]stats.Trials{}, n: len(keep), parts: t.parts}
	for arm, rows := range t.arms {
		cut := make(stats.Trials, len(rows))
		for s, row := range rows {
			if row == nil {
				continue
			}
			cut[s] = make([]float64, len(keep))
			for i, j := range keep {
				cut[s][i] = row[j]
			}
		}
		out.arms[arm] = cut
	}
	if t.cluster != nil {
		labels := make([]int, len(keep))
		for i, j := range keep {
			labels[i] = t.cluster[j]
		}
		out.cluster, _ = stats.Groups(labels)
	}
	return out
}

// combine puts the benchmarks side by side as strata. A seed counts where
// every benchmark has it. Where a benchmark has clusters, clusters are the
// units and the strata's weights are multiplied into the outcomes.
func combine(d Design, s *result.Set, parts []*table) *table {
	t := &table{name: Combined, arms: map[string]stats.Trials{}}
	clustered := false
	for b, p := range parts {
		t.n += p.n
		t.parts = append(t.parts, p.name)
		clustered = clustered || p.cluster != nil
		for range p.n {
			t.strata = append(t.strata, b)
		}
	}
	t.weights = make([]float64, len(parts))
	for b, p := range parts {
		t.weights[b] = float64(p.n) / float64(max(t.n, 1))
		if d.Strata == "equal" {
			t.weights[b] = 1 / float64(len(parts))
		}
	}
	for _, a := range s.Arms {
		rows := make(stats.Trials, len(s.Seeds))
		found := false
		for k := range s.Seeds {
			rows[k] = joined(parts, a.Name, k)
			found = found || rows[k] != nil
		}
		if found {
			t.arms[a.Name] = rows
		}
	}
	if clustered {
		t.unitClusters(parts)
	}
	return t
}

func joined(parts []*table, arm string, seed int) []float64 {
	var row []float64
	for _, p := range parts {
		rows := p.arms[arm]
		if rows == nil || rows[seed] == nil {
			return nil
		}
		row = append(row, rows[seed]...)
	}
	return row
}

// unitClusters turns strata into clusters of weighted outcomes.
func (t *table) unitClusters(parts []*table) {
	next := 0
	for _, p := range parts {
		from := next
		for i := range p.n {
			g := from + i
			if p.cluster != nil {
				g = from + p.cluster[i]
			}
			t.cluster = append(t.cluster, g)
			next = max(next, g+1)
		}
	}
	for _, rows := range t.arms {
		for _, row := range rows {
			for i := range row {
				b := t.strata[i]
				row[i] *= float64(t.n) * t.weights[b] / float64(parts[b].n)
			}
		}
	}
	t.strata, t.weights = nil, nil
}

// isSubset says whether a benchmark is a frozen subset.
func isSubset(name string) bool { return strings.HasSuffix(name, SubsetSuffix) }
