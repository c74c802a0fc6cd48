package cli

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"hardneg/experiments/plan"
	"hardneg/experiments/spec"
	"hardneg/harness/store"
	"hardneg/harness/track"
)

// forecast says what run would do with one task, and why.
type forecast struct {
	ID      string        `json:"id"`
	Stage   string        `json:"stage"`
	Arms    []string      `json:"arms,omitempty"`
	Status  string        `json:"status"` // hit, run, rerun
	Because string        `json:"because,omitempty"`
	Changes []plan.Change `json:"changes,omitempty"` // of a rerun: from the nearest earlier task
	Nearest string        `json:"nearest,omitempty"` // that task's ID
	Key     string        `json:"key,omitempty"`     // known where all inputs are
	Cost    plan.Cost     `json:"cost"`
	WallS   float64       `json:"wall_s,omitempty"` // of a hit: what it took
	seed    int
	varies  bool
	device  string
}

// previewer compares a plan with what the workspace holds. It starts nothing
// and writes nothing but the cache of file digests.
type previewer struct {
	app     *App
	store   *store.Store // nil: no workspace yet
	digest  *store.Digester
	sums    map[plan.File]string // of the user's files
	missing map[string]string    // path → why it cannot be read
	results map[string]string    // digests of the results that are there, by task ID
	partial map[string]bool      // task ID → its result lost files to gc
	earlier plan.History
	loaded  bool
}

// preview forecasts every task of a plan, in its order.
func (a *App) preview(p plan.Plan) ([]forecast, map[string]string, error) {
	v := &previewer{app: a, sums: map[plan.File]string{}, missing: map[string]string{}, results: map[string]string{}, partial: map[string]bool{}}
	if _, err := os.Stat(filepath.Join(a.Workspace, "cache", "tasks")); err == nil {
		if v.store, err = store.Open(a.Workspace); err != nil {
			return nil, nil, fail(ExitEnvironment, err)
		}
		v.digest = v.store.NewDigester()
		defer v.digest.Save()
	}
	out := make([]forecast, len(p.Tasks))
	for i, t := range p.Tasks {
		f := &out[i]
		f.ID, f.Stage, f.Arms, f.seed, f.varies, f.device = t.ID, t.Stage, t.Arms, t.Seed, t.Varies, t.Device
	}
	for begin := 0; begin < len(p.Tasks); {
		end := wave(p.Tasks, begin)
		if err := v.wave(p.Tasks[begin:end], out[begin:end]); err != nil {
			return nil, nil, err
		}
		begin = end
	}
	v.renew(p.Tasks, out)
	return out, v.missing, nil
}

// renew turns hits into reruns whose files gc deleted and a task that runs reads.
func (v *previewer) renew(tasks []plan.Task, out []forecast) {
	reader := map[string]string{} // task → one that runs and reads it
	for i, t := range slices.Backward(tasks) {
		if by := reader[t.ID]; by != "" && v.partial[t.ID] && out[i].Status == "hit" {
			out[i].Status, out[i].Because = "rerun", "gc deleted its weights, which "+by+" reads"
		}
		if out[i].Status != "hit" {
			for _, in := range t.Inputs {
				reader[in.Task] = t.ID
			}
		}
	}
}

// wave is the end of the tasks from begin on that read nothing of one another.
func wave(tasks []plan.Task, begin int) int {
	inside := map[string]bool{}
	for i := begin; i < len(tasks); i++ {
		for _, in := range tasks[i].Inputs {
			if inside[in.Task] {
				return i
			}
		}
		inside[tasks[i].ID] = true
	}
	return len(tasks)
}

// found is what the store says of a key.
type found struct {
	fields plan.KeyFields
	res    store.Result
	wall   float64 // of the attempt that made it
	err    error
}

// wave forecasts tasks that read nothing of one another; the store is asked for
// all of them at once.
func (v *previewer) wave(tasks []plan.Task, out []forecast) error {
	answers := make([]*found, len(tasks))
	for i, t := range tasks {
		f := &out[i]
		fields, err := v.fields(t, f)
		if err != nil {
			return err
		}
		if fields != nil {
			f.Key = fields.Key()
			answers[i] = &found{fields: *fields}
		}
	}
	var all sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		all.Go(func() {
			for i := w; i < len(tasks); i += workers {
				if a := answers[i]; a != nil {
					if a.res, a.err = v.store.Lookup(out[i].Key); a.err == nil {
						a.wall = v.wall(out[i].Key)
					}
				}
			}
		})
	}
	all.Wait()
	for i, t := range tasks {
		if a := answers[i]; a != nil {
			if err := v.judge(t, &out[i], a); err != nil {
				return err
			}
		}
	}
	return nil
}

