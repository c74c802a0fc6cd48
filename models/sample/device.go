package sample

import (
	"context"
	"fmt"

	"hardneg/models/cpu"
	"hardneg/models/qwen2"
	"hardneg/models/vm"
)

// Defaults of a device: rows decoded at a time, prompt tokens of a pass.
const (
	deviceBatch = 256
	deviceChunk = 2048
)

// NewOn is New for a device: where the backend decodes itself, weights are
// copied there, in its type, and Run only schedules; elsewhere it is New, with
// matrix products rounded where the CPU backend rounds them. Close gives the
// memory back.
//
// On a device every pass has the same size, and a prompt is cut only where it is
// longer than Options.Chunk, so that samples do not depend on what is computed
// beside them; they may on Options.Batch and Options.Chunk, by rounding.
func NewOn(be vm.Backend, params *qwen2.Params, o Options) (*Sampler, error) {
	maker, ok := be.(vm.Decodes)
	if !ok {
		if c, ok := be.(*cpu.CPU); ok { // rounds its products, or does not
			return newOn(c.Engine(), params, o), nil
		}
		return New(params, o), nil
	}
	if o.Batch <= 0 {
		o.Batch = deviceBatch
	}
	if o.Chunk <= 0 {
		o.Chunk = deviceChunk
	}
	c := params.Config
	n := vm.Network{Heads: qwen2.Heads(c), Hidden: c.Hidden, FFN: c.FFN, Vocab: c.Vocab, Eps: c.Eps,
		Embed: params.Embed(), Norm: params.Norm(), Head: params.Head()}
	for l := range c.Layers {
		n.Layers = append(n.Layers, vm.NetworkLayer(params.Layer(l)))
	}
	dec, err := maker.Decoder(n, o.Batch, o.Chunk)
	if err != nil {
		return nil, fmt.Errorf("sample: %w", err)
	}
	return &Sampler{config: c, options: o, device: dec}, nil
}

// Close gives the memory of a device back.
func (s *Sampler) Close() error {
	if s.device == nil {
		return nil
	}
	return s.device.Close()
}

// station is one Run on a device: what occupies its rows and pages.
type station struct {
	dec       vm.Decoder
	j         *job
	positions int
	chunk     int
	pages     int     // in all
	free      []int32 // pages that nobody holds
	held      int     // pages of open prompts
	longest   int     // pages that one sample may need of its own
	rows      []*deviceRow
	idle      []bool          // rows whose device record must be ended
	open      []*devicePrompt // with samples that have not started
	flight    [][]*deviceRow  // rows of each queued step
}

// devicePrompt is a prompt whose cache is filled, up to its last token: that
// one is the first of each of its samples, which draw their first token from it
// as they draw the others.
type devicePrompt struct {
	opened
	pages []int32
	users int // samples that have not left their rows
}

// deviceRow is a sample in a row.
type deviceRow struct {
	*row
	from  *devicePrompt
	at    int // which row
	pages []int32
	steps int  // queued
	ended bool // its results of later steps are dropped
}

func (s *Sampler) station(j *job) (*station, error) {
	w := &station{dec: s.device, j: j, positions: s.config.MaxPositions, chunk: s.options.Chunk,
		rows: make([]*deviceRow, s.options.Batch), idle: make([]bool, s.options.Batch)}
	prompt, all := 0, 0
	for _, p := range j.prompts {
		if p.N > 0 {
			prefix, own := w.need(p)
			prompt, w.longest = max(prompt, prefix), max(w.longest, own)
			all += prefix + p.N*own
		}
	}
	if all == 0 {
		return w, nil
	}
	// As if every row had a prompt of its own, and as many prompts wait.
	want := min(all, s.options.Batch*(2*prompt+w.longest))
	var err error
	if w.pages, err = w.dec.Reserve(want, prompt+w.longest); err != nil {
		return nil, err
	}
	if w.pages < prompt+w.longest {
		return nil, fmt.Errorf("sample: the device has memory for %d tokens of keys and values, a sample needs %d; a smaller batch, max_new or dtype needs less",
			w.pages*w.dec.PageTokens(), (prompt+w.longest)*w.dec.PageTokens())
	}
	for i := range w.pages {
		w.free = append(w.free, int32(w.pages-1-i))
	}
	p := j.params
	w.dec.Params(vm.Draw{Temperature: p.Temperature, TopK: p.TopK, TopP: p.TopP, MinP: p.MinP})
	return w, nil
}

// need is the number of pages of a prompt, and of each of its samples.
func (w *station) need(p Prompt) (prefix, own int) {
	t := w.dec.PageTokens()
	return (len(p.Tokens) - 1 + t - 1) / t, (min(w.j.params.MaxNew, w.positions-len(p.Tokens)) + t - 1) / t
}

func (w *station) take(n int) []int32 {
	r := append([]int32(nil), w.free[len(w.free)-n:]...)
	w.free = w.free[:len(w.free)-n]
	return r
}

// runDevice works until the job's prompts are done or ctx ends. While the device
// computes a step, the host looks at the tokens of the one before.
func (s *Sampler) runDevice(ctx context.Context, j *job) error {
	w, err := s.station(j)
	if err != nil {
		return err
	}
	for ctx.Err() == nil && err == nil {
		w.fill()
		live := w.step()
		if !live && len(w.flight) == 0 {
			break
		}
		if !live || len(w.flight) > 1 {
			err = w.results()
		}
	}
	for len(w.flight) > 0 { // left early
		w.flight = w.flight[1:]
		if _, _, e := w.dec.Next(); err == nil {
			err = e
		}
	}
	return err
}

