package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"hardneg/experiments/plan"
	"hardneg/harness/stage"
	"hardneg/harness/store"
	"hardneg/harness/track"
)

// driver does what the machine says.
type driver struct {
	Options
	m       *machine
	out     []Outcome
	at      map[string]int               // task ID → place in out
	digests map[string]string            // task ID → digest
	files   map[string]map[string]string // task ID → file name → digest
	paths   map[string]map[string]string // task ID → file name → path
	forced  map[int]string               // task → digest of the result set aside to be made again
	renew   map[string]bool              // task ID → its result lost files that this run reads
	started map[int]time.Time
	watched map[int]bool
	queue   []event
	ends    chan end
	made    int
	signal  os.Signal
}

type end struct {
	job   Job
	class Class
	err   error
}

// Run carries out the plan. Its error is one of the harness itself; failed
// tasks are in the Summary. It returns when nothing runs any more.
func Run(ctx context.Context, o Options) (Summary, error) {
	d := &driver{Options: o, at: map[string]int{}, digests: map[string]string{}, forced: map[int]string{}, started: map[int]time.Time{}, watched: map[int]bool{}, ends: make(chan end, 64)}
	d.m = newMachine(o.Plan.Tasks, limits{slots: max(1, o.Slots), threads: o.Threads, gpus: o.GPUs, retries: o.Retries, failFast: o.FailFast})
	d.out = make([]Outcome, len(o.Plan.Tasks))
	for i, t := range o.Plan.Tasks {
		d.out[i].Task, d.at[t.ID] = t, i
	}
	if err := d.hashFiles(); err != nil {
		return Summary{Run: o.Plan.Run, Tasks: d.out}, err
	}
	if err := d.log(track.Event{Event: "run", Detail: o.Asked}); err != nil {
		return Summary{Run: o.Plan.Run, Tasks: d.out}, err
	}
	d.renew = d.needed()
	err := d.loop(ctx)
	for i, s := range d.m.states() {
		d.out[i].State = s
		if s == Blocked {
			d.observe(Update{Event: "blocked", Index: i})
		}
	}
	sum := Summary{o.Plan.Run, d.out, d.signal, d.made}
	return sum, errors.Join(err, d.log(track.Event{Event: "end", Detail: fmt.Sprintf("done %d failed %d", sum.Count(Done), sum.Count(Failed))}))
}

// hashFiles resolves and hashes what the user has before anything starts: a
// missing model is found now, not after an hour.
func (d *driver) hashFiles() error {
	dig := d.Store.NewDigester()
	defer dig.Save()
	type known struct{ path, sum string }
	seen := map[plan.File]known{}
	d.files, d.paths = map[string]map[string]string{}, map[string]map[string]string{}
	for _, t := range d.Plan.Tasks {
		sums, paths := map[string]string{}, map[string]string{}
		for _, f := range t.Files {
			k, ok := seen[f]
			if !ok {
				place, err := d.Resolve(f)
				if err == nil {
					k.path = place.Path
					k.sum, err = dig.Digest(place.Path, place.Only...)
				}
				if err != nil {
					return &stage.EnvironmentError{Err: fmt.Errorf("task %s: %s %s: %w", t.ID, f.Name, f.Path, err)}
				}
				seen[f] = k
			}
			sums[f.Name], paths[f.Name] = k.sum, k.path
		}
		d.files[t.ID], d.paths[t.ID] = sums, paths
	}
	return nil
}

func (d *driver) loop(ctx context.Context) error {
	poll := time.NewTicker(200 * time.Millisecond)
	defer poll.Stop()
	d.queue = append(d.queue, event{kind: begin})
	for {
		if err := d.drain(); err != nil {
			d.Executor.Kill()
			return err
		}
		if d.m.over() {
			return nil
		}
		select {
		case e := <-d.ends:
			d.ended(e)
		case s := <-d.Signals:
			if d.signal != nil {
				d.Executor.Kill()
				continue
			}
			d.halt(s)
		case <-ctx.Done():
			ctx = context.WithoutCancel(ctx)
			d.halt(syscall.SIGTERM)
		case <-poll.C:
			d.poll()
		}
	}
}

// halt asks every task to checkpoint and leave.
func (d *driver) halt(s os.Signal) {
	d.signal = s
	sig, ok := s.(syscall.Signal)
	if !ok {
		sig = syscall.SIGTERM
	}
	d.queue = append(d.queue, event{kind: stop})
	d.Executor.Signal(sig)
}

