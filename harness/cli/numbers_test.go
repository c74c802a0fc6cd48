package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hardneg/experiments/plan"
	"hardneg/experiments/spec"
	"hardneg/fixtures/seed"
	"hardneg/harness/runner"
	"hardneg/harness/store"
	"hardneg/harness/track"
	"hardneg/reports/page/pagetest"
)

// This test reads every number that a report shows, in each of its formats,
// and compares it with results.json, timings.json, env.json and verified.json. It
// reads these files as plain JSON and rounds by itself: of the code that writes a
// report it uses nothing. number_wants_test.go says which number stands where.

// number is a number as reports print one.
var number = regexp.MustCompile(`<?[+-]?[0-9][0-9,]*(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?`)

// want is what one cell must hold.
type want struct {
	text   string    // of a cell of text
	nums   []float64 // of a cell of numbers, in order; NaN: a dash stands for all
	sig    bool      // five significant digits instead of the decimals shown
	words  []string  // a text that names these and has no digit besides
	isText bool

	verdict string // of a cell with warnings: what a terminal shows of it
}

// wanted is what a whole table must hold.
type wanted struct {
	caption, notes string
	head           []string // nil: names alone, which are not compared
	rows           [][]want
}

func txt(s string) want           { return want{text: squeeze(s), isText: true} }
func num(x ...float64) want       { return want{nums: x} }
func sig(x ...float64) want       { return want{nums: x, sig: true} }
func naming(words ...string) want { return want{words: append([]string{""}, words...)} }
func squeeze(s string) string     { return strings.Join(strings.Fields(s), " ") }
func parse(s string) float64 {
	x, _ := strconv.ParseFloat(strings.ReplaceAll(s, ",", ""), 64)
	return x
}
func bare(s string) string { return strings.NewReplacer("−", "-", "†", "").Replace(s) }
func outOf(s, cut string) string {
	if cut == "" {
		return s
	}
	return strings.ReplaceAll(s, cut, " ")
}
func isNaN(xs []float64) bool                { return slices.ContainsFunc(xs, math.IsNaN) }
func sameText(a, b string) bool              { return squeeze(a) == squeeze(b) }
func plainly(format string, a ...any) string { return fmt.Sprintf(format, a...) }

// check says what is wrong about a cell; "" for nothing.
func (w want) check(cell string) string {
	cell = squeeze(bare(cell))
	switch {
	case w.isText:
		if !sameText(cell, bare(w.text)) {
			return plainly("%q, want %q", cell, w.text)
		}
		return ""
	case w.words != nil:
		rest := cell
		for _, x := range w.words[1:] {
			if !strings.Contains(rest, x) {
				return plainly("%q does not name %s", cell, x)
			}
		}
		byLength := slices.SortedFunc(slices.Values(w.words[1:]), func(a, b string) int { return len(b) - len(a) })
		for _, x := range byLength {
			rest = outOf(rest, x)
		}
		if n := number.FindString(rest); n != "" {
			return plainly("%q has a number of its own: %s", cell, n)
		}
		return ""
	case isNaN(w.nums):
		if cell != "–" {
			return plainly("%q for an undefined number", cell)
		}
		return ""
	}
	shown := number.FindAllString(cell, -1)
	if len(shown) != len(w.nums) {
		return plainly("%q has %d numbers, want %v", cell, len(shown), w.nums)
	}
	for i, x := range w.nums {
		if !w.fits(shown[i], x) {
			return plainly("%q shows %s for %v", cell, shown[i], x)
		}
	}
	return ""
}

// fits says whether a number as shown is x, rounded.
func (w want) fits(shown string, x float64) bool {
	if bound, ok := strings.CutPrefix(shown, "<"); ok { // <0.0001
		return bound == "0.0001" && x < .0001
	}
	v := parse(shown)
	tolerance := 0.
	mantissa, exponent, e := strings.Cut(shown, "e")
	_, decimals, _ := strings.Cut(mantissa, ".")
	switch {
	case w.sig && x != 0:
		tolerance = .5 * math.Pow(10, math.Floor(math.Log10(math.Abs(x)))-4)
	case w.sig:
	default:
		tolerance = .5 * math.Pow(10, -float64(len(decimals)))
		if e {
			tolerance *= math.Pow(10, parse(exponent))
		}
	}
	return math.Abs(v-x) <= tolerance*(1+1e-9)+1e-12
}

