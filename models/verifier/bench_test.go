package verifier

import "testing"

// benchRows are GSM8K-sized solutions: the shared ones where they are, else
// generated ones.
func benchRows(b *testing.B) []Input {
	ex, err := Synthetic(200, 3)
	if err != nil {
		b.Fatal(err)
	}
	var in []Input
	for _, e := range ex {
		in = append(in, e.Input)
	}
	return in
}

func benchScore(b *testing.B, name string, in []Input) {
	v, err := Load(name)
	if err != nil {
		b.Fatal(err)
	}
	bytes := 0
	for _, x := range in {
		bytes += len(x.Question) + len(x.Solution)
		for _, s := range x.Steps {
			bytes += len(s)
		}
	}
	b.SetBytes(int64(bytes / len(in)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		v.Score(in[n%len(in)], None)
		n++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "solutions/s")
}

func BenchmarkRules(b *testing.B)   { benchScore(b, "rules", benchRows(b)) }
func BenchmarkBuiltin(b *testing.B) { benchScore(b, "builtin", benchRows(b)) }

func BenchmarkGSM8K(b *testing.B) {
	var in []Input
	for _, r := range gsmTrain(b)[:2000] {
		in = append(in, Input{Question: r.Question, Solution: r.Answer})
	}
	b.Run("rules", func(b *testing.B) { benchScore(b, "rules", in) })
	b.Run("builtin", func(b *testing.B) { benchScore(b, "builtin", in) })
}
