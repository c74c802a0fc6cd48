package page

import (
	"bytes"
	"cmp"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hardneg/reports/page/pagetest"
	"hardneg/reports/table"

	"github.com/chromedp/chromedp"
	gocmp "github.com/google/go-cmp/cmp"
)

// each reports every sentence of a list.
func each(t *testing.T, where string, list []string) {
	t.Helper()
	for _, x := range list {
		t.Errorf("%s: %s", where, x)
	}
}

func TestBrowserShowsThePage(t *testing.T) {
	_, html := plainPage(t)
	tab := pagetest.OpenText(t, html, true)
	each(t, "not drawn", pagetest.Ask[[]string](t, tab, `(async () => { for (const f of document.querySelectorAll('figure')) { f.scrollIntoView(); await new Promise(r => setTimeout(r, 60)); }
		return [...document.querySelectorAll('figure')].filter(f => !f.classList.contains('on') || f.querySelectorAll('.live svg path').length < 5).map(f => f.dataset.chart); })()`))
	light := theme(t, tab, "light")
	each(t, "light", tab.Faults(t))
	if dark := theme(t, tab, "dark"); dark == light {
		t.Errorf("the theme does not change the background: %s", dark)
	}
	each(t, "dark", tab.Faults(t))
	theme(t, tab, "auto")
	tab.Media(t, "screen", "dark")
	if auto := background(t, tab); auto == light {
		t.Errorf("auto on a dark system: background %s as in light", auto)
	}
	tab.Media(t, "screen", "light")
	tab.Resize(t, 390, 800)
	each(t, "phone", tab.Faults(t))
	each(t, "browser", tab.Problems())
}

// theme chooses one as a reader does and gives the background that it has.
func theme(t *testing.T, tab *pagetest.Tab, name string) string {
	t.Helper()
	pagetest.Ask[bool](t, tab, `(() => { const s = document.getElementById('theme'); s.value = '`+name+`'; s.dispatchEvent(new Event('change')); return true; })()`)
	return background(t, tab)
}

func background(t *testing.T, tab *pagetest.Tab) string {
	t.Helper()
	return pagetest.Ask[string](t, tab, `getComputedStyle(document.body).backgroundColor`)
}

func TestBrowserSortsAndCopies(t *testing.T) {
	s, html := plainPage(t)
	tab := pagetest.OpenText(t, html, true)
	column := func(then string) []float64 {
		return pagetest.Ask[[]float64](t, tab, `(() => { `+then+`; return [...document.querySelectorAll('#main-arith tbody tr td:nth-child(3)')].map(e => +e.textContent); })()`)
	}
	head := `#main-arith thead th:nth-child(3)`
	asWritten := column("")
	up := column(`document.querySelector('` + head + ` button').click()`)
	if !slices.IsSorted(up) || len(up) != len(s.Arms) {
		t.Errorf("one click does not sort: %v", up)
	}
	// The keyboard reaches the button and its second press turns the order.
	tab.Do(t, chromedp.Focus(head+" button"), chromedp.KeyEvent(" "))
	if down := column(""); !slices.IsSortedFunc(down, func(a, b float64) int { return cmp.Compare(b, a) }) {
		t.Errorf("the space bar does not turn the order: %v", down)
	}
	if dir := pagetest.Ask[string](t, tab, `document.querySelector('`+head+`').getAttribute('aria-sort')`); dir != "descending" {
		t.Errorf("aria-sort is %q", dir)
	}
	if slices.Equal(up, asWritten) {
		t.Error("the table was in order before: sorting shows nothing")
	}
	copied := pagetest.Ask[map[string]string](t, tab, `(async () => { const out = {}; let now = ''; Object.defineProperty(navigator, 'clipboard', { value: { writeText: x => { out[now] = x; return Promise.resolve(); } } });
		document.querySelectorAll('button[data-table="factorial"], button[data-table="reproduce"]').forEach(b => { now = b.dataset.copy; b.click(); }); await new Promise(r => setTimeout(r, 50)); return out; })()`)
	tab2 := table.Factorial(s)
	for name, write := range map[string]func(io.Writer) error{"csv": tab2.CSV, "markdown": tab2.Markdown} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		file, copy := b.String(), copied[name]
		if name == "csv" { // the file has more columns, so other heads
			_, file, _ = strings.Cut(file, "\n")
			_, copy, _ = strings.Cut(copy, "\n")
		}
		if d := gocmp.Diff(digits(file), digits(copy)); d != "" {
			t.Errorf("copied %s differs from the file's: -file +copied\n%s", name, d)
		}
	}
	if copied["text"] != commands {
		t.Errorf("copied commands: %q", copied["text"])
	}
	for _, want := range []string{`\toprule`, " & ", `\bottomrule`} {
		if !strings.Contains(copied["latex"], want) {
			t.Errorf("copied LaTeX lacks %q", want)
		}
	}
	each(t, "browser", tab.Problems())
}

// digits are the numbers of a text, in order.
func digits(s string) []string { return regexp.MustCompile(`[0-9][0-9.]*`).FindAllString(s, -1) }

