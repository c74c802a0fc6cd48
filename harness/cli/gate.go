package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hardneg/experiments/plan"
	"hardneg/experiments/spec"
	"hardneg/harness/track"
	"hardneg/reports/stats"
	"hardneg/reports/trend"

	"github.com/urfave/cli/v3"
)

// gateFlags are the flags of gate.
type gateFlags struct{ history, accept, because, date string }

func (a *App) gateCommand() *cli.Command {
	var f gateFlags
	return &cli.Command{
		Name:      "gate",
		Usage:     "run a night of a spec, append it to the history and decide whether something got worse",
		ArgsUsage: "SPEC",
		Description: "The seeds of seeds.fresh come from the date. Every metric of gate.metrics is compared with the nights\n" +
			"before it that have the same spec and hardware class; gate.budget bounds the false alarms a year.\n" +
			"The same date again resumes, or repeats the verdict.\n" +
			"Exit codes: 0 nothing got worse, 2 usage, 3 regression or a claim refuted, 4 trials failed or a metric\n" +
			"vanished, 5 integrity, 6 environment, 7 undecided (fewer than 9 comparable nights, nothing measured,\n" +
			"no variance), 75 stopped, 130 interrupted; where several hold: 5, 6, 3, 4, 7, the first.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "history", Usage: "`DIR` of history.jsonl and the page (default: nightly in the workspace)", Destination: &f.history},
			&cli.StringFlag{Name: "accept", Usage: "`METRIC@RUN`: the metric's level moved with that run, and rightly so; runs nothing", Destination: &f.accept},
			&cli.StringFlag{Name: "because", Usage: "the reason of --accept, kept for good", Destination: &f.because},
			&cli.StringFlag{Name: "date", Usage: "the night, `YYYY-MM-DD` (default: today, UTC)", Destination: &f.date},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Args().Len() != 1 {
				return usagef("gate: want one SPEC, have %d arguments", c.Args().Len())
			}
			return infrastructure(a.gate(ctx, c.Args().First(), f))
		},
	}
}

// night is one night's gate.
type night struct {
	app      *App
	prepared *prepared
	dir      string // of the history
	date     string
	key      string // digest of what makes nights comparable
	hardware string
	metrics  []trend.Metric
}

func (a *App) gate(ctx context.Context, path string, f gateFlags) error {
	if f.date == "" {
		f.date = time.Now().UTC().Format(time.DateOnly)
	}
	night, err := time.Parse(time.DateOnly, f.date)
	if err != nil {
		return usagef("gate: --date %q is not YYYY-MM-DD", f.date)
	}
	if night.After(time.Now().UTC().Add(24 * time.Hour)) { // it may be tomorrow already where the caller is
		return usagef("gate: --date %s is in the future: the history is in the order of the nights", f.date)
	}
	if (f.accept == "") != (f.because == "") {
		return usagef("gate: --accept METRIC@RUN and --because REASON go together")
	}
	n, err := a.night(path, f)
	if err != nil {
		return err
	}
	if f.accept != "" {
		return n.accept(f.accept, f.because)
	}
	e, err := n.run(ctx)
	if err != nil {
		return err
	}
	if e, err = n.measuredTwice(e); err != nil {
		return err
	}
	if err := n.append(e); err != nil {
		return err
	}
	r, err := n.decide()
	if err != nil {
		return err
	}
	if slow := n.alarms(r); len(slow) > 0 && !e.Again {
		if e, err = n.again(ctx, e, slow); err != nil {
			return err
		}
		if err := n.append(e); err != nil {
			return err
		}
		if r, err = n.decide(); err != nil {
			return err
		}
	}
	return n.conclude(r)
}

