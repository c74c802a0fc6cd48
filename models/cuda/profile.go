//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"cmp"
	"maps"
	"slices"

	"gorgonia.org/cu"
)

// profile times every call on the stream by a pair of events, read at the next
// Sync: the device does not wait for the host between calls.
type profile struct {
	free    []cu.Event
	pending []timed
	by      map[string]*Time
}

type timed struct {
	name     string
	from, to cu.Event
}

// Profile starts, or stops, the timing of calls; it costs a microsecond or two
// a call.
func (c *CUDA) Profile(on bool) {
	c.times = nil
	if on {
		c.times = &profile{by: map[string]*Time{}}
	}
}

// Times lists what was timed since Profile, the longest first. Call it after Sync.
func (c *CUDA) Times() []Time {
	if c.times == nil {
		return nil
	}
	r := []Time{}
	for _, k := range slices.Sorted(maps.Keys(c.times.by)) {
		r = append(r, *c.times.by[k])
	}
	slices.SortStableFunc(r, func(a, b Time) int { return cmp.Compare(b.Milliseconds, a.Milliseconds) })
	return r
}

func (p *profile) event() (cu.Event, error) {
	if n := len(p.free); n > 0 {
		e := p.free[n-1]
		p.free = p.free[:n-1]
		return e, nil
	}
	return cu.MakeEvent(cu.DefaultEvent)
}

// around runs f between two events of the stream.
func (p *profile) around(name string, s cu.Stream, f func() error) error {
	t := timed{name: name}
	var err error
	for _, e := range []*cu.Event{&t.from, &t.to} {
		if *e, err = p.event(); err != nil {
			return err
		}
	}
	if err := t.from.Record(s); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	p.pending = append(p.pending, t)
	return t.to.Record(s)
}

// collect adds up what the stream has finished.
func (p *profile) collect() error {
	for _, t := range p.pending {
		ms, err := t.from.Elapsed(t.to)
		if err != nil {
			return err
		}
		k := p.by[t.name]
		if k == nil {
			k = &Time{Name: t.name}
			p.by[t.name] = k
		}
		k.Calls++
		k.Milliseconds += ms
		p.free = append(p.free, t.from, t.to)
	}
	p.pending = p.pending[:0]
	return nil
}
