package token

// scratch is one worker: a cache of pre-tokens and the buffers of a merge.
type scratch struct {
	t     *Tokenizer
	cache map[string][]int32
	arena []int32 // ids of cached pre-tokens lie one after another
	nodes []node
	heap  []candidate
}

// node is a symbol of the pre-token being merged, in a doubly linked list.
type node struct {
	id         int32
	prev, next int32 // -1 at the ends
}

// candidate is a possible merge of the node at position at with the one after.
type candidate struct {
	rank, at, id int32
	left, right  int32 // ids when it was found; it is stale if they changed
}

const (
	cacheEntries = 1 << 17 // then the cache starts afresh
	cacheBytes   = 48      // longer pre-tokens rarely come back
)

func newScratch(t *Tokenizer) *scratch {
	return &scratch{t: t, cache: make(map[string][]int32, 1<<12)}
}

// segment appends the ids of normalised text without added tokens.
func (s *scratch) segment(ids []int32, text string) []int32 {
	for i := 0; i < len(text); {
		e := s.t.class.next(text, i)
		ids = s.word(ids, text[i:e])
		i = e
	}
	return ids
}

// word appends the ids of one pre-token.
func (s *scratch) word(ids []int32, w string) []int32 {
	if len(w) == 1 {
		return append(ids, s.t.single[w[0]])
	}
	if got, ok := s.cache[w]; ok {
		return append(ids, got...)
	}
	from := len(ids)
	if id, ok := s.t.whole[w]; ok {
		ids = append(ids, id)
	} else {
		ids = s.merge(ids, w)
	}
	if len(w) <= cacheBytes {
		if len(s.cache) >= cacheEntries {
			clear(s.cache)
			s.arena = nil
		}
		n := len(s.arena)
		if n+len(w) > cap(s.arena) {
			s.arena, n = make([]int32, 0, 1<<14), 0
		}
		s.arena = append(s.arena, ids[from:]...)
		s.cache[string([]byte(w))] = s.arena[n:len(s.arena):len(s.arena)]
	}
	return ids
}

// merge joins the bytes of w pair by pair, lowest rank first, leftmost first
// among equals.
func (s *scratch) merge(ids []int32, w string) []int32 {
	s.nodes, s.heap = s.nodes[:0], s.heap[:0]
	for i := range len(w) {
		s.nodes = append(s.nodes, node{s.t.single[w[i]], int32(i - 1), int32(i + 1)})
	}
	s.nodes[len(w)-1].next = -1
	for i := range len(w) - 1 {
		s.consider(int32(i))
	}
	for len(s.heap) > 0 {
		c := s.pop()
		a := &s.nodes[c.at]
		if a.id != c.left || a.next < 0 || s.nodes[a.next].id != c.right {
			continue
		}
		gone := &s.nodes[a.next]
		a.id, a.next, gone.id = c.id, gone.next, -1
		if a.next >= 0 {
			s.nodes[a.next].prev = c.at
			s.consider(c.at)
		}
		if a.prev >= 0 {
			s.consider(a.prev)
		}
	}
	for i := int32(0); i >= 0; i = s.nodes[i].next {
		ids = append(ids, s.nodes[i].id)
	}
	return ids
}

// consider pushes the merge of node at with its successor, if there is one.
func (s *scratch) consider(at int32) {
	l := s.nodes[at].id
	r := s.nodes[s.nodes[at].next].id
	if m, ok := s.t.merges[pair(l, r)]; ok {
		s.push(candidate{m.rank, at, m.id, l, r})
	}
}

func (c candidate) before(d candidate) bool {
	return c.rank < d.rank || c.rank == d.rank && c.at < d.at
}

func (s *scratch) push(c candidate) {
	h := append(s.heap, c)
	i := len(h) - 1
	for i > 0 && c.before(h[(i-1)/2]) {
		h[i] = h[(i-1)/2]
		i = (i - 1) / 2
	}
	h[i] = c
	s.heap = h
}

func (s *scratch) pop() candidate {
	h := s.heap
	top, c := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	s.heap = h
	if len(h) == 0 {
		return top
	}
	i := 0
	for {
		k := 2*i + 1
		if k >= len(h) {
			break
		}
		if k+1 < len(h) && h[k+1].before(h[k]) {
			k++
		}
		if !h[k].before(c) {
			break
		}
		h[i] = h[k]
		i = k
	}
	h[i] = c
	return top
}