// night prepares the spec with the seeds of its date.
func (a *App) night(path string, f gateFlags) (*night, error) {
	s, err := a.loadSpec(path, nil)
	if err != nil {
		return nil, fail(ExitUsage, err)
	}
	if len(s.Gate.Metrics) == 0 {
		return nil, usagef("%s: gate.metrics is empty: name what is to be watched", path)
	}
	class, err := a.hooks.device(s.Hardware.Device)
	if err != nil {
		return nil, fail(ExitEnvironment, err)
	}
	s = s.OnNight(f.date).OnDevice(class)
	n := &night{app: a, prepared: &prepared{Spec: s}, dir: f.history, date: f.date, hardware: hardwareClass(class)}
	if n.dir == "" {
		n.dir = filepath.Join(a.Workspace, "nightly")
	}
	if n.prepared.Plan, err = plan.Expand(s); err != nil {
		return nil, fail(ExitUsage, fmt.Errorf("%s: %w", path, err))
	}
	n.prepared.Resolved, n.prepared.Command = s.Keep(), []string{"gate", path, "--date", f.date}
	if n.key, err = nightKey(s); err != nil {
		return nil, err
	}
	for _, m := range s.Gate.Metrics {
		n.metrics = append(n.metrics, trend.Metric{Name: m.Name, Lower: m.Better == "lower", Min: m.Min.Value, Unit: m.Min.Unit, Timing: !strings.Contains(m.Name, "/")})
	}
	return n, nil
}

// hardwareClass tells machines apart whose times cannot be compared.
func hardwareClass(device string) string {
	f := machineFacts()
	return fmt.Sprintf("%s, %d × %s, %s", device, f.Cores, f.CPU, f.Arch)
}

// nightKey is the digest of the resolved spec without seeds, run and outputs.
func nightKey(s *spec.Spec) (string, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(b, &m); err != nil {
		return "", err
	}
	for _, k := range []string{"seeds", "run", "outputs"} {
		delete(m, k)
	}
	if b, err = json.Marshal(m); err != nil {
		return "", err
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:8]), nil
}

// run runs the night, as `hardneg run` would, and measures it. Failed trials
// are part of the answer.
func (n *night) run(ctx context.Context) (trend.Entry, error) {
	if err := n.start(ctx, runFlags{}); err != nil {
		return trend.Entry{}, err
	}
	return n.measure()
}

// start runs the spec; its summary goes to stderr, stdout is the verdict's.
func (n *night) start(ctx context.Context, f runFlags) error {
	sub := *n.app
	sub.Stdout, sub.JSON = sub.Stderr, false
	if sub.hooks.finish != nil {
		sub.hooks.finish = sub.finishRun
	}
	err := infrastructure(sub.runSpec(ctx, n.prepared, f))
	var c *coded
	if errors.As(err, &c) && c.code == ExitFailed {
		fmt.Fprintf(n.app.Stderr, "hardneg: %v\n", err)
		return nil
	}
	return err
}

// append adds the night to the history unless it says the same already.
func (n *night) append(e trend.Entry) error {
	h, err := n.history()
	if err != nil {
		return err
	}
	for _, old := range slices.Backward(h) {
		if old.Kind == trend.KindNight && old.Run == e.Run {
			old.At, old.Schema = e.At, e.Schema
			x, err1 := json.Marshal(old)
			y, err2 := json.Marshal(e)
			if err := errors.Join(err1, err2); err != nil {
				return err
			}
			if bytes.Equal(x, y) {
				return nil
			}
			break
		}
	}
	return fail(ExitEnvironment, trend.Append(n.dir, e))
}

// measuredTwice keeps what an earlier session of this night found when it
// measured a second time.
func (n *night) measuredTwice(e trend.Entry) (trend.Entry, error) {
	h, err := n.history()
	if err != nil {
		return e, err
	}
	for _, old := range slices.Backward(h) {
		if old.Kind != trend.KindNight || old.Run != e.Run || !old.Again {
			continue
		}
		e.Again = true
		for _, m := range n.metrics {
			if v := old.Values[m.Name]; m.Timing && v != nil {
				e.Values[m.Name] = v
			}
		}
		break
	}
	return e, nil
}

func (n *night) history() ([]trend.Entry, error) {
	h, err := trend.Read(n.dir)
	return h, fail(ExitIntegrity, err)
}

func (n *night) decide() (trend.Result, error) {
	h, err := n.history()
	if err != nil {
		return trend.Result{}, err
	}
	return trend.Decide(h, n.date, n.key, n.hardware, n.metrics, n.prepared.Spec.Gate.Budget)
}

