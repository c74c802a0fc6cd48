package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"hardneg/experiments/plan"
	"hardneg/harness/runner"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// display shows how a run goes.
type display interface {
	update(runner.Update)
	close()
}

// progress picks the display: bars on a terminal, a line per finished task
// elsewhere, JSON lines on stdout with --json.
func (a *App) progress(p plan.Plan) display {
	lines := &lineDisplay{w: a.Stderr, total: len(p.Tasks), begun: time.Now()}
	switch f, isFile := a.Stderr.(*os.File); {
	case a.JSON:
		return &jsonDisplay{enc: json.NewEncoder(a.Stdout)}
	case a.Quiet:
		lines.w = io.Discard
	case isFile && term.IsTerminal(int(f.Fd())):
		return newBars(f, len(p.Tasks))
	}
	return lines
}

// jsonDisplay writes every update but progress as a JSON line.
type jsonDisplay struct{ enc *json.Encoder }

func (d *jsonDisplay) update(u runner.Update) {
	line := map[string]any{"event": u.Event, "task": u.Task.ID, "key": u.Key}
	if u.Attempt > 0 {
		line["attempt"] = u.Attempt
	}
	if u.Detail != "" {
		line["detail"] = u.Detail
	}
	if u.Event == "progress" {
		line["done"], line["total"], line["unit"] = u.Progress.Done, u.Progress.Total, u.Progress.Unit
	}
	if u.Event == "done" {
		line["wall_s"] = u.Wall.Seconds()
	}
	_ = d.enc.Encode(line)
}

func (d *jsonDisplay) close() {}

// lineDisplay writes a line for each task that ended and one for all hits.
type lineDisplay struct {
	w           io.Writer
	total       int
	hits, ended int
	begun       time.Time
}

func (d *lineDisplay) update(u runner.Update) {
	switch u.Event {
	case "hit":
		d.hits++
	case "done":
		d.ended++
		fmt.Fprintf(d.w, "[%*d/%d] %s done in %s\n", digits(d.total), d.hits+d.ended, d.total, u.Task.ID, brief(u.Wall))
	case "failed":
		fmt.Fprintf(d.w, "        %s attempt %d failed: %s\n", u.Task.ID, u.Attempt, u.Detail)
	case "watch":
		fmt.Fprintf(d.w, "        %s is made by another process on this workspace\n", u.Task.ID)
	case "aside":
		fmt.Fprintf(d.w, "        %s set aside: %s\n", u.Task.ID, u.Detail)
	}
}

func (d *lineDisplay) close() {
	fmt.Fprintf(d.w, "%d tasks: %d cached, %d made, in %s\n", d.total, d.hits, d.ended, brief(time.Since(d.begun)))
}

// bars shows a bar per running task and one for the whole.
type bars struct {
	p     *mpb.Progress
	total *mpb.Bar
	log   *lineDisplay // for what is worth a line above the bars
	begun time.Time
	made  int
	left  int
	tasks map[int]*taskBar
}

// taskBar is the bar of a running task; its text is read while drawing.
type taskBar struct {
	bar  *mpb.Bar
	mu   sync.Mutex
	text string
}

func newBars(w io.Writer, total int) *bars {
	b := &bars{p: mpb.New(mpb.WithOutput(w), mpb.WithWidth(24), mpb.WithRefreshRate(200*time.Millisecond)), begun: time.Now(), left: total, tasks: map[int]*taskBar{}}
	b.log = &lineDisplay{w: b.p, total: total, begun: b.begun}
	var text taskBar
	b.total = b.p.New(int64(total), mpb.BarStyle(), mpb.BarPriority(1<<30),
		mpb.PrependDecorators(decor.Name("all tasks", decor.WCSyncSpaceR)),
		mpb.AppendDecorators(decor.CountersNoUnit("%d/%d ", decor.WC{}), decor.Any(func(decor.Statistics) string { return text.get() })))
	b.tasks[-1] = &text
	return b
}

func (b *bars) update(u runner.Update) {
	switch u.Event {
	case "hit":
		b.left--
		b.total.Increment()
	case "start":
		t := &taskBar{}
		t.bar = b.p.New(0, mpb.BarStyle(), mpb.BarRemoveOnComplete(), mpb.BarPriority(u.Index),
			mpb.PrependDecorators(decor.Name(u.Task.ID, decor.WCSyncSpaceR)),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return t.get() })))
		b.tasks[u.Index] = t
	case "progress":
		if t := b.tasks[u.Index]; t != nil {
			t.bar.SetTotal(u.Progress.Total, false)
			t.bar.SetCurrent(u.Progress.Done)
			t.set(progressText(u.Progress))
		}
	case "done", "failed", "stopped":
		if t := b.tasks[u.Index]; t != nil {
			t.bar.Abort(true)
			delete(b.tasks, u.Index)
		}
		if u.Event == "done" {
			b.made++
			b.left--
			b.total.Increment()
			eta := time.Since(b.begun) / time.Duration(b.made) * time.Duration(b.left)
			b.tasks[-1].set("about " + brief(eta) + " left")
		}
	}
	b.log.update(u)
}

func (b *bars) close() {
	for i, t := range b.tasks {
		if i >= 0 {
			t.bar.Abort(true)
		}
	}
	b.total.Abort(true)
	b.p.Wait()
}

func (t *taskBar) set(s string) {
	t.mu.Lock()
	t.text = s
	t.mu.Unlock()
}

func (t *taskBar) get() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text
}

// progressText is "120/400 step  8.1 step/s  35s left".
func progressText(p runner.Progress) string {
	if p.Total <= 0 {
		return fmt.Sprintf("%d %s", p.Done, p.Unit)
	}
	s := fmt.Sprintf("%d/%d %s", p.Done, p.Total, p.Unit)
	if took := p.Time.Sub(p.Start); took > 0 && p.Done > 0 {
		rate := float64(p.Done) / took.Seconds()
		left := time.Duration(float64(p.Total-p.Done) / rate * float64(time.Second))
		s += fmt.Sprintf("  %.3g %s/s  %s left", rate, p.Unit, brief(left))
	}
	return s
}

// brief is a duration with the digits that matter.
func brief(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return d.Round(time.Minute).String()
}

func digits(n int) int { return len(fmt.Sprint(n)) }