// drain feeds the machine and does what it says until it has nothing to say.
func (d *driver) drain() error {
	for len(d.queue) > 0 {
		e := d.queue[0]
		d.queue = d.queue[1:]
		var jobs []Job
		for _, a := range d.m.step(e) {
			switch a.kind {
			case look:
				if err := d.look(a.task); err != nil {
					return err
				}
			case watch:
				d.watched[a.task] = true
				d.observe(Update{Event: "watch", Index: a.task})
			case start:
				job, err := d.prepare(a)
				if err != nil {
					return err
				}
				if job.Key == "" {
					continue
				}
				jobs = append(jobs, job)
			}
		}
		if len(jobs) > 0 {
			d.Executor.Start(jobs, func(j Job, c Class, err error) { d.ends <- end{j, c, err} })
		}
	}
	return nil
}

// look computes the key and asks the store.
func (d *driver) look(i int) error {
	t := d.Plan.Tasks[i]
	fields, err := t.Fields(d.digests, d.files[t.ID])
	if err != nil {
		return err
	}
	key := fields.Key()
	d.out[i].Key = key
	if err := d.Folder.Link(t.ID, d.Store.Dir(key)); err != nil {
		return err
	}
	res, err := d.Store.Lookup(key)
	if reason := d.remake(t, res); err == nil && reason != "" && d.forced[i] == "" {
		d.forced[i] = res.Digest
		err = &store.CorruptError{Key: key, Path: "DONE", Reason: reason}
	}
	var corrupt *store.CorruptError
	if errors.As(err, &corrupt) {
		err = d.setAside(i, key, corrupt)
	}
	switch {
	case err == nil:
		d.take(i, res)
		d.out[i].Cached = true
		d.queue = append(d.queue, event{kind: hit, task: i})
		d.observe(Update{Event: "hit", Index: i})
	case errors.Is(err, store.ErrLocked) || d.Store.Busy(key):
		d.queue = append(d.queue, event{kind: busy, task: i})
	case errors.Is(err, store.ErrMissing):
		d.queue = append(d.queue, event{kind: miss, task: i})
	default:
		return err
	}
	return nil
}

// remake is the reason for which a result that is there is made again, or "".
func (d *driver) remake(t plan.Task, res store.Result) string {
	switch {
	case d.Force[t.Stage]:
		return "made again by --force"
	case d.renew[t.ID] && res.Partial():
		return "files that gc deleted are needed again"
	}
	return ""
}

// needed names the tasks whose results have lost files to gc and are read by a
// task that has to run: they are carried out again, and what they read, too.
func (d *driver) needed() map[string]bool {
	if !d.Store.Pruned() {
		return nil
	}
	digests, partial, runs := map[string]string{}, map[string]bool{}, map[string]bool{}
	for _, t := range d.Plan.Tasks {
		fields, err := t.Fields(digests, d.files[t.ID])
		if err != nil {
			runs[t.ID] = true // an input runs
			continue
		}
		res, err := d.Store.Lookup(fields.Key())
		if err != nil {
			runs[t.ID] = true
			continue
		}
		digests[t.ID], partial[t.ID] = res.Digest, res.Partial()
		runs[t.ID] = d.Force[t.Stage]
	}
	renew := map[string]bool{}
	for _, t := range slices.Backward(d.Plan.Tasks) { // users come after their inputs
		if !runs[t.ID] {
			continue
		}
		for _, in := range t.Inputs {
			if partial[in.Task] {
				renew[in.Task], runs[in.Task] = true, true
			}
		}
	}
	return renew
}

func (d *driver) setAside(i int, key string, why *store.CorruptError) error {
	lock, err := d.Store.Lock(context.Background(), key)
	if err != nil {
		return err
	}
	defer lock.Release()
	place, err := d.Store.SetAside(lock, why.Path+": "+why.Reason)
	if err != nil {
		return err
	}
	d.observe(Update{Event: "aside", Index: i, Detail: fmt.Sprintf("%s: %s; kept in %s", why.Path, why.Reason, place)})
	return store.ErrMissing
}

