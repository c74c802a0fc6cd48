package runner

import (
	"container/heap"

	"hardneg/experiments/plan"
)

// State is where a task stands.
type State string

// The states. Done, Failed, Blocked and Stopped are ends.
const (
	Waiting State = "waiting" // for its inputs
	Looking State = "looking" // inputs done: is its result cached?
	Ready   State = "ready"   // for a free slot
	Running State = "running" // in a process of ours
	Watched State = "watched" // in a process of another harness
	Done    State = "done"    // has a result
	Failed  State = "failed"  // no attempt is left
	Blocked State = "blocked" // an input failed
	Stopped State = "stopped" // the run was stopped first; resumable
)

// Class is how an attempt ended.
type Class string

// The classes of an end.
const (
	OK          Class = "ok"
	Failure     Class = "failed"      // another attempt may help
	Futile      Class = "futile"      // this trial's own settings leave it nothing to do; no attempt can help
	Environment Class = "environment" // the machine or the user's files are unfit
	BadRow      Class = "bad row"     // of the user's data
	Integrity   Class = "integrity"   // a hash of our own differs
	Halted      Class = "stopped"     // by a signal; its checkpoint is kept
	Busy        Class = "busy"        // another process holds the key
)

// limits bound what runs at once.
type limits struct {
	slots    int      // CPU slots
	threads  int      // slots of a task; 0: free slots are shared among what is ready
	gpus     []string // one task each
	retries  int
	failFast bool
}

type eventKind string

const (
	begin eventKind = "begin"
	hit   eventKind = "hit"
	miss  eventKind = "miss"
	busy  eventKind = "busy"  // answer to look: another process works on it
	again eventKind = "again" // a watched task may be looked at once more
	ended eventKind = "ended"
	stop  eventKind = "stop"
)

// event is what happened to a task, or to the run.
type event struct {
	kind  eventKind
	task  int
	class Class // of ended
}

type actionKind string

const (
	look  actionKind = "look"
	start actionKind = "start"
	watch actionKind = "watch"
)

// action is what the driver has to do next.
type action struct {
	kind    actionKind
	task    int
	attempt int    // from 1
	threads int    // of start
	gpu     string // of start; empty on the CPU
}

// machine decides what happens next. It is a pure function of the events so
// far: no clock, no process, no file, so its transcripts are tests.
type machine struct {
	limits
	tasks    []plan.Task
	nodes    []node
	onCPU    queue // ready, by place in the plan
	onGPU    queue
	looking  int
	free     int
	freeGPU  []string
	active   int // running or watched
	stopping bool
}

type node struct {
	state   State
	missing int   // inputs that are not done
	users   []int // tasks that read this one's result
	attempt int
	held    int // CPU slots
	gpu     string
}

func newMachine(tasks []plan.Task, l limits) *machine {
	m := &machine{limits: l, tasks: tasks, nodes: make([]node, len(tasks)), free: l.slots, freeGPU: append([]string(nil), l.gpus...)}
	at := make(map[string]int, len(tasks))
	for i, t := range tasks {
		at[t.ID] = i
	}
	for i, t := range tasks {
		m.nodes[i].state = Waiting
		for _, in := range t.Inputs {
			m.nodes[i].missing++
			user := &m.nodes[at[in.Task]]
			user.users = append(user.users, i)
		}
	}
	return m
}

// step takes one event and returns what to do about it.
func (m *machine) step(e event) []action {
	var out []action
	n := &node{}
	if e.kind != begin && e.kind != stop {
		n = &m.nodes[e.task]
	}
	switch e.kind {
	case hit, miss, busy:
		m.looking--
	}
	switch e.kind {
	case begin:
		for i := range m.nodes {
			if m.nodes[i].missing == 0 {
				out = m.look(out, i)
			}
		}
	case stop:
		m.stopping = true
	case hit:
		out = m.done(out, e.task)
	case miss:
		m.push(e.task)
	case busy:
		out = m.watch(out, e.task)
	case again:
		m.active--
		out = m.look(out, e.task)
	case ended:
		m.active--
		m.release(n)
		out = m.ended(out, e)
	}
	return m.schedule(out)
}

