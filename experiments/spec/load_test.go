package spec

import (
	"strings"
	"testing"
)

func names() []string { return []string{"base", "paper", "smoke", "nightly", "gpu-proxy", "tiny-base"} }

func mustLoad(t testing.TB, name string, sets ...string) *Spec {
	t.Helper()
	s, err := Load(name, sets)
	if err != nil {
		t.Fatalf("%s:\n%v", name, err)
	}
	return s
}

// TestPrintedSpecIsTheSame: the resolved form is a spec again, of the same hash.
func TestPrintedSpecIsTheSame(t *testing.T) {
	for _, name := range names() {
		for _, origins := range []bool{false, true} {
			s := mustLoad(t, name, "stages.weight.clip=[0.1, 4]", "analysis.pool=none", `about="a: b # c"`)
			var b strings.Builder
			if err := s.WriteYAML(&b, origins); err != nil {
				t.Fatal(err)
			}
			again, err := Parse("printed.yaml", b.String(), nil)
			if err != nil {
				t.Fatalf("%s printed:\n%v\n%s", name, err, b.String())
			}
			if s.Hash() != again.Hash() {
				t.Errorf("%s: printed and read again it has another hash:\n%s", name, b.String())
			}
			if a, b := s.OnDevice("cuda:x"), again.OnDevice("cuda:x"); a.Hash() != b.Hash() {
				t.Errorf("%s: printed and read again it differs on a GPU", name)
			}
		}
	}
}
