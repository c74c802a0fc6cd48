package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"hardneg/experiments/plan"
	"hardneg/experiments/spec"
	"hardneg/harness/runner"
	"hardneg/models/checkpoint"

	"github.com/urfave/cli/v3"
)

// planFlags are the flags of plan.
type planFlags struct {
	sets, arms   []string
	seeds        []int
	until, graph string
	why          bool
	notes        []string
}

func (a *App) planCommand() *cli.Command {
	var f planFlags
	return &cli.Command{
		Name:      "plan",
		Usage:     "say what run would do: each task a hit, a run or a rerun and why; what it costs",
		ArgsUsage: "SPEC",
		Description: "Starts nothing. Tokens, FLOPs, time and disk are estimates from the model's shape; times use the\n" +
			"rates of results in the workspace where there are some.\n" +
			"What is missing here or does not fit is said, and is no error: a plan may be for another machine, where `hardneg run`\n" +
			"would end with 6 on this one.\n" +
			"Exit codes: 0 done, 2 spec or usage, 6 the workspace cannot be read.",
		DisableSliceFlagSeparator: true, // a value may hold commas: --set seeds.values=[1,2]
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "set", Usage: "override a value, `KEY=VALUE`, as if it were in the file", Destination: &f.sets},
			&cli.StringFlag{Name: "arms", Usage: "only these arms and what they need, `A,B`", Action: func(_ context.Context, _ *cli.Command, s string) error {
				f.arms = strings.Split(s, ",")
				return nil
			}},
			&cli.StringFlag{Name: "seeds", Usage: "only these seeds, `1,2`", Action: func(_ context.Context, _ *cli.Command, s string) error {
				if err := json.Unmarshal([]byte("["+s+"]"), &f.seeds); err != nil {
					return usagef("plan: --seeds %s: write whole numbers with commas", s)
				}
				return nil
			}},
			&cli.StringFlag{Name: "until", Usage: "stop after this `STAGE`", Destination: &f.until},
			&cli.BoolFlag{Name: "why", Usage: "every changed field of a rerun, with both values", Destination: &f.why},
			&cli.StringFlag{Name: "graph", Usage: "draw the tasks instead: `dot` or mermaid", Destination: &f.graph},
		},
		Action: func(_ context.Context, c *cli.Command) error {
			if c.Args().Len() != 1 {
				return usagef("plan: want one SPEC, have %d arguments", c.Args().Len())
			}
			p, err := a.preparePlan(c.Args().First(), &f)
			if err != nil {
				return err
			}
			if p.Plan, err = (runner.Selection{Arms: f.arms, Seeds: f.seeds, Until: f.until}).Apply(p.Plan); err != nil {
				return fail(ExitUsage, err)
			}
			return infrastructure(a.showPlan(p, f))
		},
	}
}

// preparePlan makes a spec ready to plan, also for a device that this machine
// has not, and for tonight where the spec has fresh seeds.
func (a *App) preparePlan(name string, f *planFlags) (*prepared, error) {
	if a.hooks.prepare != nil {
		return a.hooks.prepare(name, f.sets)
	}
	s, err := a.loadSpec(name, f.sets)
	if err != nil {
		return nil, fail(ExitUsage, err)
	}
	class, err := a.hooks.device(s.Hardware.Device)
	if err != nil {
		class = s.Hardware.Device
		f.notes = append(f.notes, "planned for a device that is not here: "+err.Error())
	}
	if s.Seeds.Fresh > 0 {
		s = s.OnNight(time.Now().Format(time.DateOnly))
	}
	p := &prepared{Spec: s.OnDevice(class)}
	if p.Plan, err = plan.Expand(p.Spec); err != nil {
		return nil, fail(ExitUsage, fmt.Errorf("%s: %w", name, err))
	}
	return p, nil
}

// planned is the answer of plan --json.
type planned struct {
	Run      string            `json:"run"`
	Tasks    []forecast        `json:"tasks"`
	Hits     int               `json:"hits"`
	Total    plan.Cost         `json:"total"` // of what has to run; memory: the largest
	Seconds  float64           `json:"seconds"`
	GPUHours float64           `json:"gpu_hours"`
	Missing  map[string]string `json:"missing,omitempty"` // files that cannot be read, and why
	Notes    []string          `json:"notes,omitempty"`
}

