// Package gemm multiplies single-precision matrices: a packed GEMM in the
// style of Goto and van de Geijn around a register-blocked micro-kernel, and
// the vector kernels (exp, SwiGLU, AdamW) that share its assembly file.
//
// # Words
//
// A Mat is a strided view, so a transpose costs nothing. A micro-kernel
// computes one mr×nr tile of C from a panel of A (k×mr) and a panel of B
// (k×nr). An Engine owns the threads and the packing buffers; it serves one
// caller at a time. Packed B is shared by all threads of an Engine.
//
// # Why
//
// The kernels are made by avo (gen/, a module of its own, so that the program
// does not depend on it) and chosen at run time: AVX-512 (14×32), AVX2 (6×16),
// plain Go elsewhere. Every element of C is the same chain of fused
// multiply-adds over k whatever the number of threads and the position of the
// tile, so one kernel gives the same bits for any thread count.
package gemm

import "runtime"

// Mat is a strided view: element (i, j) is D[i*R+j*C].
type Mat struct {
	D    []float32
	R, C int
}

// Rows views d as a row-major matrix with ld elements a row.
func Rows(d []float32, ld int) Mat { return Mat{d, ld, 1} }

// T is the transpose of m, without a copy.
func (m Mat) T() Mat { return Mat{m.D, m.C, m.R} }

func (m Mat) at(i, j int) Mat { return Mat{m.D[i*m.R+j*m.C:], m.R, m.C} }

// kernel is one micro-kernel with its block sizes: mc×kc of A should lie in
// the L2 cache, kc×nr of B in L1.
type kernel struct {
	name       string
	mr, nr     int
	mc, kc, nc int
	tile       func(k int64, a, b, c *float32, ldc int64, acc int64)
	// direct is tile for an A that is not packed: element (i, p) of the tile
	// lies i*rs+p*cs elements after a. nil: always pack.
	direct func(k int64, a *float32, rs, cs int64, b, c *float32, ldc int64, acc int64)
}

// workspace holds one thread's packed A and the tile that edges go through.
type workspace struct{ a, b, t []float32 }

// Engine multiplies matrices with a fixed number of threads.
type Engine struct {
	k      *kernel
	shared []float32 // packed B of the running product
	ws     []workspace
}

// New makes an Engine with the best kernel of this CPU.
func New(threads int) *Engine { return newEngine(threads, kernels()[0]) }

func newEngine(threads int, k *kernel) *Engine {
	return &Engine{k: k, ws: make([]workspace, max(threads, 1))}
}

// WithKernel makes an Engine with a named kernel (see Kernels), nil if this
// CPU lacks it.
func WithKernel(threads int, name string) *Engine {
	for _, k := range kernels() {
		if k.name == name {
			return newEngine(threads, k)
		}
	}
	return nil
}

// Kernels names the micro-kernels that this CPU can run, best first.
func Kernels() []string {
	var s []string
	for _, k := range kernels() {
		s = append(s, k.name)
	}
	return s
}

// DefaultThreads is the number of threads that "all" means.
func DefaultThreads() int { return runtime.GOMAXPROCS(0) }

// Kernel names the micro-kernel in use.
func (e *Engine) Kernel() string { return e.k.name }

// Threads is the number of threads that Mul and Do use.
func (e *Engine) Threads() int { return len(e.ws) }

// serialBelow is the number of multiply-adds under which a fork costs more
// than it gains.
const serialBelow = 1 << 17

// Mul computes C (m×n, ldc elements a row) = A·B, or C += A·B if acc, with all
// threads. A is m×k, B is k×n.
func (e *Engine) Mul(m, n, k int, a, b Mat, c []float32, ldc int, acc bool) {
	if len(e.ws) == 1 || m*n*k < serialBelow {
		e.MulSerial(0, m, n, k, a, b, c, ldc, acc)
		return
	}
	K := e.k
	e.shared = grow(e.shared, K.kc*(min(n, K.nc)+K.nr))
	for jc := 0; jc < n; jc += K.nc {
		nb := min(K.nc, n-jc)
		for pc := 0; pc < k; pc += K.kc {
			kb := min(K.kc, k-pc)
			add := acc || pc > 0
			e.packShared(b.at(pc, jc), kb, nb)
			rows, cols := e.split(m, nb)
			nr, nq := (m+rows-1)/rows, (nb+cols-1)/cols
			e.Do(nr*nq, func(w, i int) {
				r, q := i/nq*rows, i%nq*cols
				e.block(w, min(rows, m-r), kb, a.at(r, pc), e.shared, q, min(q+cols, nb), c[r*ldc+jc:], ldc, add)
			})
		}
	}
}