func TestBrowserWithoutScriptsShowsTheDrawings(t *testing.T) {
	_, html := plainPage(t)
	tab := pagetest.OpenText(t, html, false)
	figures := pagetest.Ask[int](t, tab, `document.querySelectorAll('figure').length`)
	shown := pagetest.Ask[int](t, tab, `[...document.querySelectorAll('figure')].filter(f => f.querySelector('.static svg').getBoundingClientRect().height > 100).length`)
	if figures < 7 || shown != figures {
		t.Errorf("%d of %d drawings are shown", shown, figures)
	}
	if n := pagetest.Ask[int](t, tab, `[...document.querySelectorAll('button, select')].filter(b => b.offsetParent).length`); n != 0 {
		t.Errorf("%d buttons that cannot work are shown", n)
	}
	if pagetest.Ask[bool](t, tab, `document.documentElement.classList.contains('js')`) {
		t.Error("scripts ran, so this test shows nothing")
	}
	each(t, "faults", tab.Faults(t))
	each(t, "browser", tab.Problems())
}

func TestBrowserFindsNoSeriousViolation(t *testing.T) {
	axe := pagetest.Axe(t)
	_, html := plainPage(t)
	tab := pagetest.OpenText(t, html, true)
	for _, name := range []string{"light", "dark"} {
		theme(t, tab, name)
		each(t, "axe-core, "+name, tab.Violations(t, axe))
	}
	tab.Resize(t, 390, 800)
	each(t, "axe-core, phone", tab.Violations(t, axe))
	// The measure itself: a page with a known fault is not passed.
	pagetest.Ask[bool](t, tab, `document.querySelector('#theme').removeAttribute('id'); document.body.insertAdjacentHTML('beforeend', '<p style="color:#ccc;background:#fff">pale</p>'); true`)
	if v := strings.Join(tab.Violations(t, axe), " "); !strings.Contains(v, "color-contrast") || !strings.Contains(v, "select-name") {
		t.Errorf("axe-core passes a pale text and a nameless list: %q", v)
	}
}

func TestPrintCutsNothingOff(t *testing.T) {
	_, html := plainPage(t)
	for _, scripts := range []bool{true, false} {
		tab := pagetest.OpenText(t, html, scripts)
		if scripts {
			theme(t, tab, "dark") // prints light all the same
			pagetest.Ask[bool](t, tab, `(async () => { for (const f of document.querySelectorAll('figure')) { f.scrollIntoView(); await new Promise(r => setTimeout(r, 60)); } dispatchEvent(new Event('beforeprint')); return true; })()`)
		}
		tab.Media(t, "print", "light")
		for _, paper := range []struct {
			name          string
			width, height float64 // inches
		}{{"A4", 8.27, 11.69}, {"Letter", 8.5, 11}} {
			tab.Resize(t, int64(96*paper.width)-2*53, int64(96*paper.height)-2*53) // less its margins of 14 mm
			each(t, "on "+paper.name, tab.CutOff(t))
			if bg := background(t, tab); bg != "rgb(255, 255, 255)" {
				t.Errorf("printed on %s", bg)
			}
			lost, found := pagetest.Printed(t, tab.PDF(t, paper.width, paper.height), pagetest.Ask[[]string](t, tab, `[...document.querySelectorAll('h1, h2, h3, caption, th, td, figcaption, main p')].filter(e => e.checkVisibility() && !e.closest('tr.again > th')).map(e => e.innerText)`))
			each(t, "not on "+paper.name, lost)
			if found < 1000 {
				t.Errorf("only %d texts were printed", found)
			}
		}
	}
}

// The head of a table stands on each page on which the table goes on, what is
// to be read of sections 1 to 5 is open, and closed examples leave no gap.
func TestPrintRepeatsHeads(t *testing.T) {
	_, html := plainPage(t)
	for _, scripts := range []bool{true, false} {
		tab := pagetest.OpenText(t, html, scripts)
		if scripts {
			pagetest.Ask[bool](t, tab, `dispatchEvent(new Event('beforeprint'))`)
		}
		tab.Media(t, "print", "light")
		mcnemar := regexp.MustCompile(`s1 [<0-9.]+ \(\d+/\d+\)`) // rows of one table alone
		n := 0
		all := pagetest.Pages(t, tab.PDF(t, 8.27, 11.69))
		for i, p := range all {
			if mcnemar.MatchString(p) {
				n++
				if !strings.Contains(p, "Wilcoxon") {
					t.Errorf("scripts %v: page %d goes on with a table without its head", scripts, i+1)
				}
			}
		}
		if n < 2 {
			t.Errorf("scripts %v: the table is printed on %d pages: this test shows nothing", scripts, n)
		}
		text := strings.Join(all, "")
		for _, want := range []string{"oracle: p_wrong ", "First wrong step: ", "The same run again", "hardneg verify world"} {
			if !strings.Contains(text, want) {
				t.Errorf("scripts %v: %q is not printed", scripts, want)
			}
		}
		if strings.Contains(text, "Items won and lost, to read") {
			t.Errorf("scripts %v: a list of closed examples is printed", scripts)
		}
	}
}
