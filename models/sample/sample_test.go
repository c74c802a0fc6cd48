package sample

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hardneg/fixtures/seed"
	"hardneg/models/checkpoint"
	"hardneg/models/cpu/gemm"
	"hardneg/models/qwen2"
	"hardneg/models/token"
)

func model(kv int, tied bool) *qwen2.Params { return shaped(4, kv, 12, tied) }

func shaped(heads, kv, dim int, tied bool) *qwen2.Params {
	p := qwen2.NewParams(&checkpoint.Config{Hidden: 48, Layers: 2, Heads: heads, KVHeads: kv, HeadDim: dim, FFN: 40, Vocab: 300,
		MaxPositions: 512, Eps: 1e-6, Tied: tied, DType: "float32", BOS: -1, Rope: checkpoint.Rope{Theta: 1e4, Type: "default"}})
	k := seed.Derive(7, "model")
	p.Init(k, 0.15)
	for i := p.Matrices; i < len(p.Flat); i++ { // norms and biases that matter
		p.Flat[i] += float32(0.3 * k.Normal(uint64(i)))
	}
	return p
}

// reference computes all log-probabilities after the last token in float64,
// by the definition of the network, without a cache.
func reference(p *qwen2.Params, ids []int32) []float64 {
	c := p.Config
	d, q, kvw := c.Hidden, c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	inv, _ := c.Rotary()
	x := make([][]float64, len(ids))
	for i, id := range ids {
		for j := range d {
			x[i] = append(x[i], float64(p.Embed()[int(id)*d+j]))
		}
	}
	norm := func(v []float64, g []float32) []float64 {
		s := 0.0
		for _, a := range v {
			s += a * a
		}
		s = 1 / math.Sqrt(s/float64(len(v))+c.Eps)
		o := make([]float64, len(v))
		for i, a := range v {
			o[i] = a * s * float64(g[i])
		}
		return o
	}
	mul := func(w []float32, v []float64) []float64 {
		o := make([]float64, len(w)/len(v))
		for i := range o {
			for j, a := range v {
				o[i] += float64(w[i*len(v)+j]) * a
			}
		}
		return o
	}
	for l := range c.Layers {
		y := p.Layer(l)
		qkv := make([][]float64, len(ids))
		for i := range ids {
			qkv[i] = mul(y.WQKV, norm(x[i], y.Norm1))
			for j := range qkv[i] {
				qkv[i][j] += float64(y.BQKV[j])
			}
			for h := range c.Heads + c.KVHeads {
				v := qkv[i][h*c.HeadDim:]
				for j, f := range inv {
					sin, cos := math.Sincos(float64(float32(i) * f))
					a, b := v[j], v[j+c.HeadDim/2]
					v[j], v[j+c.HeadDim/2] = a*cos-b*sin, b*cos+a*sin
				}
			}
		}
		for i := range ids {
			att := make([]float64, q)
			for h := range c.Heads {
				kv := h / (c.Heads / c.KVHeads) * c.HeadDim
				w, sum := make([]float64, i+1), 0.0
				for t := range w {
					for j := range c.HeadDim {
						w[t] += qkv[i][h*c.HeadDim+j] * qkv[t][q+kv+j]
					}
					w[t] = math.Exp(w[t] / math.Sqrt(float64(c.HeadDim)))
					sum += w[t]
				}
				for t := range w {
					for j := range c.HeadDim {
						att[h*c.HeadDim+j] += w[t] / sum * qkv[t][q+kvw+kv+j]
					}
				}
			}
			for j, v := range mul(y.WO, att) {
				x[i][j] += v
			}
			gu := mul(y.GateUp, norm(x[i], y.Norm2))
			f := make([]float64, c.FFN)
			for j := range f {
				f[j] = gu[j] / (1 + math.Exp(-gu[j])) * gu[c.FFN+j]
			}
			for j, v := range mul(y.Down, f) {
				x[i][j] += v
			}
		}
	}
	z := mul(p.Head(), norm(x[len(ids)-1], p.Norm()))
	sum := 0.0
	for _, v := range z {
		sum += math.Exp(v)
	}
	for i := range z {
		z[i] -= math.Log(sum)
	}
	return z
}