// wall is the time of the attempt that made a result, 0 where none is known.
func (v *previewer) wall(key string) float64 {
	b, err := v.store.Record(key)
	if err != nil {
		return 0
	}
	var rec struct {
		Attempts []struct {
			WallS float64 `json:"wall_s"`
		} `json:"attempts"`
	}
	if json.Unmarshal(b, &rec) != nil || len(rec.Attempts) == 0 {
		return 0
	}
	return rec.Attempts[len(rec.Attempts)-1].WallS
}

// fields are those of a task's key; nil where it cannot be known yet, and then
// the forecast is made.
func (v *previewer) fields(t plan.Task, f *forecast) (*plan.KeyFields, error) {
	f.Status = "run"
	files, lost := v.files(t)
	if lost != "" {
		f.Because = lost + " is missing"
		return nil, nil
	}
	if v.store == nil {
		f.Because = "the workspace is empty"
		return nil, nil
	}
	var again []string
	for _, in := range t.Inputs {
		if _, ok := v.results[in.Task]; !ok {
			again = append(again, in.Name+" ("+in.Task+")")
		}
	}
	if len(again) > 0 {
		return nil, v.waiting(t, f, files, again)
	}
	fields, err := t.Fields(v.results, files)
	return &fields, err
}

// judge turns the store's answer into a forecast.
func (v *previewer) judge(t plan.Task, f *forecast, a *found) error {
	var corrupt *store.CorruptError
	switch err := a.err; {
	case err == nil:
		f.Status, f.WallS = "hit", a.wall
		v.results[t.ID], v.partial[t.ID] = a.res.Digest, a.res.Partial()
		return nil
	case errors.As(err, &corrupt):
		f.Status, f.Because = "rerun", "its result is damaged: "+corrupt.Path+": "+corrupt.Reason
		return nil
	case errors.Is(err, store.ErrLocked) || v.store.Busy(f.Key):
		f.Because = "another process is at work on it"
		return nil
	case !errors.Is(err, store.ErrMissing):
		return err
	}
	return v.explain(t.ID, a.fields, f)
}

// files hashes a task's files; lost names the first that cannot be read.
func (v *previewer) files(t plan.Task) (sums map[string]string, lost string) {
	sums = map[string]string{}
	for _, file := range t.Files {
		sum, ok := v.sums[file]
		if !ok {
			place, err := v.app.resolveFile(file)
			if err == nil && v.digest != nil {
				sum, err = v.digest.Digest(place.Path, place.Only...)
			}
			if err != nil {
				v.missing[file.Path] = err.Error()
			}
			v.sums[file] = sum
		}
		if v.missing[file.Path] != "" && lost == "" {
			lost = file.Name + " " + file.Path
		}
		sums[file.Name] = sum
	}
	return sums, lost
}

// waiting explains a task whose inputs are not there: a change of its own
// where there is one, otherwise the inputs.
func (v *previewer) waiting(t plan.Task, f *forecast, files map[string]string, again []string) error {
	f.Because = "input " + strings.Join(again, ", input ") + " comes first"
	known := map[string]string{}
	for _, in := range t.Inputs {
		known[in.Task] = v.results[in.Task]
	}
	fields, err := t.Fields(known, files)
	if err != nil {
		return err
	}
	if err := v.load(); err != nil {
		return err
	}
	near, changes, ok := v.earlier.Nearest(t.ID, fields)
	if !ok || near.ID != t.ID {
		return nil
	}
	f.Status = "rerun"
	f.Because = "input " + strings.Join(again, ", input ") + " is made again"
	for _, c := range changes {
		if !strings.HasPrefix(c.Field, "input ") {
			f.Changes = append(f.Changes, c)
		}
	}
	if len(f.Changes) > 0 {
		f.Nearest, f.Because = near.ID, f.Changes[0].String()
	}
	return nil
}

// explain names the first field in which a task differs from the nearest earlier one.
func (v *previewer) explain(id string, fields plan.KeyFields, f *forecast) error {
	if err := v.load(); err != nil {
		return err
	}
	near, changes, ok := v.earlier.Nearest(id, fields)
	switch {
	case !ok:
		f.Because = "no " + fields.Stage + " task was carried out here before"
	case len(changes) == 0:
		f.Status, f.Because = "run", "an earlier attempt made no result"
	case near.ID == id:
		f.Status, f.Because, f.Changes, f.Nearest = "rerun", changes[0].String(), changes, near.ID
	default:
		f.Because, f.Changes, f.Nearest = "new; nearest is "+near.ID+": "+changes[0].String(), changes, near.ID
	}
	return nil
}

