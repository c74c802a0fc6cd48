package cli

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"hardneg/reports/page"
	"hardneg/reports/table"
)

// timesTable is the measured part of the cost section: every number of it
// comes from timings.json, but for the counted tokens.
func (r *reporter) timesTable() table.Table {
	t := table.Table{ID: "times", Caption: "Time and memory by stage", Head: []string{"stage", "tasks", "from cache", "wall seconds (sum)", "CPU seconds (sum)", "longest task (s)", "tokens per wall second", "peak memory (MiB)"}}
	type sum struct {
		n, cached            int
		wall, cpu, top, peak float64
		energy               energySum
	}
	by := map[string]*sum{}
	var order []string
	var all energySum
	for _, task := range r.plan.Tasks {
		at, ok := r.times[task.ID]
		if !ok {
			continue
		}
		k := by[task.Stage]
		if k == nil {
			k = &sum{}
			by[task.Stage] = k
			order = append(order, task.Stage)
		}
		k.n++
		if at.Start.Before(r.begun) {
			k.cached++
		}
		k.wall, k.cpu = k.wall+at.WallS, k.cpu+at.CPUS
		k.top, k.peak = max(k.top, at.WallS), max(k.peak, at.PeakMiB)
		k.energy.add(task, at)
		all.add(task, at)
	}
	if all.cpus+all.gpus > 0 {
		t.Caption = "Time, memory and energy by stage"
	}
	if all.cpus > 0 {
		t.Head = append(t.Head, "processor energy (Wh)")
	}
	if all.gpus > 0 {
		t.Head = append(t.Head, "GPU energy (Wh)")
	}
	for _, st := range order {
		k := by[st]
		rate := "–"
		for _, c := range r.set.Cost {
			if c.Stage == st && c.Tokens > 0 && k.wall > 0 {
				rate = fmt.Sprintf("%.0f", float64(c.Tokens)/k.wall)
			}
		}
		t.Rows = append(t.Rows, cells(st, fmt.Sprint(k.n), fmt.Sprint(k.cached), fmt.Sprintf("%.1f", k.wall), fmt.Sprintf("%.1f", k.cpu), fmt.Sprintf("%.1f", k.top), rate, fmt.Sprintf("%.0f", k.peak)))
		row := &t.Rows[len(t.Rows)-1]
		if all.cpus > 0 {
			*row = append(*row, cells(wattHours(k.energy.cpu, k.energy.cpus))...)
		}
		if all.gpus > 0 {
			*row = append(*row, cells(wattHours(k.energy.gpu, k.energy.gpus))...)
		}
	}
	return t
}

// timeline has the tasks that this run made itself.
func (r *reporter) timeline() []page.Bar {
	var out []page.Bar
	var from time.Time
	for _, task := range r.plan.Tasks {
		if at, ok := r.times[task.ID]; ok && !at.Start.Before(r.begun) && (from.IsZero() || at.Start.Before(from)) {
			from = at.Start
		}
	}
	for _, task := range r.plan.Tasks {
		at, ok := r.times[task.ID]
		if !ok || at.Start.Before(r.begun) {
			continue
		}
		start := at.Start.Sub(from).Seconds()
		out = append(out, page.Bar{Name: task.ID, Lane: task.Stage, Start: start, End: start + at.WallS})
	}
	return out
}

func (r *reporter) machineTable() table.Table {
	f := r.facts
	t := table.Table{ID: "machine", Caption: "The machine that made these results", Head: []string{"what", "value"}}
	for _, x := range [][2]string{{"CPU", f.CPU}, {"cores", fmt.Sprint(f.Cores)}, {"memory (MiB)", fmt.Sprint(f.MemoryMiB)}, {"GPUs", strings.Join(f.GPUs, "; ")},
		{"system", f.OS + " " + f.Kernel + " " + f.Arch}, {"Go", f.Go}, {"binary (sha256)", f.Binary}} {
		if x[1] != "" {
			row := cells(x[0], x[1])
			row[1].Wide = true
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

func cells(texts ...string) []table.Cell {
	var cs []table.Cell
	for _, t := range texts {
		cs = append(cs, table.Cell{Text: t})
	}
	return cs
}

// items writes the outcomes of each benchmark beside the page, a row an item,
// and names the files.
func (r *reporter) items(dir string) ([]page.Pair, error) {
	var out []page.Pair
	for _, it := range r.set.Items {
		if len(it.IDs) == 0 {
			continue
		}
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		head := []string{"item"}
		if it.Levels != nil {
			head = append(head, "level")
		}
		if it.Subjects != nil {
			head = append(head, "subject")
		}
		for _, o := range it.Outcomes {
			head = append(head, fmt.Sprintf("%s seed %d", o.Arm, o.Seed))
		}
		rows := [][]string{head}
		for i, id := range it.IDs {
			row := append(make([]string, 0, len(head)), id)
			if it.Levels != nil {
				row = append(row, strconv.Itoa(it.Levels[i]))
			}
			if it.Subjects != nil {
				row = append(row, it.Subjects[i])
			}
			for _, o := range it.Outcomes {
				row = append(row, o.Marks[i:i+1])
			}
			rows = append(rows, row)
		}
		if err := w.WriteAll(rows); err != nil {
			return nil, fmt.Errorf("items of %s: %w", it.Benchmark, err)
		}
		name := "items/" + table.Slug(it.Benchmark) + ".csv"
		if err := put(filepath.Join(dir, filepath.FromSlash(name)), b.Bytes()); err != nil {
			return nil, err
		}
		out = append(out, page.Pair{Name: name, Value: fmt.Sprintf("%d items × %d checkpoints", len(it.IDs), len(it.Outcomes))})
	}
	return out, nil
}
