package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v3"

	"hardneg/fixtures/problem"
	"hardneg/fixtures/synth"
	"hardneg/models/token"
)

// specials of a trained tokenizer, those of Qwen2.5 that prompts need.
func specials() []string { return []string{"<|endoftext|>", "<|im_start|>", "<|im_end|>"} }

// tokenizerCommand makes tokenizers.
func (a *App) tokenizerCommand() *cli.Command {
	return &cli.Command{
		Name:  "tokenizer",
		Usage: "make a tokenizer",
		Commands: []*cli.Command{{
			Name:      "train",
			Usage:     "learn a byte-level BPE of a given size from generated text",
			UsageText: "hardneg tokenizer train --source synth/pretrain --vocab 512 --out fixtures/tiny",
			Description: "Writes tokenizer.json and tokenizer_config.json. The pre-tokenizer is Qwen2.5's, so every digit is a token.\n" +
				"The same flags give the same bytes.\nExit codes: 0 done, 2 bad flags, 6 the folder cannot be written.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "source", Usage: strings.Join(synth.Sources(), ", "), Value: synth.Pretrain},
				&cli.IntFlag{Name: "documents", Usage: "rows of the source to learn from", Value: 8000},
				&cli.IntFlag{Name: "vocab", Usage: "ids, the 3 special tokens included", Value: 512},
				&cli.Uint64Flag{Name: "seed", Usage: "root of the generated text", Value: 20251219},
				&cli.StringFlag{Name: "out", Usage: "folder to write into", Required: true},
			},
			Action: func(_ context.Context, c *cli.Command) error {
				ps, err := synth.Generate(c.String("source"), "train", c.Int("documents"), c.Uint64("seed"))
				if err != nil {
					return fail(ExitUsage, err)
				}
				return a.trainTokenizer(texts(ps), c.Int("vocab"), c.String("out"))
			},
		}},
	}
}

// texts are what a model reads of the problems.
func texts(ps []problem.Problem) []string {
	out := make([]string, len(ps))
	for i, p := range ps {
		if len(p.Turns) == 0 {
			out[i] = p.Question + "\n" + p.Solution
			continue
		}
		var b strings.Builder
		for _, t := range p.Turns {
			b.WriteString(t.Prompt + t.Completion)
		}
		out[i] = b.String()
	}
	return out
}

func (a *App) trainTokenizer(texts []string, vocab int, out string) error {
	t, err := token.Train(texts, vocab, specials())
	if err != nil {
		return fail(ExitUsage, err)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fail(ExitEnvironment, err)
	}
	if err := t.Save(out); err != nil {
		return fail(ExitEnvironment, err)
	}
	n, ids := 0, 0
	for _, s := range texts {
		n += len(s)
		ids += len(t.Encode(s))
	}
	fmt.Fprintf(a.Stdout, "%s: %d ids, %.2f bytes a token on %d documents, %.1f tokens a document\n",
		out, t.Size(), float64(n)/float64(ids), len(texts), float64(ids)/float64(len(texts)))
	return nil
}
