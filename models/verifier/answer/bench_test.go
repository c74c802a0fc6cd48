package answer

import "testing"

// benchPairs are pairs as they come from models: mostly numbers, some LaTeX.
func benchPairs() [][2]string {
	return [][2]string{
		{"18", "18"}, {"70000", "40,000"}, {"540", "$540"}, {"20", "20.00"}, {"3", "3 apples"}, {"1,234", "1234"}, {"-7", "7"}, {"260", "26"},
		{`\frac{3}{4}`, "0.75"}, {`\frac{7}{12}`, `\dfrac{14}{24}`}, {`5\sqrt{3}`, `\sqrt{75}`}, {`\frac{1+\sqrt{5}}{2}`, "1.6180339887"},
		{`\frac{3\pi}{4}`, `\frac34\pi`}, {`x^2+2x+1`, `(x+1)^2`}, {`(-\infty,3)\cup(5,\infty)`, `(5,\infty)\cup(-\infty,3)`}, {`\{1,2,3\}`, `3,2,1`},
		{`\begin{pmatrix}1&2\\3&4\end{pmatrix}`, `\begin{bmatrix} 1 & 2 \\ 3 & 5 \end{bmatrix}`}, {"12 \\text{ cm}", "12"}, {"x > 3", "(3,\\infty)"}, {`\text{(C)}`, "C"},
	}
}

// BenchmarkEqual reports pairs a second over a mix of kinds.
func BenchmarkEqual(b *testing.B) {
	pairs := benchPairs()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p := pairs[i%len(pairs)]
		Equal(p[0], p[1])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pairs/s")
}

// BenchmarkShared is the same over the pairs of the shared data folder, with
// extraction from responses.
func BenchmarkShared(b *testing.B) {
	pairs := rows[pairRow](b, shared(b, "answers/pairs.jsonl"))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		judge(pairs[i%len(pairs)])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pairs/s")
}
