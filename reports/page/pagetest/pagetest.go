// Package pagetest shows pages to a real browser in tests: report, nightly
// page, comparison and dashboard are judged by the same measures.
//
// Open starts headless Chromium with every host name cut off and returns a Tab,
// or skips the test with the reason where there is no browser. A Tab answers
// expressions (Ask), lists what the browser complained of (Problems), what a
// reader with other senses or settings would miss (Faults, and Axe with the
// axe-core engine), what leaves the paper in print (CutOff), and prints (PDF).
//
// # Why not a service
//
// axe-core is one script of the npm registry. It is evaluated through the
// debugging protocol, so the page's content-security policy stays as it is.
package pagetest

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// AxeVersion is the version of axe-core that the tests want.
const AxeVersion = "4.14.1"

//go:embed faults.js
var faultsJS string

//go:embed cutoff.js
var cutoffJS string

// Tab is one open page.
type Tab struct {
	ctx context.Context

	mu       sync.Mutex
	problems []string
}

// Chromium is the path of a browser, or skips.
func Chromium(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a browser: run without -short")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome", "headless-shell"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	t.Skip("needs Chromium on PATH (Debian: apt-get install chromium)")
	return ""
}

// OpenText writes a page into a file and opens that.
func OpenText(t *testing.T, html string, scripts bool) *Tab {
	t.Helper()
	file := filepath.Join(t.TempDir(), "index.html")
	if err := os.WriteFile(file, []byte(html), 0o644); err != nil {
		t.Fatal(err)
	}
	return Open(t, "file://"+file, scripts)
}

// Open shows an address. Names are not resolved: what is not on this machine
// cannot be reached.
func Open(t *testing.T, address string, scripts bool) *Tab {
	t.Helper()
	path := Chromium(t)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1200, 900),
		chromedp.WSURLReadTimeout(time.Minute), chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true))
	ctx, stop := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	tab := &Tab{}
	own, _, _ := strings.Cut(strings.TrimPrefix(address, "http://"), "/")
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithListener(func(ev any) { tab.listen(ev, own) }))
	t.Cleanup(cancel)
	tab.ctx = ctx
	before := chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if _, err := cdp.Call(ctx, target, network.Enable, network.EnableParams{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts})
		return err
	})
	if err := chromedp.Do(ctx, before, chromedp.Navigate(address)); err != nil {
		t.Fatal(err)
	}
	return tab
}

// listen keeps errors of the console, dialogs and requests to elsewhere.
func (tab *Tab) listen(ev any, own string) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	say := func(format string, a ...any) { tab.problems = append(tab.problems, fmt.Sprintf(format, a...)) }
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		say("exception: %s", e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		say("console: %s", e.Type)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			say("log: %s", e.Entry.Text)
		}
	case *page.EventJavascriptDialogOpening:
		say("dialog: %s", e.Message)
	case *network.EventRequestWillBeSent:
		u := e.Request.URL
		if !strings.HasPrefix(u, "file:") && !strings.HasPrefix(u, "data:") && !strings.HasPrefix(u, "http://"+own+"/") {
			say("outside request: %s", u)
		}
	}
}

// Problems are what the browser complained of until now.
func (tab *Tab) Problems() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return slices.Clone(tab.problems)
}

// Ask evaluates an expression in the page; a promise is awaited.
func Ask[T any](t *testing.T, tab *Tab, expression string) T {
	t.Helper()
	v, err := chromedp.Run(tab.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%v in %.80s", err, expression)
	}
	return v
}

// Do runs browser actions.
func (tab *Tab) Do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(tab.ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// Resize sets the window's inner size, once its layout has settled.
func (tab *Tab) Resize(t *testing.T, width, height int64) {
	t.Helper()
	tab.Do(t, chromedp.EmulateViewport(width, height), chromedp.Sleep(200*time.Millisecond))
}

// Media emulates print or screen, and a light or dark system.
func (tab *Tab) Media(t *testing.T, media, scheme string) {
	t.Helper()
	tab.Do(t, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: media,
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return err
	}), chromedp.Sleep(100*time.Millisecond))
}

// Faults lists what a reader with other senses or settings would miss, as
// sentences.
func (tab *Tab) Faults(t *testing.T) []string {
	t.Helper()
	return Ask[[]string](t, tab, faultsJS)
}

// CutOff lists what is wider than the page. In print it is asked at the width
// of the paper within its margins.
func (tab *Tab) CutOff(t *testing.T) []string {
	t.Helper()
	return Ask[[]string](t, tab, cutoffJS)
}

