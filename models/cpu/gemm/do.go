package gemm

import (
	"sync"
	"sync/atomic"
)

// Do calls f(worker, i) for every i in [0, n), spread over the Engine's
// threads, and returns when all are done. Which worker gets which i is not
// determined: a task may use the worker's number for scratch memory only.
func (e *Engine) Do(n int, f func(worker, i int)) {
	nt := min(len(e.ws), n)
	if nt <= 1 {
		for i := range n {
			f(0, i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	run := func(w int) {
		for {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			f(w, i)
		}
	}
	wg.Add(nt - 1)
	for w := 1; w < nt; w++ {
		go func() { defer wg.Done(); run(w) }()
	}
	run(0)
	wg.Wait()
}

// Range splits [0, n) into chunks of the given size, a choice that must depend
// on the shape only, and calls f for each.
func (e *Engine) Range(n, chunk int, f func(worker, lo, hi int)) {
	if n <= chunk {
		if n > 0 {
			f(0, 0, n)
		}
		return
	}
	e.Do((n+chunk-1)/chunk, func(w, i int) { f(w, i*chunk, min(n, i*chunk+chunk)) })
}