// against compares a table with what it must hold.
func (t shownTable) against(where string, w wanted) (faults []string) {
	say := func(format string, a ...any) { faults = append(faults, where+": "+plainly(format, a...)) }
	if len(t.rows) != len(w.rows) {
		say("%d rows, want %d", len(t.rows), len(w.rows))
		return faults
	}
	if w.head != nil && !slices.EqualFunc(t.head, w.head, sameText) {
		say("heads %q, want %q", t.head, w.head)
	}
	if !sameText(bare(t.notes), bare(w.notes)) {
		say("notes %q, want %q", t.notes, w.notes)
	}
	for i, row := range w.rows {
		if len(t.rows[i]) != len(row) {
			say("row %d has %d cells, want %d", i, len(t.rows[i]), len(row))
			continue
		}
		for j, cell := range row {
			if t.csv && t.rows[i][j] == "" && (isNaN(cell.nums) && !cell.isText || cell.text == "–") {
				continue // undefined
			}
			if e := cell.check(t.rows[i][j]); e != "" {
				say("row %d, column %d: %s", i, j, e)
			}
		}
	}
	return faults
}

// numbered is a report to check.
type numbered struct {
	files    map[string]string // by name in its folder
	terminal string
	truth    *truth
	wants    map[string]wanted
}

// faults compares the whole report.
func (n *numbered) faults() []string {
	out := n.page(n.files["index.html"])
	for name, text := range n.files {
		out = append(out, n.file(name, text)...)
	}
	return append(out, n.summary(n.terminal)...)
}

// file compares one file of the report with the truth.
func (n *numbered) file(name, text string) []string {
	id, ext := strings.TrimSuffix(filepath.Base(name), filepath.Ext(name)), filepath.Ext(name)
	switch dir := filepath.Dir(name); {
	case name == "numbers.tex":
		return n.truth.macros(text)
	case dir == "items":
		return n.truth.items(id, text)
	case dir == "figures" && ext == ".tex":
		return n.tikz(id, text)
	case dir != "tables":
		return nil
	}
	w, ok := n.wants[id]
	if id == "hyperparameters" {
		w, ok = n.truth.hyperparameters(inCSV(n.files["tables/"+id+".csv"])), true
	}
	if !ok {
		return []string{name + ": nothing is known of this table"}
	}
	switch ext {
	case ".csv":
		w.notes = ""
		return inCSV(text).against(name, w)
	case ".md":
		return inMarkdown(text).against(name, w)
	}
	t := inLaTeX(text)
	for i := range t.rows { // repeated labels of a block stay empty
		if i > 0 && len(t.rows[i]) > 0 && t.rows[i][0] == "" {
			t.rows[i][0] = t.rows[i-1][0]
		}
	}
	return t.against(name, w)
}

// summary compares what a terminal shows: its tables stand in columns below
// their heads, without the warnings.
func (n *numbered) summary(text string) (faults []string) {
	lines := strings.Split(text, "\n")
	for _, id := range n.truth.onTerminal() {
		w := n.wants[id]
		at := slices.IndexFunc(lines, func(l string) bool { return strings.TrimSpace(l) == w.caption })
		if at < 0 || len(lines) < at+3+len(w.rows) {
			faults = append(faults, "terminal: no table "+w.caption)
			continue
		}
		var starts []int
		head, from := []rune(lines[at+1]), 0
		for _, h := range w.head {
			i := strings.Index(string(head[from:]), h)
			if i < 0 {
				faults = append(faults, "terminal: no column "+h)
				break
			}
			from += len([]rune(string(head[from:])[:i]))
			starts = append(starts, from)
			from += len([]rune(h))
		}
		if len(starts) < len(w.head) {
			continue
		}
		t, short := shownTable{}, wanted{}
		for i, row := range w.rows {
			line := []rune(lines[at+3+i])
			var cells []string
			for j, start := range starts {
				end := len(line)
				if j+1 < len(starts) {
					end = min(end, starts[j+1])
				}
				cells = append(cells, squeeze(string(line[min(start, end):end])))
			}
			t.rows = append(t.rows, cells)
			row = slices.Clone(row)
			for j := range row {
				if row[j].verdict != "" {
					row[j] = txt(row[j].verdict)
				}
			}
			short.rows = append(short.rows, row)
		}
		faults = append(faults, t.against("terminal, "+id, short)...)
	}
	return faults
}

