package spec

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestKeptSpecIsTheSame(t *testing.T) {
	for _, name := range []string{"smoke", "paper", "nightly", "tiny-base"} {
		s, err := Load(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		k, err := Kept(a)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b, err := json.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(a), string(b)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if s.Hash() != k.Hash() {
			t.Errorf("%s: hash %s became %s", name, s.Hash(), k.Hash())
		}
	}
}

func TestSetsThatACommandLineCut(t *testing.T) {
	got := whole([]string{"a=1", "seeds.values=[1", "2]", "x={a: [1", "2]", "b: 3}", "c=2"})
	want := []string{"a=1", "seeds.values=[1,2]", "x={a: [1,2],b: 3}", "c=2"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
