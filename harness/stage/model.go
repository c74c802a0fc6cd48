package stage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"hardneg/experiments/plan"
	"hardneg/fixtures/problem"
	"hardneg/models"
	"hardneg/models/checkpoint"
	"hardneg/models/qwen2"
	"hardneg/models/token"
	"hardneg/models/vm"
)

// speaker is a model with its tokenizer and prompt format.
type speaker struct {
	dir    string // folder of the checkpoint; "" for fresh weights
	params *qwen2.Params
	tok    *token.Tokenizer
	format token.Format
	end    int32 // id that ends a completion
}

// modelDir is where the task's model lies: the input model, or the user's.
func (e Env) modelDir() (model, tokenizer string) {
	if d, ok := e.Inputs["model"]; ok {
		m := filepath.Join(d, "model")
		return m, m
	}
	model, tokenizer = e.Files["model"], e.Files["tokenizer"]
	if tokenizer == "" {
		tokenizer = model
	}
	return model, tokenizer
}

// openModel loads model, tokenizer and prompt format. Whatever is wrong with
// them is the environment's fault: the spec names them, the machine has them.
func (e Env) openModel(c plan.Compute) (*speaker, error) {
	model, _ := e.modelDir()
	s, err := e.openTokenizer(c)
	if err != nil {
		return nil, err
	}
	s.dir = model
	if s.params, err = qwen2.Load(model); err != nil {
		return nil, fmt.Errorf("model %s: %w", model, checkpointError(err))
	}
	if s.tok.Size() > s.params.Config.Vocab {
		return nil, &EnvironmentError{fmt.Errorf("model %s: the tokenizer has %d ids, the embedding only %d rows; name the model's own tokenizer in model.tokenizer", model, s.tok.Size(), s.params.Config.Vocab)}
	}
	return s, nil
}

func (e Env) openTokenizer(c plan.Compute) (*speaker, error) {
	_, dir := e.modelDir()
	tok, err := token.Load(dir)
	if err != nil {
		if token.Unfit(err) || errors.Is(err, os.ErrNotExist) {
			err = &EnvironmentError{err}
		}
		return nil, fmt.Errorf("tokenizer %s: %w", dir, err)
	}
	f, err := token.NewFormat(c.Prompt, c.System)
	if err != nil {
		return nil, err
	}
	end, _, err := f.End(tok)
	if err != nil {
		return nil, &EnvironmentError{fmt.Errorf("tokenizer %s: %w", dir, err)}
	}
	return &speaker{tok: tok, format: f, end: end}, nil
}

func checkpointError(err error) error {
	if checkpoint.Unfit(err) || errors.Is(err, os.ErrNotExist) {
		return &EnvironmentError{err}
	}
	return err
}

// backend opens the task's device.
func (e Env) backend(t plan.Task, c plan.Compute) (vm.Backend, error) {
	device := t.Device
	if strings.HasPrefix(device, "cuda") {
		device = "cuda:0" // the runner makes exactly one card visible
	}
	be, err := models.Open(device, models.Options{Threads: e.Threads, Dtype: c.Dtype})
	if err != nil {
		return nil, &EnvironmentError{err}
	}
	return be, nil
}

// rowTokens turns a training problem into ids with the mask of what is learned.
func (s *speaker) rowTokens(p problem.Problem, all bool) (ids []int32, loss []bool) {
	add := func(part []int32, learn bool) {
		ids = append(ids, part...)
		for range part {
			loss = append(loss, learn || all)
		}
	}
	if len(p.Turns) > 0 {
		for _, turn := range p.Turns {
			add(s.tok.EncodePlain(turn.Prompt), false)
			add(s.tok.EncodePlain(turn.Completion), true)
		}
	} else {
		add(s.format.Encode(s.tok, p.Question), false)
		add(s.tok.EncodePlain(p.Solution), true)
	}
	add([]int32{s.end}, true)
	return ids, loss
}

// completion is a solution as ids, its end included.
func (s *speaker) completion(text string) []int32 {
	return append(s.tok.EncodePlain(text), s.end)
}

// save writes the trained weights as a model folder that other programs load.
func (s *speaker) save(dir, tokenizerDir string) error {
	return s.params.Save(filepath.Join(dir, "model"), checkpoint.WriteOptions{DType: "fp32", From: tokenizerDir})
}

// fresh makes new weights from a shape.
func fresh(p plan.SFTParams, s *speaker) (*qwen2.Params, error) {
	sh := p.Shape
	c := &checkpoint.Config{
		Hidden: sh.Hidden, Layers: sh.Layers, Heads: sh.Heads, KVHeads: sh.KVHeads, HeadDim: sh.Hidden / sh.Heads,
		FFN: sh.FFN, Vocab: sh.Vocab, MaxPositions: sh.MaxPositions, Tied: sh.Tie, Eps: 1e-6,
		DType: "float32", BOS: -1, EOS: []int{int(s.end)}, Rope: checkpoint.Rope{Theta: sh.RopeTheta, Type: "default"},
	}
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("model.shape: %w", err)
	}
	if s.tok.Size() > c.Vocab {
		return nil, &EnvironmentError{fmt.Errorf("model.shape.vocab is %d, but the tokenizer has %d ids", c.Vocab, s.tok.Size())}
	}
	params := qwen2.NewParams(c)
	params.Init(keyOf("init", &plan.SeedKey{Root: p.SeedKey.Root}), sh.InitStd)
	return params, nil
}