// load reads what was carried out before, once and only if it is asked for.
func (v *previewer) load() error {
	if v.loaded {
		return nil
	}
	v.loaded = true
	keys, err := v.store.Keys()
	if err != nil {
		return err
	}
	for _, k := range keys {
		b, err := v.store.Record(k)
		if err != nil {
			continue
		}
		var rec struct {
			Fields json.RawMessage `json:"fields"`
			Task   struct {
				ID    string `json:"id"`
				Stage string `json:"stage"`
			} `json:"task"`
		}
		if json.Unmarshal(b, &rec) == nil { // a torn record explains nothing
			v.earlier.Add(rec.Task.Stage, rec.Task.ID, rec.Fields)
		}
	}
	return nil
}

// speeds are the FLOPs and seconds of results, by stage.
type speeds struct{ flops, wall map[string]float64 }

func (s speeds) add(stage string, flops, wall float64) {
	if flops > 0 && wall > 0 {
		s.flops[stage] += flops
		s.wall[stage] += wall
	}
}

// speeds are those of this plan's hits and, of a stage without any, of other
// runs with the same model on the same device, the latest first: costs of both
// are estimates, so their errors cancel.
func (a *App) speeds(p plan.Plan, fs []forecast, shape spec.Shape) speeds {
	s := speeds{map[string]float64{}, map[string]float64{}}
	device, lacks := map[string]string{}, map[string]bool{}
	for _, f := range fs {
		device[f.Stage] = f.device
		if f.Status == "hit" {
			s.add(f.Stage, f.Cost.FLOPs, f.WallS)
		}
	}
	for _, f := range fs {
		if f.Cost.FLOPs > 0 && s.wall[f.Stage] == 0 {
			lacks[f.Stage] = true
		}
	}
	if _, err := os.Stat(filepath.Join(a.Workspace, "cache", "tasks")); err != nil {
		return s // no workspace yet: a plan makes none
	}
	st, err := store.Open(a.Workspace)
	if err != nil {
		return s
	}
	v := previewer{store: st}
	for _, folder := range a.latestRuns(20) {
		if len(lacks) == 0 {
			break
		}
		var other plan.Plan
		links, err := folder.Links()
		if err != nil || folder.Read("plan.json", &other) != nil || !slices.Equal(modelsIn(other), modelsIn(p)) {
			continue
		}
		costs := other.Estimate(shape)
		for i, t := range other.Tasks {
			if key := links[t.ID]; lacks[t.Stage] && t.Device == device[t.Stage] && key != "" && st.Committed(key) {
				s.add(t.Stage, costs[i].FLOPs, v.wall(key))
			}
		}
		for stage := range s.wall {
			delete(lacks, stage)
		}
	}
	return s
}

// latestRuns are the folders of at most n runs, the one used last first.
func (a *App) latestRuns(n int) []*track.Folder {
	names, err := track.Runs(a.Workspace)
	if err != nil {
		return nil
	}
	used := map[string]time.Time{}
	var all []*track.Folder
	for _, name := range names {
		if folder, err := track.FindFolder(a.Workspace, name); err == nil {
			if st, err := os.Stat(folder.Path("events.jsonl")); err == nil {
				used[name] = st.ModTime()
				all = append(all, folder)
			}
		}
	}
	slices.SortFunc(all, func(x, y *track.Folder) int { return used[y.Run].Compare(used[x.Run]) })
	return all[:min(n, len(all))]
}

// modelsIn are the models that a plan starts from, sorted.
func modelsIn(p plan.Plan) []string {
	var names []string
	for _, f := range filesIn(p) {
		if f.Name == "model" {
			names = append(names, f.Path+"@"+f.Revision)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// rates are FLOPs a second by stage: measured, or assumed.
func rates(fs []forecast, s speeds) (perSecond map[string]float64, measured map[string]bool) {
	perSecond, measured = map[string]float64{}, map[string]bool{}
	for _, f := range fs {
		switch {
		case s.wall[f.Stage] > 0:
			perSecond[f.Stage], measured[f.Stage] = s.flops[f.Stage]/s.wall[f.Stage], true
		case strings.HasPrefix(f.device, "cuda") && (f.Stage == "sample" || f.Stage == "eval"):
			perSecond[f.Stage] = 1.5e14 // bound by memory, not arithmetic; an H200 had 1.9e14 at the 1.5B shape
		case strings.HasPrefix(f.device, "cuda"):
			perSecond[f.Stage] = 4e14 // the same, less than its 5e14: smaller models do worse
		default:
			perSecond[f.Stage] = 1e10 // two busy cores on a tiny model; larger ones do better
		}
	}
	return perSecond, measured
}

// seconds is how long a task that has to run takes.
func (f forecast) seconds(perSecond map[string]float64) float64 {
	if f.Status == "hit" {
		return 0
	}
	return f.Cost.FLOPs / perSecond[f.Stage]
}

func spokenTime(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Second).String()
}
