package result

import (
	"errors"
	"fmt"
	"slices"
)

// Validate checks that the parts agree: known arms, seeds and benchmarks, one
// cell and one outcome at most for each of their combinations, counts and
// lengths that fit. It reports every fault at once.
func (s *Set) Validate() error {
	c := checker{set: s, benchmarks: map[string]Benchmark{}, items: map[string]int{}}
	if s.Schema != Schema {
		return fmt.Errorf("results have schema %q, this program reads %q", s.Schema, Schema)
	}
	for _, b := range s.Benchmarks {
		c.need(c.benchmarks[b.Name].Name == "", "benchmarks: %s is there twice", b.Name)
		c.need(b.N >= 0, "benchmarks: %s has %d items", b.Name, b.N)
		c.benchmarks[b.Name] = b
	}
	c.cells()
	for _, it := range s.Items {
		c.itemList(it)
	}
	for _, p := range s.Probe {
		c.probe(p)
	}
	for _, l := range s.Verifier.Labelled {
		c.labelled(l)
	}
	return errors.Join(c.faults...)
}

type cellKey struct {
	arm, benchmark string
	seed           int
}

type checker struct {
	set        *Set
	benchmarks map[string]Benchmark
	items      map[string]int
	faults     []error
}

func (c *checker) need(ok bool, format string, a ...any) {
	if !ok {
		c.faults = append(c.faults, fmt.Errorf(format, a...))
	}
}

func (c *checker) known(where, arm string, seed int) {
	c.need(slices.ContainsFunc(c.set.Arms, func(a Arm) bool { return a.Name == arm }), "%s: unknown arm %q", where, arm)
	c.need(slices.Contains(c.set.Seeds, seed), "%s: unknown seed %d", where, seed)
}

func (c *checker) cells() {
	seen := map[cellKey]bool{}
	for i, x := range c.set.Cells {
		where := fmt.Sprintf("cells[%d] (%s, seed %d, %s)", i, x.Arm, x.Seed, x.Benchmark)
		c.known(where, x.Arm, x.Seed)
		b, ok := c.benchmarks[x.Benchmark]
		c.need(ok, "%s: unknown benchmark", where)
		k := cellKey{x.Arm, x.Benchmark, x.Seed}
		c.need(!seen[k], "%s: is there twice", where)
		seen[k] = true
		switch x.Status {
		case Done, Diverged:
			c.need(x.N > 0, "%s: is %s without items", where, x.Status)
			c.need(!ok || x.N == b.N, "%s: n is %d, the benchmark has %d items", where, x.N, b.N)
			c.need(x.Correct >= 0 && x.Correct <= x.N*max(b.Samples, 1), "%s: correct is %d of %d", where, x.Correct, x.N)
		case Failed, NotRun:
		default:
			c.need(false, "%s: unknown status %q", where, x.Status)
		}
	}
}

func (c *checker) itemList(it Items) {
	b, ok := c.benchmarks[it.Benchmark]
	where := "items of " + it.Benchmark
	c.need(ok, "%s: unknown benchmark", where)
	c.items[it.Benchmark]++
	c.need(c.items[it.Benchmark] == 1, "%s: there twice", where)
	n := len(it.IDs)
	c.need(it.Path != "" || !ok || n == b.N, "%s: %d ids, the benchmark has %d items", where, n, b.N)
	c.need(len(it.Clusters) == 0 || len(it.Clusters) == n, "%s: %d clusters for %d ids", where, len(it.Clusters), n)
	c.need(len(it.Levels) == 0 || len(it.Levels) == n, "%s: %d levels for %d ids", where, len(it.Levels), n)
	for _, j := range it.Subset {
		c.need(j >= 0 && j < n, "%s: subset index %d outside 0..%d", where, j, n-1)
	}
	seen := map[cellKey]bool{}
	for _, o := range it.Outcomes {
		at := fmt.Sprintf("%s, %s seed %d", where, o.Arm, o.Seed)
		c.known(at, o.Arm, o.Seed)
		k := cellKey{o.Arm, it.Benchmark, o.Seed}
		c.need(!seen[k], "%s: there twice", at)
		seen[k] = true
		c.need(len(o.Marks) == n, "%s: %d marks for %d ids", at, len(o.Marks), n)
		for i := range len(o.Marks) {
			if d := Digit(o.Marks[i]); d > max(b.Samples, 1) {
				c.need(false, "%s: item %d has mark %q, at most %d samples", at, i, o.Marks[i], max(b.Samples, 1))
				break
			}
		}
	}
}

func (c *checker) probe(p Probe) {
	n := len(p.Problems)
	ok := len(p.WProc) == n && len(p.WNone) == n && len(p.Absurdity) == n && len(p.Pass) == n
	c.need(ok, "probe of seed %d: columns differ in length", p.Seed)
	if s := p.Solutions; s != nil {
		m := len(s.Problem)
		c.need(len(s.WProc) == m && len(s.WNone) == m && len(s.Absurdity) == m && len(s.Correct) == m,
			"probe solutions of seed %d: columns differ in length", p.Seed)
		for _, j := range s.Problem {
			if j < 0 || j >= n {
				c.need(false, "probe solutions of seed %d: problem %d outside 0..%d", p.Seed, j, n-1)
				break
			}
		}
	}
}

func (c *checker) labelled(l Labelled) {
	n := len(l.Problems)
	where := "labelled set " + l.Name
	c.need(len(l.Wrong) == n, "%s: %d labels for %d rows", where, len(l.Wrong), n)
	for k, v := range l.Scores {
		c.need(len(v) == n, "%s: score %s has %d values for %d rows", where, k, len(v), n)
	}
	c.need(len(l.PWrong) == 0 || len(l.PWrong) == n, "%s: p_wrong has %d values for %d rows", where, len(l.PWrong), n)
	c.need(len(l.FirstError) == len(l.Predicted), "%s: first_error and predicted differ in length", where)
	c.need(len(l.Class) == 0 || len(l.Class) == n, "%s: class has %d values for %d rows", where, len(l.Class), n)
}

// Digit reads one mark: right samples of an item; '-' (unparsable) is 0, a
// byte that is no mark is 99.
func Digit(b byte) int {
	switch {
	case b >= '0' && b <= '9':
		return int(b - '0')
	case b >= 'a' && b <= 'z':
		return int(b-'a') + 10
	case b == '-':
		return 0
	}
	return 99
}

// MarkOf is the byte for c right samples (c ≤ 35).
func MarkOf(c int) byte { return "0123456789abcdefghijklmnopqrstuvwxyz"[c] }
