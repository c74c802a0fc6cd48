package cli

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"hardneg/fixtures"
)

// The committed tokenizer is what the command writes with its defaults.
func TestTokenizerOfTheTinyModelIsReproducible(t *testing.T) {
	dir := t.TempDir()
	var out, errs bytes.Buffer
	if code := Main(t.Context(), []string{"hardneg", "tokenizer", "train", "--out", dir}, nil, &out, &errs); code != ExitOK {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	for _, name := range []string{"tokenizer.json", "tokenizer_config.json"} {
		want, err := fs.ReadFile(fixtures.Tiny(), name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs from fixtures/tiny (%v); `hardneg tokenizer train --out fixtures/tiny` makes it anew, and then the tiny model must be trained anew", name, err)
		}
	}
	for _, args := range [][]string{{"--vocab", "9"}, {"--source", "synth/none"}} {
		args = append([]string{"hardneg", "tokenizer", "train", "--out", dir}, args...)
		if code := Main(t.Context(), args, nil, &out, &errs); code != ExitUsage {
			t.Errorf("%v: exit %d, want %d", args, code, ExitUsage)
		}
	}
}
