package stats

// byCluster replaces the columns by one a cluster, so that with one seed the
// standard error is the clustered (CR1) one.
func byCluster(c [][]float64, group []int) [][]float64 {
	g := groupCount(group)
	m, n := grand(c), float64(len(c[0]))
	size := make([]float64, g)
	for _, k := range group {
		size[k]++
	}
	out := make([][]float64, len(c))
	for s := range c {
		t := make([]float64, g)
		for j, v := range c[s] {
			t[group[j]] += v
		}
		for k := range t {
			t[k] = m + float64(g)/n*(t[k]-size[k]*m)
		}
		out[s] = t
	}
	return out
}

// byStratum rescales the columns so that their mean weighs the strata as
// asked and their variance is the stratified one.
func byStratum(c [][]float64, stratum []int, weights []float64) [][]float64 {
	b, n := groupCount(stratum), float64(len(stratum))
	size, sums, w := make([]float64, b), make([]float64, b), make([]float64, b)
	for j, k := range stratum {
		size[k]++
		for s := range c {
			sums[k] += c[s][j]
		}
	}
	m := 0.0
	for k := range size {
		sums[k] /= size[k] * float64(len(c))
		w[k] = size[k] / n
		if weights != nil {
			w[k] = weights[k]
		}
		m += w[k] * sums[k]
	}
	out := make([][]float64, len(c))
	for s := range c {
		out[s] = make([]float64, len(stratum))
		for j, k := range stratum {
			out[s][j] = m + n*w[k]/size[k]*(c[s][j]-sums[k])
		}
	}
	return out
}
