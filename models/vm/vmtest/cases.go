package vmtest

import (
	"math"

	"hardneg/models/graph"
	"hardneg/models/vm"
)

// Sizes of the small cases: live and capacity.
const (
	rows, rowCap = 37, 45
	dim, ffn     = 24, 20
	vocab        = 31
	picks, pickN = 23, 29
)

func one(f forward) func([]operand) [][]float64 {
	return func(in []operand) [][]float64 { return [][]float64{f(in)} }
}

// testHeads has grouped queries and rotary angles of base 1e4.
func testHeads() graph.Heads {
	h := graph.Heads{Q: 4, KV: 2, Dim: 6, Rotary: &graph.Rotary{Scale: 1}}
	for i := range h.Dim / 2 {
		h.Rotary.Inv = append(h.Rotary.Inv, float32(math.Pow(1e4, -float64(2*i)/float64(h.Dim))))
	}
	return h
}

// segments: a lone sequence, a parent with two followers of which one is empty,
// a parent with one, and a sequence of one row; unused capacity repeats.
func segments() (segs, parent operand, n int) {
	return ints(0, 9, 16, 16, 21, 30, 36, 37, 0, 0), ints(-1, -1, 1, 1, -1, 4, -1, 0, 0), 7
}

func calls() []call {
	d := draw{7}
	live := vm.Live{Tokens: rows, Picks: picks}
	x, w := d.mat("x", 1, rowCap, dim), d.mat("w", 0.5, vocab, dim)
	gain, dy := d.mat("gain", 1, dim), d.mat("dy", 1, rowCap, dim)
	norm := graph.Norm{Eps: 1e-6}
	tok := d.ids("tok", rowCap, vocab)
	gu, dgu := d.mat("gu", 2, rowCap, 2*ffn), d.mat("dgu", 1, rowCap, ffn)
	emb, nrm, swi := embedTwin(rows, dim), normTwin(rows, dim, norm.Eps), swigluTwin(rows, ffn)
	op := func(k graph.Kind, attr any) *graph.Op { return &graph.Op{Kind: k, Attr: attr} }
	cs := []call{
		{name: "embed", op: op(graph.KindEmbed, nil), in: []operand{tok, w}, out: []graph.Shape{x.shape}, liveN: []int{rows * dim}, live: live, want: one(emb)},
		{name: "embed-grad", op: op(graph.KindEmbedGrad, nil), in: []operand{tok, dy, w}, out: []graph.Shape{w.shape}, liveN: []int{vocab * dim}, live: live, adds: 1,
			want: func(in []operand) [][]float64 {
				return [][]float64{vjp(emb, []operand{in[0], in[2]}, 1, vocab*dim, in[1].f)}
			}},
		{name: "rmsnorm", op: op(graph.KindRMSNorm, norm), in: []operand{x, gain}, out: []graph.Shape{x.shape}, liveN: []int{rows * dim}, live: live, want: one(nrm)},
		{name: "rmsnorm-dx", op: op(graph.KindRMSNormDx, norm), in: []operand{x, gain, dy}, out: []graph.Shape{x.shape}, liveN: []int{rows * dim}, live: live, adds: 1,
			want: func(in []operand) [][]float64 { return [][]float64{vjp(nrm, in[:2], 0, rows*dim, in[2].f)} }},
		{name: "rmsnorm-dg", op: op(graph.KindRMSNormDg, norm), in: []operand{x, dy}, out: []graph.Shape{gain.shape}, liveN: []int{dim}, live: live, adds: 1,
			want: func(in []operand) [][]float64 {
				return [][]float64{vjp(nrm, []operand{in[0], gain}, 1, dim, in[1].f)}
			}},
		{name: "swiglu", op: op(graph.KindSwiGLU, nil), in: []operand{gu}, out: []graph.Shape{dgu.shape}, liveN: []int{rows * ffn}, live: live, want: one(swi)},
		{name: "swiglu-grad", op: op(graph.KindSwiGLUGrad, nil), in: []operand{gu, dgu}, out: []graph.Shape{gu.shape}, liveN: []int{2 * rows * ffn}, live: live,
			want: func(in []operand) [][]float64 { return [][]float64{vjp(swi, in[:1], 0, 2*rows*ffn, in[1].f)} }},
		{name: "colsum", op: op(graph.KindColSum, nil), in: []operand{x}, out: []graph.Shape{gain.shape}, liveN: []int{dim}, live: live, adds: 1,
			want: func(in []operand) [][]float64 {
				ones := operand{f: make([]float64, dim)}
				add := func(in []operand) []float64 { // x + b has gradient colsum by b
					y := append([]float64(nil), in[0].f...)
					for i := range y {
						y[i] += in[1].f[i%dim]
					}
					return y[:rows*dim]
				}
				return [][]float64{vjp(add, []operand{x, ones}, 1, dim, in[0].f)}
			}},
		{name: "add", op: op(graph.KindAdd, nil), in: []operand{x, dy}, out: []graph.Shape{x.shape}, liveN: []int{rowCap * dim}, live: live, adds: 1,
			want: func(in []operand) [][]float64 {
				y := append([]float64(nil), in[0].f...)
				for i := range y {
					y[i] += in[1].f[i]
				}
				return [][]float64{y}
			}},
	}
	cs = append(cs, linearCases(d)...)
	cs = append(cs, attentionCases(d)...)
	cs = append(cs, headCases(d)...)
	cs = append(cs, lowRankCases(d)...)
	return append(cs, optimCases(d)...)
}

