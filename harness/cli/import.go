package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"hardneg/ablations/pair"
	"hardneg/fixtures/problem"

	"github.com/urfave/cli/v3"
)

// importFlags are the flags of import.
type importFlags struct {
	from, out, format string
	force             bool
}

func (a *App) importCommand() *cli.Command {
	var f importFlags
	return &cli.Command{
		Name:      "import",
		Usage:     "bring samples and preferences of other programs into our row formats",
		ArgsUsage: "PATH",
		Description: "PATH is JSON lines, a JSON list or Parquet, .gz too. Columns that are not named here are left out.\n" +
			"samples      question (or prompt, problem), solution (or response, completion, output), or a list of\n" +
			"             them; gold (or answer, target), reference and id are optional. Rows for `hardneg score`\n" +
			"preferences  TRL's prompt, chosen, rejected as texts or messages, weight optional. Rows for `hardneg train dpo`\n" +
			"lm-eval      sample files of --log_samples: the responses, each once. Rows for `hardneg score`\n" +
			"Exit codes: 0 done, 2 usage or a bad row (file:line and field), 6 unreadable.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "from", Usage: "samples, preferences or lm-eval", Required: true, Destination: &f.from},
			&cli.StringFlag{Name: "out", Usage: "`FILE` of JSON lines, - for standard output", Required: true, Destination: &f.out},
			&cli.StringFlag{Name: "format", Usage: "json, jsonl or parquet (default: by the ending)", Destination: &f.format},
			&cli.BoolFlag{Name: "force", Usage: "replace FILE where it exists", Destination: &f.force},
		},
		Action: func(_ context.Context, c *cli.Command) error {
			if c.Args().Len() != 1 {
				return usagef("import: want one PATH, have %d arguments", c.Args().Len())
			}
			return a.importRows(c.Args().First(), f)
		},
	}
}

func (a *App) importRows(path string, f importFlags) error {
	in := &importer{seen: map[string]int{}}
	read := map[string]func(problem.Record) ([]any, error){"samples": in.sample, "preferences": importPreference, "lm-eval": in.lmEval}[f.from]
	if read == nil {
		return usagef("import: --from %q is unknown; samples, preferences or lm-eval", f.from)
	}
	if info, err := os.Stat(f.out); err == nil && info.Mode().IsRegular() && !f.force && f.out != "-" {
		return usagef("import: %s exists; --force replaces it", f.out)
	}
	records, err := problem.Records(path, f.format)
	var bad *problem.RowError
	if errors.As(err, &bad) {
		return fail(ExitUsage, err)
	}
	if err != nil {
		return fail(ExitEnvironment, err)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	n := 0
	for _, r := range records {
		rows, err := read(r)
		if err != nil {
			return fail(ExitUsage, err)
		}
		for _, row := range rows {
			n++
			if err := e.Encode(row); err != nil {
				return err
			}
		}
	}
	if n == 0 {
		return usagef("import: %s has no row", path)
	}
	fmt.Fprintf(a.Stderr, "%d rows\n", n)
	if err := os.MkdirAll(filepath.Dir(f.out), 0o755); err != nil {
		return fail(ExitEnvironment, err)
	}
	w, finish, err := a.output(f.out)
	if err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return finish(fail(ExitEnvironment, err))
}

// importer numbers the samples of each problem.
type importer struct{ seen map[string]int }

// sample reads a row with one solution or a list of them.
func (in *importer) sample(r problem.Record) ([]any, error) {
	q, err := requiredText(r, "question", "prompt", "problem")
	if err != nil {
		return nil, err
	}
	gold, err := optionalText(r, "gold", "answer", "target")
	if err != nil {
		return nil, err
	}
	ref, err := optionalText(r, "reference")
	if err != nil {
		return nil, err
	}
	id, err := optionalText(r, "prompt_id")
	if err != nil {
		return nil, err
	}
	field := columnOf(r, "solution", "response", "completion", "output", "solutions", "responses", "completions", "outputs")
	texts, err := textsOf(r, field)
	if err != nil {
		return nil, err
	}
	return in.candidates(pair.Candidate{PromptID: id, Question: q, Gold: gold, Reference: ref}, texts), nil
}

// candidates makes a row of each text.
func (in *importer) candidates(c pair.Candidate, texts []string) (rows []any) {
	if c.PromptID == "" {
		c.PromptID = problem.Digest(c.Question)
	}
	for _, text := range texts {
		row := c
		row.K, row.Solution = in.seen[c.PromptID], text
		in.seen[c.PromptID]++
		row.ID = fmt.Sprintf("%s-%d", row.PromptID, row.K)
		rows = append(rows, row)
	}
	return rows
}

// lmEval reads a sample row; the rows of further filters repeat its responses.
func (in *importer) lmEval(r problem.Record) ([]any, error) {
	doc, ok := r.Fields["doc"].(map[string]any)
	if !ok {
		return nil, r.Fail("doc", "is missing or no object: not a sample file of lm-evaluation-harness")
	}
	q, err := requiredText(problem.Record{File: r.File, Line: r.Line, Fields: doc}, "question", "problem", "prompt", "query")
	if err != nil {
		return nil, err
	}
	gold, err := optionalText(r, "target")
	if err != nil {
		return nil, err
	}
	if h := strings.LastIndex(gold, "####"); h >= 0 { // GSM8K's target is the whole solution
		gold = strings.TrimSpace(gold[h+4:])
	}
	lists, ok := r.Fields["resps"].([]any)
	if !ok {
		return nil, r.Fail("resps", "is missing or no list")
	}
	var texts []string
	for _, l := range lists {
		inner, ok := l.([]any)
		if !ok {
			inner = []any{l}
		}
		for _, x := range inner {
			s, ok := x.(string)
			if !ok {
				return nil, r.Fail("resps", "holds something that is no text (it is %s): only generated responses can be imported", problem.Kind(x))
			}
			texts = append(texts, s)
		}
	}
	filter, _ := r.Fields["filter"].(string)
	key := fmt.Sprintf("\x00%v\x00%v", r.Fields["doc_id"], filter)
	first := fmt.Sprintf("\x00%v", r.Fields["doc_id"])
	if in.seen[first] == 0 { // the document's first filter is the one that is read
		in.seen[first], in.seen[key] = 1, 1
	}
	if in.seen[key] == 0 {
		return nil, nil
	}
	return in.candidates(pair.Candidate{Question: q, Gold: gold}, texts), nil
}