// split chooses the block of C that one task computes: a multiple of the tile,
// about four tasks a thread.
func (e *Engine) split(m, n int) (rows, cols int) {
	K, parts := e.k, 4*len(e.ws)
	rows = min(K.mc, roundUp((m+parts-1)/parts, K.mr))
	cols = n
	if nr := (m + rows - 1) / rows; nr < parts {
		cols = roundUp((n*nr+parts-1)/parts, K.nr)
	}
	return rows, cols
}

func (e *Engine) packShared(b Mat, kb, nb int) {
	nr := e.k.nr
	const panels = 8
	e.Do((nb+panels*nr-1)/(panels*nr), func(_, i int) {
		j := i * panels * nr
		packB(e.shared[j*kb:], b.at(0, j), kb, min(panels*nr, nb-j), nr)
	})
}

// MulSerial is Mul on the calling thread with the buffers of the given worker;
// it may be called inside Do.
func (e *Engine) MulSerial(worker, m, n, k int, a, b Mat, c []float32, ldc int, acc bool) {
	K, w := e.k, &e.ws[worker]
	w.b = grow(w.b, min(k, K.kc)*(min(n, K.nc)+K.nr))
	for jc := 0; jc < n; jc += K.nc {
		nb := min(K.nc, n-jc)
		for pc := 0; pc < k; pc += K.kc {
			kb := min(K.kc, k-pc)
			packB(w.b, b.at(pc, jc), kb, nb, K.nr)
			for ic := 0; ic < m; ic += K.mc {
				e.block(worker, min(K.mc, m-ic), kb, a.at(ic, pc), w.b, 0, nb, c[ic*ldc+jc:], ldc, acc || pc > 0)
			}
		}
	}
}

// block computes rows 0..m of C, columns j0..j1, from A (m×kb) and packed B.
// A is read where it lies if its rows are contiguous, else packed: a column of
// A would touch a cache line for every element of k.
func (e *Engine) block(worker, m, kb int, a Mat, b []float32, j0, j1 int, c []float32, ldc int, add bool) {
	K, w := e.k, &e.ws[worker]
	mr, nr := K.mr, K.nr
	w.a, w.t = grow(w.a, (K.mc+mr)*K.kc), grow(w.t, mr*nr)
	direct := K.direct != nil && a.C == 1
	from := 0 // rows from here on are packed
	if direct {
		from = m / mr * mr
	}
	packA(w.a, a.at(min(from, m-1), 0), m-from, kb, mr)
	flag := int64(0)
	if add {
		flag = 1
	}
	for j := j0; j < j1; j += nr {
		width, pb := min(nr, j1-j), &b[j*kb]
		for i := 0; i < m; i += mr {
			out, ld, fl := &w.t[0], nr, int64(0)
			whole := i+mr <= m && width == nr
			if whole {
				out, ld, fl = &c[i*ldc+j], ldc, flag
			}
			if i < from {
				K.direct(int64(kb), &a.D[i*a.R], int64(a.R), 1, pb, out, int64(ld), fl)
			} else {
				K.tile(int64(kb), &w.a[(i-from)*kb], pb, out, int64(ld), fl)
			}
			if !whole {
				for r := range min(mr, m-i) {
					edge(c[(i+r)*ldc+j:][:width], w.t[r*nr:], add)
				}
			}
		}
	}
}

func edge(c, t []float32, add bool) {
	if !add {
		copy(c, t)
		return
	}
	for j := range c {
		c[j] += t[j]
	}
}

func grow(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	return s[:n]
}

func roundUp(n, m int) int { return (n + m - 1) / m * m }
