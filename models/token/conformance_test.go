package token

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// shared is the folder of shared data.
func shared() string {
	src := os.Getenv("HARDNEG_SHARED")
	if src == "" {
		src = filepath.Join("..", "..", "..", "shared")
	}
	return filepath.Join(src, "data")
}

// published unpacks the published tokenizer into a folder with the files
// named, or skips.
func published(tb testing.TB, names ...string) string {
	src := filepath.Join(shared(), "tokenizer")
	dir := tb.TempDir()
	for _, n := range names {
		b, err := gunzip(filepath.Join(src, n+".gz"))
		if os.IsNotExist(err) {
			tb.Skipf("no published tokenizer: set HARDNEG_SHARED to the folder that holds data/tokenizer")
		}
		if err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, n), b, 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

func gunzip(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

type conformanceRow struct {
	Kind, Source string
	Text         string
	SkipText     string `json:"text_skip_special"`
	IDs          []int32
	Messages     []Message
	Generate     bool `json:"add_generation_prompt"`
}

func rows(t *testing.T, dir, name string) []conformanceRow {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	var all []conformanceRow
	sc := bufio.NewScanner(bytes.NewReader(b))
	sc.Buffer(nil, 64<<20)
	for sc.Scan() {
		var r conformanceRow
		if err := json.Unmarshal(sc.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func TestConformance(t *testing.T) {
	for _, files := range [][]string{{"tokenizer.json"}, {"vocab.json", "merges.txt"}} {
		dir := published(t, append(files, "conformance.jsonl", "chat_conformance.jsonl")...)
		tok, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if tok.Size() != 151665 {
			t.Errorf("size %d", tok.Size())
		}
		all := rows(t, dir, "conformance.jsonl")
		if len(all) < 2327 {
			t.Errorf("%d rows, want 2327", len(all))
		}
		bad := 0
		for i, r := range all {
			ok := false
			if r.Kind == "encode" {
				ok = slices.Equal(tok.Encode(r.Text), r.IDs)
			} else {
				ok = tok.Decode(r.IDs) == r.Text && tok.DecodeText(r.IDs) == r.SkipText
			}
			if !ok {
				if bad++; bad < 6 {
					t.Errorf("row %d (%s, %s): %.60q", i+1, r.Kind, r.Source, r.Text)
				}
			}
		}
		if bad > 0 {
			t.Errorf("%d rows of %d differ", bad, len(all))
		}
		for i, r := range rows(t, dir, "chat_conformance.jsonl") {
			got, err := Chat(r.Messages, r.Generate)
			if err != nil || got != r.Text || !slices.Equal(tok.Encode(got), r.IDs) {
				t.Errorf("chat row %d: %q, %v", i+1, got, err)
			}
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	tok, err := Load(published(b, "tokenizer.json"))
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"gsm8k/train.jsonl.gz", "math/test.jsonl.gz"} {
		text, err := gunzip(filepath.Join(shared(), name))
		if err != nil {
			b.Skip(err)
		}
		b.Run(filepath.Dir(name), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			var ids []int32
			for b.Loop() {
				ids = tok.Append(ids[:0], string(text))
			}
		})
	}
}

// testdata/encode.jsonl holds texts of ours with the ids and the text without
// special tokens that Hugging Face tokenizers 0.23.3 gives for the tokenizer
// that small trains and Save writes.
func TestGolden(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "encode.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	tok := small(t)
	d := json.NewDecoder(bytes.NewReader(b))
	n := 0
	for ; d.More(); n++ {
		var r struct {
			Text, Decoded string
			IDs           []int32
		}
		if err := d.Decode(&r); err != nil {
			t.Fatal(err)
		}
		if got := tok.Encode(r.Text); !slices.Equal(got, r.IDs) {
			t.Errorf("%+q: %v, want %v", r.Text, got, r.IDs)
		}
		if got := tok.DecodeText(r.IDs); got != r.Decoded {
			t.Errorf("%+q comes back as %+q, want %+q", r.Text, got, r.Decoded)
		}
	}
	if n < 20 {
		t.Errorf("%d rows", n)
	}
}
