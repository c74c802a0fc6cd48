package token

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
)

// Save writes tokenizer.json and tokenizer_config.json into a folder, in the
// form that Hugging Face libraries load. The same tokenizer gives the same bytes.
func (t *Tokenizer) Save(dir string) error {
	b, err := t.marshal()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), b, 0o644); err != nil {
		return err
	}
	config := map[string]any{
		"tokenizer_class": "Qwen2Tokenizer", "add_bos_token": false, "add_prefix_space": false, "bos_token": nil,
		"unk_token": nil, "errors": "replace", "clean_up_tokenization_spaces": false, "model_max_length": 32768,
		"split_special_tokens": false,
	}
	decoder := map[string]any{}
	for id, a := range t.added {
		decoder[fmt.Sprint(id)] = addedEntry(a, false)
	}
	config["added_tokens_decoder"] = decoder
	if _, ok := t.ID("<|endoftext|>"); ok {
		config["eos_token"], config["pad_token"] = "<|endoftext|>", "<|endoftext|>"
	}
	if b, err = indent(config); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "tokenizer_config.json"), b, 0o644)
}

func addedEntry(a Added, withID bool) map[string]any {
	m := map[string]any{"content": a.Content, "single_word": false, "lstrip": false, "rstrip": false,
		"normalized": false, "special": a.Special}
	if withID {
		m["id"] = a.ID
	}
	return m
}

func indent(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}

// ordered is a vocabulary that is written in the order of its ids.
type ordered []string

// MarshalJSON writes one entry after another.
func (o ordered) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for id, s := range o {
		if s == "" {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		k, err := json.Marshal(s)
		if err != nil {
			return nil, err
		}
		b = fmt.Appendf(append(b, k...), ":%d", id)
	}
	return append(b, '}'), nil
}

func (t *Tokenizer) marshal() ([]byte, error) {
	alphabet := byteUnicode()
	vocab := make(ordered, len(t.bytes))
	for id, b := range t.bytes {
		if b != nil {
			vocab[id] = toUnicode(&alphabet, b)
		}
	}
	merges := make([][2]string, len(t.order))
	for i, p := range t.order {
		merges[i] = [2]string{vocab[p>>32], vocab[uint32(p)]}
	}
	ids := make([]int, 0, len(t.added))
	for id := range t.added {
		ids = append(ids, int(id))
	}
	sort.Ints(ids)
	added := make([]any, 0, len(ids))
	for _, id := range ids {
		added = append(added, addedEntry(t.added[int32(id)], true))
	}
	level := map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false}
	return indent(map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": added,
		"normalizer": map[string]any{"type": "NFC"},
		"pre_tokenizer": map[string]any{"type": "Sequence", "pretokenizers": []any{
			map[string]any{"type": "Split", "pattern": map[string]any{"Regex": Pattern}, "behavior": "Isolated", "invert": false}, level,
		}},
		"post_processor": level, "decoder": level,
		"model": map[string]any{"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": "",
			"end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false, "ignore_merges": t.whole != nil,
			"vocab": vocab, "merges": merges},
	})
}
