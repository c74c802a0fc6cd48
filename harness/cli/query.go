package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v3"
)

func (a *App) queryCommand() *cli.Command {
	return &cli.Command{
		Name:      "query",
		Usage:     "read-only SQL on the index",
		ArgsUsage: "SQL",
		Description: "Tables: runs, tasks, metrics; view: task_metrics (run, task, stage, arms, seed, name, step, value).\n" +
			"Example: hardneg query \"SELECT arms, avg(value) FROM task_metrics WHERE name = 'loss' GROUP BY arms\"\n" +
			"Exit codes: 0 done, 2 not valid SQL, or not read-only.",
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Args().Len() != 1 {
				return usagef("query: want one SQL statement in quotes")
			}
			ix, _, err := a.openIndex(ctx, false, false)
			if err != nil {
				return err
			}
			defer ix.Close()
			t, err := ix.Query(ctx, c.Args().First())
			if err != nil {
				return usagef("query: %w", err)
			}
			if a.JSON {
				docs := make([]map[string]any, len(t.Rows))
				for i, r := range t.Rows {
					docs[i] = map[string]any{}
					for j, name := range t.Columns {
						docs[i][name] = plainValue(r[j])
					}
				}
				return a.document(docs)
			}
			rows := [][]string{t.Columns}
			for _, r := range t.Rows {
				line := make([]string, len(r))
				for j, v := range r {
					if v = plainValue(v); v != nil {
						line[j] = fmt.Sprint(v)
					}
				}
				rows = append(rows, line)
			}
			return columns(a.Stdout, rows)
		},
	}
}

// plainValue makes a database's value printable.
func plainValue(v any) any {
	switch x := v.(type) {
	case []byte:
		return string(x)
	case time.Time:
		return x.UTC().Format(time.RFC3339)
	}
	return v
}
