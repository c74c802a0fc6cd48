package token

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"hardneg/fixtures/peertest"
	"hardneg/fixtures/seed"
)

// Chat equals the published template, rendered by transformers, for random
// sequences of roles. .ci/run makes the Python environment and names it by
// HARDNEG_PEERS.
func TestChatAgainstTemplate(t *testing.T) {
	python := peertest.Python(t, "transformers", "jinja2")
	template := filepath.Join(shared(), "tokenizer", "chat_template.jinja")
	if _, err := os.Stat(template); err != nil {
		t.Skip("no published template: set HARDNEG_SHARED to the folder that holds data/tokenizer")
	}

	roles := []string{"system", "user", "assistant", "tool"}
	texts := []string{"", "x", "two\nlines", " spaces around ", "<|im_end|>", "{{ 7 * 6 }}", "{% raw %}", "ſ é 数学 \U0001f600", "\n", "a\r\nb\t", "</tool_response>"}
	type conversation struct {
		Messages []Message `json:"messages"`
		Generate bool      `json:"generate"`
	}
	var all []conversation
	for i := range 600 {
		k := seed.Derive(8, "chat", i)
		c := conversation{Generate: k.Index(0, 2) == 0}
		for j := range 1 + k.Index(1, 7) {
			n := uint64(2 + 2*j)
			c.Messages = append(c.Messages, Message{roles[k.Index(n, 4)], texts[k.Index(n+1, len(texts))]})
		}
		all = append(all, c)
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "conversations.json")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(python, filepath.Join("testdata", "peers", "chat.py"), template, path)
	c.Env = append(os.Environ(), "HF_HUB_OFFLINE=1", "PYTHONSAFEPATH=1")
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var want []string
	if err := json.Unmarshal(stdout.Bytes(), &want); err != nil || len(want) != len(all) {
		t.Fatalf("%d answers for %d conversations: %v", len(want), len(all), err)
	}
	for i, c := range all {
		got, err := Chat(c.Messages, c.Generate)
		if err != nil || got != want[i] {
			t.Fatalf("conversation %d %+v: %v\n%q, want\n%q", i, c, err, got, want[i])
		}
	}
}
