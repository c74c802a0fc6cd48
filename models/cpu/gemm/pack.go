package gemm

// packers are the packing kernels of an instruction set: runs cuts k rows, or
// pairs of rows, into panels of one and of two vectors; across transposes as
// many rows as a vector has lanes, dst[p*step+r] = src[r*ld+p] for p < k, a
// multiple of the lanes.
type packers struct {
	lanes  int
	runs   [2]runner
	across func(k int64, src *float32, ld int64, dst *float32, step int64)
}

type runner func(k int64, src *float32, ld int64, dst *float32, runs, width, step int64)

// left is a block of A as the tiles read it: by row where it lies, by row in a
// copy, or in panels whose columns are contiguous.
type left struct {
	d         []float32
	step      int
	byRow     bool
	tiles     []tile
	low, more int // tiles have low rows, the first more of them one more
}

func (l *left) height(q int) int {
	if q < l.more {
		return l.low + 1
	}
	return l.low
}

// left makes a block of A (m×kb, m > 0) readable. Rows are read in place, but
// copied where they must be converted or their stride would put the lines of a
// tile into few sets of a cache.
func (k *kernel) left(w *workspace, a Mat, m, kb int) left {
	n := (m + k.mr - 1) / k.mr
	l := left{d: a.D, step: a.R, byRow: true, tiles: k.rows, low: m / n, more: m % n}
	d := k.depth(kb)
	switch {
	case a.C == 1 && k.conv == plain && !conflicts(a.R, kb):
	case a.R == 1 && a.C != 1:
		l.step, l.byRow, l.tiles = k.lane, false, k.cols
		w.a = grow(w.a, n*d*k.lane)
		l.d = w.a
		k.columns(w, w.a, k.lane, a.T(), kb, l)
	default:
		l.step = oddLines(d)
		w.a = grow(w.a, m*l.step)
		l.d = w.a
		for i := range m {
			k.row(w.a[i*l.step:][:d], a.at(i, 0), kb)
		}
	}
	return l
}

// conflicts reports a bad stride, in elements: rows of a tile in at most two
// sets of L1, or rows of a block in a sixteenth of L2.
func conflicts(stride, kb int) bool { return stride%1024 == 0 || stride > kb && stride%256 == 0 }

// oddLines is a row length of at least n elements that is an odd number of
// cache lines, so that rows spread over all sets.
func oddLines(n int) int { return ((n+15)/16 | 1) * 16 }

// row writes a row of kb elements, converted, to d.
func (k *kernel) row(d []float32, a Mat, kb int) {
	if a.C == 1 {
		switch src := a.D[:kb]; k.conv {
		case plain:
			copy(d, src)
		case rounds:
			roundTo(src, d)
		default:
			p := 0
			if k.vec != nil {
				p = pairElems(src, d)
			}
			for ; p < len(d); p++ {
				d[p] = k.element(a, p, kb)
			}
		}
		return
	}
	for p := range d {
		d[p] = k.element(a, p, kb)
	}
}

// columns lays out a (kb×m, rows contiguous) in a panel for each tile of l, lane
// floats a row.
func (k *kernel) columns(w *workspace, dst []float32, lane int, a Mat, kb int, l left) {
	high := l.more * (l.low + 1)
	tiles, d := (len(dst)/lane)/k.depth(kb), k.depth(kb)
	k.runs(w, dst, lane, a, kb, l.more, l.low+1)
	k.runs(w, dst[l.more*d*lane:], lane, a.at(0, high), kb, tiles-l.more, l.low)
}

// packB copies B (kb×n) into panels of nr columns, each laid out [kb][nr].
// Columns from n on to the end of the last panel may be garbage.
func (k *kernel) packB(w *workspace, dst []float32, b Mat, kb, n int) {
	d := k.depth(kb)
	whole := n / k.nr
	if b.C == 1 {
		k.runs(w, dst, k.nr, b, kb, whole, k.nr)
		if rest := n - whole*k.nr; rest > 0 {
			k.runs(w, dst[whole*d*k.nr:], k.nr, b.at(0, whole*k.nr), kb, 1, rest)
		}
		return
	}
	for j := 0; j < n; j += k.nr {
		k.across(w, dst[j*d:][:d*k.nr], b.at(0, j), kb, min(k.nr, n-j))
	}
}

// packPanels is packB for panels of nr columns that no kernel has.
func packPanels(dst []float32, b Mat, kb, n, nr int) {
	k := kernel{nr: nr, vec: kernels()[0].vec}
	if k.vec != nil && nr != k.vec.lanes && nr != 2*k.vec.lanes {
		k.vec = nil
	}
	k.packB(&workspace{}, dst, b, kb, n)
}

// runs cuts each row of a (kb rows, contiguous) into n runs of width elements,
// one for each panel of lane floats a row.
func (k *kernel) runs(w *workspace, dst []float32, lane int, a Mat, kb, n, width int) {
	if n == 0 {
		return
	}
	d := k.depth(kb)
	step := d * lane
	if k.vec != nil {
		if k.conv == rounds {
			w.conv = grow(w.conv, kb*n*width)
			for i := range kb {
				roundTo(a.at(i, 0).D[:n*width], w.conv[i*n*width:])
			}
			a = Rows(w.conv, n*width)
		}
		f, p := k.vec.runs[lane/k.vec.lanes-1], kb
		if k.conv == pairs {
			p = kb / 2
		}
		if p > 0 {
			f(int64(p), &a.D[0], int64(a.R), &dst[0], int64(n), int64(width), int64(step))
		}
		if p < d { // the last row's partner is zero
			w.conv = grow(w.conv, 2*n*width)
			copy(w.conv, a.at(kb-1, 0).D[:n*width])
			clear(w.conv[n*width:])
			f(1, &w.conv[0], int64(n*width), &dst[p*lane], int64(n), int64(width), int64(step))
		}
		return
	}
	for p := range d {
		for r := range n {
			o := dst[r*step+p*lane:][:width]
			if k.conv == plain {
				copy(o, a.at(p, r*width).D)
				continue
			}
			for j := range o {
				o[j] = k.element(a.at(0, r*width+j).T(), p, kb)
			}
		}
	}
}

// across transposes n ≤ nr columns of b (kb×n) into a panel.
func (k *kernel) across(w *workspace, dst []float32, b Mat, kb, n int) {
	d, p := k.depth(kb), 0
	if k.vec != nil && b.R == 1 {
		v := k.vec
		p = d / v.lanes * v.lanes
		for j := 0; j < n && p > 0; j += v.lanes {
			src, ld := b.D[j*b.C:], b.C
			if h := min(n-j, v.lanes); h < v.lanes || k.conv == rounds {
				w.conv = grow(w.conv, v.lanes*kb)
				for r := range h {
					if k.conv == rounds {
						roundTo(src[r*ld:][:kb], w.conv[r*kb:])
					} else {
						copy(w.conv[r*kb:][:kb], src[r*ld:])
					}
				}
				clear(w.conv[h*kb:])
				src, ld = w.conv, kb
			}
			v.across(int64(p), &src[0], int64(ld), &dst[j], int64(k.nr))
		}
	}
	for ; p < d; p++ {
		for j := range n {
			dst[p*k.nr+j] = k.element(b.at(0, j).T(), p, kb)
		}
	}
}