// fill starts samples until the rows are full or nothing is left.
func (w *station) fill() {
	for i, r := range w.rows {
		if r != nil {
			continue
		}
		if len(w.open) == 0 {
			w.prefill(i)
		}
		if len(w.open) > 0 {
			p := w.open[0]
			if _, own := w.need(p.prompt); own <= len(w.free) {
				w.start(i, p, own)
				continue
			}
		}
		if w.idle[i] {
			w.dec.Set(i, vm.Sequence{Pos: -1})
			w.idle[i] = false
		}
	}
}

// start gives a row to a prompt's next sample.
func (w *station) start(i int, p *devicePrompt, own int) {
	r := &deviceRow{row: newRow(w.j, &p.opened, w.positions), from: p, at: i, pages: w.take(own)}
	if p.started == p.prompt.N {
		w.open = w.open[1:]
	}
	last := len(p.prompt.Tokens) - 1
	w.dec.Set(i, vm.Sequence{Token: p.prompt.Tokens[last], Pos: last, Shared: last, End: last + r.max, Key: uint64(r.key),
		Pages: append(append([]int32(nil), p.pages...), r.pages...)})
	w.rows[i], w.idle[i] = r, false
}

// leave frees a sample's row and pages; steps that are queued may still use
// them, later ones come after those.
func (w *station) leave(r *deviceRow) {
	w.rows[r.at] = nil
	w.free = append(w.free, r.pages...)
	if r.from.users--; r.from.users == 0 {
		w.free = append(w.free, r.from.pages...)
		w.held -= len(r.from.pages)
	}
}

// prefill opens prompts for the rows that are free from row first on, and more
// while they fit into the last pass. Enough pages stay for a sample to start
// whatever is open.
func (w *station) prefill(first int) {
	need := 0
	for _, r := range w.rows[first:] {
		if r == nil {
			need++
		}
	}
	j := w.j
	j.mu.Lock()
	var list []*devicePrompt
	for room := 0; j.next < len(j.prompts); j.next++ {
		p := j.prompts[j.next]
		if p.N < 1 {
			continue
		}
		prefix, _ := w.need(p)
		n := len(p.Tokens) - 1
		if prefix > len(w.free) || w.held+prefix+w.longest > w.pages || need <= 0 && n > room || need <= -len(w.rows) {
			break
		}
		room = w.roomAfter(n, room)
		need -= p.N
		w.held += prefix
		list = append(list, &devicePrompt{opened: opened{index: j.next, prompt: p, outs: make([]Output, p.N), left: p.N}, pages: w.take(prefix), users: p.N})
	}
	j.mu.Unlock()
	w.open = append(w.open, list...)
	w.pack(list)
}

// roomAfter is what n tokens of a prompt leave of a pass that had room: they go
// into it whole, or else into the next, and what is longer than a pass goes into
// passes of its own.
func (w *station) roomAfter(n, room int) int {
	switch {
	case n <= room:
		return room - n
	case n <= w.chunk:
		return w.chunk - n
	}
	return 0
}

// pack queues passes with the prompts' tokens but the last.
func (w *station) pack(list []*devicePrompt) {
	var spans []vm.Span
	flush := func() {
		if len(spans) > 0 {
			w.dec.Prefill(spans)
		}
		spans = nil
	}
	room := 0
	for _, p := range list {
		tokens := p.prompt.Tokens[:len(p.prompt.Tokens)-1]
		if len(tokens) > room {
			flush()
		}
		room = w.roomAfter(len(tokens), room)
		for pos := 0; pos < len(tokens); {
			n := min(w.chunk, len(tokens)-pos)
			spans = append(spans, vm.Span{Tokens: tokens[pos : pos+n], Pos: pos, Pages: p.pages})
			if pos += n; len(tokens) > w.chunk {
				flush()
			}
		}
	}
	flush()
}

// step queues a token of every row, if there is any. Rows that it fills to their
// longest are free for the next.
func (w *station) step() bool {
	rows, live := make([]*deviceRow, len(w.rows)), false
	for i, r := range w.rows {
		if r == nil {
			continue
		}
		rows[i], live = r, true
		if r.steps++; r.steps == r.max {
			w.leave(r)
		}
	}
	if live {
		w.dec.Step()
		w.flight = append(w.flight, rows)
	}
	return live
}

// results takes the tokens of the oldest step.
func (w *station) results() error {
	rows := w.flight[0]
	w.flight = w.flight[1:]
	ids, logProbs, err := w.dec.Next()
	if err != nil {
		return err
	}
	for i, r := range rows {
		if r == nil || r.ended {
			continue
		}
		if ids[i] < 0 {
			r.spoil()
		} else if !r.push(&w.j.params, ids[i], logProbs[i]) {
			continue
		}
		r.ended = true
		if w.rows[i] == r {
			w.leave(r)
			w.idle[i] = true
		}
		p := r.from
		p.outs[r.k] = r.out
		if p.left--; p.left == 0 {
			w.j.finish(p.index, p.outs)
		}
	}
	return nil
}
