package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Load reads the tokenizer of a model folder: tokenizer.json, or vocab.json
// and merges.txt with the added tokens of tokenizer_config.json or
// added_tokens.json. A tokenizer of another kind is an error.
func Load(dir string) (*Tokenizer, error) {
	path := filepath.Join(dir, "tokenizer.json")
	b, err := os.ReadFile(path)
	if err == nil {
		return parseFast(path, b)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, broken(ErrInvalid, path, "%v", err)
	}
	return loadSlow(dir)
}

type fastFile struct {
	Added []struct {
		ID         int32  `json:"id"`
		Content    string `json:"content"`
		SingleWord bool   `json:"single_word"`
		LStrip     bool   `json:"lstrip"`
		RStrip     bool   `json:"rstrip"`
		Normalized bool   `json:"normalized"`
		Special    bool   `json:"special"`
	} `json:"added_tokens"`
	Normalizer *struct {
		Type string `json:"type"`
	} `json:"normalizer"`
	Pre   json.RawMessage `json:"pre_tokenizer"`
	Model struct {
		Type         string            `json:"type"`
		Dropout      *float64          `json:"dropout"`
		Prefix       string            `json:"continuing_subword_prefix"`
		Suffix       string            `json:"end_of_word_suffix"`
		ByteFallback bool              `json:"byte_fallback"`
		IgnoreMerges bool              `json:"ignore_merges"`
		Vocab        map[string]int32  `json:"vocab"`
		Merges       []json.RawMessage `json:"merges"`
	} `json:"model"`
}

func parseFast(path string, b []byte) (*Tokenizer, error) {
	var f fastFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, broken(ErrInvalid, path, "%v", err)
	}
	if err := f.supported(); err != nil {
		return nil, broken(ErrUnsupported, path, "%v", err)
	}
	merges := make([][2]string, len(f.Model.Merges))
	for i, m := range f.Model.Merges {
		var s string
		if json.Unmarshal(m, &s) == nil {
			l, r, ok := strings.Cut(s, " ")
			if !ok {
				return nil, broken(ErrInvalid, path, "merge %d %q is no pair", i, s)
			}
			merges[i] = [2]string{l, r}
		} else if err := json.Unmarshal(m, &merges[i]); err != nil {
			return nil, broken(ErrInvalid, path, "merge %d: %v", i, err)
		}
	}
	var added []Added
	for _, a := range f.Added {
		if a.SingleWord || a.LStrip || a.RStrip || a.Normalized {
			return nil, broken(ErrUnsupported, path, "added token %q: single_word, lstrip, rstrip and normalized must be false", a.Content)
		}
		added = append(added, Added{ID: a.ID, Content: a.Content, Special: a.Special})
	}
	return build(path, f.Model.Vocab, merges, added, f.Model.IgnoreMerges)
}

// supported compares everything but the vocabulary with what we compute.
func (f *fastFile) supported() error {
	m := f.Model
	switch {
	case m.Type != "BPE":
		return fmt.Errorf("model %q, want BPE", m.Type)
	case m.Dropout != nil && *m.Dropout != 0, m.Prefix != "", m.Suffix != "", m.ByteFallback:
		return errors.New("dropout, continuing_subword_prefix, end_of_word_suffix or byte_fallback is set")
	case f.Normalizer == nil || f.Normalizer.Type != "NFC":
		return errors.New("the normalizer is not NFC")
	}
	type step struct {
		Type     string                  `json:"type"`
		Pattern  struct{ Regex *string } `json:"pattern"`
		Behavior string                  `json:"behavior"`
		Invert   bool                    `json:"invert"`
		Prefix   bool                    `json:"add_prefix_space"`
		UseRegex bool                    `json:"use_regex"`
	}
	var p struct {
		Type  string `json:"type"`
		Steps []step `json:"pretokenizers"`
	}
	if err := json.Unmarshal(f.Pre, &p); err != nil {
		return fmt.Errorf("pre_tokenizer: %w", err)
	}
	ok := p.Type == "Sequence" && len(p.Steps) == 2
	if ok {
		s, b := p.Steps[0], p.Steps[1]
		ok = s.Type == "Split" && s.Pattern.Regex != nil && *s.Pattern.Regex == Pattern && s.Behavior == "Isolated" && !s.Invert &&
			b.Type == "ByteLevel" && !b.Prefix && !b.UseRegex
	}
	if !ok {
		return errors.New("the pre_tokenizer is not that of Qwen2")
	}
	return nil
}

