package cli

import (
	"encoding/json"
	"fmt"
	"html"
	"math"
	"regexp"
	"slices"
	"sort"
	"strings"
)

// figures says what the data tables of the figures hold: each number is taken
// from results.json anew, with its own binning and averaging.
func (t *truth) figures() map[string]wanted {
	out := map[string]wanted{}
	add := func(id string, row ...want) {
		w := out[id]
		w.rows = append(w.rows, row)
		out[id] = w
	}
	interval := func(id string, x any) {
		if b := str(x, "benchmark"); !strings.HasSuffix(b, "/subset") && !math.IsNaN(f(x, "estimate")) {
			add(id, txt(str(x, "arm")), txt(b), sig(pct(x, "estimate")), sig(pct(x, "lo")), sig(pct(x, "hi")))
		}
	}
	for _, x := range t.findings("delta") {
		interval("delta-"+str(x, "baseline"), x)
	}
	for _, x := range t.findings("accuracy") {
		interval("accuracy", x)
	}
	for _, b := range list(t.raw, "benchmarks") {
		bench := str(b, "name")
		for _, s := range [][3]string{{"uniform weights", "dpo", "mine-only"}, {"verifier weights", "wt-only", "full"}} {
			for i, negatives := range []string{"random", "hard"} {
				x := t.find("accuracy", s[1+i], "", bench)
				add("factorial-"+bench, txt(s[0]), txt(negatives), sig(pct(x, "estimate")), sig(pct(x, "lo")), sig(pct(x, "hi")))
			}
		}
		levels := map[float64]string{0: "full"}
		for _, a := range list(t.raw, "arms") {
			if s := f(a, "patch", "score.sigma"); s > 0 {
				levels[s] = str(a, "name")
			}
		}
		var sigmas []float64
		for s := range levels {
			sigmas = append(sigmas, s)
		}
		sort.Float64s(sigmas)
		for _, s := range sigmas {
			if x := t.find("accuracy", levels[s], "", bench); !math.IsNaN(f(x, "estimate")) {
				add("noise", txt(bench), sig(s), sig(pct(x, "estimate")), sig(pct(x, "lo")), sig(pct(x, "hi")))
			}
		}
	}
	t.tenths(add)
	for _, x := range list(t.raw, "verifier", "figures") {
		if str(x, "class") != "" {
			continue
		}
		if !math.IsNaN(f(x, "auroc")) {
			add("auroc", txt(str(x, "score")), txt(str(x, "set")), sig(f(x, "auroc")), sig(f(x, "lo")), sig(f(x, "hi")))
		}
		for _, b := range list(x, "calibration", "reliability") {
			add("reliability", txt(str(x, "set")), sig(f(b, "confidence")), sig(f(b, "accuracy")), txt(""), txt(""))
		}
	}
	add("reliability", txt("ideal"), sig(0), sig(0), txt(""), txt(""))
	add("reliability", txt("ideal"), sig(1), sig(1), txt(""), txt(""))
	t.curves(add)
	t.histograms(add)
	return out
}

// tenths are the pass rates of ten groups of problems by mean score.
func (t *truth) tenths(add func(string, ...want)) {
	for _, s := range [][2]string{{"wrongness without s_ans", "w_proc"}, {"wrongness with s_ans", "w_none"}, {"absurdity", "absurdity"}} {
		type point struct{ x, y float64 }
		var ps []point
		for _, p := range list(t.raw, "probe") {
			for i := range list(p, s[1]) {
				x, y := f(object{"v": list(p, s[1])[i]}, "v"), f(object{"v": list(p, "pass")[i]}, "v")
				if !math.IsNaN(x) && !math.IsNaN(y) {
					ps = append(ps, point{x, 100 * y})
				}
			}
		}
		slices.SortStableFunc(ps, func(a, b point) int {
			switch {
			case a.x < b.x:
				return -1
			case a.x > b.x:
				return 1
			}
			return 0
		})
		for k := range 10 {
			part := ps[k*len(ps)/10 : (k+1)*len(ps)/10]
			var sx, sy, sq float64
			for _, p := range part {
				sx, sy, sq = sx+p.x, sy+p.y, sq+p.y*p.y
			}
			n := float64(len(part))
			half := 1.96 * math.Sqrt((sq-sy*sy/n)/(n-1)/n)
			add("signal", txt(s[0]), sig(sx/n), sig(sy/n), sig(sy/n-half), sig(sy/n+half))
		}
	}
}

