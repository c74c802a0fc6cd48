package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hardneg/ablations/pair"
	"hardneg/experiments/plan"
	"hardneg/fixtures/problem"
	"hardneg/harness/runner"
	"hardneg/harness/stage"
	"hardneg/models/token"
)

// preference is a row of TRL's explicit-prompt preference format, plus weight.
type preference struct {
	Prompt   string  `json:"prompt"`
	Chosen   string  `json:"chosen"`
	Rejected string  `json:"rejected"`
	Weight   float64 `json:"weight"`
}

// trl writes the preference rows that an arm was trained on.
func (x *exporter) trl(dir string) error {
	return x.each("weight", func(t plan.Task, name string) error {
		from, err := x.result(t.ID)
		if err != nil {
			return err
		}
		w, finish, err := createRows(filepath.Join(dir, name+".jsonl"))
		if err != nil {
			return err
		}
		return finish(decodeRows(filepath.Join(from, "pairs.jsonl"), func(p pair.Pair) error {
			return w.Encode(preference{p.Prompt, p.Chosen, p.Rejected, p.Weight})
		}))
	})
}

// evalDoc is the document of a sample row.
type evalDoc struct {
	ID       string `json:"id"`
	Question string `json:"question"`
	Answer   string `json:"answer"`
}

// sampleLine is a line of the harness's sample files: one document under one
// answer filter.
type sampleLine struct {
	DocID      int                       `json:"doc_id"`
	Doc        evalDoc                   `json:"doc"`
	Target     string                    `json:"target"`
	Arguments  map[string]map[string]any `json:"arguments"`
	Resps      [][]string                `json:"resps"`
	Filtered   []string                  `json:"filtered_resps"`
	Filter     string                    `json:"filter"`
	Metrics    []string                  `json:"metrics"`
	DocHash    string                    `json:"doc_hash"`
	PromptHash string                    `json:"prompt_hash"`
	TargetHash string                    `json:"target_hash"`
	ExactMatch float64                   `json:"exact_match"`
}

// lmEval writes the evaluations as sample files: a line for each response and
// filter. A problem that was answered several times has several lines.
func (x *exporter) lmEval(dir string) error {
	return x.each("eval", func(t plan.Task, name string) error {
		docs := map[string]map[string]sampleLine{} // benchmark → problem → its line without a response
		var p plan.EvalParams
		if err := json.Unmarshal(t.Params, &p); err != nil {
			return fmt.Errorf("task %s: parameters: %w", t.ID, err)
		}
		format, err := token.NewFormat(p.Prompt, p.System)
		if err != nil {
			return fmt.Errorf("task %s: %w", t.ID, err)
		}
		for _, in := range t.Inputs {
			bench, ok := strings.CutPrefix(in.Name, "data.")
			if !ok {
				continue
			}
			from, err := x.result(in.Task)
			if err != nil {
				return err
			}
			if docs[bench], err = documents(from, format, settingsOf(p)); err != nil {
				return err
			}
		}
		from, err := x.result(t.ID)
		if err != nil {
			return err
		}
		rec, err := runner.ReadRecord(x.store, x.keys[t.ID])
		if err != nil {
			return err
		}
		return writeSamples(filepath.Join(dir, name), filepath.Join(from, "items.jsonl"), rec.Last().End, docs)
	})
}

// settingsOf are the generation's arguments by the harness's names.
func settingsOf(p plan.EvalParams) map[string]any {
	kw := map[string]any{"do_sample": p.Decoding == "sample", "max_gen_toks": p.MaxNew, "until": []string{}}
	if p.Decoding == "sample" {
		kw["temperature"], kw["top_p"] = p.Temperature, p.TopP
	}
	return kw
}

// documents reads the problems of a benchmark.
func documents(dir string, format token.Format, settings map[string]any) (map[string]sampleLine, error) {
	out := map[string]sampleLine{}
	err := decodeRows(filepath.Join(dir, "problems.jsonl"), func(p problem.Problem) error {
		doc := evalDoc{p.ID, p.Question, p.Answer}
		var text bytes.Buffer // as the harness hashes a document: indented by two, no final newline
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(doc); err != nil {
			return err
		}
		prompt := format.Prompt(p.Question)
		out[p.ID] = sampleLine{
			DocID: len(out), Doc: doc, Target: p.Answer, Metrics: []string{"exact_match"},
			Arguments: map[string]map[string]any{"gen_args_0": {"arg_0": prompt, "arg_1": settings}},
			DocHash:   textHash(strings.TrimSuffix(text.String(), "\n")), PromptHash: textHash(prompt), TargetHash: textHash(p.Answer),
		}
		return nil
	})
	return out, err
}

func textHash(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// sampleTime is the date that ends a sample file's name. The harness's own tools
// take the task's name and the date apart at the last underscore.
const sampleTime = "2006-01-02T15-04-05.000000"

// writeSamples spreads the responses over one file a benchmark.
func writeSamples(dir, items string, when time.Time, docs map[string]map[string]sampleLine) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fail(ExitEnvironment, err)
	}
	files := map[string]*json.Encoder{}
	for bench := range docs {
		w, finish, err := createRows(filepath.Join(dir, "samples_"+bench+"_"+when.UTC().Format(sampleTime)+".jsonl"))
		if err != nil {
			return err
		}
		defer func() { err = finish(err) }()
		files[bench] = w
	}
	return decodeRows(items, func(r stage.EvalItem) error {
		line, ok := docs[r.Benchmark][r.ID]
		if !ok {
			return fmt.Errorf("%s: problem %s is not in the data of %s", items, r.ID, r.Benchmark)
		}
		line.Resps = [][]string{{r.Response}}
		for _, f := range []struct {
			name string
			r    stage.Reading
		}{{"strict-match", r.Strict}, {"flexible-extract", r.Flexible}} {
			line.Filter, line.Filtered, line.ExactMatch = f.name, []string{f.r.Answer}, 0
			if !f.r.Found {
				line.Filtered[0] = "[invalid]"
			}
			if f.r.Right {
				line.ExactMatch = 1
			}
			if err := files[r.Benchmark].Encode(line); err != nil {
				return err
			}
		}
		return nil
	})
}

// createRows opens a file of JSON lines; see output.
func createRows(path string) (w *json.Encoder, finish func(error) error, err error) {
	b, finish, err := outFile(path)
	if err != nil {
		return nil, nil, err
	}
	w = json.NewEncoder(b)
	w.SetEscapeHTML(false)
	return w, finish, nil
}

// decodeRows reads JSON lines that one of our stages wrote.
func decodeRows[T any](path string, f func(T) error) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fail(ExitEnvironment, err)
	}
	n := 0
	for line := range bytes.Lines(b) {
		n++
		var row T
		if err := json.Unmarshal(line, &row); err != nil {
			return fail(ExitIntegrity, fmt.Errorf("%s:%d: %w", path, n, err))
		}
		if err := f(row); err != nil {
			return err
		}
	}
	return nil
}
