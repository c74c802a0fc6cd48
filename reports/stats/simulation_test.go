package stats

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"testing"

	"hardneg/fixtures/seed"
)

// The simulated world: outcome ~ Bernoulli(logistic(μ + problem + arm×problem
// + run)), problem sd 2 logits, accuracy 60 %, six arms of which two are
// compared. Under the null all arms have the same expected accuracy over new
// seeds and problems.
const (
	simArms      = 6
	simItems     = 1319
	simAccuracy  = 0.6
	simProblemSD = 2.0
)

// simSetting is one cell of the table.
type simSetting struct {
	seeds     int
	runPoints float64 // sd of the true accuracy from run to run, in points
	armItemSD float64 // logits
	wild      float64 // how many times as variable the first arm's runs are
}

func (s simSetting) String() string {
	return fmt.Sprintf("S=%d, run sd %.1f points, arm×problem sd %.0f, first arm ×%.0f", s.seeds, s.runPoints, s.armItemSD, s.wild)
}

// simWorld holds what a setting implies in logits.
type simWorld struct {
	simSetting
	runSD float64
	mu    [2]float64 // of the wild arm and of the others
}

func newSimWorld(s simSetting) simWorld {
	w := simWorld{simSetting: s}
	base := math.Hypot(simProblemSD, s.armItemSD)
	slope := (logisticNormal(solveMu(base)+.01, base) - logisticNormal(solveMu(base)-.01, base)) / .02
	w.runSD = s.runPoints / 100 / slope
	w.mu = [2]float64{solveMu(math.Hypot(base, s.wild*w.runSD)), solveMu(math.Hypot(base, w.runSD))}
	return w
}

// logisticNormal is E logistic(μ + sd·Z).
func logisticNormal(mu, sd float64) float64 {
	total, weight := 0.0, 0.0
	for z := -8.0; z <= 8; z += .01 {
		d := math.Exp(-z * z / 2)
		total += d / (1 + math.Exp(-mu-sd*z))
		weight += d
	}
	return total / weight
}

func solveMu(sd float64) float64 {
	lo, hi := -5.0, 5.0
	for hi-lo > 1e-10 {
		if m := (lo + hi) / 2; logisticNormal(m, sd) < simAccuracy {
			lo = m
		} else {
			hi = m
		}
	}
	return lo
}

// draw makes one experiment.
func (w simWorld) draw(key seed.Key, arms map[string]Trials) {
	problems := key.Sub(0)
	for a := range simArms {
		rows := arms["a"+strconv.Itoa(a)]
		own := key.Sub(1).Sub(uint64(a))
		mu, runSD := w.mu[1], w.runSD
		if a == 0 {
			mu, runSD = w.mu[0], w.runSD*w.wild
		}
		base := make([]float64, simItems)
		for i := range base {
			base[i] = mu + simProblemSD*problems.Normal(uint64(i))
			if w.armItemSD > 0 {
				base[i] += w.armItemSD * own.Normal(uint64(i))
			}
		}
		for s := range rows {
			k := key.Sub(2).Sub(uint64(a)).Sub(uint64(s))
			run := runSD * k.Normal(1<<40)
			for i := range rows[s] {
				rows[s][i] = 0
				if k.Float(uint64(i)) < 1/(1+math.Exp(-base[i]-run)) {
					rows[s][i] = 1
				}
			}
		}
	}
}

// simCounts are the results of many experiments.
type simCounts struct{ rejected, rejectedProblems, covered, n int }

func (w simWorld) run(n int) (c simCounts, err error) {
	arms, pool := map[string]Trials{}, []string{}
	for a := range simArms {
		name := "a" + strconv.Itoa(a)
		pool = append(pool, name)
		arms[name] = make(Trials, w.seeds)
		for s := range arms[name] {
			arms[name][s] = make([]float64, simItems)
		}
	}
	q := Crossed{Arms: arms, Contrast: map[string]float64{"a0": 1, "a1": -1}, Pool: pool}
	for k := range n {
		w.draw(seed.Derive(20251219, "simulation", w.String(), k), arms)
		r, err := q.RunScopes(ScopeBoth, ScopeProblems)
		if err != nil {
			return c, err
		}
		a, err := Accuracy(arms["a0"], nil, DefaultLevel)
		if err != nil {
			return c, err
		}
		c.n++
		if r[0].P < DefaultAlpha {
			c.rejected++
		}
		if r[1].P < DefaultAlpha {
			c.rejectedProblems++
		}
		if a.Lo <= simAccuracy && simAccuracy <= a.Hi {
			c.covered++
		}
	}
	return c, nil
}

// bound is the count of n that a true rate exceeds with probability 1e-5.
func bound(rate float64, n int) float64 {
	return rate*float64(n) + 4.3*math.Sqrt(rate*(1-rate)*float64(n))
}

// TestSimulation holds the claims of issue 6: false positives of the primary
// test at most 6 %, coverage of one arm's interval at least 94 %. The short
// form looks at three settings; HARDNEG_SIMULATION=4000 runs that many
// experiments in each of 21 and prints the table that experiments/LOG.md keeps.
func TestSimulation(t *testing.T) {
	n, settings := 250, []simSetting{{3, 1, 1, 1}, {5, .5, 1, 1}, {3, 1, 0, 3}}
	if v := os.Getenv("HARDNEG_SIMULATION"); v != "" {
		var err error
		if n, err = strconv.Atoi(v); err != nil || n < 1 {
			t.Fatalf("HARDNEG_SIMULATION=%q is no number of experiments", v)
		}
		settings = nil
		for _, s := range []int{3, 5, 10} {
			for _, run := range []float64{0, .5, 1} {
				settings = append(settings, simSetting{s, run, 0, 1}, simSetting{s, run, 1, 1})
			}
			settings = append(settings, simSetting{s, .5, 1, 3})
		}
	}
	for _, s := range settings {
		c, err := newSimWorld(s).run(n)
		if err != nil {
			t.Fatal(err)
		}
		rate := func(k int) float64 { return 100 * float64(k) / float64(c.n) }
		t.Logf("%-60s size %4.1f %%, over problems alone %4.1f %%, coverage %4.1f %%", s, rate(c.rejected), rate(c.rejectedProblems), rate(c.covered))
		if float64(c.rejected) > bound(.06, n) {
			t.Errorf("%v: %d of %d null experiments rejected", s, c.rejected, n)
		}
		if float64(n-c.covered) > bound(.06, n) {
			t.Errorf("%v: %d of %d intervals cover the truth", s, c.covered, n)
		}
		if s.runPoints == 1 && s.armItemSD == 0 && float64(c.rejectedProblems) <= bound(.06, n) {
			t.Errorf("%v: the test over problems alone keeps its size (%d of %d): the simulation cannot tell a bad test", s, c.rejectedProblems, n)
		}
	}
}
