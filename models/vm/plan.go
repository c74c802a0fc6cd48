package vm

import (
	"cmp"
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"

	"hardneg/models/graph"
)

// forever is the end of a slot that outlives the run.
const forever = int(^uint(0) >> 1)

// slot is the memory of one output.
type slot struct {
	n        int
	dtype    graph.Dtype
	def, end int // positions of definition and last use
	leaf     bool
	bound    Buffer // memory of the caller or, for a leaf, of the machine
	aliases  []*G.Node
	off      int
	dead     bool // merged into another slot, or optional and unread
	optional bool
}

// room is the number of elements of the arena, which has the graph's type, that
// the slot takes.
func (s *slot) room() int {
	if s.dtype == graph.Uint16 {
		return (s.n + 1) / 2
	}
	return s.n
}

// work is what a node will do at run time.
type work struct {
	outs []int // slots
	add  bool  // adds to outs[0]
	skip bool  // its kernel was fused away
}

type planner struct {
	spec    Spec
	narrow  graph.Dtype // of activations
	order   []*G.Node
	pos     map[*G.Node]int
	kids    map[*G.Node][]*G.Node
	parents map[*G.Node][]*G.Node
	kept    map[*G.Node]bool
	slots   []*slot
	slotOf  map[*G.Node][]int
	work    map[*G.Node]*work
	total   int // arena elements
	stats   Stats
}

// Stats tells what the planner achieved.
type Stats struct {
	Nodes, Steps, Views, InPlace, Fused int
	// ArenaElems is the arena's size in elements, LiveElems its lower bound
	// and SumElems what it would be without sharing.
	ArenaElems, LiveElems, SumElems int
}

func newPlanner(s Spec) *planner {
	p := &planner{spec: s, pos: map[*G.Node]int{}, kids: map[*G.Node][]*G.Node{}, parents: map[*G.Node][]*G.Node{},
		kept: map[*G.Node]bool{}, slotOf: map[*G.Node][]int{}, work: map[*G.Node]*work{}}
	var stack []*G.Node
	for _, n := range s.Keep {
		p.kept[n] = true
		stack = append(stack, n)
	}
	for n := range s.Grads {
		p.kept[n] = true
		stack = append(stack, n)
	}
	seen := map[*G.Node]bool{}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[n] {
			continue
		}
		seen[n] = true
		p.order = append(p.order, n)
		p.kids[n] = graph.Children(n)
		stack = append(stack, p.kids[n]...)
	}
	slices.SortFunc(p.order, func(a, b *G.Node) int { return cmp.Compare(a.ID(), b.ID()) })
	for i, n := range p.order {
		p.pos[n] = i
		for _, c := range p.kids[n] {
			p.parents[c] = append(p.parents[c], n)
		}
	}
	return p
}

func (p *planner) plan() error {
	for i, n := range p.order {
		op := n.Op()
		switch {
		case op == nil || len(p.kids[n]) == 0:
			p.slotOf[n] = []int{p.newSlot(n, graph.Size(n.Shape()), i, graph.DtypeOf(n))}
			p.slots[p.slotOf[n][0]].leaf = true
			continue
		}
		switch o := op.(type) {
		case *graph.FieldOp:
			s := p.slotOf[p.kids[n][0]][o.Index]
			p.alias(n, s)
			p.stats.Views++
		case *graph.Op:
			p.place(n, o, i)
		default:
			if op.String() != "+ false" {
				return fmt.Errorf("vm: node %v: no kernel for gorgonia's op %q; build graphs from models/graph", n, op)
			}
			p.work[n] = &work{}
			if !p.fuse(n) {
				p.work[n].outs = []int{p.newSlot(n, graph.Size(n.Shape()), i, p.stored(n, graph.KindAdd, 0, n.Shape()))}
				p.slotOf[n] = p.work[n].outs
			}
		}
	}
	p.liveness()
	p.arrange()
	return nil
}

func (p *planner) newSlot(n *G.Node, size, def int, dt graph.Dtype) int {
	p.slots = append(p.slots, &slot{n: size, dtype: dt, def: def, end: def, aliases: []*G.Node{n}})
	return len(p.slots) - 1
}

// stored is the type in which output i of a kind is kept.
func (p *planner) stored(n *G.Node, k graph.Kind, i int, s graph.Shape) graph.Dtype {
	if p.narrow != graph.Float32 && k.NarrowOut(i, s) {
		return p.narrow
	}
	return graph.DtypeOf(n)
}

func (p *planner) alias(n *G.Node, s int) {
	p.slots[s].aliases = append(p.slots[s].aliases, n)
	p.slotOf[n] = []int{s}
}

