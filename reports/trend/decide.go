package trend

import (
	"fmt"
	"math"
	"slices"

	"hardneg/fixtures/seed"
	"hardneg/reports/stats"
)

// Metric is a watched series.
type Metric struct {
	Name   string
	Lower  bool    // lower is better
	Min    float64 // smallest change that raises an alarm, in Unit
	Unit   string  // pt: points of a fraction; %: of the level; "": none
	Timing bool    // speed, time or memory: another measurement may differ
}

// Point is one comparable night of a series.
type Point struct {
	Date, Run, Commit string
	Value             float64  // NaN: no result
	NewCommit         bool     // another commit than the comparable night before
	Changed           []string // versions that are others than on that night
}

// Decision is what is said about one metric tonight.
type Decision struct {
	Metric    string
	Verdict   string  // ok, regression, improvement, undecided, vanished
	Last      float64 // tonight; NaN
	Median    float64 // of up to 14 nights before; NaN
	Change    float64 // of the window that decides against all before, in the metric's own direction; NaN
	HalfWidth float64 // of the change's 95 % interval, all nights of the two sides taken as independent; NaN
	P         float64 // NaN
	Threshold float64
	Window    int
	Series    []Point  // since the accepted level, tonight last
	Earlier   []Point  // nights before it, which decide nothing
	Split     int      // index in Series of the first night after the change; -1
	Good, Bad string   // commits between which a regression began; "" where they are not known
	Accepted  []Entry  // acceptances of this metric
	Notes     []string // why it is not decided, where it began
	Appeared  bool
}

// Vanished is the verdict on a metric that had results and has none tonight.
const Vanished = "vanished"

// Result is tonight's decision on all metrics.
type Result struct {
	Tonight      Entry
	Decisions    []Decision
	Incomparable int  // earlier nights with another spec or hardware
	Sentinel     bool // the sentinel's results differ from the last comparable night's
}

// Decide decides on the night of a date by the nights before it. Budget is the
// number of false alarms a year over all metrics.
func Decide(h []Entry, date, spec, hardware string, metrics []Metric, budget float64) (Result, error) {
	var r Result
	var nights []Entry
	tonight := Entry{Date: date, Spec: spec, Hardware: hardware}
	for _, n := range Nights(h) {
		switch {
		case n.Date > date:
		case !alike(n, tonight):
			r.Incomparable++
		default:
			nights = append(nights, n)
		}
	}
	if len(nights) == 0 || nights[len(nights)-1].Date != date {
		return r, fmt.Errorf("the history has no night of %s with this spec and hardware", date)
	}
	r.Tonight = nights[len(nights)-1]
	if k := len(nights) - 2; k >= 0 {
		r.Sentinel = nights[k].Sentinel != "" && nights[k].Sentinel != r.Tonight.Sentinel
	}
	for _, m := range metrics {
		d, err := decide(h, nights, m, len(metrics), budget)
		if err != nil {
			return r, fmt.Errorf("metric %s: %w", m.Name, err)
		}
		r.Decisions = append(r.Decisions, d)
	}
	return r, nil
}

