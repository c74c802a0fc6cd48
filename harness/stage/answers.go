package stage

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"hardneg/experiments/plan"
	"hardneg/fixtures/seed"
)

// ask is one question with the number of solutions wanted.
type ask struct {
	id, tag, question string
	shots             []int32 // solved examples before it
	n                 int
}

// reply is one solution.
type reply struct {
	text    string
	tokens  int
	logProb float64
	finish  string // stop, length, not_finite, prompt_too_long
}

// drawing says how tokens are drawn; temperature 0 is greedy.
type drawing struct {
	temperature, topP, minP float64
	topK, maxNew            int
	stop                    []string
	key                     seed.Key
}

// partial is a line of answers.jsonl in the checkpoint: one question's rows.
type partial[T any] struct {
	I    int `json:"i"`
	Rows []T `json:"rows"`
}

// answers asks every question and returns the rows in their order. What an
// earlier attempt finished is taken from its checkpoint: a draw depends on the
// question and k alone, so the rest comes out as it would have unbroken.
func answers[T any](ctx context.Context, env Env, t plan.Task, c plan.Compute, s *speaker, asks []ask, d drawing, rowsOf func(ask, []reply) []T) ([]T, error) {
	var rows []T
	if n, err := s.fit(asks); err != nil {
		return nil, err
	} else if n > 0 {
		env.Log.Warn(fmt.Sprintf("%d of %d prompts are longer than the model's %d positions and get no solution", n, len(asks), s.params.Config.MaxPositions))
	}
	done := 0
	var log *os.File
	if env.Checkpoint != "" {
		path := filepath.Join(env.Checkpoint, "answers.jsonl")
		var err error
		if rows, done, err = earlier[T](path); err != nil {
			return nil, err
		}
		if log, err = os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644); err != nil {
			return nil, fmt.Errorf("checkpoint: %w", err)
		}
		defer log.Close()
	}
	if done > 0 {
		env.Log.Info("resumed", "answered", done, "of", len(asks))
	}
	env.Progress(int64(done), int64(len(asks)), "problems")
	if done >= len(asks) {
		return rows, nil
	}
	be, err := env.backend(t, c)
	if err != nil {
		return nil, err
	}
	defer be.Close()
	err = s.generate(ctx, be, env.Threads, asks[done:], d, func(i int, outs []reply) error {
		some := rowsOf(asks[done+i], outs)
		rows = append(rows, some...)
		env.Progress(int64(done+i+1), int64(len(asks)), "problems")
		if log == nil {
			return nil
		}
		b, err := json.Marshal(partial[T]{done + i, some})
		if err != nil {
			return err
		}
		if _, err := log.Write(append(b, '\n')); err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
		return nil
	})
	return rows, err
}

// earlier reads the finished questions of an earlier attempt and cuts off a torn last line.
func earlier[T any](path string) (rows []T, done int, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("checkpoint: %w", err)
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<20)
	var good int64
	for {
		line, err := r.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return nil, 0, fmt.Errorf("checkpoint: %w", err)
		}
		var p partial[T]
		if err == io.EOF || json.Unmarshal(line, &p) != nil || p.I != done {
			return rows, done, f.Truncate(good)
		}
		rows, done, good = append(rows, p.Rows...), done+1, good+int64(len(line))
	}
}
