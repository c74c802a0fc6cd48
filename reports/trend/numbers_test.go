package trend

import (
	"encoding/json"
	"html"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The points that the nightly page lists and draws are those of the lines of
// history.jsonl, rounded here by other code than the page's.
func TestEveryPointEqualsTheHistory(t *testing.T) {
	h := nights(30, 6, .6, .01, -.1)
	var lines []byte
	for _, e := range h {
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(append(lines, b...), '\n')
	}
	r, err := Decide(h, h[len(h)-1].Date, "s", "h", []Metric{{Name: "m"}}, .5)
	if err != nil {
		t.Fatal(err)
	}
	var page strings.Builder
	if err := Write(&page, Page{Name: "x", Result: r, History: h, Headline: "1 regressed"}); err != nil {
		t.Fatal(err)
	}
	check := func(text string) (faults []string) {
		values := map[string]float64{}
		var sorted []float64
		for line := range strings.Lines(string(lines)) {
			var e struct {
				Date   string             `json:"date"`
				Values map[string]float64 `json:"values"`
			}
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			values[e.Date] = e.Values["m"]
			sorted = append(sorted, e.Values["m"])
		}
		last, before := sorted[len(sorted)-1], slices.Clone(sorted[len(sorted)-15:len(sorted)-1])
		slices.Sort(before)
		same := func(where, shown string, want float64) {
			x, err := strconv.ParseFloat(shown, 64)
			if digits := math.Pow(10, math.Floor(math.Log10(math.Abs(want)))-3); err != nil || math.Abs(x-want) > .5*digits*1.000001 {
				faults = append(faults, where+": "+shown)
			}
		}
		rows := regexp.MustCompile(`<tr><th scope="row">(2026-[0-9-]+)</th><td class="l">[^<]*</td><td class="l">[^<]*</td><td>([0-9.]+)</td>`).FindAllStringSubmatch(text, -1)
		points := regexp.MustCompile(`<title>(2026-[0-9-]+): ([0-9.]+), commit`).FindAllStringSubmatch(text, -1)
		listed := 0
		for _, m := range slices.Concat(rows, points) {
			if strings.Contains(m[2], ".") { // a night's count of tasks has none
				listed++
				same(m[1], m[2], values[m[1]])
			}
		}
		if listed < 3*len(values) { // in the table, in the chart and in the small chart
			faults = append(faults, "points are missing")
		}
		m := regexp.MustCompile(`<a href="#metric-0">m</a></th><td>([0-9.]+)</td><td>([0-9.]+)</td><td>([^<]*) ± ([0-9.]+) \(last (\d+)\)</td>`).FindStringSubmatch(text)
		if m == nil {
			return append(faults, "no row of the metric")
		}
		same("last", m[1], last)
		same("median", m[2], (before[6]+before[7])/2)
		w, _ := strconv.Atoi(m[5])
		mean := func(xs []float64) (s float64) {
			for _, x := range xs {
				s += x / float64(len(xs))
			}
			return s
		}
		late, early := sorted[len(sorted)-w:], sorted[:len(sorted)-w]
		same("change", strings.NewReplacer("−", "-", "+", "").Replace(html.UnescapeString(m[3])), mean(late)-mean(early))
		squares := 0.
		for _, side := range [][]float64{late, early} {
			for _, x := range side {
				squares += math.Pow(x-mean(side), 2)
			}
		}
		const t28 = 2.0484 // of 95 % with 28 degrees of freedom, from a printed table
		want := t28 * math.Sqrt(squares/28*(1/float64(len(late))+1/float64(len(early))))
		if got, err := strconv.ParseFloat(m[4], 64); err != nil || math.Abs(got-want) > .5*math.Pow(10, math.Floor(math.Log10(want))-1)*1.000001 { // two digits
			faults = append(faults, "half width: "+m[4])
		}
		return faults
	}
	for _, e := range check(page.String()) {
		t.Error(e)
	}
	value := Format("m", *h[20].Values["m"])
	for _, changed := range []string{strings.ReplaceAll(page.String(), "<td>"+value+"</td>", "<td>0.9</td>"), strings.ReplaceAll(page.String(), ": "+value+",", ": 0.9,")} {
		if changed == page.String() || len(check(changed)) == 0 {
			t.Error("a changed point was not noticed")
		}
	}
}
