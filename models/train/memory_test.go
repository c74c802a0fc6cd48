package train

import (
	"context"
	"fmt"
	"math"
	"testing"

	"hardneg/models/cpu"
	"hardneg/models/graph"
	"hardneg/models/vm"
)

// cramped is a backend that has no room for an arena above a size.
type cramped struct {
	vm.Backend
	most int
}

func (c cramped) Alloc(dt graph.Dtype, n int) (vm.Buffer, error) {
	if n > c.most {
		return nil, fmt.Errorf("%d elements: %w", n, vm.ErrMemory)
	}
	return c.Backend.Alloc(dt, n)
}

// TestOutOfMemory trains on a device that is too small for the batch: smaller
// micro-batches give the same losses up to rounding, and the step says so.
func TestOutOfMemory(t *testing.T) {
	c := Default()
	c.Batch, c.MaxSteps, c.Epochs, c.MicroTokens = 24, 3, 9, 512
	train := func(be vm.Backend) (all []Metrics, err error) {
		tr, err := New(be, testParams(), c, testRows(24))
		if err != nil {
			return nil, err
		}
		for !tr.Done() {
			m, err := tr.Step(context.Background())
			if err != nil {
				return all, err
			}
			all = append(all, m)
		}
		return all, nil
	}
	want, err := train(cpu.New(1))
	if err != nil {
		t.Fatal(err)
	}
	got, err := train(cramped{cpu.New(1), 200_000})
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if !(math.Abs(want[i].Loss-got[i].Loss) <= 1e-5*want[i].Loss) {
			t.Errorf("step %d: loss %g, with room %g", i+1, got[i].Loss, want[i].Loss)
		}
	}
	if want[0].Lowered != 0 || got[0].Lowered == 0 || got[1].Lowered != 0 {
		t.Errorf("lowered to %d, %d and %d tokens, want only the second", want[0].Lowered, got[0].Lowered, got[1].Lowered)
	}
	if _, err := train(cramped{cpu.New(1), 60_000}); !outOfMemory(err) {
		t.Errorf("no room for a single row gave %v", err)
	}
}
