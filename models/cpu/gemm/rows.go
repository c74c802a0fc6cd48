package gemm

// Panels is a k×n matrix B that lies in panels of Few's kernel, for products of
// few rows with the same B again and again. It is read only.
type Panels struct {
	K, N int
	d    []float32 // for each kc of k: panels of nr columns, each [depth][nr]
}

// Bytes is the size of the panels.
func (p *Panels) Bytes() int { return 4 * len(p.d) }

// Few multiplies matrices of few rows, the products of decoding, on the calling
// thread and with the tiles of an Engine. A row of the product depends on its
// row of A alone: its bits are the same whatever m is and wherever the row
// stands.
type Few struct {
	e *Engine // of one thread
	k *kernel
}

// Few is a Few with the kernel of e's Mul: both round alike.
func (e *Engine) Few() *Few { return &Few{newEngine(1, e.k, e.big), e.big} }

// Few32 is a Few with the kernel of e's MulSerial, which rounds no operand.
func (e *Engine) Few32() *Few { return &Few{newEngine(1, e.k, e.k), e.k} }

// Kernel names the kernel of f.
func (f *Few) Kernel() string { return f.k.name }

// Width is the number of columns of a panel.
func (f *Few) Width() int { return f.k.nr }

// Height is the largest number of rows that one tile computes.
func (f *Few) Height() int { return f.k.mr }

// Stride is a distance between rows of n elements that lets many rows share the
// L1 cache, so that A is read where it lies.
func Stride(n int) int { return oddLines(n) }

// Pack copies B (k×n) into panels, converted as the kernel needs it.
func (f *Few) Pack(b Mat, k, n int) *Panels {
	width := roundUp(n, f.k.nr)
	p := &Panels{K: k, N: n, d: make([]float32, f.k.depth(k)*width)}
	for pc := 0; pc < k; pc += f.k.kc {
		kb := min(f.k.kc, k-pc)
		f.k.packB(&f.e.ws[0], p.d[f.k.depth(pc)*width:][:f.k.depth(kb)*width], b.at(pc, 0), kb, n)
	}
	return p
}

// Mul is C (m×n) = A·B, or C += A·B if acc, with lda and ldc elements a row.
func (f *Few) Mul(m int, a []float32, lda int, b *Panels, c []float32, ldc int, acc bool) {
	width := roundUp(b.N, f.k.nr)
	for pc := 0; pc < b.K; pc += f.k.kc {
		kb := min(f.k.kc, b.K-pc)
		f.MulPanels(m, kb, a[pc:], lda, b.d[f.k.depth(pc)*width:][:f.k.depth(kb)*width], b.N, c, ldc, acc || pc > 0)
	}
}

// MulPanels is Mul for panels that the caller keeps, each [k][Width] and one
// after another. Columns from n on to the end of the last panel may hold
// anything.
func (f *Few) MulPanels(m, k int, a []float32, lda int, panels []float32, n int, c []float32, ldc int, acc bool) {
	if m <= 0 || n <= 0 || k <= 0 {
		return
	}
	_, _, _ = a[(m-1)*lda+k-1], panels[f.k.depth(k)*roundUp(n, f.k.nr)-1], c[(m-1)*ldc+n-1]
	t := task{kb: k, b: panels, ldc: ldc}
	for i := 0; i < m; i += f.k.mc {
		var from []float32
		if acc {
			from = c[i*ldc:]
		}
		f.e.block(f.k, 0, t, min(f.k.mc, m-i), Rows(a[i*lda:], lda), 0, n, c[i*ldc:], from)
	}
}
