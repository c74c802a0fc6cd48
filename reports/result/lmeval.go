package result

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Samples are one model's outcomes on one task as an evaluation harness logged
// them, one filter and one metric of it.
type Samples struct {
	Metric string
	Filter string
	IDs    []string
	Score  []float64 // in [0, 1], the mean over repeats
}

// sampleMetrics are the metrics that are looked for, in this order.
var sampleMetrics = [...]string{"exact_match", "acc", "acc_norm", "pass@1", "em", "f1"}

// sampleRow is what is read of a line of lm-evaluation-harness's sample files;
// the other fields are the task's business.
type sampleRow struct {
	DocID  json.RawMessage `json:"doc_id"`
	Hash   string          `json:"doc_hash"`
	Filter string          `json:"filter"`
}

// ReadLMEval reads a file that lm-evaluation-harness wrote with --log_samples:
// JSON lines, one a document and answer filter. metric and filter choose among
// several; "" takes the first known metric, and flexible-extract before any
// other filter. Documents are known by their hash, else by their number.
func ReadLMEval(r io.Reader, metric, filter string) (*Samples, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	byFilter := map[string]*sampleSums{}
	var filters []string
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if b := bytes.TrimSpace(line); len(b) > 0 {
			id, f, fields, bad := parseSample(b)
			if bad != nil {
				return nil, fmt.Errorf("line %d: %w", n, bad)
			}
			if metric, bad = chooseMetric(metric, fields); bad != nil {
				return nil, fmt.Errorf("line %d: %w", n, bad)
			}
			v, bad := outcome(fields[metric])
			if bad != nil {
				return nil, fmt.Errorf("line %d: field %q: %w", n, metric, bad)
			}
			if byFilter[f] == nil {
				byFilter[f] = &sampleSums{sum: map[string]float64{}, n: map[string]float64{}}
				filters = append(filters, f)
			}
			byFilter[f].add(id, v)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if len(filters) == 0 {
		return nil, fmt.Errorf("no samples")
	}
	if filter == "" {
		filter = filters[0]
		if byFilter["flexible-extract"] != nil {
			filter = "flexible-extract"
		}
	}
	s := byFilter[filter]
	if s == nil {
		slices.Sort(filters)
		return nil, fmt.Errorf("no filter %q; the file has %s", filter, strings.Join(filters, ", "))
	}
	out := &Samples{Metric: metric, Filter: filter, IDs: s.ids}
	for _, id := range s.ids {
		out.Score = append(out.Score, s.sum[id]/s.n[id])
	}
	return out, nil
}

// sampleSums gathers the rows of one filter.
type sampleSums struct {
	ids    []string
	sum, n map[string]float64
}

func (s *sampleSums) add(id string, v float64) {
	if s.n[id] == 0 {
		s.ids = append(s.ids, id)
	}
	s.sum[id] += v
	s.n[id]++
}

func parseSample(b []byte) (id, filter string, fields map[string]json.RawMessage, err error) {
	var row sampleRow
	if err := json.Unmarshal(b, &row); err != nil {
		return "", "", nil, err
	}
	if err := json.Unmarshal(b, &fields); err != nil {
		return "", "", nil, err
	}
	id = row.Hash
	if id == "" {
		id = strings.Trim(string(row.DocID), `"`)
	}
	if id == "" || id == "null" {
		return "", "", nil, fmt.Errorf("neither doc_hash nor doc_id: not a sample file of lm-evaluation-harness")
	}
	return id, row.Filter, fields, nil
}

func chooseMetric(metric string, fields map[string]json.RawMessage) (string, error) {
	if metric != "" {
		if fields[metric] == nil {
			return "", fmt.Errorf("no metric %q", metric)
		}
		return metric, nil
	}
	for _, m := range sampleMetrics {
		if fields[m] != nil {
			return m, nil
		}
	}
	return "", fmt.Errorf("none of the metrics %s; name one with --metric", strings.Join(sampleMetrics[:], ", "))
}

// outcome reads a number in [0, 1] or a bool.
func outcome(raw json.RawMessage) (float64, error) {
	var yes bool
	if json.Unmarshal(raw, &yes) == nil {
		if yes {
			return 1, nil
		}
		return 0, nil
	}
	var v float64
	if err := json.Unmarshal(raw, &v); err != nil || v < 0 || v > 1 {
		return 0, fmt.Errorf("%s is no outcome in [0, 1]", raw)
	}
	return v, nil
}
