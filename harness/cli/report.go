package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hardneg/experiments/plan"
	"hardneg/experiments/spec"
	"hardneg/harness/runner"
	"hardneg/harness/stage"
	"hardneg/harness/store"
	"hardneg/harness/track"
	"hardneg/reports/finding"
	"hardneg/reports/page"
	"hardneg/reports/result"
	"hardneg/reports/table"

	"github.com/urfave/cli/v3"
)

// preregistration is prereg.json of a run: what was fixed before its first trial.
type preregistration struct {
	Hash string    `json:"hash"`
	At   time.Time `json:"at"`
}

// preHash covers all that decides what is tested and how.
func preHash(s *spec.Spec) (string, error) {
	b, err := json.Marshal(map[string]any{"analysis": s.Analysis, "claims": s.Claims, "seeds": s.Seeds})
	if err != nil {
		return "", err
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:]), nil
}

// preregister writes it once; a resumed run keeps what its first session wrote.
func preregister(folder *track.Folder, s *spec.Spec) error {
	if _, err := os.Stat(folder.Path("prereg.json")); err == nil {
		return nil
	}
	h, err := preHash(s)
	if err != nil {
		return err
	}
	return folder.PutJSON("prereg.json", preregistration{h, time.Now().UTC()})
}

// exploratory says whether a run's evaluations were first made for an earlier
// run that had declared another analysis: then this one was chosen afterwards.
func exploratory(workspace string, folder *track.Folder, p plan.Plan) (bool, error) {
	var own preregistration
	if err := folder.Read("prereg.json", &own); errors.Is(err, fs.ErrNotExist) {
		return false, nil // a run from before preregistration was kept
	} else if err != nil {
		return false, err
	}
	links, err := folder.Links()
	if err != nil {
		return false, err
	}
	mine := map[string]bool{}
	for _, t := range p.Tasks {
		if t.Stage == "eval" && links[t.ID] != "" {
			mine[links[t.ID]] = true
		}
	}
	names, err := track.Runs(workspace)
	if err != nil {
		return false, err
	}
	for _, n := range names {
		other, err := track.FindFolder(workspace, n)
		var pre preregistration
		if err != nil || n == folder.Run || other.Read("prereg.json", &pre) != nil || pre.Hash == own.Hash || !pre.At.Before(own.At) {
			continue
		}
		theirs, err := other.Links()
		if err != nil {
			return false, err
		}
		for _, key := range theirs {
			if mine[key] {
				return true, nil
			}
		}
	}
	return false, nil
}

// finishRun collects the evidence of a run, computes its findings and writes
// the report.
func (a *App) finishRun(_ context.Context, run finished) (string, error) {
	tasks, err := runner.Inspect(run.Store, run.Folder) // what a later report sees too
	if err != nil {
		return "", err
	}
	outcomes, times, err := outcomesOf(run.Store, tasks)
	if err != nil {
		return "", err
	}
	set, err := a.evidence(run.Spec, run.Plan, run.Folder, run.Store, func(id string) stage.Outcome { return outcomes[id] })
	if err != nil {
		return "", err
	}
	r := reporter{app: a, spec: run.Spec, set: set, store: run.Store, times: times, plan: run.Plan}
	if err := run.Folder.Put("results.json", r.results()); err != nil {
		return "", err
	}
	if err := r.measured(run.Folder, tasks); err != nil {
		return "", err
	}
	dir := filepath.Join(run.Workspace, "reports", run.Plan.Run)
	if err := r.write(dir); err != nil {
		return "", err
	}
	if err := beside(run.Folder, dir); err != nil {
		return "", err
	}
	if !a.JSON && !a.Quiet {
		if err := r.summary(a.Stdout); err != nil {
			return "", err
		}
	}
	for _, n := range set.Prov.Notes {
		fmt.Fprintf(a.Stderr, "hardneg: note: %s\n", n)
	}
	return filepath.Abs(filepath.Join(dir, "index.html"))
}

// collectEvidence gathers a run's evidence and computes its findings.
func (a *App) collectEvidence(s *spec.Spec, p plan.Plan, folder *track.Folder, st *store.Store, late bool, of func(string) stage.Outcome) (*result.Set, error) {
	set, err := stage.Collect(s, p, of)
	if err != nil {
		return nil, err
	}
	if set.Spec, err = json.Marshal(s); err != nil {
		return nil, err
	}
	prov := &set.Prov
	prov.Commit, _ = commit()
	prov.Version = version()
	prov.SpecHash = s.Hash()
	if prov.PreHash, err = preHash(s); err != nil {
		return nil, err
	}
	prov.Exploratory = late
	prov.Model = result.Digest{Name: s.Model.Base}
	links, err := folder.Links()
	if err != nil {
		return nil, err
	}
	for _, t := range p.Tasks {
		for _, f := range t.Files {
			if f.Name != "model" || prov.Model.Digest != "" {
				continue
			}
			if links[t.ID] == "" {
				continue
			}
			if rec, err := runner.ReadRecord(st, links[t.ID]); err == nil {
				prov.Model.Digest = rec.Fields.Files[f.Name] // what the task read, wherever it lies today
			}
		}
	}
	rep, err := finding.From(designOf(s), set)
	if err != nil {
		return nil, fmt.Errorf("findings: %w", err)
	}
	rep.Apply(set)
	return set, nil
}

