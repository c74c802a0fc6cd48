package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"hardneg/fixtures/jsonl"
	"hardneg/models/verifier"
)

// labelled is one labelled solution, with the class of its error where the
// set has classes.
type labelled struct {
	verifier.Example
	class string
	ask   string // the question without what the set added to it, empty if it is the same
}

// origin is the question by which rows are told apart from held-out ones.
func (l *labelled) origin() string {
	if l.ask != "" {
		return l.ask
	}
	return l.Question
}

// labelFormat reads one published set of labelled solutions.
type labelFormat struct {
	name   string
	weight float64 // of a row in a fit
	read   func(line []byte, add func(labelled)) error
}

// labelFormats lists the formats that `verifier validate` and `fit` read.
func labelFormats() []labelFormat {
	return []labelFormat{
		{"native", 1, readNative},
		{"processbench", 3, readProcessBench},
		{"prmbench", 1, readPRMBench},
		{"mr-gsm8k", 3, readMRGSM8K},
		{"autorace", 3, readAutoRace},
		{"mrben", 3, readMRBen},
		{"bigbench", 1, readBigBench},
		{"gsm8k-outputs", 1, readGSM8KOutputs},
	}
}

func formatNamed(name string) (labelFormat, error) {
	var names []string
	for _, f := range labelFormats() {
		if f.name == name {
			return f, nil
		}
		names = append(names, f.name)
	}
	return labelFormat{}, fmt.Errorf("format %q: want %s", name, strings.Join(names, ", "))
}

// loose decodes a row of a published file, whose further fields do not matter.
func loose(line []byte, v any) error {
	if err := jsonl.Text(line); err != nil {
		return err
	}
	if err := json.Unmarshal(line, v); err != nil {
		return jsonl.Explain(err, v)
	}
	return nil
}

func example(question string, steps []string, first int) verifier.Example {
	return verifier.Example{Input: verifier.Input{Question: question, Steps: steps}, Wrong: first >= 0, First: first}
}

func readProcessBench(line []byte, add func(labelled)) error {
	var r struct {
		ID      string   `json:"id"`
		Problem string   `json:"problem"`
		Steps   []string `json:"steps"`
		Right   *bool    `json:"final_answer_correct"`
		Label   *int     `json:"label"`
	}
	if err := loose(line, &r); err != nil {
		return err
	}
	if r.Label == nil || r.Problem == "" {
		return errors.New("no field label or problem: is it a ProcessBench file?")
	}
	e := labelled{Example: example(r.Problem, r.Steps, *r.Label)}
	if e.ID = r.ID; e.Wrong && r.Right != nil && *r.Right {
		e.class = "right answer, wrong step"
	} else if e.Wrong {
		e.class = "wrong answer"
	}
	add(e)
	return nil
}

func readPRMBench(line []byte, add func(labelled)) error {
	var r struct {
		ID       string   `json:"idx"`
		Question string   `json:"original_question"`
		Modified string   `json:"modified_question"`
		Original []string `json:"original_process"`
		Process  []string `json:"modified_process"`
		Errors   []int    `json:"error_steps"`
		Class    string   `json:"classification"`
	}
	if err := loose(line, &r); err != nil {
		return err
	}
	if r.Class == "" || r.Process == nil {
		return errors.New("no field classification or modified_process: is it a PRMBench file?")
	}
	right := labelled{Example: example(r.Question, r.Original, -1)}
	right.ID = r.ID + "/original"
	add(right)
	first := -1
	for _, s := range r.Errors {
		if first < 0 || s-1 < first {
			first = s - 1
		}
	}
	if first < 0 && r.Class != "multi_solutions" {
		return nil // an error without a step
	}
	e := labelled{Example: example(r.Modified, r.Process, first), class: r.Class, ask: r.Question}
	e.ID = r.ID
	add(e)
	return nil
}

// readMRGSM8K leaves solutions in code out.
func readMRGSM8K(line []byte, add func(labelled)) error {
	var r struct {
		ID       string          `json:"uuid"`
		Question string          `json:"question"`
		Steps    []string        `json:"model_output_steps"`
		Right    string          `json:"model_output_solution_correctness"`
		First    json.RawMessage `json:"model_output_solution_first_error_step"`
		Type     string          `json:"question_type"`
	}
	if err := loose(line, &r); err != nil {
		return err
	}
	if r.Right == "" || r.Question == "" {
		return errors.New("no field model_output_solution_correctness or question: is it an MR-GSM8K file?")
	}
	if r.Type == "POT" {
		return nil
	}
	first := -1
	if r.Right == "wrong" {
		n, err := strconv.Atoi(strings.Trim(string(r.First), `" `))
		if err != nil {
			return fmt.Errorf("model_output_solution_first_error_step %s is no number", r.First)
		}
		first = n - 1
	}
	e := labelled{Example: example(r.Question, r.Steps, first)}
	if e.ID = r.ID; e.Wrong {
		e.class = r.Type
	}
	add(e)
	return nil
}

func readAutoRace(line []byte, add func(labelled)) error {
	var r struct {
		Question string `json:"question"`
		Chain    string `json:"reasoning_chain"`
		Right    *bool  `json:"human_label"`
	}
	if err := loose(line, &r); err != nil {
		return err
	}
	if r.Right == nil {
		return errors.New("no field human_label: is it an AutoRace file?")
	}
	add(labelled{Example: verifier.Example{Input: verifier.Input{Question: r.Question, Solution: r.Chain}, Wrong: !*r.Right, First: unlabelled(!*r.Right)}})
	return nil
}

