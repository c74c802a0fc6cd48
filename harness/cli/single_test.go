package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hardneg/ablations/pair"
	"hardneg/fixtures/seed"
	"hardneg/models/checkpoint"
	"hardneg/models/qwen2"
	"hardneg/models/token"
)

// tinyModel writes a random model with a tokenizer.
func tinyModel(t *testing.T) string {
	t.Helper()
	tok, err := token.Train([]string{"Tom has 3 apples and buys 4 more. How many apples has he now? 3 + 4 = 7 #### 7"}, 290,
		[]string{"<|endoftext|>", "<|im_start|>", "<|im_end|>"})
	if err != nil {
		t.Fatal(err)
	}
	from := t.TempDir()
	if err := tok.Save(from); err != nil {
		t.Fatal(err)
	}
	p := qwen2.NewParams(&checkpoint.Config{Hidden: 32, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 16, FFN: 48, Vocab: 290,
		MaxPositions: 256, Eps: 1e-6, Tied: true, DType: "float32", BOS: -1, EOS: []int{287}, Rope: checkpoint.Rope{Theta: 1e4, Type: "default"}})
	p.Init(seed.Derive(1, "tiny"), 0.1)
	dir := filepath.Join(t.TempDir(), "model")
	if err := p.Save(dir, checkpoint.WriteOptions{From: from}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// invoke runs a command line on standard input.
func invoke(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = Main(context.Background(), append([]string{"hardneg"}, args...), strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

func TestSampleCommand(t *testing.T) {
	model, dir := tinyModel(t), t.TempDir()
	in := `{"question":"How many is 3 + 4?","gold":"7"}` + "\n\n" + `{"id":"b","question":"And 4 + 3?","reference":"4 + 3 = 7"}` + "\n"
	var first []byte
	for i, threads := range []string{"1", "2"} {
		out := filepath.Join(dir, fmt.Sprint(i))
		if code, _, errs := invoke(in, "sample", "--model", model, "--out", out, "--n", "3", "--max-new", "12", "--threads", threads, "--prompt", "plain"); code != 0 {
			t.Fatalf("exit %d: %s", code, errs)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b
		} else if !bytes.Equal(first, b) {
			t.Error("two threads give other samples than one")
		}
		if _, err := os.Stat(out + ".partial"); err == nil {
			t.Error("partial work is left over")
		}
	}
	lines := bytes.Split(bytes.TrimSpace(first), []byte("\n"))
	var c pair.Candidate
	if err := json.Unmarshal(lines[len(lines)-1], &c); err != nil || len(lines) != 6 || c.ID != "b-2" || c.Reference != "4 + 3 = 7" || c.Tokens < 1 || c.LogProb >= 0 {
		t.Errorf("%d rows, last %+v, %v", len(lines), c, err)
	}
	for name, x := range map[string]struct {
		in   string
		args []string
		code int
		says string
	}{
		"bad row":   {"{\"question\":\"a\"}\n{\"questoin\":\"b\"}\n", []string{"--model", model}, ExitUsage, "-:2:"},
		"twice":     {"{\"question\":\"a\"}\n{\"question\":\"a\"}\n", []string{"--model", model}, ExitUsage, "twice"},
		"empty":     {"", []string{"--model", model}, ExitUsage, "no row"},
		"flag":      {in, []string{"--model", model, "--top-p", "2"}, ExitUsage, "top-p"},
		"format":    {in, []string{"--model", model, "--prompt", "alpaca"}, ExitUsage, "alpaca"},
		"no model":  {in, []string{"--model", filepath.Join(dir, "none")}, ExitEnvironment, "no such file"},
		"no cached": {in, []string{"--model", "nobody/nothing"}, ExitEnvironment, "Hub cache"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("HF_HUB_CACHE", t.TempDir())
			t.Setenv("HF_HUB_OFFLINE", "1")
			code, _, errs := invoke(x.in, append([]string{"sample", "--out", filepath.Join(t.TempDir(), "o")}, x.args...)...)
			if code != x.code || !strings.Contains(errs, x.says) {
				t.Errorf("exit %d, want %d with %q: %s", code, x.code, x.says, errs)
			}
		})
	}
}

func TestTrainCommands(t *testing.T) {
	model, dir := tinyModel(t), t.TempDir()
	var rows, pairs strings.Builder
	for i := range 8 {
		fmt.Fprintf(&rows, "{\"question\":\"%d + 4?\",\"solution\":\"%d #### %d\"}\n", i, i+4, i+4)
		fmt.Fprintf(&pairs, "{\"prompt\":\"%d + 4?\",\"chosen\":\"%d\",\"rejected\":\"%d\",\"weight\":%g}\n", i, i+4, i+5, 0.5+float64(i)/8)
	}
	common := []string{"--model", model, "--batch", "4", "--lr", "0.01", "--epochs", "3", "--schedule", "constant", "--warmup", "0"}
	losses := func(out string) (first, last float64) {
		b, err := os.ReadFile(filepath.Join(out, "steps.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		for i, l := range lines {
			var m struct{ Loss float64 }
			if err := json.Unmarshal([]byte(l), &m); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first = m.Loss
			}
			last = m.Loss
		}
		if len(lines) != 6 {
			t.Errorf("%d steps, want 6", len(lines))
		}
		return first, last
	}
	for _, x := range []struct{ kind, in string }{{"sft", rows.String()}, {"dpo", pairs.String()}} {
		out := filepath.Join(dir, x.kind)
		if code, _, errs := invoke(x.in, append([]string{"train", x.kind, "--out", out}, common...)...); code != 0 {
			t.Fatalf("%s: exit %d: %s", x.kind, code, errs)
		}
		if first, last := losses(out); !(last < first) {
			t.Errorf("%s: loss went from %g to %g", x.kind, first, last)
		}
		if _, err := qwen2.Load(filepath.Join(out, "model")); err != nil {
			t.Error(err)
		}
		if _, err := token.Load(filepath.Join(out, "model")); err != nil {
			t.Error(err)
		}
		if code, _, errs := invoke(x.in, append([]string{"train", x.kind, "--out", out}, common...)...); code != ExitUsage {
			t.Errorf("%s: writing over a result: exit %d: %s", x.kind, code, errs)
		}
	}
	if code, _, errs := invoke("{\"prompt\":\"a\",\"chosen\":\"b\"}\n", append([]string{"train", "dpo", "--out", filepath.Join(dir, "x")}, common...)...); code != ExitUsage || !strings.Contains(errs, "-:1:") {
		t.Errorf("bad pair: exit %d: %s", code, errs)
	}
}

func TestTokenizeCommand(t *testing.T) {
	model := tinyModel(t)
	code, ids, errs := invoke("{\"text\":\"<|im_start|>3 apples é\"}\n{\"text\":\"\"}\n", "tokenize", "--tokenizer", model)
	if code != 0 || !strings.HasPrefix(ids, `{"ids":[288,`) || !strings.HasSuffix(ids, "{\"ids\":[]}\n") {
		t.Fatalf("exit %d, %s%s", code, ids, errs)
	}
	want := "{\"text\":\"<|im_start|>3 apples é\",\"text_skip_special\":\"3 apples é\"}\n{\"text\":\"\",\"text_skip_special\":\"\"}\n"
	if code, text, errs := invoke(ids, "tokenize", "--tokenizer", model, "--decode"); code != 0 || text != want {
		t.Errorf("exit %d, %s%s", code, text, errs)
	}
	for in, says := range map[string]string{"{\"text\":\"a\"}\n{\"ids\":[1]}\n": "-:2:", "{\"text\":\"a\"} x\n": "-:1:", "{}\n": "missing"} {
		if code, _, errs := invoke(in, "tokenize", "--tokenizer", model); code != ExitUsage || !strings.Contains(errs, says) {
			t.Errorf("%q: exit %d: %s", in, code, errs)
		}
	}
	if code, _, _ := invoke("", "tokenize", "--tokenizer", t.TempDir()); code != ExitEnvironment {
		t.Errorf("no tokenizer: exit %d", code)
	}
}
