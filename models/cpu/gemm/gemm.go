// Package gemm multiplies single-precision matrices: a packed GEMM in the
// style of Goto and van de Geijn around a register-blocked micro-kernel, and
// the vector kernels (exp, SwiGLU, AdamW) that share its assembly file.
//
// # Words
//
// A Mat is a strided view, so a transpose costs nothing. A micro-kernel
// computes one tile of C, at most mr×nr, from rows of A and a panel of B (k×nr).
// An Engine owns the threads and the packing buffers; it serves one caller at a
// time. Packed B is shared by all threads of an Engine.
//
// # Why
//
// The kernels are made by avo (gen/, a module of its own, so that the program
// does not depend on it) and chosen at run time: AVX-512 (14×32), AVX2 (6×16),
// plain Go elsewhere. There is a tile for every height, so that the rows of C
// are cut evenly and none is computed for nothing: 64 rows are 13+13+13+13+12.
// Every element of C is the same chain of fused multiply-adds over k whatever
// the number of threads and the tile, so one kernel gives the same bits for any
// thread count.
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

// tile computes h×n of C, n ≤ nr, from k rows of a panel of B: C = A·B, plus
// from, which may be C, if acc is 1. Element (i, p) of A is a[i*step+p] or
// a[p*step+i].
type tile func(k int64, a *float32, step int64, b, c *float32, ldc, n, acc int64, from *float32)

// kernel is one micro-kernel with its block sizes: mc×kc of A should lie in
// the L2 cache, and a tile of A in L1.
type kernel struct {
	name       string
	mr, nr     int
	mc, kc, nc int
	rows, cols []tile // by height: a[i*step+p], a[p*step+i]
	lane       int    // floats in a row of a packed panel of A, ≥ mr
	conv       conversion
	vec        *packers // nil: plain Go
}

// workspace holds one thread's packed A and B, and scratch for packing.
type workspace struct{ a, b, conv []float32 }

// Engine multiplies matrices with a fixed number of threads.
type Engine struct {
	k      *kernel   // of MulSerial
	big    *kernel   // of Mul
	shared []float32 // packed B of the running product
	ws     []workspace
}

// New makes an Engine with the best kernel of this CPU.
func New(threads int) *Engine { return newEngine(threads, kernels()[0], kernels()[0]) }

// NewBF16 makes an Engine whose Mul rounds its operands to bfloat16 and sums
// in float32; MulSerial stays in float32.
func NewBF16(threads int) *Engine { return newEngine(threads, kernels()[0], bf16Kernels()[0]) }

func newEngine(threads int, k, big *kernel) *Engine {
	return &Engine{k: k, big: big, ws: make([]workspace, max(threads, 1))}
}

// WithKernel makes an Engine with a named kernel (see Kernels and
// BF16Kernels), nil if this CPU lacks it.
func WithKernel(threads int, name string) *Engine {
	for _, k := range kernels() {
		if k.name == name {
			return newEngine(threads, k, k)
		}
	}
	for _, k := range bf16Kernels() {
		if k.name == name {
			return newEngine(threads, kernels()[0], k)
		}
	}
	return nil
}

