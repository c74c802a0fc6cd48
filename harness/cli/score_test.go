package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// scoring runs the command line and returns what it wrote.
func scoring(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = Main(context.Background(), append([]string{"hardneg"}, args...), strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

// The fast reader and the strict one agree wherever the fast one answers.
func FuzzDecodeSolution(f *testing.F) {
	for _, s := range []string{
		`{"id":"a","question":"q\n\"x\" \u00e9","solution":"s"}`, ` {"steps":["a","b\\"],"peers":[],"gold":"1"} `, `{"id":1}`, `{"id":"a"`, `{"unknown":"x"}`,
		`{"id":"a","id":"b","solution":"\ud83d\ude00"}`, `{"ID":"a"}`, `{}`, "{\"id\":\"\xff\"}", `{"k":3,"tokens":5,"logprob":-1.5,"finish":"stop","solution":""}`, `{"gold":null}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var fast, slow solutionRow
		cursor := fastRow{b: line}
		if !cursor.row(&fast) {
			return
		}
		if err := strict(line, &slow); err != nil {
			t.Fatalf("%q is read fast, but %v", line, err)
		}
		if !reflect.DeepEqual(fast, slow) {
			t.Fatalf("%q: %+v, want %+v", line, fast, slow)
		}
	})
}

func rowsOf(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"id":"r%d","question":"Ann has %d pens and buys 3. How many pens?","solution":"She has %d+3=%d pens.\n#### %d"}`+"\n", i, i, i, i+3+i%2, i+3+i%2)
	}
	return b.String()
}

// Order and bytes do not depend on the number of workers.
func TestScoreKeepsOrder(t *testing.T) {
	in := rowsOf(700)
	_, one, _ := scoring(in, "score", "-j", "1")
	code, many, stderr := scoring(in, "score", "-j", "7")
	if code != 0 || one != many {
		t.Fatalf("exit %d, equal %v: %s", code, one == many, stderr)
	}
	lines := strings.Split(strings.TrimSpace(one), "\n")
	if len(lines) != 700 {
		t.Fatalf("%d rows", len(lines))
	}
	for i, l := range lines {
		var r struct {
			ID        string
			Profile   map[string]float64
			Wrongness *float64
			Closeness *float64
			Mode      string
			Answer    string
		}
		if err := json.Unmarshal([]byte(l), &r); err != nil {
			t.Fatal(err)
		}
		if r.ID != fmt.Sprintf("r%d", i) || len(r.Profile) != 6 || r.Wrongness == nil || r.Closeness != nil || r.Mode != "none" || r.Answer != fmt.Sprint(i+3+i%2) {
			t.Fatalf("row %d: %s", i, l)
		}
		if wrong := r.Profile["sym"] >= .6; wrong != (i%2 == 1) {
			t.Fatalf("row %d has s_sym %v", i, r.Profile["sym"])
		}
	}
}

func TestScoreRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		in, want string
		args     []string
		code     int
	}{
		"unknown field": {rowsOf(100) + `{"id":"x","solution":"1","colour":"red"}`, ":101:", nil, 2},
		"no solution":   {`{"id":"x","question":"q"}`, "neither solution nor steps", nil, 2},
		"both":          {`{"id":"x","solution":"1","steps":["1"]}`, "both", nil, 2},
		"gold missing":  {rowsOf(1), "gold", []string{"--answer-mode", "gold"}, 2},
		"mode":          {rowsOf(1), "consensus", []string{"--answer-mode", "oracle"}, 2},
		"no verifier":   {rowsOf(1), "verifier file", []string{"--verifier", "/nonexistent.json"}, 6},
		"no JSON":       {"nonsense", "-:1:", nil, 2},
	} {
		code, _, stderr := scoring(c.in, append([]string{"score"}, c.args...)...)
		if code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: exit %d, %q", name, code, stderr)
		}
	}
}

func TestScoreExplain(t *testing.T) {
	code, out, stderr := scoring(rowsOf(2), "--color", "never", "score", "--explain")
	if code != 0 || !strings.Contains(out, "sym arith") || !strings.Contains(out, "nothing against it") || strings.Contains(out, "\x1b[") {
		t.Fatalf("exit %d, %s\n%s", code, stderr, out)
	}
	if _, out, _ := scoring(rowsOf(2), "--color", "always", "score", "--explain"); !strings.Contains(out, "\x1b[31m") {
		t.Error("no colour")
	}
}

