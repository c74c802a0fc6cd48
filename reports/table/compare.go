package table

import (
	"encoding/json"
	"fmt"
	"strconv"

	"hardneg/reports/finding"
	"hardneg/reports/result"
)

// pairOf names a comparison.
func pairOf(c finding.Comparison) string { return c.A.Arm + " − " + c.B.Arm }

// Compared is A minus B, a row a comparison.
func Compared(cs []finding.Comparison) Table {
	t := Table{ID: "compare", Caption: "A minus B", Empty: "nothing was compared.", Grouped: true,
		Head: []string{"A − B", "benchmark", "seeds", "A (%)", "B (%)", "Δ (points)", "95 % interval", "p", "p adjusted", "verdict"}}
	for _, c := range cs {
		d := c.Delta
		r := row(pairOf(c), c.Benchmark, seeds(*d), finding.Percent(c.A.Estimate), finding.Percent(c.B.Estimate), finding.Points(d.Estimate), "", finding.P(d.P), finding.P(d.PAdj)+adjust(*d), "")
		r[6], r[9] = interval(*d), verdict(*d)
		t.Rows = append(t.Rows, r)
	}
	return t.lift()
}

// ComparedSeeds is the same seed by seed, with the items that each side won.
func ComparedSeeds(cs []finding.Comparison) Table {
	t := Table{ID: "compare-seeds", Caption: "Seed by seed", Empty: "no seed is common to both.", Grouped: true,
		Head: []string{"A − B", "benchmark", "seed", "A (%)", "B (%)", "Δ (points)", "only A right", "only B right", "both", "neither", "McNemar mid-p"}}
	for _, c := range cs {
		for i, seed := range c.Pairing.Seeds {
			r := row(pairOf(c), c.Benchmark, strconv.Itoa(seed), finding.Percent(at(c.A.PerSeed, i)), finding.Percent(at(c.B.PerSeed, i)), finding.Points(at(c.Delta.PerSeed, i)),
				undefined, undefined, undefined, undefined, undefined)
			if c.Delta.Sens != nil {
				for _, m := range c.Delta.Sens.McNemar {
					if m.Seed == seed {
						r[6].Text, r[7].Text, r[8].Text, r[9].Text, r[10].Text = strconv.Itoa(m.B), strconv.Itoa(m.C), strconv.Itoa(m.Both), strconv.Itoa(m.None), finding.P(m.PMid)
					}
				}
			}
			t.Rows = append(t.Rows, r)
		}
	}
	return t
}

func at(x []result.Num, i int) result.Num {
	if i >= len(x) {
		return result.NaN()
	}
	return x[i]
}

// ComparedPairing says what the comparisons rest on, what they leave out, and
// what they could have shown.
func ComparedPairing(cs []finding.Comparison) Table {
	t := Table{ID: "compare-items", Caption: "What the comparison rests on", Grouped: true, Head: []string{"A − B", "benchmark", "items of both", "only in A", "only in B", "± sd of A", "± sd of B", "detectable at 80 % power (points)"}}
	for _, c := range cs {
		t.Rows = append(t.Rows, row(pairOf(c), c.Benchmark, strconv.Itoa(c.Pairing.Common), strconv.Itoa(c.Pairing.OnlyA), strconv.Itoa(c.Pairing.OnlyB), finding.Percent(c.A.SD), finding.Percent(c.B.SD), finding.Percent(c.Delta.MDE)))
	}
	return t
}

// Differences lists the settings and inputs in which an arm of one run differs
// from an arm of another, or of the same.
func Differences(a, b *result.Set, armA, armB string) Table {
	t := Table{ID: "differences", Caption: fmt.Sprintf("What differs between %s of %s and %s of %s", armA, a.Run, armB, b.Run), Head: []string{"setting", "A", "B"}, Empty: "no setting and no input."}
	x, y := settings(a, armA), settings(b, armB)
	seen := map[string]bool{}
	for _, list := range [][]setting{x, y} {
		for _, s := range list {
			if seen[s.name] {
				continue
			}
			seen[s.name] = true
			if l, r := lookup(x, s.name), lookup(y, s.name); l != r {
				c := row(s.name, l, r)
				c[1].Wide, c[2].Wide = true, true
				t.Rows = append(t.Rows, c)
			}
		}
	}
	return t
}

type setting struct{ name, value string }

func lookup(list []setting, name string) string {
	for _, s := range list {
		if s.name == name {
			return s.value
		}
	}
	return undefined
}

// settings are what decides an arm's results.
func settings(s *result.Set, arm string) []setting {
	var out []setting
	var spec struct {
		resolved
		Arms []struct {
			Name   string          `json:"name"`
			Stages json.RawMessage `json:"stages"`
		} `json:"arms"`
	}
	if json.Unmarshal(s.Spec, &spec) == nil {
		flat := func(prefix string, raw json.RawMessage) {
			for _, m := range members(raw) {
				inner := members(m.raw)
				for _, k := range inner {
					out = append(out, setting{prefix + m.key + "." + k.key, value(k.raw)})
				}
				if inner == nil {
					out = append(out, setting{prefix + m.key, value(m.raw)})
				}
			}
		}
		flat("model.", spec.Model)
		flat("data.", spec.Data)
		flat("seeds.", spec.Seeds)
		for _, a := range spec.Arms {
			if a.Name == arm {
				flat("", a.Stages)
			}
		}
	}
	p := s.Prov
	out = append(out, setting{"base model", p.Model.Digest}, setting{"verifier", p.Verifier.Name + " " + p.Verifier.Digest}, setting{"device class", p.DeviceClass}, setting{"commit", p.Commit})
	for _, d := range p.Data {
		out = append(out, setting{"data " + d.Name, d.Digest})
	}
	return out
}
