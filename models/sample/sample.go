// Package sample draws completions from a model: decoding with a key-value
// cache, many sequences at a time, on the CPU or on a device that decodes itself
// (device.go).
//
// # Words
//
// A prompt is a token list with a number of samples to draw. A row is one
// sample being decoded; a worker is a thread with its rows. The prompt's keys
// and values are computed once (prefill) and shared by its rows, each of which
// keeps only its own. When a row ends, the next prompt enters: the batch stays
// full until prompts run out.
//
// Prompts and Params enter through Run; Outputs leave through its emit
// function, a prompt at a time and in order, so a caller can append them to a
// file and resume after the last one.
//
// # Determinism
//
// A row's numbers depend on its prompt and its own tokens alone: every kernel
// used here computes a row of a product the same way whatever else is in the
// batch. Token i of sample k of problem ID takes draw i of the stream named
// (key, ID, k). So batch size, thread count and order change no bit; on a
// device, where the size of a batch decides how products are summed, order and
// company do not.
//
// # Why
//
// Threads do not share a batch: each has its own, and a step needs no barrier.
// Weights are packed for the kernels once and shared.
package sample

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"

	"hardneg/fixtures/seed"
	"hardneg/models/checkpoint"
	"hardneg/models/cpu/gemm"
	"hardneg/models/qwen2"
	"hardneg/models/token"
	"hardneg/models/vm"
)

// Options says how a Sampler works; it changes no result.
type Options struct {
	Batch   int // rows decoded at a time, all threads together; 0 = 64, on a device 256
	Threads int // 0 = all processors
	Chunk   int // prompt tokens that a device computes at a time; 0 = 2048
	// Tokenizer makes Output.Text and finds stop texts. Without it there are
	// neither.
	Tokenizer *token.Tokenizer
	// Progress, if given, hears of every finished prompt. Calls do not overlap.
	Progress func(Stats)
}

// Prompt is what to continue.
type Prompt struct {
	ID     string // names the random stream; a problem's identity
	Tokens []int32
	N      int // samples to draw
}

// Params says how tokens are drawn. Temperature 0 is greedy and ignores the
// other three. They apply in this order: temperature, top-k, top-p, min-p.
type Params struct {
	Temperature float64
	TopK        int      // 0 = off; ties with the k-th stay
	TopP        float64  // 0 or 1 = off; the likeliest tokens whose mass reaches it
	MinP        float64  // 0 = off; least probability relative to the likeliest
	MaxNew      int      // most new tokens of a sample
	StopTokens  []int32  // each ends a sample
	Stop        []string // each ends a sample as soon as its text holds it
	Key         seed.Key // root of the random streams
	LogProbs    bool     // keep log-probabilities
}

// Reasons why a sample ended.
const (
	ReasonStop   = "stop"   // a stop token or stop text
	ReasonLength = "length" // MaxNew, or the model's longest sequence
	// ReasonNotFinite: the model has run away and gives no numbers. That is an
	// answer too, a wrong one, for a diverged training is evaluated as it is.
	ReasonNotFinite = "not_finite"
)

// Output is one sample.
type Output struct {
	// Tokens are the new ids, with the stop token that ended them.
	Tokens []int32
	// LogProbs are the model's own log-probabilities of Tokens, before
	// temperature and truncation; nil unless Params.LogProbs.
	LogProbs []float32
	// Text is Tokens without special tokens, cut before the stop text.
	Text   string
	Reason string
}

// Stats counts what a run has done.
type Stats struct {
	Prompts, Samples        int
	PromptTokens, NewTokens int64
}

// Sampler holds a model ready for decoding. Run may be called again and again,
// but not by two goroutines at once.
type Sampler struct {
	config  *checkpoint.Config
	options Options
	net     *network
	workers []*worker
	device  vm.Decoder // instead of network and workers
}

// New packs the matrices and shares the rest with params: a change of params
// asks for a new Sampler.
func New(params *qwen2.Params, o Options) *Sampler { return newOn(gemm.New(1), params, o) }

// newOn is New with matrix products rounded as the engine's are.
func newOn(e *gemm.Engine, params *qwen2.Params, o Options) *Sampler {
	if o.Batch <= 0 {
		o.Batch = 64
	}
	if o.Threads <= 0 {
		o.Threads = gemm.DefaultThreads()
	}
	o.Threads = min(o.Threads, o.Batch)
	s := &Sampler{config: params.Config, net: newNetwork(params, e), options: o}
	for i := range o.Threads {
		rows := (o.Batch + i) / o.Threads
		s.workers = append(s.workers, newWorker(s.net, min(rows, s.net.rows)))
	}
	return s
}

