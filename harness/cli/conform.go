package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v3"

	"hardneg/models"
	"hardneg/models/checkpoint"
	"hardneg/models/optim"
	"hardneg/models/qwen2"
	"hardneg/models/train"
	"hardneg/models/vm"
)

func (a *App) conformCommand() *cli.Command {
	return &cli.Command{
		Name:  "conform",
		Usage: "compute the values of a golden case, to be compared with transformers' own",
		Description: "Reads a folder with policy/, reference/ and golden.json, of which only the inputs are looked at, and writes a file of the\n" +
			"same structure with the values of this engine.\n\nExit codes: 0 done, 2 usage or bad golden.json, 6 model missing or unreadable.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "case", Usage: "folder of the case", Required: true},
			&cli.StringFlag{Name: "out", Usage: "file to write, - for stdout", Required: true},
			&cli.StringFlag{Name: "device", Usage: "cpu or cuda:N", Value: "cpu"},
			&cli.StringFlag{Name: "dtype", Usage: "fp32 or bf16", Value: "fp32"},
			&cli.IntFlag{Name: "threads", Usage: "CPU threads, 0 for all"},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			be, err := models.Open(c.String("device"), models.Options{Threads: c.Int("threads"), Dtype: c.String("dtype")})
			if errors.Is(err, models.ErrNoCUDA) {
				return fail(ExitEnvironment, err)
			}
			if err != nil {
				return usagef("conform: %w", err)
			}
			defer be.Close()
			out, err := conform(ctx, be, c.String("case"))
			if err != nil {
				if checkpoint.Unfit(err) {
					return fail(ExitEnvironment, err)
				}
				return err
			}
			b, err := json.MarshalIndent(out, "", " ")
			if err != nil {
				return fail(ExitInternal, err)
			}
			return a.writeOutput(c.String("out"), append(b, '\n'))
		},
	}
}

// goldenInput is what conform reads of golden.json.
type goldenInput struct {
	Case struct {
		Beta float64 `json:"beta"`
	} `json:"case"`
	Sequences struct {
		Prompts  [][]int32 `json:"prompts"`
		Chosen   [][]int32 `json:"chosen"`
		Rejected [][]int32 `json:"rejected"`
		Weights  []float64 `json:"weights"`
	} `json:"sequences"`
	Logits struct {
		Positions []int `json:"positions"`
	} `json:"logits"`
	Greedy []struct {
		Prompt []int32 `json:"prompt"`
	} `json:"greedy"`
	AdamW map[string]struct {
		Decay string `json:"decay"`
	} `json:"adamw"`
}

func readGolden(path string) (*goldenInput, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, usagef("conform: %w", err)
	}
	var g goldenInput
	if err := json.Unmarshal(b, &g); err != nil {
		return nil, usagef("conform: %s: %w", path, err)
	}
	s := g.Sequences
	if n := len(s.Prompts); n == 0 || len(s.Chosen) != n || len(s.Rejected) != n || len(s.Weights) != n {
		return nil, usagef("conform: %s: sequences: want equally many prompts, chosen, rejected and weights, at least one", path)
	}
	return &g, nil
}

// conformer holds the two models and the data of a case.
type conformer struct {
	ctx       context.Context
	be        vm.Backend
	in        *goldenInput
	policy    *qwen2.Params
	reference *qwen2.Params
	pairs     train.Pairs
}

func conform(ctx context.Context, be vm.Backend, dir string) (map[string]any, error) {
	in, err := readGolden(filepath.Join(dir, "golden.json"))
	if err != nil {
		return nil, err
	}
	f := &conformer{ctx: ctx, be: be, in: in}
	if f.policy, err = qwen2.Load(filepath.Join(dir, "policy")); err != nil {
		return nil, err
	}
	if f.reference, err = qwen2.Load(filepath.Join(dir, "reference")); err != nil {
		return nil, err
	}
	for i := range in.Sequences.Prompts {
		f.pairs = append(f.pairs, train.PairRow{ID: fmt.Sprint(i), Prompt: in.Sequences.Prompts[i], Chosen: in.Sequences.Chosen[i],
			Rejected: in.Sequences.Rejected[i], Weight: in.Sequences.Weights[i]})
	}
	if err := train.RefLogProbs(ctx, be, f.reference, f.pairs); err != nil {
		return nil, err
	}
	out := map[string]any{"sequences": in.Sequences}
	for _, part := range []struct {
		name string
		make func() (any, error)
	}{{"logits", f.logits}, {"log_probs", f.logProbs}, {"sft", f.sft}, {"dpo", f.dpo}, {"adamw", f.adamw}, {"greedy", f.greedy}} {
		if out[part.name], err = part.make(); err != nil {
			return nil, fmt.Errorf("conform: %s: %w", part.name, err)
		}
	}
	return out, nil
}

