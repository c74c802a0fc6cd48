package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"hardneg/harness/store"
	"hardneg/harness/track"

	"github.com/urfave/cli/v3"
)

// gcFlags says what gc counts besides, and whether it deletes.
type gcFlags struct{ best, caches, yes bool }

func (a *App) gcCommand() *cli.Command {
	var older string
	var do gcFlags
	return &cli.Command{
		Name:  "gc",
		Usage: "delete results that no run uses (without --yes it only says which)",
		Description: "A run holds its results until `hardneg runs rm`. What was set aside as damaged goes too.\n" +
			"What reports keep to be written faster is bounded (2,000 drawings, 32 results files, 256 MiB of each).\n" +
			"With --keep-best, of each arm of a finished run the weights of one seed stay, that of the highest mean\n" +
			"accuracy; results, reports and cache hits stay all, and a task that needs deleted weights has them made again.\n" +
			"Exit codes: 0 done, 2 usage.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "older", Usage: "only what was not touched for this long, as 30d or 12h", Value: "0h", Destination: &older},
			&cli.BoolFlag{Name: "keep-best", Usage: "also the weights of finished runs but for the best seed of each arm", Destination: &do.best},
			&cli.BoolFlag{Name: "caches", Usage: "also the drawings and results files that reports keep to be written faster", Destination: &do.caches},
			&cli.BoolFlag{Name: "yes", Usage: "delete", Destination: &do.yes},
		},
		Action: func(_ context.Context, _ *cli.Command) error {
			age, err := parseAge(older)
			if err != nil {
				return usagef("--older: %w", err)
			}
			st, err := store.Open(a.Workspace)
			if err != nil {
				return fail(ExitEnvironment, err)
			}
			return infrastructure(a.collect(st, time.Now().Add(-age), do))
		},
	}
}

// parseAge reads a duration that may count days.
func parseAge(s string) (age time.Duration, err error) {
	defer func() {
		if err == nil && age < 0 {
			err = fmt.Errorf("%s is negative", s)
		}
	}()
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err == nil && !(n >= 0 && n < 1e5) {
			err = fmt.Errorf("%s days are no age", days)
		}
		return time.Duration(n * 24 * float64(time.Hour)), err
	}
	return time.ParseDuration(s)
}

func (a *App) collect(st *store.Store, before time.Time, do gcFlags) error {
	all, err := st.Garbage(a.liveKeys, before)
	if err != nil {
		return err
	}
	if do.best {
		weights, err := a.secondBest(st, before)
		if err != nil {
			return err
		}
		all = append(all, weights...)
	}
	orphans, err := st.Orphans()
	if err != nil {
		return err
	}
	all = append(all, orphans...)
	kept, err := keptForReports(st, before)
	if err != nil {
		return err
	}
	if do.caches {
		all, kept = append(all, kept...), nil
	}
	var total int64
	for _, g := range all {
		total += g.Bytes
	}
	if do.yes {
		err := deleteAll(st, all)
		if err == nil {
			// Entries that are gone left objects without a result.
			if orphans, err = st.Orphans(); err == nil {
				err = deleteAll(st, orphans)
			}
		}
		if err != nil {
			return err
		}
		if a.JSON {
			return a.document(map[string]any{"bytes": total, "deleted": all})
		}
		_, err = fmt.Fprintf(a.Stdout, "%s freed\n", bytesText(total))
		return err
	}
	if a.JSON {
		return a.document(map[string]any{"bytes": total, "garbage": all})
	}
	rows := [][]string{}
	for _, g := range all {
		rows = append(rows, []string{bytesText(g.Bytes), g.Path, g.Why})
	}
	if err := columns(a.Stdout, rows); err != nil {
		return err
	}
	for _, g := range kept {
		fmt.Fprintf(a.Stdout, "%s holds %s, %s; --caches counts them too\n", g.Path, g.Why, bytesText(g.Bytes))
	}
	_, err = fmt.Fprintf(a.Stdout, "%d items, %s; --yes deletes them\n", len(all), bytesText(total))
	return err
}

// keptForReports is what reports keep to be written faster; it is bounded, but
// may go as well.
func keptForReports(st *store.Store, before time.Time) (all []store.Garbage, err error) {
	for _, kept := range [][2]string{{"evidence", "results files that the next report makes again"}, {"svg", "drawings that the next report makes again"}} {
		more, err := st.Kept(kept[0], kept[1], before)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return all, nil
}

func deleteAll(st *store.Store, all []store.Garbage) error {
	for _, g := range all {
		if err := st.Delete(g); err != nil {
			return err
		}
	}
	return nil
}

// liveKeys are the keys that any run of the workspace links to.
func (a *App) liveKeys() (map[string]bool, error) {
	names, err := track.Runs(a.Workspace)
	if err != nil {
		return nil, err
	}
	live := map[string]bool{}
	for _, name := range names {
		folder, err := track.FindFolder(a.Workspace, name)
		if err != nil {
			return nil, err
		}
		keys, err := folder.Links()
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			live[k] = true
		}
	}
	return live, nil
}
