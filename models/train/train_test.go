package train

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"hardneg/fixtures/seed"
	"hardneg/models/checkpoint"
	"hardneg/models/cpu"
	"hardneg/models/qwen2"
)

func testParams() *qwen2.Params {
	p := qwen2.NewParams(&checkpoint.Config{Hidden: 32, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 8, FFN: 48, Vocab: 40,
		MaxPositions: 64, Eps: 1e-6, Tied: true, Rope: checkpoint.Rope{Theta: 1e4, Type: "default"}})
	p.Init(seed.Derive(1, "test"), 0.1)
	return p
}

func testIDs(name string, i, n int) []int32 {
	k := seed.Derive(2, name, i)
	r := make([]int32, n)
	for j := range r {
		r[j] = int32(k.Index(uint64(j), 40))
	}
	return r
}

func testPairs(n int) Pairs {
	var d Pairs
	for i := range n {
		d = append(d, PairRow{ID: string(rune('a' + i)), Prompt: testIDs("p", i, 2+i%5), Chosen: testIDs("c", i, 1+i%7),
			Rejected: testIDs("r", i, 1+i%4), Weight: 1})
	}
	d[0].Rejected = append(slices.Clone(d[0].Chosen), 3, 4) // chosen is a prefix of rejected
	d[1].Rejected = slices.Clone(d[1].Chosen)
	return d
}

func testRows(n int) Rows {
	var d Rows
	for i := range n {
		t := testIDs("s", i, 5+i%9)
		l := make([]bool, len(t))
		for j := range l {
			l[j] = j > i%4
		}
		d = append(d, Row{ID: string(rune('a' + i)), Tokens: t, Loss: l})
	}
	return d
}

