package runner

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"hardneg/harness/store"
)

// Slurm runs jobs through sbatch, one array for the tasks of a stage that
// become ready together.
//
// Slurm is asked two things only: to start a job, and whether it still has it.
// How a task ended is read from its entry (DONE or exit.json), because many
// clusters keep no accounts and forget a job minutes after its end. This
// process may die and be started again: jobs that still wait are found by the
// files of Dir and adopted.
type Slurm struct {
	Store     *store.Store
	Exe       string
	Args      []string // before "task": global flags
	Task      []string // after it: flags of every task
	Dir       string   // scripts, lists, job numbers and Slurm's own output
	Name      string   // of the jobs
	Partition string
	Account   string
	Time      string // limit of a job; empty: the task's timeout, or the cluster's default
	Throttle  int    // tasks of an array at once; 0: no limit
	GPUs      int    // of a task on a GPU
	Extra     []string
	Poll      time.Duration // between looks; 0: 2 s
	Linger    time.Duration // how long a vanished job may owe its files (NFS caches names); 0: 60 s

	mu      sync.Mutex
	jobs    []*slurmJob
	polling bool
	asked   bool // to stop
}

type slurmJob struct {
	Job
	id    string // <array>_<index>
	gone  time.Time
	again int // submissions because its time ran out
	ended func(Job, Class, error)
}

// arrayLimit is Slurm's default MaxArraySize, less one.
const arrayLimit = 1000

// resubmissions bounds how often a task that ran out of time goes on.
const resubmissions = 100

// Start submits the jobs, or adopts those that an earlier process submitted.
func (s *Slurm) Start(jobs []Job, ended func(Job, Class, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	live, _ := s.live() // not knowing means submitting again, which is harmless
	groups := map[string][]*slurmJob{}
	var order []string
	for _, j := range jobs {
		sj := &slurmJob{Job: j, ended: ended}
		if b, err := os.ReadFile(s.jobFile(j.Key)); err == nil && live[string(b)] {
			sj.id = string(b)
			s.jobs = append(s.jobs, sj)
			continue
		}
		g := fmt.Sprintf("%s-%d-%t", j.Stage, j.Threads, j.OnGPU)
		if groups[g] == nil {
			order = append(order, g)
		}
		groups[g] = append(groups[g], sj)
	}
	for _, g := range order {
		for part := range slices.Chunk(groups[g], arrayLimit) {
			s.submit(part)
		}
	}
	if !s.polling {
		s.polling = true
		go s.poll()
	}
}

func (s *Slurm) jobFile(key string) string { return filepath.Join(s.Dir, key+".job") }

// submit makes an array of jobs that ask for the same. The caller holds mu.
func (s *Slurm) submit(part []*slurmJob) {
	id, err := s.sbatch(part)
	if err != nil {
		for _, j := range part {
			go j.ended(j.Job, Environment, err)
		}
		return
	}
	for i, j := range part {
		j.id, j.gone = fmt.Sprintf("%s_%d", id, i), time.Time{}
		_ = os.WriteFile(s.jobFile(j.Key), []byte(j.id), 0o666) // without it a restart submits again
		s.jobs = append(s.jobs, j)
	}
}

// sbatch writes the list and the script, submits, and returns the array's number.
func (s *Slurm) sbatch(part []*slurmJob) (string, error) {
	if err := os.MkdirAll(s.Dir, 0o777); err != nil {
		return "", err
	}
	var list strings.Builder
	for _, j := range part {
		os.Remove(s.Store.Paths(j.Key).Exit)
		fmt.Fprintln(&list, j.Key)
	}
	name := fmt.Sprintf("%s-%d-%d", part[0].Stage, os.Getpid(), time.Now().UnixNano())
	keys := filepath.Join(s.Dir, name+".keys")
	script := filepath.Join(s.Dir, name+".sh")
	text := s.script(part[0].Job, keys, len(part))
	if err := errors.Join(os.WriteFile(keys, []byte(list.String()), 0o666), os.WriteFile(script, []byte(text), 0o777)); err != nil {
		return "", err
	}
	for try := 0; ; try++ {
		out, err := output("sbatch", append(slices.Clone(s.Extra), "--parsable", script)...)
		if err == nil {
			id, _, _ := strings.Cut(strings.TrimSpace(out), ";") // "number;cluster" on federations
			return id, nil
		}
		if try == 2 || errors.Is(err, exec.ErrNotFound) {
			return "", fmt.Errorf("sbatch %s: %w", script, err)
		}
		time.Sleep(2 * time.Second)
	}
}

// script is the batch script of an array: each index takes its line of the
// list. exec makes the task's process the one that gets USR1 before the limit.
func (s *Slurm) script(j Job, keys string, n int) string {
	var b strings.Builder
	option := func(format string, a ...any) { fmt.Fprintf(&b, "#SBATCH --"+format+"\n", a...) }
	b.WriteString("#!/bin/sh\n")
	array := fmt.Sprintf("0-%d", n-1)
	if s.Throttle > 0 {
		array += fmt.Sprintf("%%%d", s.Throttle)
	}
	option("array=%s", array)
	option("job-name=%s-%s", s.Name, j.Stage)
	option("output=%s", filepath.Join(s.Dir, "%A_%a.out"))
	option("ntasks=1")
	option("cpus-per-task=%d", max(1, j.Threads))
	option("signal=B:USR1@60")
	option("no-requeue") // a task is submitted again by us, which knows whether it should
	if j.OnGPU {
		option("gres=gpu:%d", max(1, s.GPUs))
	}
	if s.Partition != "" {
		option("partition=%s", s.Partition)
	}
	if s.Account != "" {
		option("account=%s", s.Account)
	}
	switch {
	case s.Time != "":
		option("time=%s", s.Time)
	case j.Timeout > 0:
		option("time=%d", int((j.Timeout+time.Minute-1)/time.Minute)+2) // minutes; two to checkpoint in
	}
	args := []string{s.Exe}
	args = append(args, s.Args...)
	args = append(args, "task", "--executor", "slurm", "--threads", fmt.Sprint(max(1, j.Threads)))
	args = append(args, s.Task...)
	for i, a := range args {
		args[i] = quote(a)
	}
	fmt.Fprintf(&b, "key=$(sed -n \"$((SLURM_ARRAY_TASK_ID + 1))p\" %s)\nexec %s \"$key\"\n", quote(keys), strings.Join(args, " "))
	return b.String()
}

// quote makes a word of a shell command.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// output runs a Slurm command; its error holds what it said.
func output(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
	}
	return out.String(), nil
}

