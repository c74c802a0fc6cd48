package finding

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"hardneg/fixtures/seed"
	"hardneg/reports/result"
)

// probes adds probe samples: problems × samples, half scored and half counted.
func probes(s *result.Set, problems, samples int) {
	for _, sd := range s.Seeds {
		key := seed.Derive(uint64(sd), "probe")
		p := result.Probe{Seed: sd, Data: "probe", Solutions: &result.Solutions{}}
		correct := []byte{}
		for i := range problems {
			p.Problems = append(p.Problems, "p"+string(rune('a'+i%26))+string(rune('a'+i/26%26))+string(rune('a'+i/676)))
			ease := key.Float(uint64(4 * i))
			w := (1-ease)/2 + key.Float(uint64(4*i+1))/2
			p.WProc, p.WNone = append(p.WProc, result.Num(w)), append(p.WNone, result.Num(w*.8+.1))
			p.Absurdity = append(p.Absurdity, result.Num(key.Float(uint64(4*i+2))))
			p.Pass, p.Scored, p.Others = append(p.Pass, result.Num(ease)), append(p.Scored, samples/2), append(p.Others, samples/2)
			for j := range samples {
				k := key.Sub(uint64(i)).Sub(uint64(j))
				p.Solutions.Problem = append(p.Solutions.Problem, i)
				p.Solutions.WProc = append(p.Solutions.WProc, result.Num(w+.1*k.Float(0)))
				p.Solutions.WNone = append(p.Solutions.WNone, result.Num(w+.1*k.Float(1)))
				p.Solutions.Absurdity = append(p.Solutions.Absurdity, result.Num(k.Float(2)))
				mark := byte('0')
				if k.Float(3) < ease {
					mark = '1'
				}
				correct = append(correct, mark)
			}
		}
		p.Solutions.Correct = string(correct)
		s.Probe = append(s.Probe, p)
	}
}

// large is 10 arms × 10 seeds × 6,319 problems with 500 probe problems × 8
// samples a seed.
func large() *result.Set {
	s := ten(10, 1319, 5000).set()
	probes(s, 500, 8)
	return s
}

// TestFindingsOfALargeRunAreQuick holds the budget of issue 6: 2 s without the
// bootstrap on one core, 300 MiB.
func TestFindingsOfALargeRunAreQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("a timing; run without -short")
	}
	s, d := large(), design()
	d.Correlations = []string{"wrongness", "absurdity"}
	start := cpuTime(t)
	from(t, d, s)
	if took := cpuTime(t) - start; took > 2*time.Second {
		t.Errorf("all findings took %v of processor time, at most 2 s allowed", took)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if mib := m.Sys >> 20; mib > 300 {
		t.Errorf("%d MiB taken from the system, at most 300 allowed", mib)
	}
}

// cpuTime of this process: the machine may be busy with other things.
func cpuTime(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Skipf("no processor time on this system (Linux has it): %v", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkFindings: run with -cpu 1. The bootstrap case is the 20 s budget.
func BenchmarkFindings(b *testing.B) {
	s := large()
	for _, c := range []struct {
		name      string
		resamples int
	}{{"analytic", 0}, {"bootstrap", 2000}} {
		b.Run(c.name, func(b *testing.B) {
			d := design()
			d.Correlations, d.Resamples = []string{"wrongness", "absurdity"}, c.resamples
			for b.Loop() {
				from(b, d, s)
			}
		})
	}
}
