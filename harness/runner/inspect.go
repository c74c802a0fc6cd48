package runner

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"strings"

	"hardneg/experiments/plan"
	"hardneg/harness/store"
	"hardneg/harness/track"
)

// TaskStatus is where a task of a run stands, as the workspace shows it.
type TaskStatus struct {
	Task     plan.Task `json:"task"`
	Key      string    `json:"key,omitempty"` // once its inputs were known
	State    State     `json:"state"`
	Progress *Progress `json:"progress,omitempty"` // of Running
	Attempt  Attempt   `json:"attempt,omitzero"`   // the last one
	Attempts int       `json:"attempts"`           // that this run made
	Digest   string    `json:"digest,omitempty"`
	Error    string    `json:"error,omitempty"`
	Log      string    `json:"log,omitempty"`
}

// Inspect reads where every task of a run stands, from the run's folder and the
// entries that it links to. It locks nothing and changes nothing, so it may be
// asked while the run goes on, from any machine that sees the workspace.
func Inspect(s *store.Store, f *track.Folder) ([]TaskStatus, error) {
	var p plan.Plan
	switch err := f.Read("plan.json", &p); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &track.DamagedError{Path: f.Path("plan.json"), Err: errors.New("it is not there; `hardneg run` with the run's spec makes it again")}
	case err != nil:
		return nil, err
	}
	keys, err := f.Links()
	if err != nil {
		return nil, err
	}
	out := make([]TaskStatus, len(p.Tasks))
	at := make(map[string]int, len(p.Tasks))
	for i, t := range p.Tasks {
		at[t.ID] = i
		out[i] = TaskStatus{Task: t, State: Waiting, Key: keys[t.ID]}
		if out[i].Key != "" {
			out[i].read(s, f.Run)
		}
		for _, in := range t.Inputs {
			if st := out[at[in.Task]].State; st == Failed || st == Blocked {
				out[i].State = Blocked
			}
		}
	}
	return out, nil
}

// read fills in what the entry says.
func (t *TaskStatus) read(s *store.Store, run string) {
	paths := s.Paths(t.Key)
	rec, err := ReadRecord(s, t.Key)
	if err != nil {
		return
	}
	t.Attempts, t.Attempt, t.Log, t.Digest = len(rec.Of(run)), rec.Last(), paths.Log, rec.Digest
	if s.Committed(t.Key) {
		t.State = Done
		return
	}
	t.Digest = ""
	if s.Busy(t.Key) {
		t.State = Running
		var p Progress
		if readJSON(paths.Progress, &p) == nil {
			t.Progress = &p
		}
		return
	}
	var exit Exit
	switch err := readJSON(paths.Exit, &exit); {
	case err == nil && exit.Class == Halted:
		t.State, t.Error = Stopped, exit.Error
	case err == nil:
		t.State, t.Error = Failed, exit.Error
	case len(rec.Attempts) > 0 && t.Attempt.End.IsZero():
		t.State, t.Error = Stopped, "its process is gone" // killed, or its machine went down
	}
}

// Metrics reads an entry's metrics.jsonl; where a resumed attempt repeated a
// step, the later row counts. The rows are in order of step.
func Metrics(s *store.Store, key string) ([]MetricRow, error) {
	b, err := os.ReadFile(s.Paths(key).Metrics)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var rows []MetricRow
	for line := range bytes.Lines(b) {
		var r MetricRow
		if json.Unmarshal(line, &r) != nil {
			continue // torn
		}
		for len(rows) > 0 && rows[len(rows)-1].Step >= r.Step && rows[len(rows)-1].Attempt < r.Attempt {
			rows = rows[:len(rows)-1]
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// Float is a value of a metric row as a number.
func Float(v any) float64 {
	switch x := v.(type) {
	case float64:
		return x
	case string:
		switch x {
		case "+Inf":
			return math.Inf(1)
		case "-Inf":
			return math.Inf(-1)
		}
	}
	return math.NaN()
}

// Describe turns a run's folder into rows of the index.
func Describe(s *store.Store, f *track.Folder) (track.RunRow, []track.TaskRow, error) {
	row := track.RunRow{Run: f.Run, Name: f.Run}
	if i := strings.LastIndexByte(f.Run, '-'); i > 0 {
		row.Name = f.Run[:i]
	}
	row.Events = f.EventBytes() // before the rest is read: what comes later is indexed later
	tasks, err := Inspect(s, f)
	if err != nil {
		return row, nil, err
	}
	events, err := f.Events()
	if err != nil {
		return row, nil, err
	}
	for _, e := range events {
		if row.Begun.IsZero() {
			row.Begun = e.Time
		}
		row.Used = e.Time
	}
	var env struct {
		Host, Commit string
	}
	if err := f.Read("env.json", &env); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return row, nil, err
	}
	row.Host, row.Commit = env.Host, env.Commit
	if row.Tags, err = f.Tags(); err != nil {
		return row, nil, err
	}
	rows := make([]track.TaskRow, len(tasks))
	for i, t := range tasks {
		rows[i] = track.TaskRow{
			Run: f.Run, Task: t.Task.ID, Key: t.Key, Stage: t.Task.Stage, Arms: strings.Join(t.Task.Arms, ","), Seed: t.Task.Seed, Varies: t.Task.Varies,
			State: string(t.State), Digest: t.Digest, Attempts: t.Attempts, Begun: t.Attempt.Start, Ended: t.Attempt.End,
			WallS: t.Attempt.WallS, CPUS: t.Attempt.CPUS, PeakMiB: t.Attempt.PeakMiB, Threads: t.Attempt.Threads, Host: t.Attempt.Host, Error: t.Error,
		}
		row.Tasks++
		switch t.State {
		case Done:
			row.Done++
		case Failed:
			row.Failed++
		}
	}
	return row, rows, nil
}

// MetricRows are a key's metrics as rows of the index.
func MetricRows(s *store.Store, key string) ([]track.MetricRow, error) {
	rows, err := Metrics(s, key)
	if err != nil {
		return nil, err
	}
	var out []track.MetricRow
	for _, r := range rows {
		for name, v := range r.Values {
			out = append(out, track.MetricRow{Step: r.Step, Name: name, Value: Float(v)})
		}
	}
	return out, nil
}
