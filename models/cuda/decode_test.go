//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hardneg/fixtures/seed"
	"hardneg/models/checkpoint"
	"hardneg/models/cpu"
	"hardneg/models/cuda/lt"
	"hardneg/models/qwen2"
	"hardneg/models/sample"
	"hardneg/models/token"
	"hardneg/models/train"
	"hardneg/models/vm"
)

// speaking is a small model with random weights, none of them idle.
func speaking(heads, kv, dim, vocab int, tied bool) *qwen2.Params {
	p := qwen2.NewParams(&checkpoint.Config{Hidden: 48, Layers: 2, Heads: heads, KVHeads: kv, HeadDim: dim, FFN: 40, Vocab: vocab,
		MaxPositions: 512, Eps: 1e-6, Tied: tied, DType: "float32", BOS: -1, Rope: checkpoint.Rope{Theta: 1e4, Type: "default"}})
	k := seed.Derive(7, "speaking")
	p.Init(k, 0.15)
	for i := p.Matrices; i < len(p.Flat); i++ { // norms and biases that matter
		p.Flat[i] += float32(0.3 * k.Normal(uint64(i)))
	}
	return p
}

func asked(n, samples, longest, vocab int) []sample.Prompt {
	k := seed.Derive(3, "asked")
	var ps []sample.Prompt
	for i := range n {
		p := sample.Prompt{ID: fmt.Sprint("p", i), N: samples}
		for j := range 1 + k.Index(uint64(i), longest) {
			p.Tokens = append(p.Tokens, int32(k.Sub(uint64(i)).Index(uint64(j), vocab)))
		}
		ps = append(ps, p)
	}
	return ps
}

