package sample

import (
	"context"
	"strings"

	"hardneg/fixtures/seed"
	"hardneg/models/token"
)

// prefillTokens bounds the prompt tokens that are computed in one pass.
const prefillTokens = 1024

// worker decodes up to size rows on one thread.
type worker struct {
	b    *batch
	size int
	rows []*row
	open []*opened // prompts with samples that have not started
	draw drawer
	z    []float32
}

// opened is a prompt whose cache is filled.
type opened struct {
	index   int
	prompt  Prompt
	cache   kvcache
	logits  []float32 // after its last token
	started int
	outs    []Output
	left    int // samples not finished
}

// row is one sample being decoded.
type row struct {
	from   *opened
	k      int
	key    seed.Key
	cache  kvcache
	out    Output
	max    int
	stream *token.Stream
	text   strings.Builder
}

func newWorker(n *network, size int) *worker { return &worker{b: newBatch(n), size: size} }

// run works until the job's prompts are done or ctx ends.
func (w *worker) run(ctx context.Context, j *job) {
	w.rows, w.open = w.rows[:0], nil
	for ctx.Err() == nil {
		w.fill(ctx, j)
		if len(w.rows) == 0 {
			break
		}
		w.step(j)
	}
	for _, r := range w.rows { // left early
		r.cache.release(w.b.pool)
		w.close(r.from)
	}
	for _, o := range w.open {
		w.close(o)
	}
}

// close gives a prompt's pages back, once.
func (w *worker) close(o *opened) {
	if o.cache.pages != nil {
		o.cache.release(w.b.pool)
	}
}

// fill starts samples until the batch is full or nothing is left.
func (w *worker) fill(ctx context.Context, j *job) {
	for len(w.rows) < w.size && ctx.Err() == nil {
		if len(w.open) == 0 && !w.prefill(j) {
			return
		}
		for len(w.open) > 0 && len(w.rows) < w.size {
			o := w.open[0]
			if o.started == o.prompt.N {
				w.open = w.open[1:]
				continue
			}
			w.start(j, o)
		}
	}
}

// prefill opens as many prompts as the free rows need, false if there are none.
func (w *worker) prefill(j *job) bool {
	list := j.take(w.size - len(w.rows))
	if len(list) == 0 {
		return false
	}
	var spans []span
	var opens []*opened
	for _, i := range list {
		p := j.prompts[i]
		o := &opened{index: i, prompt: p, outs: make([]Output, p.N), left: p.N}
		opens = append(opens, o)
		spans = append(spans, span{tokens: p.Tokens, own: &o.cache})
	}
	w.b.forward(spans)
	v := w.b.net.config.Vocab
	z := make([]float32, len(opens)*v)
	w.b.logits(len(opens), z)
	for i, o := range opens {
		o.logits = z[i*v : (i+1)*v]
	}
	w.open = append(w.open, opens...)
	return true
}

// start draws the first token of a prompt's next sample.
func (w *worker) start(j *job, o *opened) {
	r := newRow(j, o, w.b.net.config.MaxPositions)
	if !w.accept(j, r, o.logits) {
		w.rows = append(w.rows, r)
	}
}

// newRow makes a prompt's next sample.
func newRow(j *job, o *opened, positions int) *row {
	r := &row{from: o, k: o.started, max: min(j.params.MaxNew, positions-len(o.prompt.Tokens))}
	r.key = seed.Derive(uint64(j.params.Key), "sample", o.prompt.ID, r.k)
	if t := j.options.Tokenizer; t != nil {
		r.stream = t.Stream(true)
	}
	o.started++
	return r
}

// step computes one token of every row.
func (w *worker) step(j *job) {
	spans := make([]span, len(w.rows))
	for i, r := range w.rows {
		n := len(r.out.Tokens)
		prompt := len(r.from.prompt.Tokens)
		spans[i] = span{tokens: r.out.Tokens[n-1:], pos: prompt + n - 1, shared: r.from.cache.pages, nShare: prompt, own: &r.cache}
	}
	w.b.forward(spans)
	v := w.b.net.config.Vocab
	z := sized(&w.z, len(spans)*v)
	w.b.logits(len(spans), z)
	kept := w.rows[:0]
	for i, r := range w.rows {
		if !w.accept(j, r, z[i*v:(i+1)*v]) {
			kept = append(kept, r)
		}
	}
	clear(w.rows[len(kept):])
	w.rows = kept
}

// accept draws the next token of r and reports whether that ended it.
func (w *worker) accept(j *job, r *row, z []float32) bool {
	id, logp := w.draw.next(z, &j.params, r.key.Float(uint64(len(r.out.Tokens))))
	if id < 0 {
		r.spoil()
	} else if !r.push(&j.params, id, logp) {
		return false
	}
	r.cache.release(w.b.pool)
	o := r.from
	o.outs[r.k] = r.out
	if o.left--; o.left == 0 {
		w.close(o)
		j.finish(o.index, o.outs)
	}
	return true
}

// spoil ends a sample whose logits are no numbers: nothing can be drawn.
func (r *row) spoil() {
	r.flush()
	r.out.Text, r.out.Reason = r.text.String(), ReasonNotFinite
}

// push adds a drawn token and reports whether that ended the sample.
func (r *row) push(p *Params, id int32, logp float32) bool {
	r.out.Tokens = append(r.out.Tokens, id)
	if p.LogProbs {
		r.out.LogProbs = append(r.out.LogProbs, logp)
	}
	ended := r.stopped(p, id)
	if !ended && len(r.out.Tokens) < r.max {
		return false
	}
	r.out.Reason = ReasonLength
	if ended {
		r.out.Reason = ReasonStop
	}
	r.out.Text += r.text.String()
	return true
}

// stopped follows the text and looks for stop tokens and stop texts.
func (r *row) stopped(p *Params, id int32) bool {
	for _, t := range p.StopTokens {
		if id == t {
			r.flush()
			return true
		}
	}
	if r.stream == nil {
		return false
	}
	before := r.text.Len()
	r.text.WriteString(r.stream.Push(id))
	if cut := r.find(p.Stop, before); cut >= 0 {
		text := r.text.String()[:cut]
		r.text.Reset()
		r.text.WriteString(text)
		return true
	}
	if len(r.out.Tokens) == r.max {
		r.flush()
	}
	return false
}

func (r *row) flush() {
	if r.stream != nil {
		r.text.WriteString(r.stream.Flush())
	}
}

// find is the start of the first stop text that ends after before, -1 if none.
func (r *row) find(stops []string, before int) int {
	text, first := r.text.String(), -1
	for _, s := range stops {
		from := max(0, before-len(s)+1)
		if i := strings.Index(text[from:], s); i >= 0 && (first < 0 || from+i < first) {
			first = from + i
		}
	}
	return first
}