func (a *App) showPlan(p *prepared, f planFlags) error {
	switch f.graph {
	case "dot":
		_, err := io.WriteString(a.Stdout, p.Plan.Dot())
		return err
	case "mermaid":
		_, err := io.WriteString(a.Stdout, p.Plan.Mermaid())
		return err
	case "":
	default:
		return usagef("plan: --graph %s: dot or mermaid", f.graph)
	}
	out := planned{Run: p.Plan.Run, Notes: f.notes}
	var err error
	if out.Tasks, out.Missing, err = a.preview(p.Plan); err != nil {
		return err
	}
	shape, known := a.shape(p.Spec)
	if !known {
		out.Notes = append(out.Notes, "the shape of "+p.Spec.Model.Base+" is not known here: no FLOPs, time or memory")
	}
	for i, c := range p.Plan.Estimate(shape) {
		out.Tasks[i].Cost = c
	}
	perSecond, measured := rates(out.Tasks, a.speeds(p.Plan, out.Tasks, shape))
	out.sum(perSecond, p.Spec)
	if known {
		out.Notes = append(out.Notes, rateNote(perSecond, measured, out.Tasks))
	}
	out.Notes = append(out.Notes, fits(out.Total, out.Tasks, p.Spec, a.Workspace)...)
	out.Notes = append(out.Notes, a.partNotes(p.Plan)...)
	if err := enough(p, runFlags{}, machineMemory(), gpuNames()); err != nil {
		out.Notes = append(out.Notes, err.Error())
	}
	if a.JSON {
		return json.NewEncoder(a.Stdout).Encode(out)
	}
	return out.write(a.Stdout, f.why, perSecond)
}

// shape is the model's shape: the spec's, the checkpoint's, or that of a well-known one.
func (a *App) shape(s *spec.Spec) (spec.Shape, bool) {
	if s.Model.Shape != nil {
		return *s.Model.Shape, true
	}
	if place, err := a.resolveFile(plan.File{Name: "model", Path: s.Model.Base, Revision: s.Model.Revision}); err == nil {
		if c, err := checkpoint.ReadConfig(place.Path); err == nil {
			return spec.Shape{Hidden: c.Hidden, Layers: c.Layers, Heads: c.Heads, KVHeads: c.KVHeads, FFN: c.FFN, Vocab: c.Vocab, Tie: c.Tied}, true
		}
	}
	return plan.KnownShape(s.Model.Base)
}

// fits compares what the largest task and all results need with what the
// machine has, or, where the device is not here, with what the spec asks of it.
func fits(total plan.Cost, tasks []forecast, s *spec.Spec, workspace string) (notes []string) {
	cuda := slices.ContainsFunc(tasks, func(f forecast) bool { return strings.HasPrefix(f.device, "cuda") })
	have, of := machineMemory(), "this machine"
	if cuda {
		have, of = s.Hardware.MinMemGB*1e9, "hardware.min_mem_gb"
		if gpus := gpuNames(); len(gpus) > 0 {
			name, _, _ := strings.Cut(gpus[0], ",")
			have, of = gpuMemory(gpus[0]), name
		}
	}
	verdict := func(need, have float64) string {
		if need > have {
			return "does not fit in "
		}
		return "fits in "
	}
	if total.Memory > 0 && have > 0 {
		notes = append(notes, fmt.Sprintf("memory: the largest task needs about %sB with activations, which %s%sB (%s)", quantity(total.Memory), verdict(total.Memory, have), quantity(have), of))
	}
	if free := float64(freeDisk(workspace)); total.Disk > 0 && free > 0 {
		notes = append(notes, fmt.Sprintf("disk: results of about %sB, which %s%sB free", quantity(total.Disk), verdict(total.Disk, free), quantity(free)))
	}
	return notes
}

func (p *planned) sum(perSecond map[string]float64, s *spec.Spec) {
	for _, t := range p.Tasks {
		if t.Status == "hit" {
			p.Hits++
			continue
		}
		p.Total.Rows += t.Cost.Rows
		p.Total.Tokens += t.Cost.Tokens
		p.Total.FLOPs += t.Cost.FLOPs
		p.Total.Disk += t.Cost.Disk
		p.Total.Memory = max(p.Total.Memory, t.Cost.Memory)
		sec := t.seconds(perSecond)
		p.Seconds += sec
		if strings.HasPrefix(t.device, "cuda") {
			p.GPUHours += sec / 3600 * float64(max(1, s.Hardware.GPUs))
		}
	}
}