// take accepts a result; one that was made again must be the same.
func (d *driver) take(i int, res store.Result) {
	o := &d.out[i]
	o.Result, o.Err, o.Class = res, nil, OK
	d.digests[o.Task.ID] = res.Digest
	if old := d.forced[i]; old != "" && old != res.Digest {
		o.Class = Integrity
		o.Err = fmt.Errorf("digest %.12s was %.12s: %w", res.Digest, old, ErrNotDeterministic)
	}
}

// prepare writes the task's record for its process; where the key is held by
// another process the attempt ends as busy.
func (d *driver) prepare(a action) (Job, error) {
	o := &d.out[a.task]
	t := o.Task
	fields, err := t.Fields(d.digests, d.files[t.ID])
	if err != nil {
		return Job{}, err
	}
	lock, err := d.Store.Lock(context.Background(), o.Key)
	if errors.Is(err, store.ErrLocked) {
		d.queue = append(d.queue, event{ended, a.task, Busy})
		return Job{}, nil
	}
	if err != nil {
		return Job{}, err
	}
	defer lock.Release()
	if _, err := d.Store.Lookup(o.Key); err == nil { // made by another harness since we looked
		d.queue = append(d.queue, event{ended, a.task, Busy})
		return Job{}, nil
	}
	rec, err := ReadRecord(d.Store, o.Key)
	if err != nil {
		rec = Record{}
	}
	rec = Record{Schema: recordSchema, Key: o.Key, Fields: fields, Task: t, Inputs: map[string]string{}, Files: d.paths[t.ID], Attempts: rec.Attempts}
	for _, in := range t.Inputs {
		rec.Inputs[in.Name] = d.out[d.at[in.Task]].Key
	}
	if err := d.Store.WriteRecord(o.Key, rec.bytes()); err != nil {
		return Job{}, err
	}
	d.started[a.task] = time.Now()
	d.observe(Update{Event: "start", Index: a.task, Attempt: a.attempt})
	job := Job{ID: t.ID, Key: o.Key, Stage: t.Stage, Attempt: a.attempt, Threads: a.threads, GPU: a.gpu, OnGPU: onGPU(t), task: a.task}
	if d.Timeout != nil {
		job.Timeout = d.Timeout(t.Stage)
	}
	return job, nil
}

// ended takes note of the end of an attempt.
func (d *driver) ended(e end) {
	i, class := e.job.task, e.class
	o := &d.out[i]
	wall := time.Since(d.started[i])
	delete(d.started, i)
	if class == OK {
		res, err := d.Store.Lookup(o.Key)
		if err == nil {
			d.made++
			d.take(i, res)
			class, e.err = o.Class, o.Err
		} else {
			class, e.err = Failure, fmt.Errorf("its process ended well, but: %w", err)
		}
	}
	switch class {
	case OK:
		d.observe(Update{Event: "done", Index: i, Attempt: e.job.Attempt, Wall: wall})
	case Busy:
	case Halted:
		o.Class, o.Err = class, e.err
		d.observe(Update{Event: "stopped", Index: i, Attempt: e.job.Attempt})
	default:
		o.Class, o.Err = class, e.err
		d.observe(Update{Event: "failed", Index: i, Attempt: e.job.Attempt, Wall: wall, Detail: e.err.Error()})
	}
	d.queue = append(d.queue, event{ended, i, class})
}

// poll looks after watched tasks and reports the progress of running ones.
func (d *driver) poll() {
	for i := range d.watched {
		if d.signal != nil || !d.Store.Busy(d.out[i].Key) {
			delete(d.watched, i)
			d.queue = append(d.queue, event{kind: again, task: i})
		}
	}
	for i := range d.started {
		var p Progress
		if readJSON(d.Store.Paths(d.out[i].Key).Progress, &p) == nil {
			d.observe(Update{Event: "progress", Index: i, Progress: p})
		}
	}
}

// observe completes an update, logs it as an event and passes it on.
func (d *driver) observe(u Update) {
	u.Task, u.Key = d.out[u.Index].Task, d.out[u.Index].Key
	if u.Event != "progress" && u.Event != "hit" {
		_ = d.log(track.Event{Event: u.Event, Task: u.Task.ID, Key: u.Key, N: u.Attempt, Detail: u.Detail})
	}
	if d.Observe != nil {
		d.Observe(u)
	}
}

func (d *driver) log(e track.Event) error {
	e.Time = time.Now().UTC()
	return d.Folder.Append(e)
}
