package answer

import (
	"math"
	"testing"
	"time"
)

// FuzzEqual looks for panics, slow pairs, verdicts out of range, and answers
// that differ from themselves.
func FuzzEqual(f *testing.F) {
	for _, p := range benchPairs() {
		f.Add(p[0], p[1])
	}
	for _, s := range hostile() {
		if len(s) < 5000 {
			f.Add(s, `\frac{x+1}{2}`)
		}
	}
	for _, m := range makePairs(3, 4) {
		f.Add(m.gold, m.cand)
	}
	f.Fuzz(func(t *testing.T, gold, candidate string) {
		start := time.Now()
		v := Equal(gold, candidate)
		if d := time.Since(start); d > 2*time.Second {
			t.Fatalf("Equal(%q, %q) took %v", gold, candidate, d)
		}
		if math.IsNaN(v.Closeness) || v.Closeness < 0 || v.Closeness > 1 || v.Equal != (v.Relation == "equal") {
			t.Fatalf("Equal(%q, %q) = %+v", gold, candidate, v)
		}
		if w := Equal(gold, candidate); w != v {
			t.Fatalf("Equal(%q, %q) is not a function: %+v, %+v", gold, candidate, v, w)
		}
		if tidy(gold) != "" && !Equal(gold, gold).Equal {
			t.Fatalf("%q differs from itself", gold)
		}
	})
}

// FuzzExtract looks for panics, empty answers and strict answers that the
// flexible rules would not give.
func FuzzExtract(f *testing.F) {
	for _, s := range hostile() {
		if len(s) < 5000 {
			f.Add(s)
		}
	}
	for _, m := range makePairs(4, 4) {
		f.Add(m.cand)
	}
	f.Fuzz(func(t *testing.T, response string) {
		text, rule, ok := Extract(response, false)
		if ok != (rule != "") || ok && text == "" {
			t.Fatalf("Extract(%q) = %q, %q, %v", response, text, rule, ok)
		}
		if s, r, ok := Extract(response, true); ok && (s != text || r != rule) {
			t.Fatalf("strict %q by %q, flexible %q by %q", s, r, text, rule)
		}
		Equal("42", text)
	})
}
