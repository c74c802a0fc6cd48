package page

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser starts a headless Chromium, or skips.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome", "headless-shell"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skip("needs Chromium on PATH (Debian: apt-get install chromium)")
	}
	if testing.Short() {
		t.Skip("starts a browser: run without -short")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1200, 900),
		chromedp.WSURLReadTimeout(time.Minute), chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND"))
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	return ctx
}

// open shows html, with the network cut off, and returns what the browser
// complained of until then.
func open(t *testing.T, html string, scripts bool) (context.Context, func() []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "index.html")
	if err := os.WriteFile(file, []byte(html), 0o644); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var out []string
	listen := func(ev any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := ev.(type) {
		case *runtime.EventExceptionThrown:
			out = append(out, "exception: "+e.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			out = append(out, "console: "+string(e.Type))
		case *log.EventEntryAdded:
			if e.Entry.Level == log.EntryLevelError {
				out = append(out, "log: "+e.Entry.Text)
			}
		case *network.EventRequestWillBeSent:
			if u := e.Request.URL; !strings.HasPrefix(u, "file:") && !strings.HasPrefix(u, "data:") {
				out = append(out, "outside request: "+u)
			}
		}
	}
	ctx, cancel := chromedp.NewContext(browser(t), chromedp.WithListener(listen))
	t.Cleanup(cancel)
	before := chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if _, err := cdp.Call(ctx, target, network.Enable, network.EnableParams{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts})
		return err
	})
	if err := chromedp.Do(ctx, before, chromedp.Navigate("file://"+file)); err != nil {
		t.Fatal(err)
	}
	return ctx, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(out)
	}
}

// ask evaluates an expression in the page.
func ask[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%v in %.80s", err, expression)
	}
	return v
}

// faults looks for what a reader with other senses or settings would miss; it
// returns sentences.
const faults = `(() => {
  const out = [];
  const one = s => { const n = document.querySelectorAll(s).length; if (n !== 1) out.push(n + ' × ' + s); };
  ['h1', 'main', 'nav[aria-label]', 'header', 'footer', 'title'].forEach(one);
  if (!document.documentElement.lang) out.push('no language');
  document.querySelectorAll('th:not([scope])').forEach(e => out.push('th without scope: ' + e.textContent));
  document.querySelectorAll('button, select, a[href]').forEach(e => { if (!(e.getAttribute('aria-label') || e.textContent.trim() || e.labels && e.labels.length)) out.push('nameless ' + e.outerHTML); });
  document.querySelectorAll('[role=img], [role=region], section').forEach(e => { if (!e.getAttribute('aria-label') && !e.getAttribute('aria-labelledby')) out.push('nameless ' + e.tagName); });
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  ids.filter((x, i) => ids.indexOf(x) !== i).forEach(x => out.push('id twice: ' + x));
  const levels = [...document.querySelectorAll('h1, h2, h3, h4')].map(e => +e.tagName[1]);
  levels.forEach((l, i) => { if (i && l > levels[i-1] + 2) out.push('heading level jumps to ' + l); });
  const rgb = c => c.match(/[\d.]+/g).map(Number), lum = c => { const f = c.slice(0, 3).map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * f[0] + .7152 * f[1] + .0722 * f[2]; };
  const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
  const seen = new Set();
  document.querySelectorAll('main *, header *, footer *').forEach(e => {
    if (e.closest('svg') || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || !e.offsetParent) return;
    const a = lum(rgb(getComputedStyle(e).color)), b = lum(behind(e)), r = (Math.max(a, b) + .05) / (Math.min(a, b) + .05), k = e.tagName + '.' + e.className;
    if (r < 4.5 && !seen.has(k)) { seen.add(k); out.push('contrast ' + r.toFixed(2) + ' of ' + k + ': ' + e.textContent.slice(0, 30)); }
  });
  if (document.documentElement.scrollWidth > innerWidth) out.push('the page is wider (' + document.documentElement.scrollWidth + ') than the window (' + innerWidth + ')');
  return out;
})()`

func TestBrowserShowsThePage(t *testing.T) {
	_, html := plainPage(t)
	ctx, problems := open(t, html, true)
	check := func(where string, list []string) {
		for _, x := range list {
			t.Errorf("%s: %s", where, x)
		}
	}
	check("not drawn", ask[[]string](t, ctx, `(async () => { for (const f of document.querySelectorAll('figure')) { f.scrollIntoView(); await new Promise(r => setTimeout(r, 60)); }
		return [...document.querySelectorAll('figure')].filter(f => !f.classList.contains('on') || f.querySelectorAll('.live svg path').length < 5).map(f => f.dataset.chart); })()`))
	theme := func(name string) string {
		return ask[string](t, ctx, `(() => { const s = document.getElementById('theme'); s.value = '`+name+`'; s.dispatchEvent(new Event('change')); return getComputedStyle(document.body).backgroundColor; })()`)
	}
	light := theme("light")
	check("light", ask[[]string](t, ctx, faults))
	if dark := theme("dark"); dark == light {
		t.Errorf("the theme does not change the background: %s", dark)
	}
	check("dark", ask[[]string](t, ctx, faults))

	sort := `(() => { document.querySelector('#main-arith thead th:nth-child(3) button').click(); return +document.querySelector('#main-arith tbody tr td:nth-child(3)').textContent; })()`
	if up, down := ask[float64](t, ctx, sort), ask[float64](t, ctx, sort); up >= down {
		t.Errorf("sorting: the first row has %g ascending, %g descending", up, down)
	}
	copied := ask[string](t, ctx, `(async () => { let text = ''; Object.defineProperty(navigator, 'clipboard', { value: { writeText: x => { text += x; return Promise.resolve(); } } });
		document.querySelectorAll('button[data-table="claims-table"]').forEach(b => b.click()); await new Promise(r => setTimeout(r, 50)); return text; })()`)
	for _, want := range []string{"\\toprule", "| claim |", "claim,benchmark"} {
		if !strings.Contains(copied, want) {
			t.Errorf("copied text lacks %q", want)
		}
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(390, 800), chromedp.Sleep(200*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	check("phone", ask[[]string](t, ctx, faults))
	check("browser", problems())
}

func TestBrowserWithoutScriptsShowsTheDrawings(t *testing.T) {
	_, html := plainPage(t)
	ctx, problems := open(t, html, false)
	figures := ask[int](t, ctx, `document.querySelectorAll('figure').length`)
	shown := ask[int](t, ctx, `[...document.querySelectorAll('figure')].filter(f => f.querySelector('.static svg').getBoundingClientRect().height > 100).length`)
	if figures < 7 || shown != figures {
		t.Errorf("%d of %d drawings are shown", shown, figures)
	}
	if n := ask[int](t, ctx, `[...document.querySelectorAll('button, select')].filter(b => b.offsetParent).length`); n != 0 {
		t.Errorf("%d buttons that cannot work are shown", n)
	}
	if ask[bool](t, ctx, `document.documentElement.classList.contains('js')`) {
		t.Error("scripts ran, so this test shows nothing")
	}
	for _, x := range problems() {
		t.Error(x)
	}
}
