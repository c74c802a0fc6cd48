package score

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"hardneg/ablations/pair"
	"hardneg/fixtures/seed"

	"github.com/google/go-cmp/cmp"
)

func agg(_, p pair.Profile, _ float64) (float64, float64) {
	return (p.Sem + p.Sym) / 2, (p.Sem + p.Sym + p.Ans) / 3
}

func rows(n int) []pair.Scored {
	k := seed.Derive(5, "score-test")
	out := make([]pair.Scored, n)
	for i := range out {
		r := &out[i]
		r.ID, r.Correct = fmt.Sprint("r", i), i%3 == 0
		for d := range pair.Dims {
			r.Profile.Set(d, k.Float(uint64(10*i+d)))
		}
		r.Absurdity = k.Float(uint64(10*i + 7))
		c := k.Float(uint64(10*i + 8))
		if r.Correct {
			c = 1
		}
		r.Closeness = &c
		recompute(r, r.Profile, agg)
	}
	return out
}

func apply(t *testing.T, s Settings) []pair.Scored {
	t.Helper()
	r := rows(300)
	if err := Apply(r, s, 8, agg); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestShuffledStaysInTheGateClass(t *testing.T) {
	clean, got := rows(300), apply(t, Settings{Profile: "shuffled"})
	if cmp.Equal(clean, got) {
		t.Error("nothing moved")
	}
	for _, right := range []bool{true, false} {
		col := func(rs []pair.Scored) (x []float64) {
			for _, r := range rs {
				if r.Correct == right {
					x = append(x, r.Absurdity)
				}
			}
			slices.Sort(x)
			return x
		}
		if d := cmp.Diff(col(clean), col(got)); d != "" {
			t.Errorf("class right=%v holds other values %s", right, d)
		}
	}
}

func TestNoiseGrowsAndKeepsTheAnswerDimension(t *testing.T) {
	clean := rows(300)
	last := -1.0
	for _, s := range []float64{0, .25, .5, 1, 2} {
		got := apply(t, Settings{Profile: "noisy", Sigma: s})
		var dist float64
		for i := range got {
			if got[i].Profile.Ans != clean[i].Profile.Ans {
				t.Fatal("the answer dimension moved")
			}
			dist += math.Abs(got[i].WrongnessProc - clean[i].WrongnessProc)
		}
		if dist <= last {
			t.Errorf("σ=%g moves wrongness by %g in all, less than the level before (%g)", s, dist, last)
		}
		last = dist
	}
}

func TestSigmaZeroIsClean(t *testing.T) {
	clean, got := rows(300), apply(t, Settings{Profile: "noisy", Sigma: 0})
	for i := range got {
		if math.Abs(got[i].WrongnessProc-clean[i].WrongnessProc) > 2e-3 {
			t.Fatalf("row %d: %v became %v without noise", i, clean[i].WrongnessProc, got[i].WrongnessProc)
		}
	}
}

func TestDropFlattensOneDimension(t *testing.T) {
	got := apply(t, Settings{Profile: "drop", Drop: "sym"})
	for _, r := range got {
		if r.Profile.Sym != got[0].Profile.Sym {
			t.Fatal("sym still varies")
		}
	}
	if got[0].Profile.Sem == got[1].Profile.Sem {
		t.Error("sem was flattened too")
	}
}

func TestOrderOfRowsChangesNoDraw(t *testing.T) {
	for _, s := range []Settings{{Profile: "noisy", Sigma: 1}} {
		a, b := rows(60), rows(60)
		slices.Reverse(b)
		if err := Apply(a, s, 8, agg); err != nil {
			t.Fatal(err)
		}
		if err := Apply(b, s, 8, agg); err != nil {
			t.Fatal(err)
		}
		slices.Reverse(b)
		for i := range a {
			if math.Abs(a[i].WrongnessProc-b[i].WrongnessProc) > 1e-9 {
				t.Fatalf("%s: row %d differs", s.Profile, i)
			}
		}
	}
}

func TestUnknownSchemeNamesTheKnown(t *testing.T) {
	if err := Apply(rows(3), Settings{Profile: "nosiy"}, 1, agg); err == nil {
		t.Error("accepted")
	}
	if err := Apply(rows(3), Settings{Profile: "drop", Drop: "smy"}, 1, agg); err == nil {
		t.Error("accepted")
	}
}