// unlabelled is the first error step of a solution that is only known to be
// right or wrong.
func unlabelled(wrong bool) int {
	if wrong {
		return verifier.Unknown
	}
	return -1
}

func readMRBen(line []byte, add func(labelled)) error {
	var r struct {
		ID       string   `json:"Question_UUID"`
		Question string   `json:"Question"`
		Options  string   `json:"Options"`
		Steps    []string `json:"Model_Solution_Steps"`
		Right    string   `json:"Model_Solution_Correctness"`
		First    string   `json:"Model_Solution_First_Error_Step"`
		Subject  string   `json:"Subject"`
	}
	if err := loose(line, &r); err != nil {
		return err
	}
	if r.Right == "" {
		return errors.New("no field Model_Solution_Correctness: is it an MR-Ben file?")
	}
	wrong := r.Right != "correct"
	first := unlabelled(wrong)
	if n, err := strconv.Atoi(strings.TrimSpace(r.First)); wrong && err == nil {
		first = n - 1
	}
	e := labelled{Example: example(strings.TrimSpace(r.Question+" "+r.Options), r.Steps, first), ask: r.Question}
	if e.ID, e.Wrong = r.ID, wrong; wrong {
		e.class = r.Subject
	}
	add(e)
	return nil
}

func readBigBench(line []byte, add func(labelled)) error {
	var r struct {
		Input string   `json:"input"`
		Steps []string `json:"steps"`
		At    *int     `json:"mistake_index"`
	}
	if err := loose(line, &r); err != nil {
		return err
	}
	if r.Input == "" {
		return errors.New("no field input: is it a BIG-Bench-Mistake file?")
	}
	first := -1
	if r.At != nil {
		first = *r.At
	}
	add(labelled{Example: example(r.Input, r.Steps, first)})
	return nil
}

// readGSM8KOutputs reads the example solutions of the GSM8K authors: four
// models a question, labelled by their answers.
func readGSM8KOutputs(line []byte, add func(labelled)) error {
	type output struct {
		Right    bool   `json:"is_correct"`
		Solution string `json:"solution"`
	}
	var r struct {
		Question string `json:"question"`
		A        output `json:"6b_finetuning"`
		B        output `json:"6b_verification"`
		C        output `json:"175b_finetuning"`
		D        output `json:"175b_verification"`
	}
	if err := loose(line, &r); err != nil {
		return err
	}
	all := []output{r.A, r.B, r.C, r.D}
	for i, o := range all {
		if o.Solution == "" {
			return errors.New("a model's solution is missing: is it example_model_solutions.jsonl?")
		}
		in := verifier.Input{Question: r.Question, Solution: o.Solution}
		for k, p := range all {
			if k != i {
				in.Peers = append(in.Peers, p.Solution)
			}
		}
		add(labelled{Example: verifier.Example{Input: in, Wrong: !o.Right, First: unlabelled(!o.Right)}})
	}
	return nil
}

// nativeRow is our own format; it also takes the rows of `hardneg perturb`.
type nativeRow struct {
	solutionRow
	Wrong *bool  `json:"wrong"`
	First *int   `json:"first_error_step"`
	Dim   string `json:"dim"`
	Class string `json:"class"`

	// Fields of `hardneg perturb`.
	Row    string `json:"row"`
	Kind   string `json:"kind"`
	Step   *int   `json:"step"`
	Answer string `json:"answer"`
}

func readNative(line []byte, add func(labelled)) error {
	var r nativeRow
	if err := strict(line, &r); err != nil {
		return err
	}
	in, err := r.input()
	if err != nil {
		return err
	}
	e := labelled{Example: verifier.Example{Input: in}, class: r.Class}
	switch {
	case r.Kind != "" && r.Step != nil:
		e.Wrong, e.First, e.class = r.Kind != "none", *r.Step, r.Kind
	case r.Wrong == nil:
		return errors.New("no field wrong (or kind and step, as hardneg perturb writes them)")
	default:
		e.Wrong = *r.Wrong
		if e.First = unlabelled(e.Wrong); r.First != nil {
			e.First = *r.First
		}
	}
	if r.Dim != "" {
		e.DimsKnown = true
		for d := verifier.Sem; d < verifier.NumDims; d++ {
			e.Dims[d] = d.String() == r.Dim
		}
	}
	add(e)
	return nil
}

// readLabelled reads a whole labelled file, plain or gzipped; right solutions
// that come again are kept once.
func (a *App) readLabelled(path string, f labelFormat) ([]labelled, error) {
	r, closer, err := a.input(path)
	if err != nil {
		return nil, err
	}
	defer closer()
	var out []labelled
	seen := map[string]bool{}
	add := func(l labelled) {
		if !l.Wrong {
			key := l.Question + "\x00" + l.Solution + "\x00" + strings.Join(l.Steps, "\n")
			if seen[key] {
				return
			}
			seen[key] = true
		}
		l.Weight = f.weight
		out = append(out, l)
	}
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if b := bytes.TrimSpace(line); len(b) > 0 {
			if err := f.read(b, add); err != nil {
				return nil, badRow(fmt.Errorf("%s:%d: %w", path, n, err))
			}
		}
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, fail(ExitEnvironment, fmt.Errorf("%s: %w", path, err))
		}
	}
}