// loadSlow reads vocab.json and merges.txt.
func loadSlow(dir string) (*Tokenizer, error) {
	path := filepath.Join(dir, "vocab.json")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, broken(ErrMissing, dir, "neither tokenizer.json nor vocab.json; give the folder of a Qwen2 or Qwen2.5 model")
	}
	if err != nil {
		return nil, broken(ErrInvalid, path, "%v", err)
	}
	var vocab map[string]int32
	if err := json.Unmarshal(b, &vocab); err != nil {
		return nil, broken(ErrInvalid, path, "%v", err)
	}
	path = filepath.Join(dir, "merges.txt")
	if b, err = os.ReadFile(path); err != nil {
		return nil, broken(ErrMissing, path, "%v", err)
	}
	var merges [][2]string
	for i, line := range strings.Split(string(b), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" || i == 0 && strings.HasPrefix(line, "#version") {
			continue
		}
		l, r, ok := strings.Cut(line, " ")
		if !ok {
			return nil, broken(ErrInvalid, path, "line %d %q is no pair", i+1, line)
		}
		merges = append(merges, [2]string{l, r})
	}
	added, err := slowAdded(dir)
	if err != nil {
		return nil, err
	}
	if added == nil && len(vocab) == qwenVocab {
		added = qwenAdded()
	}
	return build(path, vocab, merges, added, false)
}

// slowAdded reads the added tokens beside vocab.json.
func slowAdded(dir string) ([]Added, error) {
	path := filepath.Join(dir, "tokenizer_config.json")
	var c struct {
		Added map[string]struct {
			Content string `json:"content"`
			Special bool   `json:"special"`
		} `json:"added_tokens_decoder"`
	}
	if b, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(b, &c); err != nil {
			return nil, broken(ErrInvalid, path, "%v", err)
		}
	}
	var added []Added
	for k, a := range c.Added {
		id, err := strconv.ParseInt(k, 10, 32)
		if err != nil {
			return nil, broken(ErrInvalid, path, "added_tokens_decoder: id %q", k)
		}
		added = append(added, Added{ID: int32(id), Content: a.Content, Special: a.Special})
	}
	if added != nil {
		return added, nil
	}
	path = filepath.Join(dir, "added_tokens.json")
	var ids map[string]int32
	if b, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(b, &ids); err != nil {
			return nil, broken(ErrInvalid, path, "%v", err)
		}
	}
	for s, id := range ids {
		added = append(added, Added{ID: id, Content: s, Special: special(s)})
	}
	return added, nil
}

// build checks vocabulary, merges and added tokens against one another.
func build(path string, vocab map[string]int32, merges [][2]string, added []Added, ignoreMerges bool) (*Tokenizer, error) {
	t := &Tokenizer{added: map[int32]Added{}, merges: make(map[uint64]merge, len(merges)), class: newClasses()}
	if len(vocab) == 0 {
		return nil, broken(ErrInvalid, path, "the vocabulary is empty")
	}
	for s, id := range vocab {
		if id < 0 || id > maxID {
			return nil, broken(ErrInvalid, path, "id %d of %q", id, s)
		}
		t.size = max(t.size, int(id)+1)
	}
	t.bytes = make([][]byte, t.size)
	rev := unicodeBytes()
	for s, id := range vocab {
		if t.bytes[id] != nil {
			return nil, broken(ErrInvalid, path, "id %d belongs to %q and another entry", id, s)
		}
		t.bytes[id] = fromUnicode(rev, s)
	}
	alphabet := byteUnicode()
	for b := range 256 {
		id, ok := vocab[string(alphabet[b])]
		if !ok {
			return nil, broken(ErrUnsupported, path, "byte %#x has no entry: not a byte-level vocabulary", b)
		}
		t.single[b] = id
	}
	for i, m := range merges {
		l, okL := vocab[m[0]]
		r, okR := vocab[m[1]]
		id, ok := vocab[m[0]+m[1]]
		if !ok || !okL || !okR {
			return nil, broken(ErrInvalid, path, "merge %d %q names an unknown entry", i, m)
		}
		p := pair(l, r)
		t.merges[p] = merge{int32(i), id}
		t.order = append(t.order, p)
	}
	if ignoreMerges {
		t.whole = make(map[string]int32, len(vocab))
		for id, b := range t.bytes {
			if b != nil {
				t.whole[string(b)] = int32(id)
			}
		}
	}
	return t, t.addAll(path, added)
}

// maxID bounds ids, so that a hostile file cannot make us allocate.
const maxID = 1 << 22

func (t *Tokenizer) addAll(path string, added []Added) error {
	seen := map[string]bool{}
	rev := unicodeBytes()
	for _, a := range added {
		if a.ID < 0 || a.ID > maxID || a.Content == "" || seen[a.Content] {
			return broken(ErrInvalid, path, "added token %q with id %d: empty, given twice, or out of range", a.Content, a.ID)
		}
		if old, ok := t.added[a.ID]; ok {
			return broken(ErrInvalid, path, "added tokens %q and %q share id %d", old.Content, a.Content, a.ID)
		}
		if int(a.ID) < len(t.bytes) && t.bytes[a.ID] != nil && !bytes.Equal(t.bytes[a.ID], fromUnicode(rev, a.Content)) {
			return broken(ErrInvalid, path, "added token %q has the id %d of a vocabulary entry", a.Content, a.ID)
		}
		seen[a.Content] = true
		a.bytes = fromUnicode(rev, a.Content) // the published decoder treats it like a vocabulary entry
		t.added[a.ID] = a
		t.size = max(t.size, int(a.ID)+1)
	}
	t.finder = newFinder(t.added)
	return nil
}
