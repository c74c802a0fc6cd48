package runner

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"hardneg/experiments/plan"
	"hardneg/harness/store"
)

// recordSchema is the version of task.json.
const recordSchema = 1

// Record is task.json: all that the process of a task has to know, and what is
// known of its attempts. It becomes final with the result.
type Record struct {
	Schema   int               `json:"schema"`
	Key      string            `json:"key"`
	Fields   plan.KeyFields    `json:"fields"`
	Task     plan.Task         `json:"task"`
	Inputs   map[string]string `json:"inputs"` // input name → key of that task
	Files    map[string]string `json:"files"`  // file name → path on the machine that planned
	Digest   string            `json:"digest,omitempty"`
	Outputs  []store.File      `json:"outputs,omitempty"`
	Attempts []Attempt         `json:"attempts"`
}

// Attempt is one process that worked on the task. One that was killed has no end.
type Attempt struct {
	Start    time.Time `json:"start"`
	End      time.Time `json:"end,omitzero"`
	Host     string    `json:"host"`
	Threads  int       `json:"threads"`
	GPU      string    `json:"gpu,omitempty"`
	WallS    float64   `json:"wall_s"`
	CPUS     float64   `json:"cpu_s"`
	PeakMiB  float64   `json:"peak_rss_mib"`
	Energy   *Energy   `json:"energy,omitempty"` // nil: nothing was measured
	Class    Class     `json:"class,omitempty"`
	Error    string    `json:"error,omitempty"`
	Resumed  bool      `json:"resumed,omitempty"` // began with a checkpoint
	Executor string    `json:"executor,omitempty"`
	Run      string    `json:"run,omitempty"`           // that asked for it; runs share results
	Machine  string    `json:"machine,omitempty"`       // processor and system; on a GPU its name and driver
	Commit   string    `json:"commit,omitempty"`        // of the program; "+" where the tree had changes
	Binary   string    `json:"binary_sha256,omitempty"` // of the program
}

func (r Record) bytes() []byte {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		panic("runner: a record does not marshal")
	}
	return append(b, '\n')
}

// ReadRecord reads a key's task.json.
func ReadRecord(s *store.Store, key string) (Record, error) {
	var r Record
	b, err := s.Record(key)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("task %.12s: task.json: %w", key, err)
	}
	if r.Schema != recordSchema {
		return r, fmt.Errorf("task %.12s: task.json has schema %d, this program reads %d", key, r.Schema, recordSchema)
	}
	return r, nil
}

// Last is the attempt that made the result, or the latest one.
func (r Record) Last() Attempt {
	if len(r.Attempts) == 0 {
		return Attempt{}
	}
	return r.Attempts[len(r.Attempts)-1]
}

// Of are the attempts that a run made, and those of earlier versions, which do
// not tell their run.
func (r Record) Of(run string) (own []Attempt) {
	for _, a := range r.Attempts {
		if a.Run == "" || a.Run == run {
			own = append(own, a)
		}
	}
	return own
}

// Earlier are a run's attempts before the last one.
func (r Record) Earlier(run string) []Attempt {
	own := r.Of(run)
	if n := len(own); n > 0 && own[n-1].Start.Equal(r.Last().Start) {
		return own[:n-1]
	}
	return own
}

// Exit is exit.json: how an attempt that made no result ended.
type Exit struct {
	Class Class  `json:"class"`
	Error string `json:"error"`
}

// Progress is progress.json.
type Progress struct {
	Done  int64     `json:"done"`
	Total int64     `json:"total"` // 0: unknown
	Unit  string    `json:"unit"`
	Start time.Time `json:"start"`
	Time  time.Time `json:"time"`
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// writeJSON replaces a file that nobody misses after a power cut.
func writeJSON(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	tmp := path + "." + strconv.Itoa(os.Getpid())
	if err := os.WriteFile(tmp, append(b, '\n'), 0o666); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// threadsOr1 is at least one, at most what the machine has.
func threadsOr1(n int) int { return min(max(n, 1), runtime.NumCPU()) }
