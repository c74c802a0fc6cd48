package cli

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v3"

	"hardneg/models/token"
)

func (a *App) tokenizeCommand() *cli.Command {
	return &cli.Command{
		Name:      "tokenize",
		Usage:     "turn texts into token ids, or ids into texts",
		UsageText: "hardneg tokenize --tokenizer DIR --in FILE --out FILE [--decode]",
		Description: `Rows {"text"} become {"ids"}; with --decode, rows {"ids"} become {"text","text_skip_special"}.
No tokens are added; added tokens in a text are recognised.

Exit codes: 0 done, 2 a bad row or flag, 6 the tokenizer or the file is missing or unusable.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "tokenizer", Usage: "`DIR` with tokenizer.json, or vocab.json and merges.txt", Required: true},
			&cli.StringFlag{Name: "in", Usage: "JSON lines, - for standard input", Value: "-"},
			&cli.StringFlag{Name: "out", Usage: "JSON lines, - for standard output", Value: "-"},
			&cli.BoolFlag{Name: "decode", Usage: "ids to text"},
		},
		Action: func(_ context.Context, c *cli.Command) error {
			dir, err := a.localModel("tokenizer", c.String("tokenizer"))
			if err != nil {
				return err
			}
			t, err := token.Load(dir)
			if err != nil {
				return unfit(err)
			}
			row := encodeRow(t)
			if c.Bool("decode") {
				row = decodeRow(t)
			}
			return a.mapRows(c.String("in"), c.String("out"), row)
		},
	}
}

func encodeRow(t *token.Tokenizer) func([]byte) (any, error) {
	return func(line []byte) (any, error) {
		var in struct {
			Text *string `json:"text"`
		}
		if err := strict(line, &in); err != nil {
			return nil, err
		}
		if in.Text == nil {
			return nil, fmt.Errorf("field text is missing")
		}
		ids := t.Encode(*in.Text)
		if ids == nil {
			ids = []int32{}
		}
		return map[string]any{"ids": ids}, nil
	}
}

func decodeRow(t *token.Tokenizer) func([]byte) (any, error) {
	return func(line []byte) (any, error) {
		var in struct {
			IDs *[]int32 `json:"ids"`
		}
		if err := strict(line, &in); err != nil {
			return nil, err
		}
		if in.IDs == nil {
			return nil, fmt.Errorf("field ids is missing")
		}
		for i, id := range *in.IDs {
			if id < 0 || int(id) >= t.Size() {
				return nil, fmt.Errorf("ids[%d] is %d; the vocabulary has the ids 0 to %d", i, id, t.Size()-1)
			}
		}
		return struct {
			Text string `json:"text"`
			Skip string `json:"text_skip_special"`
		}{t.Decode(*in.IDs), t.DecodeText(*in.IDs)}, nil
	}
}