// Run draws N samples of each prompt and calls emit for every prompt, in
// order. It ends early with ctx's error or emit's; what was emitted counts.
func (s *Sampler) Run(ctx context.Context, prompts []Prompt, p Params, emit func(prompt int, outs []Output) error) (Stats, error) {
	if err := s.check(prompts, p); err != nil {
		return Stats{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	j := &job{prompts: prompts, params: p, options: s.options, cancel: cancel, emit: emit,
		done: make([][]Output, len(prompts)), workers: len(s.workers)}
	j.deliver() // prompts without samples at the front
	if s.device != nil {
		if err := s.runDevice(ctx, j); err != nil {
			cancel(err)
		}
	}
	var wg sync.WaitGroup
	for _, w := range s.workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			w.run(ctx, j)
		}()
	}
	wg.Wait()
	if j.emitted < len(prompts) {
		return j.stats, context.Cause(ctx)
	}
	return j.stats, nil
}

func (s *Sampler) check(prompts []Prompt, p Params) error {
	c := s.config
	for i, q := range prompts {
		if len(q.Tokens) == 0 || len(q.Tokens) >= c.MaxPositions {
			return fmt.Errorf("sample: prompt %d (%s) has %d tokens, the model takes 1 to %d", i, q.ID, len(q.Tokens), c.MaxPositions-1)
		}
		for _, t := range q.Tokens {
			if t < 0 || int(t) >= c.Vocab {
				return fmt.Errorf("sample: prompt %d (%s): token %d is outside the vocabulary of %d", i, q.ID, t, c.Vocab)
			}
		}
	}
	unit := func(x float64) bool { return x >= 0 && x <= 1 }
	switch {
	case !(p.Temperature >= 0) || math.IsInf(p.Temperature, 1):
		return fmt.Errorf("sample: temperature is %g, want 0 (greedy) or more", p.Temperature)
	case p.TopK < 0:
		return fmt.Errorf("sample: top_k is %d, want 0 (off) or more", p.TopK)
	case !unit(p.TopP) || !unit(p.MinP):
		return fmt.Errorf("sample: top_p %g and min_p %g must lie in 0 to 1", p.TopP, p.MinP)
	case p.MaxNew < 1:
		return fmt.Errorf("sample: max_new is %d, want at least 1", p.MaxNew)
	case len(p.Stop) > 0 && s.options.Tokenizer == nil:
		return fmt.Errorf("sample: stop texts need a tokenizer")
	case slices.Contains(p.Stop, ""):
		return fmt.Errorf("sample: a stop text is empty")
	}
	return nil
}

// job is one Run: a queue of prompts and the results that wait for their turn.
type job struct {
	prompts []Prompt
	params  Params
	options Options
	cancel  context.CancelCauseFunc
	emit    func(int, []Output) error
	workers int

	mu      sync.Mutex
	next    int        // first prompt that no worker has taken
	emitted int        // prompts delivered
	done    [][]Output // finished prompts
	stats   Stats
	failed  bool
}

// take hands a worker the next prompts: enough for the free rows, but no more
// tokens than one pass should have, nor more than its share of what is left.
func (j *job) take(free int) []int {
	j.mu.Lock()
	defer j.mu.Unlock()
	share := (len(j.prompts) - j.next + j.workers - 1) / j.workers
	var list []int
	for tokens := 0; free > 0 && tokens < prefillTokens && len(list) < share && j.next < len(j.prompts); j.next++ {
		p := j.prompts[j.next]
		if p.N < 1 {
			continue
		}
		list = append(list, j.next)
		free -= p.N
		tokens += len(p.Tokens)
	}
	return list
}

// finish takes the samples of a prompt and delivers all that are due.
func (j *job) finish(i int, outs []Output) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.done[i] = outs
	j.stats.Prompts++
	j.stats.Samples += len(outs)
	j.stats.PromptTokens += int64(len(j.prompts[i].Tokens))
	for _, o := range outs {
		j.stats.NewTokens += int64(len(o.Tokens))
	}
	if j.options.Progress != nil {
		j.options.Progress(j.stats)
	}
	j.deliver()
}

// deliver emits finished prompts in order, up to the first unfinished one.
func (j *job) deliver() {
	for !j.failed && j.emitted < len(j.prompts) {
		outs := j.done[j.emitted]
		if outs == nil && j.prompts[j.emitted].N > 0 {
			return
		}
		if err := j.emit(j.emitted, outs); err != nil {
			j.failed = true
			j.cancel(err)
			return
		}
		j.done[j.emitted] = nil
		j.emitted++
	}
}
