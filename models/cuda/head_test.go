//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"hardneg/fixtures/seed"
	"hardneg/models/graph"
	"hardneg/models/vm"
)

// headCase is the log-probability of n picks among t rows, with its gradient.
type headCase struct{ t, d, vocab, n int }

// run returns log-probabilities and both gradients. Forgetful loses the logits
// between the passes, so that the backward pass has to compute them all.
func (s headCase) run(t *testing.T, c *CUDA, forgetful bool) (logp, dh, dw []float32) {
	t.Helper()
	k := seed.Derive(7, "head")
	alloc := func(dt graph.Dtype, n int) *buffer {
		b, err := c.alloc(dt, n)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	draw := func(n int, from uint64, scale float64) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(scale * (k.Float(from<<32+uint64(i)) - 0.5))
		}
		return v
	}
	dt := graph.Float32
	if c.round {
		dt = graph.Uint16
	}
	h, outH := alloc(dt, s.t*s.d), alloc(dt, s.t*s.d)
	wide := alloc(graph.Float32, s.t*s.d)
	c.Write(wide, draw(s.t*s.d, 1, 2))
	if c.round {
		c.launch("to_b16", over((s.t*s.d+7)/8), slot(h.ptr), slot(wide.ptr), i64(s.t*s.d))
	} else {
		h = wide
	}
	w, outW := alloc(graph.Float32, s.vocab*s.d), alloc(graph.Float32, s.vocab*s.d)
	c.Write(w, draw(s.vocab*s.d, 2, 1))
	rows, ids := make([]int32, s.n), make([]int32, s.n)
	for i := range rows {
		rows[i], ids[i] = int32((i*7)%s.t), int32((i*31+3)%s.vocab)
	}
	ints := func(v []int32) *buffer { b := alloc(graph.Int32, len(v)); c.Write(b, v); return b }
	g := alloc(graph.Float32, s.n)
	c.Write(g, draw(s.n, 3, 2))
	lp, lse := alloc(graph.Float32, s.n), alloc(graph.Float32, s.n)
	arg := func(b *buffer, shape ...int) vm.Arg { return vm.Arg{Buf: b, Shape: shape} }
	in := []vm.Arg{arg(h, s.t, s.d), arg(w, s.vocab, s.d), arg(ints(rows), s.n), arg(ints(ids), s.n)}
	live := &vm.Live{Tokens: s.t, Picks: s.n}
	forward, err := c.Kernel(vm.Call{Op: &graph.Op{Kind: graph.KindLogProb}, In: in, Out: []vm.Arg{arg(lp, s.n), arg(lse, s.n), {}}, Live: live})
	if err != nil {
		t.Fatal(err)
	}
	backward, err := c.Kernel(vm.Call{Op: &graph.Op{Kind: graph.KindLogProbGrad}, In: append(in, arg(lse, s.n), arg(g, s.n)),
		Out: []vm.Arg{arg(outH, s.t, s.d), arg(outW, s.vocab, s.d)}, Live: live})
	if err != nil {
		t.Fatal(err)
	}
	forward(0)
	if forgetful {
		c.kept = keptLogits{}
	}
	backward(0)
	logp, dh, dw = make([]float32, s.n), make([]float32, s.t*s.d), make([]float32, s.vocab*s.d)
	c.Read(logp, lp)
	if c.round {
		half := make([]uint16, len(dh))
		c.Read(half, outH)
		for i, u := range half {
			dh[i] = math.Float32frombits(uint32(u) << 16)
		}
	} else {
		c.Read(dh, outH)
	}
	c.Read(dw, outW)
	if err := c.Sync(); err != nil {
		t.Fatal(err)
	}
	return logp, dh, dw
}

func differ(a, b []float32, tolerance float64) error {
	for i := range a {
		if d := math.Abs(float64(a[i] - b[i])); !(d <= tolerance) {
			return fmt.Errorf("element %d: %g and %g", i, a[i], b[i])
		}
	}
	return nil
}

// TestKeptLogits: the backward pass takes the logits that the forward pass left,
// of all picks or of the last chunk, and gives the bits that it gives without.
// In chunks the sums have another order.
func TestKeptLogits(t *testing.T) {
	for _, bf16 := range []bool{false, true} {
		c := open(t, bf16).(*CUDA)
		s := headCase{t: 9, d: 16, vocab: 90, n: 13}
		logp, dh, dw := s.run(t, c, true)
		for _, picks := range []int{0, 13, 8, 5, 1} {
			for _, forgetful := range []bool{false, true} {
				c.picks = picks
				logp2, dh2, dw2 := s.run(t, c, forgetful)
				tolerance := 0.0
				if picks > 0 && picks < s.n {
					tolerance = 1e-5
					if bf16 {
						tolerance = 0.02
					}
				}
				for name, err := range map[string]error{"logp": differ(logp, logp2, min(tolerance, 1e-6)), "dh": differ(dh, dh2, tolerance), "dw": differ(dw, dw2, tolerance)} {
					if err != nil {
						t.Errorf("bf16 %v, %d picks a chunk, forgetful %v: %s: %v", bf16, picks, forgetful, name, err)
					}
				}
			}
		}
	}
}

// TestKeptLogitsOnce: a product less is computed, and once only.
func TestKeptLogitsOnce(t *testing.T) {
	c := open(t, true).(*CUDA)
	s := headCase{t: 9, d: 16, vocab: 90, n: 13}
	products := func(forgetful bool) (n int) {
		c.Profile(true)
		s.run(t, c, forgetful)
		for _, call := range c.Times() {
			if strings.HasPrefix(call.Name, "matmul") || strings.HasPrefix(call.Name, "cublasLt") {
				n += call.Calls
			}
		}
		c.Profile(false)
		return n
	}
	if all, fewer := products(true), products(false); fewer != all-1 {
		t.Errorf("%d products, %d where the logits are kept", all, fewer)
	}
	if c.kept != (keptLogits{}) {
		t.Errorf("kept after the backward pass: %+v", c.kept)
	}
}
