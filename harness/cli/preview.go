package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hardneg/experiments/plan"
	"hardneg/harness/runner"
	"hardneg/harness/store"
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
	earlier []plan.Earlier
	loaded  bool
}

// preview forecasts every task of a plan, in its order.
func (a *App) preview(p plan.Plan) ([]forecast, map[string]string, error) {
	v := &previewer{app: a, sums: map[plan.File]string{}, missing: map[string]string{}, results: map[string]string{}}
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
		if err := v.forecast(t, f); err != nil {
			return nil, nil, err
		}
	}
	return out, v.missing, nil
}

func (v *previewer) forecast(t plan.Task, f *forecast) error {
	f.Status = "run"
	files, lost := v.files(t)
	if lost != "" {
		f.Because = lost + " is missing"
		return nil
	}
	var again []string
	for _, in := range t.Inputs {
		if _, ok := v.results[in.Task]; !ok {
			again = append(again, in.Name+" ("+in.Task+")")
		}
	}
	if v.store == nil {
		f.Because = "the workspace is empty"
		return nil
	}
	if len(again) > 0 {
		return v.waiting(t, f, files, again)
	}
	fields, err := t.Fields(v.results, files)
	if err != nil {
		return err
	}
	f.Key = fields.Key()
	res, err := v.store.Lookup(f.Key)
	var corrupt *store.CorruptError
	switch {
	case err == nil:
		f.Status = "hit"
		v.results[t.ID] = res.Digest
		if rec, err := runner.ReadRecord(v.store, f.Key); err == nil {
			f.WallS = rec.Last().WallS
		}
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
	return v.explain(t.ID, fields, f)
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
	near, changes, ok := plan.Nearest(t.ID, fields, v.earlier)
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
	near, changes, ok := plan.Nearest(id, fields, v.earlier)
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
		if rec, err := runner.ReadRecord(v.store, k); err == nil { // a torn record explains nothing
			v.earlier = append(v.earlier, plan.Earlier{ID: rec.Task.ID, Fields: rec.Fields})
		}
	}
	return nil
}

// rates are FLOPs a second by stage: measured on the hits, assumed elsewhere.
func rates(fs []forecast) (perSecond map[string]float64, measured map[string]bool) {
	flops, wall := map[string]float64{}, map[string]float64{}
	for _, f := range fs {
		if f.Status == "hit" && f.WallS > 0 && f.Cost.FLOPs > 0 {
			flops[f.Stage] += f.Cost.FLOPs
			wall[f.Stage] += f.WallS
		}
	}
	perSecond, measured = map[string]float64{}, map[string]bool{}
	for _, f := range fs {
		switch {
		case wall[f.Stage] > 0:
			perSecond[f.Stage], measured[f.Stage] = flops[f.Stage]/wall[f.Stage], true
		case strings.HasPrefix(f.device, "cuda") && (f.Stage == "sample" || f.Stage == "eval"):
			perSecond[f.Stage] = 3e13 // decoding is bound by memory, not arithmetic
		case strings.HasPrefix(f.device, "cuda"):
			perSecond[f.Stage] = 3e14 // about a third of an H100's bf16 peak
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
