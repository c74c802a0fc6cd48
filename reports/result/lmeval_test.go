package result

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sampleFile = `{"doc_id": 0, "doc": {"question": "1+1?"}, "target": "2", "resps": [["2"]], "filtered_resps": ["2"], "filter": "strict-match", "metrics": ["exact_match"], "doc_hash": "aa", "prompt_hash": "p", "target_hash": "t", "exact_match": 0.0}
{"doc_id": 1, "doc": {}, "filter": "strict-match", "doc_hash": "bb", "exact_match": 1.0}

{"doc_id": 0, "doc": {}, "filter": "flexible-extract", "doc_hash": "aa", "exact_match": 1.0}
{"doc_id": 1, "doc": {}, "filter": "flexible-extract", "doc_hash": "bb", "exact_match": true}
{"doc_id": 1, "doc": {}, "filter": "flexible-extract", "doc_hash": "bb", "exact_match": 0}
`

func TestReadLMEval(t *testing.T) {
	s, err := ReadLMEval(strings.NewReader(sampleFile), "", "")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(&Samples{Metric: "exact_match", Filter: "flexible-extract", IDs: []string{"aa", "bb"}, Score: []float64{1, .5}}, s); d != "" {
		t.Error(d)
	}
	if s, err = ReadLMEval(strings.NewReader(sampleFile), "exact_match", "strict-match"); err != nil || s.Score[0] != 0 {
		t.Error(s, err)
	}
	for in, want := range map[string]string{
		"":                               "no samples",
		`{"doc_id":1}`:                   "line 1: none of the metrics",
		`{"exact_match":1}`:              "line 1: neither doc_hash nor doc_id",
		"{\"doc_id\":1,\"acc\":1}\n{":    "line 2:",
		`{"doc_id":1,"exact_match":"x"}`: `line 1: field "exact_match"`,
		`{"doc_id":1,"exact_match":7}`:   "no outcome in [0, 1]",
	} {
		if _, err := ReadLMEval(strings.NewReader(in), "", ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
	if _, err := ReadLMEval(strings.NewReader(sampleFile), "", "none"); err == nil || !strings.Contains(err.Error(), "flexible-extract, strict-match") {
		t.Error(err)
	}
}
