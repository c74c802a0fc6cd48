package train

import (
	"context"
	"runtime"
	"testing"
)

// A step allocates a few small objects (closures, the list of rows) and
// nothing that stays: the heap is the same size after 20 and after 220 steps.
func TestHeapIsFlat(t *testing.T) {
	c := testConfig()
	c.Epochs = 100
	tr := trainer(t, 1, testParams(), c, testPairs(11))
	step := func() {
		if _, err := tr.Step(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	heap := func(n int) uint64 {
		for range n {
			step()
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap(20)
	if after := heap(200); after > before+16<<10 {
		t.Errorf("heap grew from %d to %d bytes in 200 steps", before, after)
	}
	if n := testing.AllocsPerRun(20, step); n > 300 {
		t.Errorf("%g allocations a step, want at most 300", n)
	} else {
		t.Logf("%g allocations a step", n)
	}
}
