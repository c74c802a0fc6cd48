(function () {
  'use strict';
  var root = document.documentElement;
  root.classList.add('js');
  // Theme: auto follows the system; a choice is kept where storage is allowed.
  var theme = document.getElementById('theme');
  function store(v) { try { if (v === undefined) return localStorage.getItem('hardneg-theme'); localStorage.setItem('hardneg-theme', v); } catch (e) { return null; } }
  function apply(v) { if (v === 'auto') root.removeAttribute('data-theme'); else root.setAttribute('data-theme', v); redraw(); }
  // Live charts replace the static drawing when they come into view.
  var charts = {};
  function css(name) { return getComputedStyle(root).getPropertyValue(name).trim(); }
  function option(id) {
    var text = document.getElementById('option-' + id).textContent;
    return hardnegCharts.resolve(JSON.parse(text.replace(/#1f2328/g, css('--ink')).replace(/#c3c9d0/g, css('--line'))));
  }
  function draw(fig) {
    var id = fig.dataset.chart, box = fig.querySelector('.live');
    fig.classList.add('on');
    box.style.height = fig.dataset.height + 'px';
    if (charts[id]) charts[id].dispose();
    charts[id] = echarts.init(box, null, { renderer: 'svg' });
    var o = option(id);
    if (o.legend) delete o.legend.width;
    if (box.clientWidth < 700 && o.legend) { o.legend.type = 'scroll'; o.grid.top = 36; }
    o.tooltip = o.tooltip || {};
    o.tooltip.confine = true;
    delete o.tooltip.formatter;
    o.tooltip.formatter = function (p) { return escapeText(p.name || (p.seriesName + ': ' + (Array.isArray(p.value) ? p.value.map(short).join(', ') : short(p.value)))); };
    charts[id].setOption(o);
  }
  function short(x) { return typeof x === 'number' ? String(Math.round(x * 1e4) / 1e4) : String(x); }
  function escapeText(s) { return String(s).replace(/[&<>"']/g, function (c) { return '&#' + c.charCodeAt(0) + ';'; }); }
  function redraw() { Object.keys(charts).forEach(function (id) { draw(document.querySelector('figure[data-chart="' + id + '"]')); }); }
  var figs = document.querySelectorAll('figure[data-chart]');
  if ('IntersectionObserver' in window) {
    var io = new IntersectionObserver(function (es) { es.forEach(function (e) { if (e.isIntersecting) { io.unobserve(e.target); draw(e.target); } }); }, { rootMargin: '200px' });
    figs.forEach(function (f) { io.observe(f); });
  } else figs.forEach(draw);
  window.addEventListener('resize', function () { Object.keys(charts).forEach(function (id) { charts[id].resize(); }); });
  theme.value = store() || 'auto';
  apply(theme.value);
  theme.addEventListener('change', function () { store(theme.value); apply(theme.value); });
  document.getElementById('print').addEventListener('click', function () { window.print(); });
  window.addEventListener('beforeprint', function () { document.querySelectorAll('#claims details, #results details, #ablations details, #signal details, #verifier details').forEach(function (d) { if (!d.closest('figure')) d.open = true; }); });
  // Sorting: the header's button, so that it works with the keyboard.
  function key(td) { var t = td.textContent.trim().replace('−', '-'), n = parseFloat(t.replace(/[^0-9eE+.\-].*$/, '')); return isNaN(n) ? t.toLowerCase() : n; }
  document.querySelectorAll('table.sort').forEach(function (table) {
    var heads = table.querySelectorAll('thead tr:last-child th');
    heads.forEach(function (th, col) {
      var b = document.createElement('button');
      b.type = 'button'; b.textContent = th.textContent; b.title = 'sort by this column';
      th.textContent = ''; th.appendChild(b);
      b.addEventListener('click', function () {
        table.classList.add('sorted');
        var up = th.getAttribute('aria-sort') !== 'ascending', body = table.tBodies[0];
        heads.forEach(function (h) { h.removeAttribute('aria-sort'); });
        th.setAttribute('aria-sort', up ? 'ascending' : 'descending');
        Array.from(body.rows).map(function (r, i) { return { r: r, i: i, k: key(r.cells[col]) }; }).sort(function (a, b) {
          var c = typeof a.k === typeof b.k ? (a.k < b.k ? -1 : a.k > b.k ? 1 : 0) : typeof a.k === 'number' ? -1 : 1;
          return (up ? c : -c) || a.i - b.i;
        }).forEach(function (x) { body.appendChild(x.r); });
      });
    });
  });
  // Copy a table as LaTeX, CSV or Markdown: the cells that are shown, in the order that is shown.
  function cell(c) {
    var warn = c.querySelector('.warn'), text = c.textContent;
    if (warn) text = text.slice(0, text.length - warn.textContent.length) + '(' + warn.textContent + ')';
    return text.replace(/\s+/g, ' ').trim();
  }
  function rows(table) { return Array.from(table.rows).map(function (r) { return Array.from(r.cells).map(cell); }); }
  var latex = { '\\': '\\textbackslash{}', '{': '\\{', '}': '\\}', '$': '\\$', '&': '\\&', '#': '\\#', '%': '\\%', '_': '\\_', '~': '\\textasciitilde{}', '^': '\\textasciicircum{}',
    'σ': '$\\sigma$', 'β': '$\\beta$', 'ρ': '$\\rho$', 'τ': '$\\tau$', 'Δ': '$\\Delta$', '×': '$\\times$', '±': '$\\pm$', '−': '$-$', '½': '\\textonehalf{}', '≥': '$\\ge$', '≤': '$\\le$', '<': '$<$', '>': '$>$', '–': '--', '→': '$\\to$', '†': '$^\\dagger$' };
  function tex(c) { return c.replace(/[\\{}$&#%_~^σβρτΔ×±−½≥≤<>–→†]/g, function (x) { return latex[x]; }).replace(/(^|[\[( ])-([0-9])/g, '$1$$-$$$2'); }
  function md(c) { return c.replace(/&/g, '&amp;').replace(/[\\|*_]/g, '\\$&').replace(/\]([(\[])/g, ']\\$1').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/`/g, '&#96;'); }
  var writers = {
    csv: function (t) { return t.map(function (r) { return r.map(function (c) { return /[",\n]/.test(c) ? '"' + c.replace(/"/g, '""') + '"' : c; }).join(','); }).join('\n') + '\n'; },
    markdown: function (t, note) { return t.map(function (r, i) { var l = '| ' + r.map(md).join(' | ') + ' |'; return i ? l : l + '\n|' + r.map(function () { return ' --- |'; }).join(''); }).join('\n') + '\n' + (note ? '\n' + md(note) + '\n' : ''); },
    latex: function (t, note) { return '\\begin{tabular}{l' + new Array(t[0].length).join('r') + '}\n\\toprule\n' + t.map(function (r, i) { return r.map(tex).join(' & ') + ' \\\\' + (i ? '' : '\n\\midrule'); }).join('\n') + '\n\\bottomrule\n' + (note ? '\\multicolumn{' + t[0].length + '}{l}{\\footnotesize ' + tex(note) + '}\\\\\n' : '') + '\\end{tabular}\n'; }
  };
  document.querySelectorAll('table.sort').forEach(function (table) {
    var p = document.createElement('p'), caption = table.caption.textContent, after = table.parentNode;
    p.className = 'copy';
    p.innerHTML = '<span>copy as</span>';
    [['latex', 'LaTeX'], ['csv', 'CSV'], ['markdown', 'Markdown']].forEach(function (f) {
      var b = document.createElement('button');
      b.type = 'button'; b.textContent = f[1]; b.dataset.copy = f[0]; b.dataset.table = table.id;
      b.setAttribute('aria-label', 'copy table ' + caption + ' as ' + f[1]);
      p.appendChild(b);
    });
    if (after.nextElementSibling && after.nextElementSibling.classList.contains('small')) after = after.nextElementSibling; // its notes
    after.parentNode.insertBefore(p, after.nextSibling);
  });
  document.querySelectorAll('pre.take').forEach(function (pre) {
    var p = document.createElement('p'), b = document.createElement('button');
    p.className = 'copy'; b.type = 'button'; b.textContent = 'copy'; b.dataset.copy = 'text'; b.dataset.table = pre.id;
    b.setAttribute('aria-label', 'copy ' + pre.getAttribute('aria-label'));
    p.appendChild(b);
    pre.parentNode.insertBefore(p, pre.nextSibling);
  });
  document.querySelectorAll('button[data-copy]').forEach(function (b) {
    b.addEventListener('click', function () {
      var from = document.getElementById(b.dataset.table), text = b.dataset.copy === 'text' ? from.textContent : writers[b.dataset.copy](rows(from), from.dataset.note || ''), old = b.textContent;
      function done(ok) { b.textContent = ok ? 'copied' : 'select and copy below'; if (!ok) { var p = document.createElement('textarea'); p.value = text; p.rows = 6; p.style.width = '100%'; b.parentNode.appendChild(p); p.select(); } setTimeout(function () { b.textContent = old; }, 1500); }
      if (navigator.clipboard && window.isSecureContext) navigator.clipboard.writeText(text).then(function () { done(true); }, function () { done(false); });
      else { var a = document.createElement('textarea'); a.value = text; document.body.appendChild(a); a.select(); var ok = false; try { ok = document.execCommand('copy'); } catch (e) { ok = false; } a.remove(); done(ok); }
    });
  });
})();
