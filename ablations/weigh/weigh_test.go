package weigh

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"hardneg/ablations/pair"
	"hardneg/fixtures/seed"

	"github.com/google/go-cmp/cmp"
)

func pairs(n int) []pair.Pair {
	k := seed.Derive(7, "weigh-test")
	ps := make([]pair.Pair, n)
	for i := range ps {
		ps[i] = pair.Pair{
			ID: fmt.Sprint("p", i), PromptID: fmt.Sprint("q", i/3),
			Wrejected: k.Float(uint64(4 * i)), Wchosen: k.Float(uint64(4*i+1)) / 2,
			Absurdity: math.Round(k.Float(uint64(4*i+2))*4) / 4, Closeness: k.Float(uint64(4*i + 3)),
		}
	}
	return ps
}

func settings(scores string) Settings {
	return Settings{Scores: scores, Coef: Presets()["paper"], Clip: [2]float64{.2, 5}, Sigma: 1, Within: "all"}
}

func weights(ps []pair.Pair) []float64 {
	var w []float64
	for _, p := range ps {
		w = append(w, p.Weight)
	}
	return w
}

func apply(t *testing.T, s Settings) []float64 {
	t.Helper()
	ps := pairs(200)
	st, err := Apply(ps, s, 42)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(st.Mean-1) > 1e-12 {
		t.Errorf("%s: mean %v, want 1 to 1e-12", s.Scores, st.Mean)
	}
	return weights(ps)
}

func TestEverySchemeHasMeanOneInBounds(t *testing.T) {
	for _, s := range []string{"verifier", "uniform", "shuffled", "random", "noisy", "inverted"} {
		for name, c := range Presets() {
			set := settings(s)
			set.Coef = c
			for _, w := range apply(t, set) {
				if w < .2-1e-15 || w > 5+1e-15 {
					t.Fatalf("%s/%s: weight %v outside [0.2, 5]", s, name, w)
				}
			}
		}
	}
}

func TestShuffledKeepsTheMultiset(t *testing.T) {
	a, b := apply(t, settings("verifier")), apply(t, settings("shuffled"))
	if cmp.Equal(a, b) {
		t.Error("shuffled weights stand where they stood")
	}
	slices.Sort(a)
	slices.Sort(b)
	if d := cmp.Diff(a, b); d != "" {
		t.Error("the multiset changed", d)
	}
}

func TestUniformIsExactlyOne(t *testing.T) {
	set := settings("verifier")
	set.Coef = Coef{}
	for _, s := range []Settings{settings("uniform"), set} {
		for _, w := range apply(t, s) {
			if w != 1 {
				t.Fatalf("weight %v, want exactly 1", w)
			}
		}
	}
}

func TestRanksAreInvariantToMonotoneRecalibration(t *testing.T) {
	a := pairs(100)
	b := pairs(100)
	for i := range b {
		b[i].Wrejected = math.Pow(b[i].Wrejected, 3)
	}
	for _, ps := range [][]pair.Pair{a, b} {
		if _, err := Apply(ps, settings("verifier"), 1); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(weights(a), weights(b)); d != "" {
		t.Error(d)
	}
}

func TestOrderOfPairsChangesNoWeight(t *testing.T) {
	for _, s := range []string{"verifier", "random", "noisy"} {
		a, b := pairs(50), pairs(50)
		slices.Reverse(b)
		if _, err := Apply(a, settings(s), 9); err != nil {
			t.Fatal(err)
		}
		if _, err := Apply(b, settings(s), 9); err != nil {
			t.Fatal(err)
		}
		slices.Reverse(b)
		for i := range a {
			if math.Abs(a[i].Weight-b[i].Weight) > 1e-12 {
				t.Fatalf("%s: pair %d %v and %v", s, i, a[i].Weight, b[i].Weight)
			}
		}
	}
}

func TestInvertedReverses(t *testing.T) {
	a, b := apply(t, settings("verifier")), apply(t, settings("inverted"))
	hi := slices.Index(a, slices.Max(a))
	if b[hi] != slices.Min(b) {
		t.Errorf("the heaviest pair has %v inverted, want the least, %v", b[hi], slices.Min(b))
	}
}

func TestBadClip(t *testing.T) {
	s := settings("verifier")
	s.Clip = [2]float64{1.5, 5}
	if _, err := Apply(pairs(3), s, 1); err == nil {
		t.Error("a clip that excludes 1 was accepted")
	}
}