// curves are the means over seeds, every second or third step joined so that
// at most twenty points are left.
func (t *truth) curves(add func(string, ...want)) {
	for _, c := range [][2]string{{"training-margin", "margin"}, {"training-chosen", "reward_chosen"}, {"training-loss", "loss"}, {"training-gradnorm", "grad_norm"}} {
		for _, arm := range t.arms() {
			at := map[int][]float64{}
			most := 0
			for _, x := range list(t.raw, "training") {
				if str(x, "arm") != arm || str(x, "loss") == "nll" && (c[1] == "margin" || c[1] == "reward_chosen") {
					continue
				}
				steps := list(x, "curve", "step")
				for i, v := range list(x, "curve", c[1]) {
					step := whole(object{"v": steps[i]}, "v")
					at[step] = append(at[step], f(object{"v": v}, "v"))
					most = max(most, len(at[step]))
				}
			}
			var steps []int
			for s, v := range at {
				if len(v) == most {
					steps = append(steps, s)
				}
			}
			sort.Ints(steps)
			each := (len(steps) + 19) / 20
			for i := 0; i < len(steps); i += max(1, each) {
				part := steps[i:min(i+each, len(steps))]
				sum, lo, hi := 0., math.Inf(1), math.Inf(-1)
				for _, s := range part {
					m := 0.
					for _, v := range at[s] {
						m, lo, hi = m+v/float64(len(at[s])), min(lo, v), max(hi, v)
					}
					sum += m
				}
				add(c[0], txt(arm), sig(float64(part[len(part)-1])), sig(sum/float64(len(part))), sig(lo), sig(hi))
			}
		}
	}
}

// histograms are the weights of all seeds together.
func (t *truth) histograms(add func(string, ...want)) {
	var edges []float64
	total := map[string][]float64{}
	var arms []string
	for _, arm := range t.arms() {
		for _, x := range list(t.raw, "training") {
			if str(x, "arm") != arm {
				continue
			}
			if total[arm] == nil {
				arms = append(arms, arm)
				total[arm] = make([]float64, len(list(x, "weights", "counts")))
			}
			edges = nil
			for _, e := range list(x, "weights", "edges") {
				edges = append(edges, f(object{"v": e}, "v"))
			}
			for i, c := range list(x, "weights", "counts") {
				total[arm][i] += f(object{"v": c}, "v")
			}
		}
	}
	for i := range len(edges) - 1 {
		row := []want{txt(fmt.Sprintf("%.2g–%.2g", edges[i], edges[i+1]))}
		for _, arm := range arms {
			row = append(row, sig(total[arm][i]))
		}
		add("weights", row...)
	}
}

var (
	scripts  = regexp.MustCompile(`(?s)<(script|style|head|pre)\b[^>]*>.*?</(?:script|style|head|pre)>`)
	wholeOne = regexp.MustCompile(`(?s)<table .*?</table>`)
	option   = regexp.MustCompile(`(?s)<script type="application/json" id="option-([^"]*)">(.*?)</script>`)
	taskBars = regexp.MustCompile(`<title>([^<]*): ([0-9.]+) s</title>`)
	claimBar = regexp.MustCompile(`<svg class="ci" viewBox="0 0 120 12" aria-hidden="true"><path class="zero" d="M60 0V12"/><path d="M([0-9.-]+) 6H([0-9.-]+)"/><circle cx="([0-9.-]+)"`)
	noText   = regexp.MustCompile(`(?s)\{\{.*?\}\}`)
)

// nodes are the texts between tags.
func nodes(s string) (out []string) {
	for _, x := range strings.Split(anyTag.ReplaceAllString(s, "\x00"), "\x00") {
		if x = squeeze(html.UnescapeString(x)); x != "" {
			out = append(out, x)
		}
	}
	return out
}