func run(t *testing.T, tr *Trainer) []Metrics {
	t.Helper()
	var all []Metrics
	for !tr.Done() {
		m, err := tr.Step(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

func trainer(t *testing.T, threads int, p *qwen2.Params, c Config, d Data) *Trainer {
	t.Helper()
	tr, err := New(cpu.New(threads), p, c, d)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func testConfig() Config {
	c := Default()
	c.Epochs, c.Batch, c.LR, c.WeightDecay, c.Key = 4, 5, 3e-3, 0.01, 7
	return c
}

func TestLearns(t *testing.T) {
	p := testParams()
	m := run(t, trainer(t, 1, p, testConfig(), testRows(11)))
	if len(m) != 12 || m[11].Loss > 0.95*m[0].Loss {
		t.Fatalf("%d steps, loss %g to %g: want 12 steps and a fall", len(m), m[0].Loss, m[len(m)-1].Loss)
	}
	d := testPairs(11)
	if err := RefLogProbs(context.Background(), cpu.New(1), p, d); err != nil {
		t.Fatal(err)
	}
	m = run(t, trainer(t, 1, p, testConfig(), d))
	if first, last := m[0], m[len(m)-1]; math.Abs(first.Loss-math.Ln2) > 1e-5 || last.RewardsMargin <= 0 {
		t.Fatalf("first loss %g, want ln 2; last margin %g, want above 0", first.Loss, last.RewardsMargin)
	}
}

// A prompt shared by two completions must give what separate sequences give.
func TestSharedPrompt(t *testing.T) {
	m, err := NewModel(cpu.New(1), testParams())
	if err != nil {
		t.Fatal(err)
	}
	var b Batch
	b.Reset()
	pairs := testPairs(7)
	for _, d := range pairs {
		b.AddPair(d.Prompt, d.Chosen, d.Rejected)
	}
	got, err := m.Forward(&b)
	if err != nil {
		t.Fatal(err)
	}
	got = slices.Clone(got)
	b.Reset()
	for _, d := range pairs {
		b.AddCompletion(d.Prompt, d.Chosen)
		b.AddCompletion(d.Prompt, d.Rejected)
	}
	want, err := m.Forward(&b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-5*math.Abs(want[i]) {
			t.Errorf("sequence %d: %g shared, %g alone", i, got[i], want[i])
		}
	}
}

func TestMicroBatches(t *testing.T) {
	for _, d := range []Data{testRows(11), testPairs(11)} {
		var flat [][]float32
		for _, most := range []int{1, 20, 4096} {
			c, p := testConfig(), testParams()
			c.MicroTokens = most
			run(t, trainer(t, 1, p, c, d))
			flat = append(flat, p.Flat)
		}
		for i := range flat[0] {
			if math.Abs(float64(flat[0][i]-flat[2][i])) > 1e-4 || math.Abs(float64(flat[1][i]-flat[2][i])) > 1e-4 {
				t.Fatalf("weight %d is %g, %g, %g for three micro-batch sizes", i, flat[0][i], flat[1][i], flat[2][i])
			}
		}
	}
}

func TestResumeAndThreads(t *testing.T) {
	var dir string
	for name, open := range map[string]func(threads int) *cpu.CPU{"fp32": cpu.New, "bf16": cpu.NewBF16} {
		trainer := func(threads int, p *qwen2.Params) *Trainer {
			tr, err := New(open(threads), p, testConfig(), testPairs(11))
			if err != nil {
				t.Fatal(err)
			}
			return tr
		}
		want := testParams()
		run(t, trainer(1, want))
		dir = t.TempDir()
		for stop := 0; stop <= 12; stop++ {
			tr := trainer(2, testParams())
			for range stop {
				if _, err := tr.Step(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
			if err := tr.Save(dir); err != nil {
				t.Fatal(err)
			}
			q := testParams()
			again := trainer(1+stop%3, q)
			if err := again.Load(dir); err != nil {
				t.Fatal(err)
			}
			run(t, again)
			if !slices.Equal(q.Flat, want.Flat) {
				t.Fatalf("%s: resumed from step %d on %d threads: not the bits of an unbroken run on 1", name, stop, 1+stop%3)
			}
		}
	}
	path := filepath.Join(dir, stateFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{b[:len(b)-1], b[:3], append(slices.Clone(b[:200]), append([]byte{b[200] ^ 1}, b[201:]...)...)} {
		if err := os.WriteFile(path, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := trainer(t, 1, testParams(), testConfig(), testPairs(11)).Load(dir); !errors.Is(err, ErrState) {
			t.Errorf("damaged state: error %v, want ErrState", err)
		}
	}
}

func TestDiverged(t *testing.T) {
	p := testParams()
	tr := trainer(t, 1, p, testConfig(), testRows(11))
	if _, err := tr.Step(context.Background()); err != nil {
		t.Fatal(err)
	}
	p.Flat[len(p.Flat)-1] = float32(math.NaN())
	before := slices.Clone(p.Flat[:100])
	_, err := tr.Step(context.Background())
	var d *Diverged
	if !errors.As(err, &d) || d.Step != 2 || len(d.IDs) != 5 {
		t.Fatalf("error %v, want Diverged at step 2 with 5 rows", err)
	}
	if !slices.Equal(before, p.Flat[:100]) {
		t.Error("weights changed in a step that diverged")
	}
}

// However large the steps, the weights that a diverged training leaves are finite.
func TestDivergedWeights(t *testing.T) {
	c := testConfig()
	c.LR, c.Schedule, c.WarmupRatio, c.Optim.Clip, c.MaxSteps = 1e30, "constant", 0, 0, 20
	p := testParams()
	tr := trainer(t, 1, p, c, testRows(11))
	var d *Diverged
	for !tr.Done() && d == nil {
		if _, err := tr.Step(context.Background()); err != nil && !errors.As(err, &d) {
			t.Fatal(err)
		}
	}
	if done, _ := tr.Steps(); d == nil || d.Step != done+1 || d.Step < 2 {
		t.Fatalf("after %d steps: %v", done, d)
	}
	tr.Finish()
	for i, v := range p.Flat {
		if !finite(float64(v)) {
			t.Fatalf("weight %d is %g", i, v)
		}
	}
	c.LR = 1e31
	if _, err := New(cpu.New(1), testParams(), c, testRows(11)); err == nil {
		t.Error("a rate that leaves float32 in one step was accepted")
	}
}

func TestUnusableRows(t *testing.T) {
	d := testRows(6)
	d[1].Loss = make([]bool, len(d[1].Tokens))
	d[2].Tokens, d[2].Loss = make([]int32, 65), make([]bool, 65)
	d[2].Loss[64] = true
	if left := trainer(t, 1, testParams(), testConfig(), d).Left(); left != 2 {
		t.Errorf("%d rows left out, want 2", left)
	}
	d[0].Tokens[2] = 40
	if _, err := New(cpu.New(1), testParams(), testConfig(), d); err == nil {
		t.Error("an id that the model lacks was accepted")
	}
}

// Adapters start as the base, learn, and give after merging what they gave
// before; a saved folder gives them back.
func TestLoRA(t *testing.T) {
	p := testParams()
	base := slices.Clone(p.Flat)
	l, err := qwen2.NewLoRA(p, checkpoint.Adapter{Base: "base", Rank: 4, Alpha: 8, Targets: []string{"q_proj", "v_proj", "o_proj", "up_proj", "down_proj"}})
	if err != nil {
		t.Fatal(err)
	}
	l.Init(5)
	c := testConfig()
	c.LoRA, c.LR = l, 1e-2
	tr := trainer(t, 1, p, c, testRows(11))
	m := run(t, tr)
	if first, last := m[0].Loss, m[len(m)-1].Loss; last > 0.97*first {
		t.Fatalf("loss %g to %g: want a fall", first, last)
	}
	if !slices.Equal(p.Flat, base) {
		t.Fatal("base weights changed")
	}
	var b Batch
	b.Reset()
	for _, r := range testRows(5) {
		b.AddRow(r.Tokens, r.Loss)
	}
	got, err := tr.Model().Forward(&b)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "adapter")
	tr.Finish()
	if err := l.Save(dir, "fp32"); err != nil {
		t.Fatal(err)
	}
	again, err := qwen2.LoadLoRA(dir, p)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again.Flat, l.Flat) {
		t.Error("adapters read back differ")
	}
	again.Merge(p)
	merged, err := NewModel(cpu.New(1), p)
	if err != nil {
		t.Fatal(err)
	}
	want, err := merged.Forward(&b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 2e-5*math.Abs(want[i]) {
			t.Errorf("sequence %d: %g with adapters, %g merged", i, got[i], want[i])
		}
	}
}

// Moments in fewer bits end near those in 32, resume bit for bit, and do not
// depend on threads.
func TestMoments(t *testing.T) {
	final := map[string]float64{}
	for _, state := range []string{"fp32", "bf16", "int8"} {
		c, p := testConfig(), testParams()
		c.Optim.State, c.Epochs, c.Optim.Beta2 = state, 20, 0.999
		m := run(t, trainer(t, 1, p, c, testRows(11)))
		final[state] = m[len(m)-1].Loss
		q, dir := testParams(), t.TempDir()
		half := trainer(t, 2, q, c, testRows(11))
		for range 7 {
			if _, err := half.Step(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		if err := half.Save(dir); err != nil {
			t.Fatal(err)
		}
		again := trainer(t, 2, testParams(), c, testRows(11))
		if err := again.Load(dir); err != nil {
			t.Fatal(err)
		}
		run(t, again)
		if !slices.Equal(again.Model().Params.Flat, p.Flat) {
			t.Errorf("%s: resumed training has other bits", state)
		}
	}
	t.Log(final)
	for state, loss := range final {
		if math.Abs(loss-final["fp32"]) > 0.05*final["fp32"] {
			t.Errorf("%s: last loss %g, with fp32 %g", state, loss, final["fp32"])
		}
	}
}
