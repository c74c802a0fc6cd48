package gemm

// packA copies A (m×k) into panels of mr rows, each laid out [k][mr]; missing
// rows of the last panel are zero.
func packA(dst []float32, a Mat, m, k, mr int) {
	if m <= 0 {
		return
	}
	if a.R == 1 {
		packColumns(dst, a, m, k, mr)
		return
	}
	for i := 0; i < m; i += mr {
		h, d := min(mr, m-i), dst[i*k:i*k+mr*k]
		if h < mr {
			clear(d)
		}
		if a.C == 1 {
			packRows(d, a.D[i*a.R:], a.R, h, k, mr)
			continue
		}
		for r := range h {
			for p := range k {
				d[p*mr+r] = a.D[(i+r)*a.R+p*a.C]
			}
		}
	}
}

// packRows transposes h rows of k contiguous elements into one panel.
func packRows(d, src []float32, ld, h, k, mr int) {
	r := 0
	for ; r+8 <= h; r += 8 {
		done := transpose8(k, src[r*ld:], ld, d[r:], mr)
		for q := r; q < r+8; q++ {
			packRow(d, src[q*ld:], done, k, q, mr)
		}
	}
	for ; r < h; r++ {
		packRow(d, src[r*ld:], 0, k, r, mr)
	}
}

func packRow(d, src []float32, from, k, r, mr int) {
	o := from*mr + r
	for _, v := range src[from:k] {
		d[o] = v
		o += mr
	}
}

// packColumns packs an A whose columns are contiguous.
func packColumns(dst []float32, a Mat, m, k, mr int) {
	whole := m / mr * mr
	for p := range k {
		col := a.D[p*a.C:]
		scatter(whole/mr, mr, col, dst[p*mr:], k*mr)
		if whole < m {
			d := dst[whole*k+p*mr:][:mr]
			clear(d[copy(d, col[whole:m]):])
		}
	}
}

// scatterGo copies n runs of w floats from src to dst, where they begin step
// apart.
func scatterGo(n, w int, src, dst []float32, step int) {
	for i := range n {
		copy(dst[i*step:][:w], src[i*w:])
	}
}