// look asks for the task's cached result; a stopping run asks for nothing.
func (m *machine) look(out []action, i int) []action {
	if m.stopping {
		m.nodes[i].state = Stopped
		return out
	}
	m.nodes[i].state = Looking
	m.looking++
	return append(out, action{kind: look, task: i})
}

func (m *machine) watch(out []action, i int) []action {
	m.nodes[i].state = Watched
	m.active++
	return append(out, action{kind: watch, task: i})
}

func (m *machine) done(out []action, i int) []action {
	m.nodes[i].state = Done
	for _, u := range m.nodes[i].users {
		n := &m.nodes[u]
		if n.missing--; n.missing == 0 && n.state == Waiting {
			out = m.look(out, u)
		}
	}
	return out
}

func (m *machine) ended(out []action, e event) []action {
	n := &m.nodes[e.task]
	switch {
	case e.class == OK:
		return m.done(out, e.task)
	case e.class == Busy && !m.stopping:
		n.attempt--
		return m.watch(out, e.task)
	case e.class == Busy || m.stopping && e.class == Halted:
		n.state = Stopped
	case e.class == Environment || e.class == BadRow || e.class == Integrity:
		m.stopping = true
		m.fail(e.task)
	case e.class != Futile && n.attempt <= m.retries && !m.stopping:
		m.push(e.task)
	default:
		m.stopping = m.stopping || m.failFast
		m.fail(e.task)
	}
	return out
}

func (m *machine) fail(i int) {
	m.nodes[i].state = Failed
	todo := m.nodes[i].users
	for len(todo) > 0 {
		n := &m.nodes[todo[0]]
		todo = todo[1:]
		if n.state == Waiting {
			n.state = Blocked
			todo = append(todo[:len(todo):len(todo)], n.users...)
		}
	}
}

// schedule starts what is ready and fits, in the plan's order. Tasks of one
// kind all want the same, so the first that does not fit ends the search. It
// waits for the answers of all looks, to share the slots among all that need them.
func (m *machine) schedule(out []action) []action {
	if m.looking > 0 {
		return out
	}
	for !m.stopping && m.onGPU.Len() > 0 && len(m.freeGPU) > 0 {
		i := heap.Pop(&m.onGPU).(int)
		m.nodes[i].gpu, m.freeGPU = m.freeGPU[0], m.freeGPU[1:]
		out = m.start(out, i, max(1, m.slots/len(m.gpus)))
	}
	for !m.stopping && m.onCPU.Len() > 0 && m.free > 0 {
		want := m.threads
		if want == 0 {
			want = max(1, m.free/m.onCPU.Len())
		}
		if want = min(want, m.slots); want > m.free {
			break
		}
		i := heap.Pop(&m.onCPU).(int)
		m.nodes[i].held = want
		m.free -= want
		out = m.start(out, i, want)
	}
	return out
}

func (m *machine) start(out []action, i, threads int) []action {
	n := &m.nodes[i]
	n.state = Running
	n.attempt++
	m.active++
	return append(out, action{start, i, n.attempt, threads, n.gpu})
}

func onGPU(t plan.Task) bool { return t.Device != "" && t.Device != "cpu" }

// push makes a task wait for its slots or its GPU.
func (m *machine) push(i int) {
	m.nodes[i].state = Ready
	if onGPU(m.tasks[i]) && len(m.gpus) > 0 {
		heap.Push(&m.onGPU, i)
		return
	}
	heap.Push(&m.onCPU, i)
}

func (m *machine) release(n *node) {
	m.free += n.held
	if n.gpu != "" {
		m.freeGPU = append(m.freeGPU, n.gpu)
	}
	n.held, n.gpu = 0, ""
}

// over says that nothing runs and nothing will.
func (m *machine) over() bool {
	if m.active > 0 || m.looking > 0 {
		return false
	}
	return m.stopping || m.onCPU.Len()+m.onGPU.Len() == 0
}

// states is where the tasks stand when it is over: what a stopped run did not
// reach is Stopped.
func (m *machine) states() []State {
	out := make([]State, len(m.nodes))
	for i, n := range m.nodes {
		out[i] = n.state
		switch n.state {
		case Waiting, Looking, Ready:
			out[i] = Stopped
		}
	}
	return out
}

// queue is a heap of places in the plan.
type queue []int

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i] < q[j] }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(int)) }
func (q *queue) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}
