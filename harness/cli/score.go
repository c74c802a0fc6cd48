package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"strings"

	"github.com/urfave/cli/v3"

	"hardneg/models/verifier"
)

func (a *App) scoreCommand() *cli.Command {
	return &cli.Command{
		Name:  "score",
		Usage: "score solutions: six error dimensions, wrongness, absurdity, first error",
		Description: `Reads rows {"id","question","solution" or "steps","gold"?,"reference"?,"peers"?} and writes one row each, in order:
{"id","profile":{"sem","struct","order","logic","sym","ans"},"wrongness","wrongness_proc","p_wrong","absurdity",
"closeness","hard_score","first_error_step","step_scores","answer","findings","mode"}. Steps count from 0.
Fields of hardneg sample's rows (prompt_id, k, tokens, logprob, finish) are allowed; prompt_id is passed on.

In mode none nothing but question and solution is read; consensus adds peers, gold adds gold and reference. Rows of mode gold
also have "correct" and pass on prompt_id, k, question, solution, gold, reference and finish: they are rows of hardneg mine.

Exit codes: 0 done, 2 bad option or row, 6 a file is missing or unreadable.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "in", Usage: "JSON lines, - for standard input", Value: "-"},
			&cli.StringFlag{Name: "out", Usage: "JSON lines, - for standard output", Value: "-"},
			&cli.StringFlag{Name: "verifier", Usage: "builtin, rules, or a verifier file", Value: "builtin"},
			&cli.StringFlag{Name: "answer-mode", Usage: "none, consensus or gold", Value: "none"},
			&cli.BoolFlag{Name: "explain", Usage: "print each solution step by step with its findings instead of rows"},
			&cli.IntFlag{Name: "j", Usage: "workers, 0 for one per CPU", Value: 0},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			mode, err := verifier.ParseMode(c.String("answer-mode"))
			if err != nil {
				return usagef("--answer-mode: %w", err)
			}
			v, err := loadVerifier(c.String("verifier"))
			if err != nil {
				return err
			}
			work := func(line, out []byte) ([]byte, error) { return scoreRow(v, mode, line, out) }
			workers := c.Int("j")
			if c.Bool("explain") {
				p := a.painter()
				work = func(line, out []byte) ([]byte, error) { return explainRow(v, mode, p, line, out) }
			}
			return a.mapLines(ctx, c.String("in"), c.String("out"), workers, work)
		},
	}
}

// loadVerifier loads a verifier; a missing file is an unfit environment, a
// wrong one a usage error.
func loadVerifier(name string) (*verifier.Verifier, error) {
	v, err := verifier.Load(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fail(ExitEnvironment, err)
	}
	return v, fail(ExitUsage, err)
}

// solutionRow is a row to be scored.
type solutionRow struct {
	ID        string   `json:"id"`
	Question  string   `json:"question"`
	Solution  *string  `json:"solution"`
	Steps     []string `json:"steps"`
	Gold      string   `json:"gold"`
	Reference string   `json:"reference"`
	Peers     []string `json:"peers"`

	// Fields of sampled rows, read past.
	PromptID string  `json:"prompt_id"`
	K        *int    `json:"k"`
	Tokens   int     `json:"tokens"`
	LogProb  float64 `json:"logprob"`
	Finish   string  `json:"finish"`
}

// passed is what a row of mode gold passes on to mining.
type passed struct {
	K         *int   `json:"k,omitempty"`
	Question  string `json:"question"`
	Solution  string `json:"solution"`
	Gold      string `json:"gold,omitempty"`
	Reference string `json:"reference,omitempty"`
	Finish    string `json:"finish,omitempty"`
}

// passOn adds to a scored row what its input holds beside the scores.
func (r *solutionRow) passOn(row []byte) ([]byte, error) {
	p := passed{r.K, r.Question, strings.Join(r.Steps, "\n"), r.Gold, r.Reference, r.Finish}
	if r.Solution != nil {
		p.Solution = *r.Solution
	}
	more, err := encodeLine(p)
	if err != nil {
		return row, err
	}
	row[len(row)-1] = ',' // instead of the closing brace
	return append(row, more[1:]...), nil
}

func (r *solutionRow) input() (verifier.Input, error) {
	in := verifier.Input{ID: r.ID, Question: r.Question, Steps: r.Steps, Gold: r.Gold, Reference: r.Reference, Peers: r.Peers}
	switch {
	case r.Solution != nil && r.Steps != nil:
		return in, errors.New("the row has both solution and steps; give one of them")
	case r.Solution != nil:
		in.Solution = *r.Solution
	case r.Steps == nil:
		return in, errors.New("the row has neither solution nor steps")
	}
	return in, nil
}

// scoreRow turns one input row into one output line.
func scoreRow(v *verifier.Verifier, mode verifier.Mode, line, out []byte) ([]byte, error) {
	var r solutionRow
	if err := decodeSolution(line, &r); err != nil {
		return out, err
	}
	in, err := r.input()
	if err != nil {
		return out, err
	}
	if mode == verifier.Gold && r.Gold == "" && r.Reference == "" {
		return out, errors.New("mode gold needs the field gold, or a reference with an answer")
	}
	s := v.Score(in, mode)
	out = s.AppendJSON(out, r.PromptID)
	if mode == verifier.Gold {
		return r.passOn(out)
	}
	return append(out, '\n'), nil
}

// A chunk is a run of lines that one worker turns into output bytes.
type chunk struct {
	lines [][]byte
	first int // line number of the first
	out   []byte
	err   error
	done  chan struct{}
}

// Sizes of a chunk.
const (
	chunkLines = 64
	chunkBytes = 1 << 18
)

// mapLines maps the lines of one file to the bytes of another on several
// workers, keeping the order and a bounded number of lines in memory.
func (a *App) mapLines(ctx context.Context, in, out string, workers int, work func(line, dst []byte) ([]byte, error)) error {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, finish, err := a.output(out)
	if err != nil {
		return err
	}
	todo := make(chan *chunk)
	order := make(chan *chunk, 2*workers)
	readErr := make(chan error, 1)
	go func() {
		defer close(order)
		defer close(todo)
		readErr <- a.readChunks(ctx, in, func(c *chunk) bool {
			select {
			case order <- c:
			case <-ctx.Done():
				return false
			}
			select {
			case todo <- c:
			case <-ctx.Done():
				c.err = ctx.Err()
				close(c.done)
				return false
			}
			return true
		})
	}()
	for range workers {
		go func() {
			for c := range todo {
				c.run(work)
				close(c.done)
			}
		}()
	}
	var first error
	for c := range order {
		<-c.done
		if first != nil {
			continue
		}
		if _, err := w.Write(c.out); err != nil {
			first = fail(ExitEnvironment, err)
		} else if c.err != nil {
			first = c.err
			if !errors.Is(c.err, context.Canceled) {
				first = badRow(fmt.Errorf("%s:%d: %w", in, c.first, c.err))
			}
		}
		if first != nil {
			cancel()
		}
	}
	if err := <-readErr; first == nil {
		first = err
	}
	return finish(first)
}

// run works through the lines; on an error first becomes the line's number.
func (c *chunk) run(work func(line, dst []byte) ([]byte, error)) {
	for _, l := range c.lines {
		if l = bytes.TrimSpace(l); len(l) > 0 {
			if c.out, c.err = work(l, c.out); c.err != nil {
				return
			}
		}
		c.first++
	}
}

// readChunks cuts a file into chunks until it ends or send refuses one.
func (a *App) readChunks(ctx context.Context, path string, send func(*chunk) bool) error {
	r, closer, err := a.input(path)
	if err != nil {
		return err
	}
	defer closer()
	for n, end := 1, false; !end; {
		c := &chunk{first: n, done: make(chan struct{})}
		for size := 0; len(c.lines) < chunkLines && size < chunkBytes; {
			line, err := r.ReadBytes('\n')
			if len(line) > 0 {
				c.lines = append(c.lines, line)
				size += len(line)
				n++
			}
			if err == io.EOF {
				end = true
				break
			}
			if err != nil {
				return fail(ExitEnvironment, fmt.Errorf("%s: %w", path, err))
			}
		}
		if len(c.lines) > 0 && !send(c) {
			return ctx.Err()
		}
	}
	return nil
}