func collect(t *testing.T, s *sample.Sampler, ps []sample.Prompt, p sample.Params) [][]sample.Output {
	t.Helper()
	var all [][]sample.Output
	_, err := s.Run(context.Background(), ps, p, func(i int, outs []sample.Output) error {
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

func sampler(t *testing.T, be vm.Backend, p *qwen2.Params, o sample.Options) *sample.Sampler {
	t.Helper()
	s, err := sample.NewOn(be, p, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ways of drawing, each alone and all at once.
func ways() map[string]sample.Params {
	return map[string]sample.Params{
		"greedy": {}, "plain": {Temperature: 0.8}, "hot": {Temperature: 1.7},
		"top-k": {Temperature: 1.2, TopK: 7}, "top-p": {Temperature: 1.2, TopP: 0.8}, "min-p": {Temperature: 1.5, MinP: 0.2},
		"all": {Temperature: 1.3, TopK: 30, TopP: 0.9, MinP: 0.02},
	}
}

// TestGenerate compares samples with those of the CPU: the same draws of the
// same streams from logits that differ by rounding alone.
func TestGenerate(t *testing.T) {
	be := open(t, false)
	for _, m := range []struct{ heads, kv, dim, vocab int }{{4, 2, 12, 300}, {6, 1, 16, 4301}, {7, 1, 8, 90}, {3, 3, 10, 90}} {
		p := speaking(m.heads, m.kv, m.dim, m.vocab, m.kv == 2)
		ps := asked(3, 2, 50, m.vocab)
		host := sample.New(p, sample.Options{Batch: 4, Threads: 1})
		dev := sampler(t, be, p, sample.Options{Batch: 4, Chunk: 48})
		for name, w := range ways() {
			t.Run(fmt.Sprintf("%d-%d-%d/%s", m.heads, m.kv, m.dim, name), func(t *testing.T) {
				w.MaxNew, w.Key, w.LogProbs, w.StopTokens = 8, 5, true, []int32{3, 50, 77}
				near(t, collect(t, host, ps, w), collect(t, dev, ps, w), 1e-4)
			})
		}
	}
}

// near demands equal tokens, texts and reasons, and log-probabilities within
// a tolerance.
func near(t *testing.T, want, got [][]sample.Output, tolerance float64) {
	t.Helper()
	equal := cmp.Comparer(func(a, b float32) bool { return math.Abs(float64(a-b)) <= tolerance })
	if d := cmp.Diff(want, got, equal); d != "" {
		t.Fatalf("CPU (-) and device (+): %s", d)
	}
}

// TestGenerateLong crosses pages and splits, in the prompt and in the sample.
func TestGenerateLong(t *testing.T) {
	be := open(t, false)
	p := speaking(4, 1, 8, 100, true)
	ps := asked(3, 1, 20, 100)
	for i, n := range []int{250, 340, 65} {
		for len(ps[i].Tokens) < n {
			ps[i].Tokens = append(ps[i].Tokens, int32(len(ps[i].Tokens)*7%100))
		}
	}
	w := sample.Params{Temperature: 0.9, MaxNew: 70, Key: 1, LogProbs: true}
	want := collect(t, sample.New(p, sample.Options{Batch: 4, Threads: 1}), ps, w)
	near(t, want, collect(t, sampler(t, be, p, sample.Options{Batch: 4, Chunk: 100}), ps, w), 1e-4)
}

// TestGenerateLogProbs compares the sampler's log-probabilities with those that
// the training engine gives the same tokens, on the CPU in the same type.
func TestGenerateLogProbs(t *testing.T) {
	for _, c := range []struct {
		name      string
		bf16      bool
		host      vm.Backend
		tolerance float64 // of a token, on average over a sample
	}{{"fp32", false, cpu.New(1), 1e-5}, {"bf16", true, cpu.NewBF16(1), 0.02}} {
		t.Run(c.name, func(t *testing.T) {
			p := speaking(6, 1, 16, 300, false)
			ps := asked(4, 2, 40, 300)
			w := sample.Params{Temperature: 1, MaxNew: 12, Key: 2, LogProbs: true}
			got := collect(t, sampler(t, open(t, c.bf16), p, sample.Options{Batch: 4, Chunk: 32}), ps, w)
			var pairs train.Pairs
			for i, outs := range got {
				pairs = append(pairs, train.PairRow{ID: ps[i].ID, Prompt: ps[i].Tokens, Chosen: outs[0].Tokens, Rejected: outs[1].Tokens, Weight: 1})
			}
			if err := train.RefLogProbs(context.Background(), c.host, p, pairs); err != nil {
				t.Fatal(err)
			}
			worst := 0.0
			for i, outs := range got {
				for k, want := range []float64{pairs[i].RefChosen, pairs[i].RefRejected} {
					sum := 0.0
					for _, l := range outs[k].LogProbs {
						sum += float64(l)
					}
					d := math.Abs(sum-want) / float64(len(outs[k].LogProbs))
					worst = max(worst, d)
					if !(d <= c.tolerance) {
						t.Errorf("prompt %d sample %d: %g, the training engine says %g: %g a token", i, k, sum, want, d)
					}
				}
			}
			if t.Logf("at most %.1e a token", worst); worst == 0 {
				t.Error("not a bit of difference between two devices")
			}
		})
	}
}

// TestGenerateIndependence: the same bits in any company, order and schedule of
// refills, and with few pages.
func TestGenerateIndependence(t *testing.T) {
	p := speaking(4, 2, 12, 300, true)
	ps := asked(7, 2, 40, 300)
	w := sample.Params{Temperature: 0.8, TopP: 0.95, MaxNew: 10, LogProbs: true, Key: 9}
	for id := int32(0); id < 300; id += 15 {
		w.StopTokens = append(w.StopTokens, id)
	}
	for _, bf16 := range []bool{false, true} {
		be := open(t, bf16).(*CUDA)
		run := func(o sample.Options, pages int, ps []sample.Prompt) [][]sample.Output {
			return collect(t, sampler(t, limited{be, pages}, p, o), ps, w)
		}
		o := sample.Options{Batch: 6, Chunk: 40}
		want := run(o, 0, ps)
		stops := 0
		for _, outs := range want {
			for _, s := range outs {
				if s.Reason == sample.ReasonStop {
					stops++
				}
			}
		}
		if stops == 0 || stops == 14 {
			t.Errorf("%d of 14 samples stopped early: the test needs some", stops)
		}
		if d := cmp.Diff(want, run(o, 3, ps)); d != "" {
			t.Fatalf("3 pages: %s", d)
		}
		rev := slices.Clone(ps)
		slices.Reverse(rev)
		got := run(o, 0, rev)
		slices.Reverse(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("reversed: %s", d)
		}
		if os.Getenv(EnvReal) != "" { // products of other sizes may round differently
			continue
		}
		o = sample.Options{Batch: 3, Chunk: 7}
		if bf16 { // prompts that are longer than a chunk round differently
			o.Chunk = 57
		}
		if d := cmp.Diff(want, run(o, 0, ps)); d != "" {
			t.Fatalf("another batch: %s", d)
		}
	}
}

// limited is a backend with room for few pages, if any are given.
type limited struct {
	*CUDA
	pages int
}

func (f limited) Decoder(n vm.Network, rows, chunk int) (vm.Decoder, error) {
	d, err := f.CUDA.Decoder(n, rows, chunk)
	if f.pages > 0 {
		return fewPages{d, f.pages}, err
	}
	return d, err
}

type fewPages struct {
	vm.Decoder
	pages int
}

func (f fewPages) Reserve(pages, longest int) (int, error) {
	n, err := f.Decoder.Reserve(min(pages, f.pages), longest)
	return min(n, f.pages), err
}

// TestGenerateEnds: errors, cancellation, prompts without samples, and that a
// sampler works after each.
func TestGenerateEnds(t *testing.T) {
	p := speaking(4, 2, 12, 90, true)
	be := open(t, false).(*CUDA)
	s := sampler(t, be, p, sample.Options{Batch: 4, Chunk: 16})
	ps := asked(6, 2, 20, 90)
	ps[0].N, ps[3].N = 0, 0
	w := sample.Params{MaxNew: 5}
	want := collect(t, s, ps, w)
	if len(want) != 6 || len(want[0]) != 0 || len(want[1]) != 2 || len(want[1][0].Tokens) != 5 {
		t.Errorf("prompts without samples: %v", want)
	}
	stop, n := errors.New("enough"), 0
	if _, err := s.Run(context.Background(), ps, w, func(int, []sample.Output) error {
		if n++; n == 3 {
			return stop
		}
		return nil
	}); !errors.Is(err, stop) || n != 3 {
		t.Errorf("emit's error: %v after %d prompts", err, n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := s.Run(ctx, ps, w, func(int, []sample.Output) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if d := cmp.Diff(want, collect(t, s, ps, w)); d != "" {
		t.Errorf("after errors: %s", d)
	}
	if _, err := sampler(t, limited{be, 1}, p, sample.Options{Batch: 4, Chunk: 16}).Run(context.Background(), ps[1:], w, nil); err == nil {
		t.Error("a sample of two pages in one")
	}
	bad := speaking(4, 2, 12, 90, false)
	bad.Norm()[3] = float32(math.NaN())
	if o := collect(t, sampler(t, be, bad, sample.Options{Batch: 2, Chunk: 16}), ps[1:2], w)[0][0]; len(o.Tokens) != 0 || o.Reason != sample.ReasonNotFinite {
		t.Errorf("logits that are no numbers: %+v", o)
	}
	p.Config.MaxPositions = 30
	short := sampler(t, be, p, sample.Options{Batch: 1, Chunk: 16})
	if o := collect(t, short, []sample.Prompt{{ID: "a", Tokens: make([]int32, 28), N: 1}}, w)[0][0]; len(o.Tokens) != 2 || o.Reason != sample.ReasonLength {
		t.Errorf("end of the model's positions: %+v", o)
	}
}

// TestGenerateStopTexts compares texts that end at a stop text with the CPU's.
func TestGenerateStopTexts(t *testing.T) {
	tok, err := token.Train([]string{"the answer is seven and the question is how many there are"}, 290, []string{"<|endoftext|>"})
	if err != nil {
		t.Fatal(err)
	}
	p := speaking(4, 2, 12, 300, true)
	ps := asked(6, 1, 10, 290)
	w := sample.Params{Temperature: 1.3, MaxNew: 20, Key: 1, LogProbs: true, Stop: []string{"e", "th", "\x05"}}
	want := collect(t, sample.New(p, sample.Options{Batch: 4, Threads: 1, Tokenizer: tok}), ps, w)
	cut := 0
	for _, outs := range want {
		if outs[0].Reason == sample.ReasonStop {
			cut++
		}
	}
	if cut == 0 {
		t.Error("no sample was cut")
	}
	near(t, want, collect(t, sampler(t, open(t, false), p, sample.Options{Batch: 4, Chunk: 16, Tokenizer: tok}), ps, w), 1e-4)
}

// TestEmulatorGenerate runs threads in random order, and products through the
// stand-in of cublasLt, within the recorded graphs.
func TestEmulatorGenerate(t *testing.T) {
	p := speaking(6, 1, 16, 90, true)
	ps := asked(2, 2, 20, 90)
	ps[1].Tokens = append(ps[1].Tokens, make([]int32, 300)...) // two splits
	w := sample.Params{Temperature: 1.3, TopK: 30, TopP: 0.9, MinP: 0.02, MaxNew: 4, Key: 4, LogProbs: true}
	want := collect(t, sample.New(p, sample.Options{Batch: 4, Threads: 1}), ps, w)
	o := sample.Options{Batch: 4, Chunk: 128}
	own := collect(t, sampler(t, open(t, true), p, o), ps, w)
	for _, random := range []bool{false, true} {
		lib := standInLt
		if random {
			t.Setenv("HARDNEG_EMU_SCHEDULE", "random")
			lib = "none"
		}
		t.Setenv(lt.EnvLibrary, lib)
		be := open(t, false)
		near(t, want, collect(t, sampler(t, be, p, o), ps, w), 1e-4)
		if random {
			if d := cmp.Diff(own, collect(t, sampler(t, open(t, true), p, o), ps, w)); d != "" {
				t.Errorf("bf16 in another order of threads: %s", d)
			}
		}
		if !random && be.(*CUDA).lt.Plans() == 0 {
			t.Error("cublasLt got no product")
		}
	}
}