func rateNote(perSecond map[string]float64, measured map[string]bool, tasks []forecast) string {
	var parts []string
	for _, st := range plan.Stages {
		if !slices.ContainsFunc(tasks, func(f forecast) bool { return f.Stage == st && f.Cost.FLOPs > 0 }) {
			continue
		}
		how := "assumed"
		if measured[st] {
			how = "measured"
		}
		parts = append(parts, fmt.Sprintf("%s %s (%s)", st, quantity(perSecond[st]), how))
	}
	return "FLOP/s by stage: " + strings.Join(parts, ", ")
}

// write prints the plan for people: what happens to each task, its seeds on one
// line, then the cost by stage.
func (p *planned) write(w io.Writer, why bool, perSecond map[string]float64) error {
	fmt.Fprintf(w, "%s: %d tasks, %d hits, %d to run\n\n", p.Run, len(p.Tasks), p.Hits, len(p.Tasks)-p.Hits)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range fold(p.Tasks) {
		fmt.Fprintf(tw, "%s\t%s\t%s\n", line.status, line.name, line.because)
		if why {
			for _, c := range line.changes {
				fmt.Fprintf(tw, "\t\t  %s: %s → %s\n", c.Field, absent(c.Old), absent(c.New))
			}
		}
	}
	fmt.Fprint(tw, "\nstage\ttasks\thit\trun\ttokens\tFLOPs\ttime\tdisk\n")
	for _, st := range plan.Stages {
		var n, hit int
		var c plan.Cost
		var sec float64
		for _, t := range p.Tasks {
			if t.Stage != st {
				continue
			}
			if n++; t.Status == "hit" {
				hit++
				continue
			}
			c.Tokens, c.FLOPs, c.Disk, sec = c.Tokens+t.Cost.Tokens, c.FLOPs+t.Cost.FLOPs, c.Disk+t.Cost.Disk, sec+t.seconds(perSecond)
		}
		if n > 0 {
			fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%s\t%s\t%s\t%s\n", st, n, hit, n-hit, quantity(c.Tokens), quantity(c.FLOPs), spokenTime(sec), quantity(c.Disk)+"B")
		}
	}
	fmt.Fprintf(tw, "all\t%d\t%d\t%d\t%s\t%s\t%s\t%s\n", len(p.Tasks), p.Hits, len(p.Tasks)-p.Hits, quantity(p.Total.Tokens), quantity(p.Total.FLOPs), spokenTime(p.Seconds), quantity(p.Total.Disk)+"B")
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if p.GPUHours > 0 {
		fmt.Fprintf(w, "GPU-hours: %.2g\n", p.GPUHours)
	}
	for _, n := range p.Notes {
		fmt.Fprintln(w, n)
	}
	for _, path := range slices.Sorted(maps.Keys(p.Missing)) {
		fmt.Fprintf(w, "missing: %s\n", p.Missing[path])
	}
	return nil
}

func absent(s string) string {
	if s == "" {
		return "–"
	}
	if len(s) == 64 {
		return s[:12] // a digest
	}
	return s
}

// foldedLine is the line of all seeds of a task that fare alike.
type foldedLine struct {
	status, name, because string
	changes               []plan.Change
	seeds                 []string
}

// fold puts the seeds of a task that fare alike on one line.
func fold(tasks []forecast) []foldedLine {
	var out []foldedLine
	index := map[string]int{}
	for _, t := range tasks {
		base, because := t.ID, t.Because
		suffix := fmt.Sprintf("-s%d", t.seed)
		if t.varies {
			base = strings.TrimSuffix(t.ID, suffix)
			because = strings.ReplaceAll(because, suffix, "")
		}
		key := t.Status + "\x00" + base + "\x00" + because
		i, ok := index[key]
		if !ok {
			i = len(out)
			index[key] = i
			out = append(out, foldedLine{status: t.Status, name: base, because: because, changes: t.Changes})
		}
		if t.varies {
			out[i].seeds = append(out[i].seeds, fmt.Sprint(t.seed))
		}
	}
	for i := range out {
		if s := out[i].seeds; len(s) == 1 {
			out[i].name += "-s" + s[0]
		} else if len(s) > 1 {
			out[i].name += "-s{" + strings.Join(s, ",") + "}"
		}
		if out[i].because != "" {
			out[i].because = "because " + out[i].because
		}
	}
	return out
}

// quantity writes a number with three digits and a prefix: 1.23M, 45.6k.
func quantity(x float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1e21, "Z"}, {1e18, "E"}, {1e15, "P"}, {1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if x >= u.size {
			return fmt.Sprintf("%.3g%s", x/u.size, u.name)
		}
	}
	return fmt.Sprintf("%.3g", x)
}
