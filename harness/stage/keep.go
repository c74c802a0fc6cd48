package stage

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"

	"hardneg/fixtures/problem"
	"hardneg/models/qwen2"
	"hardneg/models/train"
	"hardneg/models/vm"
)

// keeper chooses the checkpoint that counts by greedy accuracy on the
// validation problems, at the end of every epoch. The nil keeper takes the
// last weights.
type keeper struct {
	env      Env
	be       vm.Backend
	s        *speaker
	lora     *qwen2.LoRA // merged into a copy before each measurement; nil: all weights are trained
	problems []problem.Problem
	maxNew   int
	perEpoch int
	measured []Valid
	best     []float32
}

// newKeeper returns nil for keep: last.
func (e Env) newKeeper(be vm.Backend, s *speaker, lora *qwen2.LoRA, keep string, maxNew, rows, batch int) (*keeper, error) {
	if keep != "best-valid" {
		return nil, nil
	}
	ps, err := inputRows[problem.Problem](e, "valid", "problems.jsonl")
	if err != nil {
		return nil, err
	}
	return &keeper{env: e, be: be, s: s, lora: lora, problems: ps, maxNew: maxNew, perEpoch: max(1, (rows+batch-1)/batch)}, nil
}

// measure looks at the weights when an epoch, or the training, is over.
func (k *keeper) measure(ctx context.Context, t *train.Trainer, done, total int) error {
	if k == nil || done%k.perEpoch != 0 && done != total {
		return nil
	}
	t.Finish()
	now := *k.s
	if k.lora != nil {
		now.params = k.s.params.Clone()
		k.lora.Merge(now.params)
	}
	acc, err := k.accuracy(ctx, &now)
	if err != nil {
		return fmt.Errorf("validation after step %d: %w", done, err)
	}
	k.env.Log.Info("validation", "step", done, "accuracy", acc)
	if k.best == nil || acc > k.bestAccuracy() {
		k.best = append(k.best[:0], now.params.Flat...)
	}
	k.measured = append(k.measured, Valid{done, acc})
	return nil
}

func (k *keeper) bestAccuracy() float64 {
	best := -1.0
	for _, v := range k.measured {
		best = max(best, v.Accuracy)
	}
	return best
}

// accuracy is the share of validation problems that a greedy answer gets right.
func (k *keeper) accuracy(ctx context.Context, s *speaker) (float64, error) {
	var asks []ask
	gold := map[string]string{}
	for _, q := range k.problems {
		asks = append(asks, ask{id: q.ID, question: q.Question, n: 1})
		gold[q.ID] = q.Answer
	}
	n := 0
	err := s.generate(ctx, k.be, k.env.Threads, asks, drawing{maxNew: k.maxNew}, func(i int, outs []reply) error {
		if _, flexible := read(outs[0].text, gold[asks[i].id]); flexible.Right {
			n++
		}
		return nil
	})
	return float64(n) / float64(max(1, len(asks))), err
}

// pick puts the best weights in place and says which step they are of.
func (k *keeper) pick(p *qwen2.Params) (int, []Valid) {
	if k == nil || k.best == nil {
		return 0, nil
	}
	copy(p.Flat, k.best)
	for _, v := range k.measured {
		if v.Accuracy == k.bestAccuracy() {
			return v.Step, k.measured
		}
	}
	return 0, k.measured
}

// save and resume carry the choice over a stop.
func (k *keeper) save(dir string) error {
	if k == nil {
		return nil
	}
	if err := writeRows(dir, "valid.jsonl", k.measured); err != nil {
		return err
	}
	b := make([]byte, 0, 4*len(k.best))
	b, err := binary.Append(b, binary.LittleEndian, k.best)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "best.f32"), b, 0o644); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

func (k *keeper) resume(dir string, done int) error {
	if k == nil {
		return nil
	}
	rows, err := readRows[Valid](filepath.Join(dir, "valid.jsonl"))
	if err != nil {
		return err
	}
	for _, v := range rows {
		if v.Step <= done {
			k.measured = append(k.measured, v)
		}
	}
	if len(k.measured) == 0 {
		return nil
	}
	b, err := os.ReadFile(filepath.Join(dir, "best.f32"))
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	k.best = make([]float32, len(b)/4)
	_, err = binary.Decode(b, binary.LittleEndian, k.best)
	return err
}
