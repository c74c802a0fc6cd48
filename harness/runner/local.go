package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"hardneg/harness/store"
)

// Exit codes of a task's process beside those of every command.
const (
	exitBusy   = 73
	exitFutile = 74
	exitBadRow = 76 // not the 2 of the run: Go's own fatal errors end with that
)

// grace is how long a task that ran out of its time may take to checkpoint.
const grace = 30 * time.Second

// Local runs every job as a child process of this one.
type Local struct {
	Store *store.Store
	Exe   string   // the program that knows `task KEY`
	Args  []string // before "task": global flags
	Task  []string // after it: flags of every task
	Env   []string // of the children; nil: ours

	mu      sync.Mutex
	running map[*exec.Cmd]bool
	asked   syscall.Signal // set once the run is being stopped
}

// Start begins a process for each job.
func (l *Local) Start(jobs []Job, ended func(Job, Class, error)) {
	for _, j := range jobs {
		go func() {
			class, err := l.run(j)
			ended(j, class, err)
		}()
	}
}

// run is one process from start to end. Its standard input is a pipe that we
// never write to: when this process dies, even by kill -9, the child reads its
// end, checkpoints and leaves.
func (l *Local) run(j Job) (Class, error) {
	args := append(append([]string(nil), l.Args...), "task", "--threads", strconv.Itoa(j.Threads), "--attached")
	args = append(args, l.Task...)
	env := l.Env
	if env == nil {
		env = os.Environ()
	}
	if j.GPU != "" {
		args = append(args, "--gpu", j.GPU)
		env = append(env[:len(env):len(env)], "CUDA_VISIBLE_DEVICES="+j.GPU)
	}
	cmd := exec.Command(l.Exe, append(args, j.Key)...)
	var tail tailBuffer
	cmd.Env, cmd.Stderr, cmd.Stdout = env, &tail, io.Discard
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's ^C reaches only us; we pass it on
	hold, err := cmd.StdinPipe()
	if err != nil {
		return Failure, err
	}
	defer hold.Close()
	exit := l.Store.Paths(j.Key).Exit
	os.Remove(exit)
	if err := l.begin(cmd); err != nil {
		if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.ENOMEM) {
			return Environment, fmt.Errorf("start a process: %w", err)
		}
		return Failure, fmt.Errorf("start a process: %w", err)
	}
	timedOut := l.limit(cmd, j.Timeout)
	err = cmd.Wait()
	l.mu.Lock()
	delete(l.running, cmd)
	l.mu.Unlock()
	if timedOut() {
		return Failure, fmt.Errorf("ran out of its time, %s (run.timeout.%s)", j.Timeout, j.Stage)
	}
	return outcome(err, exit, tail.String())
}

// begin starts the process unless the run is being stopped.
func (l *Local) begin(cmd *exec.Cmd) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	if l.running == nil {
		l.running = map[*exec.Cmd]bool{}
	}
	l.running[cmd] = true
	if l.asked != 0 {
		send(cmd, l.asked)
	}
	return nil
}

// limit asks the process to leave after its time, and makes it leave after the
// grace; the function it returns stops the clocks and says whether they rang.
func (l *Local) limit(cmd *exec.Cmd, after time.Duration) func() bool {
	if after <= 0 {
		return func() bool { return false }
	}
	ctx, cancel := context.WithCancel(context.Background())
	rang := make(chan bool, 1)
	go func() {
		select {
		case <-ctx.Done():
			rang <- false
			return
		case <-time.After(after):
			send(cmd, syscall.SIGTERM)
		}
		select {
		case <-ctx.Done():
		case <-time.After(grace):
			send(cmd, syscall.SIGKILL)
		}
		rang <- true
	}()
	return func() bool { cancel(); return <-rang }
}

// outcome reads how a process ended from its exit code and exit.json.
func outcome(err error, exitPath, stderr string) (Class, error) {
	if err == nil {
		return OK, nil
	}
	var ee *exec.ExitError
	if !errors.As(err, &ee) {
		return Failure, err
	}
	var said Exit
	message := strings.TrimSpace(stderr)
	if readJSON(exitPath, &said) == nil && said.Error != "" {
		message = said.Error
	}
	if ws, ok := ee.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return Failure, fmt.Errorf("its process was killed (%s)%s", ws.Signal(), oomHint(ws.Signal()))
	}
	class := ClassOf(ee.ExitCode())
	if message == "" {
		message = fmt.Sprintf("its process ended with exit code %d", ee.ExitCode())
	}
	return class, errors.New(message)
}

func oomHint(s syscall.Signal) string {
	if s == syscall.SIGKILL {
		return "; the kernel does that when memory runs out"
	}
	return ""
}

// ClassOf is the class that a task's exit code stands for.
func ClassOf(code int) Class {
	switch code {
	case 0:
		return OK
	case exitBadRow:
		return BadRow
	case 5:
		return Integrity
	case 6:
		return Environment
	case exitBusy:
		return Busy
	case exitFutile:
		return Futile
	case 75, 130:
		return Halted
	}
	return Failure
}

// ExitCode is the exit code of a task's process; sig is what stopped it.
func ExitCode(c Class, sig os.Signal) int {
	switch c {
	case OK:
		return 0
	case BadRow:
		return exitBadRow
	case Integrity:
		return 5
	case Environment:
		return 6
	case Busy:
		return exitBusy
	case Futile:
		return exitFutile
	case Halted:
		if sig == syscall.SIGINT {
			return 130
		}
		return 75
	}
	return 1
}

// Signal asks every running task to checkpoint and leave.
func (l *Local) Signal(s syscall.Signal) { l.send(s) }

// Kill ends every running task.
func (l *Local) Kill() { l.send(syscall.SIGKILL) }

func (l *Local) send(s syscall.Signal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = s
	for cmd := range l.running {
		send(cmd, s)
	}
}

// send signals the process and whatever it started.
func send(cmd *exec.Cmd, s syscall.Signal) { _ = syscall.Kill(-cmd.Process.Pid, s) }

// tailBuffer keeps the last 8 KiB written to it.
type tailBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *tailBuffer) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b.Write(p)
	if n := t.b.Len() - 8<<10; n > 0 {
		t.b.Next(n)
	}
	return len(p), nil
}

func (t *tailBuffer) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}
