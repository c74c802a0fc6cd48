package stage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"hardneg/ablations/pair"
	"hardneg/fixtures/jsonl"
	"hardneg/fixtures/problem"
)

// userRows reads the rows that the user brought for a role; read gets each
// line with its row number.
func userRows[T any](env Env, read func(line []byte, n int) (T, error)) ([]T, error) {
	path := env.Files["data"]
	if !strings.HasSuffix(strings.TrimSuffix(path, ".gz"), ".jsonl") {
		return nil, &RowError{fmt.Errorf("%s: want a .jsonl file; `hardneg import` converts others", path)}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, &EnvironmentError{err}
	}
	defer f.Close()
	r, err := jsonl.NewReader(f)
	if err != nil {
		return nil, &EnvironmentError{fmt.Errorf("%s: %w", path, err)}
	}
	var rows []T
	for n := 1; ; n++ {
		line, end := r.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			v, err := read(line, len(rows)+1)
			if err != nil {
				return nil, &RowError{fmt.Errorf("%s:%d: %w", path, n, err)}
			}
			rows = append(rows, v)
		}
		if end == nil {
			continue
		}
		if end != io.EOF {
			return nil, &EnvironmentError{fmt.Errorf("read %s: %w", path, end)}
		}
		if len(rows) == 0 {
			return nil, &RowError{fmt.Errorf("%s has no row", path)}
		}
		return rows, nil
	}
}

// PairRow reads row n of DPO data: {"prompt","chosen","rejected","weight"?}, or
// a row of `hardneg mine` or `hardneg weight`. A weight that is not there is 1,
// one of 0 is 0; rows without an id get their number. Seen holds the ids
// before it.
func PairRow(line []byte, n int, seen map[string]bool) (pair.Pair, error) {
	var in struct {
		pair.Pair
		Weight *float64 `json:"weight"`
	}
	if err := jsonl.Decode(line, &in); err != nil {
		return pair.Pair{}, err
	}
	p := in.Pair
	p.Weight = 1
	if in.Weight != nil {
		p.Weight = *in.Weight
	}
	if p.ID == "" {
		p.ID = fmt.Sprintf("row-%d", n)
	}
	if p.PromptID == "" {
		p.PromptID = problem.Digest(p.Prompt)
	}
	mined := p.RejectID != "" // a model's answer may be empty, and is wrong then
	switch {
	case blank(p.Prompt):
		return p, missing("prompt")
	case blank(p.Chosen):
		return p, missing("chosen")
	case blank(p.Rejected) && !mined:
		return p, missing("rejected")
	case p.Chosen == p.Rejected:
		return p, errors.New("field rejected equals chosen: no preference; drop the row")
	case p.Weight < 0:
		return p, fmt.Errorf("field weight is %g, want 0 or more", p.Weight)
	case seen[p.ID]:
		return p, fmt.Errorf("field id: %s is there twice; ids name the pairs: give each row its own, or none", p.ID)
	}
	seen[p.ID] = true
	return p, nil
}

// candidateRows reads rows of `hardneg sample` or `hardneg import`, one after
// the other: {"prompt_id"?,"question","solution","gold" or "reference"}.
// Samples of one prompt stand together; rows without prompt_id are told by
// their question, rows without an id get their number within the prompt.
func candidateRows() func(line []byte, n int) (pair.Candidate, error) {
	seen := map[string]bool{}
	samples := map[string]int{}
	last := pair.Candidate{}
	return func(line []byte, _ int) (pair.Candidate, error) {
		var in struct {
			pair.Candidate
			Solution *string `json:"solution"`
			K        *int    `json:"k"`
		}
		if err := jsonl.Decode(line, &in); err != nil {
			return pair.Candidate{}, err
		}
		c := in.Candidate
		if in.Solution != nil { // an empty one is what the model said
			c.Solution = *in.Solution
		}
		if c.PromptID == "" {
			c.PromptID = problem.Digest(c.Question)
		}
		if c.K = samples[c.PromptID]; in.K != nil {
			c.K = *in.K
		}
		if c.ID == "" {
			c.ID = fmt.Sprintf("%s-%d", c.PromptID, c.K)
		}
		switch {
		case blank(c.Question):
			return c, missing("question")
		case in.Solution == nil:
			return c, errors.New("field solution is missing or null; an empty answer is \"\"")
		case blank(c.Gold) && blank(c.Reference):
			return c, errors.New("fields gold and reference are missing: without the right answer no sample is right or wrong; give one of them")
		case seen[c.ID]:
			return c, fmt.Errorf("field id: %s is there twice; give each sample its own, or none", c.ID)
		case samples[c.PromptID] > 0 && last.PromptID != c.PromptID:
			return c, fmt.Errorf("field prompt_id: the samples of %s stand in two places; sort the rows by prompt_id", c.PromptID)
		case samples[c.PromptID] > 0 && last.Question != c.Question:
			return c, fmt.Errorf("field question: another one than that of the row before, which has the same prompt_id %s", c.PromptID)
		}
		seen[c.ID], last = true, c
		samples[c.PromptID]++
		return c, nil
	}
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }

func missing(field string) error {
	return fmt.Errorf("field %s is missing or empty", field)
}
