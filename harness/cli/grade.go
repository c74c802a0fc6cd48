package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/urfave/cli/v3"

	"hardneg/models/verifier/answer"
)

// gradeRow is a line of the input of `hardneg grade`.
type gradeRow struct {
	ID        *string `json:"id"`
	Mode      string  `json:"mode"`
	Gold      *string `json:"gold"`
	Candidate *string `json:"candidate"`
}

// missing names a field that is not there: an answer that nobody gave is no
// wrong one.
func (r *gradeRow) missing() string {
	for _, f := range []struct {
		name  string
		value *string
	}{{"id", r.ID}, {"gold", r.Gold}, {"candidate", r.Candidate}} {
		if f.value == nil {
			return f.name
		}
	}
	return ""
}

// gradeVerdict is a line of its output.
type gradeVerdict struct {
	ID        string  `json:"id"`
	Equal     bool    `json:"equal"`
	Method    string  `json:"method"`
	Gold      string  `json:"gold"`
	Candidate string  `json:"candidate"`
	Extracted *string `json:"extracted"`
	Rule      string  `json:"rule"`
	Relation  string  `json:"relation"`
	Closeness float64 `json:"closeness"`
	Error     *string `json:"error"`
}

// maxRow bounds a line of the input, so that memory stays bounded too.
const maxRow = 64 << 20

func (a *App) gradeCommand() *cli.Command {
	return &cli.Command{
		Name:  "grade",
		Usage: "decide whether candidate answers equal their gold answers",
		Description: `Reads rows {"id","mode","gold","candidate"} and writes one verdict a line, in
the same order. Mode "answer" compares the candidate as it stands, "response"
finds its final answer first. An answer that cannot be read is not an error:
the verdict says equal false and why. "-" is standard input or output.

Exit codes: 0 done; 2 bad row or usage; 6 a file cannot be read or written.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "in", Usage: "JSON lines to grade", Value: "-"},
			&cli.StringFlag{Name: "out", Usage: "JSON lines of verdicts", Value: "-"},
			&cli.BoolFlag{Name: "strict", Usage: "in mode response, accept explicit answers only (boxed, ####, answer phrase)"},
			&cli.IntFlag{Name: "jobs", Aliases: []string{"j"}, Usage: "parallel workers (0: one for each core); the output does not depend on it"},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return usagef("grade takes no arguments; give files by --in and --out")
			}
			in, done, err := a.input(c.String("in"))
			if err != nil {
				return err
			}
			defer done()
			name := c.String("in")
			if name == "-" {
				name = "standard input"
			}
			out, finish, err := a.output(c.String("out"))
			if err != nil {
				return err
			}
			jobs := c.Int("jobs")
			if jobs < 1 {
				jobs = runtime.GOMAXPROCS(0)
			}
			return finish(mapLines(ctx, in, out, name, jobs, func(line []byte) ([]byte, error) {
				return gradeLine(line, c.Bool("strict"))
			}))
		},
	}
}

// gradeLine grades one row.
func gradeLine(line []byte, strictly bool) ([]byte, error) {
	var row gradeRow
	if err := strict(line, &row); err != nil {
		return nil, err
	}
	if f := row.missing(); f != "" {
		return nil, fmt.Errorf("field %s is missing or null; an empty text is \"\"", f)
	}
	out := gradeVerdict{ID: *row.ID, Rule: "given"}
	text := *row.Candidate
	switch row.Mode {
	case "answer":
	case "response":
		found, rule, ok := answer.Extract(*row.Candidate, strictly)
		if !ok {
			reason := "no answer found in the response"
			v := answer.Equal(*row.Gold, "")
			out.Method, out.Gold, out.Relation, out.Error = "none", v.Gold, "none", &reason
			out.Rule = ""
			return encodeLine(out)
		}
		text, out.Rule, out.Extracted = found, rule, &found
	default:
		return nil, fmt.Errorf("field mode: %q is neither \"answer\" nor \"response\"", row.Mode)
	}
	v := answer.Equal(*row.Gold, text)
	out.Equal, out.Method, out.Gold, out.Candidate = v.Equal, v.Method, v.Gold, v.Candidate
	out.Relation, out.Closeness = v.Relation, v.Closeness
	if v.Err != "" {
		out.Error = &v.Err
	}
	return encodeLine(out)
}

// encodeLine writes one JSON value and a line feed.
func encodeLine(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// lineBatch is a run of consecutive lines that one worker turns into output.
type lineBatch struct {
	first int // number of the first line, from 1
	lines [][]byte
	out   []byte
	err   error
	done  chan struct{}
}

// mapLines applies f to every line of in and writes the results, each with
// its line feed, in the same order. At most a few batches per worker are in memory. The
// first bad line ends the run after the lines before it were written.
func mapLines(ctx context.Context, in io.Reader, out io.Writer, name string, jobs int, f func([]byte) ([]byte, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	work := make(chan *lineBatch)
	order := make(chan *lineBatch, 4*jobs)
	var readErr error
	var wg sync.WaitGroup
	for range jobs {
		wg.Go(func() {
			for b := range work {
				b.run(name, f)
				close(b.done)
			}
		})
	}
	wg.Go(func() {
		defer close(work)
		defer close(order)
		readErr = readBatches(ctx, in, name, func(b *lineBatch) bool {
			select {
			case order <- b:
			case <-ctx.Done():
				return false
			}
			work <- b
			return true
		})
	})
	var err error
	for b := range order {
		<-b.done
		if err != nil {
			continue
		}
		if _, err = out.Write(b.out); err != nil {
			err = fail(ExitEnvironment, err)
		} else {
			err = b.err
		}
		if err != nil {
			cancel()
		}
	}
	wg.Wait()
	if err == nil {
		err = readErr
	}
	return err
}

// run processes the lines of a batch up to the first bad one.
func (b *lineBatch) run(name string, f func([]byte) ([]byte, error)) {
	for i, line := range b.lines {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		res, err := f(line)
		if err != nil {
			b.err = usagef("%s:%d: %w", name, b.first+i, err)
			return
		}
		b.out = append(b.out, res...)
	}
}

// readBatches cuts the input into batches of lines, at most 256 of them or
// 256 KiB.
func readBatches(ctx context.Context, in io.Reader, name string, send func(*lineBatch) bool) error {
	sc := bufio.NewScanner(in)
	sc.Buffer(make([]byte, 1<<16), maxRow)
	b := &lineBatch{first: 1, done: make(chan struct{})}
	size, line := 0, 0
	for sc.Scan() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		line++
		b.lines = append(b.lines, bytes.Clone(sc.Bytes()))
		size += len(sc.Bytes())
		if len(b.lines) >= 256 || size >= 256<<10 {
			if !send(b) {
				return context.Cause(ctx)
			}
			b, size = &lineBatch{first: line + 1, done: make(chan struct{})}, 0
		}
	}
	if len(b.lines) > 0 && !send(b) {
		return context.Cause(ctx)
	}
	if err := sc.Err(); err != nil {
		return usagef("%s:%d: %w", name, line+1, err)
	}
	return nil
}
