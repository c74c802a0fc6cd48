package gemm

import "unsafe"

// Panels is a k×n matrix B that lies in panels of Few's width, for products of
// few rows with the same B again and again. It is read only.
type Panels struct {
	K, N int
	w    int
	d    []float32 // for each panelRows of k: panels of w columns, each [rows][w]
}

// panelRows bounds the rows of a panel, so that one stays in the L1 cache while
// all rows of A pass over it.
const panelRows = 256

// fewRows bounds the rows of A that pass over a panel: they should stay in L2.
const fewRows = 224

// Few multiplies matrices of few rows, the products of decoding, on the calling
// thread. Rows are cut into tiles of equal height, at most what the registers
// hold, and no tile computes padding. A row of the product depends on its row
// of A alone: its bits are the same whatever m is and wherever the row stands.
//
// A is read where it lies: rows that lie a multiple of 4 KB apart get in each
// other's way in the L1 cache, so Stride is a better distance.
type Few struct {
	rows *rowsKernel
	tile []float32
}

// rowsKernel is a family of tiles: tile[m-1] computes m rows by a panel of w
// columns. It fetches a line from next on, step bytes apart, for every k.
type rowsKernel struct {
	name string
	w    int
	tile []func(k int64, a *float32, lda int64, b, c *float32, ldc, acc int64, next uintptr, step int64)
}

// goRows runs everywhere.
var goRows = rowsKernel{name: "go_1x16", w: 16, tile: []func(int64, *float32, int64, *float32, *float32, int64, int64, uintptr, int64){rowsGo}}

func rowsGo(k int64, a *float32, _ int64, b, c *float32, _, acc int64, _ uintptr, _ int64) {
	const w = 16
	x, y, o := span(a, int(k)), span(b, w*int(k)), span(c, w)
	var s [w]float32
	for p, v := range x {
		r := y[p*w:][:w]
		for j := range s {
			s[j] += v * r[j]
		}
	}
	if acc != 0 {
		for j := range s {
			s[j] += o[j]
		}
	}
	copy(o, s[:])
}

// NewFew makes a Few with the best kernel of this CPU.
func NewFew() *Few { return newFew(rowsKernels()[0]) }

func newFew(k *rowsKernel) *Few {
	return &Few{rows: k, tile: make([]float32, len(k.tile)*k.w)}
}

// FewKernels names the kernels of Few that this CPU can run, best first.
func FewKernels() []string {
	var s []string
	for _, k := range rowsKernels() {
		s = append(s, k.name)
	}
	return s
}

// FewWithKernel makes a Few with a named kernel, nil if this CPU lacks it.
func FewWithKernel(name string) *Few {
	for _, k := range rowsKernels() {
		if k.name == name {
			return newFew(k)
		}
	}
	return nil
}

// Kernel names the kernel of f.
func (f *Few) Kernel() string { return f.rows.name }

// Width is the number of columns of a panel.
func (f *Few) Width() int { return f.rows.w }

// Height is the largest number of rows that one tile computes.
func (f *Few) Height() int { return len(f.rows.tile) }

// Bytes is the size of the panels.
func (p *Panels) Bytes() int { return 4 * len(p.d) }

// Stride is a distance between rows of n elements that lets many rows share the
// L1 cache: a multiple of a line, and not of a page.
func Stride(n int) int {
	const line = 16
	if n = roundUp(n, line); n%(8*line) == 0 {
		n += line
	}
	return n
}

// Pack copies B (k×n) into panels; columns beyond n are zero.
func (f *Few) Pack(b Mat, k, n int) *Panels {
	p := &Panels{K: k, N: n, w: f.rows.w, d: make([]float32, k*roundUp(n, f.rows.w))}
	for pc := 0; pc < k; pc += panelRows {
		packPanels(p.d[pc*roundUp(n, p.w):], b.at(pc, 0), min(panelRows, k-pc), n, p.w)
	}
	return p
}

// Mul is C (m×n) = A·B, or C += A·B if acc, with lda and ldc elements a row.
func (f *Few) Mul(m int, a []float32, lda int, b *Panels, c []float32, ldc int, acc bool) {
	width := roundUp(b.N, b.w)
	for pc := 0; pc < b.K; pc += panelRows {
		kb := min(panelRows, b.K-pc)
		f.MulPanels(m, kb, a[pc:], lda, b.d[pc*width:(pc+kb)*width], b.N, c, ldc, acc || pc > 0)
	}
}

// MulPanels is Mul for panels that the caller keeps, each [k][Width] and one
// after another. Columns from n on to the end of the last panel may hold
// anything.
func (f *Few) MulPanels(m, k int, a []float32, lda int, panels []float32, n int, c []float32, ldc int, acc bool) {
	if m <= 0 || n <= 0 || k <= 0 {
		return
	}
	w := f.rows.w
	_, _, _ = a[(m-1)*lda+k-1], panels[k*roundUp(n, w)-1], c[(m-1)*ldc+n-1]
	for i := 0; i < m; i += fewRows {
		f.block(min(fewRows, m-i), k, a[i*lda:], lda, panels, n, c[i*ldc:], ldc, acc)
	}
}

func (f *Few) block(m, k int, a []float32, lda int, panels []float32, n int, c []float32, ldc int, acc bool) {
	w, most := f.rows.w, len(f.rows.tile)
	tiles := (m + most - 1) / most
	low, high := m/tiles, m%tiles // the first high tiles have low+1 rows
	for j := 0; j < n; j += w {
		b := &panels[j*k]
		next := uintptr(unsafe.Pointer(b)) + uintptr(4*w*k)
		i := 0
		for t := range tiles {
			h := low
			if t < high {
				h++
			}
			ahead, step := next+uintptr(64*k*t), 64
			if 64*k*t >= 4*w*k {
				ahead, step = next, 0
			}
			f.one(h, k, a[i*lda:], lda, b, c[i*ldc+j:], ldc, min(w, n-j), acc, ahead, step)
			i += h
		}
	}
}

// one computes a tile, through a buffer if the panel is wider than what is left of C.
func (f *Few) one(h, k int, a []float32, lda int, b *float32, c []float32, ldc, n int, acc bool, ahead uintptr, step int) {
	w := f.rows.w
	if n == w {
		flag := int64(0)
		if acc {
			flag = 1
		}
		f.rows.tile[h-1](int64(k), &a[0], int64(lda), b, &c[0], int64(ldc), flag, ahead, int64(step))
		return
	}
	f.rows.tile[h-1](int64(k), &a[0], int64(lda), b, &f.tile[0], int64(w), 0, ahead, int64(step))
	for r := range h {
		edge(c[r*ldc:][:n], f.tile[r*w:], acc)
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

// sound reports whether every tile agrees with the sum that defines a product.
func (k *rowsKernel) sound() bool {
	const depth = 7
	m := len(k.tile)
	a, b, f := probe(m*depth), probe(k.w*depth), newFew(k)
	c := make([]float32, m*k.w)
	for h := 1; h <= m; h++ {
		for _, acc := range []bool{false, true} {
			f.one(h, depth, a, depth, &b[0], c, k.w, k.w, acc, uintptr(unsafe.Pointer(&b[0])), 0)
			times := float32(1)
			if acc {
				times = 2
			}
			for i, v := range c[:h*k.w] {
				var want float32 // exact: small multiples of 2^-8
				for p := range depth {
					want += a[i/k.w*depth+p] * b[p*k.w+i%k.w]
				}
				if v != times*want {
					return false
				}
			}
		}
	}
	return true
}
