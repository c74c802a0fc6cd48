package verifier

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// shifts is the matrix of mean standardised shifts: row d, column k is how
// much errors of dimension d move s_k, in standard deviations of s_k.
func shifts(v *Verifier, ex []Example) (m [6][6]float64, count [6]int) {
	var all []Profile
	clean := map[string]Profile{}
	type row struct {
		d Dim
		p Profile
		q string
	}
	var rows []row
	for _, e := range ex {
		s := v.Score(e.Input, None)
		all = append(all, s.Profile)
		if !e.Wrong {
			clean[e.Question] = s.Profile
			continue
		}
		for d := Sem; d < NumDims; d++ {
			if e.Dims[d] {
				rows = append(rows, row{d, s.Profile, e.Question})
			}
		}
	}
	var mean, sd Profile
	for _, p := range all {
		for k := range p {
			mean[k] += p[k] / float64(len(all))
		}
	}
	for _, p := range all {
		for k := range p {
			sd[k] += (p[k] - mean[k]) * (p[k] - mean[k]) / float64(len(all))
		}
	}
	for _, r := range rows {
		count[r.d]++
		for k := range r.p {
			m[r.d][k] += (r.p[k] - clean[r.q][k]) / math.Sqrt(sd[k])
		}
	}
	for d := range m {
		for k := range m[d] {
			m[d][k] /= math.Max(1, float64(count[d]))
		}
	}
	return m, count
}

func matrixText(m [6][6]float64, n [6]int) string {
	var b strings.Builder
	b.WriteString("error in      n")
	for k := Sem; k < NumDims; k++ {
		fmt.Fprintf(&b, "%8s", k)
	}
	for d := Sem; d < NumDims; d++ {
		fmt.Fprintf(&b, "\n%-8s %6d", d, n[d])
		for k := range m[d] {
			fmt.Fprintf(&b, "%8.2f", m[d][k])
		}
	}
	return b.String()
}

// An error of each dimension moves its own dimension most.
func TestShiftsAreDiagonal(t *testing.T) {
	ex, err := Synthetic(100, 99)
	if err != nil {
		t.Fatal(err)
	}
	v, err := Load("builtin")
	if err != nil {
		t.Fatal(err)
	}
	m, n := shifts(v, ex)
	t.Log("\n" + matrixText(m, n))
	checkDiagonal(t, m, n)
}

func checkDiagonal(t *testing.T, m [6][6]float64, n [6]int) {
	t.Helper()
	for d := range m {
		if m[d][d] < .3 {
			t.Errorf("errors of %s move it by only %.2f", Dim(d), m[d][d])
		}
		if n[d] < 30 {
			t.Errorf("only %d errors of dimension %s", n[d], Dim(d))
		}
		for k := range m {
			if k != d && m[d][k] >= m[d][d] {
				t.Errorf("errors of %s move it by %.2f, but %s by %.2f", Dim(d), m[d][d], Dim(k), m[d][k])
			}
		}
	}
}

// The same on GSM8K's references.
func TestShiftsAreDiagonalOnGSM8K(t *testing.T) {
	var refs []Reference
	for _, r := range gsmTrain(t)[3000:3400] {
		refs = append(refs, Reference{r.Question, r.Answer})
	}
	v, err := Load("builtin")
	if err != nil {
		t.Fatal(err)
	}
	m, n := shifts(v, Planted(refs, "x", 5))
	t.Log("\n" + matrixText(m, n))
	checkDiagonal(t, m, n)
}
