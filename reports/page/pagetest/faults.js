// What a reader with other senses or settings would miss, as sentences.
(() => {
  const out = [];
  const one = s => { const n = document.querySelectorAll(s).length; if (n !== 1) out.push(n + ' × ' + s); };
  ['h1', 'main', 'nav[aria-label]', 'header', 'footer', 'head > title'].forEach(one);
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
})()