// rowLogits projects hidden rows of the policy's last Forward.
func (f *conformer) rowLogits(m *train.Model, rows int, which []int) [][]float64 {
	h, d := m.Hidden(rows), f.policy.Config.Hidden
	head := f.policy.Head()
	var r [][]float64
	for _, p := range which {
		z := make([]float64, f.policy.Config.Vocab)
		for v := range z {
			for j := range d {
				z[v] += float64(h[p*d+j]) * float64(head[v*d+j])
			}
		}
		r = append(r, z)
	}
	return r
}

// next gives the logits after each of the wanted positions of a text.
func (f *conformer) next(m *train.Model, text []int32, which []int) ([][]float64, error) {
	var b train.Batch
	b.Reset()
	b.AddCompletion(text, []int32{0})
	if _, err := m.Forward(&b); err != nil {
		return nil, err
	}
	return f.rowLogits(m, len(text), which), nil
}

func (f *conformer) logits() (any, error) {
	m, err := train.NewModel(f.be, f.policy)
	if err != nil {
		return nil, err
	}
	text := append(append([]int32{}, f.pairs[0].Prompt...), f.pairs[0].Chosen...)
	for _, p := range f.in.Logits.Positions {
		if p < 0 || p >= len(text) {
			return nil, usagef("position %d of a text of %d tokens", p, len(text))
		}
	}
	z, err := f.next(m, text, f.in.Logits.Positions)
	return map[string]any{"positions": f.in.Logits.Positions, "values": z}, err
}

func (f *conformer) greedy() (any, error) {
	m, err := train.NewModel(f.be, f.policy)
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, g := range f.in.Greedy {
		text, gap := append([]int32{}, g.Prompt...), math.Inf(1)
		for range 32 {
			z, err := f.next(m, text, []int{len(text) - 1})
			if err != nil {
				return nil, err
			}
			best, second := 0, -1
			for v, x := range z[0] {
				if x > z[0][best] {
					best, second = v, best
				} else if v != best && (second < 0 || x > z[0][second]) {
					second = v
				}
			}
			gap = min(gap, z[0][best]-z[0][second])
			text = append(text, int32(best))
		}
		out = append(out, map[string]any{"prompt": g.Prompt, "tokens": text[len(g.Prompt):], "smallest_gap": gap})
	}
	return out, nil
}

func (f *conformer) logProbs() (any, error) {
	out := map[string]any{}
	for _, x := range []struct {
		name string
		p    *qwen2.Params
	}{{"policy", f.policy}, {"reference", f.reference}} {
		m, err := train.NewModel(f.be, x.p)
		if err != nil {
			return nil, err
		}
		var b train.Batch
		b.Reset()
		for _, r := range f.pairs {
			b.AddPair(r.Prompt, r.Chosen, r.Rejected)
		}
		if _, err := m.Forward(&b); err != nil {
			return nil, err
		}
		all := m.LogProbs(len(b.Rows))
		var sides [2][][]float64
		for i := range f.pairs {
			for s := range sides {
				sides[s] = append(sides[s], all[b.Bounds[2*i+s]:b.Bounds[2*i+s+1]])
			}
		}
		out[x.name+"_chosen"], out[x.name+"_rejected"] = sides[0], sides[1]
	}
	return out, nil
}

// rows makes supervised rows that score the completion, or all but the first.
func (f *conformer) rows(all bool) train.Rows {
	var r train.Rows
	for _, p := range f.pairs {
		row := train.Row{ID: p.ID, Tokens: append(append([]int32{}, p.Prompt...), p.Chosen...)}
		for i := range row.Tokens {
			row.Loss = append(row.Loss, all || i >= len(p.Prompt))
		}
		r = append(r, row)
	}
	return r
}

func (f *conformer) config() train.Config {
	c := train.Default()
	c.Epochs, c.Batch, c.Schedule, c.LR, c.WarmupRatio = 3, len(f.pairs), "constant", 1e-3, 0
	c.Optim, c.WeightDecay = optim.Config{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, Clip: 1}, 0.01
	c.Loss.Beta = f.in.Case.Beta
	return c
}

