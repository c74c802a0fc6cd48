package optim

import (
	"math"
	"testing"
)

func TestSchedule(t *testing.T) {
	for _, c := range []struct {
		s    Schedule
		i    int
		want float64
	}{
		{Schedule{"linear", 1, 0, 4, 14}, 0, 0.25},
		{Schedule{"linear", 1, 0, 4, 14}, 3, 1},
		{Schedule{"linear", 1, 0, 4, 14}, 4, 1},
		{Schedule{"linear", 1, 0, 4, 14}, 9, 0.5},
		{Schedule{"linear", 1, 0.1, 4, 14}, 9, 0.55},
		{Schedule{"cosine", 1, 0, 0, 10}, 5, 0.5},
		{Schedule{"cosine", 1, 0.2, 0, 10}, 10, 0.2},
		{Schedule{"constant", 1, 0, 2, 10}, 9, 1},
	} {
		if err := c.s.Check(); err != nil {
			t.Fatal(err)
		}
		if got := c.s.At(c.i); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%+v at %d: %g, want %g", c.s, c.i, got, c.want)
		}
	}
	for _, s := range []Schedule{{"poly", 1, 0, 0, 1}, {"linear", 0, 0, 0, 1}, {"linear", 1, 2, 0, 1}} {
		if s.Check() == nil {
			t.Errorf("%+v was accepted", s)
		}
	}
}
