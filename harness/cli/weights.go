package cli

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"hardneg/harness/runner"
	"hardneg/harness/store"
	"hardneg/harness/track"
)

// isWeights says which files of a training's result are its model.
func isWeights(path string) bool { return strings.HasPrefix(path, "model/") }

// trains says whether a stage's result is a model.
func trains(stage string) bool { return stage == "sft" || stage == "train" }

// secondBest are the weights that --keep-best deletes: those of every training
// that a finished run links to, but for the models that the best seed of each
// arm of any run was evaluated with. A run that is not finished keeps all.
func (a *App) secondBest(st *store.Store, before time.Time) ([]store.Garbage, error) {
	names, err := track.Runs(a.Workspace)
	if err != nil {
		return nil, err
	}
	keep, why := map[string]bool{}, map[string]string{}
	for _, name := range names {
		folder, err := track.FindFolder(a.Workspace, name)
		if err != nil {
			return nil, err
		}
		tasks, err := runner.Inspect(st, folder)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it ended before it had a plan
		}
		if err != nil {
			return nil, err
		}
		best, finished := bestSeeds(folder, tasks)
		for _, t := range tasks {
			switch {
			case t.Key == "" || !trains(t.Task.Stage):
			case !finished || best[t.Task.ID]:
				keep[t.Key] = true
			case t.Attempt.End.Before(before):
				why[t.Key] = "weights of " + name + "/" + t.Task.ID + ", not the best seed"
			}
		}
	}
	var all []store.Garbage
	for _, key := range slices.Sorted(maps.Keys(why)) {
		if g, ok := st.Prunable(key, why[key], isWeights); ok && !keep[key] {
			all = append(all, g)
		}
	}
	return all, nil
}

// trial is one arm with one seed.
type trial struct {
	arm  string
	seed int
}

// bestSeeds are the tasks whose models the best seed of each arm was evaluated
// with; false for a run that is not finished or has no results.json.
func bestSeeds(folder *track.Folder, tasks []runner.TaskStatus) (map[string]bool, bool) {
	var set struct {
		Cells []struct {
			Arm      string
			Seed     int
			Accuracy *float64
		}
	}
	if counts(tasks)[runner.Done] != len(tasks) || folder.Read("results.json", &set) != nil {
		return nil, false
	}
	sum, n := map[trial]float64{}, map[trial]float64{}
	for _, c := range set.Cells {
		if c.Accuracy != nil {
			sum[trial{c.Arm, c.Seed}] += *c.Accuracy
			n[trial{c.Arm, c.Seed}]++
		}
	}
	top := map[string]trial{}
	for _, c := range set.Cells { // in the order of the file: of equals the first seed stays
		x := trial{c.Arm, c.Seed}
		old, have := top[c.Arm]
		if n[x] > 0 && (!have || sum[x]/n[x] > sum[old]/n[old]) {
			top[c.Arm] = x
		}
	}
	best := map[string]bool{}
	for _, t := range tasks {
		if t.Task.Stage != "eval" {
			continue
		}
		for _, arm := range t.Task.Arms {
			if x, ok := top[arm]; ok && t.Task.Varies && t.Task.Seed != x.seed {
				continue
			}
			for _, in := range t.Task.Inputs {
				if in.Name == "model" {
					best[in.Task] = true
				}
			}
		}
	}
	return best, true
}

// dropWeights does what outputs.keep: none asks for at the end of a run: the
// weights go that no other run links to.
func (a *App) dropWeights(run finished) error {
	names, err := track.Runs(a.Workspace)
	if err != nil {
		return err
	}
	shared := map[string]bool{}
	for _, name := range names {
		if name == run.Plan.Run {
			continue
		}
		folder, err := track.FindFolder(a.Workspace, name)
		if err != nil {
			return err
		}
		links, err := folder.Links()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, key := range links {
			shared[key] = true
		}
	}
	var all []store.Garbage
	for _, t := range run.Summary.Tasks {
		if !trains(t.Task.Stage) || shared[t.Key] {
			continue
		}
		if g, ok := run.Store.Prunable(t.Key, "outputs.keep: none", isWeights); ok {
			all = append(all, g)
		}
	}
	if len(all) == 0 {
		return nil
	}
	if err := deleteAll(run.Store, all); err != nil {
		return err
	}
	orphans, err := run.Store.Orphans()
	if err != nil {
		return err
	}
	return deleteAll(run.Store, orphans)
}
