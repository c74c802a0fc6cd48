package token

import "sort"

// finder finds added tokens: the leftmost, and of several the longest.
type finder struct {
	first [256]bool         // bytes that an added token can start with
	by    map[byte][]needle // longest first
}

type needle struct {
	text string
	id   int32
}

func newFinder(added map[int32]Added) finder {
	f := finder{by: map[byte][]needle{}}
	for id, a := range added {
		b := a.Content[0]
		f.first[b] = true
		f.by[b] = append(f.by[b], needle{a.Content, id})
	}
	for _, ns := range f.by {
		sort.Slice(ns, func(i, j int) bool {
			if len(ns[i].text) != len(ns[j].text) {
				return len(ns[i].text) > len(ns[j].text)
			}
			return ns[i].id < ns[j].id
		})
	}
	return f
}

// next finds the first added token in s[at:end]; at = end = len(s) if there is none.
func (f *finder) next(s string) (at, end int, id int32) {
	for i := 0; i < len(s); i++ {
		if !f.first[s[i]] {
			continue
		}
		for _, n := range f.by[s[i]] {
			if len(s)-i >= len(n.text) && s[i:i+len(n.text)] == n.text {
				return i, i + len(n.text), n.id
			}
		}
	}
	return len(s), len(s), 0
}
