package finding

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// TestCompareAgreesWithTheReport: two arms of one run give the report's delta.
func TestCompareAgreesWithTheReport(t *testing.T) {
	s := ten(4, 150, 100).set()
	drop(s, "dpo", 2, "failed")
	want := find(t, from(t, design(), s), "delta/full-dpo/bench2")
	a, err := SideOf(s, "full", "bench2")
	if err != nil {
		t.Fatal(err)
	}
	b, err := SideOf(s, "dpo", "bench2")
	if err != nil {
		t.Fatal(err)
	}
	d := design()
	d.Pool = nil
	all, err := Compare(d, [][2]Side{{a, b}})
	if err != nil {
		t.Fatal(err)
	}
	got := all[0].Delta
	if got.Estimate != want.Estimate || math.Abs(float64(got.P-want.P)) > 1e-12 || got.SeedsUsed != 3 || !has(got.Warn, "exploratory") || !has(got.Warn, "3 of 4 seeds (missing: 2)") {
		t.Errorf("%+v\n%+v", *got, *want)
	}
	if _, err := SideOf(s, "none", "bench2"); err == nil || !strings.Contains(err.Error(), `arm "none"`) {
		t.Error(err)
	}
	if _, err := SideOf(s, "full", "bench9"); err == nil || !strings.Contains(err.Error(), `benchmark "bench9"`) {
		t.Error(err)
	}
}

// TestCompareMatchesItems: another order and missing partners change nothing
// but the count of items.
func TestCompareMatchesItems(t *testing.T) {
	a := Side{Name: "a", Benchmark: "x", Seeds: []int{1}, IDs: []string{"p", "q", "r", "s"}, Rows: [][]float64{{1, 0, 1, 1}}}
	b := Side{Name: "b", Benchmark: "x", Seeds: []int{1}, IDs: []string{"z", "s", "q", "p"}, Rows: [][]float64{{1, 0, 0, 0}}}
	all, err := Compare(design(), [][2]Side{{a, b}})
	if err != nil {
		t.Fatal(err)
	}
	if c := all[0]; c.Pairing.Common != 3 || c.Pairing.OnlyA != 1 || c.Pairing.OnlyB != 1 || math.Abs(float64(c.Delta.Estimate)-2.0/3) > 1e-12 {
		t.Errorf("%+v %+v", c.Pairing, *c.Delta)
	}
	same, err := Compare(design(), [][2]Side{{a, a}})
	if err != nil {
		t.Fatal(err)
	}
	const word = "both sides have the same outcome on every item"
	if !slices.Contains(same[0].Delta.Warn, word) || slices.Contains(all[0].Delta.Warn, word) {
		t.Errorf("equal sides: %q; others: %q", same[0].Delta.Warn, all[0].Delta.Warn)
	}
	b.IDs = []string{"1", "2", "3", "4"}
	if _, err := Compare(design(), [][2]Side{{a, b}}); err == nil {
		t.Error("nothing in common, and no error")
	}
}