// lossOf is the configuration and data of a named loss: sft_completion,
// sft_all, dpo_mean, dpo_weighted_mean or dpo_weighted_normalised.
func (f *conformer) lossOf(name string) (train.Config, train.Data) {
	c := f.config()
	if strings.HasPrefix(name, "sft") {
		return c, f.rows(name == "sft_all")
	}
	pairs := append(train.Pairs{}, f.pairs...)
	switch name {
	case "dpo_weighted_normalised":
		c.Loss.WeightNorm = "batch"
	case "dpo_mean":
		for i := range pairs {
			pairs[i].Weight = 1
		}
	}
	return c, pairs
}

// gradients takes one step of a clone, for the gradients before it.
func (f *conformer) gradients(name string) (any, error) {
	c, data := f.lossOf(name)
	p := f.policy.Clone()
	t, err := train.New(f.be, p, c, data)
	if err != nil {
		return nil, err
	}
	m, err := t.Step(f.ctx)
	if err != nil {
		return nil, err
	}
	return map[string]any{"loss": m.Loss, "gradient_norm": m.GradNorm, "gradients": sums(p.NamedIn(t.Model().Gradients()))}, nil
}

func (f *conformer) sft() (any, error) {
	out := map[string]any{}
	for _, which := range []string{"completion", "all"} {
		g, err := f.gradients("sft_" + which)
		if err != nil {
			return nil, err
		}
		out[which] = g
	}
	return out, nil
}

func (f *conformer) dpo() (any, error) {
	m, err := train.NewModel(f.be, f.policy)
	if err != nil {
		return nil, err
	}
	var b train.Batch
	b.Reset()
	for _, r := range f.pairs {
		b.AddPair(r.Prompt, r.Chosen, r.Rejected)
	}
	lp, err := m.Forward(&b)
	if err != nil {
		return nil, err
	}
	loss, n := f.config().Loss, float64(len(f.pairs))
	var v [7][]float64 // policy and reference sums, rewards, losses
	var margin, right float64
	for i, r := range f.pairs {
		p := train.Pair{Chosen: lp[2*i], Rejected: lp[2*i+1], RefChosen: r.RefChosen, RefRejected: r.RefRejected}
		l, _, _ := loss.Eval(p)
		c, j := loss.Beta*(p.Chosen-p.RefChosen), loss.Beta*(p.Rejected-p.RefRejected)
		for k, x := range []float64{p.Chosen, p.Rejected, p.RefChosen, p.RefRejected, c, j, l} {
			v[k] = append(v[k], x)
		}
		margin += (c - j) / n
		if c > j {
			right += 1 / n
		}
	}
	out := map[string]any{
		"log_probs": map[string]any{"policy_chosen": v[0], "policy_rejected": v[1], "reference_chosen": v[2], "reference_rejected": v[3]},
		"rewards":   map[string]any{"chosen": v[4], "rejected": v[5], "margin": margin},
		"accuracy":  right, "losses": v[6],
	}
	for _, which := range []string{"mean", "weighted_mean", "weighted_normalised"} {
		if out[which], err = f.gradients("dpo_" + which); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (f *conformer) adamw() (any, error) {
	out := map[string]any{}
	for name, x := range f.in.AdamW {
		which := "sft_completion"
		if strings.HasPrefix(name, "dpo_") {
			which = name
		}
		c, data := f.lossOf(which)
		c.DecayOn = x.Decay
		p := f.policy.Clone()
		t, err := train.New(f.be, p, c, data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		var steps []any
		for !t.Done() {
			m, err := t.Step(f.ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			steps = append(steps, map[string]any{"loss": m.Loss, "gradient_norm": m.GradNorm})
		}
		t.Finish()
		out[name] = map[string]any{"decay": x.Decay, "steps": steps, "parameters": sums(p.Named())}
	}
	return out, nil
}

// sums are checksums that tell order and sign: norm, sum, and Σ t[i]·cos(i).
func sums(vs []checkpoint.Values) map[string]any {
	out := map[string]any{}
	for _, v := range vs {
		var sq, sum, wave float64
		for i, x := range v.Data {
			f := float64(x)
			sq += f * f
			sum += f
			wave += f * math.Cos(float64(i))
		}
		out[v.Name] = map[string]float64{"l2": math.Sqrt(sq), "sum": sum, "wave": wave}
	}
	return out
}
