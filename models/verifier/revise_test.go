package verifier

import (
	"math"
	"testing"
)

// An unchanged profile keeps its wrongness; a worse one never gets less wrong.
func TestReviseFollowsTheProfile(t *testing.T) {
	for _, name := range []string{"rules", "builtin"} {
		v, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		s := v.Score(Input{Question: "Ann has 3 pens and buys 4 more. How many pens has she?", Solution: "She has 3+4=<<3+4=8>>8 pens.\n#### 8"}, None)
		proc, none := v.Revise(s.Profile, s.Profile, s.WrongnessNone)
		if math.Abs(proc-s.WrongnessProc) > 1e-9 || math.Abs(none-s.WrongnessNone) > .01 {
			t.Errorf("%s: (%v, %v) became (%v, %v)", name, s.WrongnessProc, s.WrongnessNone, proc, none)
		}
		for d := Sem; d < Ans; d++ {
			worse := s.Profile
			worse[d] = 1
			p, n := v.Revise(s.Profile, worse, s.WrongnessNone)
			if p < proc-1e-12 || n < none-.01 {
				t.Errorf("%s: dimension %d at 1 lowers wrongness to (%v, %v)", name, d, p, n)
			}
		}
	}
}
