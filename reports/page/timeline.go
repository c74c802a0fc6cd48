package page

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"hardneg/reports/table"
)

// Bar is one task in time, in seconds from the start of the run.
type Bar struct {
	Name, Lane string // lane: its stage
	Start, End float64
}

// Sizes of the timeline, in pixels.
const (
	timeWidth  = 1100.0
	timeLeft   = 90.0
	timeHeight = 11.0 // of a task
)

// longestPause is the share of the working time above which a stretch without
// any task, such as the night between two sessions, is cut out.
const longestPause = 0.05

// timeline draws tasks as bars, a band a stage, tasks that ran at once below
// one another.
func timeline(bars []Bar) template.HTML {
	if len(bars) == 0 {
		return ""
	}
	bars = slices.Clone(bars)
	slices.SortStableFunc(bars, func(a, b Bar) int {
		switch {
		case a.Start < b.Start:
			return -1
		case a.Start > b.Start:
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	at, cuts, span := squeeze(bars)
	x := func(t float64) float64 { return timeLeft + (timeWidth-timeLeft-10)*at(t)/span }
	var body strings.Builder
	y := 4.0
	var lanes []string
	for _, b := range bars {
		if !slices.Contains(lanes, b.Lane) {
			lanes = append(lanes, b.Lane)
		}
	}
	for i, lane := range lanes {
		top := y
		var busy []float64 // when each row is free again
		for _, b := range bars {
			if b.Lane != lane {
				continue
			}
			k := slices.IndexFunc(busy, func(end float64) bool { return end <= b.Start })
			if k < 0 {
				k = len(busy)
				busy = append(busy, 0)
			}
			busy[k] = b.End
			fmt.Fprintf(&body, `<rect x="%.1f" y="%.0f" width="%.1f" height="%.0f" class="s%d"><title>%s</title></rect>`, x(b.Start), top+float64(k)*timeHeight,
				max(x(b.End)-x(b.Start), .8), timeHeight-2, i%2, template.HTMLEscapeString(fmt.Sprintf("%s: %.1f s", table.Line(b.Name), b.End-b.Start)))
		}
		y = top + float64(len(busy))*timeHeight + 5
		fmt.Fprintf(&body, `<text x="%.0f" y="%.1f" text-anchor="end">%s</text><path d="M%.0f %.1fH%.0f"/>`, timeLeft-8, (top+y)/2+2, template.HTMLEscapeString(table.Line(lane)), timeLeft, y-3, timeWidth-10)
	}
	for _, c := range cuts {
		fmt.Fprintf(&body, `<path class="cut" d="M%.1f 0V%.0f"/>`, x(c), y)
	}
	for i := range 5 {
		t := span * float64(i) / 4
		fmt.Fprintf(&body, `<text x="%.1f" y="%.0f" text-anchor="middle">%.0f</text>`, timeLeft+(timeWidth-timeLeft-10)*float64(i)/4, y+16, t)
	}
	return template.HTML(fmt.Sprintf(`<svg class="timeline" viewBox="0 0 %.0f %.0f" role="img" aria-label="Timeline of %d tasks in %d stages over %.0f working seconds">%s</svg>`,
		timeWidth, y+22, len(bars), len(lanes), span, body.String()))
}

// squeeze maps time to working time: long pauses are cut out, at the times
// that it returns.
func squeeze(bars []Bar) (at func(float64) float64, cuts []float64, span float64) {
	type pause struct{ from, to float64 }
	var pauses []pause
	work, end := 0.0, bars[0].Start
	for _, b := range bars {
		work += max(0, b.End-max(b.Start, end))
		if b.Start > end {
			pauses = append(pauses, pause{end, b.Start})
		}
		end = max(end, b.End)
	}
	pauses = slices.DeleteFunc(pauses, func(p pause) bool { return p.to-p.from <= longestPause*work })
	at = func(t float64) float64 {
		out := t - bars[0].Start
		for _, p := range pauses {
			out -= max(0, min(t, p.to)-p.from)
		}
		return out
	}
	for _, p := range pauses {
		cuts = append(cuts, p.to)
	}
	return at, cuts, max(at(end), 1e-9)
}
