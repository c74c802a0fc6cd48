package token

import (
	"bytes"
	"container/heap"
	"fmt"
	"sort"
)

// Train makes a tokenizer of the same kind with exactly size ids: 256 bytes,
// merges learnt from the texts, and the special tokens given, which get the
// last ids. The most frequent pair is merged first; of equally frequent ones
// the pair whose bytes come first. Neither the order of texts nor the machine
// matters. It fails where the texts have too few different pairs.
func Train(texts []string, size int, specials []string) (*Tokenizer, error) {
	wanted := size - 256 - len(specials)
	if wanted < 0 {
		return nil, fmt.Errorf("train tokenizer: size %d has no room for 256 bytes and %d special tokens", size, len(specials))
	}
	tr := newTrainer(texts)
	for len(tr.pairs) < wanted {
		if !tr.step() {
			return nil, fmt.Errorf("train tokenizer: the texts give %d merges, %d wanted; use more text or a smaller size", len(tr.pairs), wanted)
		}
	}
	alphabet := byteUnicode()
	vocab := map[string]int32{}
	for id, b := range tr.tokens {
		vocab[toUnicode(&alphabet, b)] = int32(id)
	}
	var merges [][2]string
	for _, p := range tr.pairs {
		merges = append(merges, [2]string{toUnicode(&alphabet, tr.tokens[p[0]]), toUnicode(&alphabet, tr.tokens[p[1]])})
	}
	var added []Added
	for i, s := range specials {
		added = append(added, Added{ID: int32(256 + wanted + i), Content: s, Special: true})
	}
	return build("trained", vocab, merges, added, false)
}

// trainer holds the distinct pre-tokens with their counts.
type trainer struct {
	words  []trainWord
	tokens [][]byte
	pairs  [][2]int32
	have   map[string]bool           // bytes of all tokens: one token a byte string
	count  map[uint64]int            // occurrences of each pair
	where  map[uint64]map[int32]bool // words that hold or held it
	queue  pairQueue
}

type trainWord struct {
	ids []int32
	n   int
}

func newTrainer(texts []string) *trainer {
	class := newClasses()
	counts := map[string]int{}
	for _, s := range texts {
		s = nfc(s)
		for i := 0; i < len(s); {
			e := class.next(s, i)
			counts[s[i:e]]++
			i = e
		}
	}
	tr := &trainer{have: map[string]bool{}, count: map[uint64]int{}, where: map[uint64]map[int32]bool{}}
	id := map[byte]int32{}
	for b, r := range byteUnicode() { // published order: printable bytes first
		if r < 256 {
			id[byte(b)] = int32(len(tr.tokens))
			tr.tokens = append(tr.tokens, []byte{byte(b)})
		}
	}
	for b, r := range byteUnicode() {
		if r >= 256 {
			id[byte(b)] = int32(len(tr.tokens))
			tr.tokens = append(tr.tokens, []byte{byte(b)})
		}
	}
	words := make([]string, 0, len(counts))
	for w := range counts {
		words = append(words, w)
	}
	sort.Strings(words)
	for _, w := range words {
		tw := trainWord{n: counts[w]}
		for i := range len(w) {
			tw.ids = append(tw.ids, id[w[i]])
		}
		tr.words = append(tr.words, tw)
	}
	touched := map[uint64]bool{}
	for i := range tr.words {
		tr.tally(int32(i), 1, touched)
	}
	tr.enqueue(touched)
	return tr
}

// tally adds sign times the word's pairs to the counts.
func (tr *trainer) tally(word int32, sign int, touched map[uint64]bool) {
	w := tr.words[word]
	for i := 1; i < len(w.ids); i++ {
		p := pair(w.ids[i-1], w.ids[i])
		tr.count[p] += sign * w.n
		touched[p] = true
		if sign > 0 {
			if tr.where[p] == nil {
				tr.where[p] = map[int32]bool{}
			}
			tr.where[p][word] = true
		}
	}
}

func (tr *trainer) enqueue(touched map[uint64]bool) {
	for p := range touched { // the queue's order is total, so that of the map does not matter
		if n := tr.count[p]; n > 0 {
			l, r := int32(p>>32), int32(uint32(p))
			heap.Push(&tr.queue, queued{p, n, tr.tokens[l], tr.tokens[r]})
		}
	}
}

// step learns one merge, false if no pair is left.
func (tr *trainer) step() bool {
	for tr.queue.Len() > 0 {
		q := heap.Pop(&tr.queue).(queued)
		l, r := int32(q.pair>>32), int32(uint32(q.pair))
		joined := string(q.left) + string(q.right)
		if tr.count[q.pair] != q.n || tr.have[joined] {
			continue // counted anew since, or another pair makes the same bytes
		}
		tr.have[joined] = true
		id := int32(len(tr.tokens))
		tr.tokens = append(tr.tokens, []byte(joined))
		tr.pairs = append(tr.pairs, [2]int32{l, r})
		touched := map[uint64]bool{}
		for w := range tr.where[q.pair] {
			tr.tally(w, -1, touched)
			tr.words[w].ids = replace(tr.words[w].ids, l, r, id)
			tr.tally(w, 1, touched)
		}
		tr.enqueue(touched)
		return true
	}
	return false
}

// replace joins l r to id in place, from the left.
func replace(ids []int32, l, r, id int32) []int32 {
	out := ids[:0]
	for i := 0; i < len(ids); i++ {
		if i+1 < len(ids) && ids[i] == l && ids[i+1] == r {
			out = append(out, id)
			i++
		} else {
			out = append(out, ids[i])
		}
	}
	return out
}

type queued struct {
	pair        uint64
	n           int
	left, right []byte
}

// pairQueue is a heap.Interface: most frequent first, then by bytes.
type pairQueue []queued

func (q pairQueue) Len() int { return len(q) }

func (q pairQueue) Less(i, j int) bool {
	a, b := q[i], q[j]
	if a.n != b.n {
		return a.n > b.n
	}
	if c := bytes.Compare(a.left, b.left); c != 0 {
		return c < 0
	}
	if c := bytes.Compare(a.right, b.right); c != 0 {
		return c < 0
	}
	return a.pair < b.pair
}

func (q pairQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push is for container/heap.
func (q *pairQueue) Push(x any) { *q = append(*q, x.(queued)) }

// Pop is for container/heap.
func (q *pairQueue) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}
