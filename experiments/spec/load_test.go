package spec

import (
	"fmt"
	"testing"
)

func TestTry(t *testing.T) {
	for _, n := range []string{"base", "paper", "smoke", "nightly", "gpu-proxy", "tiny-base"} {
		s, err := Load(n, nil)
		if err != nil {
			t.Errorf("%s:\n%v", n, err)
			continue
		}
		fmt.Println(s.RunName(), len(s.Arms), s.Seeds.Values, s.Analysis.Baselines)
	}
}
