package train

import (
	"fmt"

	"hardneg/models/qwen2"
)

// Batch is a set of sequences packed without padding (see graph.QKV for
// segments and parents). Attention never crosses sequences.
type Batch struct {
	Tokens, Segs, Parent []int32
	Rows, IDs, Bounds    []int32
}

// Reset empties b and keeps its memory.
func (b *Batch) Reset() {
	b.Tokens, b.Parent, b.Rows, b.IDs = b.Tokens[:0], b.Parent[:0], b.Rows[:0], b.IDs[:0]
	b.Segs, b.Bounds = append(b.Segs[:0], 0), append(b.Bounds[:0], 0)
}

// Size is the capacity that b needs.
func (b *Batch) Size() qwen2.Capacity {
	return qwen2.Capacity{Tokens: len(b.Tokens), Segs: len(b.Parent), Picks: len(b.Rows), Seqs: len(b.Bounds) - 1}
}

func (b *Batch) segment(parent int, tokens []int32) {
	b.Tokens = append(b.Tokens, tokens...)
	b.Segs = append(b.Segs, int32(len(b.Tokens)))
	b.Parent = append(b.Parent, int32(parent))
}

func (b *Batch) pick(row int, id int32) {
	b.Rows, b.IDs = append(b.Rows, int32(row)), append(b.IDs, id)
}

func (b *Batch) endSeq() { b.Bounds = append(b.Bounds, int32(len(b.Rows))) }

// AddRow appends a sequence whose tokens with loss[i] are scored; the first
// token never is. The last token is not fed, for it predicts nothing.
func (b *Batch) AddRow(tokens []int32, loss []bool) {
	first := len(b.Tokens)
	b.segment(-1, tokens[:len(tokens)-1])
	for i := 1; i < len(tokens); i++ {
		if loss[i] {
			b.pick(first+i-1, tokens[i])
		}
	}
	b.endSeq()
}

// AddPair appends the sequences prompt+chosen and prompt+rejected, of which
// the completions are scored. What they have in common, the prompt and any
// equal first tokens, is computed once.
func (b *Batch) AddPair(prompt, chosen, rejected []int32) {
	root, first := len(b.Parent), len(b.Tokens)
	k, most := 0, min(len(chosen), len(rejected))-1
	for k < most && chosen[k] == rejected[k] {
		k++
	}
	b.Tokens = append(b.Tokens, prompt...)
	b.segment(-1, chosen[:k])
	for _, c := range [][]int32{chosen, rejected} {
		own := len(b.Tokens)
		b.segment(root, c[k:len(c)-1])
		for i, id := range c {
			if i <= k {
				b.pick(first+len(prompt)+i-1, id)
			} else {
				b.pick(own+i-1-k, id)
			}
		}
		b.endSeq()
	}
}

// AddCompletion appends prompt+completion, of which the completion is scored.
func (b *Batch) AddCompletion(prompt, completion []int32) {
	first := len(b.Tokens)
	b.Tokens = append(b.Tokens, prompt...)
	b.segment(-1, completion[:len(completion)-1])
	for i, id := range completion {
		b.pick(first+len(prompt)+i-1, id)
	}
	b.endSeq()
}

// check refuses ids that the model lacks.
func checkIDs(id string, vocab int, parts ...[]int32) error {
	for _, p := range parts {
		for i, t := range p {
			if t < 0 || int(t) >= vocab {
				return fmt.Errorf("row %s: token %d is id %d, the model has %d", id, i, t, vocab)
			}
		}
	}
	return nil
}