// page compares the page: its tables, its figures as data, and its sentences.
func (n *numbered) page(text string) (faults []string) {
	shown := inHTML(text)
	for id, t := range shown {
		w, ok := n.wants[id]
		if id == "hyperparameters" {
			w, ok = n.truth.hyperparameters(t), true
		}
		if !ok {
			faults = append(faults, "page: nothing is known of table "+id)
			continue
		}
		faults = append(faults, t.against("page, "+id, w)...)
	}
	for id, w := range n.wants {
		if _, ok := shown[id]; !ok && len(w.rows) > 0 {
			faults = append(faults, "page: no table "+id)
		}
	}
	faults = append(faults, n.options(text)...)
	for _, m := range taskBars.FindAllStringSubmatch(text, -1) {
		if e := num(f(n.truth.times, "tasks", m[1], "wall_s")).check(m[2]); e != "" {
			faults = append(faults, "page: timeline, "+m[1]+": "+e)
		}
	}
	faults = append(faults, n.references(text)...)
	faults = append(faults, n.claimBars(text)...)
	return append(faults, n.sentences(text)...)
}

var reference = regexp.MustCompile(`<td[^>]* title="([^"]*) · \\([A-Za-z]+)">([^<]*)`)

// references: an estimate names its finding, and its macro has its value.
func (n *numbered) references(text string) (faults []string) {
	macros := map[string]string{}
	for _, m := range macroLine.FindAllStringSubmatch(n.files["numbers.tex"], -1) {
		macros[m[1]] = m[2]
	}
	ids := map[string]bool{}
	for _, x := range list(n.truth.raw, "findings") {
		ids[str(x, "id")] = true
	}
	all := reference.FindAllStringSubmatch(text, -1)
	for _, m := range all {
		if id := html.UnescapeString(m[1]); !ids[id] {
			faults = append(faults, "page: results.json has no finding "+id)
		}
		if shown := html.UnescapeString(m[3]); shown != macros[m[2]] && shown != "–" {
			faults = append(faults, plainly("page: %s refers to \\%s, which is %q", shown, m[2], macros[m[2]]))
		}
	}
	if len(all) < 100 {
		faults = append(faults, plainly("page: only %d estimates name their findings", len(all)))
	}
	return faults
}

// claimBars: the drawn intervals stand where their numbers say.
func (n *numbered) claimBars(text string) (faults []string) {
	for _, id := range []string{"claims-table", "factorial", "dose", "falsification", "filter", "subset"} {
		top := 0.
		for _, r := range n.wants[id].rows {
			if !isNaN(r[3].nums) {
				top = max(top, math.Abs(r[3].nums[0]), math.Abs(r[3].nums[1]))
			}
		}
		_, rest, _ := strings.Cut(text, `<table id="`+id+`"`)
		rest, _, _ = strings.Cut(rest, "</table>")
		drawn := claimBar.FindAllStringSubmatch(rest, -1)
		i := 0
		for _, r := range n.wants[id].rows {
			if isNaN(r[3].nums) {
				continue
			}
			if i == len(drawn) {
				return append(faults, "page: intervals of "+id+" are not drawn")
			}
			for k, x := range []float64{r[3].nums[0], r[3].nums[1], r[2].nums[0]} {
				if math.Abs(60+57*x/top-parse(drawn[i][k+1])) > .051 {
					faults = append(faults, plainly("page: %s: an end of %v is drawn at %s", id, x, drawn[i][k+1]))
				}
			}
			i++
		}
	}
	return faults
}

