package train

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"testing"
)

// A step allocates a few small objects (closures, the list of rows) and
// nothing that stays: the heap is the same size after 20 and after 220 steps, or
// as many more as HARDNEG_STEPS says.
func TestHeapIsFlat(t *testing.T) {
	c, steps := testConfig(), 200
	if s := os.Getenv("HARDNEG_STEPS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		steps = n
	}
	c.Epochs = steps
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
	after := heap(steps)
	if after > before+16<<10 {
		t.Errorf("heap grew from %d to %d bytes in %d steps", before, after, steps)
	}
	t.Logf("heap of %d bytes, %d after %d more steps", before, after, steps)
	if n := testing.AllocsPerRun(20, step); n > 300 {
		t.Errorf("%g allocations a step, want at most 300", n)
	} else {
		t.Logf("%g allocations a step", n)
	}
}
