package cli

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"hardneg/ablations/pair"
)

func TestImport(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain := `{"prompt":"1<2?","chosen":"a","rejected":"b","weight":0.5,"source":"x"}` + "\n"
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write([]byte(plain)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	table := filepath.Join(dir, "t.parquet")
	type columns struct {
		Prompt   string  `parquet:"prompt"`
		Chosen   string  `parquet:"chosen"`
		Rejected string  `parquet:"rejected"`
		Weight   float64 `parquet:"weight"`
	}
	if err := parquet.WriteFile(table, []columns{{"1<2?", "a", "b", .5}}); err != nil {
		t.Fatal(err)
	}
	chat := `[{"chosen":[{"role":"user","content":"1<2?"},{"role":"assistant","content":"a"}],"rejected":[{"role":"user","content":"1<2?"},{"role":"assistant","content":"b"}]}]`
	half := `{"prompt":"1<2?","chosen":"a","rejected":"b","weight":0.5}` + "\n"
	for name, c := range map[string]struct{ path, from, want string }{
		"plain":    {write("p.jsonl", plain), "preferences", half},
		"gz":       {write("p.jsonl.gz", zipped.String()), "preferences", half},
		"parquet":  {table, "preferences", half},
		"messages": {write("chat.json", chat), "preferences", strings.Replace(half, "0.5", "1", 1)},
	} {
		code, out, errs := invoke("", "import", c.path, "--from", c.from, "--out", "-")
		if code != 0 || out != c.want {
			t.Errorf("%s: exit %d: %s%s", name, code, out, errs)
		}
	}
	samples := write("s.jsonl", `{"question":"q","response":["x","y"],"answer":3}`+"\n"+`{"question":"q","solution":"z"}`+"\n")
	logged := write("samples_gsm8k.jsonl", `{"doc_id":0,"doc":{"question":"q"},"target":"so\n#### 3","resps":[["x","y","z"]],"filter":"strict-match"}`+"\n"+
		`{"doc_id":0,"doc":{"question":"q"},"target":"so\n#### 3","resps":[["x","y","z"]],"filter":"flexible-extract"}`+"\n")
	for path, from := range map[string]string{samples: "samples", logged: "lm-eval"} {
		file := filepath.Join(dir, from+".out")
		if code, _, errs := invoke("", "import", path, "--from", from, "--out", file); code != 0 {
			t.Fatalf("%s: exit %d: %s", from, code, errs)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		var c pair.Candidate
		if err := json.Unmarshal([]byte(lines[0]), &c); err != nil || len(lines) != 3 || c.Gold != "3" || c.Solution != "x" || !strings.Contains(lines[2], `"k":2`) {
			t.Errorf("%s: %s %v", from, b, err)
		}
		if code, _, errs := invoke("", "import", path, "--from", from, "--out", file); code != ExitUsage || !strings.Contains(errs, "--force") {
			t.Errorf("%s again: exit %d: %s", from, code, errs)
		}
	}
}

func TestImportRefusesBadRows(t *testing.T) {
	good := `{"prompt":"p","chosen":"a","rejected":"b"}` + "\n"
	for _, c := range []struct{ from, row, want string }{
		{"preferences", `{"prompt":"p","chosen":"a"}`, `:2: field "rejected": is missing`},
		{"preferences", `{"prompt":"p","chosen":"a","rejected":"a"}`, `:2: field "rejected": equals chosen`},
		{"preferences", `{"prompt":"p","chosen":"a","rejected":"b","weight":-1}`, `:2: field "weight": -1 is no weight`},
		{"preferences", `{"prompt":"p","chosen":"a","rejected":"b","weight":"1"}`, `:2: field "weight": is no number`},
		{"preferences", `{"chosen":"a","rejected":"b"}`, `:2: field "prompt": is missing`},
		{"preferences", `{"prompt":"p","chosen":[{"role":"system","content":"x"}],"rejected":"b"}`, `:2: field "chosen": message 0 (system)`},
		{"preferences", `{`, `:2: not a JSON object`},
		{"samples", `{}`, `:1: field "solution": is missing`}, // of the good preference row
		{"lm-eval", `{}`, `:1: field "doc"`},
	} {
		path := filepath.Join(t.TempDir(), "in.jsonl")
		if err := os.WriteFile(path, []byte(good+c.row+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		code, _, errs := invoke("", "import", path, "--from", c.from, "--out", "-")
		if code != ExitUsage || !strings.Contains(errs, path+c.want) {
			t.Errorf("%s: exit %d: %s", c.row, code, errs)
		}
	}
	if code, _, _ := invoke("", "import", "nowhere.jsonl", "--from", "samples", "--out", "-"); code != ExitEnvironment {
		t.Errorf("a missing file: exit %d", code)
	}
}
