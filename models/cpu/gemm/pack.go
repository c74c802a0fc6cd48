package gemm

// packA copies A (m×k) into panels of mr rows, each laid out [k][mr]; missing
// rows of the last panel are zero.
func packA(dst []float32, a Mat, m, k, mr int) {
	for i := 0; i < m; i += mr {
		h, d := min(mr, m-i), dst[i*k:i*k+mr*k]
		if h < mr {
			clear(d)
		}
		switch {
		case a.R == 1:
			for p := 0; p < k; p++ {
				copy(d[p*mr:p*mr+h], a.D[p*a.C+i:])
			}
		case a.C == 1:
			for r := 0; r < h; r++ {
				o := r
				for _, v := range a.D[(i+r)*a.R:][:k] {
					d[o] = v
					o += mr
				}
			}
		default:
			for r := 0; r < h; r++ {
				for p := 0; p < k; p++ {
					d[p*mr+r] = a.D[(i+r)*a.R+p*a.C]
				}
			}
		}
	}
}

// packB copies B (k×n) into panels of nr columns, each laid out [k][nr].
func packB(dst []float32, b Mat, k, n, nr int) { packA(dst, b.T(), n, k, nr) }
