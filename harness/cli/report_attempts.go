package cli

import (
	"fmt"
	"strings"

	"hardneg/harness/runner"
	"hardneg/harness/store"
	"hardneg/reports/table"
)

// earlierAttempts are those before the last one, of tasks that took several.
func earlierAttempts(st *store.Store, run string, tasks []runner.TaskStatus) (map[string][]runner.Attempt, error) {
	out := map[string][]runner.Attempt{}
	for _, t := range tasks {
		if t.Attempts < 2 {
			continue
		}
		rec, err := runner.ReadRecord(st, t.Key)
		if err != nil {
			return nil, err
		}
		out[t.Task.ID] = rec.Earlier(run)
	}
	return out, nil
}

// attemptsTable says which tasks were tried more than once and how the earlier
// attempts ended.
func (r *reporter) attemptsTable() table.Table {
	t := table.Table{ID: "attempts", Caption: "Tasks that took several attempts", Head: []string{"task", "attempts", "how the earlier ones ended"}, Empty: "none; each was made, or failed, at its first."}
	for _, task := range r.plan.Tasks {
		earlier := r.earlier[task.ID]
		if len(earlier) == 0 {
			continue
		}
		var ends []string
		for _, a := range earlier {
			ends = append(ends, ending(a))
		}
		row := cells(task.ID, fmt.Sprint(len(earlier)+1), strings.Join(ends, "; "))
		row[2].Wide = true
		t.Rows = append(t.Rows, row)
	}
	return t
}

// ending says how an attempt ended; one that was killed could not say it.
func ending(a runner.Attempt) string {
	switch {
	case a.Class == "":
		return "killed"
	case a.Class == runner.Halted:
		return "stopped"
	case a.Error == "":
		return string(a.Class)
	}
	return string(a.Class) + ": " + a.Error
}
