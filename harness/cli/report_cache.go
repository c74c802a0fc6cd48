package cli

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"hardneg/experiments/plan"
	"hardneg/experiments/spec"
	"hardneg/harness/runner"
	"hardneg/harness/stage"
	"hardneg/harness/store"
	"hardneg/harness/track"
	"hardneg/reports/chart"
	"hardneg/reports/page"
	"hardneg/reports/result"

	"golang.org/x/sync/errgroup"
)

// What the workspace keeps to save work on the next report: results files, and
// drawings of about 20 KB each; both are bounded in bytes too. What was not
// used for longest goes first.
const (
	keptEvidence = 32
	keptDrawings = 2000
	keptBytes    = 256 << 20
)

// evidence is a run's evidence with its findings. Reading the artifacts of a
// large run takes seconds, so the results file is kept by all that decides it:
// the program, the spec, the plan, and the digest or the failure of each task.
func (a *App) evidence(s *spec.Spec, p plan.Plan, folder *track.Folder, st *store.Store, of func(string) stage.Outcome) (*result.Set, error) {
	late, err := exploratory(a.Workspace, folder, p)
	if err != nil {
		return nil, err
	}
	links, err := folder.Links()
	if err != nil {
		return nil, err
	}
	key, err := evidenceKey(s, p, links, late, of)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(st.Root(), "cache", "evidence")
	path := filepath.Join(dir, key+".json")
	if set, err := result.ReadFile(path); key != "" && err == nil {
		return set, used(path)
	}
	set, err := a.collectEvidence(s, p, folder, st, late, of)
	if err != nil || key == "" {
		return set, err
	}
	var b bytes.Buffer
	if err := set.Write(&b); err != nil {
		return nil, err
	}
	if err = put(path, b.Bytes()); err == nil {
		err = prune(dir, keptEvidence, keptBytes)
	}
	if err != nil && !unwritable(err) {
		return nil, err
	}
	return result.Read(&b) // what a later report reads, so that both write the same bytes
}

// outcomesOf says what became of each task, and how long those took that have a
// result. A task that was never tried names the failure that it waits for.
func outcomesOf(st *store.Store, tasks []runner.TaskStatus) (map[string]stage.Outcome, map[string]runner.Attempt, error) {
	outcomes, times := map[string]stage.Outcome{}, map[string]runner.Attempt{}
	for _, t := range tasks {
		var o stage.Outcome
		switch t.State {
		case runner.Done:
			res, err := st.Lookup(t.Key)
			if err != nil {
				return nil, nil, err
			}
			o.Dir, o.Digest = res.Dir, t.Digest
			times[t.Task.ID] = t.Attempt
		case runner.Failed:
			o.Failed, o.Why = true, t.Task.ID+" failed: "+t.Error
		case runner.Blocked:
			o.Failed, o.Blocked, o.Why = true, true, "an input failed"
			for _, in := range t.Task.Inputs {
				if w := outcomes[in.Task].Why; w != "" {
					o.Why = w
				}
			}
		}
		outcomes[t.Task.ID] = o
	}
	return outcomes, times, nil
}

// evidenceKey is empty where the program cannot be told from another build.
func evidenceKey(s *spec.Spec, p plan.Plan, links map[string]string, late bool, of func(string) stage.Outcome) (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", nil
	}
	info, err := os.Stat(exe)
	if err != nil {
		return "", nil
	}
	revision, _ := commit()
	h := sha256.New()
	e := json.NewEncoder(h)
	if err := e.Encode([]any{result.Schema, version(), revision, info.Size(), info.ModTime().UnixNano(), late, s, p}); err != nil {
		return "", fmt.Errorf("key of the evidence: %w", err)
	}
	for _, t := range p.Tasks {
		o := of(t.ID)
		if err := e.Encode([]any{t.ID, links[t.ID], o.Digest, o.Dir != "", o.Failed, o.Why}); err != nil {
			return "", fmt.Errorf("key of the evidence: %w", err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// used notes that a kept file was read, for prune. A workspace that cannot be
// written keeps the old time.
func used(path string) error {
	now := time.Now()
	err := os.Chtimes(path, now, now)
	if errors.Is(err, fs.ErrNotExist) || unwritable(err) {
		return nil
	}
	return err
}

// unwritable says that there is no room, or no right to write: what is kept only
// to save work is then not kept.
func unwritable(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// prune keeps the files of a folder that were used last: at most n of them and
// at most so many bytes, but always the newest.
func prune(dir string, n int, bytes int64) error {
	es, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	type aged struct {
		path  string
		at    int64
		bytes int64
	}
	var all []aged
	for _, e := range es {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			all = append(all, aged{filepath.Join(dir, e.Name()), info.ModTime().UnixNano(), info.Size()})
		}
	}
	slices.SortFunc(all, func(a, b aged) int { return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(a.path, b.path)) })
	for i, x := range all {
		if bytes -= x.bytes; i == 0 || i < n && bytes >= 0 {
			continue
		}
		if err := os.Remove(x.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// figures draws the charts; a drawing is kept in the workspace by the hash of
// its description and of what draws it, because drawing is the slow part.
func (r *reporter) figures() ([]page.Figure, error) {
	return drawn(filepath.Join(r.store.Root(), "cache", "svg"), chart.Figures(r.set))
}

// drawn reads drawings from dir and makes what is missing, on every core.
func drawn(dir string, charts []chart.Chart) ([]page.Figure, error) {
	out := make([]page.Figure, len(charts))
	var missing []int
	path := func(c chart.Chart) string { return filepath.Join(dir, c.Digest()+".svg") }
	for i, c := range charts {
		svg, err := os.ReadFile(path(c))
		if err != nil {
			missing = append(missing, i)
		} else if err := used(path(c)); err != nil {
			return nil, err
		}
		out[i] = page.Figure{Chart: c, SVG: string(svg)}
	}
	if missing == nil {
		return out, nil
	}
	draw, err := chart.NewRenderer()
	if err != nil {
		return nil, err
	}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, i := range missing {
		g.Go(func() error {
			svg, err := draw.SVG(charts[i])
			if err != nil {
				return err
			}
			out[i].SVG = svg
			if err := put(path(charts[i]), []byte(svg)); !unwritable(err) {
				return err
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	err = prune(dir, keptDrawings, keptBytes)
	if errors.Is(err, fs.ErrNotExist) || unwritable(err) {
		err = nil
	}
	return out, err
}