// reporter writes one run's report.
type reporter struct {
	app    *App
	spec   *spec.Spec
	set    *result.Set
	store  *store.Store
	plan   plan.Plan
	times  map[string]runner.Attempt
	facts  facts
	begun  time.Time // the run's own start: what is older came from the cache
	stable bool

	earlier  map[string][]runner.Attempt // before the last ones
	verified *page.Verification
	specText string   // with origins, as the run keeps it
	command  []string // what was typed
	keptAt   string   // path of the kept spec
}

// beside puts the files of measured facts, which the page's numbers of times,
// machine and checks come from, beside it.
func beside(folder *track.Folder, dir string) error {
	for _, name := range []string{"timings.json", "env.json", track.VerifiedFile} {
		b, err := os.ReadFile(folder.Path(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := put(filepath.Join(dir, name), b); err != nil {
			return err
		}
	}
	return nil
}

// measured reads what the run's folder keeps of its machine, its start and its checks.
func (r *reporter) measured(folder *track.Folder, tasks []runner.TaskStatus) error {
	var pre preregistration
	for name, v := range map[string]any{"env.json": &r.facts, "prereg.json": &pre} {
		if err := folder.Read(name, v); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	r.begun = pre.At
	if err := r.origins(folder); err != nil {
		return err
	}
	var err error
	if r.earlier, err = earlierAttempts(r.store, r.plan.Run, tasks); err != nil {
		return err
	}
	v := verification(folder, tasks)
	r.verified = &v
	return nil
}

// results is results.json.
func (r *reporter) results() []byte {
	var b bytes.Buffer
	if err := r.set.Write(&b); err != nil {
		panic("report: results do not marshal: " + err.Error())
	}
	return b.Bytes()
}

// put writes a file whole, and leaves one with equal bytes as it is.
func put(path string, b []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, b) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, b, 0o644); err != nil {
		os.Remove(tmp)
		return err
	}
	return os.Rename(tmp, path)
}

// write makes the folder of the report.
func (r *reporter) write(dir string) error {
	o := r.spec.Outputs
	if err := put(filepath.Join(dir, "results.json"), r.results()); err != nil {
		return err
	}
	figs, err := r.figures()
	if err != nil {
		return err
	}
	for _, f := range figs {
		if slices.Contains(o.Figures, "svg") {
			if err := put(filepath.Join(dir, "figures", f.Chart.ID+".svg"), []byte(f.SVG+"\n")); err != nil {
				return err
			}
		}
		if slices.Contains(o.Figures, "tikz") {
			if err := put(filepath.Join(dir, "figures", f.Chart.ID+".tex"), []byte(f.Chart.TikZ())); err != nil {
				return err
			}
		}
	}
	for _, t := range r.tables() {
		if err := writeTable(dir, t, append([]string{}, o.Tables...)); err != nil {
			return err
		}
	}
	if slices.Contains(o.Tables, "latex") {
		if err := put(filepath.Join(dir, "numbers.tex"), []byte(table.Numbers(r.set))); err != nil {
			return err
		}
	}
	if !o.HTML {
		return nil
	}
	in := page.Input{Set: r.set, Figures: figs, Methods: methods(r.spec, r.set), Notices: notices(r.spec), Spec: r.specShown(), Reproduce: r.reproduce()}
	if in.Beside, err = r.items(dir); err != nil {
		return err
	}
	if !r.stable {
		in.Times, in.Machine, in.Timeline = r.timesTable(), r.machineTable(), r.timeline()
		in.Attempts = r.attemptsTable()
		in.Verified, in.Energy = r.verified, r.energy()
		if !r.begun.IsZero() {
			in.Date = r.begun.UTC().Format(time.DateOnly)
		}
	}
	var b bytes.Buffer
	if err := page.Write(&b, in); err != nil {
		return err
	}
	return put(filepath.Join(dir, "index.html"), b.Bytes())
}

// tables are all tables that a paper takes.
func (r *reporter) tables() []table.Table {
	s := r.set
	ts := []table.Table{table.Claims(s), table.Overview(s), table.Ablation(s)}
	for _, b := range table.Benchmarks(s) {
		ts = append(ts, table.Main(s, b))
	}
	return append(ts, table.Effects(s), table.Factorial(s), table.Dose(s), table.Falsification(s), table.Filter(s), table.Subset(s), table.Sensitivity(s),
		table.Correlations(s), table.Verifier(s), table.VerifierClasses(s), table.Local(s), table.Disagreements(s), table.WinLoss(s), table.Levels(s), table.Training(s), table.Mining(s), table.Cost(s), table.Hyperparameters(s), table.Failures(s), table.Provenance(s))
}

// writeTable writes a table in the formats named, nil being all; an empty one
// has no file.
func writeTable(dir string, t table.Table, formats []string) error {
	if len(t.Rows) == 0 {
		return nil
	}
	for _, f := range []struct {
		name, ext string
		write     func(io.Writer) error
	}{{"latex", ".tex", t.LaTeX}, {"csv", ".csv", t.CSV}, {"markdown", ".md", t.Markdown}} {
		if formats != nil && !slices.Contains(formats, f.name) {
			continue
		}
		var b bytes.Buffer
		if err := f.write(&b); err != nil {
			return err
		}
		if err := put(filepath.Join(dir, "tables", t.ID+f.ext), b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// summary prints the claims and the main tables for people.
func (r *reporter) summary(w io.Writer) error {
	width := terminalWidth(w)
	ts := []table.Table{}
	for _, b := range table.Benchmarks(r.set) {
		if !strings.HasSuffix(b, finding.SubsetSuffix) { // those are in the report
			ts = append(ts, table.Main(r.set, b))
		}
	}
	for _, t := range append(ts, table.Claims(r.set)) {
		if len(t.Rows) == 0 {
			continue
		}
		if err := t.Terminal(w, width); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	return nil
}

func (a *App) reportCommand() *cli.Command {
	var out string
	var stable bool
	var formats []string
	return &cli.Command{
		Name:      "report",
		Usage:     "write the report of a run again, finished, partial or failed",
		ArgsUsage: "RUN...",
		Description: "RUN is a run's name or `latest`. Exit codes: 0 done, 2 usage, 6 no such run.\n" +
			"--stable leaves out times and machine facts: two runs of one spec then give the same bytes.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "format", Usage: "only these of html, latex, csv, markdown, svg, tikz (default: as the spec's outputs say)", Destination: &formats},
			&cli.StringFlag{Name: "out", Usage: "folder (default: reports/RUN in the workspace)", Destination: &out},
			&cli.BoolFlag{Name: "stable", Usage: "without times and machine facts", Destination: &stable},
		},
		Action: func(_ context.Context, c *cli.Command) error {
			runs := c.Args().Slice()
			if len(runs) == 0 {
				return usagef("report: want a RUN")
			}
			for _, f := range formats {
				if !slices.Contains([]string{"html", "latex", "csv", "markdown", "svg", "tikz"}, f) {
					return usagef("report: --format %q is none of html, latex, csv, markdown, svg, tikz", f)
				}
			}
			type row struct {
				Run    string `json:"run"`
				Report string `json:"report"`
			}
			var written []row
			for _, run := range runs {
				dir := out
				if len(runs) > 1 && out != "" {
					dir = filepath.Join(out, run)
				}
				path, err := a.report(run, dir, stable, formats)
				if err != nil {
					return infrastructure(err)
				}
				if !a.JSON {
					if _, err := fmt.Fprintln(a.Stdout, path); err != nil {
						return err
					}
				}
				written = append(written, row{run, path})
			}
			if a.JSON {
				return a.document(written)
			}
			return nil
		},
	}
}

// report writes the report of a run from what its folder and the store hold.
func (a *App) report(run, out string, stable bool, formats []string) (string, error) {
	folder, err := track.FindFolder(a.Workspace, run)
	if err != nil {
		return "", fail(ExitEnvironment, err)
	}
	st, err := store.Open(a.Workspace)
	if err != nil {
		return "", fail(ExitEnvironment, err)
	}
	tasks, err := runner.Inspect(st, folder)
	if err != nil {
		return "", err
	}
	kept, err := os.ReadFile(folder.Path("spec.yaml"))
	if err != nil {
		return "", fail(ExitEnvironment, err)
	}
	s, err := spec.Kept(kept)
	if err != nil {
		return "", &track.DamagedError{Path: folder.Path("spec.yaml"), Err: err}
	}
	if len(formats) > 0 {
		s.Outputs = chosen(s.Outputs, formats)
	}
	outcomes, times, err := outcomesOf(st, tasks)
	if err != nil {
		return "", err
	}
	r := reporter{app: a, spec: s, store: st, times: times, stable: stable}
	if err := folder.Read("plan.json", &r.plan); err != nil {
		return "", err
	}
	if r.set, err = a.evidence(s, r.plan, folder, st, func(id string) stage.Outcome { return outcomes[id] }); err != nil {
		return "", err
	}
	if err := r.measured(folder, tasks); err != nil {
		return "", err
	}
	if out == "" {
		out = filepath.Join(a.Workspace, "reports", folder.Run)
	}
	if err := r.write(out); err != nil {
		return "", err
	}
	if !stable {
		if err := beside(folder, out); err != nil {
			return "", err
		}
	}
	if !s.Outputs.HTML {
		return out, nil
	}
	return filepath.Join(out, "index.html"), nil
}

// chosen are outputs of the formats named.
func chosen(o spec.Outputs, formats []string) spec.Outputs {
	has := func(names ...string) []string {
		return slices.DeleteFunc(names, func(n string) bool { return !slices.Contains(formats, n) })
	}
	o.HTML, o.Tables, o.Figures = len(has("html")) > 0, has("latex", "csv", "markdown"), has("svg", "tikz")
	return o
}
