// Package token turns text into the token ids of Qwen2.5 and back: byte-level
// BPE exactly as the published tokenizer does it, the chat template and the
// prompt formats, and a small trainer for tokenizers of the same kind.
//
// An added token, such as <|im_end|>, is cut out of the text before anything
// else; special ones are left out of a decoded text on request. What lies
// between is brought to Unicode normal form C and cut by the published pattern
// into pre-tokens; the bytes of a pre-token are joined pair by pair in the
// order of the merges.
//
// A Tokenizer enters through Load (a folder with tokenizer.json, or vocab.json
// and merges.txt) or Train, and leaves through Save. It is safe for use by
// several goroutines.
//
// # Why
//
// The pattern needs look-ahead and Unicode white space, which Go's regexp
// lacks, so the pre-tokenizer is a state machine written by hand (pretoken.go).
// Normalisation is golang.org/x/text's, except for long runs of combining
// marks, where that package would insert a character for stream safety
// (normal.go). Pre-tokens repeat, so their ids are cached; an uncached one is
// merged through a heap, which keeps a megabyte of one letter at n log n.
package token

import (
	"errors"
	"fmt"
	"sync"
)

// Sentinels for callers that branch, for instance on the exit code.
var (
	// ErrMissing: the folder has no tokenizer.
	ErrMissing = errors.New("missing")
	// ErrInvalid: a tokenizer file is damaged or contradicts itself.
	ErrInvalid = errors.New("invalid")
	// ErrUnsupported: a sound tokenizer of another kind.
	ErrUnsupported = errors.New("unsupported")
)

// Unfit reports whether err means that the tokenizer is missing or unusable,
// as opposed to a fault of the program.
func Unfit(err error) bool {
	return errors.Is(err, ErrMissing) || errors.Is(err, ErrInvalid) || errors.Is(err, ErrUnsupported)
}

// Added is a token that is found in the text before normalisation.
type Added struct {
	ID      int32
	Content string
	Special bool // left out by DecodeText

	bytes []byte // what it decodes to
}

// Tokenizer holds a vocabulary and its merges.
type Tokenizer struct {
	bytes  [][]byte         // bytes of each id; nil for holes and added tokens
	added  map[int32]Added  // by id
	finder finder           // cuts added tokens out of a text
	single [256]int32       // id of each single byte
	merges map[uint64]merge // pair of ids → rank and result
	order  []uint64         // the pairs in rank order
	whole  map[string]int32 // ignore_merges: a pre-token that is a vocabulary entry is taken whole; else nil
	size   int              // one more than the largest id
	class  *classes

	mu   sync.Mutex
	free []*scratch
}

type merge struct {
	rank int32
	id   int32
}

func pair(a, b int32) uint64 { return uint64(uint32(a))<<32 | uint64(uint32(b)) }

// Size is one more than the largest id. An embedding may have more rows.
func (t *Tokenizer) Size() int { return t.size }

// ID finds a token by its text: an added token, or a vocabulary entry with
// exactly these bytes.
func (t *Tokenizer) ID(text string) (int32, bool) {
	for id, a := range t.added {
		if a.Content == text {
			return id, true
		}
	}
	for id, b := range t.bytes {
		if b != nil && string(b) == text {
			return int32(id), true
		}
	}
	return 0, false
}

// Bytes gives the bytes that a token stands for, nil for an unknown id.
func (t *Tokenizer) Bytes(id int32) []byte {
	if a, ok := t.added[id]; ok {
		return a.bytes
	}
	if id < 0 || int(id) >= len(t.bytes) {
		return nil
	}
	return t.bytes[id]
}

// Special reports whether id is a special added token.
func (t *Tokenizer) Special(id int32) bool { return t.added[id].Special }

// Encode appends no tokens of its own; added tokens in the text are recognised.
func (t *Tokenizer) Encode(text string) []int32 { return t.Append(nil, text) }

// Append is Encode into a slice that may have room already.
func (t *Tokenizer) Append(ids []int32, text string) []int32 {
	s := t.take()
	defer t.give(s)
	for text != "" {
		at, end, id := t.finder.next(text)
		ids = s.segment(ids, nfc(text[:at]))
		if end == at {
			return ids
		}
		ids = append(ids, id)
		text = text[end:]
	}
	return ids
}

// EncodePlain takes added tokens in the text for ordinary text: what a model
// or a user wrote must not be able to end a turn.
func (t *Tokenizer) EncodePlain(text string) []int32 {
	s := t.take()
	defer t.give(s)
	return s.segment(nil, nfc(text))
}

// take borrows a worker with its cache; give returns it.
func (t *Tokenizer) take() *scratch {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.free); n > 0 {
		s := t.free[n-1]
		t.free = t.free[:n-1]
		return s
	}
	return newScratch(t)
}

func (t *Tokenizer) give(s *scratch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.free) < 16 {
		t.free = append(t.free, s)
	}
}

func broken(kind error, file, format string, a ...any) error {
	return fmt.Errorf("%s: %w tokenizer: %s", file, kind, fmt.Sprintf(format, a...))
}