func decide(h, nights []Entry, m Metric, metrics int, budget float64) (Decision, error) {
	d := Decision{Metric: m.Name, Split: -1, Median: math.NaN()}
	from := 0
	for _, e := range h {
		if e.Kind != KindAccept || e.Metric != m.Name {
			continue
		}
		if i := slices.IndexFunc(nights, func(n Entry) bool { return n.Run == e.Run }); i >= 0 {
			d.Accepted = append(d.Accepted, e)
			from = max(from, i)
		}
	}
	before := false
	for i, n := range nights {
		v := math.NaN()
		if x := n.Values[m.Name]; x != nil {
			v = *x
		}
		before = before || i < len(nights)-1 && !math.IsNaN(v)
		p := Point{Date: n.Date, Run: n.Run, Commit: n.Commit, Value: v}
		if i > 0 {
			p.NewCommit = n.Commit != "" && nights[i-1].Commit != "" && n.Commit != nights[i-1].Commit
			p.Changed = Changed(nights[i-1], n)
		}
		if i >= from {
			d.Series = append(d.Series, p)
		} else {
			d.Earlier = append(d.Earlier, p)
		}
	}
	last := len(d.Series) - 1
	d.Last = d.Series[last].Value
	d.Median = median(d.Series[max(0, last-14):last])
	d.Appeared = !before && len(nights) > 1 && !math.IsNaN(d.Last)
	sign := 1.0
	if m.Lower {
		sign = -1
	}
	x := make([]float64, len(d.Series))
	for i, p := range d.Series {
		x[i] = sign * p.Value
	}
	s, err := stats.Nightly(x, metrics, budget)
	if err != nil {
		return d, err
	}
	d.Verdict, d.P, d.Change, d.Threshold, d.Notes = s.Decision, s.P, sign*s.Change, s.Threshold, s.Notes
	d.HalfWidth = math.NaN()
	if !math.IsNaN(s.Window) {
		d.Window = int(s.Window)
		d.HalfWidth = halfWidth(d.Series, d.Window)
	}
	switch {
	case math.IsNaN(d.Last) && before:
		d.Verdict = Vanished
	case d.Verdict == stats.DecisionRegression && !m.large(d):
		d.Verdict = stats.DecisionOK
		d.Notes = append(d.Notes, fmt.Sprintf("below the smallest change of %g%s", m.Min, m.Unit))
	case d.Verdict == stats.DecisionRegression:
		return d, d.locate(x)
	}
	return d, nil
}

// halfWidth is that of the 95 % interval of the mean of the last w nights minus
// the mean of those before, with a common variance.
func halfWidth(ps []Point, w int) float64 {
	var x []float64
	for _, p := range ps {
		if !math.IsNaN(p.Value) {
			x = append(x, p.Value)
		}
	}
	ss, a, b := 0.0, x[len(x)-w:], x[:len(x)-w]
	for _, side := range [][]float64{a, b} {
		sum := 0.0
		for _, v := range side {
			sum += v
		}
		for _, v := range side {
			ss += (v - sum/float64(len(side))) * (v - sum/float64(len(side)))
		}
	}
	df := float64(len(x) - 2)
	return stats.TCritical(.95, df) * math.Sqrt(ss/df*(1/float64(len(a))+1/float64(len(b))))
}

// large says whether a change reaches the metric's smallest one.
func (m Metric) large(d Decision) bool {
	change := math.Abs(d.Change)
	switch m.Unit {
	case "pt":
		return 100*change >= m.Min
	case "%":
		level := math.Abs(median(d.Series[:max(0, len(d.Series)-d.Window)]))
		return 100*change >= m.Min*level
	}
	return true
}

// splitLevel is the p-value up to which a change point is named as the beginning.
const splitLevel = 0.05

// splitPermutations are those of the change point's p-value.
const splitPermutations = 999

// locate names the night on which the change began.
func (d *Decision) locate(x []float64) error {
	var have []float64
	var index []int
	for i, v := range x {
		if !math.IsNaN(v) {
			have, index = append(have, v), append(index, i)
		}
	}
	e, err := stats.EDivisive(have, splitPermutations, uint64(seed.Derive(0, "trend", d.Metric)))
	if err != nil {
		return err
	}
	d.Split = index[e.Tau]
	first, before := d.Series[d.Split], d.Series[index[e.Tau-1]]
	if e.P > splitLevel {
		d.Notes = append(d.Notes, fmt.Sprintf("when it began is not clear: the likeliest night, %s, is no significant change point (p = %.3g)", first.Date, e.P))
		return nil
	}
	d.Notes = append(d.Notes, fmt.Sprintf("first seen %s (change point, p = %.3g)", first.Date, e.P))
	if first.Commit != "" && before.Commit != "" && first.Commit != before.Commit {
		d.Good, d.Bad = before.Commit, first.Commit
		d.Notes = append(d.Notes, fmt.Sprintf("git bisect start %s %s", first.Commit, before.Commit))
	}
	return nil
}

// median leaves NaN out; NaN where nothing is left.
func median(ps []Point) float64 {
	var x []float64
	for _, p := range ps {
		if !math.IsNaN(p.Value) {
			x = append(x, p.Value)
		}
	}
	if len(x) == 0 {
		return math.NaN()
	}
	slices.Sort(x)
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

// Count is how many metrics have a verdict.
func (r Result) Count(verdict string) int {
	n := 0
	for _, d := range r.Decisions {
		if d.Verdict == verdict {
			n++
		}
	}
	return n
}