// PDF prints the page on paper of a size in inches; its own style sheet sets
// the margins.
func (tab *Tab) PDF(t *testing.T, width, height float64) []byte {
	t.Helper()
	prefer := true
	out, err := chromedp.Run(tab.ctx, func(ctx context.Context, target *chromedp.Target) ([]byte, error) {
		r, err := cdp.Call(ctx, target, page.PrintToPDF, page.PrintToPDFParams{PaperWidth: width, PaperHeight: height, PreferCSSPageSize: &prefer})
		return r.Data, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Axe is the text of axe-core, or skips: HARDNEG_AXE names the file, otherwise
// it lies in the user's cache.
func Axe(t *testing.T) string {
	t.Helper()
	path := os.Getenv("HARDNEG_AXE")
	if cache, err := os.UserCacheDir(); path == "" && err == nil {
		path = filepath.Join(cache, "hardneg", "axe-core-"+AxeVersion, "axe.min.js")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("needs axe-core %s of the npm registry as %s (.ci/run fetches it; HARDNEG_AXE names another file)", AxeVersion, path)
	}
	return string(b)
}

// Violations runs axe-core and lists what it calls serious or critical. Closed
// parts of the page are opened first: what can be shown is judged.
func (tab *Tab) Violations(t *testing.T, axe string) []string {
	t.Helper()
	if !Ask[bool](t, tab, `typeof window.axe === 'object'`) {
		Ask[bool](t, tab, axe+"\n;true")
	}
	Ask[bool](t, tab, `document.querySelectorAll('details').forEach(d => { d.open = true; }); true`)
	return Ask[[]string](t, tab, `axe.run(document, { resultTypes: ['violations'] }).then(r => r.violations.filter(v => v.impact === 'serious' || v.impact === 'critical')
		.map(v => v.impact + ' ' + v.id + ' (' + v.nodes.length + '): ' + v.help + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 200) + ' — ' + (n.any[0] || n.all[0] || n.none[0] || {}).message).join(' | ')))`)
}

// Pages are the texts of a PDF's pages, laid out as they are printed. It skips
// without pdftotext.
func Pages(t *testing.T, pdf []byte) []string {
	t.Helper()
	tool, err := exec.LookPath("pdftotext")
	if err != nil {
		t.Skip("needs pdftotext (Debian: poppler-utils)")
	}
	cmd := exec.Command(tool, "-layout", "-", "-")
	cmd.Stdin = bytes.NewReader(pdf)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("pdftotext: %v", err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\f"), "\f")
}

// word is what one <word> of pdftotext's boxes says.
var word = regexp.MustCompile(`<(page|word)((?: [a-zA-Z]+="[-0-9.]+")+)>(?:([^<]*)</word>)?`)

// Printed looks in a PDF for the texts of a page, in order: which are missing,
// which words stand outside of the paper, and how many texts were found. It
// skips without pdftotext.
func Printed(t *testing.T, pdf []byte, texts []string) (lost []string, found int) {
	t.Helper()
	tool, err := exec.LookPath("pdftotext")
	if err != nil {
		t.Skip("needs pdftotext (Debian: poppler-utils)")
	}
	cmd := exec.Command(tool, "-raw", "-bbox", "-", "-")
	cmd.Stdin = bytes.NewReader(pdf)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("pdftotext: %v", err)
	}
	var all strings.Builder
	var width, height float64
	for _, m := range word.FindAllStringSubmatch(string(out), -1) {
		at := map[string]float64{}
		for _, a := range strings.Fields(m[2]) {
			k, v, _ := strings.Cut(a, "=")
			at[k], _ = strconv.ParseFloat(strings.Trim(v, `"`), 64)
		}
		if m[1] == "page" {
			width, height = at["width"], at["height"]
			continue
		}
		if at["xMin"] < 0 || at["yMin"] < 0 || at["xMax"] > width || at["yMax"] > height {
			lost = append(lost, fmt.Sprintf("%s leaves the paper", m[3]))
		}
		all.WriteString(letters(html.UnescapeString(m[3])))
	}
	rest := all.String()
	for _, text := range texts {
		l := letters(text)
		i := strings.Index(rest, l)
		switch {
		case l == "":
		case i < 0:
			lost = append(lost, text)
		default:
			rest = rest[i+len(l):]
			found++
		}
	}
	return lost, found
}

// letters leaves out what a font may join or a line break may change.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) && r < 0x250 || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s)
}