// linearCases are large enough for every edge of a tiled GEMM; their twins are
// the sums that define them.
func linearCases(d draw) []call {
	const t, tc, k, n = 150, 160, 261, 67
	live := vm.Live{Tokens: t}
	x, w, res, dy := d.mat("lx", 1, tc, k), d.mat("lw", 1, n, k), d.mat("lr", 1, tc, n), d.mat("ldy", 1, tc, n)
	op := func(k graph.Kind) *graph.Op { return &graph.Op{Kind: k} }
	product := func(m, n, k int, a, b func(i, p int) float64) []float64 {
		y := make([]float64, m*n)
		for i := range m {
			for j := range n {
				for p := range k {
					y[i*n+j] += a(i, p) * b(p, j)
				}
			}
		}
		return y
	}
	return []call{
		{name: "linear", op: op(graph.KindLinear), in: []operand{x, w}, out: []graph.Shape{res.shape}, liveN: []int{t * n}, live: live, want: one(linearTwin(t, k, n)), adds: 1},
		{name: "linear+residual", op: op(graph.KindLinear), in: []operand{x, w, res}, out: []graph.Shape{res.shape}, liveN: []int{t * n}, live: live, want: one(linearTwin(t, k, n)), adds: 1},
		{name: "linear-dx", op: op(graph.KindLinearDx), in: []operand{dy, w}, out: []graph.Shape{x.shape}, liveN: []int{t * k}, live: live, adds: 1,
			want: func(in []operand) [][]float64 {
				return [][]float64{product(t, k, n, func(i, p int) float64 { return in[0].f[i*n+p] }, func(p, j int) float64 { return in[1].f[p*k+j] })}
			}},
		{name: "linear-dw", op: op(graph.KindLinearDw), in: []operand{dy, x}, out: []graph.Shape{w.shape}, liveN: []int{n * k}, live: live, adds: 1,
			want: func(in []operand) [][]float64 {
				return [][]float64{product(n, k, t, func(i, p int) float64 { return in[0].f[p*n+i] }, func(p, j int) float64 { return in[1].f[p*k+j] })}
			}},
	}
}