// accept records that a level moved for a reason and writes the page again.
func (n *night) accept(what, because string) error {
	i := strings.LastIndexByte(what, '@')
	if i <= 0 {
		return usagef("gate: --accept %q is not METRIC@RUN", what)
	}
	metric, run := what[:i], what[i+1:]
	if !slices.ContainsFunc(n.metrics, func(m trend.Metric) bool { return m.Name == metric }) {
		return usagef("gate: --accept: the spec watches no metric %q", metric)
	}
	h, err := n.history()
	if err != nil {
		return err
	}
	nights := trend.Nights(h)
	at := slices.IndexFunc(nights, func(e trend.Entry) bool { return e.Run == run })
	if at < 0 {
		return usagef("gate: --accept: the history in %s has no run %q", n.dir, run)
	}
	e := trend.Entry{Kind: trend.KindAccept, Date: nights[at].Date, Run: run, Metric: metric, Because: because, At: time.Now().UTC()}
	if err := trend.Append(n.dir, e); err != nil {
		return fail(ExitEnvironment, err)
	}
	fmt.Fprintf(n.app.Stdout, "accepted: the series of %s begins anew with %s (%s)\n", metric, run, nights[at].Date)
	for _, last := range slices.Backward(nights) { // the page of the last night that this spec and machine had
		if last.Spec == n.key && last.Hardware == n.hardware {
			n.date = last.Date
			r, err := n.decide()
			if err != nil {
				return err
			}
			_, err = n.page(r)
			return err
		}
	}
	return nil
}

// conclude shows the verdict, writes the page and gives the exit code.
func (n *night) conclude(r trend.Result) error {
	code, headline := outcomeOf(r)
	path, err := n.page(r)
	if err != nil {
		return err
	}
	if slices.Contains(n.prepared.Spec.Gate.Notify, "summary-file") {
		if err := put(filepath.Join(n.dir, "summary.md"), []byte(summaryOf(r, headline))); err != nil {
			return fail(ExitEnvironment, err)
		}
	}
	if n.app.JSON {
		err = n.app.document(gateAnswer(r, code, headline, path))
	} else {
		err = n.print(r, headline, path)
	}
	if err != nil || code == ExitOK {
		return err
	}
	return fail(code, errors.New("gate: "+headline))
}

// outcomeOf is the exit code of a night that ran, by the documented precedence.
func outcomeOf(r trend.Result) (int, string) {
	worse, gone, open := r.Count(stats.DecisionRegression), r.Count(trend.Vanished), r.Count(stats.DecisionUndecided)
	var parts []string
	say := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	say(worse, "regressed")
	say(len(r.Tonight.Refuted), "claims refuted")
	say(r.Tonight.Failed, "tasks failed")
	say(gone, "vanished")
	say(open, "undecided")
	say(r.Count(stats.DecisionImprovement), "improved")
	headline := fmt.Sprintf("%s: %d metrics, nothing got worse", r.Tonight.Date, len(r.Decisions))
	if len(parts) > 0 {
		headline = fmt.Sprintf("%s: of %d metrics: %s", r.Tonight.Date, len(r.Decisions), strings.Join(parts, ", "))
	}
	switch {
	case worse > 0 || len(r.Tonight.Refuted) > 0:
		return ExitRegression, headline
	case r.Tonight.Failed > 0 || gone > 0:
		return ExitFailed, headline
	case open > 0:
		return ExitNothing, headline
	}
	return ExitOK, headline
}

// page writes index.html of the history's folder.
func (n *night) page(r trend.Result) (string, error) {
	h, err := n.history()
	if err != nil {
		return "", err
	}
	code, headline := outcomeOf(r)
	var b bytes.Buffer
	p := trend.Page{Name: n.prepared.Spec.Name, Result: r, Headline: headline, Bad: code == ExitRegression || code == ExitFailed, History: h, Link: n.link}
	if err := trend.Write(&b, p); err != nil {
		return "", err
	}
	path := filepath.Join(n.dir, "index.html")
	return path, fail(ExitEnvironment, put(path, b.Bytes()))
}

// link is the report of a run, as seen from the page; "" where it is gone.
func (n *night) link(run string) string {
	report := filepath.Join(n.app.Workspace, "reports", run, "index.html")
	if _, err := os.Stat(report); err != nil {
		return ""
	}
	dir, err1 := filepath.Abs(n.dir)
	to, err2 := filepath.Abs(report)
	if err1 != nil || err2 != nil {
		return ""
	}
	rel, err := filepath.Rel(dir, to)
	if err != nil {
		return ""
	}
	return filepath.ToSlash(rel)
}

// folder is the run's folder.
func (n *night) folder() (*track.Folder, error) {
	f, err := track.FindFolder(n.app.Workspace, n.prepared.Plan.Run)
	return f, fail(ExitEnvironment, err)
}
