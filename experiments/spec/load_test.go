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

// TestOwnFileIsCutOnlyWhereItIsShared: a jsonl file that one role alone reads is
// read whole, and stays so when the resolved spec is read again.
func TestOwnFileIsCutOnlyWhereItIsShared(t *testing.T) {
	for data, want := range map[string]string{
		"pool: {source: jsonl, path: own.jsonl}":                                                 "",
		"pool: {source: jsonl, path: own.jsonl, split: pool}":                                    "pool",
		"pool: {source: jsonl, path: own.jsonl}, sft: {source: jsonl, path: ./own.jsonl}":        "pool",
		"pool: {source: jsonl, path: own.jsonl}, sft: {source: jsonl, path: other.jsonl}":        "",
		"pool: {source: jsonl, path: someone/rows}":                                              "pool", // of the Hub: its files have splits
		"pool: {source: gsm8k, path: own.jsonl}":                                                 "pool",
		"pool: {source: jsonl, path: own.jsonl.gz}, valid: {source: jsonl, path: own.jsonl.gz }": "pool",
	} {
		s, err := Parse("own.yaml", "spec: 1\nname: own\nmodel: {base: m}\ndata: {"+data+"}\n", nil)
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		again, err := Kept(s.Keep())
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if s.Data.Pool.Split != want || again.Data.Pool.Split != want {
			t.Errorf("%s: split %q, read again %q, want %q", data, s.Data.Pool.Split, again.Data.Pool.Split, want)
		}
	}
}
