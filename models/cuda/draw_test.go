//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	"hardneg/fixtures/seed"
	"hardneg/models/graph"
	"hardneg/models/vm"
)

// drawn is a token drawn by definition, in float64 and with a full sort. safe is
// false where rounding could decide otherwise.
func drawn(z []float32, p vm.Draw, u float64) (id int, safe bool) {
	top := float64(slices.Max(z))
	if p.Temperature == 0 {
		return slices.Index(z, slices.Max(z)), true
	}
	w := make([]float64, len(z))
	order := make([]int, len(z))
	for i, v := range z {
		w[i], order[i] = math.Exp((float64(v)-top)/p.Temperature), i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(w[b], w[a]) })
	least, sum := 0.0, 0.0
	above := func() (s float64) {
		for _, x := range w {
			if x >= least {
				s += x
			}
		}
		return s
	}
	if p.TopK > 0 && p.TopK < len(z) {
		least = w[order[p.TopK-1]]
	}
	if sum = above(); p.TopP > 0 && p.TopP < 1 {
		mass := 0.0
		for _, i := range order {
			if mass += w[i]; mass >= p.TopP*sum {
				if mass-p.TopP*sum < 1e-5*sum {
					return 0, false
				}
				least = max(least, w[i])
				break
			}
		}
		sum = above()
	}
	if p.MinP > least {
		least = p.MinP
		sum = above()
	}
	run := 0.0
	for i, x := range w {
		if x < least {
			continue
		}
		if run += x; run > u*sum {
			return i, run-u*sum > 1e-5*sum && u*sum-(run-x) > 1e-5*sum
		}
	}
	return 0, false
}

// TestDraw compares draws over several chunks of logits with the definition,
// for each way alone and for all at once.
func TestDraw(t *testing.T) {
	c := open(t, false).(*CUDA)
	const rows = 6
	for _, v := range []int{10001, 12288} {
		z := make([]float32, rows*v)
		for i := range z {
			k := seed.Derive(11, "logits", i/v)
			z[i] = float32(float64(1+i/v%3) * k.Normal(uint64(i%v))) // flat and peaked
		}
		z[v+77], z[v+9000] = 12, 12 // the likeliest two are equal
		ways := []vm.Draw{{}, {Temperature: 1}, {Temperature: 0.5}, {Temperature: 1, TopK: 40}, {Temperature: 1, TopP: 0.9}, {Temperature: 2, TopP: 0.5},
			{Temperature: 1, MinP: 0.05}, {Temperature: 1.5, TopK: 500, TopP: 0.95, MinP: 0.001}, {Temperature: 1, TopK: 1}, {Temperature: 1, TopP: 1e-9}}
		compared := 0
		for n, p := range ways {
			ids, logps := c.drawOnce(t, z, rows, v, p, n)
			for i := range rows {
				row := z[i*v : (i+1)*v]
				want, safe := drawn(row, p, seed.Key(1000+i).Float(uint64(n)))
				if !safe {
					continue
				}
				compared++
				if int(ids[i]) != want {
					t.Errorf("%d logits, %+v, row %d: token %d, want %d", v, p, i, ids[i], want)
					continue
				}
				sum := 0.0
				for _, x := range row {
					sum += math.Exp(float64(x) - float64(row[want]))
				}
				if d := math.Abs(float64(logps[i]) + math.Log(sum)); !(d < 1e-4) {
					t.Errorf("%d logits, %+v, row %d: log-probability %g, want %g", v, p, i, logps[i], -math.Log(sum))
				}
			}
		}
		if compared < 50 {
			t.Errorf("only %d draws were safe to compare", compared)
		}
	}
}

// drawOnce draws token number n of each row; row i has key 1000+i.
func (c *CUDA) drawOnce(t *testing.T, z []float32, rows, v int, p vm.Draw, n int) ([]int32, []float32) {
	t.Helper()
	made := func(dt graph.Dtype, n int) *buffer {
		b, err := c.alloc(dt, n)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	d := decoder{c: c, rows: rows, net: vm.Network{Vocab: v}, stride: recordPages,
		z: made(graph.Float32, rows*v), parts: made(graph.Uint8, rows*drawChunks*drawPartSize), params: made(graph.Float64, 4),
		records: made(graph.Int32, rows*recordPages), drawn: made(graph.Int32, 2*rows)}
	records := make([]int32, rows*recordPages)
	for i := range rows {
		d.fillRecord(records[i*recordPages:], vm.Sequence{Pos: 3, End: 9, Key: uint64(1000 + i), Drawn: n})
	}
	c.Write(d.z, z)
	c.Write(d.records, records)
	d.Params(p)
	d.draw()
	ids, raw := make([]int32, 2*rows), make([]float32, rows)
	c.Read(ids, d.drawn)
	c.Read(records, d.records)
	if err := c.Sync(); err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		raw[i] = math.Float32frombits(uint32(ids[rows+i]))
		if r := records[i*recordPages:]; r[0] != ids[i] || r[1] != 4 || r[6] != int32(n+1) {
			t.Fatal(fmt.Sprintf("row %d goes on with %v after token %d", i, r[:recordPages], ids[i]))
		}
	}
	return ids[:rows], raw
}