func attentionCases(d draw) []call {
	h := testHeads()
	segs, parent, n := segments()
	live := vm.Live{Tokens: rows, Segs: n}
	w := h.Width()
	b := d.mat("ab", 0.3, w)
	qkv, do := d.mat("qkv", 1, rowCap, w), d.mat("do", 1, rowCap, h.Q*h.Dim)
	du := d.mat("du", 1, rowCap, w)
	fwd := func(in []operand) []float64 { o, _ := attnTwin(rows, h, in); return o }
	o, lse := attnTwin(rows, h, []operand{qkv, segs, parent})
	pad := func(v []float64, cols int) operand {
		return operand{shape: graph.Shape{rowCap, cols}, f: append(v, make([]float64, (rowCap-rows)*cols)...)}
	}
	op := func(k graph.Kind) *graph.Op { return &graph.Op{Kind: k, Attr: h} }
	return []call{
		{name: "rope", op: op(graph.KindRope), in: []operand{qkv, b, segs, parent}, out: []graph.Shape{qkv.shape}, liveN: []int{rows * w}, live: live, want: one(ropeTwin(rows, h))},
		{name: "rope-inv", op: op(graph.KindRopeInv), in: []operand{du, segs, parent}, out: []graph.Shape{du.shape}, liveN: []int{rows * w}, live: live,
			want: func(in []operand) [][]float64 {
				return [][]float64{vjp(ropeTwin(rows, h), []operand{qkv, b, in[1], in[2]}, 0, rows*w, in[0].f)}
			}},
		{name: "attn", op: op(graph.KindAttn), in: []operand{qkv, segs, parent}, out: []graph.Shape{do.shape, {rowCap, h.Q}}, liveN: []int{rows * h.Q * h.Dim, rows * h.Q}, live: live,
			want: func(in []operand) [][]float64 { o, l := attnTwin(rows, h, in); return [][]float64{o, l} }},
		{name: "attn-grad", op: op(graph.KindAttnGrad), in: []operand{qkv, segs, parent, pad(o, h.Q*h.Dim), pad(lse, h.Q), do},
			out: []graph.Shape{qkv.shape}, liveN: []int{rows * w}, live: live,
			want: func(in []operand) [][]float64 { return [][]float64{vjp(fwd, in[:3], 0, rows*w, in[5].f)} }},
		longAttention(d, h),
	}
}

// longAttention has a sequence longer than any block of queries.
func longAttention(d draw, h graph.Heads) call {
	const t = 150
	qkv := d.mat("long", 1, t, h.Width())
	return call{name: "attn-long", op: &graph.Op{Kind: graph.KindAttn, Attr: h}, in: []operand{qkv, ints(0, 20, t), ints(-1, 0)},
		out: []graph.Shape{{t, h.Q * h.Dim}, {t, h.Q}}, liveN: []int{t * h.Q * h.Dim, t * h.Q}, live: vm.Live{Tokens: t, Segs: 2},
		want: func(in []operand) [][]float64 { o, l := attnTwin(t, h, in); return [][]float64{o, l} }}
}

func headCases(d draw) []call {
	live := vm.Live{Tokens: rows, Picks: picks, Seqs: 3}
	h, w := d.mat("hh", 1, rowCap, dim), d.mat("hw", 0.5, vocab, dim)
	which, ids, dl := d.ids("hrows", pickN, rows), d.ids("hids", pickN, vocab), d.mat("dl", 1, pickN)
	which.i[3] = which.i[2] // a row picked twice
	fwd := func(in []operand) []float64 { p, _, _ := logProbTwin(picks, dim, vocab, in); return p }
	_, lse, _ := logProbTwin(picks, dim, vocab, []operand{h, w, which, ids})
	ls := operand{shape: graph.Shape{pickN}, f: append(lse, make([]float64, pickN-picks)...)}
	logp, bounds, dsum := d.mat("logp", 1, pickN), ints(0, 5, 5, picks, 0), d.mat("dsum", 1, 4)
	sum := func(in []operand) []float64 {
		s := make([]float64, 3)
		for q := range s {
			for i := in[1].i[q]; i < in[1].i[q+1]; i++ {
				s[q] += in[0].f[i]
			}
		}
		return s
	}
	op := func(k graph.Kind) *graph.Op { return &graph.Op{Kind: k} }
	return []call{
		{name: "logprob", op: op(graph.KindLogProb), in: []operand{h, w, which, ids}, out: []graph.Shape{{pickN}, {pickN}, {pickN}}, liveN: []int{picks, picks, picks}, live: live,
			want: func(in []operand) [][]float64 {
				p, l, e := logProbTwin(picks, dim, vocab, in)
				return [][]float64{p, l, e}
			}},
		{name: "logprob-grad", op: op(graph.KindLogProbGrad), in: []operand{h, w, which, ids, ls, dl}, out: []graph.Shape{h.shape, w.shape},
			liveN: []int{rows * dim, vocab * dim}, live: live, adds: 2,
			want: func(in []operand) [][]float64 {
				return [][]float64{vjp(fwd, in[:4], 0, rows*dim, in[5].f), vjp(fwd, in[:4], 1, vocab*dim, in[5].f)}
			}},
		{name: "seqsum", op: op(graph.KindSeqSum), in: []operand{logp, bounds}, out: []graph.Shape{{4}}, liveN: []int{3}, live: live, want: one(sum)},
		{name: "seqsum-grad", op: op(graph.KindSeqSumGrad), in: []operand{dsum, bounds, logp}, out: []graph.Shape{{pickN}}, liveN: []int{picks}, live: live,
			want: func(in []operand) [][]float64 {
				return [][]float64{vjp(sum, []operand{logp, in[1]}, 0, picks, in[0].f)}
			}},
	}
}