func prompts(n, samples, longest int) []Prompt {
	k := seed.Derive(3, "prompts")
	var ps []Prompt
	for i := range n {
		p := Prompt{ID: fmt.Sprint("p", i), N: samples}
		for j := range 1 + k.Index(uint64(i), longest) {
			p.Tokens = append(p.Tokens, int32(k.Sub(uint64(i)).Index(uint64(j), 300)))
		}
		ps = append(ps, p)
	}
	return ps
}

func collect(t *testing.T, s *Sampler, ps []Prompt, p Params) [][]Output {
	t.Helper()
	var all [][]Output
	_, err := s.Run(context.Background(), ps, p, func(i int, outs []Output) error {
		if i != len(all) || len(outs) != ps[i].N {
			t.Fatalf("prompt %d with %d samples came as number %d", i, len(outs), len(all))
		}
		all = append(all, outs)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Log-probabilities agree with the definition, token by token, over page
// borders; greedy takes the likeliest token.
func TestAgainstDefinition(t *testing.T) {
	for _, shape := range [][3]int{{4, 1, 12}, {4, 2, 32}, {3, 1, 32}, {2, 2, 64}, {5, 1, 32}} { // heads, key heads, width: with and without kernels of their own
		net := shaped(shape[0], shape[1], shape[2], shape[1] == 2)
		ps := prompts(2, 1, 90)
		ps[1].Tokens = append(ps[1].Tokens, make([]int32, 70)...)
		for _, kernel := range gemm.Kernels() {
			s := newOn(gemm.WithKernel(1, kernel), net, Options{Batch: 3, Threads: 1})
			for _, temp := range []float64{0, 0.9} {
				for i, outs := range collect(t, s, ps, Params{Temperature: temp, MaxNew: 70, LogProbs: true, Key: 5}) {
					if err := againstDefinition(net, ps[i].Tokens, outs[0], temp == 0); err != nil {
						t.Fatalf("%s, shape %v, prompt %d: %v", kernel, shape, i, err)
					}
				}
			}
		}
	}
}

// againstDefinition checks some tokens of a sample.
func againstDefinition(net *qwen2.Params, prompt []int32, o Output, greedy bool) error {
	ids := slices.Clone(prompt)
	for j, id := range o.Tokens {
		if j == 0 || j == 40 || j == 69 {
			z := reference(net, ids)
			if d := math.Abs(z[id] - float64(o.LogProbs[j])); d > 2e-5 {
				return fmt.Errorf("token %d: log-probability %g, want %g", j, o.LogProbs[j], z[id])
			}
			if best := slices.Max(z); greedy && z[id] < best-1e-5 {
				return fmt.Errorf("token %d: greedy took %g, best %g", j, z[id], best)
			}
		}
		ids = append(ids, id)
	}
	return nil
}

// The same bits for any batch size, thread count, order and company.
func TestIndependence(t *testing.T) {
	for _, net := range []*qwen2.Params{model(2, true), shaped(3, 1, 32, false)} {
		independence(t, net, func(o Options) *Sampler { return New(net, o) })
	}
	net := shaped(4, 2, 32, true)
	for _, kernel := range []string{gemm.Kernels()[len(gemm.Kernels())/2], gemm.BF16Kernels()[0]} {
		independence(t, net, func(o Options) *Sampler { return newOn(gemm.WithKernel(1, kernel), net, o) })
	}
}

func independence(t *testing.T, net *qwen2.Params, open func(Options) *Sampler) {
	ps := prompts(11, 3, 80)
	ps[2].Tokens, ps[7].Tokens = ps[2].Tokens[:1], ps[7].Tokens[:1]
	p := Params{Temperature: 0.8, TopP: 0.95, MaxNew: 24, LogProbs: true, Key: 9, StopTokens: []int32{3, 50, 77, 120, 200}}
	want := collect(t, open(Options{Batch: 1, Threads: 1}), ps, p)
	stops := 0
	for _, outs := range want {
		for _, o := range outs {
			if o.Reason == ReasonStop {
				stops++
			}
		}
	}
	if stops == 0 || stops == 33 {
		t.Errorf("%d of 33 samples stopped early: the test needs some", stops)
	}
	for _, o := range []Options{{Batch: 5, Threads: 1}, {Batch: 64, Threads: 1}, {Batch: 7, Threads: 2}, {Batch: 64, Threads: 3}} {
		s := open(o)
		for range 2 { // the second run meets used pages
			if d := cmp.Diff(want, collect(t, s, ps, p)); d != "" {
				t.Fatalf("%+v: %s", o, d)
			}
		}
		rev := slices.Clone(ps)
		slices.Reverse(rev)
		got := collect(t, s, rev, p)
		slices.Reverse(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%+v, reversed: %s", o, d)
		}
	}
	p.Key = 10
	if cmp.Equal(want, collect(t, open(Options{Batch: 8, Threads: 1}), ps, p)) {
		t.Error("another key gives the same samples")
	}
	if cmp.Equal(want[0][0].Tokens, want[0][1].Tokens) {
		t.Error("two samples of a prompt are the same")
	}
}

func TestRunEnds(t *testing.T) {
	net := model(2, true)
	s := New(net, Options{Batch: 4, Threads: 2})
	ps := prompts(6, 2, 20)
	ps[0].N, ps[3].N = 0, 0
	p := Params{MaxNew: 5}
	if all := collect(t, s, ps, p); len(all) != 6 || len(all[0]) != 0 || len(all[1]) != 2 {
		t.Errorf("prompts without samples: %v", all)
	}
	stop := errors.New("enough")
	n := 0
	if _, err := s.Run(context.Background(), ps, p, func(int, []Output) error {
		n++
		if n == 3 {
			return stop
		}
		return nil
	}); !errors.Is(err, stop) || n != 3 {
		t.Errorf("emit's error: %v after %d prompts", err, n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Run(ctx, ps[1:], p, func(int, []Output) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if st, err := s.Run(context.Background(), ps, p, func(int, []Output) error { return nil }); err != nil || st.Samples != 8 || st.NewTokens != 40 {
		t.Errorf("after errors: %+v, %v", st, err)
	}
	gain := net.Norm()[3]
	net.Norm()[3] = float32(math.NaN())
	if o := collect(t, New(net, Options{Batch: 2, Threads: 1}), ps[1:2], p)[0][0]; len(o.Tokens) != 0 || o.Reason != ReasonNotFinite {
		t.Errorf("logits that are no numbers: %+v", o)
	}
	net.Norm()[3] = gain
	net.Config.MaxPositions = 30
	short := New(net, Options{Batch: 1, Threads: 1})
	outs := collect(t, short, []Prompt{{"a", make([]int32, 28), 1}}, p)
	if o := outs[0][0]; len(o.Tokens) != 2 || o.Reason != ReasonLength {
		t.Errorf("end of the model's positions: %+v", o)
	}
	for i, bad := range []struct {
		q Prompt
		p Params
	}{
		{Prompt{"a", nil, 1}, p}, {Prompt{"a", make([]int32, 30), 1}, p}, {Prompt{"a", []int32{300}, 1}, p},
		{Prompt{"a", []int32{1}, 1}, Params{}}, {Prompt{"a", []int32{1}, 1}, Params{MaxNew: 1, Temperature: math.NaN()}},
		{Prompt{"a", []int32{1}, 1}, Params{MaxNew: 1, TopP: 1.5}}, {Prompt{"a", []int32{1}, 1}, Params{MaxNew: 1, Stop: []string{"x"}}},
	} {
		if _, err := short.Run(context.Background(), []Prompt{bad.q}, bad.p, nil); err == nil {
			t.Errorf("case %d accepted", i)
		}
	}
}

func TestStopTexts(t *testing.T) {
	tok, err := token.Train([]string{"the answer is seven and the question is how many there are"}, 290, []string{"<|endoftext|>"})
	if err != nil {
		t.Fatal(err)
	}
	net := model(2, true)
	s := New(net, Options{Batch: 8, Threads: 1, Tokenizer: tok})
	ps := prompts(8, 1, 10)
	p := Params{Temperature: 1.3, MaxNew: 60, Key: 1}
	cut := 0
	for i, outs := range collect(t, s, ps, p) {
		whole := outs[0]
		if whole.Text != tok.DecodeText(whole.Tokens) {
			t.Errorf("prompt %d: text %q", i, whole.Text)
		}
		stop, at, st := "", 0, tok.Stream(true)
		for _, id := range whole.Tokens { // two ASCII bytes, each from a token of its own
			if x := whole.Text; at > 10 && at < len(x) && x[at-1] < 0x80 && x[at] < 0x80 && strings.Index(x, x[at-1:at+1]) == at-1 {
				stop = x[at-1 : at+1]
				break
			}
			at += len(st.Push(id))
		}
		if stop == "" {
			continue
		}
		p.Stop = []string{"no such text", stop}
		o := collect(t, s, ps[i:i+1], p)[0][0]
		p.Stop = nil
		cut++
		if want := whole.Text[:strings.Index(whole.Text, stop)]; o.Text != want || o.Reason != ReasonStop {
			t.Errorf("prompt %d: %q (%s), want %q", i, o.Text, o.Reason, want)
		}
		if !slices.Equal(o.Tokens, whole.Tokens[:len(o.Tokens)]) || !strings.Contains(tok.DecodeText(o.Tokens), stop) {
			t.Errorf("prompt %d: tokens do not lead to the stop", i)
		}
	}
	if cut == 0 {
		t.Error("no sample was long enough to be cut")
	}
}

// The share of each token follows the softmax; truncation keeps what it should.
func TestDraw(t *testing.T) {
	z := []float32{1, 3, 2, -1, 0, 2}
	var d drawer
	shares := func(p Params) []float64 {
		n, k := 20000, seed.Derive(1, "draw")
		s := make([]float64, len(z))
		for i := range n {
			id, _ := d.next(z, &p, k.Float(uint64(i)))
			s[id] += 1 / float64(n)
		}
		return s
	}
	soft := func(temp float64, keep ...int) []float64 {
		s, sum := make([]float64, len(z)), 0.0
		for _, i := range keep {
			s[i] = math.Exp(float64(z[i]) / temp)
			sum += s[i]
		}
		for i := range s {
			s[i] /= sum
		}
		return s
	}
	for _, c := range []struct {
		name string
		p    Params
		want []float64
	}{
		{"plain", Params{Temperature: 1}, soft(1, 0, 1, 2, 3, 4, 5)},
		{"cool", Params{Temperature: 0.5}, soft(0.5, 0, 1, 2, 3, 4, 5)},
		{"greedy", Params{}, soft(1, 1)},
		{"top-k", Params{Temperature: 1, TopK: 1}, soft(1, 1)},
		{"top-k with ties", Params{Temperature: 1, TopK: 2}, soft(1, 1, 2, 5)},
		{"top-p", Params{Temperature: 1, TopP: 0.5}, soft(1, 1)},       // 0.517 of the mass
		{"top-p", Params{Temperature: 1, TopP: 0.6}, soft(1, 1, 2, 5)}, // with ties
		{"top-p", Params{Temperature: 1, TopP: 0.95}, soft(1, 0, 1, 2, 5)},
		{"min-p", Params{Temperature: 1, MinP: 0.1}, soft(1, 0, 1, 2, 5)}, // e⁻² = 0.135
		{"all", Params{Temperature: 1, TopK: 4, TopP: 0.8, MinP: 0.5}, soft(1, 1)},
	} {
		got := shares(c.p)
		for i := range got {
			if e := math.Sqrt(c.want[i]*(1-c.want[i])/20000)*4.5 + 1e-9; math.Abs(got[i]-c.want[i]) > e {
				t.Errorf("%s: token %d has share %.4f, want %.4f", c.name, i, got[i], c.want[i])
			}
		}
	}
}

// The bucketed thresholds equal those of a full sort.
func TestThresholds(t *testing.T) {
	k := seed.Derive(2, "thresholds")
	var d drawer
	for n := range 300 {
		z := make([]float32, 1+k.Index(uint64(n), 400))
		for i := range z {
			z[i] = float32(4 * k.Sub(uint64(n)).Normal(uint64(i)))
		}
		sum := d.exp(z, 1, slices.Max(z))
		s := slices.Clone(d.w)
		slices.Sort(s)
		slices.Reverse(s)
		kk := 1 + k.Index(uint64(1000+n), len(z))
		if got := d.kth(kk); got != s[kk-1] {
			t.Fatalf("kth(%d) = %g, want %g", kk, got, s[kk-1])
		}
		p := k.Float(uint64(2000 + n))
		got, acc := d.nucleus(0, p*sum), 0.0
		for i, w := range s {
			if acc += float64(w); acc >= p*sum*(1+1e-9) {
				if got < w && i+1 < len(s) && got != s[i+1] || got > w && i > 0 && got != s[i-1] {
					t.Fatalf("nucleus(%g) = %g, want %g", p, got, w)
				}
				break
			}
		}
	}
}
