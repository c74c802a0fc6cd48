// What leaves the page on the right or is hidden behind a scroll bar.
(() => {
  const out = [], seen = new Set();
  const width = document.documentElement.clientWidth;
  document.querySelectorAll('body *').forEach(e => {
    if (e.closest('svg') && e.tagName !== 'svg') return;
    const r = e.getBoundingClientRect();
    if (!r.width || !r.height || e.closest('.skip')) return;
    const s = getComputedStyle(e), hides = /hidden|auto|scroll|clip/.test(s.overflowX + s.overflowY);
    const cut = hides && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1);
    if (r.right > width + 1 || cut) {
      const k = e.tagName + '.' + e.className + (cut ? ' hides ' : ' leaves ');
      if (!seen.has(k)) { seen.add(k); out.push(k + Math.round(cut ? e.scrollWidth : r.right) + ' of ' + Math.round(cut ? e.clientWidth : width) + ' px: ' + e.textContent.trim().slice(0, 40)); }
    }
  });
  return out;
})()
