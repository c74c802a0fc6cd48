package trend

import (
	"slices"
	"testing"
)

func TestChangedNamesWhatIsAnother(t *testing.T) {
	a := Entry{Version: "v1", Stages: map[string]int{"train": 2, "eval": 3}, Environ: map[string]string{"Go": "go1.26.1", "system": "linux 6.1", "driver": "550"}}
	b := Entry{Version: "v2", Stages: map[string]int{"train": 3, "eval": 3, "new": 1}, Environ: map[string]string{"Go": "go1.26.1", "system": "linux 6.2"}}
	for _, c := range []struct {
		name   string
		x, y   Entry
		expect []string
	}{
		{"nothing", a, a, nil},
		{"several things", a, b, []string{"hardneg v1 → v2", "stage train 2 → 3", "system linux 6.1 → linux 6.2"}},
		{"nights of an earlier version", Entry{}, a, nil},
		{"nights of an earlier version after one", a, Entry{}, nil},
	} {
		if got := Changed(c.x, c.y); !slices.Equal(got, c.expect) {
			t.Errorf("%s: %q, want %q", c.name, got, c.expect)
		}
	}
}

// A mark stands on the night that differs from the comparable night before,
// whatever nights of other specs lie between.
func TestMarksStandOnComparableNights(t *testing.T) {
	h := nights(12, 0, .6, .01, 0)
	for i := range h {
		h[i].Stages = map[string]int{"train": 1 + i/6}
		h[i].Commit = []string{"a", "b"}[i/4%2]
	}
	h[6].Spec, h[6].Commit = "other", "z"
	d := one(t, h, Metric{Name: "m"})
	var marks, commits []string
	for _, p := range d.Series {
		if p.Changed != nil {
			marks = append(marks, p.Run)
		}
		if p.NewCommit {
			commits = append(commits, p.Run)
		}
	}
	if !slices.Equal(marks, []string{"r-07"}) || !slices.Equal(commits, []string{"r-04", "r-08"}) {
		t.Errorf("versions change on %v, commits on %v", marks, commits)
	}
}