// fakeReport writes a report of a made-up run with times and a machine.
func fakeReport(t *testing.T, text string) *numbered {
	t.Helper()
	s, err := spec.Load("smoke", nil)
	if err != nil {
		t.Fatal(err)
	}
	set, err := pagetest.World(text, pagetest.Small())
	if err != nil {
		t.Fatal(err)
	}
	if set.Spec, err = json.Marshal(s); err != nil {
		t.Fatal(err)
	}
	ws := t.TempDir()
	st, err := store.Open(ws)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Expand(s)
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.Tasks {
		if slices.Contains([]string{"sft", "train", "sample"}, p.Tasks[i].Stage) {
			p.Tasks[i].Device = "cuda:H100"
		}
	}
	begun := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	machine := facts{OS: "linux", Kernel: "6.1", Arch: "amd64", CPU: "EPYC 7", Cores: 2, MemoryMiB: 24105, GPUs: []string{"H100, 80 GiB"}, Go: "go1.26", Binary: "ab12"}
	r := reporter{app: &App{}, spec: s, set: set, store: st, plan: p, times: map[string]runner.Attempt{}}
	key := seed.Derive(1, "numbers-test")
	for i, task := range p.Tasks {
		at := runner.Attempt{Start: begun.Add(time.Duration(i-5) * time.Second), WallS: math.Round(1e4*key.Float(uint64(3*i))) / 1e3, CPUS: math.Round(1e4*key.Float(uint64(3*i+1))) / 1e3, PeakMiB: math.Round(1e3 * key.Float(uint64(3*i+2)))}
		e := &runner.Energy{CPUShare: 1}
		if j := math.Round(1e9*key.Float(uint64(1000+i))) / 1e3; i%7 > 0 {
			e.CPUJ = &j
		} else {
			e.CPUWhy = "the processor does not count"
		}
		if j := math.Round(1e10*key.Float(uint64(2000+i))) / 1e3; i%2 > 0 {
			e.GPUJ = &j
		} else {
			e.GPUWhy = "the card does not tell"
		}
		if at.Energy = e; i%31 == 30 { // a record of an earlier version
			at.Energy = nil
		}
		if i%9 > 0 {
			r.times[task.ID] = at
		}
	}
	folder, err := track.OpenFolder(ws, set.Run)
	if err != nil {
		t.Fatal(err)
	}
	var states []runner.TaskStatus
	note := verified{At: begun.Add(time.Hour), Checked: len(p.Tasks), Findings: []integrityFinding{}}
	for i, task := range p.Tasks {
		s := runner.TaskStatus{Task: task, State: runner.Done, Key: fmt.Sprint("key", i), Digest: fmt.Sprint("digest", i), Attempts: 1, Attempt: r.times[task.ID]}
		states = append(states, s)
		switch {
		case i%40 == 3:
			note.Repeated = append(note.Repeated, repetition{task.ID, s.Key, s.Digest, i > 3})
		case i%70 == 5:
			note.Findings = append(note.Findings, integrityFinding{task.ID, s.Key, "its SHA-256 is not the committed one"})
		}
	}
	if err := noteVerified(folder, note); err != nil {
		t.Fatal(err)
	}
	if err := keepSpec(folder, &prepared{Spec: s, Resolved: s.Keep(), Command: runFlags{sets: []string{"stages.train.beta=0.3"}}.command("smoke")}); err != nil {
		t.Fatal(err)
	}
	if err := r.measured(folder, states); err != nil {
		t.Fatal(err)
	}
	r.begun, r.facts = begun, machine // the folder has no files of them
	for i, task := range p.Tasks {
		if i%50 == 7 {
			r.earlier = map[string][]runner.Attempt{task.ID: {{}, {Class: runner.Halted}, {Class: runner.Failure, Error: "killed by signal 9 after 3 s"}}}
		}
	}
	dir := filepath.Join(ws, "report")
	if err := r.write(dir); err != nil {
		t.Fatal(err)
	}
	var terminal bytes.Buffer
	if err := r.summary(&terminal); err != nil {
		t.Fatal(err)
	}
	times, err := json.Marshal(timings{1, r.times, r.earlier, nil})
	if err != nil {
		t.Fatal(err)
	}
	env, err := json.Marshal(r.facts)
	if err != nil {
		t.Fatal(err)
	}
	n := &numbered{files: map[string]string{}, terminal: terminal.String()}
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		n.files[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	checks, err := os.ReadFile(folder.Path(track.VerifiedFile))
	if err != nil {
		t.Fatal(err)
	}
	n.truth = readTruth(t, n.files["results.json"], string(times), string(env), string(checks), p, begun)
	n.wants = n.truth.tables()
	return n
}

// Every number of a report, in HTML, LaTeX, CSV, Markdown, pgfplots and on the
// terminal, equals results.json, or timings.json and env.json.
func TestEveryNumberOfAReport(t *testing.T) {
	n := fakeReport(t, "a sentence with 3 numbers, 4.5 and 6 %")
	faults := n.faults()
	for i, e := range faults {
		if i == 40 {
			t.Fatalf("… %d more", len(faults)-i)
		}
		t.Error(e)
	}
	if t.Failed() {
		return
	}
	n.mutate(t)
}

// mutate changes one digit at a time, in every kind of file, and asks whether
// the comparison notices: a test that cannot fail shows nothing.
func (n *numbered) mutate(t *testing.T) {
	t.Helper()
	key := seed.Derive(2, "numbers-test")
	places := 0
	try := func(where, text string, regions [][]int, check func(string) []string) {
		if len(regions) == 0 {
			t.Errorf("%s: no number to change", where)
			return
		}
		for k := range 12 {
			r := regions[int(key.Sub(uint64(places)).Float(uint64(k))*float64(len(regions)))]
			at := r[0]
			for text[at] < '0' || text[at] > '9' {
				at++
			}
			changed := text[:at] + string('0'+(text[at]-'0'+5)%10) + text[at+1:]
			if len(check(changed)) == 0 {
				t.Errorf("%s: %q for %q in %q was not noticed", where, changed[r[0]:r[1]], text[r[0]:r[1]], text[max(0, r[0]-60):min(len(text), r[1]+30)])
			}
		}
		places++
	}
	for name, text := range n.files {
		ext := filepath.Ext(name)
		switch {
		case name == "index.html":
			try(name, text, inText(text), n.page)
		case strings.HasPrefix(name, "tables/"), strings.HasPrefix(name, "items/"), name == "numbers.tex":
			var regions [][]int
			for _, r := range number.FindAllStringIndex(text, -1) {
				line := text[strings.LastIndexByte(text[:r[0]], '\n')+1 : r[0]]
				if strings.HasPrefix(line, "%") || strings.Contains(line, `\begin{tabular}`) || strings.HasPrefix(line, "**") || strings.Contains(line, `\multicolumn`) || line == "" && ext == ".tex" {
					continue // comments, formats and captions
				}
				if !strings.Contains(text[:r[0]], "\n") || ext == ".md" && strings.Count(text[:r[0]], "\n") < 4 || ext == ".tex" && !strings.Contains(text[:r[0]], `\midrule`) && name != "numbers.tex" {
					continue // heads
				}
				if name == "numbers.tex" && !strings.Contains(line, "}{") {
					continue
				}
				regions = append(regions, r)
			}
			if regions != nil {
				try(name, text, regions, func(s string) []string { return n.file(name, s) })
			}
		case strings.HasPrefix(name, "figures/") && ext == ".tex":
			regions := regexp.MustCompile(`(?m)^[0-9-][0-9.e+-]*`).FindAllStringIndex(text, -1)
			regions = append(regions, regexp.MustCompile(`(?m)^\([0-9]+,[0-9.]+`).FindAllStringIndex(text, -1)...)
			for i := range regions {
				if text[regions[i][0]] == '(' {
					regions[i][0] += strings.IndexByte(text[regions[i][0]:], ',')
				}
			}
			try(name, text, regions, func(s string) []string { return n.file(name, s) })
		}
	}
	var regions [][]int
	for _, r := range number.FindAllStringIndex(n.terminal, -1) {
		line := n.terminal[strings.LastIndexByte(n.terminal[:r[0]], '\n')+1:]
		line, _, _ = strings.Cut(line, "\n")
		if strings.Contains(line, "[") { // a row of numbers, no head
			regions = append(regions, r)
		}
	}
	try("terminal", n.terminal, regions, n.summary)
	if places < 60 {
		t.Errorf("only %d files were changed", places)
	}
}

// inText are the numbers of a page's texts: no attributes, scripts or drawings.
func inText(text string) (out [][]int) {
	var skip [][]int
	for _, re := range []*regexp.Regexp{scripts, drawings, anyTag, regexp.MustCompile(`&#?[a-z0-9]+;`)} {
		skip = append(skip, re.FindAllStringIndex(text, -1)...)
	}
	slices.SortFunc(skip, func(a, b []int) int { return a[0] - b[0] })
	end := 0
	for _, s := range append(skip, []int{len(text), len(text)}) {
		if s[0] > end {
			for _, r := range number.FindAllStringIndex(text[end:s[0]], -1) {
				out = append(out, []int{end + r[0], end + r[1]})
			}
		}
		end = max(end, s[1])
	}
	return out
}