// options compares what the live charts draw with the data tables.
func (n *numbered) options(text string) (faults []string) {
	for _, m := range option.FindAllStringSubmatch(text, -1) {
		id := m[1]
		var o struct {
			Series []struct {
				Name, Type string
				Data       []struct{ Value json.RawMessage }
			}
		}
		if err := json.Unmarshal([]byte(m[2]), &o); err != nil {
			faults = append(faults, "page: option of "+id+": "+err.Error())
			continue
		}
		drawn := map[string][]float64{} // by series: x and y, or estimate, lower and upper
		for _, s := range o.Series {
			for _, d := range s.Data {
				var xs []float64
				if json.Unmarshal(d.Value, &xs) != nil {
					xs = []float64{parse(string(d.Value))}
				}
				switch {
				case s.Type == "custom" && n.forest(id):
					drawn[s.Name] = append(drawn[s.Name], xs[:3]...)
				case s.Type != "custom":
					drawn[s.Name] = append(drawn[s.Name], xs...)
				}
			}
		}
		wanted := map[string][]float64{}
		for _, r := range n.wants["data-"+id].rows {
			switch {
			case id == "weights":
				for j, g := range n.head(text, "data-"+id)[1:] {
					wanted[g] = append(wanted[g], r[1+j].nums...)
				}
			case n.forest(id):
				lo, hi := r[3].nums[0], r[4].nums[0]
				if math.IsNaN(lo) || math.IsNaN(hi) {
					lo, hi = r[2].nums[0], r[2].nums[0]
				}
				wanted[r[1].text] = append(wanted[r[1].text], r[2].nums[0], lo, hi)
			case r[1].isText: // a place among names
				wanted[r[0].text] = append(wanted[r[0].text], float64(slices.Index([]string{"random", "hard"}, r[1].text)), r[2].nums[0])
			default:
				wanted[r[0].text] = append(wanted[r[0].text], r[1].nums[0], r[2].nums[0])
			}
		}
		if len(wanted) == 0 || len(drawn) != len(wanted) {
			faults = append(faults, plainly("page: chart %s draws %d series, want %d", id, len(drawn), len(wanted)))
		}
		for name, xs := range wanted {
			if !slices.EqualFunc(drawn[name], xs, func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*(1+math.Abs(b)) }) {
				faults = append(faults, plainly("page: chart %s, %s: draws %.5v, want %.5v", id, name, drawn[name], xs))
			}
		}
	}
	return faults
}

func (n *numbered) forest(id string) bool {
	return strings.HasPrefix(id, "delta-") || id == "accuracy" || id == "auroc"
}

func (n *numbered) head(text, id string) []string { return inHTML(text)[id].head }

// tikz compares a pgfplots figure with its data.
func (n *numbered) tikz(id, text string) (faults []string) {
	var shown, wanted []float64
	point := regexp.MustCompile(`(?m)^(?:(\S+) (\S+) (\S+) (\S+) \\\\|\(([0-9]+),(\S+)\))$`)
	for _, m := range point.FindAllStringSubmatch(text, -1) {
		switch {
		case m[6] != "":
			shown = append(shown, parse(m[6]))
		case n.forest(id):
			shown = append(shown, parse(m[1]), parse(m[3]), parse(m[4]))
		default:
			shown = append(shown, parse(m[1]), parse(m[2]), parse(m[3]), parse(m[4]))
		}
	}
	bound := func(x, y float64) (float64, float64) {
		if math.IsNaN(x) || math.IsNaN(y) {
			return 0, 0
		}
		return x, y
	}
	rows := n.wants["data-"+id].rows
	switch {
	case id == "weights":
		for j := range rows[0][1:] {
			for _, r := range rows {
				wanted = append(wanted, r[1+j].nums[0])
			}
		}
	case n.forest(id): // a series after another
		var groups []string
		for _, r := range rows {
			if !slices.Contains(groups, r[1].text) {
				groups = append(groups, r[1].text)
			}
		}
		for _, g := range groups {
			for _, r := range rows {
				if r[1].text == g {
					lo, hi := bound(r[2].nums[0]-r[3].nums[0], r[4].nums[0]-r[2].nums[0])
					wanted = append(wanted, r[2].nums[0], lo, hi)
				}
			}
		}
	default:
		for _, r := range rows {
			x, lo, hi := 0., 0., 0.
			if r[1].isText {
				x = float64(slices.Index([]string{"random", "hard"}, r[1].text))
			} else {
				x = r[1].nums[0]
			}
			if !r[3].isText {
				lo, hi = bound(r[2].nums[0]-r[3].nums[0], r[4].nums[0]-r[2].nums[0])
			}
			wanted = append(wanted, x, r[2].nums[0], lo, hi)
		}
	}
	if len(wanted) == 0 || !slices.EqualFunc(shown, wanted, func(a, b float64) bool { return math.Abs(a-b) <= 1e-5*(1e-3+math.Abs(b)) }) {
		faults = append(faults, plainly("figures/%s.tex: %.5v, want %.5v", id, shown, wanted))
	}
	return faults
}
