//go:build gpu && linux && (amd64 || arm64)

package cuda

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"hardneg/fixtures/seed"
	"hardneg/models/checkpoint"
	"hardneg/models/cpu"
	"hardneg/models/qwen2"
	"hardneg/models/train"
	"hardneg/models/vm"
)

const steps = 20

func weights() *qwen2.Params {
	p := qwen2.NewParams(&checkpoint.Config{Hidden: 32, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 8, FFN: 48, Vocab: 40,
		MaxPositions: 64, Eps: 1e-6, Tied: true, Rope: checkpoint.Rope{Theta: 1e4, Type: "default"}})
	p.Init(seed.Derive(1, "cuda"), 0.1)
	return p
}

func ids(name string, i, n int) []int32 {
	k := seed.Derive(2, name, i)
	r := make([]int32, n)
	for j := range r {
		r[j] = int32(k.Index(uint64(j), 40))
	}
	return r
}

func rows() train.Data {
	var d train.Rows
	for i := range 11 {
		r := train.Row{ID: fmt.Sprint(i), Tokens: ids("s", i, 6+i%9), Loss: make([]bool, 6+i%9)}
		for j := range r.Loss {
			r.Loss[j] = j > i%4
		}
		d = append(d, r)
	}
	return d
}

// pairs have their reference log-probabilities from the backend itself.
func pairs(t *testing.T, be vm.Backend) train.Data {
	t.Helper()
	var d train.Pairs
	for i := range 11 {
		d = append(d, train.PairRow{ID: fmt.Sprint(i), Prompt: ids("p", i, 2+i%5), Chosen: ids("c", i, 2+i%7), Rejected: ids("r", i, 2+i%4), Weight: 0.5 + float64(i)/10})
	}
	if err := train.RefLogProbs(context.Background(), be, weights(), d); err != nil {
		t.Fatal(err)
	}
	return d
}

// losses trains and returns the loss of each step and the weights at the end.
func losses(t *testing.T, be vm.Backend, d train.Data) (l []float64, w []float32) {
	t.Helper()
	p, c := weights(), train.Default()
	c.Epochs, c.MaxSteps, c.Batch, c.LR, c.WeightDecay, c.Key = 20, steps, 5, 3e-3, 0.01, 7
	tr, err := train.New(be, p, c, d)
	if err != nil {
		t.Fatal(err)
	}
	for !tr.Done() {
		m, err := tr.Step(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		l = append(l, m.Loss)
	}
	tr.Finish()
	return l, p.Flat
}

// TestTraining compares 20 steps of SFT and DPO with the CPU's, and demands the
// same bits of a second run.
func TestTraining(t *testing.T) {
	for _, c := range []struct {
		name      string
		bf16      bool
		tolerance float64 // of a loss, relative: Adam amplifies rounding over the steps
	}{{"fp32", false, 1e-4}, {"bf16", true, 2e-2}} {
		for _, loss := range []string{"sft", "dpo"} {
			t.Run(c.name+"/"+loss, func(t *testing.T) {
				data := func(be vm.Backend) train.Data {
					if loss == "dpo" {
						return pairs(t, be)
					}
					return rows()
				}
				host := vm.Backend(cpu.New(1))
				if c.bf16 {
					host = cpu.NewBF16(1)
				}
				want, _ := losses(t, host, data(host))
				be := open(t, c.bf16)
				got, w := losses(t, be, data(be))
				if len(want) != steps || len(got) != steps {
					t.Fatalf("%d and %d steps, want %d", len(want), len(got), steps)
				}
				if want[steps-1] >= want[0] {
					t.Fatalf("loss from %g to %g: nothing is learned", want[0], want[steps-1])
				}
				for i := range want {
					if d := math.Abs(got[i] - want[i]); !(d <= c.tolerance*math.Abs(want[i])) {
						t.Fatalf("step %d: loss %g, on the CPU %g", i+1, got[i], want[i])
					}
				}
				if _, again := losses(t, be, data(be)); !slices.Equal(w, again) {
					t.Fatal("a second run gave other bits")
				}
			})
		}
	}
}

// TestDivergence checks that a step whose gradients are not finite leaves the
// weights alone, although it was queued before anyone knew.
func TestDivergence(t *testing.T) {
	be := open(t, false)
	p, c := weights(), train.Default()
	c.Epochs, c.MaxSteps, c.Batch, c.LR, c.Key, c.Schedule, c.WarmupRatio = 20, steps, 5, 1e30, 7, "constant", 0
	tr, err := train.New(be, p, c, rows())
	if err != nil {
		t.Fatal(err)
	}
	var before []float32
	for err == nil && !tr.Done() {
		tr.Finish()
		before = slices.Clone(p.Flat)
		_, err = tr.Step(context.Background())
	}
	var d *train.Diverged
	if !errors.As(err, &d) {
		t.Fatalf("a rate of 1e30 ended with %v", err)
	}
	if tr.Finish(); !slices.Equal(before, p.Flat) {
		t.Fatalf("step %d diverged and changed the weights", d.Step)
	}
}

// TestResume interrupts trainings after a step and demands that they end with
// the bits of unbroken ones.
func TestResume(t *testing.T) {
	for _, bf16 := range []bool{false, true} {
		be := open(t, bf16)
		data := pairs(t, be)
		c := train.Default()
		c.Epochs, c.MaxSteps, c.Batch, c.LR, c.Key = 20, 6, 5, 3e-3, 7
		run := func(tr *train.Trainer, n int) {
			t.Helper()
			for range n {
				if _, err := tr.Step(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
		}
		start := func() (*train.Trainer, *qwen2.Params) {
			t.Helper()
			p := weights()
			tr, err := train.New(be, p, c, data)
			if err != nil {
				t.Fatal(err)
			}
			return tr, p
		}
		whole, want := start()
		run(whole, c.MaxSteps)
		whole.Finish()
		for _, at := range []int{1, 4} {
			dir := t.TempDir()
			first, _ := start()
			run(first, at)
			if err := first.Save(dir); err != nil {
				t.Fatal(err)
			}
			second, got := start()
			if err := second.Load(dir); err != nil {
				t.Fatal(err)
			}
			run(second, c.MaxSteps-at)
			second.Finish()
			if !slices.Equal(got.Flat, want.Flat) {
				t.Fatalf("bf16 %v: resumed after step %d, it ended with other weights", bf16, at)
			}
		}
	}
}