// BF16Kernels names the kernels for Mul in bfloat16, best first.
func BF16Kernels() []string {
	var s []string
	for _, k := range bf16Kernels() {
		s = append(s, k.name)
	}
	return s
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

// Kernel names the micro-kernel of Mul.
func (e *Engine) Kernel() string { return e.big.name }

// Threads is the number of threads that Mul and Do use.
func (e *Engine) Threads() int { return len(e.ws) }

// serialBelow is the number of multiply-adds under which a fork costs more
// than it gains.
const serialBelow = 1 << 17

// Mul computes C (m×n, ldc elements a row) = A·B, or C += A·B if acc, with all
// threads. A is m×k, B is k×n.
func (e *Engine) Mul(m, n, k int, a, b Mat, c []float32, ldc int, acc bool) {
	var from []float32
	if acc {
		from = c
	}
	e.MulAdd(m, n, k, a, b, c, from, ldc)
}

// MulAdd computes C = A·B + from, laid out as C; nil adds nothing. from may be
// C, but not overlap it otherwise.
func (e *Engine) MulAdd(m, n, k int, a, b Mat, c, from []float32, ldc int) {
	K := e.big
	if len(e.ws) == 1 || m*n*k < serialBelow {
		e.serial(K, 0, m, n, k, a, b, c, from, ldc)
		return
	}
	e.shared = grow(e.shared, K.depth(min(k, K.kc))*(min(n, K.nc)+K.nr))
	for jc := 0; jc < n; jc += K.nc {
		nb := min(K.nc, n-jc)
		for pc := 0; pc < k; pc += K.kc {
			kb := min(K.kc, k-pc)
			e.packShared(b.at(pc, jc), kb, nb)
			rows, cols := e.split(m, nb)
			nr, nq := (m+rows-1)/rows, (nb+cols-1)/cols
			t := task{kb: kb, b: e.shared, ldc: ldc}
			e.Do(nr*nq, func(w, i int) {
				r, q := i/nq*rows, i%nq*cols
				o, f := blockOf(c, from, r*ldc+jc, pc)
				e.block(K, w, t, min(rows, m-r), a.at(r, pc), q, min(q+cols, nb), o, f)
			})
		}
	}
}

// split chooses the block of C that one task computes: a multiple of the tile,
// about four tasks a thread.
func (e *Engine) split(m, n int) (rows, cols int) {
	K, parts := e.big, 4*len(e.ws)
	rows = min(K.mc, roundUp((m+parts-1)/parts, K.mr))
	cols = n
	if nr := (m + rows - 1) / rows; nr < parts {
		cols = roundUp((n*nr+parts-1)/parts, K.nr)
	}
	return rows, cols
}

func (e *Engine) packShared(b Mat, kb, nb int) {
	K := e.big
	const panels = 8
	e.Do((nb+panels*K.nr-1)/(panels*K.nr), func(w, i int) {
		j := i * panels * K.nr
		K.packB(&e.ws[w], e.shared[j*K.depth(kb):], b.at(0, j), kb, min(panels*K.nr, nb-j))
	})
}

// MulSerial is Mul on the calling thread with the buffers of the given worker;
// it may be called inside Do.
func (e *Engine) MulSerial(worker, m, n, k int, a, b Mat, c []float32, ldc int, acc bool) {
	var from []float32
	if acc {
		from = c
	}
	e.serial(e.k, worker, m, n, k, a, b, c, from, ldc)
}

// blockOf is C from element at on, and what is added to its product with rows
// of B from pc on: what earlier rows gave.
func blockOf(c, from []float32, at, pc int) (o, f []float32) {
	o = c[at:]
	switch {
	case pc > 0:
		f = o
	case from != nil:
		f = from[at:]
	}
	return o, f
}

func (e *Engine) serial(K *kernel, worker, m, n, k int, a, b Mat, c, from []float32, ldc int) {
	w := &e.ws[worker]
	w.b = grow(w.b, K.depth(min(k, K.kc))*(min(n, K.nc)+K.nr))
	for jc := 0; jc < n; jc += K.nc {
		nb := min(K.nc, n-jc)
		for pc := 0; pc < k; pc += K.kc {
			kb := min(K.kc, k-pc)
			K.packB(w, w.b, b.at(pc, jc), kb, nb)
			t := task{kb: kb, b: w.b, ldc: ldc}
			for ic := 0; ic < m; ic += K.mc {
				o, f := blockOf(c, from, ic*ldc+jc, pc)
				e.block(K, worker, t, min(K.mc, m-ic), a.at(ic, pc), 0, nb, o, f)
			}
		}
	}
}

// task is what the blocks of one product share.
type task struct {
	kb  int       // rows of B
	b   []float32 // packed
	ldc int
}

// block computes rows 0..m of C, columns j0..j1, from A (m×kb) and packed B,
// and adds from if there is one.
func (e *Engine) block(K *kernel, worker int, t task, m int, a Mat, j0, j1 int, c, from []float32) {
	d := K.depth(t.kb)
	l := K.left(&e.ws[worker], a, m, t.kb)
	flag := int64(1)
	if from == nil {
		from, flag = c, 0
	}
	for j := j0; j < j1; j += K.nr {
		n, pb := min(K.nr, j1-j), &t.b[j*d]
		for q, i := 0, 0; i < m; q++ {
			h := l.height(q)
			at := i * l.step
			if !l.byRow {
				at = q * d * l.step
			}
			o := i*t.ldc + j
			l.tiles[h-1](int64(d), &l.d[at], int64(l.step), pb, &c[o], int64(t.ldc), int64(n), flag, &from[o])
			i += h
		}
	}
}

func grow(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	return s[:n]
}

func roundUp(n, m int) int { return (n + m - 1) / m * m }