// place gives an op its output slots, the first in place if it may.
func (p *planner) place(n *G.Node, o *graph.Op, i int) {
	var in []graph.Shape
	for _, c := range p.kids[n] {
		in = append(in, c.Shape())
	}
	w := &work{}
	p.work[n] = w
	for j, s := range o.Outs(in) {
		if j == 0 && o.InPlace > 0 {
			if t := p.slotOf[p.kids[n][o.InPlace-1]][0]; p.slots[t].dtype == p.stored(n, o.Kind, j, s) && p.lastUse(t, i) {
				p.alias(n, t)
				w.outs = append(w.outs, t)
				p.stats.InPlace++
				continue
			}
		}
		id := p.newSlot(n, graph.Size(s), i, p.stored(n, o.Kind, j, s))
		p.slots[id].optional = o.Optional>>j&1 == 1
		w.outs = append(w.outs, id)
	}
	p.slotOf[n] = w.outs
}

// lastUse reports whether slot s may be overwritten at position i.
func (p *planner) lastUse(s, i int) bool {
	if p.slots[s].leaf {
		return false
	}
	for _, a := range p.slots[s].aliases {
		if p.kept[a] {
			return false
		}
	}
	for _, u := range p.users(s) {
		if p.pos[u] > i {
			return false
		}
	}
	return true
}

// fuse turns n = a + b into "b's kernel adds into a's slot".
func (p *planner) fuse(n *G.Node) bool {
	for r := range 2 {
		a, b := p.kids[n][r], p.kids[n][1-r]
		op, ok := b.Op().(*graph.Op)
		if !ok || op.Adds&1 == 0 || len(p.parents[b]) != 1 || p.kept[b] || p.work[b].add || len(p.work[b].outs) != 1 {
			continue
		}
		sa := p.slotOf[a][0]
		if p.slots[sa].leaf || p.kept[a] || p.slots[sa].def >= p.pos[b] {
			continue
		}
		if slices.ContainsFunc(p.users(sa), func(u *G.Node) bool { return u != n && p.pos[u] >= p.pos[b] }) {
			continue
		}
		sb := p.slotOf[b][0]
		if len(p.slots[sb].aliases) != 1 { // b works in place of another node's output
			continue
		}
		p.slots[sb].dead = true
		p.work[b].outs, p.work[b].add = []int{sa}, true
		p.alias(b, sa)
		p.alias(n, sa)
		p.work[n].skip = true
		p.stats.Fused++
		return true
	}
	return false
}

// users lists the executing nodes that read slot s, looking through fields.
func (p *planner) users(s int) []*G.Node {
	var r []*G.Node
	var walk func(n *G.Node, only int)
	walk = func(n *G.Node, only int) {
		for _, c := range p.parents[n] {
			if f, ok := c.Op().(*graph.FieldOp); ok {
				if only < 0 || f.Index == only {
					walk(c, -1)
				}
				continue
			}
			if !slices.Contains(r, c) {
				r = append(r, c)
			}
		}
	}
	for _, n := range p.slots[s].aliases {
		only := -1
		if outs := p.slotOf[n]; len(outs) > 1 {
			only = slices.Index(outs, s)
		}
		walk(n, only)
	}
	return r
}

func (p *planner) liveness() {
	for s, sl := range p.slots {
		if sl.dead || sl.leaf {
			continue
		}
		users := p.users(s)
		for _, u := range users {
			sl.end = max(sl.end, p.pos[u])
		}
		for _, a := range sl.aliases {
			if p.kept[a] {
				sl.end = forever
			}
			if b, ok := p.spec.Grads[a]; ok {
				sl.bound = b
			}
		}
		sl.dead = sl.optional && len(users) == 0 && sl.end != forever
	}
}

// align keeps slots on 64-byte boundaries.
const align = 16

// arrange places slots in the arena, largest first, each at the lowest offset
// that is free during its life.
func (p *planner) arrange() {
	var own []*slot
	for _, s := range p.slots {
		if !s.dead && !s.leaf && s.bound == nil {
			own = append(own, s)
			p.stats.SumElems += s.room()
		}
	}
	slices.SortStableFunc(own, func(a, b *slot) int { return cmp.Compare(b.room(), a.room()) })
	var placed []*slot // by offset
	for _, s := range own {
		n := roundUp(s.room())
		for _, q := range placed {
			if q.end < s.def || s.end < q.def {
				continue
			}
			if s.off+n <= q.off {
				break
			}
			s.off = max(s.off, q.off+roundUp(q.room()))
		}
		p.total = max(p.total, s.off+n)
		i, _ := slices.BinarySearchFunc(placed, s, func(a, b *slot) int {
			return cmp.Or(cmp.Compare(a.off, b.off), -1)
		})
		placed = slices.Insert(placed, i, s)
	}
	p.stats.ArenaElems = p.total
	live := make([]int, len(p.order)+1)
	for _, s := range own {
		for i := s.def; i <= min(s.end, len(p.order)-1); i++ {
			live[i] += s.room()
		}
	}
	p.stats.LiveElems = slices.Max(live)
	p.stats.Nodes = len(p.order)
}

func roundUp(n int) int { return (n + align - 1) / align * align }
