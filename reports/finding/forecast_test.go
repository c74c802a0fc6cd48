package finding

import (
	"math"
	"testing"
)

// TestForeseeGivesThePlanningTable: the minimum detectable effects of the
// specification's planning table, in points.
func TestForeseeGivesThePlanningTable(t *testing.T) {
	c := PlanningComponents()
	want := map[string][3]float64{"math500": {4.2, 3.4, 2.9}, "gsm8k": {2.7, 2.2, 1.8}, "math": {1.8, 1.4, 1.1}, "combined": {1.7, 1.3, 1.0}}
	var got []Forecast
	for _, sizes := range [][]Size{{{"math500", 500, c}}, {{"gsm8k", 1319, c}, {"math", 5000, c}}} {
		f, err := Foresee(design(), sizes, 6, []int{3, 5, 10})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f...)
	}
	if len(got) != 12 {
		t.Fatalf("%d forecasts", len(got))
	}
	for i, f := range got {
		if w := want[f.Benchmark][i%3]; math.Abs(100*float64(f.MDE)-w) > .051 {
			t.Errorf("%s, %d seeds: MDE %.3f points, want %.1f", f.Benchmark, f.Seeds, 100*float64(f.MDE), w)
		}
	}
	for name, w := range map[string][2]int{"math500": {0, 0}, "gsm8k": {0, 8}, "math": {14, 3}, "combined": {11, 3}} {
		for _, f := range got {
			if f.Benchmark == name && (f.Needed["1"] != w[0] || f.Needed["2"] != w[1]) {
				t.Errorf("%s needs %v seeds, want %v", name, f.Needed, w)
			}
		}
	}
}

func TestEstimatedComponentsComeBack(t *testing.T) {
	s := ten(6, 800).set()
	from(t, design(), s).Apply(s)
	z, err := Estimated(s)
	if err != nil || len(z) != 1 || z[0].N != 800 {
		t.Fatal(z, err)
	}
	// two independent Bernoulli outcomes with mean p(1-p) between 0.1 and 0.25 each
	if z[0].Residual < .15 || z[0].Residual > .45 || z[0].Seed < 0 || z[0].Seed > .002 {
		t.Errorf("%+v", z[0])
	}
}
