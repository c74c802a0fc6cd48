package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"hardneg/experiments/plan"
	"hardneg/fixtures/problem"
)

// largestCounted is the size above which a data file is not read only to say
// how much of it a role gets.
const largestCounted = 64 << 20

// partNotes says of each jsonl file of the user's that is cut into parts how
// much of it the role gets: a small file has little to give. What cannot be read
// is not said here; the task that needs it will.
func (a *App) partNotes(p plan.Plan) (notes []string) {
	for _, t := range p.Tasks {
		var d plan.DataParams
		if t.Stage != "data" || json.Unmarshal(t.Params, &d) != nil || d.Source != "jsonl" || d.Partition == nil || len(t.Files) == 0 {
			continue
		}
		place, err := a.resolveFile(t.Files[0])
		if err != nil {
			continue
		}
		if st, err := os.Stat(place.Path); err != nil || st.Size() > largestCounted {
			continue
		}
		var f problem.Fields
		if d.Fields != nil {
			f = problem.Fields{Question: d.Fields.Question, Solution: d.Fields.Solution, Answer: d.Fields.Answer}
		}
		ps, err := problem.Read(d.Source, place.Path, d.Stored(), d.Format, f)
		if err != nil || problem.Partition(ps, problem.Shares{Pool: d.Partition.Pool, Probe: d.Partition.Probe, Valid: d.Partition.Valid}) != nil {
			continue
		}
		n := 0
		for _, q := range ps {
			if q.Split == d.Split {
				n++
			}
		}
		notes = append(notes, fmt.Sprintf("data.%s: %s: %d rows, %d in this part (%s); split: test reads all of them", d.Role, filepath.Base(place.Path), len(ps), n, d.Split))
	}
	return notes
}
