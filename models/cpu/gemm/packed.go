package gemm

// Packed is a k×n matrix B that lies in the panels of an Engine's kernel, for
// products with the same B again and again. It is read only: Engines with the
// same kernel may share it.
type Packed struct {
	K, N int
	d    []float32 // for each kc rows: panels of nr columns, each [kb][nr]
}

// Pack copies B (k×n) into panels.
func (e *Engine) Pack(b Mat, k, n int) *Packed {
	nr := e.k.nr
	width := roundUp(n, nr)
	p := &Packed{K: k, N: n, d: make([]float32, k*width)}
	for pc := 0; pc < k; pc += e.k.kc {
		e.k.packB(&e.ws[0], p.d[pc*width:], b.at(pc, 0), min(e.k.kc, k-pc), n)
	}
	return p
}

// MulPacked is C (m×n) = A·B, or C += A·B, on the calling thread, with lda and
// ldc elements a row. A row of C depends on its row of A alone: its bits are
// the same whatever m is and wherever the row stands.
func (e *Engine) MulPacked(worker, m int, a []float32, lda int, b *Packed, c []float32, ldc int, acc bool) {
	K := e.k
	width := roundUp(b.N, K.nr)
	for pc := 0; pc < b.K; pc += K.kc {
		kb := min(K.kc, b.K-pc)
		e.rows(worker, m, kb, a[pc:], lda, b.d[pc*width:], b.N, c, ldc, acc || pc > 0)
	}
}

// PanelWidth is the number of columns of a panel.
func (e *Engine) PanelWidth() int { return e.k.nr }

// MulPanels is MulPacked for panels that the caller keeps, each [k][PanelWidth]
// and one after another, with k at most MaxPanelRows. Columns from n on to the
// end of the last panel may hold anything.
func (e *Engine) MulPanels(worker, m, k int, a []float32, lda int, panels []float32, n int, c []float32, ldc int, acc bool) {
	if k > e.k.kc {
		panic("gemm: panels with too many rows")
	}
	e.rows(worker, m, k, a, lda, panels, n, c, ldc, acc)
}

// MaxPanelRows is the largest k of MulPanels.
func (e *Engine) MaxPanelRows() int { return e.k.kc }

func (e *Engine) rows(worker, m, kb int, a []float32, lda int, panels []float32, n int, c []float32, ldc int, add bool) {
	for i := 0; i < m; i += e.k.mc {
		e.block(e.k, worker, task{kb: kb, b: panels, ldc: ldc, add: add}, min(e.k.mc, m-i), Rows(a[i*lda:], lda), 0, n, c[i*ldc:])
	}
}