func optimCases(d draw) []call {
	const n = 40001
	p, g, m, v := d.mat("p", 1, n), d.mat("g", 1, n), d.mat("m", 0.1, n), d.mat("v", 1, n)
	for i := range v.f {
		v.f[i] = v.f[i] * v.f[i]
	}
	a := &graph.AdamW{LR: 1e-2, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, Decay: 0.1, Scale: 0.5, Bias1: 0.19, Bias2: 0.0975}
	s := graph.Shape{n}
	return []call{
		{name: "sum-squares", op: &graph.Op{Kind: graph.KindSumSquares}, in: []operand{p}, out: []graph.Shape{{1}}, liveN: []int{1},
			want: func(in []operand) [][]float64 {
				var t float64
				for _, x := range in[0].f {
					t += x * x
				}
				return [][]float64{{t}}
			}},
		{name: "adamw", op: &graph.Op{Kind: graph.KindAdamW, Attr: a}, in: []operand{p, g, m, v}, out: []graph.Shape{s, s, s, s},
			liveN: []int{n, n, n, n}, inPlace: true, want: func(in []operand) [][]float64 { return adamTwin(in, a) }},
	}
}

// lowRankCases adapt two of three layers that share an input.
func lowRankCases(d draw) []call {
	const n, r = 30, 4
	a := graph.LowRankAttr{Rank: r, Scale: 1.5, Blocks: &[]graph.Block{{Lo: 0, Hi: 12, At: 0, Index: 0}, {Lo: 20, Hi: 30, At: 12, Index: 1}}}
	live := vm.Live{Tokens: rows}
	base, u, b, dy := d.mat("base", 1, rowCap, n), d.mat("u", 1, rowCap, 2*r), d.mat("b", 1, 22, r), d.mat("lrdy", 1, rowCap, n)
	f := func(in []operand) []float64 {
		y := append([]float64(nil), in[0].f[:rows*n]...)
		for i := range rows {
			for _, q := range *a.Blocks {
				for o := q.Lo; o < q.Hi; o++ {
					for j := range r {
						y[i*n+o] += a.Scale * in[1].f[i*2*r+q.Index*r+j] * in[2].f[(q.At+o-q.Lo)*r+j]
					}
				}
			}
		}
		return y
	}
	op := func(k graph.Kind) *graph.Op { return &graph.Op{Kind: k, Attr: a} }
	return []call{
		{name: "lowrank", op: op(graph.KindLowRank), in: []operand{base, u, b}, out: []graph.Shape{base.shape}, liveN: []int{rows * n}, live: live, want: one(f)},
		{name: "lowrank-du", op: op(graph.KindLowRankDu), in: []operand{dy, b, u}, out: []graph.Shape{u.shape}, liveN: []int{rows * 2 * r}, live: live,
			want: func(in []operand) [][]float64 {
				return [][]float64{vjp(f, []operand{base, u, b}, 1, rows*2*r, in[0].f)}
			}},
		{name: "lowrank-db", op: op(graph.KindLowRankDb), in: []operand{dy, u, b}, out: []graph.Shape{b.shape}, liveN: []int{22 * r}, live: live, adds: 1,
			want: func(in []operand) [][]float64 {
				return [][]float64{vjp(f, []operand{base, u, b}, 2, 22*r, in[0].f)}
			}},
	}
}