// live are our jobs that Slurm still has, waiting or running.
func (s *Slurm) live() (map[string]bool, error) {
	out, err := output("squeue", "--me", "-h", "-r", "-t", "PD,R,S,CF,CG,ST", "-o", "%F_%K")
	if err != nil {
		return nil, err
	}
	m := map[string]bool{}
	for _, id := range strings.Fields(out) {
		m[id] = true
	}
	return m, nil
}

// poll looks after the jobs until there are none.
func (s *Slurm) poll() {
	for {
		time.Sleep(orDefault(s.Poll, 2*time.Second))
		s.mu.Lock()
		live, err := s.live()
		var keep, renew []*slurmJob
		for _, j := range s.jobs {
			class, why, over := s.look(j, live, err)
			switch {
			case !over:
				keep = append(keep, j)
			case class == Halted && !s.asked && j.again < resubmissions:
				j.again++
				renew = append(renew, j)
			default:
				os.Remove(s.jobFile(j.Key))
				go j.ended(j.Job, class, why)
			}
		}
		s.jobs = keep
		for _, j := range renew {
			s.submit([]*slurmJob{j})
		}
		if len(s.jobs) == 0 {
			s.polling = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
	}
}

// look says whether a job is over and how it ended, from its entry.
func (s *Slurm) look(j *slurmJob, live map[string]bool, squeue error) (class Class, why error, over bool) {
	paths := s.Store.Paths(j.Key)
	_, _ = os.ReadDir(paths.Root) // makes NFS ask the server for new names
	var exit Exit
	if readJSON(paths.Exit, &exit) == nil && !live[j.id] {
		return exit.Class, errors.New(exit.Error), true
	}
	if s.Store.Committed(j.Key) {
		return OK, nil, true
	}
	if squeue != nil || live[j.id] {
		j.gone = time.Time{}
		return "", nil, false
	}
	if j.gone.IsZero() {
		j.gone = time.Now()
	}
	switch {
	case s.Store.Busy(j.Key):
		return Busy, store.ErrLocked, true // another harness was faster
	case s.asked:
		return Halted, errors.New("cancelled before it ran"), true
	case time.Since(j.gone) < orDefault(s.Linger, time.Minute):
		return "", nil, false
	}
	out, _ := os.ReadFile(filepath.Join(s.Dir, j.id+".out"))
	return Failure, fmt.Errorf("Slurm no longer has job %s and it left neither result nor reason: %s", j.id, strings.TrimSpace(lastBytes(out, 500))), true
}

// Signal takes back what waits and asks what runs to checkpoint.
func (s *Slurm) Signal(syscall.Signal) {
	ids := s.stop()
	for i := 0; i < len(ids); i += 100 {
		part := ids[i:min(i+100, len(ids))]
		_, _ = output("scancel", append([]string{"--state=PENDING"}, part...)...)
		_, _ = output("scancel", append([]string{"--batch", "--signal=USR1"}, part...)...)
	}
}

// Kill cancels everything.
func (s *Slurm) Kill() {
	ids := s.stop()
	for i := 0; i < len(ids); i += 100 {
		_, _ = output("scancel", ids[i:min(i+100, len(ids))]...)
	}
}

func (s *Slurm) stop() (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = true
	for _, j := range s.jobs {
		ids = append(ids, j.id)
	}
	return ids
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

func lastBytes(b []byte, n int) string { return string(b[max(0, len(b)-n):]) }