// Planted errors come out, are validated, and can be fitted on.
func TestPerturbFitValidate(t *testing.T) {
	dir := t.TempDir()
	var refs strings.Builder
	for i := range 40 {
		fmt.Fprintf(&refs, `{"question":"Ann has %d boxes with %d pens each and buys %d pens more. How many pens has she?","answer":"The boxes have %d*%d=<<%d*%d=%d>>%d pens.\nShe has %d+%d=<<%d+%d=%d>>%d pens.\n#### %d"}`+"\n",
			i+2, i+5, i+3, i+2, i+5, i+2, i+5, (i+2)*(i+5), (i+2)*(i+5), (i+2)*(i+5), i+3, (i+2)*(i+5), i+3, (i+2)*(i+5)+i+3, (i+2)*(i+5)+i+3, (i+2)*(i+5)+i+3)
	}
	code, out, stderr := scoring(refs.String(), "perturb", "--kinds", "calc,op,repeat", "--seed", "3")
	if code != 0 || strings.Count(out, "\n") < 100 {
		t.Fatalf("exit %d, %d rows: %s", code, strings.Count(out, "\n"), stderr)
	}
	if _, again, _ := scoring(refs.String(), "perturb", "--kinds", "calc,op,repeat", "--seed", "3", "-j", "5"); again != out {
		t.Error("the rows depend on the number of workers")
	}
	if _, other, _ := scoring(refs.String(), "perturb", "--kinds", "calc,op,repeat", "--seed", "4"); other == out {
		t.Error("the seed changes nothing")
	}
	planted := filepath.Join(dir, "planted.jsonl")
	if err := os.WriteFile(planted, []byte(out), 0o644); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "v.json")
	if code, _, stderr := scoring("", "--quiet", "verifier", "fit", "--synth", "12", "--in", planted, "--out", file); code != 0 {
		t.Fatalf("fit: exit %d: %s", code, stderr)
	}
	code, out, stderr = scoring("", "verifier", "validate", "--format", "oracle", "--synth", "12", "--verifier", file, "--json", "-")
	if code != 0 {
		t.Fatalf("validate: exit %d: %s", code, stderr)
	}
	var v validation
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatal(err)
	}
	if v.N < 100 || v.Scores[1].Name != "W_none" || v.Scores[1].AUROC < .8 || v.F1 <= 0 || len(v.Dims) != 6 || len(v.Classes) != 6 {
		t.Errorf("%d rows, %+v, F1 %v", v.N, v.Scores[1], v.F1)
	}
	if code, _, stderr := scoring("", "verifier", "validate", "--format", "processbench", "--in", planted); code != 2 || !strings.Contains(stderr, "planted.jsonl:1:") {
		t.Errorf("a file of another format: exit %d, %s", code, stderr)
	}
}

// The published formats are read as they are.
func TestLabelFormats(t *testing.T) {
	for format, c := range map[string]struct {
		row   string
		wrong []bool
		first []int
	}{
		"processbench":  {`{"id":"a","problem":"p","steps":["x","y"],"final_answer_correct":false,"label":1}`, []bool{true}, []int{1}},
		"prmbench":      {`{"idx":"a","original_question":"p","modified_question":"p","original_process":["x"],"modified_process":["x","y"],"error_steps":[2],"classification":"circular"}`, []bool{false, true}, []int{-1, 1}},
		"mr-gsm8k":      {`{"uuid":"a","question":"p","model_output_steps":["x"],"model_output_solution_correctness":"wrong","model_output_solution_first_error_step":1,"question_type":"original"}`, []bool{true}, []int{0}},
		"autorace":      {`{"question":"p","reasoning_chain":"x","answer":"1","human_label":true}`, []bool{false}, []int{-1}},
		"mrben":         {`{"Question_UUID":"a","Question":"p","Options":"","Model_Solution_Steps":["x","y"],"Model_Solution_Correctness":"incorrect","Model_Solution_First_Error_Step":"2","Subject":"s"}`, []bool{true}, []int{1}},
		"bigbench":      {`{"input":"1+1","steps":["x"],"mistake_index":null}`, []bool{false}, []int{-1}},
		"native":        {`{"id":"a","question":"p","solution":"x","wrong":true,"first_error_step":0,"dim":"sym"}`, []bool{true}, []int{0}},
		"gsm8k-outputs": {`{"question":"p","6b_finetuning":{"is_correct":true,"solution":"a"},"6b_verification":{"is_correct":false,"solution":"b"},"175b_finetuning":{"is_correct":false,"solution":"c"},"175b_verification":{"is_correct":true,"solution":"d"}}`, []bool{false, true, true, false}, []int{-1, -2, -2, -1}},
	} {
		f, err := formatNamed(format)
		if err != nil {
			t.Fatal(err)
		}
		var got []labelled
		if err := f.read([]byte(c.row), func(l labelled) { got = append(got, l) }); err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		for i := range c.wrong {
			if len(got) != len(c.wrong) || got[i].Wrong != c.wrong[i] || got[i].First != c.first[i] {
				t.Errorf("%s: %+v", format, got)
				break
			}
		}
		if err := f.read([]byte(`{"foreign":1}`), func(labelled) {}); err == nil {
			t.Errorf("%s: a foreign row is read", format)
		}
	}
}
